"""What a format makes of a message, before anything in it is believed."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class RawEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event as it was sent: everything may be of the wrong type, intake checks all of it.

    ``details`` may hold the same words in Doctor's spelling (``hostname``, ``status``, ``monitor_id`` ...);
    the fields here win over them. ``path`` is where the event stands in the message (``events[3]``) and leads
    the field of every error; ``errors`` are (path, reason) pairs that the format itself has found.
    """

    path: str = ""
    type: object = None
    time: object = None
    """ISO 8601, or seconds since 1970."""
    resource: object = None
    """``kind/id`` or ``{"kind": .., "id": ..}``."""
    status: object = None
    severity: object = None
    source: object = None
    cause: object = None
    monitor: object = None
    monitor_event_id: object = None
    related_to: object = None
    lead_time_seconds: object = None
    happened_time: object = None
    details: Mapping[str, object] = {}
    errors: tuple[tuple[str, str], ...] = ()


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a message that cannot be read as an event at all: (path, reason) pairs."""

    errors: tuple[tuple[str, str], ...]


class Ignored(msgspec.Struct, frozen=True, kw_only=True):
    """Parts of a message that were read and are no news of a fault: a measurement, an acknowledgement.

    ``word`` is what they are counted as; ``number`` of them are meant.
    """

    path: str
    reason: str
    number: int = 1
    word: str = "ignored"


Item = RawEvent | Refusal | Ignored
