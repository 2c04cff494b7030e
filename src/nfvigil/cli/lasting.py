"""A command that would go on for ever, ended after some time."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

ForOption = Annotated[
    float | None, typer.Option("--for", min=0, metavar="SECONDS", help="Then end; never if left out.")
]


class _Over(Exception):
    """The time is up."""


@contextmanager
def lasting(seconds: float | None) -> Iterator[None]:
    """End what is inside after so long, also while it waits."""

    def end(*_: object) -> None:
        raise _Over

    if seconds is None:
        yield
        return
    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, max(0.001, seconds))
    try:
        yield
    except _Over:
        pass  # The time that was asked for: its end is no failure.
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
