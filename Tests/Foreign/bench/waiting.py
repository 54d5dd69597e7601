"""Waiting for conditions, never for time."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable
from typing import Any


class TrialFailed(Exception):
    """What a trial found wrong."""


def check(condition: object, sentence: str) -> None:
    """Fails the trial with the sentence, which says what is wrong, unless the condition holds."""
    if not condition:
        raise TrialFailed(sentence)


async def until(sentence: str, condition: Callable[[], Any], timeout: float, pause: float = 0.05) -> Any:
    """Waits until the condition gives something true, and returns that. The condition may be asynchronous, and may
    raise `NotYet` to say what is still missing."""
    deadline = time.monotonic() + timeout
    missing = ""
    while True:
        try:
            value = condition()
            if inspect.isawaitable(value):
                value = await value
            if value:
                return value
        except NotYet as reason:
            missing = f": {reason}"
        if time.monotonic() > deadline:
            raise TrialFailed(f"waited {timeout:.0f} s in vain until {sentence}{missing}")
        await asyncio.sleep(pause)


class NotYet(Exception):
    """Why a condition does not hold yet."""
