"""What monitors say of a resource: a fault is there, or is not there any more."""

from __future__ import annotations

from typing import Any

import msgspec

from nfvigil.inspector.alarms import EXPLAINED, raise_alarm, settle_after
from nfvigil.inspector.marks import places
from nfvigil.inspector.policy import EventRule, Rule, When, selects, zone_of
from nfvigil.inspector.state import WINDOW
from nfvigil.inspector.turn import Turn
from nfvigil.model.alarm import Audience
from nfvigil.model.fault import Assertion, Fault
from nfvigil.model.ids import stable_id
from nfvigil.model.resource import DOUBT, Kind, key_of
from nfvigil.model.times import SECOND
from nfvigil.model.verdict import Reason

WORDS_MAX = 1_000
"""How many words of monitors one fault keeps."""
WINDOWS_MAX = 100_000
FORGET_AT_ONCE = 4


def take_word(turn: Turn, key: str) -> None:
    """A monitor says that something is wrong with ``key``: every rule that selects the event acts on it."""
    event = turn.event
    rules = turn.policy.event_rules(event.type)
    if not rules:
        turn.say(Reason.NOT_SELECTED, resource=key)
        return
    if turn.map.get(key) is None:
        # Told to the administrator all the same: an event that names a host wrongly is still a fault somewhere.
        text = "several VIMs have something of this name" if key.endswith(DOUBT) else "not in the resource map"
        turn.say(Reason.UNKNOWN_RESOURCE, resource=key, text=f"{text}: nobody else is affected")
    for rule in rules:
        at = places(turn, rule.at, key)
        catalogue = turn.policy.fault_type(rule.raise_ or event.type).severity
        if not selects(rule.when, event, key, turn.map, catalogue):
            turn.say(Reason.NOT_SELECTED, rule.name, key)
        elif not at:
            turn.say(Reason.NOT_SELECTED, rule.name, key, f"nothing stands in the relation {rule.at} to it")
        elif rule.count is None:
            word = Assertion(
                event_id=event.id,
                event_type=event.type,
                resource=key,
                named=event.resource if event.resource != key else "",
                monitor=event.monitor,
                sender=event.sender,
                time_us=event.time_us,
            )
            for place in at:
                _assert(turn, rule, place, (word,))
        else:
            windows = _windows(turn, rule, key)
            if not windows:
                turn.say(Reason.NOT_SELECTED, rule.name, key, f"it has no {rule.count.per}")
            for window in windows:
                words = _count(turn, rule, window, key)
                for place in at if words else ():
                    _assert(turn, rule, place, words)


def take_back(turn: Turn, key: str) -> None:
    """A monitor says that all is well: its word is taken back, everybody's if it does not say who it is."""
    event = turn.event
    _forget_windows(turn, key)
    found = False
    for fault_id in sorted(turn.state.faults_on.get(key, ())):
        fault = turn.state.faults[fault_id]
        left = tuple(word for word in fault.assertions if not _is_taken_back(turn, fault, word, key))
        if len(left) == len(fault.assertions):
            continue
        found = True
        if holds(left):
            turn.put_fault(msgspec.structs.replace(fault, assertions=left))
            monitors = ", ".join(sorted({word.monitor or "a monitor without a name" for word in left}))
            turn.say(Reason.STILL_ASSERTED, fault.rule, fault.resource, f"still reported by {monitors}")
        else:
            end_fault(turn, fault)
    if not found:
        turn.say(Reason.NOTHING_TO_CLEAR, event.type, key)


def end_fault(turn: Turn, fault: Fault) -> None:
    turn.put_fault(msgspec.structs.replace(fault, cleared_us=turn.now))
    alarm_id = turn.state.alarm_at.get((fault.type, fault.resource))
    if alarm_id is None or turn.state.alarms[alarm_id].fault != fault.id:
        turn.say(Reason.CLEARED, fault.rule, fault.resource, "it was suppressed: nobody had been told")
        return
    turn.say(Reason.CLEARED, fault.rule, fault.resource)
    alarm = turn.state.alarms[alarm_id]
    causes = tuple(cause for cause in alarm.causes if cause.rule != EXPLAINED)
    turn.put_alarm(msgspec.structs.replace(alarm, fault="", causes=causes))
    settle_after(turn, [alarm_id])
    if alarm_id in turn.state.alarms:
        turn.say(Reason.STILL_ASSERTED, fault.rule, fault.resource, "the alarm stands: it follows from another")


