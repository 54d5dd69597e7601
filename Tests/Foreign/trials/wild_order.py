"""Tens of thousands of events of 300 products in a wild order, one in ten twice, through three replicas on one SQLite
file that are killed ten times while they work, and the broker once: no row differs."""

from __future__ import annotations

from random import Random

from bench.bench import Bench
from bench.faults import FaultPlan
from bench.publishing import publish_all
from bench.verdict import check_outcome, newest
from bench.waiting import check
from bench.wire import Event, seeded_id

PRODUCTS = 300
REPLICAS = 3
KILLS = 10


def histories(random: Random, versions: int) -> list[Event]:
    """Every product's whole history, in order."""
    return [
        Event(
            "product", f"p-{product}", version, random.choice(["product.priced", "product.renamed"]),
            {"name": f"Tea no. {product} ☕", "price": random.randrange(1, 100_000), "version": version},
            seeded_id(random))
        for product in range(PRODUCTS)
        for version in range(1, random.randint(versions // 2, versions * 3 // 2) + 1)
    ]


async def run(bench: Bench) -> str:
    random = bench.random("wild order")
    events = histories(random, versions=60 if bench.short else 100)
    load = events + random.sample(events, len(events) // 10)
    random.shuffle(load)

    broker = await bench.broker()
    client = await broker.connect()
    jetstream = client.jetstream()
    service = bench.service(broker, acknowledgementWait="5s")
    await service.start(REPLICAS, jetstream)

    plan = FaultPlan(random, len(load), KILLS)
    published = 0
    while published < len(load):
        step = load[published : published + 256]
        await publish_all(jetstream, step)
        published += len(step)
        await plan.act(published, service, broker, jetstream)
    bench.note(f"published {len(load)} messages; {plan.done_kills} replicas killed, {plan.done_in_work} with "
               f"deliveries in hand; the broker killed {plan.done_broker_kills} times")
    check(plan.done_kills == KILLS and plan.done_broker_kills == 1, "the plan of faults was not carried out")

    await service.rest(jetstream, timeout=180)
    check_outcome(service, newest(events))
    await service.stop_all()
    await client.close()
    return f"0 of {PRODUCTS} rows differ after {len(load)} messages, {plan.done_kills} kills and a broker crash"
