"""What is to be done in the VIM for an alarm: states to set and restore, deeds to do once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from nfvigil.inspector.policy import Rule
from nfvigil.inspector.resource_map import AnyRecord, host_of
from nfvigil.inspector.state import PROOF, RESTORING
from nfvigil.inspector.turn import Turn
from nfvigil.model.action import Action, ActionKind, Origin
from nfvigil.model.alarm import Alarm, Mark, VimState
from nfvigil.model.cloud_state import UNTOUCHED, WANTED, state_now
from nfvigil.model.ids import stable_id
from nfvigil.model.resource import Port, Server

MOVES = frozenset({ActionKind.EVACUATE, ActionKind.LIVE_MIGRATE, ActionKind.MIGRATE})
"""Deeds that take a server from one host to another."""


def with_marks(turn: Turn, alarm: Alarm, rule: Rule) -> Alarm:
    """The alarm with the VIM states that the rule wants while it stands; plans to set those that are not set yet."""
    marks: list[Mark] = []
    held = {mark.key for mark in alarm.marks}
    for kind, target in _wants(turn, rule.mark, alarm.resource):
        key = f"{kind} {target}"
        if key in held:
            continue
        held.add(key)
        others = turn.state.wanted.get(key)
        if others:
            marks.append(next(iter(others.values())))  # it is set already: shared, and restored when nobody wants it
            continue
        record = turn.map_now.get(target)
        before = turn.state.restored_to(key)
        if before is None:  # else it is on its way back to that, which the map may not know yet
            before = _present(kind, record)
        if before is not None:
            params = _on_host(turn, alarm, record)
            action = _plan(turn, kind, target, alarm, record, before=before, params=params)
            marks.append(Mark(kind, target, before, action, turn.event.id))
    return msgspec.structs.replace(alarm, marks=(*alarm.marks, *marks)) if marks else alarm


def plan_deeds(turn: Turn, alarm: Alarm, rule: Rule) -> None:
    """Plan what the rule wants done once."""
    for kind, target in _wants(turn, rule.do, alarm.resource):
        plan_deed(turn, kind, target, alarm)


def plan_deed(
    turn: Turn,
    kind: str,
    target: str,
    alarm: Alarm | None,
    *,
    origin: Origin = Origin.POLICY,
    by: str = "",
    params: Mapping[str, Any] | None = None,
) -> None:
    """Plan one deed; before an evacuation also the fencing of its host, unless that is proven off."""
    record = turn.map_now.get(target)
    params = dict(params or {})
    if kind in MOVES and isinstance(record, Server) and record.host:
        params["source"] = record.host
    _plan(turn, kind, target, alarm, record, origin=origin, by=by, params=params)
    host = host_of(record, turn.map_now) if kind == ActionKind.EVACUATE and isinstance(record, Server) else ""
    if host and f"{PROOF}{host}" not in turn.state.memory:
        wanted = sorted(turn.state.wanted.get(f"{ActionKind.FORCE_DOWN} {host}", ()))
        # The fence goes with the host's alarm: a host that is well again is not switched off for a late wish.
        its_alarm = turn.state.alarms[wanted[0]] if wanted else alarm
        by_hand = origin is Origin.OPERATOR and "override_brakes" in params
        passed_on = {"override_brakes": params["override_brakes"]} if by_hand else {}
        there = turn.map_now.get(host)
        _plan(turn, ActionKind.FENCE, host, its_alarm, there, origin=_for_fence(origin), by=by, params=passed_on)


def _for_fence(origin: Origin) -> Origin:
    """An owner may have its server evacuated; switching the host off for it stays our decision, with all its brakes."""
    return Origin.OPERATOR if origin is Origin.OPERATOR else Origin.POLICY


def is_failed_host(turn: Turn, host: str) -> bool:
    """Whether an alarm stands for which the host is to be forced down."""
    return f"{ActionKind.FORCE_DOWN} {host}" in turn.state.wanted


def restore(turn: Turn, closed: list[Alarm]) -> None:
    """The alarms are closed: what they alone asked for goes back to what was before."""
    restored = {}
    for alarm in closed:
        for mark in alarm.marks:
            key = mark.key
            if key not in turn.state.wanted and key not in restored:
                record = turn.map_now.get(mark.target)
                _plan(turn, mark.kind, mark.target, alarm, record, before=mark.before, undo_of=mark.action)
                restored[key] = mark.before
    if restored:
        name = f"{RESTORING}{turn.event.id}"
        turn.remember(name, {**turn.state.memory.get(name, {}), **restored})


def set_again(turn: Turn, vim: str) -> None:
    """The cloud is back: what it could not be told while it was away is set now, for the alarms that still stand."""
    again: dict[str, Mark] = {}
    for alarm_id in sorted(turn.state.alarms):
        alarm = turn.state.alarms[alarm_id]
        if alarm.vim != vim or alarm.vim_state is not VimState.INCONSISTENT:
            continue
        marks = tuple(_again(turn, alarm, mark, again) for mark in alarm.marks)
        if marks != alarm.marks:
            turn.put_alarm(msgspec.structs.replace(alarm, marks=marks))


def _again(turn: Turn, alarm: Alarm, mark: Mark, again: dict[str, Mark]) -> Mark:
    """The mark with a new action that sets it, or as it is where the cloud says that it is set."""
    known = again.get(mark.key)
    if known is not None:
        return known
    record = turn.map_now.get(mark.target)
    if record is None or _present(mark.kind, record) in (None, WANTED[mark.kind]):
        return mark
    # "again": an earlier try may have had its effect, so finding it set does not mean that somebody else did it.
    params = {**_on_host(turn, alarm, record), "again": True}
    action = _plan(turn, mark.kind, mark.target, alarm, record, before=mark.before, params=params)
    again[mark.key] = Mark(mark.kind, mark.target, mark.before, action, turn.event.id)
    return again[mark.key]


def places(turn: Turn, relation: str, key: str) -> tuple[str, ...]:
    return (key,) if relation == "self" else turn.map.related(key, relation)


def _wants(turn: Turn, entries: list[str | dict[str, str]], key: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for entry in entries:
        if isinstance(entry, str):
            found.append((entry, key))
        else:
            for kind, relation in entry.items():
                found.extend([(kind, target) for target in places(turn, relation, key)])
    return found


def _on_host(turn: Turn, alarm: Alarm, record: AnyRecord | None) -> dict[str, Any]:
    """The host from which it follows, where nothing else does: who is elsewhere by then is not concerned."""
    if alarm.fault or not alarm.causes or not isinstance(record, Server | Port) or not record.host:
        return {}
    causes = {turn.state.alarms[cause.alarm].resource for cause in alarm.causes if cause.alarm in turn.state.alarms}
    return {"on_host": record.host} if causes == {host_of(record, turn.map_now)} else {}


def _present(kind: str, record: AnyRecord | None) -> str | None:
    """What the cloud says now of the state that ``kind`` would set; None where it is not to be touched."""
    now = state_now(kind, record) if record is not None else None
    return None if kind == ActionKind.SERVER_ERROR and now in UNTOUCHED else now


def _plan(
    turn: Turn,
    kind: str,
    target: str,
    alarm: Alarm | None,
    record: AnyRecord | None,
    *,
    before: str | None = None,
    undo_of: str = "",
    origin: Origin = Origin.POLICY,
    by: str = "",
    params: Mapping[str, Any] | None = None,
) -> str:
    known = record if record is not None else alarm
    action = Action(
        id=stable_id("undo" if undo_of else "do", turn.event.id, kind, target),
        kind=kind,
        target=target,
        vim=known.vim if known is not None else "",  # of what is gone the alarm's: the driver is asked, and says so
        project=known.project if known is not None else "",
        event_id=turn.event.id,
        alarm_id=alarm.id if alarm is not None else "",
        before=before,
        undo_of=undo_of,
        origin=origin,
        by=by,
        params=dict(params or {}),
        planned_us=turn.now,
    )
    turn.actions[action.id] = action
    return action.id
