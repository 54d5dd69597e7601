"""What every trial checks once its service is at rest."""

from __future__ import annotations

import json
from typing import Any

from .service import Service
from .waiting import check
from .wire import Event


def newest(events: list[Event]) -> dict[tuple[str, str], Event]:
    """The event that each aggregate's row must show."""
    result: dict[tuple[str, str], Event] = {}
    for event in events:
        key = event.aggregate_type, event.aggregate_id
        if key not in result or result[key].version < event.version:
            result[key] = event
    return result


def differing_rows(service: Service, expected: dict[tuple[str, str], Event]) -> list[str]:
    """The aggregates whose row in `tertib_replica` is missing, too many, or not their newest event."""
    found: dict[tuple[str, str], tuple[int, str, Any]] = {}
    for kind, identifier, version, event_type, data in service.rows(
        "SELECT aggregate_type, aggregate_id, version, event_type, data FROM tertib_replica"
    ):
        found[kind.decode(), identifier.decode()] = version, event_type.decode(), json.loads(data)
    wrong = [f"{key}: a row that should not be there" for key in found.keys() - expected.keys()]
    for key, event in expected.items():
        if (row := found.get(key)) != (event.version, event.event_type, event.data):
            wrong.append(f"{key}: {row} instead of version {event.version}")
    return wrong


def check_outcome(service: Service, expected: dict[tuple[str, str], Event]) -> None:
    """The table is right, nothing waits, nothing failed, and the tools say the same."""
    wrong = differing_rows(service, expected)
    check(not wrong, f"{len(wrong)} of {len(expected)} rows differ, such as {wrong[:3]}")
    check(service.json(["parked"]) == [], "`tertib parked` lists events at rest")
    check(service.json(["dead-letters", "list"]) == [], "`tertib dead-letters list` lists dead letters")
    audit = service.json(["audit"])
    check(audit["ok"] is True, f"`tertib audit` is not ok: {audit}")
    check(audit["aggregates"] == len(expected), f"`tertib audit` counts {audit['aggregates']} aggregates")
    (consumer,) = service.json(["status"])["consumers"]
    for key in ("lag", "acknowledgementPending", "parked", "stuck", "behind", "deadLetters", "quarantined"):
        check(consumer[key] == 0, f"`tertib status` says {key} {consumer[key]} at rest")
    check(consumer["aggregates"] == len(expected), f"`tertib status` counts {consumer['aggregates']} aggregates")
