"""A nats-server of the trial's own."""

from __future__ import annotations

import signal
import socket
import subprocess
from pathlib import Path

import nats

from .waiting import check, until


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Broker:
    """One nats-server process with JetStream in a folder; it keeps its port and folder over restarts."""

    def __init__(self, binary: Path, folder: Path) -> None:
        self.binary = binary
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self.folder = folder
        self.log = folder / "nats-server.log"
        self.process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [self.binary, "-a", "127.0.0.1", "-p", str(self.port), "-js", "-sd", self.folder / "jetstream"],
                stdout=log, stderr=log,
            )
        await until("the broker answers", self._answers, timeout=20)

    def _answers(self) -> bool:
        check(self.process and self.process.poll() is None, f"nats-server ended; see {self.log}")
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                return connection.recv(4) == b"INFO"
        except OSError:
            return False

    def kill(self) -> None:
        """Kills it with SIGKILL, as a crash would."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.kill()
            self.process = None

    async def connect(self) -> nats.NATS:
        """A foreign client that survives restarts of the broker."""

        async def ignore(_: Exception) -> None:
            """Reconnects are part of the trials."""

        return await nats.connect(
            self.url, max_reconnect_attempts=-1, reconnect_time_wait=0.1, error_cb=ignore, connect_timeout=5)
