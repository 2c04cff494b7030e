"""What is to be told of a backlog after a listing: alarms that begin, change and end, measurements, signs of life.

Pure. All that it remembers is in the states that it returns, so whoever keeps them together with the events may die
between any two looks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from msgspec.structs import replace

from nfvigil.model.resource import Host, Server
from nfvigil.model.ves import VesBacklog, VesEvent, VesState
from nfvigil.ves import clockwork
from nfvigil.ves.alarms import GONE, NOT_WATCHED, cleared, event_of, told
from nfvigil.ves.faults import HOST_SEVERITIES, NORMAL, Faults
from nfvigil.ves.heartbeat import heartbeat
from nfvigil.ves.measurement import measurements
from nfvigil.ves.view import View, key_of_source, state_of

MOST = 1_000_000
"""Alarms in one look; who looks may want less at a time."""


class Look(NamedTuple):
    """What one look at a backlog found."""

    events: tuple[VesEvent, ...] = ()
    states: tuple[VesState, ...] = ()
    """Those that changed; the backlog's own is among them."""
    dropped: tuple[str, ...] = ()
    """Sources whose state may go: they are gone, and nothing of them stands."""
    is_partial: bool = False
    """There is more to tell of the same listing: the backlog is due still."""

    @property
    def is_quiet(self) -> bool:
        """Nothing to tell. All that changed is when it was looked at; who forgets that looks again, and tells nothing
        twice.
        """
        return not self.events and not self.dropped


def step(
    backlog: VesBacklog,
    *,
    vim: str,
    view: View,
    states: Mapping[str, VesState],
    now_us: int,
    faults: Faults,
    most: int = MOST,
) -> Look:
    """Look at a listing. ``states`` are the backlog's, by source; nothing happens before it is due. What is more than
    ``most`` alarms is for another look at the same listing.
    """
    own = states.get("")
    collected_us = clockwork.collected_us(backlog, own, now_us)
    if collected_us is None or backlog.domain == "heartbeat":
        return Look()
    before = own or VesState(vim=vim, backlog=backlog.backlog_uuid, source="")
    own = replace(before, collected_us=collected_us)
    if backlog.domain == "measurement":
        own, events = measurements(backlog, view, own, now_us)
        return Look(events, (own,))
    look = _alarms(backlog, own, view, states, now_us, faults, most)
    if not look.is_partial:
        return look
    *changed, own = look.states
    return look._replace(states=(*changed, replace(own, collected_us=before.collected_us)))


def _alarms(
    backlog: VesBacklog,
    own: VesState,
    view: View,
    states: Mapping[str, VesState],
    now_us: int,
    faults: Faults,
    most: int,
) -> Look:
    """``own`` is the backlog's own state after this look, the last of the states; its sequence counts the alarms that
    ever began.
    """
    events: list[VesEvent] = []
    changed: list[VesState] = []
    dropped: list[str] = []
    for record in view.sources(backlog):
        severity = _severity(record, faults)
        known = states.get(record.id)
        if severity is None or (severity == NORMAL and (known is None or not known.is_raised)):
            continue
        if known is not None and known.severity == severity and known.status == state_of(record):
            continue
        if len(events) >= most:
            return Look(tuple(events), (*changed, own), (), is_partial=True)
        if known is None:
            known = VesState(vim=own.vim, backlog=own.backlog, source=record.id)
        if not known.is_raised:
            own = replace(own, sequence=own.sequence + 1)
        state = told(known, record, severity, now_us, own.sequence)
        changed.append(state)
        events.append(event_of(backlog, known.status, state, record, f"is {state.status}"))
    for source, known in states.items():
        if not source or view.is_listed(backlog, source):
            continue
        if not known.is_raised:
            dropped.append(source)  # an alarm that begins later has another id, so there is nothing to remember
        elif len(events) >= most:
            return Look(tuple(events), (*changed, own), tuple(dropped), is_partial=True)
        elif not view.is_watched(backlog, source):
            dropped.append(source)
            events.append(_end(backlog, known, known.status, NOT_WATCHED, now_us))
        elif view.is_gone(backlog, source):
            dropped.append(source)
            events.append(_end(backlog, known, GONE, "does not exist any more", now_us))
    return Look(tuple(events), (*changed, own), tuple(dropped))


def _end(backlog: VesBacklog, known: VesState, status: str, text: str, now_us: int) -> VesEvent:
    """The clear of an alarm that no state of its source ends."""
    return event_of(backlog, known.status, cleared(known, status, now_us), None, text)


def _severity(record: Server | Host, faults: Faults) -> str | None:
    if isinstance(record, Host):
        return HOST_SEVERITIES[state_of(record)]
    return faults.severity(record.status)


def missing(backlog: VesBacklog, *, view: View, states: Mapping[str, VesState]) -> list[str]:
    """Keys of what has an alarm and is not listed: whether it is gone must be asked, or the alarm stands for ever."""
    return [
        key_of_source(backlog, source)
        for source, known in states.items()
        if source and known.is_raised and not view.is_listed(backlog, source) and view.is_watched(backlog, source)
    ]


def beat(backlog: VesBacklog, *, vim: str, states: Mapping[str, VesState], now_us: int, read_us: int | None) -> Look:
    """A sign of life, when it is due. ``read_us`` is when the cloud was listed last; None if it never was."""
    own = states.get("")
    collected_us = clockwork.collected_us(backlog, own, now_us)
    if collected_us is None:
        return Look()
    own = replace(own or VesState(vim=vim, backlog=backlog.backlog_uuid, source=""), collected_us=collected_us)
    own, event = heartbeat(backlog, own, now_us, read_us)
    return Look((event,), (own,))


def farewell(backlog: VesBacklog, *, states: Mapping[str, VesState], now_us: int) -> Look:
    """The backlog is removed: whatever stands is cleared, for nobody else ever will. All states go."""
    events = [
        _end(backlog, known, known.status, NOT_WATCHED, now_us)
        for source, known in states.items()
        if source and known.is_raised
    ]
    return Look(tuple(events), (), tuple(states))
