"""The wild order on a PostgreSQL server: four replicas, each killed in turn while it works, and the server ended at once
twice, its transactions serializable by default: no row differs."""

from __future__ import annotations

from bench.bench import Bench
from bench.faults import FaultPlan
from bench.publishing import publish_all
from bench.verdict import check_outcome, newest
from bench.waiting import check
from trials.wild_order import PRODUCTS, histories

REPLICAS = 4
DATABASE_KILLS = 2


async def run(bench: Bench) -> str:
    random = bench.random("wild order on PostgreSQL")
    events = histories(random, versions=20 if bench.short else 100)
    load = events + random.sample(events, len(events) // 10)
    random.shuffle(load)

    broker = await bench.broker()
    cluster = await bench.cluster(default_transaction_isolation="serializable")
    client = await broker.connect()
    jetstream = client.jetstream()
    service = bench.service(broker, cluster, acknowledgementWait="5s")
    await service.start(REPLICAS, jetstream)

    plan = FaultPlan(random, len(load), kills=REPLICAS, broker_kills=0, in_turn=True)
    database_kills = [len(load) * (index + 1) // (DATABASE_KILLS + 1) for index in range(DATABASE_KILLS)]
    published = 0
    while published < len(load):
        step = load[published : published + 256]
        await publish_all(jetstream, step)
        published += len(step)
        await plan.act(published, service, broker, jetstream)
        if database_kills and database_kills[0] <= published:
            database_kills.pop(0)
            cluster.kill()
            await cluster.restart()
    check(plan.done_kills == REPLICAS and not database_kills, "the plan of faults was not carried out")
    bench.note(f"published {len(load)} messages; {plan.done_kills} replicas killed, {plan.done_in_work} with deliveries "
               f"in hand; the database server ended {DATABASE_KILLS} times")

    await service.rest(jetstream, timeout=180)
    check_outcome(service, newest(events))
    await service.stop_all()
    await client.close()
    return (f"0 of {PRODUCTS} rows differ after {len(load)} messages, {plan.done_kills} kills and {DATABASE_KILLS} crashes "
            "of the database server")
