"""Raising alarms and what follows from them, and closing those that do not stand any more."""

from __future__ import annotations

from collections import deque

import msgspec

from nfvigil.inspector.cascade import adopt, cone, settle
from nfvigil.inspector.marks import restore, set_marks
from nfvigil.inspector.policy import CascadeRule, Needs, Rule, has, name_of, project_of, vim_of
from nfvigil.inspector.resource_map import INVERSE
from nfvigil.inspector.turn import Turn, is_news
from nfvigil.model.alarm import LIFE, Alarm, Cause, Sign
from nfvigil.model.fault import Fault
from nfvigil.model.ids import stable_id
from nfvigil.model.resource import ResourceState, split_key
from nfvigil.model.verdict import Reason

DEPTH_MAX = 16
"""How many steps a cascade may go; a policy that needs more has a mistake in it."""


def raise_alarm(
    turn: Turn, kind: str, key: str, rule: Rule, *, fault: Fault | None = None, cause: Cause | None = None
) -> None:
    """Raise or strengthen the alarm of this kind there, then follow what comes of it, breadth first."""
    todo = deque([(kind, key, rule, fault, cause, 0)])
    while todo:
        kind, key, rule, fault, cause, depth = todo.popleft()
        alarm_id = turn.state.alarm_at.get((kind, key))
        if alarm_id is None:
            alarm = _new(turn, kind, key, rule, fault, cause)
        else:
            alarm = _strengthen(turn, turn.state.alarms[alarm_id], rule, fault, cause)
            before = turn.before(alarm_id)
            if before is None or not before.predicted or alarm.predicted:
                continue  # what follows from it follows already
        if depth >= DEPTH_MAX:
            turn.say(Reason.SUPPRESSED, rule.name, key, f"the cascade is more than {DEPTH_MAX} steps deep")
            continue
        for follow in turn.policy.cascade_rules(kind):
            for target in _targets(turn, follow, alarm):
                for next_cause in _causes(turn, follow, alarm, target):
                    todo.append((follow.raise_ or kind, target, follow, None, next_cause, depth + 1))


def refresh(turn: Turn, alarm: Alarm) -> None:
    """The map has changed: let go of those whom the alarm does not concern any more, take in those it does now."""
    rules = {rule.name: rule for rule in turn.policy.cascade_rules(alarm.fault_type)}
    dropped = []
    for effect_id in tuple(turn.state.effects.get(alarm.id, ())):
        effect = turn.state.alarms[effect_id]
        kept = tuple(
            cause
            for cause in effect.causes
            if cause.alarm != alarm.id
            or (cause.rule in rules and effect.resource in turn.map.related(alarm.resource, rules[cause.rule].to))
        )
        if kept != effect.causes:
            _keep(turn, [effect_id])
            turn.put_alarm(msgspec.structs.replace(effect, causes=kept))
            dropped.append(effect_id)
    if dropped:
        settle_after(turn, dropped)
    for rule in rules.values():
        for target in _targets(turn, rule, alarm):
            kind = rule.raise_ or alarm.fault_type
            for cause in _causes(turn, rule, alarm, target):
                there = turn.state.alarms.get(turn.state.alarm_at.get((kind, target), ""))
                if there is None or cause not in there.causes:
                    raise_alarm(turn, kind, target, rule, cause=cause)


def complete(turn: Turn, alarm: Alarm) -> None:
    """An alarm on something that the map did not know then, and does now: fill in what it lacks, set its states."""
    vim = vim_of(alarm.resource, turn.map)
    if alarm.vim or not vim:
        return
    rules: dict[str, Rule] = {rule.name: rule for rule in turn.policy.policy.event_rules}
    known = turn.put_alarm(
        msgspec.structs.replace(
            alarm,
            vim=vim,
            project=project_of(alarm.resource, turn.map),
            resource_name=name_of(alarm.resource, turn.map),
            changed_us=turn.now,
        )
    )
    rule = rules.get(alarm.rule)
    if rule is not None and not alarm.predicted and not alarm.marks:
        set_marks(turn, known, rule)


def settle_after(turn: Turn, start: list[str]) -> None:
    """After faults or causes went away: close what does not stand any more, tell who became a root cause."""
    _keep(turn, start)
    settled = settle(turn.state, start)
    for alarm in settled.changed:
        _reword(turn, alarm)
    for alarm in settled.fallen:
        turn.put_alarm(
            msgspec.structs.replace(
                alarm,
                state=LIFE[alarm.state, Sign.FAULT_GONE],
                fault="",
                cleared_us=turn.now,
                changed_us=turn.now,
                resource_state=ResourceState.NORMAL,
            )
        )
        restore(turn, alarm)


def _new(turn: Turn, kind: str, key: str, rule: Rule, fault: Fault | None, cause: Cause | None) -> Alarm:
    words = turn.policy.fault_type(kind)
    alarm_id = stable_id("alarm", turn.event.id, kind, key)
    parent = turn.state.alarms[cause.alarm] if cause else None
    predicted = fault.predicted if fault else bool(parent and parent.predicted)
    expected_us = fault.expected_us if fault else parent.expected_us if parent else None
    name = name_of(key, turn.map)
    text = f"{words.title or kind}: {name}"
    if fault is not None and turn.event.cause:
        text += f" ({turn.event.cause})"
    alarm = turn.put_alarm(
        Alarm(
            id=alarm_id,
            fault_type=kind,
            resource=key,
            resource_name=name,
            vim=vim_of(key, turn.map),
            project=project_of(key, turn.map),
            severity=fault.severity if fault else (rule.severity or words.severity),
            event_type=words.event_type,
            probable_cause=words.probable_cause,
            text=text,
            recommended_action=words.recommended_action,
            repair=words.repair,
            resource_state=_resource_state(turn, kind, rule, predicted),
            predicted=predicted,
            expected_us=expected_us if predicted else None,
            audience=rule.notify,
            event_id=turn.event.id,
            event_us=turn.event.time_us,
            raised_us=turn.now,
            fault=fault.id if fault else "",
            rule=rule.name,
            policy=turn.policy.label,
            causes=(cause,) if cause else (),
            parent=parent.id if parent else "",
            root=parent.root if parent else alarm_id,
        )
    )
    turn.say(Reason.RAISED, rule.name, key, kind)
    if not predicted:
        set_marks(turn, alarm, rule)
    return turn.state.alarms[alarm_id]


