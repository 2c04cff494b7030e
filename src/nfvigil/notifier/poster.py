"""A small HTTP client for one thing: POST these bytes to that webhook, and tell the status.

It does less than a general client: no redirects, no cookies, no proxies, no decoding. That is the reason for it:
a hundred messages to a hundred endpoints take about 7 ms of CPU in all with it and 15 ms with aiohttp.
Connections are kept alive. What the endpoint answers beyond its status is read to the end, at most 64 KiB, and
thrown away, except where it is asked for.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple, Protocol, cast
from urllib.parse import quote, urlsplit

import httptools

from nfvigil.errors import RefusedError, SettingsError, UnavailableError
from nfvigil.model.subscription import EndpointTls
from nfvigil.notifier.resolver import Resolver
from nfvigil.notifier.tls import Contexts

ANSWER_MAX = 64 * 1024
_CONNECT_SECONDS_MAX = 3.0
"""For one of several addresses of a host, so that a dead one leaves time for the next."""
_SAFE_IN_URL = "/%:@!$&'()*+,;=~-._?[]"


class Answer(NamedTuple):
    """What the endpoint said. ``retry_after`` is the header as it came, or ""."""

    status: int
    retry_after: str = ""
    body: bytes = b""
    """Only where it was asked for."""


_Origins = tuple[str, int, bool, EndpointTls | None]


class Target(NamedTuple):
    """A URL, taken apart once. ``head`` is the start of each request to it."""

    host: str
    port: int
    is_tls: bool
    head: bytes
    tls: EndpointTls | None = None

    @property
    def origin(self) -> _Origins:
        """What connections may be shared by: never with one that comes with another certificate."""
        return self.host, self.port, self.is_tls, self.tls


def target_of(
    url: str, headers: Mapping[str, str], method: str = "POST", *, tls: EndpointTls | None = None, path: str = ""
) -> Target:
    """Take a checked URL apart. ``headers`` go with every request. ``path`` is put behind the URL's own."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise RefusedError(f"nothing here sends to {parts.scheme}:// URLs")
    is_tls = parts.scheme == "https"
    host = parts.hostname or ""
    if not host.isascii():
        host = host.encode("idna").decode()
    port = parts.port or (443 if is_tls else 80)
    path = quote(parts.path.rstrip("/") + path if path else parts.path or "/", safe=_SAFE_IN_URL)
    query = f"?{quote(parts.query, safe=_SAFE_IN_URL)}" if parts.query else ""
    shown = f"[{host}]" if ":" in host else host
    if port != (443 if is_tls else 80):
        shown = f"{shown}:{port}"
    start = f"{method} {path}{query} HTTP/1.1\r\nHost: {shown}\r\nAccept: */*\r\n"
    return Target(host, port, is_tls, start.encode("ascii") + encode_headers(headers), tls if is_tls else None)


def encode_headers(headers: Mapping[str, str]) -> bytes:
    """Header lines. A line break in one would start another header, so it is refused."""
    text = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    lines = len(headers)
    if text.count("\r\n") != lines or text.count("\n") != lines or text.count("\r") != lines or "\0" in text:
        raise RefusedError("a header contains a line break or a zero byte")
    return text.encode("latin-1", "replace")


class Poster(Protocol):
    """Sends one message."""

    async def post(self, target: Target, headers: Mapping[str, str], body: bytes, timeout_seconds: float) -> Answer:
        """Raise UnavailableError where there was no answer, RefusedError where sending is not allowed."""
        ...

    async def close(self) -> None: ...


class Fetcher(Protocol):
    """Asks for something."""

    async def fetch(self, target: Target, headers: Mapping[str, str], body: bytes, timeout_seconds: float) -> Answer:
        """As ``Poster.post``; the answer comes with its body."""
        ...


class _StaleError(Exception):
    """The connection was closed before it answered anything: if it was an old one, a new one may do."""


