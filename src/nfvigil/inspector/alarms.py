"""Raising alarms and what follows from them, and closing those that do not stand any more."""

from __future__ import annotations

from collections import deque

import msgspec

from nfvigil.inspector import internal
from nfvigil.inspector.cascade import adopt, by_age, cone, is_supported, settle
from nfvigil.inspector.deeds import recover
from nfvigil.inspector.marks import plan_deeds, restore, with_marks
from nfvigil.inspector.owners import hand_over, is_anothers
from nfvigil.inspector.policy import CascadeRule, Needs, Rule, has, identity_of, vnf_of
from nfvigil.inspector.resource_map import INVERSE
from nfvigil.inspector.turn import Facts, Turn, is_news
from nfvigil.model.alarm import LIFE, Alarm, Audience, Cause, Sign
from nfvigil.model.fault import Fault
from nfvigil.model.ids import stable_id
from nfvigil.model.resource import ResourceState, split_key
from nfvigil.model.verdict import Reason

DEPTH_MAX = 16
"""How many steps a cascade may go; a policy that needs more has a mistake in it."""

EXPLAINED = "nfvigil.vdu"
"""The rule of a cause that explains an alarm and does not hold it up: that stands on its own fault alone."""

_NEAREST = (Audience.OWNERS, Audience.ADMIN, Audience.NONE)
"""Where rules differ on whom to tell, the one that tells more counts."""


def raise_alarm(
    turn: Turn, kind: str, key: str, rule: Rule, *, fault: Fault | None = None, causes: tuple[Cause, ...] = ()
) -> None:
    """Raise or strengthen the alarm of this kind there, then follow what comes of it, breadth first."""
    todo = deque([(kind, key, rule, fault, causes, 0)])
    while todo:
        kind, key, rule, fault, causes, depth = todo.popleft()
        alarm_id = turn.state.alarm_at.get((kind, key))
        if alarm_id is None:
            alarm = _new(turn, kind, key, rule, fault, causes)
        else:
            before = turn.state.alarms[alarm_id]
            alarm = _strengthen(turn, before, rule, fault, causes)
            if alarm.predicted or not before.predicted:
                continue  # what follows from it follows already
        if depth >= DEPTH_MAX:
            turn.say(Reason.SUPPRESSED, rule.name, key, f"the cascade is more than {DEPTH_MAX} steps deep")
            continue
        for follow in turn.policy.cascade_rules(kind):
            for target in _targets(turn, follow, alarm):
                held_up_by = _causes(turn, follow, alarm, target)
                if held_up_by:
                    todo.append((follow.raise_ or kind, target, follow, None, held_up_by, depth + 1))


