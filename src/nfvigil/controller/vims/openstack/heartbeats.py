"""Tells a compute service's heartbeats from our own changes of its record: Nova stamps both alike. Pure."""

from __future__ import annotations

from typing import NamedTuple


class _Touch(NamedTuple):
    before_us: int
    after_us: int


class Heartbeats:
    """Remembers, for every host that we wrote to, which of Nova's stamps is ours.

    What an earlier process wrote is not known. Then a stamp counts as a heartbeat: the side on which nothing is
    evacuated by mistake.
    """

    def __init__(self) -> None:
        self._touches: dict[str, _Touch] = {}

    def touched(self, host: str, *, before_us: int, after_us: int) -> None:
        """We wrote to it: its stamp was ``before_us``, and is ``after_us`` now.

        Nova stamps by seconds, so they are the same where it had reported in that very second: before we wrote.
        """
        self._touches[host] = _Touch(self.last(host, before_us), after_us)

    def last(self, host: str, stamp_us: int) -> int:
        """When it reported last, if its record is stamped so."""
        touch = self._touches.get(host)
        return touch.before_us if touch is not None and touch.after_us == stamp_us else stamp_us

    def has_reported_since_touched(self, host: str, stamp_us: int) -> bool:
        """Whether it has reported since we last wrote to it; True where we never did."""
        touch = self._touches.get(host)
        return touch is None or stamp_us > touch.after_us

    def forget(self, known: set[str]) -> None:
        """Only these hosts exist."""
        for host in self._touches.keys() - known:
            del self._touches[host]
