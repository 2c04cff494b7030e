"""What the record of a VNF says of its servers: in ERROR, deleted, an interface gone. One root each, and told once.

its host has failed     what follows is a consequence of the host's alarm, and a root cause when that is over
it is told already      a server in ERROR for which an alarm of its owner's says that it does not work, or which we
                        set to ERROR ourselves, is held until that is over, and told if it is in ERROR then
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from nfvigil.inspector import internal
from nfvigil.inspector.alarms import EXPLAINED, raise_alarm
from nfvigil.inspector.faults import end_fault
from nfvigil.inspector.policy import OnMaintenance, Rule
from nfvigil.inspector.resource_map import host_of
from nfvigil.inspector.state import HELD
from nfvigil.inspector.turn import Facts, Turn
from nfvigil.model.action import ActionKind
from nfvigil.model.alarm import Alarm, Audience, Cause
from nfvigil.model.fault import Assertion, Fault
from nfvigil.model.ids import stable_id
from nfvigil.model.resource import BROKEN, Kind, Server, key_of
from nfvigil.model.verdict import Reason

_RULE = Rule(name=EXPLAINED, in_maintenance=OnMaintenance.RAISE)
_ERROR = "ERROR"


def condition(turn: Turn) -> None:
    """A condition begins or ends, says the record."""
    event = turn.event
    port = str(event.details.get("port", ""))
    key = key_of(Kind.PORT, port) if port else event.resource
    if event.is_clear:
        _end(turn, key)
    else:
        _begin(turn, key, event.details)


def still(turn: Turn, keys: Iterable[str]) -> None:
    """What told their owners is over, and the cloud's next listing has these servers in ERROR still."""
    for key in keys:
        held = turn.state.memory.get(f"{HELD}{key}")
        if held is None:
            continue
        record = turn.map_now.get(key)
        if isinstance(record, Server) and record.project not in ("", held["details"]["project"]):
            turn.remember(f"{HELD}{key}", None)
        elif _is_told(turn, key):  # again: it waits for the end of that
            turn.remember(f"{HELD}{key}", {**held, "free_us": None})
        elif _is_in_error(turn, key):
            _raise(turn, internal.VDU_ERROR, key, held["details"], tuple(held["words"]))


def free(turn: Turn, keys: Iterable[str]) -> None:
    """Something about these resources is over: whose ERROR was held for it is told if the next listing has it too."""
    if not turn.state.held:
        return
    for key in sorted(turn.state.held.intersection(keys)):
        held = turn.state.memory[f"{HELD}{key}"]
        if not _is_told(turn, key):
            turn.remember(f"{HELD}{key}", {**held, "free_us": turn.now})


def map_changed(turn: Turn, fault: Fault) -> None:
    """The map says something else of what such a fault is on: only that it is another project's would end it."""
    alarm = turn.state.alarms.get(turn.state.alarm_at.get((fault.type, fault.resource), ""))
    record = turn.map_now.get(fault.resource)
    if alarm is not None and isinstance(record, Server) and record.project not in ("", alarm.project):
        end_fault(turn, fault)


def _begin(turn: Turn, key: str, details: Mapping[str, Any]) -> None:
    event = turn.event
    server = turn.map_now.get(event.resource)
    if isinstance(server, Server) and server.project not in ("", details["project"]):
        turn.say(Reason.REFUSED, resource=key, text="the server is of another project than the VNF")
        return
    who = _who(details)
    known = turn.state.faults.get(turn.state.fault_at.get((event.type, key), ""))
    held = turn.state.memory.get(f"{HELD}{key}") if event.type == internal.VDU_ERROR else None
    if known is not None:
        _join(turn, known, who)
    elif held is not None and held["details"]["project"] == details["project"]:
        if who in held["words"]:
            turn.say(Reason.ALREADY_KNOWN, EXPLAINED, key)
        else:
            turn.remember(f"{HELD}{key}", {**held, "words": [*held["words"], who]})
    elif event.type == internal.VDU_ERROR and (_is_told(turn, key) or not _is_in_error(turn, key)):
        is_told = _is_told(turn, key)
        value = {"details": dict(details), "words": [who], "free_us": None if is_told else turn.now}
        turn.remember(f"{HELD}{key}", value)
        # The map may be newer than the record.
        text = "its owner is told by another alarm" if is_told else "the map says that it is not in ERROR"
        turn.say(Reason.SUPPRESSED, EXPLAINED, key, f"{text}: looked at again")
    else:
        _raise(turn, event.type, key, details, (who,))


