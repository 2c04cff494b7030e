"""How often: buckets that fill at a steady pace, one a caller, and the wrong credentials that an address has tried.

Pure but for what they remember, and that has a bound. Times are microseconds of any clock, handed in.
"""

from __future__ import annotations

from collections import OrderedDict

from nfvigil.model.times import SECOND

CALLERS_MAX = 10_000
ADDRESSES_MAX = 10_000
WINDOW_US = 60 * SECOND


class Buckets:
    """Each caller may ask ``burst`` times at once, and ``per_second`` times a second in the long run; 0 is no bound."""

    def __init__(self, *, per_second: float, burst: int, callers_max: int = CALLERS_MAX) -> None:
        self._per_second = per_second
        self._burst = float(max(1, burst))
        self._callers_max = callers_max
        self._left: OrderedDict[tuple[str, ...], tuple[float, int]] = OrderedDict()
        """What is left, and when that was so. Whoever is forgotten for want of room begins anew with a full one."""

    def __len__(self) -> int:
        return len(self._left)

    def take(self, caller: tuple[str, ...], now_us: int) -> float:
        """0 where it may; otherwise after how many seconds it may again."""
        if self._per_second <= 0:
            return 0.0
        left, since_us = self._left.get(caller, (self._burst, now_us))
        left = min(self._burst, left + max(0, now_us - since_us) / SECOND * self._per_second)
        wait = 0.0 if left >= 1 else (1 - left) / self._per_second
        self._left[caller] = (left - 1 if wait == 0 else left, now_us)
        self._left.move_to_end(caller)
        if len(self._left) > self._callers_max:
            self._left.popitem(last=False)
        return wait


class Tries:
    """Wrong credentials by source address. The same one again is no new try: a monitor whose token has ended sends it
    every second, and tries nothing by that.
    """

    def __init__(self, *, per_minute: int, addresses_max: int = ADDRESSES_MAX) -> None:
        self._per_minute = per_minute
        self._addresses_max = addresses_max
        self._wrong: OrderedDict[str, OrderedDict[str, int]] = OrderedDict()
        """Address -> hash of what was wrong -> when it was first seen."""

    def __len__(self) -> int:
        return len(self._wrong)

    def wait(self, address: str, hashed: str, now_us: int) -> float:
        """0 where the address may try this; otherwise after how many seconds it may try another."""
        found = self._wrong.get(address)
        if found is None or self._per_minute <= 0:
            return 0.0
        while found and next(iter(found.values())) + WINDOW_US <= now_us:
            found.popitem(last=False)
        if not found:
            del self._wrong[address]
            return 0.0
        if len(found) < self._per_minute or hashed in found:
            return 0.0
        return (next(iter(found.values())) + WINDOW_US - now_us) / SECOND

    def failed(self, address: str, hashed: str, now_us: int) -> None:
        if self._per_minute <= 0:
            return
        found = self._wrong.setdefault(address, OrderedDict())
        if len(found) < self._per_minute:
            found.setdefault(hashed, now_us)
        self._wrong.move_to_end(address)
        if len(self._wrong) > self._addresses_max:
            self._wrong.popitem(last=False)
