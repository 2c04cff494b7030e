"""The workbench of one decision: what it reads from, and what it has changed so far."""

from __future__ import annotations

from typing import Any

import msgspec

from nfvigil.inspector.policy import CompiledPolicy, OnMaintenance, Rule, host_key
from nfvigil.inspector.resource_map import AnyRecord, Lookup
from nfvigil.inspector.state import State
from nfvigil.model.action import Action
from nfvigil.model.alarm import LIFE, Alarm, Sign, VimState
from nfvigil.model.event import Event
from nfvigil.model.fault import Fault
from nfvigil.model.resource import Server
from nfvigil.model.verdict import News, Reason, Step, Verdict


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
        if isinstance(record, Server):
            marks = self._state.wanted.get(f"server_error {key}")
            if marks:
                return msgspec.structs.replace(record, status=next(iter(marks.values())).before)
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
        self.actions: dict[str, Action] = {}
        self._steps: list[Step] = []
        self._faults: dict[str, Fault] = {}
        self._before: dict[str, Alarm | None] = {}
        self._closed: dict[str, Alarm] = {}
        self._confirmed: dict[str, None] = {}
        self._told: dict[str, None] = {}
        self._memory: dict[str, Any] = {}

    def put_fault(self, fault: Fault) -> None:
        self._faults[fault.id] = fault
        self.state.put_fault(fault)

    def put_alarm(self, alarm: Alarm) -> Alarm:
        self.keep(alarm.id)
        self.state.put_alarm(alarm)
        if not alarm.is_open:
            self._closed[alarm.id] = alarm
        return alarm

    def keep(self, alarm_id: str) -> None:
        """Remember how an alarm looked before this decision."""
        self._before.setdefault(alarm_id, self.state.alarms.get(alarm_id))

    def before(self, alarm_id: str) -> Alarm | None:
        return self._before.get(alarm_id)

    def remember(self, name: str, value: Any) -> None:
        self._memory[name] = value
        self.state.put_memory(name, value)

    def confirm(self, alarm: Alarm, vim_state: VimState) -> None:
        """The cloud says the same as the alarm, or has been given up."""
        state = LIFE.get((alarm.state, Sign.VIM_SETTLED))
        if state is not None:
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
        if rule.in_maintenance is OnMaintenance.RAISE:
            return False
        host = host_key(key, self.map)
        return host is not None and f"maintenance {host}" in self.state.memory

    def finish(self) -> None:
        """Alarms that this event raised and for which nothing need be set are as true as they will get."""
        if self.actions:
            return
        for alarm_id in tuple(self.state.raised_by.get(self.event.id, ())):
            alarm = self.state.alarms[alarm_id]
            if not any(self._is_pending(mark.key, alarm_id) for mark in alarm.marks):
                self.confirm(alarm, VimState.CONSISTENT)

    def _is_pending(self, mark: str, alarm_id: str) -> bool:
        """Whether a state that the alarm shares with others is still being set for them."""
        others = (self.state.alarms[other] for other in self.state.wanted.get(mark, ()) if other != alarm_id)
        return any(other.vim_state is VimState.PENDING for other in others)

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
            alarms=tuple(alarms + confirmed),
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
        or before.text != after.text
    )
