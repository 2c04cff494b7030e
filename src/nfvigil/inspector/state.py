"""What the inspector remembers: faults that stand, alarms that follow from them, windows, maintenance.

It changes by ``put_*`` only, each of which can be taken back: a decision is tried on the state itself and rolled back,
so that a trial costs no copy, and applied for good when the verdict is durable.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from nfvigil.inspector.internal import VIM_NAMES
from nfvigil.model.alarm import Alarm, AlarmState, Mark, VimState
from nfvigil.model.fault import Fault
from nfvigil.model.resource import split_key
from nfvigil.model.verdict import Verdict

RESTORING = "restoring "
"""Memory keys of this prefix stand for the events whose actions are not all over. They hold the VIM states that are
on their way back, and to what.
"""
MAINTENANCE = "maintenance "
"""Memory keys of this prefix name the hosts that are in maintenance."""
HOLD = "hold "
"""Memory keys of this prefix name the VIMs in which nothing destructive may happen: ``{"since_us", "text", ...}``."""
RELEASED = "released "
"""Memory keys of this prefix say until when faults in a VIM are no reason for a new hold."""
AUTOMATION_OFF = "automation off"
"""Memory key: there while no automatic action may begin."""
PROOF = "fenced "
"""Memory keys of this prefix name the hosts that were proven off: ``{"epoch", "at_us", "driver", "by"}``. ``epoch`` is
the event's number: a host that returns and is fenced again has another one."""
ASKED = "asked "
"""Memory keys of this prefix stand for instructions that carried a key: ``{"event_id", "what", "at_us"}``."""
RECOVERY = "recovery "
"""Memory keys of this prefix hold what owners want done for a server, a group or all of a project."""
HELD = "held "
"""Memory keys of this prefix name the servers in ERROR whose owners are told so by something else: what of it is to be
told when that is over, and since when it is (``free_us``)."""
WINDOW = "window "
"""Memory keys of this prefix hold what a rule has counted: ``{"until_us": when it is over, "seen": [...]}``."""


