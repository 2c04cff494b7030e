"""The account for breaking glass: reads everything, changes nothing, and needs neither database nor Keystone."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from hmac import compare_digest

import structlog

from nfvigil.model.identity import Identity, Role, Via
from nfvigil.model.times import SECOND

_log = structlog.get_logger("nfvigil")

BREAK_GLASS = Identity(name="break-glass", project=None, role=Role.READER, sees_all=True, via=Via.BREAK_GLASS)
TOLD_EVERY_US = 60 * SECOND
ADDRESSES_MAX = 1000


class BreakGlass:
    """``hashed`` is the secret's SHA-256, of the settings; "" where there is no such account. What is looked at with it
    is in the audit log, too, where that can be written.
    """

    def __init__(self, *, hashed: str, clock: Callable[[], int]) -> None:
        self._hashed = hashed
        self._clock = clock
        self._told: OrderedDict[str, int] = OrderedDict()

    def fits(self, hashed: str) -> bool:
        return bool(self._hashed) and compare_digest(self._hashed, hashed)

    def use(self, address: str, what: str) -> Identity:
        """Whoever showed the secret; ``what`` it asks for is for the log."""
        now_us = self._clock()
        told_us = self._told.get(address)
        if told_us is None or now_us - told_us >= TOLD_EVERY_US:
            self._told[address] = now_us
            self._told.move_to_end(address)
            if len(self._told) > ADDRESSES_MAX:
                self._told.popitem(last=False)
            _log.warning("the account for breaking glass is used", address=address, asked=what)
        return BREAK_GLASS
