"""The workbench of one decision: what it reads from, and what it has changed so far."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

import msgspec

from nfvigil.inspector.policy import CompiledPolicy, OnMaintenance, Rule, host_key
from nfvigil.inspector.resource_map import AnyRecord, Lookup
from nfvigil.inspector.state import RESTORING, State
from nfvigil.model.action import RANK, Action, ActionKind, is_state
from nfvigil.model.alarm import LIFE, Alarm, AlarmState, Mark, Sign, VimState
from nfvigil.model.cloud_state import WANTED, state_now
from nfvigil.model.event import Event
from nfvigil.model.fault import Fault
from nfvigil.model.resource import Host, Port, Server, Volume
from nfvigil.model.verdict import News, Reason, Step, Verdict

_SET_BY_US: dict[type[AnyRecord], tuple[tuple[str, str, str], ...]] = {
    Host: (
        (ActionKind.FORCE_DOWN, "forced_down", "True"),
        (ActionKind.SERVICE_DISABLE, "service_enabled", "enabled"),
    ),
    Server: ((ActionKind.SERVER_ERROR, "status", ""),),
    Volume: ((ActionKind.VOLUME_ERROR, "status", ""),),
    Port: (
        (ActionKind.PORT_DATA_PLANE_DOWN, "data_plane_status", ""),
        (ActionKind.PORT_ADMIN_DOWN, "admin_up", "True"),
    ),
}
"""Where a state that we set stands in the record, and where that is a truth value, the word that is true."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What an alarm says of its resource."""

    name: str
    project: str
    vim: str
    vnf: str
    vnfc: str
    called: str = ""
    """In its text, where that is not the name."""


class AsItWas:
    """The map with the states that we set ourselves taken away: a server that we put to ERROR still counts as ACTIVE
    for a policy, or what we did for one fault would hide it from the next.
    """

    def __init__(self, lookup: Lookup, state: State) -> None:
        self._lookup = lookup
        self._state = state
        self.resolve = lookup.resolve
        self.related = lookup.related

    def get(self, key: str) -> AnyRecord | None:
        record = self._lookup.get(key)
        if record is None or not (self._state.wanted or self._state.restoring):
            return record
        for kind, field, true in _SET_BY_US.get(type(record), ()):
            before = self._state.before(f"{kind} {key}")
            if before is not None and state_now(kind, record) == WANTED[kind]:  # else somebody else changed it
                record = msgspec.structs.replace(record, **{field: before == true if true else before})
        return record