def _end(turn: Turn, key: str) -> None:
    event = turn.event
    who = _who(event.details)
    fault = turn.state.faults.get(turn.state.fault_at.get((event.type, key), ""))
    name = f"{HELD}{key}" if event.type == internal.VDU_ERROR else ""
    held = turn.state.memory.get(name)
    if fault is not None:
        left = tuple(word for word in fault.assertions if word.monitor != who)
        if not left:
            end_fault(turn, fault)
        elif left != fault.assertions:
            turn.put_fault(msgspec.structs.replace(fault, assertions=left))
            turn.say(Reason.STILL_ASSERTED, EXPLAINED, key, "another VNF says the same of it")
        else:
            turn.say(Reason.NOTHING_TO_CLEAR, EXPLAINED, key)
    elif held is not None and who in held["words"]:
        others = [one for one in held["words"] if one != who]
        turn.remember(name, {**held, "words": others} if others else None)
        turn.say(Reason.CLEARED, EXPLAINED, key, "it was held: nobody had been told")
    else:
        turn.say(Reason.NOTHING_TO_CLEAR, EXPLAINED, key)


def _raise(turn: Turn, kind: str, key: str, details: Mapping[str, Any], words: tuple[str, ...]) -> None:
    event = turn.event
    if kind == internal.VDU_ERROR and key in turn.state.held:
        turn.remember(f"{HELD}{key}", None)
    fault = Fault(
        id=stable_id("fault", event.id, kind, key),
        type=kind,
        resource=key,
        rule=EXPLAINED,
        event_id=event.id,
        raised_us=turn.now,
        assertions=tuple(_word(turn, kind, key, who) for who in words),
        severity=turn.policy.fault_type(kind).severity,
    )
    turn.put_fault(fault)
    turn.facts[key] = facts_of(key, details)
    causes = () if kind == internal.VDU_INTERFACE_GONE else _causes(turn, key, details)
    raise_alarm(turn, kind, key, _RULE, fault=fault, causes=causes)


def _join(turn: Turn, fault: Fault, who: str) -> None:
    if any(known.monitor == who for known in fault.assertions):
        turn.say(Reason.ALREADY_KNOWN, EXPLAINED, fault.resource)
    else:
        word = _word(turn, fault.type, fault.resource, who)
        turn.put_fault(msgspec.structs.replace(fault, assertions=(*fault.assertions, word)))
        turn.say(Reason.ALREADY_KNOWN, EXPLAINED, fault.resource, "another VNF says the same of it")


def facts_of(key: str, details: Mapping[str, Any]) -> Facts:
    """What the alarm says of its resource: the record's word, for the map may have lost it."""
    name, port = str(details.get("name") or key.partition("/")[2]), str(details.get("port", ""))
    return Facts(
        name=port or name,
        project=str(details["project"]),
        vim=str(details["vim"]),
        vnf=str(details["vnf"]),
        vnfc=str(details["vnfc"]),
        called=f"{port} of {name}" if port else name,
    )


def _who(details: Mapping[str, Any]) -> str:
    """Whose record says it: two VNFs may count on one server, and each takes back its own word."""
    return f"{details['project']}/{details['vnf']}/{details['vnfc']}"


def _word(turn: Turn, kind: str, key: str, who: str) -> Assertion:
    return Assertion(event_id=turn.event.id, event_type=kind, resource=key, monitor=who, time_us=turn.now)


def _is_in_error(turn: Turn, key: str) -> bool:
    """As far as the map knows it."""
    record = turn.map_now.get(key)
    return not isinstance(record, Server) or record.status == _ERROR


def _is_told(turn: Turn, key: str) -> bool:
    """Whether the ERROR is one that we set ourselves, or an alarm of its owner's says already that it does not work."""
    mark = f"{ActionKind.SERVER_ERROR} {key}"
    if turn.state.before(mark) is not None:
        return True
    return any(
        alarm.fault_type not in internal.VDUS and alarm.audience is Audience.OWNERS and _says_broken(alarm)
        for alarm in (turn.state.alarms[one] for one in turn.state.alarms_on.get(key, ()))
    )


def _says_broken(alarm: Alarm) -> bool:
    return alarm.resource_state in BROKEN and not alarm.predicted


def _causes(turn: Turn, key: str, details: Mapping[str, Any]) -> tuple[Cause, ...]:
    """The alarms of the host that the server is or was on, if that has failed."""
    state = turn.state
    found: dict[str, None] = {}
    record = turn.map_now.get(key)
    if isinstance(record, Server):
        hosts = [host_of(record, turn.map_now)]
    else:
        hosts = [_host_of_old(turn, details)]
        # The map may have lost it before what followed for it from its host's alarm is looked at again.
        for effect in sorted(state.alarms_on.get(key, ())):
            hosts.extend(state.alarms[cause.alarm].resource for cause in state.alarms[effect].causes)
    for host in sorted({one for one in hosts if one.startswith("host/")}):
        found.update((one, None) for one in sorted(state.alarms_on.get(host, ())) if _says_broken(state.alarms[one]))
    return tuple(Cause(alarm_id, EXPLAINED) for alarm_id in found)


def _host_of_old(turn: Turn, details: Mapping[str, Any]) -> str:
    """The host that the record has; "" where the map knows none of that name in the VNF's cloud."""
    name = str(details.get("host", ""))
    key = turn.map_now.resolve(key_of(Kind.HOST, name)) if name else None
    there = turn.map_now.get(key) if key else None
    return key if key and there is not None and there.vim == details["vim"] else ""
