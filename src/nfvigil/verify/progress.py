"""What is being done, said on standard error: a line a step, and a counter where many things are waited for."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

LINE_EVERY_SECONDS = 5.0


class Progress:
    """On a terminal a counter stays on its line; elsewhere it is said now and then."""

    def __init__(self, *, to: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._to = to if to is not None else sys.stderr
        self._clock = clock
        self._is_open = False
        self._said = 0.0

    def say(self, text: str) -> None:
        self._end_line()
        self._write(f"{printable(text)}\n")

    def count(self, what: str, done: int, of: int) -> None:
        if self._to.isatty():
            self._write(f"\r  {what}: {done} of {of} ")
            self._is_open = done < of
            if not self._is_open:
                self._write("\n")
        elif done == of or self._clock() - self._said >= LINE_EVERY_SECONDS:
            self._said = self._clock()
            self._write(f"  {what}: {done} of {of}\n")

    def _end_line(self) -> None:
        if self._is_open:
            self._is_open = False
            self._write("\n")

    def _write(self, text: str) -> None:
        try:
            self._to.write(text)
            self._to.flush()
        except OSError:
            pass  # Whoever listened has gone; what was begun must be brought to its end all the same.


def printable(text: str) -> str:
    """Without what a terminal would obey: names and reasons come from clouds."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
