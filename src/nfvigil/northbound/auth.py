"""Who is asking: each way in which a caller can be known, in their order."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from ipaddress import ip_address
from typing import Protocol
from urllib.parse import urlsplit

from starlette.requests import Request

from nfvigil.errors import ForbiddenError, UnknownCallerError
from nfvigil.model.identity import Identity, Role, Via
from nfvigil.model.signed import HEADER, LENT, SignedMessage
from nfvigil.northbound.access.break_glass import BreakGlass
from nfvigil.northbound.access.local import (
    CACHE_SECONDS_MAX,
    PREFIX,
    LocalTokens,
    TokenStore,
    create_token,
    hash_of,
)
from nfvigil.northbound.access.open_doors import OpenDoors
from nfvigil.northbound.access.pace import Pace, place_of
from nfvigil.northbound.access.signatures import Signatures
from nfvigil.northbound.access.unproven import Unproven

__all__ = ["CACHE_SECONDS_MAX", "DEVELOPER", "PREFIX", "Guard", "create_token", "hash_of", "is_from_here", "token_of"]

DEVELOPER = Identity(name="developer", project=None, role=Role.ADMIN, via=Via.DEVELOPMENT)
"""Who everybody is without a token in development mode."""


class ForeignTokens(Protocol):
    """Whoever knows tokens that are not ours."""

    async def identify(self, token: str, hashed: str, /) -> Identity | None: ...


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
        foreign: ForeignTokens | None = None,
        signatures: Signatures | None = None,
        open_doors: OpenDoors | None = None,
        break_glass: BreakGlass | None = None,
        pace: Pace | None = None,
        refused: Callable[[str], None] = lambda credential: None,
        stranger: Callable[[Request], None] = lambda request: None,
    ) -> None:
        self._local = LocalTokens(store=store, clock=clock, cache_seconds=cache_seconds, cache_size=cache_size)
        self._dev = dev
        self._foreign = foreign
        self._signatures = signatures
        self._open_doors = open_doors
        self._break_glass = break_glass
        self._pace = pace
        self._refused = refused
        self._stranger = stranger
        self._unproven = Unproven()

    @property
    def dev(self) -> bool:
        return self._dev

    async def __call__(self, request: Request) -> Identity:
        """Who it is; UnknownCallerError, ForbiddenError, TooOftenError, or UnavailableError where nobody can say."""
        return await self._let_in(request, at_door=False)

    async def at_door(self, request: Request) -> Identity:
        """The same at an event door, where signatures count and which may be open for a network."""
        return await self._let_in(request, at_door=True)

    async def identify(self, token: str) -> Identity | None:
        """Whose token it is; None where it is not valid."""
        return await self._identify(token, hash_of(token))

    def forget(self, hashed: str) -> None:
        """It was revoked just now: do not believe what was known of it."""
        self._local.forget(hashed)

    async def _let_in(self, request: Request, *, at_door: bool) -> Identity:
        token = token_of(request)
        try:
            if token is not None:
                identity = await self._by_token(token, request)
            else:
                identity = await self._without_token(request, at_door=at_door)
        except UnknownCallerError:
            self._stranger(request)
            raise
        if self._pace is not None:
            self._pace.spend(identity, _address_of(request), at_door=at_door)
        return identity

    async def _by_token(self, token: str, request: Request) -> Identity:
        hashed = hash_of(token)
        if self._break_glass is not None and self._break_glass.fits(hashed):
            return self._break_glass.use(_address_of(request), f"{request.method} {request.url.path}")
        address = place_of(_address_of(request))
        if self._pace is not None:
            self._pace.may_try(address, hashed)
        identity = await self._identify(token, hashed)
        if identity is None:
            self._was_wrong(address, hashed, "token")
            # One answer for wrong, expired and revoked: who tries tokens learns nothing.
            raise UnknownCallerError("the token is not valid")
        if self._pace is not None:
            self._pace.was_good(address, hashed)
        return identity

    async def _identify(self, token: str, hashed: str) -> Identity | None:
        if token.startswith(PREFIX):
            return await self._local.identify(token, hashed)
        return None if self._foreign is None else await self._foreign.identify(token, hashed)

    async def _without_token(self, request: Request, *, at_door: bool) -> Identity:
        if at_door:
            message = request.scope.get(LENT)
            if message is not None and self._signatures is not None:
                return await self._by_signature(self._signatures, message, request)
            opened = self._open_doors.identify(request) if self._open_doors else None
            if opened is not None:
                return opened
        if not self._dev:
            raise UnknownCallerError("send a token in the header X-Auth-Token, or as Authorization: Bearer")
        if not is_from_here(request):
            raise ForbiddenError("without a token only programs on this machine are let in, not web pages")
        return DEVELOPER

    async def _by_signature(self, signatures: Signatures, message: SignedMessage, request: Request) -> Identity:
        # A monitor with a wrong key sends another signature each time: that must not use up the tries of tokens.
        place = f"{place_of(_address_of(request))} signed"
        hashed = sha256(request.headers.get(HEADER, "").encode()).hexdigest()
        if self._pace is not None:
            self._pace.may_try(place, "")
        try:
            with self._unproven.hold(place, request.headers.get("content-length")):
                identity = await signatures.identify(message, request.headers)
        except UnknownCallerError:
            self._was_wrong(place, hashed, "signature")
            raise
        if self._pace is not None:
            self._pace.was_good(place, "")
        return identity

    def _was_wrong(self, place: str, hashed: str, credential: str) -> None:
        self._refused(credential)
        if self._pace is not None:
            self._pace.was_wrong(place, hashed)


def _address_of(request: Request) -> str:
    return request.client.host if request.client is not None else ""


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
