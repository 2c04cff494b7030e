"""Keystone's tokens: what Keystone said of one is believed for a while, and longer while it does not answer.

Kept by the token's hash. Many requests with one token wait for one question. Nobody waits for a Keystone that is known
to be away: who was known goes on, and who was not is told to come again.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

import msgspec
import structlog

from nfvigil.controller.vims.openstack.breaker import Breaker
from nfvigil.errors import ForbiddenError, OverloadedError, UnavailableError
from nfvigil.model.identity import Identity, Role
from nfvigil.model.times import SECOND, iso
from nfvigil.northbound.access.personas import KeystoneToken, identity_of

_log = structlog.get_logger("nfvigil")

TOKEN_MAX_CHARS = 4096
CACHE_SECONDS_MAX = 300.0
REFUSED_SECONDS = 10.0
"""How long "not valid" is believed: whoever tries the same again costs Keystone nothing."""
ASKING_MAX = 200
TELL_AGAIN = "Keystone cannot be asked at the moment whether the token is valid: try again"


class _Known(msgspec.Struct, frozen=True, kw_only=True):
    identity: Identity | None
    refusal: str = ""
    """Why a token that is valid is of no use here."""
    fresh_until_us: int
    grace_until_us: int = 0

    def believed(self) -> Identity | None:
        if self.refusal:
            raise ForbiddenError(self.refusal)
        return self.identity


class KeystoneTokens:
    def __init__(
        self,
        *,
        look_up: Callable[[str], Awaitable[KeystoneToken | None]],
        names: Mapping[Role, Collection[str]],
        clock: Callable[[], int],
        cache_seconds: float = 60.0,
        grace_seconds: float = 600.0,
        cache_size: int = 10_000,
        now: Callable[[], float] | None = None,
        count: Callable[[str], None] = lambda outcome: None,
    ) -> None:
        """``now`` is a clock that does not jump, the event loop's if left out. ``count`` hears of each question:
        valid, refused, unavailable; and grace for each caller that was believed by grace.
        """
        self._look_up = look_up
        self._names = names
        self._clock = clock
        self._cache_us = int(min(cache_seconds, CACHE_SECONDS_MAX) * SECOND)
        self._grace_us = int(grace_seconds * SECOND)
        self._cache_size = cache_size
        self._now = now or (lambda: asyncio.get_running_loop().time())
        self._count = count
        self._breaker = Breaker(failures_max=2, pause_max_seconds=10.0)
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._asking: dict[str, asyncio.Task[_Known]] = {}
        self._away_since_us: int | None = None
        self._away_reason = ""

    def __len__(self) -> int:
        return len(self._known)

    @property
    def is_away(self) -> bool:
        return self._away_since_us is not None

    def status(self) -> dict[str, Any]:
        """For administrators."""
        since_us = self._away_since_us
        return {
            "answers": since_us is None,
            "away_since_time": None if since_us is None else iso(since_us),
            "error": self._away_reason,
            "tokens_known": len(self._known),
        }

    async def identify(self, token: str, hashed: str) -> Identity | None:
        """None where it is not valid; ForbiddenError where it has no role here; UnavailableError where nobody knows."""
        if not token or len(token) > TOKEN_MAX_CHARS or not token.isascii() or not token.isprintable() or " " in token:
            return None
        known = self._known.get(hashed)
        now_us = self._clock()
        if known is not None:
            self._known.move_to_end(hashed)
            if now_us < known.fresh_until_us:
                return known.believed()
        in_grace = known if known is not None and now_us < known.grace_until_us else None
        if in_grace is not None and self.is_away:
            # Someone has to find out when it is back; who is believed anyway does not wait for that.
            self._ask_unless_pausing(hashed, token)
            self._count("grace")
            return in_grace.believed()
        asking = self._ask_unless_pausing(hashed, token)
        if asking is None:
            raise UnavailableError(TELL_AGAIN, 2.0)
        try:
            return (await asyncio.shield(asking)).believed()
        except UnavailableError as error:
            if in_grace is not None and self._clock() < in_grace.grace_until_us:
                self._count("grace")
                return in_grace.believed()
            raise UnavailableError(TELL_AGAIN, error.retry_after_seconds) from error

    async def close(self) -> None:
        asking = [*self._asking.values()]
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    def missed(self, error: UnavailableError) -> None:
        """It could not be asked. Told once, until it answers again."""
        if self._away_since_us is None:
            self._away_since_us = self._clock()
            _log.warning(
                "Keystone cannot be asked: tokens that were good are believed for a while",
                grace_seconds=self._grace_us // SECOND,
                reason=str(error),
            )
        self._away_reason = str(error)

    def _ask_unless_pausing(self, hashed: str, token: str) -> asyncio.Task[_Known] | None:
        asking = self._asking.get(hashed)
        if asking is not None:
            return asking
        if len(self._asking) >= ASKING_MAX:
            raise OverloadedError("too many tokens are being checked: try again")
        if self._breaker.ask(self._now()) > 0:
            return None
        asking = asyncio.create_task(self._ask(hashed, token))
        self._asking[hashed] = asking
        asking.add_done_callback(lambda done: self._answered(hashed, done))
        return asking

    async def _ask(self, hashed: str, token: str) -> _Known:
        now_us = self._clock()
        try:
            found = await self._look_up(token)
        except UnavailableError as error:
            self._breaker.missed(self._now())
            self.missed(error)
            self._count("unavailable")
            raise
        except BaseException:
            self._breaker.dropped()
            raise
        self._breaker.answered()
        if self._away_since_us is not None:
            away_seconds = (self._clock() - self._away_since_us) // SECOND
            self._away_since_us, self._away_reason = None, ""
            _log.info("Keystone answers again", away_seconds=away_seconds)
        known = self._worth(found, now_us)
        self._count("valid" if known.identity is not None else "refused")
        self._known[hashed] = known
        self._known.move_to_end(hashed)
        while len(self._known) > self._cache_size:
            self._known.popitem(last=False)
        return known

    def _worth(self, found: KeystoneToken | None, now_us: int) -> _Known:
        refused_until_us = now_us + int(REFUSED_SECONDS * SECOND)
        if found is None or found.expires_us <= now_us:
            return _Known(identity=None, fresh_until_us=refused_until_us)
        try:
            identity = identity_of(found, self._names)
        except ForbiddenError as error:
            return _Known(identity=None, refusal=error.message, fresh_until_us=refused_until_us)
        fresh_until_us = min(now_us + self._cache_us, found.expires_us)
        grace_until_us = min(fresh_until_us + self._grace_us, found.expires_us)
        return _Known(identity=identity, fresh_until_us=fresh_until_us, grace_until_us=grace_until_us)

    def _answered(self, hashed: str, done: asyncio.Task[_Known]) -> None:
        self._asking.pop(hashed, None)
        if not done.cancelled():
            done.exception()  # Seen by whoever waits; if nobody does, it was counted and told.
