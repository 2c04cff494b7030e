"""The events that NFVigil sends itself: whatever changes an alarm goes through the log like a monitor's word."""

from __future__ import annotations

from typing import Any

from nfvigil.model.event import Event, Status

DOOR = "internal"

MAINTENANCE = "maintenance.host"
"""A host goes into maintenance (down) or comes out of it (up). May come from outside too."""
MAP_CHANGED = "nfvigil.map.changed"
"""The surroundings of resources that have open alarms changed: ``details.keys``, and ``details.gone``, those of them
that the map did not have any more."""
VIM_SETTLED = "nfvigil.vim.settled"
"""All actions of an event are over: ``details.event_id``, ``details.failed`` (targets)."""
ALARM_ACKED = "nfvigil.alarm.acknowledged"
"""Somebody acknowledged an alarm (down) or took that back (up): ``details.alarm_id``, ``details.by``."""
ALARM_CLEARED = "nfvigil.alarm.cleared"
"""An administrator cleared an alarm's own fault by hand: ``details.alarm_id``, ``details.by``."""

OURS = "nfvigil."
"""Prefix of the types that nobody may send from outside."""


def internal_event(
    number: int, kind: str, resource: str, now_us: int, status: Status, details: dict[str, Any]
) -> Event:
    return Event(
        id=number,
        type=kind,
        resource=resource,
        time_us=now_us,
        received_us=now_us,
        status=status,
        source="nfvigil",
        door=DOOR,
        details=details,
    )
