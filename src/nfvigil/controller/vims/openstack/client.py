"""Calls to OpenStack's services: token, version header, time limit, what may be repeated, what an error means."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

import msgspec

from nfvigil.controller.vims.openstack.breaker import Breaker
from nfvigil.controller.vims.openstack.refusals import error_of
from nfvigil.controller.vims.openstack.session import Login
from nfvigil.controller.vims.openstack.transport import Answer, NotConnectedError, Transport
from nfvigil.errors import RefusedError, VimUnavailableError
from nfvigil.model.secret import Secret

TRIES = 3
PAUSE_SECONDS = 0.1
BREAKERS_MAX = 100
WORDS = {
    "compute": "Nova",
    "network": "Neutron",
    "block-storage": "Cinder",
    "identity": "Keystone",
    "image": "Glance",
    "alarming": "Aodh",
}
_VERSIONS = {"network": "/v2.0", "identity": "/v3", "image": "/v2", "alarming": "/v2"}
"""Some catalogues have them, some do not: they stand in the paths here."""

T = TypeVar("T")
Query = Sequence[tuple[str, str]]


class Identity(Protocol):
    """Who logs us in."""

    async def login(self, refused: Secret | None = None) -> Login:
        """The present login; a new one where its token was ``refused``."""


class NoServiceError(RefusedError):
    """The catalogue does not have it."""


class Client:
    """``sleep`` is what waits between two tries."""

    def __init__(
        self,
        *,
        name: str,
        identity: Identity,
        transport: Transport,
        timeout_seconds: float,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        new_id: Callable[[], str] = lambda: f"req-{uuid4()}",
    ) -> None:
        self.name = name
        self._identity = identity
        self._transport = transport
        self._timeout = timeout_seconds
        self._sleep = sleep
        self._new_id = new_id
        self._breakers: dict[str, Breaker] = {}

    async def login(self) -> Login:
        return await self._identity.login()

    async def has(self, service: str) -> bool:
        return service in (await self._identity.login()).endpoints

    async def call(
        self,
        service: str,
        method: str,
        path: str,
        *,
        query: Query = (),
        body: Any = None,
        version: str = "",
    ) -> Answer:
        """A good answer, or the error that says what to do about it. ``version`` is a microversion."""
        what = f"{WORDS.get(service, service)} of {self.name}, {method} {path}"
        login = await self._identity.login()
        answer = await self._tried(service, method, path, query, body, version, login, what)
        if answer.status == 401:
            login = await self._identity.login(refused=login.token)
            answer = await self._tried(service, method, path, query, body, version, login, what)
        error = error_of(answer, what)
        if error is not None:
            raise error
        return answer

    async def _tried(
        self, service: str, method: str, path: str, query: Query, body: Any, version: str, login: Login, what: str
    ) -> Answer:
        url = _url(service, self._endpoint(login, service), path, query)
        headers = self._headers(login, service, version, body)
        content = None if body is None else msgspec.json.encode(body)
        breaker = self._breaker(service, url)
        for remaining in range(TRIES - 1, -1, -1):
            try:
                return await self._guarded(breaker, method, url, headers, content, what)
            except _CutError as error:
                # Whether it arrived is only unimportant for what changes nothing.
                if not remaining or not (method == "GET" or error.nothing_arrived):
                    raise VimUnavailableError(str(error)) from error.__cause__
            await self._sleep(PAUSE_SECONDS * (TRIES - remaining))
        raise AssertionError  # The last round returns or raises.

    async def _guarded(
        self, breaker: Breaker, method: str, url: str, headers: Mapping[str, str], content: bytes | None, what: str
    ) -> Answer:
        now = asyncio.get_running_loop().time
        request = headers["X-OpenStack-Request-Id"]
        wait = breaker.ask(now())
        if wait > 0:
            # Without numbers that change: the same trouble is logged once.
            text = f"{what}: not asked, it has not answered several times in a row"
            raise VimUnavailableError(text, retry_after_seconds=wait)
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._transport(method, url, headers, content)
        except TimeoutError as error:
            breaker.missed(now())
            raise VimUnavailableError(f"{what}: no answer within {self._timeout:g} s ({request})") from error
        except OSError as error:
            breaker.missed(now())
            text = f"{what}: {error or type(error).__name__} ({request})"
            raise _CutError(text, nothing_arrived=isinstance(error, NotConnectedError)) from error
        except BaseException:
            breaker.dropped()
            raise
        if answer.status in (502, 503, 504):
            breaker.missed(now())
        elif answer.status >= 500:
            breaker.dropped()  # It fails at this, and may be well otherwise.
        else:
            breaker.answered()
        return answer

    def _headers(self, login: Login, service: str, version: str, body: Any) -> dict[str, str]:
        headers = {
            "X-Auth-Token": login.token.reveal(),
            "Accept": "application/json",
            "User-Agent": "nfvigil",
            "X-OpenStack-Request-Id": self._new_id(),
        }
        if version:
            headers["OpenStack-API-Version"] = f"{service} {version}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        return headers

    def _endpoint(self, login: Login, service: str) -> str:
        endpoint = login.endpoints.get(service)
        if endpoint is None:
            raise NoServiceError(f"the catalogue of {self.name} has no {service} endpoint for us")
        return endpoint

    def _breaker(self, service: str, url: str) -> Breaker:
        place = f"{service} {urlsplit(url).netloc}"
        if place not in self._breakers and len(self._breakers) >= BREAKERS_MAX:
            self._breakers.clear()
        return self._breakers.setdefault(place, Breaker())


class _CutError(Exception):
    def __init__(self, text: str, *, nothing_arrived: bool) -> None:
        super().__init__(text)
        self.nothing_arrived = nothing_arrived


def decoded(answer: Answer, shape: type[T], what: str) -> T:
    """The body in this shape. One that is cut off or lacks something is as good as no answer."""
    try:
        return msgspec.json.decode(answer.body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        place = f" ({answer.request_id})" if answer.request_id else ""
        raise VimUnavailableError(f"{what}: the answer is not what it should be: {error}{place}") from error


def _url(service: str, endpoint: str, path: str, query: Query) -> str:
    url = endpoint.removesuffix(_VERSIONS.get(service, "")) + path
    return f"{url}?{urlencode(list(query))}" if query else url
