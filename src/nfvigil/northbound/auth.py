"""Who is asking: local tokens, kept only as hashes, and what each role may do.

A token is 32 random bytes, so its plain SHA-256 can be neither guessed nor reversed, and needs no salt. What the
store says of one is believed for a few seconds, so that a monitor's thousand events cost one question.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from hmac import compare_digest
from ipaddress import ip_address
from secrets import token_urlsafe
from typing import Protocol
from urllib.parse import urlsplit

import msgspec
from starlette.requests import Request

from nfvigil.errors import ForbiddenError, UnknownCallerError
from nfvigil.model.identity import Identity, Role, Via
from nfvigil.model.times import SECOND

PREFIX = "nfv_"
TOKEN_MAX_CHARS = 256
CACHE_SECONDS_MAX = 5.0

DEVELOPER = Identity(name="developer", project=None, role=Role.ADMIN, via=Via.DEVELOPMENT)
"""Who everybody is without a token in development mode."""


class Token(Protocol):
    """What is kept of a token."""

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


class Guard:
    """Finds out who sent a request; ``dev`` lets programs without a token in as administrators."""

    def __init__(
        self,
        *,
        store: TokenStore,
        clock: Callable[[], int],
        dev: bool = False,
        cache_seconds: float = CACHE_SECONDS_MAX,
        cache_size: int = 10_000,
    ) -> None:
        self._store = store
        self._clock = clock
        self._dev = dev
        self._cache_us = int(min(cache_seconds, CACHE_SECONDS_MAX) * SECOND)
        self._cache_size = cache_size
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._asking: dict[str, asyncio.Task[Identity | None]] = {}

    @property
    def dev(self) -> bool:
        return self._dev

    async def __call__(self, request: Request) -> Identity:
        token = token_of(request)
        if token is None:
            if self._dev:
                if not is_from_here(request):
                    raise ForbiddenError("without a token only programs on this machine are let in, not web pages")
                return DEVELOPER
            raise UnknownCallerError("send a token in the header X-Auth-Token, or as Authorization: Bearer")
        identity = await self.identify(token)
        if identity is None:
            # One answer for wrong, expired and revoked: who tries tokens learns nothing.
            raise UnknownCallerError("the token is not valid")
        return identity

    async def identify(self, token: str) -> Identity | None:
        if not token.startswith(PREFIX) or len(token) > TOKEN_MAX_CHARS:
            return None
        hashed = hash_of(token)
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
        """It was revoked just now: do not believe what was known of it."""
        self._known.pop(hashed, None)

    async def _ask(self, hashed: str) -> Identity | None:
        now_us = self._clock()
        token = await self._store.find_token(hashed)
        identity, until_us = None, now_us + self._cache_us
        if token is not None and compare_digest(token.hash, hashed) and token.revoked_us is None:
            expires_us = token.expires_us
            if expires_us is None or expires_us > now_us:
                identity = Identity(name=token.name, project=token.project or None, role=Role(token.role))
                until_us = until_us if expires_us is None else min(until_us, expires_us)
        self._known[hashed] = _Known(identity, until_us)
        self._known.move_to_end(hashed)
        while len(self._known) > self._cache_size:
            self._known.popitem(last=False)
        return identity

    def _answered(self, hashed: str, done: asyncio.Task[Identity | None]) -> None:
        self._asking.pop(hashed, None)
        if not done.cancelled():
            done.exception()  # Seen by whoever waits; if all of them have gone, nobody needs it.


def is_from_here(request: Request) -> bool:
    """Whether no web page of others sent it. A browser on this machine reaches us for any page that is open in it: it
    then names the page's origin or, where the page's own name was made to lead to us, that name as the host.
    """
    host = request.headers.get("host")
    if host is not None and not _is_loopback(host):
        return False
    origin = request.headers.get("origin")
    if origin is not None and origin != f"{request.url.scheme}://{host}":
        return False
    return request.headers.get("sec-fetch-site", "none") in ("none", "same-origin")


def _is_loopback(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False


def token_of(request: Request) -> str | None:
    """The token in the headers, or None where there is none; "" where there is something that is none."""
    token = request.headers.get("x-auth-token")
    if token is not None:
        return token.strip()
    given = request.headers.get("authorization")
    if given is None:
        return None
    scheme, _, token = given.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