class _Connection(asyncio.Protocol):
    """One connection, one request at a time. It is also its parser's listener."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.idle_since = 0.0
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[Answer] | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._received = 0
        self._status = 0
        self._retry_after = ""
        self._kept: list[bytes] | None = None
        self._is_reusable = False

    @property
    def is_reusable(self) -> bool:
        return self._is_reusable and self.transport is not None and not self.transport.is_closing()

    def exchange(self, data: bytes, keeps_body: bool) -> asyncio.Future[Answer]:
        self._kept = [] if keeps_body else None
        self._waiter = self._loop.create_future()
        self._parser = httptools.HttpResponseParser(self)
        self._received = 0
        self._status = 0
        self._retry_after = ""
        self._is_reusable = False
        if self.transport is None or self.transport.is_closing():
            self._waiter.set_exception(_StaleError())
        else:
            self.transport.write(data)
        return self._waiter

    def abort(self) -> None:
        self._is_reusable = False
        if self.transport is not None:
            self.transport.abort()

    def close(self) -> None:
        self._is_reusable = False
        if self.transport is not None:
            self.transport.close()

    # What the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's are none by inheritance

    def data_received(self, data: bytes) -> None:
        if self._waiter is None or self._waiter.done() or self._parser is None:
            self.abort()  # Nobody asked: what is on this connection can no longer be told apart.
            return
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(UnavailableError("the endpoint wants another protocol"))
        except httptools.HttpParserError as error:
            self._is_reusable = False
            self._fail(UnavailableError(f"the answer is not HTTP: {error}"))
        if self._received > ANSWER_MAX and not self._waiter.done():
            self._cut_short(UnavailableError(f"the answer's headers exceed {ANSWER_MAX} bytes"))
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_reusable = False
        if self._waiter is not None and not self._waiter.done():
            if self._received:
                self._cut_short(UnavailableError("the connection was closed in the middle of the answer"))
            else:
                self._fail(_StaleError(str(exc) if exc else ""))

    # What the parser calls

    def on_message_begin(self) -> None:
        if self._waiter is not None and self._waiter.done():
            self._is_reusable = False  # A second answer to one request.

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"retry-after":
            self._retry_after = value[:64].decode("latin-1")

    def on_headers_complete(self) -> None:
        if self._parser is not None:
            self._status = self._parser.get_status_code()

    def on_body(self, data: bytes) -> None:
        if self._kept is not None:
            self._kept.append(data)

    def on_message_complete(self) -> None:
        if self._parser is None or self._waiter is None or self._waiter.done():
            return
        if 100 <= self._status < 200:
            self._status = 0  # The real answer follows.
            return
        self._is_reusable = bool(self._parser.should_keep_alive())
        self._waiter.set_result(Answer(self._status, self._retry_after, b"".join(self._kept or ())))

    def _cut_short(self, error: Exception) -> None:
        """The status is all that counts: with it, an answer whose body is cut off is one."""
        if self._waiter is not None and not self._waiter.done():
            if self._status >= 200:
                self._waiter.set_result(Answer(self._status, self._retry_after))
            else:
                self._waiter.set_exception(error)

    def _fail(self, error: Exception) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)


class _Origin:
    """One host and port: its idle connections, and how many may be open."""

    def __init__(self, limit: int) -> None:
        self.idle: list[_Connection] = []
        self.slots = asyncio.Semaphore(limit)
        self.users = 0


class HttpPoster:
    """The client. ``host_limit`` connections at most to one host and port, ``idle_max`` kept open in all.

    ``ca_file`` holds certificates that are trusted beside the system's: VNF managers often have a private authority.
    """

    def __init__(
        self,
        *,
        resolver: Resolver,
        host_limit: int = 256,
        idle_max: int = 512,
        idle_seconds: float = 60.0,
        ca_file: str | None = None,
    ) -> None:
        self._resolver = resolver
        self._host_limit = host_limit
        self._idle_max = idle_max
        self._idle_seconds = idle_seconds
        self._origins: dict[_Origins, _Origin] = {}
        self._idle = 0
        self._tls: ssl.SSLContext | None = None
        """Made at the first https endpoint: reading the system's certificates takes 20 ms."""
        if ca_file is not None:
            self._tls = ssl.create_default_context()
            try:
                self._tls.load_verify_locations(ca_file)
            except OSError as error:
                raise SettingsError(f"cannot read the certificates in {ca_file}: {error}") from error
        self._own_tls = Contexts()
        self._sweep: asyncio.TimerHandle | None = None
        self._is_closed = False

    async def post(self, target: Target, headers: Mapping[str, str], body: bytes, timeout_seconds: float) -> Answer:
        return await self._send(target, headers, body, timeout_seconds, keeps_body=False)

    async def fetch(self, target: Target, headers: Mapping[str, str], body: bytes, timeout_seconds: float) -> Answer:
        return await self._send(target, headers, body, timeout_seconds, keeps_body=True)

    async def _send(
        self, target: Target, headers: Mapping[str, str], body: bytes, timeout_seconds: float, *, keeps_body: bool
    ) -> Answer:
        data = b"%b%bContent-Length: %d\r\n\r\n%b" % (target.head, encode_headers(headers), len(body), body)
        origin = self._origins.get(target.origin)
        if origin is None:
            origin = self._origins[target.origin] = _Origin(self._host_limit)
        origin.users += 1
        try:
            # The wait for a connection is not the endpoint's fault: its time begins after it.
            async with origin.slots:
                async with asyncio.timeout(timeout_seconds):
                    return await self._exchange(target, origin, data, keeps_body)
        except TimeoutError as error:
            raise UnavailableError(f"no answer within {timeout_seconds:g} s") from error
        finally:
            origin.users -= 1
            if not origin.users and not origin.idle:
                self._origins.pop(target.origin, None)

    async def close(self) -> None:
        """Close what is idle and take nothing back; what is under way ends by its own time limit."""
        self._is_closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        for origin in self._origins.values():
            while origin.idle:
                origin.idle.pop().close()
        self._idle = 0
        self._resolver.close()
        await asyncio.sleep(0)  # Lets the transports say goodbye.

    async def _exchange(self, target: Target, origin: _Origin, data: bytes, keeps_body: bool) -> Answer:
        connection = self._take(origin)
        if connection is not None:
            with suppress(_StaleError):  # The endpoint had closed it meanwhile: once more on a new one.
                return await self._ask(connection, origin, data, keeps_body)
        connection = await self._connect(target)
        try:
            return await self._ask(connection, origin, data, keeps_body)
        except _StaleError as error:
            reason = str(error) or "the connection was closed without an answer"
            raise UnavailableError(reason) from error

    async def _ask(self, connection: _Connection, origin: _Origin, data: bytes, keeps_body: bool) -> Answer:
        is_over = False
        try:
            answer = await connection.exchange(data, keeps_body)
            is_over = True
            return answer
        finally:
            if is_over and connection.is_reusable and self._idle < self._idle_max and not self._is_closed:
                self._put_back(connection, origin)
            else:
                connection.abort()

    def _take(self, origin: _Origin) -> _Connection | None:
        while origin.idle:
            self._idle -= 1
            connection = origin.idle.pop()
            if connection.is_reusable:
                return connection
        return None

    def _put_back(self, connection: _Connection, origin: _Origin) -> None:
        loop = asyncio.get_running_loop()
        connection.idle_since = loop.time()
        origin.idle.append(connection)
        self._idle += 1
        if self._sweep is None:
            self._sweep = loop.call_later(self._idle_seconds / 2, self._drop_idle)

    def _drop_idle(self) -> None:
        self._sweep = None
        loop = asyncio.get_running_loop()
        oldest = loop.time() - self._idle_seconds
        for key, origin in list(self._origins.items()):
            keep = []
            for connection in origin.idle:
                if connection.is_reusable and connection.idle_since > oldest:
                    keep.append(connection)
                else:
                    connection.close()
                    self._idle -= 1
            origin.idle = keep
            if not keep and not origin.users:
                del self._origins[key]
        if self._idle:
            self._sweep = loop.call_later(self._idle_seconds / 2, self._drop_idle)

    def _context(self, target: Target) -> ssl.SSLContext:
        if target.tls is not None:
            return self._own_tls.of(target.tls)
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls

    async def _connect(self, target: Target) -> _Connection:
        addresses = await self._resolver.resolve(target.host, target.port)
        tls: dict[str, object] = {}
        if target.is_tls:
            tls = {"ssl": self._context(target), "server_hostname": target.host}
        loop = asyncio.get_running_loop()
        failure: Exception | None = None
        for number, address in enumerate(addresses):
            is_last = number == len(addresses) - 1
            try:
                async with asyncio.timeout(None if is_last else _CONNECT_SECONDS_MAX):
                    _, connection = await loop.create_connection(_Connection, address, target.port, **tls)  # type: ignore[call-overload]  # TLS arguments come together or not at all
            except TimeoutError as error:
                failure = error
                if is_last:
                    raise
            except (OSError, ssl.CertificateError) as error:
                failure = error
            else:
                assert isinstance(connection, _Connection)
                return connection
        raise UnavailableError(f"cannot connect to {target.host} port {target.port}: {failure}") from failure
