"""Publishing as a foreign client: many in flight, each sent until the stream has acknowledged it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import nats.errors
import nats.js.errors

from .waiting import TrialFailed
from .wire import Event

AWAY = (nats.errors.Error, nats.js.errors.Error, OSError, asyncio.TimeoutError)


async def publish_one(jetstream: Any, event: Event, attempts: int = 100) -> None:
    """Publishes until acknowledged. An event whose acknowledgement was lost is stored twice, which is a fault that
    the trials want."""
    for _ in range(attempts):
        try:
            await jetstream.publish(event.subject, event.body, timeout=2, headers=event.headers)
            return
        except AWAY as error:
            last = error
            await asyncio.sleep(0.1)
    raise TrialFailed(f"the broker took no event in {attempts} attempts: {last!r}")


async def publish_all(
    jetstream: Any, events: Sequence[Event], progress: Callable[[int], None] = lambda _: None, in_flight: int = 256
) -> None:
    """Publishes in the sequence's order, give or take the events in flight."""
    for start in range(0, len(events), in_flight):
        window: Iterable[Event] = events[start : start + in_flight]
        await asyncio.gather(*(publish_one(jetstream, event) for event in window))
        progress(min(start + in_flight, len(events)))
