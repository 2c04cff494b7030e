"""What a monitor saw: Doctor's EventNotification, normalised."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from nfvigil.model.severity import Severity


class Status(StrEnum):
    """Three-valued truth: what the monitor says of the thing it watches."""

    DOWN = "down"
    UP = "up"
    UNKNOWN = "unknown"


class Flag(StrEnum):
    """What intake noticed about an event and did not believe."""

    NAIVE_TIME = "naive_time"
    """The time named no zone and was read in the configured one."""
    FUTURE_TIME = "future_time"
    """The time lies ahead of our clock: the time of receipt is used instead."""
    STALE_TIME = "stale_time"
    """The time lies long back: the time of receipt is used instead."""
    NO_TIME = "no_time"
    """There was no time: the time of receipt is used instead."""


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One observation, as kept in the log. Times are microseconds since 1970, UTC.

    ``resource`` is ``kind/name`` as the monitor named it (``host/compute-1.example.net``); the inspector finds
    the canonical one. ``time_us`` is when it was observed, or the time of receipt where that was not to be
    believed (see ``flags``). ``details`` is everything else that was sent.
    """

    id: int
    type: str
    resource: str
    time_us: int
    received_us: int
    status: Status = Status.DOWN
    severity: Severity | None = None
    source: str = ""
    cause: str = ""
    monitor: str = ""
    monitor_event_id: str = ""
    related_to: tuple[str, ...] = ()
    lead_time_seconds: float | None = None
    """Set where the fault has not happened yet: it is expected this long after ``time_us``."""
    happened_us: int | None = None
    """When the fault itself happened, where the monitor knows (checkpoint 0)."""
    flags: tuple[Flag, ...] = ()
    door: str = "v1"
    sender: str = ""
    """Whose credential brought it, where that is a monitor's; "" for what an administrator or NFVigil itself sent."""
    details: dict[str, Any] = {}

    @property
    def is_clear(self) -> bool:
        return self.status is Status.UP or self.severity is Severity.CLEARED


class ReceiptState(StrEnum):
    ACCEPTED = "accepted"
    REPEAT = "repeat"
    REFUSED = "refused"
    IGNORED = "ignored"
    """Read, and no news of a fault: nothing was kept, and nothing was wrong with it."""


class Receipt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer for one event: taken in under ``id``, known already as ``id``, or refused or ignored and why."""

    state: ReceiptState
    id: int | None = None
    flags: tuple[Flag, ...] = ()
    errors: tuple[tuple[str, str], ...] = ()
    """(field, reason) pairs."""
    number: int = 1
    """For how many parts of the message this stands; more than one only where they are ignored."""
    word: str = ""
    """What it is counted as, where that is not its state."""
