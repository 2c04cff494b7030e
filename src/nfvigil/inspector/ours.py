"""What we tell ourselves, and what others tell us of maintenance: decided like a monitor's word."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from nfvigil.inspector import brakes, deeds, internal, vdus
from nfvigil.inspector.alarms import refresh
from nfvigil.inspector.faults import awaken, end_fault, recognise
from nfvigil.inspector.state import MAINTENANCE, RESTORING
from nfvigil.inspector.turn import Turn
from nfvigil.model.event import Status
from nfvigil.model.resource import split_key
from nfvigil.model.verdict import Reason

MAINTENANCE_MAX = 10_000
"""So many hosts may be in maintenance before ones that the map does not know are refused: names come from outside."""


def handle(turn: Turn) -> None:
    """An internal event: see ``internal`` for what each carries."""
    event = turn.event
    details = event.details
    if event.type == internal.VIM_SETTLED:
        correct(turn, int(details["event_id"]), details.get("found", {}))
        vim_settled(turn, int(details["event_id"]), set(details.get("failed", ())))
    elif event.type == internal.MAP_CHANGED:
        for host in details.get("returned", ()):
            brakes.void_proof(turn, host, "its compute service reports again")
        map_changed(turn, details["keys"], set(details.get("gone", details["keys"])))
    elif event.type == internal.ALARM_ACKED:
        acknowledge(turn, details["alarm_id"], details.get("by", ""))
    elif event.type == internal.ALARM_CLEARED:
        clear_by_hand(turn, details["alarm_id"])
    elif event.type in internal.VDUS:
        vdus.condition(turn)
    elif event.type == internal.VDU_STILL:
        vdus.still(turn, details["keys"])
    elif event.type in internal.CONDITIONS:
        brakes.condition(turn)
    elif event.type == internal.FENCE_PROOF:
        brakes.proof(turn)
    elif event.type == internal.RECOVERY:
        deeds.define(turn)
    elif event.type == internal.INSTRUCTION:
        deeds.instruct(turn)
    elif event.type == internal.DEEDS_OVER:
        deeds.over(turn)


def vim_settled(turn: Turn, event_id: int, failed: set[str]) -> None:
    """All actions of an event are over: its alarms are confirmed, with what could not be set said."""
    restored = turn.state.memory.get(f"{RESTORING}{event_id}")
    if restored is not None:
        turn.remember(f"{RESTORING}{event_id}", None)
        vdus.free(turn, [mark.partition(" ")[2] for mark in restored])
    turn.settle(event_id, failed)


def correct(turn: Turn, event_id: int, found: Mapping[str, str]) -> None:
    """What a state was before we set it, the cloud knew better than the map: that is what it is restored to."""
    for key, before in sorted(found.items()):
        for alarm_id, mark in sorted(turn.state.wanted.get(key, {}).items(), key=lambda item: item[0]):
            if mark.event_id == event_id:
                alarm = turn.state.alarms[alarm_id]
                right = tuple(
                    msgspec.structs.replace(one, before=before) if one.key == key else one for one in alarm.marks
                )
                turn.put_alarm(msgspec.structs.replace(alarm, marks=right))


def map_changed(turn: Turn, keys: list[str], gone: set[str]) -> None:
    """Who is where has changed: what follows from the alarms there is worked out anew.

    ``gone`` are the keys that the map did not have when it changed. That it lacks one now says nothing: after a
    restart the cloud may not have been read yet.
    """
    for key in keys:
        is_unknown = turn.map.get(key) is None
        is_deleted = is_unknown and key in gone and split_key(key)[0] in ("server", "port", "volume", "network")
        known_as = turn.map.resolve(key) if is_unknown else None
        for fault_id in sorted(turn.state.faults_on.get(key, ())):
            fault = turn.state.faults[fault_id]
            if fault.resource != key:
                continue
            if fault.type in internal.VDUS:
                vdus.map_changed(turn, fault)
                continue  # that it is gone is what it says
            if is_deleted:  # by its owner: nothing is there to be ill
                end_fault(turn, fault)
            elif known_as:
                recognise(turn, fault, known_as)
            else:
                awaken(turn, fault)
    for key in keys:
        for alarm_id in sorted(turn.state.alarms_on.get(key, ())):
            if alarm_id in turn.state.alarms:
                refresh(turn, turn.state.alarms[alarm_id])


def acknowledge(turn: Turn, alarm_id: str, by: str) -> None:
    alarm = turn.state.alarms.get(alarm_id)
    if alarm is None:
        turn.say(Reason.NOTHING_TO_CLEAR, text="the alarm is closed")
        return
    is_acked = turn.event.status is Status.DOWN
    acked = msgspec.structs.replace(
        alarm, acked_us=turn.now if is_acked else None, acked_by=by if is_acked else "", changed_us=turn.now
    )
    turn.put_alarm(acked)
    turn.tell(acked)
    turn.say(Reason.CHANGED, resource=alarm.resource, text=f"{'' if is_acked else 'not '}acknowledged by {by}")


def clear_by_hand(turn: Turn, alarm_id: str) -> None:
    alarm = turn.state.alarms.get(alarm_id)
    fault = turn.state.faults.get(alarm.fault) if alarm else None
    if fault is None:
        turn.say(Reason.NOTHING_TO_CLEAR, text="the alarm is closed, or only follows from another")
    else:
        end_fault(turn, fault)


def maintenance(turn: Turn, key: str) -> None:
    """A host goes into maintenance, or comes out: then what was suppressed is looked at again."""
    name = f"{MAINTENANCE}{key}"
    if not turn.event.is_clear:
        if name in turn.state.memory:
            # Told once: what we publish may come back to us by somebody's alarm, and must not go round.
            turn.say(Reason.ALREADY_KNOWN, resource=key, text="it is in maintenance already")
            return
        if turn.map.get(key) is None and len(turn.state.in_maintenance) >= MAINTENANCE_MAX:
            turn.say(Reason.UNKNOWN_RESOURCE, resource=key, text="not in the resource map, like too many before it")
            return
        turn.remember(name, {"since_us": turn.now, "event_id": turn.event.id})
        turn.say(Reason.CHANGED, resource=key, text="in maintenance: automatic fault management is off")
        return
    if name not in turn.state.memory:
        turn.say(Reason.NOTHING_TO_CLEAR, resource=key, text="it was not in maintenance")
        return
    turn.remember(name, None)
    turn.say(Reason.CHANGED, resource=key, text="out of maintenance: automatic fault management is on")
    for fault in sorted(turn.state.faults.values(), key=lambda fault: fault.id):
        awaken(turn, fault)
    for alarm_id in sorted(turn.state.alarms):
        if alarm_id in turn.state.alarms:
            refresh(turn, turn.state.alarms[alarm_id])
