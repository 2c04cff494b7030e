"""One HTTP call: a function that tests can play without sockets, and the player that has them."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import msgspec

from nfvigil.model.times import SECOND

if TYPE_CHECKING:
    import aiohttp

ANSWER_MAX_BYTES = 128 * 1024 * 1024
CONNECTIONS_MAX = 64


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def request_id(self) -> str:
        return self.headers.get("x-openstack-request-id") or self.headers.get("x-compute-request-id", "")

    @property
    def date_us(self) -> int | None:
        """The other side's clock when it answered, or None if it does not say."""
        try:
            return int(parsedate_to_datetime(self.headers["date"]).timestamp()) * SECOND
        except (KeyError, ValueError):
            return None


class NotConnectedError(ConnectionError):
    """There was no connection: nothing of the request can have arrived."""


Transport = Callable[[str, str, Mapping[str, str], bytes | None], Awaitable[Answer]]
"""Method, URL, headers, body. NotConnectedError, another OSError (nobody knows what arrived), or an answer."""


class AiohttpTransport:
    """Keeps connections open. ``tls`` is asked when the first call is made: it may come from clouds.yaml."""

    def __init__(self, *, tls: Callable[[], ssl.SSLContext | bool]) -> None:
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        import aiohttp

        try:
            async with self._opened().request(
                method, url, headers=headers, data=body, allow_redirects=False
            ) as response:
                content = await self._bounded(response)
                return Answer(
                    status=response.status,
                    headers={name.lower(): value for name, value in response.headers.items()},
                    body=content,
                )
        except aiohttp.ClientConnectorError as error:
            raise NotConnectedError(str(error)) from error
        except aiohttp.ClientError as error:
            raise ConnectionError(str(error) or type(error).__name__) from error

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    @staticmethod
    async def _bounded(response: aiohttp.ClientResponse) -> bytes:
        if (response.content_length or 0) > ANSWER_MAX_BYTES:
            raise OSError(f"the answer has {response.content_length} bytes: that is more than {ANSWER_MAX_BYTES}")
        pieces, size = [], 0
        async for piece in response.content.iter_any():
            size += len(piece)
            if size > ANSWER_MAX_BYTES:
                raise OSError(f"the answer is longer than {ANSWER_MAX_BYTES} bytes")
            pieces.append(piece)
        return b"".join(pieces)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            import aiohttp

            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX, ssl=self._tls()),
                timeout=aiohttp.ClientTimeout(total=None),  # The client sets the limit, for every player alike.
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session
