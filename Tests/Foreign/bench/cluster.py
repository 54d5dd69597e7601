"""A PostgreSQL server of the trial's own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

from .broker import free_port
from .waiting import TrialFailed, check, until


class Cluster:
    """One server on a folder of its own; it keeps its port and data over restarts. It refuses to be root, and so runs as
    the user postgres when the trial runs as root."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "postgres"
        self.log = folder / "postgres.log"
        self.port = free_port()
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        self.process: subprocess.Popen[bytes] | None = None
        versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
        found = str(versions[-1]) if versions else shutil.which("initdb")
        check(found, "no PostgreSQL was found: install the package postgresql")
        self.binaries = Path(str(found)).parent

    async def start(self, **settings: str) -> None:
        """Makes the cluster with these settings, and starts it."""
        self.folder.mkdir()
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
            for parent in self.folder.parents:
                if parent.stat().st_uid == 0 and parent.name.startswith("tertib-trial-"):
                    parent.chmod(0o755)
        with self.log.open("ab") as log:
            subprocess.run(
                [*self._as_server(), self.binaries / "initdb", "-D", self.folder / "data", "-U", "postgres", "-E", "UTF8",
                 "--locale=C.UTF-8", "-A", "trust", "--no-sync"], stdout=log, stderr=log, check=True)
        lines = {"listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": self.folder} | settings
        with (self.folder / "data" / "postgresql.conf").open("a") as configuration:
            configuration.writelines(f"{key} = '{value}'\n" for key, value in lines.items())
        await self.restart()

    async def restart(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self._as_server(), self.binaries / "postgres", "-D", self.folder / "data"], stdout=log, stderr=log)
        await until("PostgreSQL answers", self._answers, timeout=60)

    def kill(self) -> None:
        """An immediate shutdown, as `pg_ctl stop -m immediate`: no checkpoint, the next start recovers."""
        if self.process:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait()
            self.process = None

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """A query's rows; text comes as bytes, as from SQLite."""
        output = self._psql(f"SELECT coalesce(json_agg(t), '[]') FROM ({query}) AS t")
        objects = json.loads(output, object_pairs_hook=lambda pairs: tuple(value for _, value in pairs))
        return [tuple(v.encode() if isinstance(v, str) else v for v in row) for row in objects]

    def _psql(self, statement: str) -> str:
        done = subprocess.run(
            [self.binaries / "psql", "-XqAt", "-d", self.url, "-c", statement], capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise TrialFailed(f"psql failed: {done.stderr}")
        return done.stdout

    def _answers(self) -> bool:
        check(self.process and self.process.poll() is None, f"PostgreSQL ended; see {self.log}")
        try:
            return self._psql("SELECT 1").strip() == "1"
        except TrialFailed:
            return False

    @staticmethod
    def _as_server() -> list[str]:
        return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.geteuid() == 0 else []
