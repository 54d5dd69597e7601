"""Faults while a service works: replicas killed with SIGKILL, the broker too."""

from __future__ import annotations

from random import Random
from typing import Any

from .broker import Broker
from .service import Service
from .waiting import until


class FaultPlan:
    """Kills a replica at seeded places of the load, and the broker once, about half-way."""

    def __init__(
        self, random: Random, events: int, kills: int, broker_kills: int = 1, in_turn: bool = False
    ) -> None:
        share = events // (kills + 1)
        self.kills = [share * (index + 1) - random.randrange(share // 2) for index in range(kills)]
        self.broker_kills = [events // 2 + random.randrange(share)] if broker_kills else []
        self.random = random
        self.in_turn = in_turn
        self.done_kills = 0
        self.done_in_work = 0
        self.done_broker_kills = 0

    async def act(self, published: int, service: Service, broker: Broker, jetstream: Any) -> None:
        """Does what is due once so many events are published."""
        service.check_alive()
        while self.kills and self.kills[0] <= published:
            self.kills.pop(0)
            self.done_in_work += await self._is_working(service, jetstream)
            count = len(service.replicas)
            service.replace(self.done_kills % count if self.in_turn else self.random.randrange(count))
            self.done_kills += 1
        while self.broker_kills and self.broker_kills[0] <= published:
            self.broker_kills.pop(0)
            broker.kill()
            await broker.start()
            await until("the foreign client is back", lambda: jetstream._nc.is_connected, timeout=30)
            self.done_broker_kills += 1

    @staticmethod
    async def _is_working(service: Service, jetstream: Any) -> bool:
        """Whether deliveries are in the replicas' hands at this moment."""
        info = await jetstream.consumer_info("SHOP", service.durable)
        return info.num_ack_pending > 0
