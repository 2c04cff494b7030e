"""The alarm: what the owner of a resource is told, with ETSI's times and X.733's words."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from nfvigil.model.resource import ResourceState
from nfvigil.model.severity import EventType, Severity


class AlarmState(StrEnum):
    RAISED = "raised"
    """Told at once; the VIM is being brought in line."""
    CONFIRMED = "confirmed"
    """The VIM says the same as we do (or has been given up: see ``vim_state``)."""
    CLEARED = "cleared"


class Sign(StrEnum):
    """What happens to an alarm."""

    VIM_SETTLED = "vim_settled"
    FAULT_GONE = "fault_gone"


LIFE: dict[tuple[AlarmState, Sign], AlarmState] = {
    (AlarmState.RAISED, Sign.VIM_SETTLED): AlarmState.CONFIRMED,
    (AlarmState.RAISED, Sign.FAULT_GONE): AlarmState.CLEARED,
    (AlarmState.CONFIRMED, Sign.FAULT_GONE): AlarmState.CLEARED,
}
"""The whole life cycle. A pair that is not here changes nothing."""


class VimState(StrEnum):
    """Whether the cloud's own state agrees with the alarm."""

    PENDING = "pending"
    CONSISTENT = "consistent"
    INCONSISTENT = "inconsistent"
    """An action was given up: the cloud may still say that all is well."""


class Audience(StrEnum):
    """Whom a rule wants told. The administrator's own subscriptions hear of everything but ``none``."""

    OWNERS = "owners"
    ADMIN = "admin"
    NONE = "none"


class Cause(msgspec.Struct, frozen=True, gc=False):
    """Why an alarm stands that nobody observed itself: another alarm, by a rule of the policy."""

    alarm: str
    rule: str
    needed: int = 1
    """On how many resources such causes must stand together."""


class Mark(msgspec.Struct, frozen=True, gc=False):
    """A VIM state that an alarm asks for, with what was there before: two alarms may ask for the same one, and
    what was before is restored when nobody asks for it any more.
    """

    kind: str
    target: str
    before: str
    action: str
    """Id of the action that sets it."""
    event_id: int = 0
    """The event for which it is set: until all actions of that are over, it may not be set yet."""

    @property
    def key(self) -> str:
        return f"{self.kind} {self.target}"


class Alarm(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """One alarm on one resource. At most one is open for a fault type on a resource.

    It stands while its own fault does (``fault``), or while enough of its ``causes`` do. ``parent`` is the
    alarm it is a consequence of, ``root`` the one at the end of that chain; a root cause is its own root.
    Times: microseconds since 1970, UTC (ETSI SOL003 7.5.2.4).
    """

    id: str
    fault_type: str
    resource: str
    resource_name: str = ""
    vim: str = ""
    project: str = ""
    vnf: str = ""
    """The VNF whose server it is on, or hangs on; "" where there is none that we know."""
    vnfc: str = ""
    severity: Severity = Severity.INDETERMINATE
    event_type: EventType = EventType.EQUIPMENT
    probable_cause: str = "other"
    text: str = ""
    recommended_action: str = ""
    repair: str = ""
    resource_state: ResourceState = ResourceState.DOWN
    predicted: bool = False
    expected_us: int | None = None
    audience: Audience = Audience.OWNERS

    event_id: int
    """The event that raised it."""
    event_us: int
    raised_us: int
    changed_us: int | None = None
    cleared_us: int | None = None
    state: AlarmState = AlarmState.RAISED
    vim_state: VimState = VimState.PENDING

    acked_us: int | None = None
    acked_by: str = ""

    fault: str = ""
    """Id of the fault observed on this very resource, or "" where the alarm only follows from others."""
    rule: str = ""
    """The rule that raised it."""
    policy: str = ""
    """``name@version`` of the policy that did."""
    causes: tuple[Cause, ...] = ()
    parent: str = ""
    root: str = ""
    marks: tuple[Mark, ...] = ()

    @property
    def is_root_cause(self) -> bool:
        return not self.parent

    @property
    def is_open(self) -> bool:
        return self.state is not AlarmState.CLEARED


class HistoryEntry(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """One line of an alarm's life: what happened, when, by whom."""

    alarm_id: str
    at_us: int
    what: str
    """``raised``, ``changed``, ``confirmed``, ``cleared``, ``acknowledged``, ``unacknowledged``, ``commented``"""
    by: str = ""
    event_id: int | None = None
    text: str = ""
