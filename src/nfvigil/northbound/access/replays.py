"""Which signed messages came already: each id of a monitor is taken in once within the time that its stamp is good for.

In memory, with a bound for each key. Where more come than are remembered, what is older than the oldest remembered is
not taken any more: so an id that was forgotten cannot come again, and the monitor sends it with a new stamp.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from enum import Enum
from hashlib import blake2b

IDS_MAX = 20_000
"""Remembered for each key."""


class Seen(Enum):
    NEW = "new"
    UNDER_WAY = "under way"
    TAKEN = "taken"
    TOO_OLD = "too old"
    """Older than what is remembered."""


@dataclass(slots=True)
class _Of:
    """What is known of one key's messages."""

    stamps: dict[bytes, int] = field(default_factory=dict)
    under_way: set[bytes] = field(default_factory=set)
    by_age: list[tuple[int, bytes]] = field(default_factory=list)
    floor: int = 0


class Replays:
    """Times are seconds since 1970. ``tolerance`` is how far a stamp may be from our clock."""

    def __init__(self, *, tolerance: int, ids_max: int = IDS_MAX) -> None:
        self._tolerance = tolerance
        self._ids_max = ids_max
        self._keys: dict[str, _Of] = {}

    def __len__(self) -> int:
        return sum(len(one.stamps) for one in self._keys.values())

    def begin(self, key: str, message_id: str, stamp: int, now: int) -> Seen:
        """If NEW, it is under way until ``settle``. Only for messages whose signature is good."""
        one = self._keys.setdefault(key, _Of())
        self._forget_old(one, now)
        mark = _mark(message_id)
        if mark in one.stamps:
            return Seen.UNDER_WAY if mark in one.under_way else Seen.TAKEN
        if stamp <= one.floor:
            return Seen.TOO_OLD
        one.stamps[mark] = stamp
        one.under_way.add(mark)
        heapq.heappush(one.by_age, (stamp, mark))
        while len(one.by_age) > self._ids_max:
            self._drop_oldest(one, is_room_needed=True)
        return Seen.NEW

    def settle(self, key: str, message_id: str, *, is_taken: bool) -> None:
        one = self._keys.get(key)
        if one is None:
            return
        mark = _mark(message_id)
        one.under_way.discard(mark)
        if not is_taken:
            one.stamps.pop(mark, None)

    def keep_only(self, keys: frozenset[str]) -> None:
        """Keys that are revoked need no memory."""
        for key in [key for key in self._keys if key not in keys]:
            del self._keys[key]

    def _forget_old(self, one: _Of, now: int) -> None:
        while one.by_age and one.by_age[0][0] < now - self._tolerance:
            self._drop_oldest(one, is_room_needed=False)

    def _drop_oldest(self, one: _Of, *, is_room_needed: bool) -> None:
        stamp, mark = heapq.heappop(one.by_age)
        if one.stamps.get(mark) == stamp:
            del one.stamps[mark]
            one.under_way.discard(mark)
        if is_room_needed:
            one.floor = max(one.floor, stamp)


def _mark(message_id: str) -> bytes:
    return blake2b(message_id.encode(), digest_size=16).digest()