class Turn:
    """One decision in the making. Everything that it enters in ``state`` is rolled back by the caller."""

    def __init__(self, event: Event, policy: CompiledPolicy, lookup: Lookup, state: State) -> None:
        self.event = event
        self.now = event.received_us
        self.policy = policy
        self.state = state
        self.map: Lookup = AsItWas(lookup, state)
        self.map_now = lookup
        self.facts: dict[str, Facts] = {}
        """What we were told of resources whose alarms the map says nothing on: they may be gone."""
        self.actions: dict[str, Action] = {}
        self._steps: list[Step] = []
        self._faults: dict[str, Fault] = {}
        self._before: dict[str, Alarm | None] = {}
        self._closed: dict[str, Alarm] = {}
        self._confirmed: dict[str, None] = {}
        self._told: dict[str, None] = {}
        self._memory: dict[str, Any] = {}
        self._reported: list[tuple[News, Alarm]] = []

    def put_fault(self, fault: Fault) -> None:
        self._faults[fault.id] = fault
        self.state.put_fault(fault)

    def put_alarm(self, alarm: Alarm) -> Alarm:
        self.keep(alarm.id)
        self.state.put_alarm(alarm)
        if alarm.is_open:
            self._closed.pop(alarm.id, None)  # it fell, and follows from something else after all
        else:
            self._closed[alarm.id] = alarm
        return alarm

    def keep(self, alarm_id: str) -> None:
        """Remember how an alarm looked before this decision."""
        self._before.setdefault(alarm_id, self.state.alarms.get(alarm_id))

    def before(self, alarm_id: str) -> Alarm | None:
        return self._before.get(alarm_id)

    @property
    def ended(self) -> list[str]:
        """The resources whose alarms this decision has closed."""
        return [alarm.resource for alarm in self._closed.values()]

    def remember(self, name: str, value: Any) -> None:
        self._memory[name] = value
        self.state.put_memory(name, value)

    def confirm(self, alarm: Alarm, vim_state: VimState) -> None:
        """The cloud says the same as the alarm, or has been given up."""
        state = LIFE[alarm.state, Sign.VIM_SETTLED]
        self.put_alarm(msgspec.structs.replace(alarm, state=state, vim_state=vim_state))
        self._confirmed[alarm.id] = None

    def tell(self, alarm: Alarm) -> None:
        """The change is news, however small."""
        self._told[alarm.id] = None

    def say(self, reason: Reason, rule: str = "", resource: str = "", text: str = "") -> None:
        """A line of the explanation."""
        self._steps.append(Step(rule=rule, reason=reason, resource=resource, text=text))

    def is_suppressed(self, rule: Rule, key: str) -> bool:
        """Whether a host's maintenance keeps the rule from acting on a resource."""
        if not self.state.in_maintenance or rule.in_maintenance is OnMaintenance.RAISE:
            return False
        return host_key(key, self.map) in self.state.in_maintenance

    def report(self, alarm: Alarm) -> None:
        """News of something that is over already: told and kept, and no alarm that stands."""
        self._reported.append((News.ACTION, alarm))

    def finish(self) -> None:
        """Alarms that this event raised and for which nothing need be set are as true as they will get. What is
        done once is not waited for: an evacuation may take minutes, or wait for an operator.
        """
        name = f"{RESTORING}{self.event.id}"
        if not any(is_state(action.kind) for action in self.actions.values()):
            self.settle(self.event.id, frozenset())
        elif name not in self.state.memory:
            self.remember(name, {})

    def settle(self, event_id: int, failed: Set[str]) -> None:
        """All actions of an event are over: confirm the alarms that waited for nothing else."""
        for alarm_id in sorted(self.state.waiting.get(event_id, ())):
            alarm = self.state.alarms[alarm_id]
            events = {alarm.event_id, *(mark.event_id for mark in alarm.marks)}
            if not any(f"{RESTORING}{other}" in self.state.memory for other in events):
                is_bad = any(mark.target in failed or self._was_given_up(mark) for mark in alarm.marks)
                self.confirm(alarm, VimState.INCONSISTENT if is_bad else VimState.CONSISTENT)
        self._agree(event_id, failed)
        for target in failed:
            for kind in RANK:
                for alarm_id, mark in sorted(
                    self.state.wanted.get(f"{kind} {target}", {}).items(), key=lambda item: item[0]
                ):
                    alarm = self.state.alarms[alarm_id]
                    if mark.event_id == event_id and alarm.state is AlarmState.CONFIRMED:
                        self.put_alarm(msgspec.structs.replace(alarm, vim_state=VimState.INCONSISTENT))

    def _agree(self, event_id: int, failed: Set[str]) -> None:
        """What was set again for this event, and not given up again: the cloud agrees with the alarms at last."""
        for alarm_id in sorted(self.state.again.get(event_id, ())):
            alarm = self.state.alarms[alarm_id]
            is_set = [mark.event_id == event_id or self._is_set(mark) for mark in alarm.marks]
            if all(is_set) and not any(mark.target in failed for mark in alarm.marks):
                self.put_alarm(msgspec.structs.replace(alarm, vim_state=VimState.CONSISTENT, changed_us=self.now))
                self.tell(self.state.alarms[alarm_id])

    def _is_set(self, mark: Mark) -> bool:
        record = self.map_now.get(mark.target)
        return record is not None and state_now(mark.kind, record) == WANTED[mark.kind]

    def _was_given_up(self, mark: Mark) -> bool:
        """Whether another alarm that asked for the state was told that the cloud may not agree."""
        others = (self.state.alarms[other] for other in self.state.wanted[mark.key])
        return any(other.vim_state is VimState.INCONSISTENT for other in others)

    def verdict(self) -> Verdict:
        """What was decided, in an order in which it can be applied and told."""
        alarms: list[tuple[News, Alarm]] = []
        silent: list[Alarm] = []
        confirmed: list[tuple[News, Alarm]] = []
        for alarm_id, before in self._before.items():
            closed = self._closed.get(alarm_id)
            alarm = closed or self.state.alarms.get(alarm_id)
            if alarm is None or alarm == before or (closed and before is None):
                continue  # it came and went within the one event
            if closed:
                alarms.append((News.CLEARED, closed))
                continue
            if before is None:
                alarms.append((News.RAISED, alarm))
            elif alarm_id in self._told or is_news(before, alarm):
                alarms.append((News.CHANGED, alarm))
            elif alarm_id not in self._confirmed:
                silent.append(alarm)
            if alarm_id in self._confirmed:
                confirmed.append((News.CONFIRMED, alarm))
        return Verdict(
            event_id=self.event.id,
            policy=self.policy.label,
            steps=tuple(self._steps),
            faults=tuple(self._faults.values()),
            alarms=tuple(alarms + confirmed + self._reported),
            silent=tuple(silent),
            actions=tuple(self.actions.values()),
            memory=self._memory,
        )


def is_news(before: Alarm, after: Alarm) -> bool:
    """Whether a change of an alarm is something that its owner wants to hear of."""
    return (
        before.is_root_cause != after.is_root_cause
        or before.severity is not after.severity
        or before.predicted != after.predicted
        or before.resource_state is not after.resource_state
        or before.audience is not after.audience
        or before.text != after.text
    )
