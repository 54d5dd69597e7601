"""Hostile messages among good ones, written straight to the broker's socket: each becomes a dead letter with its bytes
and a reason, nothing crashes, the good aggregates are right, and a restart changes nothing."""

from __future__ import annotations

from typing import Any

from bench.bench import Bench
from bench.publishing import publish_one
from bench.raw import RawClient
from bench.service import Service
from bench.waiting import NotYet, TrialFailed, check, until
from bench.wire import Event
from trials.hostile_cases import Hostile, block, cases, fields

GOOD_AGGREGATES = 20
HOLE = "hole"


def good_events(version: int) -> list[Event]:
    return [Event("product", f"good-{number}", version, "product.priced", {"price": version, "of": number})
            for number in range(GOOD_AGGREGATES)]


async def is_last(jetstream: Any, sequence: int) -> bool:
    return (await jetstream.stream_info("SHOP")).state.last_seq == sequence


async def publish_among(bench: Bench, port: int, jetstream: Any) -> dict[int, Hostile]:
    """Publishes hostile and good messages in turn; the hostile ones that the broker stored, by stream sequence."""
    hostile = cases()
    hostile += [Hostile("a good aggregate's subject, and a wrong version", b"shop.product.good-7",
                        block(fields(aggregateversion=b"0"))),
                Hostile("a good aggregate's subject, and no JSON", b"shop.product.good-8", block(fields()), b"]")]
    stored: dict[int, Hostile] = {}
    refused = []
    versions = 5
    for index, case in enumerate(hostile):
        if index % (len(hostile) // versions) == 0 and index // (len(hostile) // versions) < versions:
            for event in good_events(index // (len(hostile) // versions) + 1):
                await publish_one(jetstream, event)
        before = (await jetstream.stream_info("SHOP")).state.last_seq
        raw = await RawClient.connect(port)
        raw.publish(case.subject, case.headers, case.body)
        try:
            await raw.settle()
            await raw.close()
        except ConnectionError:
            pass  # the broker has ended the connection; whether the message is stored shows below
        try:
            await until("the broker has stored the message", lambda: is_last(jetstream, before + 1), timeout=3)
            stored[before + 1] = case
        except TrialFailed:
            refused.append(case.name)
    if refused:
        bench.note(f"the broker itself refuses {len(refused)}: {'; '.join(refused)}")
    return stored


async def publish_hole(port: int, jetstream: Any) -> None:
    """An aggregate whose third version is malformed: no delivery can close that hole, and it is never skipped."""
    for version in (1, 2):
        await publish_one(jetstream, Event("product", HOLE, version, "product.priced", {"price": version}))
    raw = await RawClient.connect(port)
    raw.publish(b"shop.product.hole", block(fields(aggregateversion=b"3")), b"{")
    await raw.settle()
    await raw.close()
    await publish_one(jetstream, Event("product", HOLE, 4, "product.priced", {"price": 4}))


def picture(service: Service) -> list[Any]:
    """Everything that the consumer has written, but for when."""
    return [
        service.rows("SELECT aggregate_type, aggregate_id, version, event_id, stream_sequence, parked "
                     "FROM tertib_watermark ORDER BY 1, 2"),
        service.rows("SELECT aggregate_type, aggregate_id, version, data FROM tertib_replica ORDER BY 1, 2"),
        service.rows("SELECT stream_sequence, subject, headers, body, reason FROM tertib_dead_letter ORDER BY 1"),
    ]


def check_dead_letters(service: Service, stored: dict[int, Hostile]) -> None:
    letters = {row[0]: row[1:] for row in service.rows(
        "SELECT stream_sequence, reason, error, headers, body, subject FROM tertib_dead_letter")}
    for sequence, case in stored.items():
        check(sequence in letters, f"no dead letter for: {case.name}")
        reason, error, headers, body, subject = letters[sequence]
        check(reason == b"malformed", f"the dead letter for {case.name} has the reason {reason}")
        check(error, f"the dead letter for {case.name} does not say why")
        check(body == case.body, f"the dead letter for {case.name} has lost its body")
        check(subject == case.subject.decode(errors="replace").encode(), f"the dead letter for {case.name} has another subject: {subject}")
        if case.headers:
            for line in case.headers.split(b"\r\n")[1:]:
                name, colon, value = line.partition(b": ")
                check(not colon or value in headers, f"the dead letter for {case.name} has lost {line!r}")
    listed = service.json(["dead-letters", "list"])
    check(len(listed) >= len(stored), f"`dead-letters list` shows {len(listed)}, there are {len(stored)}")
    check(all(letter["reason"] and letter["error"] for letter in listed), "a listed dead letter lacks its reason")


def check_good(service: Service) -> None:
    rows = service.rows("SELECT aggregate_id, version, data FROM tertib_replica WHERE aggregate_id LIKE 'good-%'")
    check(len(rows) == GOOD_AGGREGATES, f"{len(rows)} of {GOOD_AGGREGATES} good aggregates have a row")
    wrong = [row for row in rows if row[1] != 5]
    check(not wrong, f"good aggregates are not at version 5: {wrong}")


async def settled(service: Service, jetstream: Any) -> None:
    """Waits until everything is delivered and acknowledged, and what follows the hole is parked."""

    async def done() -> bool:
        service.check_alive()
        info = await jetstream.consumer_info("SHOP", service.durable)
        if info.num_pending or info.num_ack_pending:
            raise NotYet(f"{info.num_pending} not delivered, {info.num_ack_pending} not acknowledged")
        hole = service.rows("SELECT version, parked FROM tertib_watermark WHERE aggregate_id = 'hole'")
        if hole != [(2, 1)]:
            raise NotYet(f"the aggregate with a malformed third version is at {hole}, not at 2 with 1 parked")
        return True

    await until("every message is settled", done, timeout=90, pause=0.2)


async def run(bench: Bench) -> str:
    broker = await bench.broker()
    client = await broker.connect()
    jetstream = client.jetstream()
    service = bench.service(broker, acknowledgementWait="5s")
    await service.start(2, jetstream)

    stored = await publish_among(bench, broker.port, jetstream)
    await publish_hole(broker.port, jetstream)
    check(len(stored) > 36, f"the broker stored only {len(stored)} hostile messages")
    await settled(service, jetstream)
    check_dead_letters(service, stored)
    check_good(service)
    hole = service.json(["explain", f"product/{HOLE}"])["consumers"][0]
    check([row["version"] for row in hole["parked"]] == [4], f"`explain` says {hole}")
    audit = service.json(["audit"], status=1)
    check([entry["aggregate"] for entry in audit["gapped"]] == [f"product/{HOLE}"], f"`audit` says {audit}")

    before = picture(service)
    await service.stop_all()
    await service.start(2, jetstream)
    after = Event("product", "good-0", 6, "product.priced", {"price": 6})
    await publish_one(jetstream, after)
    await until("an event after the restart is applied", lambda: service.rows(
        "SELECT 1 FROM tertib_replica WHERE aggregate_id = 'good-0' AND version = 6"), timeout=30)
    await settled(service, jetstream)
    now = picture(service)
    check(now[2] == before[2], "a restart changed the dead letters")
    check([row for row in now[1] if row[1] != b"good-0"] == [row for row in before[1] if row[1] != b"good-0"],
          "a restart changed rows")
    await service.stop_all()
    await client.close()
    return f"{len(stored)} hostile messages are dead letters with their reasons, {GOOD_AGGREGATES} aggregates right"
