"""Eight processes append to one aggregate at the same expected version, again and again: one winner each time, the
others told why; a foreign reader sees contiguous versions on one subject, each pointing at its predecessor."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from bench.bench import Bench
from bench.service import Service
from bench.waiting import check
from bench.wire import subject

AGGREGATE = "product/a b/ü*.>"
WRITERS = 8


async def append(service: Service, writer: int, expected: int) -> tuple[int, dict[str, Any]]:
    """One process that appends; its exit status and what it printed."""
    process = await asyncio.create_subprocess_exec(
        str(service.tertib), "publish", "--config", str(service.configuration), "--json",
        "--aggregate", AGGREGATE, "--type", "product.priced", "--data", json.dumps({"writer": writer}),
        "--expected-version", str(expected), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    output, errors = await asyncio.wait_for(process.communicate(), timeout=60)
    check(process.returncode in (0, 1),
          f"`tertib publish` ended with {process.returncode}: {output.decode()}{errors.decode()}")
    return process.returncode or 0, json.loads(output)


async def one_round(service: Service, expected: int) -> dict[str, Any]:
    """All writers at once; the winner's receipt."""
    outcomes = await asyncio.gather(*(append(service, writer, expected) for writer in range(WRITERS)))
    winners = [printed for status, printed in outcomes if status == 0]
    check(len(winners) == 1, f"{len(winners)} of {WRITERS} writers won at version {expected}: {outcomes}")
    told = {"error": "version-conflict", "aggregate": AGGREGATE, "expected": expected, "actual": expected + 1}
    for status, printed in outcomes:
        check(status == 0 or printed.items() >= told.items(), f"a loser was told {printed} instead of {told}")
    return winners[0]


async def run(bench: Bench) -> str:
    rounds = 5 if bench.short else 25
    broker = await bench.broker()
    client = await broker.connect()
    jetstream = client.jetstream()
    service = bench.service(broker)
    await service.start(1, jetstream)

    name = subject("product", "a b/ü*.>")
    before = 0
    for version in range(rounds):
        receipt = await one_round(service, version)
        check(receipt["version"] == version + 1, f"the winner got version {receipt['version']}")
        check(receipt["token"] == f"product/{name.split('.')[2]}@{version + 1}", f"the token is {receipt['token']}")
        message = await jetstream.get_msg("SHOP", subject=name)
        headers = message.headers or {}
        check(message.seq == receipt["sequence"], f"the stream's last is {message.seq}, the receipt says {receipt}")
        check(headers.get("ce-aggregateversion") == str(version + 1), f"the stream shows {headers}")
        check(headers.get("ce-id") == receipt["eventId"], f"the stream has another event: {headers}")
        pointer = headers.get("Nats-Expected-Last-Subject-Sequence")
        check(pointer == str(before), f"version {version + 1} points at {pointer}, its predecessor is {before}")
        before = message.seq
    state = (await jetstream.stream_info("SHOP", subjects_filter=">")).state
    check(state.subjects == {name: rounds}, f"the stream holds {state.subjects}")

    await service.rest(jetstream, timeout=60)
    rows = service.rows("SELECT aggregate_id, version FROM tertib_replica")
    check(rows == [("a b/ü*.>".encode(), rounds)], f"the replica's table holds {rows}")
    await service.stop_all()
    await client.close()
    return f"{rounds} rounds of {WRITERS} writers: one winner each, {rounds} versions without a hole"
