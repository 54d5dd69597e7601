"""A service of the trial's own: a configuration, a database, and `tertib` processes that use them."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

from .cluster import Cluster
from .waiting import NotYet, TrialFailed, check, until


class Replica:
    """One running process of a service."""

    def __init__(self, command: list[str | Path], log: Path, folder: Path | None = None) -> None:
        self.log = log
        self.output = log.with_suffix(".out")
        with log.open("ab") as errors, self.output.open("ab") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=errors, cwd=folder)

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    @property
    def is_ready(self) -> bool:
        """Whether it has said that it consumes; before, it may not even have set its signal handlers."""
        return b"the consumer is running" in self.log.read_bytes()

    def kill(self) -> None:
        """Kills it with SIGKILL; it must have been running."""
        check(self.is_running, f"a replica had ended by itself with status {self.process.returncode}; see {self.log}")
        self.process.kill()
        self.process.wait()

    def terminate(self, timeout: float = 30) -> int:
        """Asks it to stop, and gives its exit status."""
        check(self.is_running, f"a replica had ended by itself with status {self.process.returncode}; see {self.log}")
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise TrialFailed(f"a replica still ran {timeout:.0f} s after SIGTERM; see {self.log}") from None


class Service:
    """A service with one SQLite file or a database on a server, and as many replicas as the trial starts."""

    def __init__(
        self, tertib: Path, folder: Path, url: str, cluster: Cluster | None = None, name: str = "trial", **consumer: Any
    ) -> None:
        self.tertib = tertib
        self.folder = folder
        self.name = name
        self.cluster = cluster
        self.database = folder / f"{name}.sqlite"
        store = {"kind": "postgres", "url": cluster.url} if cluster else {"kind": "sqlite", "path": self.database.name}
        self.configuration = folder / f"{name}.json"
        self.configuration.write_text(json.dumps({
            "service": name,
            "nats": {"servers": [url]},
            "stream": {"name": "SHOP", "namespace": "shop", "manage": "create"},
            "store": store,
            "consumers": {"replica": consumer},
            "publishes": {"product": "append"},
        }))
        self.replicas: list[Replica] = []
        self.started = 0

    @property
    def durable(self) -> str:
        return f"{self.name}-replica"

    def start_replica(self) -> Replica:
        self.started += 1
        replica = Replica(
            [self.tertib, "replicate", "--json", "--config", self.configuration],
            self.folder / f"replica-{self.started}.log")
        self.replicas.append(replica)
        return replica

    async def start(self, count: int, jetstream: Any) -> None:
        """Starts replicas, and waits until the JetStream consumer is there."""
        for _ in range(count):
            self.start_replica()

        async def there() -> bool:
            self.check_alive()
            try:
                return bool(await jetstream.consumer_info("SHOP", self.durable))
            except Exception as error:  # the stream or the consumer is still missing
                raise NotYet(repr(error)) from None

        await until("the replicas have made stream and consumer", there, timeout=60)
        await self.all_ready()

    async def all_ready(self) -> None:
        """Waits until every replica consumes."""

        def ready() -> bool:
            self.check_alive()
            return all(replica.is_ready for replica in self.replicas)

        await until("every replica says that it consumes", ready, timeout=60)

    def check_alive(self) -> None:
        for replica in self.replicas:
            check(replica.is_running,
                  f"a replica ended by itself with status {replica.process.returncode}; see {replica.log}")

    def replace(self, index: int) -> None:
        """Kills one replica and starts another in its place."""
        self.replicas[index].kill()
        self.start_replica()
        self.replicas[index] = self.replicas.pop()

    async def stop_all(self) -> Counter[str]:
        """Asks every replica to stop; each must end with 0. Gives what they have counted, together."""
        await self.all_ready()
        counts: Counter[str] = Counter()
        for replica in self.replicas:
            status = replica.terminate()
            check(status == 0, f"a replica answered SIGTERM with status {status}; see {replica.log}")
            if output := replica.output.read_text():
                counts.update({key: value for key, value in json.loads(output).items() if isinstance(value, int)})
        self.replicas = []
        return counts

    def kill_all(self) -> None:
        """Cleans up after a trial, whatever its outcome."""
        for replica in self.replicas:
            if replica.is_running:
                replica.kill()

    def command(self, *arguments: str) -> tuple[int, str, str]:
        """Runs `tertib` to its end: status, standard output, standard error."""
        done = subprocess.run([self.tertib, *arguments], capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout, done.stderr

    def json(self, verb: list[str], status: int = 0) -> Any:
        """What a verb prints with `--json`; it must end with this status."""
        ended, output, errors = self.command(*verb, "--config", str(self.configuration), "--json")
        check(ended == status, f"`tertib {' '.join(verb)}` ended with {ended} instead of {status}: {output}{errors}")
        try:
            return json.loads(output)
        except ValueError:
            raise TrialFailed(f"`tertib {' '.join(verb)} --json` printed no JSON: {output!r} {errors}") from None

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """A query on the service's database; its tables' names are public."""
        if self.cluster:
            return self.cluster.rows(query)
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=10) as connection:
            connection.text_factory = bytes
            rows = connection.execute(query).fetchall()
        connection.close()
        return rows

    async def rest(self, jetstream: Any, timeout: float) -> None:
        """Waits until nothing is left to do: all delivered and acknowledged, nothing parked."""

        async def at_rest() -> bool:
            self.check_alive()
            info = await jetstream.consumer_info("SHOP", self.durable)
            if info.num_pending or info.num_ack_pending:
                raise NotYet(f"{info.num_pending} not delivered, {info.num_ack_pending} not acknowledged")
            parked = self.rows("SELECT count(*) FROM tertib_parked")[0][0]
            if parked:
                raise NotYet(f"{parked} events are parked")
            return True

        await until("the service is at rest", at_rest, timeout, pause=0.2)
