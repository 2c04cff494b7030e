"""Which alarms stand, and which of them is the root cause.

An alarm stands while a fault was observed on its own resource, or while enough of its causes stand; a ring of alarms
that hold up only one another does not. Each alarm has at most one parent, an alarm that it is a consequence of; the
end of that chain is its root cause.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

import msgspec

from nfvigil.inspector.state import State
from nfvigil.model.alarm import Alarm, Cause


def is_supported(alarm: Alarm, stands: Callable[[str], Alarm | None]) -> bool:
    """Whether enough of an alarm's causes stand: for some rule, on as many resources as it needs."""
    return bool(supporting(alarm, stands))


def supporting(alarm: Alarm, stands: Callable[[str], Alarm | None]) -> list[Cause]:
    """The causes that hold an alarm up; none if they are too few."""
    by_rule: dict[str, tuple[int, list[Cause], set[str]]] = {}
    for cause in alarm.causes:
        other = stands(cause.alarm)
        if other is not None:
            _, causes, resources = by_rule.setdefault(cause.rule, (cause.needed, [], set()))
            causes.append(cause)
            resources.add(other.resource)
    return [cause for needed, causes, resources in by_rule.values() if len(resources) >= needed for cause in causes]


def cone(state: State, start: Iterable[str]) -> dict[str, None]:
    """The alarms themselves and all that may stand because of them, in an order that is always the same."""
    found: dict[str, None] = {}
    todo = deque(start)
    while todo:
        alarm_id = todo.popleft()
        if alarm_id in found or alarm_id not in state.alarms:
            continue
        found[alarm_id] = None
        todo.extend(sorted(state.effects.get(alarm_id, ())))
    return found


class Settled(msgspec.Struct):
    """What is left of a cone after something fell away."""

    fallen: list[Alarm]
    """They stand no more, as they were."""
    changed: list[Alarm]
    """They stand on other causes, or are another's consequence now: as they are."""


def settle(state: State, start: Iterable[str]) -> Settled:
    """Work out who still stands after the faults or causes of ``start`` changed; enters the survivors in ``state``.

    Whoever is outside the cone of ``start`` stands as before, for none of its causes is inside. The fallen stay in
    ``state``: closing them is the caller's.
    """
    inside = cone(state, start)
    order = _who_stands(state, inside)
    fallen = [state.alarms[alarm_id] for alarm_id in inside if alarm_id not in order]
    before = {alarm_id: state.alarms[alarm_id] for alarm_id in order}

    def stands(alarm_id: str) -> Alarm | None:
        return state.alarms.get(alarm_id) if alarm_id not in inside or alarm_id in order else None

    for alarm_id in order:  # first let go of what fell ...
        alarm = state.alarms[alarm_id]
        causes = tuple(cause for cause in alarm.causes if stands(cause.alarm) is not None)
        parent = alarm.parent if any(cause.alarm == alarm.parent for cause in causes) else ""
        if parent and (order.get(parent, -1) > order[alarm_id] or not supporting(alarm, stands)):
            parent = ""  # it may stand on us now, or too few are left to explain us: looked at again below
        if causes != alarm.causes or parent != alarm.parent:
            state.put_alarm(msgspec.structs.replace(alarm, causes=causes, parent=parent))
    for own in (False, True):  # ... then those who need a cause to stand find one, then the others may
        for alarm_id in order:
            alarm = state.alarms[alarm_id]
            if not alarm.parent and alarm.causes and bool(alarm.fault) is own:
                adopt(state, alarm, _earlier(order, alarm_id, supporting(alarm, stands)) if not own else None)
    for alarm_id in order:
        alarm = state.alarms[alarm_id]
        root = state.chain(alarm_id)[-1]
        if root != alarm.root:
            state.put_alarm(msgspec.structs.replace(alarm, root=root))
    changed = [state.alarms[alarm_id] for alarm_id, old in before.items() if state.alarms[alarm_id] != old]
    return Settled(fallen=fallen, changed=changed)


def adopt(state: State, alarm: Alarm, candidates: list[Cause] | None = None) -> Alarm:
    """Give an alarm without a parent one from among its causes, the longest-standing that is not its own
    consequence; without one it is a root cause. Its root, and its consequences' roots, are the caller's.
    """
    causes = candidates if candidates is not None else supporting(alarm, state.alarms.get)
    fit = [cause.alarm for cause in causes if alarm.id not in state.chain(cause.alarm)]
    if not fit:
        return alarm
    parent = min((state.alarms[other] for other in fit), key=by_age)
    adopted = msgspec.structs.replace(alarm, parent=parent.id)
    state.put_alarm(adopted)
    return adopted


def by_age(alarm: Alarm) -> tuple[int, int, str]:
    return (alarm.raised_us, alarm.event_id, alarm.id)


def _earlier(order: dict[str, int], alarm_id: str, causes: list[Cause]) -> list[Cause]:
    """The causes that stood before it did (or are outside the cone): taking only those, no ring of parents forms."""
    mine = order[alarm_id]
    return [cause for cause in causes if order.get(cause.alarm, -1) < mine]


def _who_stands(state: State, inside: dict[str, None]) -> dict[str, int]:
    """The alarms of a cone that stand, numbered in the order in which they came to."""
    order: dict[str, int] = {}
    todo = deque(inside)

    def stands(alarm_id: str) -> Alarm | None:
        return state.alarms.get(alarm_id) if alarm_id not in inside or alarm_id in order else None

    while todo:
        alarm_id = todo.popleft()
        alarm = state.alarms[alarm_id]
        if alarm_id not in order and (alarm.fault or is_supported(alarm, stands)):
            order[alarm_id] = len(order)
            todo.extend(
                effect for effect in sorted(state.effects.get(alarm_id, ())) if effect in inside and effect not in order
            )
    return order
