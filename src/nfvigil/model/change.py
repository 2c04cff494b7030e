"""What one turn of the pipeline writes down, in one transaction, before anything of it is done."""

from __future__ import annotations

from typing import Any

import msgspec

from nfvigil.model.action import Action
from nfvigil.model.alarm import Alarm, HistoryEntry
from nfvigil.model.event_alarm import EventAlarm, EventAlarmChange
from nfvigil.model.fault import Fault
from nfvigil.model.notification import Delivery, Notification
from nfvigil.model.verdict import Decision
from nfvigil.model.ves import VesState


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """All of it or nothing. Records are whole new values, keyed by their id; the last one of an id counts."""

    decisions: tuple[Decision, ...] = ()
    faults: tuple[Fault, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    history: tuple[HistoryEntry, ...] = ()
    actions: tuple[Action, ...] = ()
    memory: dict[str, Any] = {}
    """Keys of the inspector's memory; None removes one."""
    notifications: tuple[Notification, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    event_alarms: tuple[EventAlarm, ...] = ()
    """Those of Aodh's kind that fired or returned. One that was deleted meanwhile stays deleted."""
    event_alarm_changes: tuple[EventAlarmChange, ...] = ()
    fired_events: tuple[tuple[str, int], ...] = ()
    """(message id, time) of events from outside that fired one."""
    ves_states: tuple[VesState, ...] = ()
    """What the VES agent has told of each source."""
    ves_dropped: tuple[tuple[str, str, str], ...] = ()
    """(VIM, backlog, source) whose states go."""
    cursor: int | None = None
    """The last event that is decided with this."""
