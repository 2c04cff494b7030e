"""What those who ask are answered: plain values about decisions, resources and health, made fresh for each question."""

from __future__ import annotations

from typing import Any

import msgspec

from nfvigil.model.alarm import Alarm
from nfvigil.model.event import Event
from nfvigil.model.resource import Record
from nfvigil.model.subscription import Subscription
from nfvigil.model.verdict import Decision


class DryRun(msgspec.Struct, frozen=True, kw_only=True):
    """What would be decided on an event, and who would be told of how many alarms; nothing of it is done."""

    event: Event
    decision: Decision
    told: tuple[tuple[Subscription, int], ...] = ()


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A recorded event that is decided otherwise today: both decisions, as JSON text."""

    event_id: int
    recorded: str
    replayed: str


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """What came of deciding recorded events again."""

    replayed: int
    equal: int
    different: tuple[Difference, ...] = ()


class ResourceDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the resource map with what hangs on it.

    ``related`` leads from a word (``servers``, ``ports``, ``host``, ``depends_on`` ...) to keys of resources.
    Everything in it is already limited to what the asking project may see.
    """

    key: str
    record: Record
    related: dict[str, tuple[str, ...]] = {}
    projects: tuple[str, ...] = ()
    """Who owns something on it."""
    alarms: tuple[Alarm, ...] = ()
    """The open ones on it."""


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the service can do its work now, and if not, why: a sentence each."""

    ready: bool
    reasons: tuple[str, ...] = ()
    details: dict[str, Any] = {}
