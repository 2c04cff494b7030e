"""One VIM's queue of actions that are free to begin, and how many may be under way there.

A VIM that has answered none of the last calls is silent: it is asked by one call at a time, with longer and longer
pauses, instead of by all that wait. Nobody waits for another VIM's lane.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nfvigil.model.action import Action

SILENT_AFTER_MISSES = 8


@dataclass(slots=True, eq=False)
class Job:
    """An action on its way: the only thing here that changes."""

    action: Action
    lane: Lane
    vim: str
    offered_at: float
    """Times here are the event loop's: they do not jump when somebody sets the clock."""
    may_have_changed: bool
    """An earlier try may have taken effect, although no answer says so."""
    waits: int = 0
    """For how many things it still waits before it may begin."""
    timer: asyncio.TimerHandle | None = None
    """Until when it pauses, where it does."""
    is_superseded: bool = False
    """Somebody asks for the state again that it was to restore."""
    tries: int = 0
    first_try_at: float = 0.0


class Lane:
    def __init__(self, *, limit: int, pause_seconds: float, pause_max_seconds: float) -> None:
        self.limit = limit
        self.jobs = 0
        """Actions of this VIM that are not over, wherever they wait."""
        self.active = 0
        self.silent_since = 0.0
        """When the first call after the last answer was missed."""
        self._pause_seconds = pause_seconds
        self._pause_max_seconds = pause_max_seconds
        self._misses = 0
        self._pause: asyncio.TimerHandle | None = None
        self._ready: deque[Job] = deque()
        self._idle: deque[asyncio.Future[None]] = deque()
        self._closed = False

    @property
    def is_silent(self) -> bool:
        return self._misses >= SILENT_AFTER_MISSES

    def push(self, job: Job) -> None:
        self._ready.append(job)
        self._wake()

    def push_later(self, job: Job, delay_seconds: float) -> None:
        job.timer = asyncio.get_running_loop().call_later(delay_seconds, self.push_now, job)

    def push_now(self, job: Job) -> None:
        """It need not pause any longer."""
        if job.timer is not None:
            job.timer.cancel()
            job.timer = None
            self.push(job)

    async def take(self) -> Job | None:
        """The next one, when there is one and the limit allows it; None when the lane is closed.

        Whoever takes one says ``give_back`` when the call is over.
        """
        while not self._closed:
            if self._free() > 0:
                self.active += 1
                return self._ready.popleft()
            turn = asyncio.get_running_loop().create_future()
            self._idle.append(turn)
            await turn
        return None

    def give_back(self) -> None:
        self.active -= 1
        self._wake()

    def answered(self) -> None:
        """The VIM said something, if only that it refuses."""
        self._misses = 0
        if self._pause is not None:
            self._pause.cancel()
            self._resume()

    def missed(self) -> None:
        """The VIM did not answer, or that it cannot at the moment."""
        if not self._misses:
            self.silent_since = asyncio.get_running_loop().time()
        self._misses += 1
        if self.is_silent and self._pause is None:
            pause = self._pause_seconds * 2.0 ** min(self._misses - SILENT_AFTER_MISSES, 20)
            loop = asyncio.get_running_loop()
            self._pause = loop.call_later(min(pause, self._pause_max_seconds), self._resume)

    def close(self) -> None:
        """Nothing more is taken from here."""
        self._closed = True
        while self._idle:
            _let_go(self._idle.popleft())

    def _resume(self) -> None:
        self._pause = None
        self._wake()

    def _free(self) -> int:
        """How many could begin right now."""
        if self._pause is not None:
            return 0
        return min(len(self._ready), (1 if self.is_silent else self.limit) - self.active)

    def _wake(self) -> None:
        for _ in range(self._free()):
            if not self._idle:
                break
            _let_go(self._idle.popleft())


def _let_go(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_result(None)
