"""Whether a VIM can be reached, from how its listings and its changes go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Spell:
    """A run of failures. ``on_long`` is called, with the last failure, when it has lasted too long or is too many."""

    def __init__(self, *, seconds: float, failures_max: int, on_long: Callable[[str], None]) -> None:
        self.failures = 0
        self._seconds = seconds
        self._failures_max = failures_max
        self._on_long = on_long
        self._text = ""
        self._timer: asyncio.TimerHandle | None = None

    def failed(self, text: str, *, by_number: bool = True) -> None:
        self.failures += 1
        self._text = text
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._seconds, lambda: self._on_long(self._text))
        if by_number and self.failures >= self._failures_max:
            self._on_long(text)

    def over(self) -> None:
        self.failures = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Reach:
    """Puts the two together: changes count until a listing has shown that it is not the VIM that is away."""

    def __init__(self, *, seconds: float, failures_max: int, put: Callable[[bool, str], None]) -> None:
        self._put = put
        self._listings = Spell(seconds=seconds, failures_max=failures_max, on_long=self._is_away)
        self._changes = Spell(seconds=seconds, failures_max=failures_max, on_long=self._is_away)
        self._is_listing = False
        self._only_changes = False

    def listing(self) -> None:
        self._is_listing = True

    def listed(self) -> None:
        self._is_listing = False
        self._only_changes = self._only_changes or self._changes.failures > 0
        self._listings.over()
        self._changes.over()
        self._put(False, "")

    def not_listed(self, text: str) -> None:
        self._is_listing = False
        self._listings.failed(text)

    def changes_failed(self, text: str) -> None:
        if not self._only_changes:
            # A bus fails three times in two seconds; the listing that this led to may be about to show more.
            self._changes.failed(text, by_number=not self._is_listing)

    def changes_well(self) -> None:
        self._only_changes = False
        self._changes.over()

    def close(self) -> None:
        self._listings.over()
        self._changes.over()

    def _is_away(self, text: str) -> None:
        self._put(True, text)