class State:
    """Open faults and alarms with their indices, and the memory (aggregation windows, hosts in maintenance).

    Go through an index in sorted order: its own is another after a restart, and a replay would differ.
    """

    def __init__(
        self,
        *,
        faults: Iterable[Fault] = (),
        alarms: Iterable[Alarm] = (),
        memory: Mapping[str, Any] | None = None,
    ) -> None:
        self.faults: dict[str, Fault] = {}
        self.alarms: dict[str, Alarm] = {}
        self.memory: dict[str, Any] = {}
        self.fault_at: dict[tuple[str, str], str] = {}
        """(fault type, resource) -> fault"""
        self.faults_on: dict[str, dict[str, None]] = {}
        """resource -> the faults on it, and those that monitors of it speak of"""
        self.alarm_at: dict[tuple[str, str], str] = {}
        """(fault type, resource) -> alarm"""
        self.alarms_on: dict[str, dict[str, None]] = {}
        self.effects: dict[str, dict[str, None]] = {}
        """alarm -> the alarms that have it among their causes"""
        self.waiting: dict[int, dict[str, None]] = {}
        """event -> the alarms that are not confirmed before all its actions are over"""
        self.again: dict[int, dict[str, None]] = {}
        """event -> the alarms that are confirmed though the cloud does not agree, and for which it sets states again"""
        self.wanted: dict[str, dict[str, Mark]] = {}
        """VIM state (``Mark.key``) -> the alarms that ask for it"""
        self.restoring: dict[str, dict[str, str]] = {}
        """VIM state -> by memory key, what it is on its way back to"""
        self.in_maintenance: set[str] = set()
        """Keys of hosts"""
        self.proofs: set[str] = set()
        """Keys of the hosts that are proven off"""
        self.held: set[str] = set()
        """Keys of the servers that ``HELD`` names"""
        self.asked: dict[str, int] = {}
        """Memory keys of instructions -> when they were asked for, oldest first"""
        self.has_recovery = 0
        """How many recoveries owners have defined"""
        self.windows: list[tuple[int, str]] = []
        """(when it is over, memory key) of every window, sorted"""
        self._undo: list[Callable[[], None]] | None = None
        for fault in faults:
            self.put_fault(fault)
        for alarm in alarms:
            self.put_alarm(alarm)
        for key, value in (memory or {}).items():
            self.put_memory(key, value)

    def apply(self, verdict: Verdict) -> None:
        """Take in what was decided."""
        for fault in verdict.faults:
            self.put_fault(fault)
        for _, alarm in verdict.alarms:
            self.put_alarm(alarm)
        for alarm in verdict.silent:
            self.put_alarm(alarm)
        for key, value in verdict.memory.items():
            self.put_memory(key, value)

    def before(self, mark: str) -> str | None:
        """What a VIM state was before we set it, where we did and it is not known to be back."""
        for held in self.wanted.get(mark, {}).values():
            return held.before
        return self.restored_to(mark)

    @property
    def mistakable(self) -> list[str]:
        """The VIMs whose hosts cannot be told from others' by name, as far as that is an alarm."""
        return [split_key(key)[1] for kind, key in self.alarm_at if kind == VIM_NAMES]

    def is_free(self, host: str, vim: str, was_left_out: bool) -> bool:
        """Whether what is remembered of a host's key can be this VIM's host's: not another's alarm, and of one that
        waited for the other to go nothing at all.
        """
        if any(self.alarms[one].vim not in ("", vim) for one in self.alarms_on.get(host, ())):
            return False
        faults = (self.faults[one] for one in self.faults_on.get(host, ()))
        is_spoken_of = host in self.proofs or host in self.in_maintenance or any(one.resource == host for one in faults)
        return not (was_left_out and is_spoken_of)

    def free_since(self, vim: str, taken_us: int) -> list[str]:
        """The servers of a cloud whose ERROR was held for something that was over when a listing was begun."""
        found = []
        for key in sorted(self.held):
            held = self.memory[f"{HELD}{key}"]
            if held["details"]["vim"] == vim and held["free_us"] is not None and held["free_us"] < taken_us:
                found.append(key)
        return found

    def restored_to(self, mark: str) -> str | None:
        """What a VIM state is on its way back to."""
        by_event = self.restoring.get(mark)
        return by_event[max(by_event)] if by_event else None

    @contextmanager
    def trial(self) -> Iterator[None]:
        """Whatever is put inside is taken back at the end."""
        assert self._undo is None, "trials do not nest"
        self._undo = []
        try:
            yield
        finally:
            steps, self._undo = self._undo, None
            for step in reversed(steps):
                step()

    def put_fault(self, fault: Fault) -> None:
        """Enter a fault, or take it out if it is cleared."""
        old = self.faults.get(fault.id)
        self._set_fault(fault.id, None if fault.cleared_us is not None else fault)
        if self._undo is not None:
            self._undo.append(lambda: self._set_fault(fault.id, old))

    def put_alarm(self, alarm: Alarm) -> None:
        """Enter an alarm, or take it out if it is cleared."""
        old = self.alarms.get(alarm.id)
        self._set_alarm(alarm.id, alarm if alarm.is_open else None)
        if self._undo is not None:
            self._undo.append(lambda: self._set_alarm(alarm.id, old))

    def put_memory(self, key: str, value: Any) -> None:
        """Remember a value; None forgets it."""
        old = self.memory.get(key)
        self._set_memory(key, value)
        if self._undo is not None:
            self._undo.append(lambda: self._set_memory(key, old))

    def _set_memory(self, key: str, value: Any) -> None:
        if key.startswith(RESTORING):
            for mark in self.memory.get(key, ()):
                _leave(self.restoring, mark, key)
            for mark, before in (value or {}).items():
                self.restoring.setdefault(mark, {})[key] = before
        elif key.startswith(WINDOW):
            if key in self.memory:
                del self.windows[bisect_left(self.windows, (self.memory[key]["until_us"], key))]
            if value is not None:
                insort(self.windows, (value["until_us"], key))
        elif key.startswith(PROOF):
            (self.proofs.discard if value is None else self.proofs.add)(key.removeprefix(PROOF))
        elif key.startswith(HELD):
            (self.held.discard if value is None else self.held.add)(key.removeprefix(HELD))
        elif key.startswith(ASKED):
            self.asked.pop(key, None)
            if value is not None:
                self.asked[key] = value["at_us"]
        elif key.startswith(RECOVERY):
            self.has_recovery += (value is not None) - (key in self.memory)
        elif key.startswith(MAINTENANCE):
            host = key.removeprefix(MAINTENANCE)
            (self.in_maintenance.discard if value is None else self.in_maintenance.add)(host)
        if value is None:
            self.memory.pop(key, None)
        else:
            self.memory[key] = value

    def _set_fault(self, fault_id: str, fault: Fault | None) -> None:
        old = self.faults.pop(fault_id, None)
        if old is not None:
            self.fault_at.pop((old.type, old.resource), None)
            for resource in _places(old):
                _leave(self.faults_on, resource, fault_id)
        if fault is not None:
            self.faults[fault_id] = fault
            self.fault_at[fault.type, fault.resource] = fault_id
            for resource in _places(fault):
                self.faults_on.setdefault(resource, {})[fault_id] = None

    def _set_alarm(self, alarm_id: str, alarm: Alarm | None) -> None:
        old = self.alarms.get(alarm_id)
        if old is not None:
            for cause in old.causes:
                _leave(self.effects, cause.alarm, alarm_id)
            is_waiting = old.state is AlarmState.RAISED
            if is_waiting:
                _leave(self.waiting, old.event_id, alarm_id)
            for mark in old.marks:
                _leave(self.wanted, mark.key, alarm_id)
                if is_waiting and mark.event_id != old.event_id:
                    _leave(self.waiting, mark.event_id, alarm_id)
                elif mark.event_id != old.event_id:
                    _leave(self.again, mark.event_id, alarm_id)
            if alarm is None:
                del self.alarms[alarm_id]
                self.alarm_at.pop((old.fault_type, old.resource), None)
                _leave(self.alarms_on, old.resource, alarm_id)
        if alarm is not None:
            self.alarms[alarm_id] = alarm
            if old is None:
                self.alarm_at[alarm.fault_type, alarm.resource] = alarm_id
                self.alarms_on.setdefault(alarm.resource, {})[alarm_id] = None
            for cause in alarm.causes:
                self.effects.setdefault(cause.alarm, {})[alarm_id] = None
            is_waiting = alarm.state is AlarmState.RAISED
            if is_waiting:
                self.waiting.setdefault(alarm.event_id, {})[alarm_id] = None
            for mark in alarm.marks:
                self.wanted.setdefault(mark.key, {})[alarm_id] = mark
                if is_waiting and mark.event_id != alarm.event_id:
                    self.waiting.setdefault(mark.event_id, {})[alarm_id] = None
                elif mark.event_id != alarm.event_id and alarm.vim_state is VimState.INCONSISTENT:
                    self.again.setdefault(mark.event_id, {})[alarm_id] = None

    def chain(self, alarm_id: str) -> list[str]:
        """The alarm, what it is a consequence of, and so on to the root cause."""
        found = [alarm_id]
        while (alarm := self.alarms.get(found[-1])) is not None and alarm.parent and alarm.parent not in found:
            found.append(alarm.parent)
        return found


def _places(fault: Fault) -> set[str]:
    words = fault.assertions
    return {fault.resource, *(word.resource for word in words), *(word.named for word in words if word.named)}


def _leave(index: dict[Any, dict[str, Any]], place: Any, member: str) -> None:
    members = index.get(place)
    if members is not None:
        members.pop(member, None)
        if not members:
            del index[place]
