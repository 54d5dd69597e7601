"""A burst of a hundred events on one aggregate, dealt one by one to the replicas that wait: what it costs with one,
two and four of them, beside the same number of events spread over as many aggregates."""

from __future__ import annotations

import statistics
import time
from typing import Any

from bench.bench import Bench
from bench.publishing import publish_all
from bench.service import Service
from bench.verdict import check_outcome, newest
from bench.waiting import until
from bench.wire import Event

EVENTS = 100


async def settle(service: Service, jetstream: Any, events: list[Event]) -> float:
    """Publishes the events and waits until all are applied; the seconds from first publish to last commit."""
    names = {event.aggregate_id for event in events}
    started = time.monotonic()
    for event in events[:-1]:
        await jetstream._nc.publish(event.subject, event.body, headers=event.headers)
    await publish_all(jetstream, events[-1:])
    goal = len(events)
    listed = ", ".join(f"'{name}'" for name in names)

    def applied() -> bool:
        service.check_alive()
        rows = service.rows(f"SELECT sum(version) FROM tertib_watermark WHERE aggregate_id IN ({listed})")
        return rows[0][0] == goal

    await until("the burst is applied", applied, timeout=60, pause=0.001)
    return time.monotonic() - started


async def measure(
    bench: Bench, service: Service, jetstream: Any, replicas: int, bursts: list[list[Event]], label: str
) -> list[Event]:
    """Lets so many replicas apply the bursts, one after the other, and says what each has cost."""
    await service.start(replicas, jetstream)
    seconds = [await settle(service, jetstream, burst) for burst in bursts]
    await service.rest(jetstream, timeout=60)
    counts = await service.stop_all()
    costs = ", ".join(f"{counts[key] / len(bursts):.1f} {name}" for key, name in (
        ("batches", "transactions"), ("parked", "parked"), ("held", "held"), ("conflicts", "claims lost"),
        ("repaired", "repaired")))
    bench.note(f"{replicas} replicas, {EVENTS} events on {label}: median {statistics.median(seconds) * 1000:.0f} ms, "
               f"worst {max(seconds) * 1000:.0f} ms of {len(bursts)}; {costs}")
    return [event for burst in bursts for event in burst]


def burst(name: str) -> list[Event]:
    return [Event("product", name, version, "product.priced", {"price": version}) for version in range(1, EVENTS + 1)]


def wide(name: str) -> list[Event]:
    return [Event("product", f"{name}-{item}", 1, "product.priced", {"price": item}) for item in range(EVENTS)]


async def run(bench: Bench) -> str:
    broker = await bench.broker()
    client = await broker.connect()
    jetstream = client.jetstream()
    service = bench.service(broker)
    rounds = range(5 if bench.short else 30)
    published = []
    for replicas in (4,) if bench.short else (1, 2, 4):
        hot = [burst(f"hot-{replicas}-{number}") for number in rounds]
        spread = [wide(f"wide-{replicas}-{number}") for number in rounds]
        published += await measure(bench, service, jetstream, replicas, hot, "one aggregate")
        published += await measure(bench, service, jetstream, replicas, spread, "a hundred aggregates")
    check_outcome(service, newest(published))
    await client.close()
    return f"bursts of {EVENTS} events on one aggregate are applied in order by four replicas"
