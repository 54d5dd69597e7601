"""One trial's workplace: its own temporary folder, broker and processes, all gone at the end."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from .broker import Broker
from .cluster import Cluster
from .service import Service


@dataclass
class Settings:
    """What the command line says."""

    tertib: Path
    nats_server: Path
    seed: int
    short: bool
    repository: Path | None
    orders_service: Path | None


@dataclass
class Bench:
    """What a trial gets."""

    settings: Settings
    folder: Path
    services: list[Service] = field(default_factory=list)
    brokers: list[Broker] = field(default_factory=list)
    clusters: list[Cluster] = field(default_factory=list)

    @property
    def short(self) -> bool:
        """Whether less of everything is wanted."""
        return self.settings.short

    def random(self, purpose: str) -> Random:
        """A generator that gives the same numbers for the same seed and purpose."""
        return Random(f"{self.settings.seed}/{purpose}")

    def note(self, text: str) -> None:
        print(f"    {text}", file=sys.stderr, flush=True)

    async def broker(self) -> Broker:
        broker = Broker(self.settings.nats_server, self.folder)
        self.brokers.append(broker)
        await broker.start()
        return broker

    async def cluster(self, **settings: str) -> Cluster:
        cluster = Cluster(self.folder)
        self.clusters.append(cluster)
        await cluster.start(**settings)
        return cluster

    def service(self, broker: Broker, cluster: Cluster | None = None, **consumer: Any) -> Service:
        service = Service(self.settings.tertib, self.folder, broker.url, cluster, **consumer)
        self.services.append(service)
        return service


@asynccontextmanager
async def open_bench(settings: Settings) -> AsyncIterator[Bench]:
    bench = Bench(settings, Path(tempfile.mkdtemp(prefix="tertib-trial-")))
    passed = False
    try:
        yield bench
        passed = True
    finally:
        for service in bench.services:
            service.kill_all()
        for broker in bench.brokers:
            broker.stop()
        for cluster in bench.clusters:
            cluster.kill()
        if passed:
            shutil.rmtree(bench.folder)
        else:
            bench.note(f"logs and databases are kept in {bench.folder}")
