"""The account for breaking glass: reads everything, changes nothing, and needs neither database nor Keystone."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from hmac import compare_digest

import structlog

from nfvigil.errors import UnavailableError
from nfvigil.model.identity import Identity, Role, Via
from nfvigil.model.times import SECOND

_log = structlog.get_logger("nfvigil")

BREAK_GLASS = Identity(name="break-glass", project=None, role=Role.READER, sees_all=True, via=Via.BREAK_GLASS)
TOLD_EVERY_US = 60 * SECOND
ADDRESSES_MAX = 1000
NOTES_MAX = 100

Audit = Callable[[str, str, str, str], Awaitable[None]]
"""Who, what, target, text."""


class BreakGlass:
    """``hashed`` is the secret's SHA-256, of the settings; "" where there is no such account."""

    def __init__(self, *, hashed: str, clock: Callable[[], int], audit: Audit) -> None:
        self._hashed = hashed
        self._clock = clock
        self._audit = audit
        self._told: OrderedDict[str, int] = OrderedDict()
        self._notes: set[asyncio.Task[None]] = set()

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
            self._note(address, what)
        return BREAK_GLASS

    async def close(self) -> None:
        notes = [*self._notes]
        for note in notes:
            note.cancel()
        await asyncio.gather(*notes, return_exceptions=True)

    def _note(self, address: str, what: str) -> None:
        """Beside the request: the database may be away just when this account is needed."""
        if len(self._notes) < NOTES_MAX:
            note = asyncio.create_task(self._keep(address, what))
            self._notes.add(note)
            note.add_done_callback(self._notes.discard)

    async def _keep(self, address: str, what: str) -> None:
        with contextlib.suppress(UnavailableError):  # it stands in the log
            await self._audit(BREAK_GLASS.name, "used the account for breaking glass", address, what)
