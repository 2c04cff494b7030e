"""Local tokens, kept only as hashes.

A token is 32 random bytes, so its plain SHA-256 can be neither guessed nor reversed, and needs no salt. What the
store says of one is believed for a few seconds, so that a monitor's thousand events cost one question.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from hmac import compare_digest
from secrets import token_urlsafe
from typing import Protocol

import msgspec

from nfvigil.model.identity import Identity, Role
from nfvigil.model.times import SECOND

PREFIX = "nfv_"
TOKEN_MAX_CHARS = 256
CACHE_SECONDS_MAX = 5.0


class Token(Protocol):
    """What is kept of a token."""

    @property
    def id(self) -> str: ...
    @property
    def hash(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def project(self) -> str | None: ...
    @property
    def role(self) -> str: ...
    @property
    def expires_us(self) -> int | None: ...
    @property
    def revoked_us(self) -> int | None: ...


class TokenStore(Protocol):
    """Where tokens are kept."""

    async def find_token(self, hash: str, /) -> Token | None: ...


def create_token() -> tuple[str, str]:
    """A new token, which is shown once, and its hash, which is kept."""
    token = PREFIX + token_urlsafe(32)
    return token, hash_of(token)


def hash_of(token: str) -> str:
    return sha256(token.encode()).hexdigest()


class _Known(msgspec.Struct, frozen=True):
    identity: Identity | None
    until_us: int


class LocalTokens:
    def __init__(
        self, *, store: TokenStore, clock: Callable[[], int], cache_seconds: float, cache_size: int = 10_000
    ) -> None:
        self._store = store
        self._clock = clock
        self._cache_us = int(min(cache_seconds, CACHE_SECONDS_MAX) * SECOND)
        self._cache_size = cache_size
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._asking: dict[str, asyncio.Task[Identity | None]] = {}
        self._changes = 0

    def __len__(self) -> int:
        return len(self._known)

    async def identify(self, token: str, hashed: str) -> Identity | None:
        if len(token) > TOKEN_MAX_CHARS:
            return None
        known = self._known.get(hashed)
        if known is not None and known.until_us > self._clock():
            self._known.move_to_end(hashed)
            return known.identity
        asking = self._asking.get(hashed)
        if asking is None:
            # Many requests with one token wait for one answer. It is a task of its own, as the request that
            # asked first may be cancelled while others wait.
            asking = asyncio.create_task(self._ask(hashed))
            self._asking[hashed] = asking
            asking.add_done_callback(lambda done: self._answered(hashed, done))
        return await asyncio.shield(asking)

    def forget(self, hashed: str) -> None:
        """It was revoked just now: do not believe what was known of it, nor what is being asked."""
        self._changes += 1
        self._known.pop(hashed, None)
        self._asking.pop(hashed, None)

    async def _ask(self, hashed: str) -> Identity | None:
        now_us, changes = self._clock(), self._changes
        token = await self._store.find_token(hashed)
        identity, until_us = None, now_us + self._cache_us
        if token is not None and compare_digest(token.hash, hashed) and token.revoked_us is None:
            expires_us = token.expires_us
            if expires_us is None or expires_us > now_us:
                role = Role(token.role)
                identity = Identity(name=token.name, project=token.project or None, role=role, id=token.id)
                until_us = until_us if expires_us is None else min(until_us, expires_us)
        if changes != self._changes:
            return identity  # What was read may be older than what was changed: it is not kept.
        self._known[hashed] = _Known(identity, until_us)
        self._known.move_to_end(hashed)
        while len(self._known) > self._cache_size:
            self._known.popitem(last=False)
        return identity

    def _answered(self, hashed: str, done: asyncio.Task[Identity | None]) -> None:
        if self._asking.get(hashed) is done:
            del self._asking[hashed]
        if not done.cancelled():
            done.exception()  # Seen by whoever waits; if all of them have gone, nobody needs it.
