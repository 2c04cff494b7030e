"""Alarms whose resource turns out to be another's: they end for whom they were, and begin anew for whose it is."""

from __future__ import annotations

from collections import deque

import msgspec

from nfvigil.inspector.policy import identity_of, vnf_of
from nfvigil.inspector.turn import Turn
from nfvigil.model.alarm import LIFE, Alarm, AlarmState, Sign, VimState
from nfvigil.model.ids import stable_id
from nfvigil.model.resource import ResourceState
from nfvigil.model.verdict import Reason


def is_anothers(turn: Turn, alarm: Alarm) -> bool:
    """Whether the map knows another owner. One that it does not know is no other: a listing may lack it."""
    _, project, _ = identity_of(alarm.resource, turn.map_now)
    return bool(project) and project != alarm.project


def hand_over(turn: Turn, old: Alarm) -> Alarm:
    """The new owner's alarm: the same fault, causes and states, under an id of its own, from now on.

    What was written and acknowledged stays with the old one, which its owner hears the end of, and goes on seeing.
    """
    name, project, vim = identity_of(old.resource, turn.map_now)
    vnf, vnfc = vnf_of(old.resource, turn.map_now)
    words = turn.policy.fault_type(old.fault_type)
    alarm_id = stable_id("alarm", turn.event.id, old.fault_type, old.resource)
    effects = sorted(turn.state.effects.get(old.id, ()))
    turn.put_alarm(
        msgspec.structs.replace(
            old,
            state=LIFE[old.state, Sign.FAULT_GONE],
            fault="",
            cleared_us=turn.now,
            changed_us=turn.now,
            resource_state=ResourceState.NORMAL,
        )
    )
    turn.put_alarm(
        msgspec.structs.replace(
            old,
            id=alarm_id,
            project=project,
            resource_name=name,
            vim=vim or old.vim,
            # Without the monitor's own words, which may name hosts.
            text=f"{words.title or old.fault_type}: {name}",
            event_id=turn.event.id,
            raised_us=turn.now,
            changed_us=None,
            acked_us=None,
            acked_by="",
            vnf=vnf,
            vnfc=vnfc,
            state=AlarmState.RAISED,
            vim_state=VimState.PENDING,
            root=alarm_id if old.root == old.id else old.root,
        )
    )
    _lead(turn, effects, old.id, alarm_id)
    if old.state is AlarmState.CONFIRMED:
        turn.confirm(turn.state.alarms[alarm_id], old.vim_state)
    turn.say(Reason.RAISED, old.rule, old.resource, "it is another's: the alarm of its owner until now ends")
    return turn.state.alarms[alarm_id]


def _lead(turn: Turn, effects: list[str], old: str, new: str) -> None:
    """What followed from the old alarm follows from the new one, to the end of each chain."""
    for effect_id in effects:
        effect = turn.state.alarms[effect_id]
        causes = tuple(
            msgspec.structs.replace(cause, alarm=new) if cause.alarm == old else cause for cause in effect.causes
        )
        parent = new if effect.parent == old else effect.parent
        turn.put_alarm(msgspec.structs.replace(effect, causes=causes, parent=parent))
    todo = deque(effects)
    seen = set(effects)
    while todo:
        alarm = turn.state.alarms[todo.popleft()]
        if alarm.root == old:
            turn.put_alarm(msgspec.structs.replace(alarm, root=new))
        fresh = [one for one in sorted(turn.state.effects.get(alarm.id, ())) if one not in seen]
        seen.update(fresh)
        todo.extend(fresh)