def assert_own(turn: Turn, key: str) -> None:
    """Something is wrong with our own footing: no rule of a policy has to say so."""
    event = turn.event
    rule = EventRule(name="nfvigil", when=When(type=event.type), notify=Audience.ADMIN)
    word = Assertion(event_id=event.id, event_type=event.type, resource=key, monitor="nfvigil", time_us=event.time_us)
    _assert(turn, rule, key, (word,))


def awaken(turn: Turn, fault: Fault) -> None:
    """A fault that was suppressed is raised now, if what suppressed it is over: its server may also have moved away."""
    rule = turn.policy.rule_by_name.get(fault.rule) or Rule(name=fault.rule)
    if fault.suppressed and not turn.is_suppressed(rule, fault.resource):
        awake = msgspec.structs.replace(fault, suppressed="")
        turn.put_fault(awake)
        raise_alarm(turn, fault.type, fault.resource, rule, fault=awake)


def recognise(turn: Turn, fault: Fault, key: str) -> None:
    """The map knows now what monitors spoke of under a name that it did not know: the fault belongs there."""
    end_fault(turn, fault)
    words = tuple(
        msgspec.structs.replace(word, resource=key, named=word.named or word.resource) for word in fault.assertions
    )
    known = turn.state.faults.get(turn.state.fault_at.get((fault.type, key), ""))
    if known is not None:
        turn.put_fault(msgspec.structs.replace(known, assertions=_joined(known.assertions, words)))
        return
    rule = turn.policy.rule_by_name.get(fault.rule) or Rule(name=fault.rule)
    moved = msgspec.structs.replace(
        fault,
        id=stable_id("fault", turn.event.id, fault.type, key),
        resource=key,
        assertions=words,
        suppressed="maintenance" if turn.is_suppressed(rule, key) else "",
    )
    turn.put_fault(moved)
    if not moved.suppressed:
        raise_alarm(turn, fault.type, key, rule, fault=moved)


def holds(words: tuple[Assertion, ...]) -> bool:
    """Whether a fault stands on these words: one that is enough by itself, or as many as their rule needs."""
    counted = [word for word in words if word.needed > 1]
    if len(counted) < len(words):
        return True
    for needed in {word.needed for word in counted}:
        same = [word for word in counted if word.needed == needed]
        if len({word.resource for word in same} if same[0].distinct else same) >= needed:
            return True
    return False


def _assert(turn: Turn, rule: EventRule, key: str, words: tuple[Assertion, ...]) -> None:
    """The fault is there: raise it, or add the words to it where it stands already."""
    event = turn.event
    kind = rule.raise_ or event.type
    severity = rule.severity or event.severity or turn.policy.fault_type(kind).severity
    lead_time = event.lead_time_seconds if event.lead_time_seconds is not None else rule.lead_time
    expected_us = None if lead_time is None else event.time_us + int(lead_time * SECOND)
    known = turn.state.faults.get(turn.state.fault_at.get((kind, key), ""))
    if known is not None:
        predicted = known.predicted and lead_time is not None
        fault = msgspec.structs.replace(
            known,
            assertions=_joined(known.assertions, words),
            severity=severity,
            predicted=predicted,
            expected_us=expected_us if predicted else None,
            suppressed="maintenance" if known.suppressed and turn.is_suppressed(rule, key) else "",
        )
        if fault == known:
            turn.say(Reason.ALREADY_KNOWN, rule.name, key)
            return
    else:
        fault = Fault(
            id=stable_id("fault", event.id, kind, key),
            type=kind,
            resource=key,
            rule=rule.name,
            event_id=event.id,
            raised_us=turn.now,
            assertions=words,
            severity=severity,
            predicted=lead_time is not None,
            expected_us=expected_us,
            suppressed="maintenance" if turn.is_suppressed(rule, key) else "",
        )
    turn.put_fault(fault)
    if fault.suppressed:
        turn.say(Reason.SUPPRESSED, rule.name, key, "its host is in maintenance: looked at again when that ends")
    else:
        raise_alarm(turn, kind, key, rule, fault=fault)