def refresh(turn: Turn, alarm: Alarm) -> None:
    """The map has changed: let go of those whom the alarm does not concern any more, take in those it does now."""
    if alarm.vim and not identity_of(alarm.resource, turn.map_now)[2]:
        return  # its cloud was not read since the start, or it is gone: nothing says that the others are well again
    if alarm.fault_type not in internal.VDUS:  # those are of whom the VNF is
        alarm = _look_again(turn, alarm)
    rules = {rule.name: rule for rule in turn.policy.cascade_rules(alarm.fault_type)}
    dropped = []
    for effect_id in sorted(turn.state.effects.get(alarm.id, ())):
        effect = turn.state.alarms[effect_id]
        kept = tuple(
            kept for cause in effect.causes if (kept := _still(turn, rules.get(cause.rule), alarm, effect, cause))
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
            causes = _causes(turn, rule, alarm, target)
            there = turn.state.alarms.get(turn.state.alarm_at.get((kind, target), ""))
            if causes and (there is None or any(cause not in there.causes for cause in causes)):
                raise_alarm(turn, kind, target, rule, causes=causes)


def settle_after(turn: Turn, start: list[str]) -> None:
    """After faults or causes went away: close what does not stand any more, tell who became a root cause."""
    _keep(turn, start)
    settled = settle(turn.state, start)
    fallen = {alarm.id for alarm in settled.fallen}
    others = (turn.state.alarms[alarm_id] for alarm_id in start if alarm_id not in fallen)
    for alarm in {alarm.id: alarm for alarm in (*settled.changed, *others)}.values():
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
    restore(turn, settled.fallen)


def _new(turn: Turn, kind: str, key: str, rule: Rule, fault: Fault | None, causes: tuple[Cause, ...]) -> Alarm:
    words = turn.policy.fault_type(kind)
    alarm_id = stable_id("alarm", turn.event.id, kind, key)
    parents = [turn.state.alarms[cause.alarm] for cause in causes]
    parent = parents[0] if len(parents) == 1 else min(parents, key=by_age, default=None)
    known = _known_of(turn, key)
    text = f"{words.title or kind}: {known.called or known.name}"
    # What a monitor says in its own words may name hosts: not for owners. Nor is it the cause of what was put off.
    if fault is not None and fault.event_id == turn.event.id and turn.event.cause and not known.project:
        text += f" ({turn.event.cause})"
    alarm = Alarm(
        id=alarm_id,
        fault_type=kind,
        resource=key,
        resource_name=known.name,
        vim=known.vim,
        project=known.project,
        vnf=known.vnf,
        vnfc=known.vnfc,
        severity=fault.severity if fault else (rule.severity or words.severity),
        event_type=words.event_type,
        probable_cause=words.probable_cause,
        text=text,
        recommended_action=words.recommended_action,
        repair=words.repair,
        resource_state=rule.state or words.resource_state,
        audience=rule.notify,
        event_id=turn.event.id,
        event_us=turn.event.time_us,
        raised_us=turn.now,
        fault=fault.id if fault else "",
        rule=rule.name,
        policy=turn.policy.label,
        causes=causes,
        parent=parent.id if parent else "",
        root=parent.root if parent else alarm_id,
    )
    if _is_predicted(turn, alarm):
        expected = [one.expected_us for one in (*parents, *([fault] if fault else ())) if one.expected_us is not None]
        state = rule.state or ResourceState.NORMAL
        alarm = msgspec.structs.replace(
            alarm, predicted=True, expected_us=max(expected, default=None), resource_state=state
        )
    else:
        if rule.mark:
            alarm = with_marks(turn, alarm, rule)
        if rule.do:
            plan_deeds(turn, alarm, rule)
    turn.say(Reason.RAISED, rule.name, key, kind)
    recover(turn, alarm)
    return turn.put_alarm(alarm)


def _known_of(turn: Turn, key: str) -> Facts:
    told = turn.facts.get(key)
    if told is not None:
        return told
    name, project, vim = identity_of(key, turn.map_now)
    vnf, vnfc = vnf_of(key, turn.map_now)
    return Facts(name=name, project=project, vim=vim, vnf=vnf, vnfc=vnfc)


def _strengthen(turn: Turn, old: Alarm, rule: Rule, fault: Fault | None, causes: tuple[Cause, ...]) -> Alarm:
    """Add a fault or causes to an alarm that stands; a predicted one may become real by it."""
    known = {(cause.alarm, cause.rule) for cause in old.causes}
    new = tuple(cause for cause in causes if (cause.alarm, cause.rule) not in known)
    alarm = msgspec.structs.replace(
        old, causes=(*old.causes, *new), audience=min(old.audience, rule.notify, key=_NEAREST.index)
    )
    if fault is not None:
        alarm = msgspec.structs.replace(
            alarm, fault=fault.id, severity=fault.severity, expected_us=fault.expected_us if alarm.predicted else None
        )
    is_real = alarm.predicted and not _is_predicted(turn, alarm)
    if is_real:
        state = rule.state or turn.policy.fault_type(alarm.fault_type).resource_state
        alarm = msgspec.structs.replace(alarm, predicted=False, expected_us=None, resource_state=state)
    if not alarm.predicted:
        alarm = with_marks(turn, alarm, rule)
        acted = {old.rule if old.fault else "", *(cause.rule for cause in old.causes)}
        if is_real or rule.name not in acted:
            plan_deeds(turn, alarm, rule)
        if is_real:
            recover(turn, alarm)
    if alarm == old:
        return old
    turn.say(Reason.CHANGED, rule.name, old.resource, "reported itself as well" if fault else "has another cause")
    turn.put_alarm(msgspec.structs.replace(alarm, changed_us=turn.now))
    if not alarm.parent and alarm.causes:
        adopted = adopt(turn.state, turn.state.alarms[alarm.id])
        if adopted.parent:
            _reroot(turn, adopted.id)
    return turn.state.alarms[alarm.id]


def _look_again(turn: Turn, alarm: Alarm) -> Alarm:
    """What the map did not know of the alarm's own resource, it may know now: whose it is, and what is to be set."""
    if is_anothers(turn, alarm):
        was_nobodys = not alarm.project
        alarm = hand_over(turn, alarm)
        if was_nobodys and not alarm.predicted:
            recover(turn, alarm)
    name, _, vim = identity_of(alarm.resource, turn.map_now)
    changed = msgspec.structs.replace(alarm, resource_name=name, vim=vim or alarm.vim)
    vnf, vnfc = vnf_of(alarm.resource, turn.map_now)
    if vnf:  # whose VNF is dissolved keeps its name
        changed = msgspec.structs.replace(changed, vnf=vnf, vnfc=vnfc)
    if not alarm.predicted:
        for name in dict.fromkeys([alarm.rule, *[cause.rule for cause in alarm.causes]]):
            rule = turn.policy.rule_by_name.get(name)
            if rule is not None:
                changed = with_marks(turn, changed, rule)
    return turn.put_alarm(changed) if changed != alarm else alarm


def _still(turn: Turn, rule: CascadeRule | None, alarm: Alarm, effect: Alarm, cause: Cause) -> Cause | None:
    """The cause as it is now, if the alarm still is one of the effect."""
    if cause.alarm != alarm.id or cause.rule == EXPLAINED:
        return cause
    if rule is None or effect.resource not in turn.map.related(alarm.resource, rule.to):
        return None
    if not rule.more_than and rule.needs is Needs.ANY:
        return cause
    return next((one for one in _causes(turn, rule, alarm, effect.resource) if one.alarm == alarm.id), None)


def _is_predicted(turn: Turn, alarm: Alarm) -> bool:
    """Whether too little has happened yet to hold the alarm up: it stands on what is expected."""
    own = turn.state.faults.get(alarm.fault)
    if own is not None and not own.predicted:
        return False
    if len(alarm.causes) == 1 and alarm.causes[0].needed == 1:
        return turn.state.alarms[alarm.causes[0].alarm].predicted

    def has_happened(alarm_id: str) -> Alarm | None:
        other = turn.state.alarms[alarm_id]
        return None if other.predicted else other

    return not is_supported(alarm, has_happened)


def _reroot(turn: Turn, alarm_id: str) -> None:
    """An alarm that was a root cause has become a consequence: its own consequences get its root."""
    root = turn.state.chain(alarm_id)[-1]
    todo = deque([alarm_id])
    while todo:
        alarm = turn.state.alarms[todo.popleft()]
        turn.put_alarm(msgspec.structs.replace(alarm, root=root))
        effects = sorted(turn.state.effects.get(alarm.id, ()))
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


def _causes(turn: Turn, rule: CascadeRule, alarm: Alarm, target: str) -> tuple[Cause, ...]:
    """The causes by which the rule holds the target's alarm up now; none while they are too few."""
    if not rule.more_than and rule.needs is Needs.ANY:
        return (Cause(alarm.id, rule.name),)
    members = turn.map.related(target, INVERSE[rule.to])
    if rule.from_:
        members = tuple(member for member in members if has(rule.from_, member, turn.map))
    needed = rule.more_than + 1
    if rule.needs is Needs.ALL:
        kind = split_key(alarm.resource)[0]
        members = tuple(member for member in members if split_key(member)[0] == kind)
        needed = max(1, len(members))
    failed = [
        (member, alarm_id)
        for member in members
        for alarm_id in sorted(turn.state.alarms_on.get(member, ()))
        if turn.policy.is_cause(rule, turn.state.alarms[alarm_id].fault_type)
    ]
    count = len({member for member, _ in failed})
    if count < needed:
        turn.say(Reason.BELOW_THRESHOLD, rule.name, target, f"{count} of {needed}")
        return ()
    return tuple(Cause(alarm_id, rule.name, needed) for _, alarm_id in failed)


def _keep(turn: Turn, start: list[str]) -> None:
    for alarm_id in cone(turn.state, start):
        turn.keep(alarm_id)


def _reword(turn: Turn, alarm: Alarm) -> None:
    """An alarm stands on other causes now: its severity follows its fault, or the rule that holds it up."""
    own = turn.state.faults.get(alarm.fault)
    if own is not None:
        severity = own.severity
    else:
        rule = turn.policy.cascade_by_name.get(alarm.causes[0].rule)
        severity = (rule.severity if rule else None) or turn.policy.fault_type(alarm.fault_type).severity
    before = turn.before(alarm.id)
    changed = msgspec.structs.replace(alarm, severity=severity)
    if before is None or is_news(before, changed):
        changed = msgspec.structs.replace(changed, changed_us=turn.now)
    if changed != alarm:
        turn.put_alarm(changed)
