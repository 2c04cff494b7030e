"""Tells the brakes what was decided, in the same turn and before anything of it is done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from nfvigil.brakes.gate import Gate
from nfvigil.brakes.watch import OutageWatch
from nfvigil.controller.runner import Controller
from nfvigil.inspector import internal
from nfvigil.inspector.state import HOLD, PROOF, RELEASED, State
from nfvigil.model.alarm import Alarm
from nfvigil.model.event import Event
from nfvigil.model.resource import Kind, ResourceState, split_key
from nfvigil.model.verdict import Decision, News

RECONSIDER_SECONDS = 0.05
"""What the gate holds back is asked about again this long after something was decided, once for all that was."""
RECONSIDERED_A_SECOND = 10_000
"""More are not asked about in a second: thousands that wait cost no more than a few per cent of the time."""

_LOST = (ResourceState.DOWN, ResourceState.ERROR)


class LookOut:
    def __init__(
        self,
        *,
        watch: OutageWatch,
        gate: Gate,
        controller: Callable[[], Controller],
        is_failed: Callable[[str], bool],
    ) -> None:
        """``is_failed`` says of a host's key whether it is being forced down."""
        self._watch = watch
        self._gate = gate
        self._controller = controller
        self._is_failed = is_failed
        self._counted: set[str] = set()
        """Alarms of lost hosts that were counted: that one is acknowledged, or changes, is no other failure."""
        self._is_due = False

    def resume(self, state: State) -> None:
        """What an earlier process knew of failures, holds and releases."""
        for name, held in state.memory.items():
            if name.startswith(HOLD):
                self._watch.held(name.removeprefix(HOLD), held["text"])
        for (kind, resource), alarm_id in state.alarm_at.items():
            if kind == internal.VIM_UNREACHABLE:
                self._watch.unreachable(split_key(resource)[1], True, state.alarms[alarm_id].raised_us)
        for alarm in sorted(state.alarms.values(), key=lambda alarm: alarm.raised_us):
            released = state.memory.get(f"{RELEASED}{alarm.vim}")
            if _is_lost_host(alarm):
                self._counted.add(alarm.id)
            if _is_lost_host(alarm) and (released is None or alarm.raised_us > released["at_us"]):
                self._watch.failed(alarm.vim, alarm.resource, alarm.raised_us)

    def __call__(self, decisions: Sequence[Decision]) -> None:
        for decision in decisions:
            self._condition(decision.event)
            for name, value in decision.verdict.memory.items():
                if name.startswith(PROOF) and value is None:
                    self._gate.returned(name.removeprefix(PROOF))
            for news, alarm in decision.verdict.alarms:
                if news is News.CLEARED and alarm.resource.startswith("host/"):
                    self._counted.discard(alarm.id)
                    if not self._is_failed(alarm.resource):
                        self._gate.returned(alarm.resource)
                elif _is_lost_host(alarm) and alarm.id not in self._counted and news is not News.CONFIRMED:
                    self._counted.add(alarm.id)
                    self._watch.failed(alarm.vim, alarm.resource, decision.event.received_us)
        controller = self._controller()
        if controller.held and not self._is_due:
            self._is_due = True
            delay = RECONSIDER_SECONDS + controller.held / RECONSIDERED_A_SECOND
            asyncio.get_running_loop().call_later(delay, self._reconsider, controller)

    def _reconsider(self, controller: Controller) -> None:
        self._is_due = False
        controller.reconsider()

    def _condition(self, event: Event) -> None:
        if event.door != internal.DOOR:
            return
        vim = split_key(event.resource)[1]
        if event.type == internal.HOLD and event.is_clear:
            self._watch.released(vim)
        elif event.type == internal.HOLD:
            self._watch.held(vim, event.cause)
        elif event.type == internal.VIM_UNREACHABLE:
            self._watch.unreachable(vim, not event.is_clear, event.received_us)


def _is_lost_host(alarm: Alarm) -> bool:
    kind = split_key(alarm.resource)[0]
    return kind == Kind.HOST and alarm.is_open and not alarm.predicted and alarm.resource_state in _LOST
