"""A poster that needs no network: it keeps what was sent, and answers what it is told to."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import NamedTuple

from nfvigil.notifier.poster import Answer, Target

KEPT_MAX = 10_000


class Posted(NamedTuple):
    """One message that was sent."""

    target: Target
    headers: dict[str, str]
    body: bytes


class MemoryPoster:
    """Plays the consumers in trials and tests. ``answer`` may raise, as a real one's absence does."""

    def __init__(self, answer: Callable[[Posted], Answer] = lambda _posted: Answer(200)) -> None:
        self._answer = answer
        self.posted: deque[Posted] = deque(maxlen=KEPT_MAX)

    async def post(self, target: Target, headers: Mapping[str, str], body: bytes, timeout_seconds: float) -> Answer:
        posted = Posted(target, dict(headers), body)
        answer = self._answer(posted)
        self.posted.append(posted)
        return answer

    async def close(self) -> None:
        """Nothing is open; what was sent can still be read."""