def _strengthen(turn: Turn, alarm: Alarm, rule: Rule, fault: Fault | None, cause: Cause | None) -> Alarm:
    """Add a fault or a cause to an alarm that stands; a predicted one may become real by it."""
    old = alarm
    if cause is not None and not any(one.alarm == cause.alarm and one.rule == cause.rule for one in alarm.causes):
        alarm = msgspec.structs.replace(alarm, causes=(*alarm.causes, cause))
    if fault is not None:
        alarm = msgspec.structs.replace(
            alarm, fault=fault.id, severity=fault.severity, expected_us=fault.expected_us if alarm.predicted else None
        )
    is_real = alarm.predicted and not _is_predicted(turn, alarm)
    if is_real:
        state = _resource_state(turn, alarm.fault_type, rule, False)
        alarm = msgspec.structs.replace(alarm, predicted=False, expected_us=None, resource_state=state)
    if alarm == old:
        return old
    turn.put_alarm(msgspec.structs.replace(alarm, changed_us=turn.now))
    if not alarm.parent and alarm.causes:
        adopted = adopt(turn.state, turn.state.alarms[alarm.id])
        if adopted.parent:
            _reroot(turn, adopted.id)
    if is_real:
        set_marks(turn, turn.state.alarms[alarm.id], rule)
    return turn.state.alarms[alarm.id]


def _resource_state(turn: Turn, kind: str, rule: Rule, predicted: bool) -> ResourceState:
    if rule.state is not None:
        return rule.state
    return ResourceState.NORMAL if predicted else turn.policy.fault_type(kind).resource_state


def _is_predicted(turn: Turn, alarm: Alarm) -> bool:
    """Whether nothing of what holds the alarm up has happened yet."""
    own = turn.state.faults.get(alarm.fault)
    if own is not None and not own.predicted:
        return False
    return all(turn.state.alarms[one.alarm].predicted for one in alarm.causes if one.alarm in turn.state.alarms)


def _reroot(turn: Turn, alarm_id: str) -> None:
    """An alarm that was a root cause has become a consequence: its own consequences get its root."""
    root = turn.state.chain(alarm_id)[-1]
    todo = deque([alarm_id])
    while todo:
        alarm = turn.state.alarms[todo.popleft()]
        if alarm.root != root:
            turn.put_alarm(msgspec.structs.replace(alarm, root=root))
        effects = turn.state.effects.get(alarm.id, ())
        todo.extend(effect for effect in effects if turn.state.alarms[effect].parent == alarm.id)


def _targets(turn: Turn, rule: CascadeRule, alarm: Alarm) -> list[str]:
    """Whom the rule affects from this alarm, as the map and the rule's conditions have it."""
    if rule.from_ and not has(rule.from_, alarm.resource, turn.map):
        return []
    found = []
    for target in turn.map.related(alarm.resource, rule.to):
        if target == alarm.resource or (rule.where and not has(rule.where, target, turn.map)):
            continue
        if turn.is_suppressed(rule, target):
            turn.say(Reason.SUPPRESSED, rule.name, target, "its host is in maintenance")
        else:
            found.append(target)
    return found


def _causes(turn: Turn, rule: CascadeRule, alarm: Alarm, target: str) -> list[Cause]:
    """The causes by which the rule holds the target's alarm up now; none while they are too few."""
    if not rule.more_than and rule.needs is Needs.ANY:
        return [Cause(alarm.id, rule.name)]
    members = turn.map.related(target, INVERSE[rule.to])
    needed = rule.more_than + 1
    if rule.needs is Needs.ALL:
        kind = split_key(alarm.resource)[0]
        members = tuple(member for member in members if split_key(member)[0] == kind)
        needed = max(1, len(members))
    causes = []
    failed = set()
    for member in members:
        for alarm_id in turn.state.alarms_on.get(member, ()):
            if rule in turn.policy.cascade_rules(turn.state.alarms[alarm_id].fault_type):
                causes.append(Cause(alarm_id, rule.name, needed))
                failed.add(member)
    if len(failed) < needed:
        turn.say(Reason.BELOW_THRESHOLD, rule.name, target, f"{len(failed)} of {needed}")
        return []
    return causes


def _keep(turn: Turn, start: list[str]) -> None:
    for alarm_id in cone(turn.state, start):
        turn.keep(alarm_id)


def _reword(turn: Turn, alarm: Alarm) -> None:
    """An alarm stands on other causes now: its severity follows its fault, or the rule that holds it up."""
    severity = alarm.severity
    own = turn.state.faults.get(alarm.fault)
    if own is not None:
        severity = own.severity
    elif alarm.causes:
        rule = turn.policy.cascade_by_name.get(alarm.causes[0].rule)
        severity = (rule.severity if rule else None) or turn.policy.fault_type(alarm.fault_type).severity
    before = turn.before(alarm.id)
    changed = msgspec.structs.replace(alarm, severity=severity)
    if before is None or is_news(before, changed):
        changed = msgspec.structs.replace(changed, changed_us=turn.now)
    if changed != alarm:
        turn.put_alarm(changed)
