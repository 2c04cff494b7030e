"""Players for the controller's tests: a small simulated cloud, actions by kind, a VIM that does as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import count
from time import time_ns
from typing import Any

from nfvigil.controller.feed import Feed, Reader
from nfvigil.controller.runner import Controller
from nfvigil.controller.vim import Vim
from nfvigil.controller.vims.simulated import SimulatedVim
from nfvigil.model.action import Action, Outcome
from nfvigil.model.resource import Snapshot

_numbers = count(1)


def new_vim(**options: Any) -> SimulatedVim:
    few = {"hosts": 4, "servers_per_host": 2, "ports_per_server": 1, "volumes_per_server": 1, "projects": 2}
    return SimulatedVim.from_options("sim", few | options, lambda: 1_700_000_000_000_000)


def new_action(kind: str, target: str, **fields: Any) -> Action:
    return Action(**{"id": f"a{next(_numbers)}", "kind": kind, "target": target, "vim": "sim", "event_id": 1} | fields)


class Told:
    """A VIM whose ``perform`` is what the test says; it remembers what began and what was under way at once."""

    def __init__(self, answer: Callable[[Action], Awaitable[Outcome]] | None = None) -> None:
        self.name = "sim"
        self.begun: list[Action] = []
        self.over: list[str] = []
        self.busy = self.busy_max = 0
        self._answer = answer or self._at_once

    async def _at_once(self, _action: Action) -> Outcome:
        await asyncio.sleep(0)
        return Outcome(changed=True, text="done")

    async def perform(self, action: Action) -> Outcome:
        self.begun.append(action)
        self.busy += 1
        self.busy_max = max(self.busy, self.busy_max)
        try:
            return await self._answer(action)
        finally:
            self.busy -= 1
            self.over.append(action.id)

    async def snapshot(self) -> Snapshot:
        return Snapshot(vim=self.name, taken_us=0)

    def changes(self) -> Reader:
        return Feed().read()

    async def show(self, key: str) -> dict[str, Any]:
        return {"key": key}

    async def close(self) -> None:
        self.begun.clear()


class Reports:
    """What the store would be told, in order, and the latest of each action."""

    def __init__(self) -> None:
        self.calls: list[list[Action]] = []

    async def __call__(self, actions: Sequence[Action]) -> None:
        self.calls.append(list(actions))

    @property
    def all(self) -> list[Action]:
        return [action for call in self.calls for action in call]

    @property
    def last(self) -> dict[str, Action]:
        return {action.id: action for action in self.all}

    async def until_over(self, ids: Sequence[str], seconds: float = 10) -> dict[str, Action]:
        await until(lambda: all(i in self.last and self.last[i].state.is_over for i in ids), seconds)
        return self.last


async def until(is_so: Callable[[], bool], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not is_so():  # noqa: ASYNC110 - what is waited for is anything a test can see from outside
            await asyncio.sleep(0.001)


@asynccontextmanager
async def running(vims: dict[str, Vim] | Vim, reports: Any = None, **settings: Any) -> AsyncIterator[Controller]:
    """A controller at work; with short times, so that nothing here has to be waited for."""
    short = {"backoff_seconds": 0.001, "backoff_max_seconds": 0.01, "timeout_seconds": 5.0}
    controller = Controller(
        vims=vims if isinstance(vims, dict) else {"sim": vims},
        report=reports or Reports(),
        clock=lambda: time_ns() // 1000,
        **(short | settings),
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(controller.run())
        try:
            yield controller
        finally:
            await controller.close(grace_seconds=0.1)
