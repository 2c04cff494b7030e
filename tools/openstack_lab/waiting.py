"""What goes wrong in the lab, what it says meanwhile, and how it waits."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_started = time.monotonic()


class LabError(Exception):
    """The lab cannot do what was asked of it, and why, in one sentence."""


def say(text: str) -> None:
    print(f"lab {time.monotonic() - _started:6.1f} s  {text}", file=sys.stderr, flush=True)


def wait_until(check: Callable[[], T | None], what: str, *, seconds: float = 120.0, every: float = 0.1) -> T:
    """What ``check`` finds, as soon as it finds something."""
    deadline = time.monotonic() + seconds
    while True:
        if found := check():
            return found
        if time.monotonic() > deadline:
            raise LabError(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(every)
