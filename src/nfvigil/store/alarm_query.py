"""The question that a list of alarms answers: Doctor's FaultQueryFilter and what a NOC asks beside it."""

from __future__ import annotations

import msgspec

from nfvigil.model.alarm import AlarmState
from nfvigil.model.resource import Kind
from nfvigil.model.severity import Severity

LIMIT_MAX = 1_000


class AlarmQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An empty tuple or None asks for all; tuples are OR inside and AND between.

    ``project`` is the reader's scope: None sees everything; a project sees its own alarms whose audience are the
    owners; "" sees nothing. ``of_project`` narrows what the administrator sees.

    The list is newest first (by the time raised) and goes on after the alarm ``marker``. With ``since_change`` it
    is in the order of the changes instead, and goes on after that number: see ``Store.alarm_changes``.
    """

    project: str | None
    of_project: str | None = None
    open_only: bool = False
    states: tuple[AlarmState, ...] = ()
    severities: tuple[Severity, ...] = ()
    min_severity: Severity | None = None
    fault_types: tuple[str, ...] = ()
    """Globs: ``compute.host.*``."""
    resource_kinds: tuple[Kind, ...] = ()
    resources: tuple[str, ...] = ()
    """Keys (``server/<id>``) or bare ids."""
    vnfs: tuple[str, ...] = ()
    only_vnfs: bool = False
    """Alarms of VNFs only, whichever."""
    event_id: int | None = None
    root: str | None = None
    """Only the alarms whose chain of causes ends there. No index helps it: ask together with ``event_id`` or
    ``open_only``."""
    is_root_cause: bool | None = None
    is_acked: bool | None = None
    from_us: int | None = None
    """Raised at or after."""
    until_us: int | None = None
    """Raised before."""
    probable_causes: tuple[str, ...] = ()
    event_from_us: int | None = None
    """Of an event that was observed at or after."""
    event_until_us: int | None = None
    changed_from_us: int | None = None
    """Raised, changed or cleared at or after."""
    cleared_from_us: int | None = None
    since_change: int | None = None
    place: tuple[int, str] | None = None
    """Behind the alarm of this time raised and id, which need not be there any more. In place of ``marker``."""
    marker: str | None = None
    limit: int = 100
