"""Remembers which messages were taken already, so that one which is sent twice is looked at once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable


class Seen:
    """Bounded in number and in time."""

    def __init__(self, *, seconds: float, clock: Callable[[], float], size_max: int) -> None:
        self._seconds = seconds
        self._clock = clock
        self._size_max = size_max
        self._times: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._times)

    def is_new(self, id: str) -> bool:
        """Whether it was not seen within the time; from now on it is. What has no id is always new."""
        if not id:
            return True
        now = self._clock()
        while self._times and next(iter(self._times.values())) <= now - self._seconds:
            self._times.popitem(last=False)
        if id in self._times:
            return False
        self._times[id] = now
        if len(self._times) > self._size_max:
            self._times.popitem(last=False)
        return True
