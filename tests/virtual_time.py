"""A loop whose time jumps to whatever is waited for next: sleeping costs nothing, and a run repeats to the letter."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

SECONDS_MAX = 1e6
"""Nothing that we try out lasts eleven days: rather something waits and waits again."""


class _Jumping(selectors.SelectSelector):
    """Instead of waiting for files it lets the time pass that was to be waited."""

    def __init__(self, passes: Callable[[float], None]) -> None:
        super().__init__()
        self._passes = passes

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("everything waits, and nothing will ever happen")
        if timeout > 0:
            self._passes(timeout)
            return []
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_Jumping(self._pass))

    def time(self) -> float:
        return self._now

    def _pass(self, seconds: float) -> None:
        self._now += seconds
        if self._now > SECONDS_MAX:
            raise RuntimeError(f"not over after {SECONDS_MAX:g} seconds")


def run_virtually(main: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


def now_us() -> int:
    """A clock for parts that are handed one."""
    return round(asyncio.get_running_loop().time() * 1e6)
