"""Deeds that people want: instructions now, recovery defined beforehand, and how both ended."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from nfvigil.inspector import internal
from nfvigil.inspector.marks import is_failed_host, plan_deed
from nfvigil.inspector.policy import identity_of
from nfvigil.inspector.resource_map import host_of
from nfvigil.inspector.state import ASKED, PROOF, RECOVERY
from nfvigil.inspector.turn import Turn
from nfvigil.model.action import ActionKind, Origin
from nfvigil.model.alarm import Alarm, AlarmState, Audience, VimState
from nfvigil.model.ids import stable_id
from nfvigil.model.resource import Kind, ResourceState, Server, key_of, split_key
from nfvigil.model.severity import EventType, Severity
from nfvigil.model.times import SECOND
from nfvigil.model.verdict import Reason

KEY_HOLDS_US = 86_400 * SECOND
KEYS_MAX = 10_000
OTHER_KEY = "this key was used for another instruction"
NOT_FAILED = "the host is not known to be down: no alarm stands for which it is forced down"
NOT_DOWN = "its host is not known to be down: nothing is evacuated from a host that may live (live-migrate it instead)"


class Case(StrEnum):
    """When a recovery that an owner has defined applies."""

    HOST_DOWN = "host_down"
    """The host of its server has failed, and is being forced down."""
    HOST_DEGRADED = "host_degraded"
    """The host is unwell or about to fail."""
    SERVER_FAILED = "server_failed"
    """The server itself has failed."""


DEEDS_FOR: dict[Case, frozenset[str]] = {
    Case.HOST_DOWN: frozenset({ActionKind.EVACUATE, ActionKind.DELETE}),
    Case.HOST_DEGRADED: frozenset({ActionKind.LIVE_MIGRATE, ActionKind.MIGRATE, ActionKind.STOP}),
    Case.SERVER_FAILED: frozenset({ActionKind.REBOOT, ActionKind.REBUILD, ActionKind.STOP, ActionKind.DELETE}),
}
"""What an owner may define for each case: what can work then, and no more."""


def define(turn: Turn) -> None:
    """An owner says what is to be done for a resource of its, or takes that back."""
    key, details = turn.event.resource, turn.event.details
    name = f"{RECOVERY}{key}"
    if turn.event.is_clear:
        turn.remember(name, None)
        turn.say(Reason.CHANGED, resource=key, text=f"no recovery any more, says {details['by']}")
        return
    turn.remember(name, {"do": details["do"], "project": details["project"], "by": details["by"], "set_us": turn.now})
    turn.say(Reason.CHANGED, resource=key, text=f"recovery defined by {details['by']}")


def recover(turn: Turn, alarm: Alarm) -> None:
    """Plan what the owner has defined beforehand for what just hit its server; nothing where it has not."""
    if split_key(alarm.resource)[0] != Kind.SERVER or not turn.state.has_recovery:
        return
    if alarm.fault_type in internal.VDUS:
        return  # a rebuild that fails ends in ERROR again: it would be rebuilt for ever
    record = turn.map_now.get(alarm.resource)
    if not isinstance(record, Server):
        return
    case = _case(turn, alarm)
    for key in (alarm.resource, key_of(Kind.GROUP, record.group), key_of("project", record.project)):
        defined = turn.state.memory.get(f"{RECOVERY}{key}")
        # The owner may be another one by now: what its predecessor wanted is not done to it.
        if defined is not None and defined["project"] == record.project and case in defined["do"]:
            wanted: Mapping[str, Any] = defined["do"][case]
            params = {"not_before_us": turn.now + int(wanted.get("after_seconds", 0) * SECOND)}
            plan_deed(turn, wanted["action"], alarm.resource, alarm, origin=Origin.RECOVERY, params=params)
            turn.say(Reason.CHANGED, resource=alarm.resource, text=f"{wanted['action']}, as its owner has defined")
            return


def _case(turn: Turn, alarm: Alarm) -> Case:
    if alarm.fault and not alarm.parent:
        return Case.SERVER_FAILED
    record = turn.map_now.get(alarm.resource)
    host = host_of(record, turn.map_now) if isinstance(record, Server) else ""
    return Case.HOST_DOWN if is_failed_host(turn, host) else Case.HOST_DEGRADED


def instruct(turn: Turn) -> None:
    """Somebody asks for a deed. What can be known to be wrong is refused; the rest the cloud has to say."""
    event, details = turn.event, turn.event.details
    key, kind = event.resource, str(details["deed"])
    record = turn.map_now.get(key)
    if record is None or (details["project"] is not None and record.project != details["project"]):
        turn.say(Reason.REFUSED, resource=key, text="there is no such resource")
        return
    name = f"{ASKED}{details['key']}" if details["key"] else ""
    what = [kind, key, details["params"]]
    asked = turn.state.memory.get(name)
    if asked is not None and turn.now - asked["at_us"] <= KEY_HOLDS_US:
        same = asked["what"] == what
        reason, text = (Reason.ALREADY_KNOWN, "asked for already") if same else (Reason.REFUSED, OTHER_KEY)
        turn.say(reason, resource=key, text=text)
        return
    if kind == ActionKind.EVACUATE:
        host = host_of(record, turn.map_now) if isinstance(record, Server) else ""
        if not is_failed_host(turn, host) and f"{PROOF}{host}" not in turn.state.memory:
            turn.say(Reason.REFUSED, resource=key, text=NOT_DOWN)
            return
    params = dict(details["params"])
    if kind == ActionKind.FENCE:
        failed = sorted(turn.state.wanted.get(f"{ActionKind.FORCE_DOWN} {key}", ()))
        if not failed:
            turn.say(Reason.REFUSED, resource=key, text=NOT_FAILED)
            return
        params["for"] = failed[0]  # it is for this failure, and over when that is
    plan_deed(turn, kind, key, None, origin=Origin(details["origin"]), by=str(details["by"]), params=params)
    if name:
        _forget_old(turn)
        turn.remember(name, {"event_id": event.id, "what": what, "at_us": turn.now})
    turn.say(Reason.CHANGED, resource=key, text=f"{kind}, as instructed by {details['by']}")


def _forget_old(turn: Turn) -> None:
    """A key holds for a day, and of too many the oldest goes; a few with each instruction."""
    for name, at_us in list(turn.state.asked.items())[:4]:
        if turn.now - at_us > KEY_HOLDS_US or len(turn.state.asked) > KEYS_MAX:
            turn.remember(name, None)


def over(turn: Turn) -> None:
    """Deeds have ended: their owners, and the administrator, hear how."""
    for action_id, kind, target, vim, project, state, result in turn.event.details["deeds"]:
        name = identity_of(target, turn.map_now)[0]
        failed = state == "failed"
        turn.report(
            Alarm(
                id=stable_id("deed", action_id),
                fault_type=f"nfvigil.action.{state}",
                resource=target,
                resource_name=name,
                vim=vim,
                project=project,
                severity=Severity.MAJOR if failed else Severity.INDETERMINATE,
                event_type=EventType.PROCESSING_ERROR,
                probable_cause="other",
                text=f"{kind} {state}: {name}",
                repair=result,  # may name hosts: for the administrator only
                resource_state=ResourceState.NORMAL,
                audience=Audience.OWNERS if project else Audience.ADMIN,
                event_id=turn.event.id,
                event_us=turn.now,
                raised_us=turn.now,
                changed_us=turn.now,
                cleared_us=turn.now,
                state=AlarmState.CLEARED,
                vim_state=VimState.INCONSISTENT if failed else VimState.CONSISTENT,
                root=stable_id("deed", action_id),
            )
        )