def _joined(old: tuple[Assertion, ...], words: tuple[Assertion, ...]) -> tuple[Assertion, ...]:
    """The words of a fault with new ones; who says the same again adds nothing, nor does the thousand-and-first."""
    known = {(word.event_type, word.resource, word.monitor) for word in old}
    new = tuple(word for word in words if (word.event_type, word.resource, word.monitor) not in known)
    return (*old, *new[: max(0, WORDS_MAX - len(old))])


def _is_taken_back(turn: Turn, fault: Fault, word: Assertion, key: str) -> bool:
    event = turn.event
    if event.monitor and word.monitor != event.monitor:
        return False
    if event.type == word.event_type and key in (word.resource, word.named):
        return True
    return event.type == fault.type and key == fault.resource


# Counting


def _windows(turn: Turn, rule: EventRule, key: str) -> tuple[str, ...]:
    """What the rule counts for: usually the resource itself."""
    assert rule.count is not None
    if rule.count.per == "resource":
        return (key,)
    if rule.count.per == "zone":
        return (key_of(Kind.ZONE, zone_of(key, turn.map)),)
    return turn.map.related(key, rule.count.per)


def _name(rule: EventRule, window: str) -> str:
    return f"{WINDOW}{rule.name} {window}"


def _seen(turn: Turn, name: str) -> list[list[Any]]:
    """What a window has counted: time, event, type, resource, monitor and sender of each."""
    window = turn.state.memory.get(name)
    return window["seen"] if window else []


def _forget_old_windows(turn: Turn) -> None:
    """Of windows that are over, or are too many, a few go with each event that is counted: what vanished from the
    cloud, or a monitor that makes up names, leaves nothing behind for ever.
    """
    windows = turn.state.windows
    for until_us, name in windows[:FORGET_AT_ONCE]:
        if until_us <= turn.now or len(windows) > WINDOWS_MAX:
            turn.remember(name, None)


def _count(turn: Turn, rule: EventRule, window: str, key: str) -> tuple[Assertion, ...]:
    """The words in the rule's window with this one, if they are enough."""
    count = rule.count
    assert count is not None
    event = turn.event
    within = int(count.within * SECOND)
    name = _name(rule, window)
    entries = [entry for entry in _seen(turn, name) if entry[0] > turn.now - within]
    if count.distinct:
        entries = [entry for entry in entries if entry[3] != key]
    if not count.repeats:
        entries = [entry for entry in entries if entry[2:5] != [event.type, key, event.monitor]]
    entries.append([turn.now, event.id, event.type, key, event.monitor, event.sender])
    entries = entries[-count.needed :]  # the latest suffice: a window does not grow with the storm
    turn.remember(name, {"until_us": turn.now + within, "seen": entries})
    _forget_old_windows(turn)
    seen = len({entry[3] for entry in entries}) if count.distinct else len(entries)
    if seen < count.needed:
        text = f"{seen} of {count.needed} within {count.within:g} s"
        turn.say(Reason.BELOW_THRESHOLD, rule.name, window, text)
        return ()
    return tuple(
        Assertion(
            event_id=event_id,
            event_type=kind,
            resource=resource,
            monitor=monitor,
            sender=sender[0] if sender else "",  # an older version counted without it
            time_us=time_us,
            needed=count.needed,
            distinct=count.distinct,
        )
        for time_us, event_id, kind, resource, monitor, *sender in entries
    )


def _forget_windows(turn: Turn, key: str) -> None:
    """What is well again does not count towards a threshold any more."""
    event = turn.event
    for rule in turn.policy.event_rules(event.type):
        for window in _windows(turn, rule, key) if rule.count else ():
            name = _name(rule, window)
            entries = _seen(turn, name)
            left = [
                entry
                for entry in entries
                if entry[2] != event.type or entry[3] != key or (event.monitor and entry[4] != event.monitor)
            ]
            if len(left) < len(entries):
                until_us = turn.state.memory[name]["until_us"]
                turn.remember(name, {"until_us": until_us, "seen": left} if left else None)
