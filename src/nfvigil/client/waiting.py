"""Look again and again until something is over, but not for ever."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from nfvigil.errors import UnavailableError

LOOK_SECONDS = 0.5

Seen = TypeVar("Seen")


class StillWaitingError(UnavailableError):
    """It is not over yet, and goes on without us."""


def wait_until(
    look: Callable[[], Seen],
    is_over: Callable[[Seen], bool],
    *,
    most_seconds: float,
    what: str,
    tell: Callable[[Seen], None] = lambda _: None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Seen:
    """What was seen last. ``tell`` hears of each look. StillWaitingError after ``most_seconds``."""
    until = clock() + most_seconds
    while True:
        seen = look()
        if is_over(seen):
            return seen
        tell(seen)
        left = until - clock()
        if left <= 0:
            raise StillWaitingError(f"{what} is not over after {most_seconds:g} s, and goes on")
        sleep(min(LOOK_SECONDS, left))
