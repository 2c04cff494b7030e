"""The catalogue's words for a kind of fault, and a fault that is there."""

from __future__ import annotations

import msgspec

from nfvigil.model.resource import ResourceState
from nfvigil.model.severity import EventType, Severity


class FaultType(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One entry of the fault catalogue: what it is called, how bad it is, what to do."""

    title: str = ""
    severity: Severity = Severity.INDETERMINATE
    event_type: EventType = EventType.EQUIPMENT
    probable_cause: str = "other"
    """In the words of X.733 (``powerProblem``, ``lanError`` ...)."""
    resource_state: ResourceState = ResourceState.DOWN
    """What the resource is for its owner while the alarm stands."""
    recommended_action: str = ""
    """What the owner should do: ``switch-to-standby``, ``live-migrate``, ``evacuate``, ``rebuild``, ``inform-oam``."""
    repair: str = ""
    """What the administrator should do, in a sentence."""


class Assertion(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """A monitor's word that a fault is there; it stands until that monitor takes it back.

    Where a rule counts, ``needed`` such words are what it takes (of as many resources, if ``distinct``).
    """

    event_id: int
    event_type: str
    resource: str
    """What the monitor spoke of: the fault itself may be on something else (a NIC's on its host)."""
    named: str = ""
    """What the monitor called that, where it is another name: it may take its word back while the map is not known."""
    monitor: str = ""
    sender: str = ""
    """The credential with which it was said: a monitor may call itself what it likes."""
    time_us: int = 0
    needed: int = 1
    distinct: bool = False


class Fault(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """A fault that monitors observed on a resource, as against one that follows from another.

    While ``suppressed`` names a reason (``maintenance``) there is no alarm for it and nothing is done; it is
    looked at again when the reason is gone.
    """

    id: str
    type: str
    resource: str
    rule: str
    event_id: int
    """The event that raised it."""
    raised_us: int
    assertions: tuple[Assertion, ...] = ()
    severity: Severity = Severity.INDETERMINATE
    predicted: bool = False
    expected_us: int | None = None
    suppressed: str = ""
    cleared_us: int | None = None
