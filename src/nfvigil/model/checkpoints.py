"""The profiler's checkpoints: Doctor's eleven instants from the fault to its handling."""

from __future__ import annotations

from enum import IntEnum, StrEnum

import msgspec


class Checkpoint(IntEnum):
    HAPPENED = 0
    DETECTED = 1
    AFFECTED_FOUND = 2
    HOST_MARKED_DOWN = 3
    SERVERS_SET_TO_ERROR = 4
    VIM_TOLD = 5
    TRANSFORMED = 6
    EVALUATED = 7
    FIRED = 8
    RECEIVED = 9
    HANDLED = 10


class Component(StrEnum):
    MONITOR = "monitor"
    INSPECTOR = "inspector"
    CONTROLLER = "controller"
    NOTIFIER = "notifier"
    CONSUMER = "consumer"


SPANS: dict[Component, tuple[Checkpoint, Checkpoint]] = {
    Component.MONITOR: (Checkpoint.HAPPENED, Checkpoint.DETECTED),
    Component.INSPECTOR: (Checkpoint.DETECTED, Checkpoint.AFFECTED_FOUND),
    Component.CONTROLLER: (Checkpoint.AFFECTED_FOUND, Checkpoint.VIM_TOLD),
    Component.NOTIFIER: (Checkpoint.AFFECTED_FOUND, Checkpoint.RECEIVED),
    Component.CONSUMER: (Checkpoint.RECEIVED, Checkpoint.HANDLED),
}
"""What each component answers for. Controller and notifier run side by side (shortcut), so shares may overlap."""


class Profile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One fault's checkpoints, microseconds since 1970; what did not happen (yet) is absent."""

    fault: str
    type: str
    resource: str
    event_id: int
    received_us: int
    """When the event came in at our door."""
    checkpoints: dict[Checkpoint, int] = {}
    notified: int = 0
    """Notifications that were delivered."""
    acted: int = 0
    """Actions that ended."""
