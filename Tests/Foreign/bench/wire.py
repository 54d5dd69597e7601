"""The wire format as a foreign client writes it: subjects and CloudEvents headers, nothing of Tertib's code."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from random import Random

PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


def token(identifier: str) -> str:
    """An aggregate id as a subject token: every byte outside `A-Za-z0-9_-` is written `%XX`."""
    return "".join(chr(byte) if byte in PLAIN else f"%{byte:02X}" for byte in identifier.encode())


def subject(aggregate_type: str, identifier: str, namespace: str = "shop") -> str:
    return f"{namespace}.{aggregate_type}.{token(identifier)}"


@dataclass(frozen=True)
class Event:
    """One version of one aggregate."""

    aggregate_type: str
    aggregate_id: str
    version: int
    event_type: str
    data: object
    event_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def subject(self) -> str:
        return subject(self.aggregate_type, self.aggregate_id)

    @property
    def headers(self) -> dict[str, str]:
        return {
            "ce-specversion": "1.0",
            "ce-id": self.event_id,
            "ce-source": "/foreign",
            "ce-type": self.event_type,
            "ce-aggregateversion": str(self.version),
        }

    @property
    def body(self) -> bytes:
        return json.dumps(self.data, ensure_ascii=False).encode()


def seeded_id(random: Random) -> str:
    """An event id that is the same for the same seed."""
    return str(uuid.UUID(int=random.getrandbits(128), version=4))
