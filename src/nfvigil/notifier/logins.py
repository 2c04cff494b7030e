"""How we say to an endpoint who we are: a password, a token, or a token that is fetched first (OAuth 2.0)."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import quote, urlencode

import msgspec

from nfvigil.errors import RefusedError, UnavailableError
from nfvigil.model.subscription import AuthKind, EndpointAuth
from nfvigil.model.times import SECOND
from nfvigil.notifier.poster import Fetcher, target_of

TOKENS_MAX = 10_000
TOKEN_CHARS_MAX = 8_192
SECONDS_MAX = 86_400
SECONDS_UNSAID = 300
"""How long a token is used of which its server does not say how long it is good."""
MARGIN = 0.1
"""Of a token's time, so much is left unused: our clock and the endpoint's differ."""


class _Granted(msgspec.Struct):
    access_token: str
    token_type: str = "bearer"  # noqa: S105 - a kind of token
    expires_in: float | None = None


class _Token(NamedTuple):
    header: str
    until_us: int


class Logins:
    """Tokens are kept for as long as they are good. Many messages that wait for one share one request."""

    def __init__(self, *, fetcher: Fetcher, clock: Callable[[], int], timeout_seconds: float = 10.0) -> None:
        self._fetcher = fetcher
        self._clock = clock
        self._timeout = timeout_seconds
        self._tokens: OrderedDict[EndpointAuth, _Token] = OrderedDict()
        self._fetching: dict[EndpointAuth, asyncio.Task[_Token]] = {}

    async def headers(self, auth: EndpointAuth) -> Mapping[str, str]:
        if auth.kind is AuthKind.BASIC:
            return {"Authorization": f"Basic {_pair(auth.user, auth.secret)}"}
        if auth.kind is AuthKind.BEARER:
            return {"Authorization": f"Bearer {auth.secret}"}
        known = self._tokens.get(auth)
        if known is None or known.until_us <= self._clock():
            known = await self._fetched(auth)
        return {"Authorization": known.header}

    def refused(self, auth: EndpointAuth) -> None:
        self._tokens.pop(auth, None)

    async def _fetched(self, auth: EndpointAuth) -> _Token:
        fetching = self._fetching.get(auth)
        if fetching is None:
            # A task of its own: the message that asked first may be given up while others wait.
            fetching = self._fetching[auth] = asyncio.create_task(self._fetch(auth))
            fetching.add_done_callback(lambda done: self._done(auth, done))
        return await asyncio.shield(fetching)

    def _done(self, auth: EndpointAuth, done: asyncio.Task[_Token]) -> None:
        self._fetching.pop(auth, None)
        if done.cancelled() or done.exception() is not None:
            return  # Whoever waits hears of it.
        self._tokens[auth] = done.result()
        self._tokens.move_to_end(auth)
        while len(self._tokens) > TOKENS_MAX:
            self._tokens.popitem(last=False)

    async def _fetch(self, auth: EndpointAuth) -> _Token:
        """By RFC 6749, 4.4 and 2.3.1: the client's name and secret go in the header, each escaped by itself."""
        headers = {
            "Authorization": f"Basic {_pair(quote(auth.user, safe=''), quote(auth.secret, safe=''))}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        target = target_of(auth.token_url, {"User-Agent": "nfvigil", "Accept-Encoding": "identity"})
        body = urlencode({"grant_type": "client_credentials"}).encode()
        try:
            answer = await self._fetcher.fetch(target, headers, body, self._timeout)
        except RefusedError as error:
            raise RefusedError(f"no token for the endpoint: {error.message}") from error
        except UnavailableError as error:
            raise UnavailableError(f"no token for the endpoint: {error}") from error
        if answer.status != 200:
            raise UnavailableError(f"no token for the endpoint: its token server answered {answer.status}")
        try:
            granted = msgspec.json.decode(answer.body, type=_Granted)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise UnavailableError("no token for the endpoint: its token server answered with none") from error
        token = granted.access_token
        if not token or len(token) > TOKEN_CHARS_MAX or not (token.isascii() and token.isprintable()):
            raise UnavailableError("no token for the endpoint: its token server answered with what is none")
        seconds = SECONDS_UNSAID if granted.expires_in is None else max(0.0, min(granted.expires_in, SECONDS_MAX))
        return _Token(f"Bearer {token}", self._clock() + int(seconds * (1 - MARGIN) * SECOND))


def _pair(user: str, password: str) -> str:
    return b64encode(f"{user}:{password}".encode()).decode()
