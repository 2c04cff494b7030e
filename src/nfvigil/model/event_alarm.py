"""The event alarm of OpenStack's Aodh: somebody's wish to be called when an event of a kind passes by."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from nfvigil.model.notification import Delivery, Notification


class AodhState(StrEnum):
    """Aodh's words for whether an alarm has fired."""

    OK = "ok"
    ALARM = "alarm"
    UNKNOWN = "insufficient data"


class AodhSeverity(StrEnum):
    LOW = "low"
    MODERATE = "moderate"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return tuple(AodhSeverity).index(self)


class Condition(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One line of a query, as it was sent and is shown again. All lines must hold."""

    field: str
    """``traits.<name>``"""
    op: str = "eq"
    value: str = ""
    type: str = ""

    @property
    def trait(self) -> str:
        return self.field.removeprefix("traits.")


class EventAlarm(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """An alarm with the state it is in. Times are microseconds since 1970, UTC."""

    id: str
    name: str
    project: str = ""
    """Whose events it sees. "" sees everybody's: an administrator's, made without a project."""
    user: str = ""
    is_operators: bool = False
    """Made by an administrator for itself: it sees the physical side, and the events that belong to no project."""
    description: str = ""
    enabled: bool = True
    severity: AodhSeverity = AodhSeverity.LOW
    repeat_actions: bool = False
    event_type: str = "*"
    """A glob."""
    query: tuple[Condition, ...] = ()
    alarm_actions: tuple[str, ...] = ()
    ok_actions: tuple[str, ...] = ()
    insufficient_data_actions: tuple[str, ...] = ()
    created_us: int = 0
    changed_us: int = 0
    """When its definition was last changed."""
    state: AodhState = AodhState.UNKNOWN
    state_us: int = 0
    state_reason: str = ""
    evaluated_us: int = 0
    fired_for: str = ""
    """The resource whose event fired it, while it is in the state alarm."""
    auto_ok: bool | None = None
    """Whether it returns to ok when that resource is well again; None: as the settings say."""

    def actions(self, state: AodhState) -> tuple[str, ...]:
        """What is to be done when it gets into ``state``."""
        if state is AodhState.ALARM:
            return self.alarm_actions
        return self.ok_actions if state is AodhState.OK else self.insufficient_data_actions


class ChangeType(StrEnum):
    CREATION = "creation"
    RULE = "rule change"
    STATE = "state transition"
    DELETION = "deletion"


class EventAlarmChange(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """One line of an event alarm's history."""

    id: str
    alarm_id: str
    at_us: int
    type: ChangeType
    detail: str = ""
    """JSON: what is different now."""
    project: str = ""
    """Who did it; "" is the evaluation itself."""
    user: str = ""
    on_behalf_of: str = ""
    """Whose alarm it is."""
    severity: AodhSeverity = AodhSeverity.LOW


Trait = tuple[str, int, Any]
"""Name, Ceilometer's number for the type (1 text, 2 integer, 3 float, 4 datetime), value."""


class CloudEvent(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Something that happened, as Ceilometer tells it to Aodh."""

    message_id: str
    event_type: str
    generated_us: int
    project: str = ""
    """Whose it is; "" is the operator's."""
    traits: tuple[Trait, ...] = ()
    """What the project may know."""
    physical: tuple[Trait, ...] = ()
    """What is for administrators only, such as the host."""
    other_names: tuple[str, ...] = ()
    """What the cloud itself calls such an event: who asks for one of these means it as well."""
    resource: str = ""
    """What it is about, as a key."""
    is_well: bool = False
    """Whether the resource is in order, as far as this event tells."""
    operators_only: bool = False
    """Kept from the project by the policy."""
    nfvigil: str = ""
    """Under which name an NFVigil published it, where one did."""


FIRING = "alarm.state_transition"
"""The type of a notification's event whose payload is Aodh's message, as Aodh itself calls it."""


class Fired(msgspec.Struct, frozen=True, kw_only=True):
    """What became of events: written down in one transaction, then told."""

    alarms: tuple[EventAlarm, ...] = ()
    """With their new states."""
    changes: tuple[EventAlarmChange, ...] = ()
    notifications: tuple[Notification, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    events: tuple[tuple[str, int], ...] = ()
    """(message id, time) of what came from outside and fired something: should it come again, it is known."""
    notes: tuple[tuple[str, dict[str, Any]], ...] = ()
    """(URL, message) of actions that are done here: ``log://`` and ``test://``."""

    @property
    def is_empty(self) -> bool:
        return not (self.alarms or self.changes or self.notifications)
