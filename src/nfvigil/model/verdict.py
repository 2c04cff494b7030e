"""What the inspector decided about one event: plain values, kept whole so that it can be explained and replayed."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from nfvigil.model.action import Action
from nfvigil.model.alarm import Alarm
from nfvigil.model.event import Event
from nfvigil.model.fault import Fault


class News(StrEnum):
    """What a notification is about."""

    RAISED = "raised"
    CHANGED = "changed"
    CONFIRMED = "confirmed"
    CLEARED = "cleared"
    ACTION = "action"
    """Something that was done to a resource has ended: as its owner instructed, or beforehand defined."""
    SUMMARY = "summary"
    """The open alarms that a subscription covers, as of now."""
    REBUILT = "rebuilt"
    """News was lost on its way: what a consumer remembers of the list of alarms may be wrong, so it is read again."""
    HEARTBEAT = "heartbeat"
    TEST = "test"
    EVENT = "event"
    """Something happened that is no alarm: a host goes into maintenance. For those only who ask for its type."""


class Reason(StrEnum):
    """Why an event led to what it did, in one word."""

    NOT_SELECTED = "not_selected"
    UNKNOWN_RESOURCE = "unknown_resource"
    SUPPRESSED = "suppressed"
    BELOW_THRESHOLD = "below_threshold"
    ALREADY_KNOWN = "already_known"
    NOTHING_TO_CLEAR = "nothing_to_clear"
    STILL_ASSERTED = "still_asserted"
    RAISED = "raised"
    CLEARED = "cleared"
    CHANGED = "changed"
    REFUSED = "refused"
    """An instruction that cannot be followed."""


class Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the explanation: which rule, on what, and why it did or did not act."""

    rule: str = ""
    reason: Reason
    resource: str = ""
    text: str = ""


class Verdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The decision on one event. ``alarms`` are whole new values in an order that can be applied one by one."""

    event_id: int
    policy: str = ""
    steps: tuple[Step, ...] = ()
    faults: tuple[Fault, ...] = ()
    """Raised, changed or (``cleared_us`` set) gone."""
    alarms: tuple[tuple[News, Alarm], ...] = ()
    silent: tuple[Alarm, ...] = ()
    """Alarms whose record changed in a way that is no news: their root is another one now."""
    actions: tuple[Action, ...] = ()
    memory: dict[str, Any] = {}
    """Keys of the inspector's memory that changed (aggregation windows, maintenance); null removes one."""

    @property
    def is_empty(self) -> bool:
        return not (self.faults or self.alarms or self.silent or self.actions or self.memory)


class Decision(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A verdict as recorded: with the event and the entries of the resource map that it rests on."""

    event: Event
    verdict: Verdict
    entries: dict[str, Any] = {}
    """What was read in the resource map: the input to make the same decision again."""
    decided_us: int = 0
    told_with: int = 0
    """The event under whose number its news went out: events that are decided together are told together."""
