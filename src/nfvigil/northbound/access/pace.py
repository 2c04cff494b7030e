"""Holds callers to their share of requests, and addresses to their share of wrong credentials."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network

from nfvigil.errors import TooOftenError
from nfvigil.model.identity import Identity, Via
from nfvigil.model.times import SECOND
from nfvigil.northbound.access.open_doors import address_of
from nfvigil.northbound.access.rates import Buckets, Tries
from nfvigil.northbound.access.settings import RateSettings

PROVEN_US = 3600 * SECOND
PROVEN_MAX = 20_000


@lru_cache(maxsize=4096)
def place_of(host: str) -> str:
    """Where somebody comes from, for counting: of IPv6 the network, as whoever has one has 2^64 addresses in it."""
    address = address_of(host)
    return str(IPv6Network((int(address) >> 64 << 64, 64))) if isinstance(address, IPv6Address) else host


class Pace:
    """``count`` hears which bound was met: requests, events, credentials."""

    def __init__(
        self, *, settings: RateSettings, clock: Callable[[], int], count: Callable[[str], None] = lambda bound: None
    ) -> None:
        self._clock = clock
        self._count = count
        self._requests = Buckets(per_second=settings.per_second, burst=settings.burst)
        self._events = Buckets(per_second=settings.events_per_second, burst=settings.events_burst)
        self._tries = Tries(per_minute=settings.failures_per_minute)
        self._proven: OrderedDict[tuple[str, str], int] = OrderedDict()
        """Address and credential that were good together, and when."""

    def spend(self, caller: Identity, address: str, *, at_door: bool) -> None:
        """TooOftenError where the caller has asked too often."""
        if caller.via is Via.DEVELOPMENT:
            return
        who = (caller.via.value, caller.id or caller.name, address if caller.via is Via.NETWORK else "")
        wait = (self._events if at_door else self._requests).take(who, self._clock())
        if wait > 0:
            self._count("events" if at_door else "requests")
            raise TooOftenError("too many requests: send fewer in a second", wait)

    def may_try(self, address: str, hashed: str) -> None:
        """TooOftenError where too much that was wrong came from there. What was good lately is let through, so that
        nobody who shares an address with others locks them out.
        """
        now_us = self._clock()
        wait = self._tries.wait(address, hashed, now_us)
        if wait > 0 and self._proven.get((address, hashed), -PROVEN_US) + PROVEN_US <= now_us:
            self._count("credentials")
            raise TooOftenError("too many wrong credentials came from your address", wait)

    def was_good(self, address: str, hashed: str) -> None:
        self._proven[address, hashed] = self._clock()
        self._proven.move_to_end((address, hashed))
        if len(self._proven) > PROVEN_MAX:
            self._proven.popitem(last=False)

    def was_wrong(self, address: str, hashed: str) -> None:
        self._proven.pop((address, hashed), None)
        self._tries.failed(address, hashed, self._clock())
