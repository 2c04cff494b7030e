"""A lean HTTP client that notes when a request left and when its answer was there, in nanoseconds since 1970."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import Any, NamedTuple, Self, cast

import httptools
import msgspec

WAIT_SECONDS = 60.0


class Answer(NamedTuple):
    status: int
    body: bytes
    sent_ns: int
    answered_ns: int

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class BenchError(Exception):
    """What was to be measured did not do what it should."""


class Connection(asyncio.Protocol):
    """One kept-alive connection, one request at a time."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._host = f"127.0.0.1:{port}".encode()
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._waiter: asyncio.Future[Answer] | None = None
        self._parts: list[bytes] = []
        self._sent_ns = 0

    @classmethod
    async def open(cls, port: int) -> Self:
        connection = cls(port)
        await connection._connect()
        return connection

    async def _connect(self) -> None:
        await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", self._port)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def head(self, method: str, path: str, size: int) -> bytes:
        start = f"{method} {path} HTTP/1.1\r\nHost: ".encode() + self._host
        return start + f"\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n".encode()

    def start(self, method: str, path: str, body: bytes = b"") -> asyncio.Future[Answer]:
        """Send, and return what will be the answer."""
        assert self._transport is not None
        if self._waiter is not None and not self._waiter.done():
            raise BenchError("a connection takes one request at a time")
        self._waiter = asyncio.get_running_loop().create_future()
        self._parser = httptools.HttpResponseParser(self)
        self._parts = []
        message = self.head(method, path, len(body)) + body
        self._sent_ns = time.time_ns()
        self._transport.write(message)
        return self._waiter

    async def ask(self, method: str, path: str, value: Any = None, expect: tuple[int, ...] = (200,)) -> Answer:
        """Send a JSON value; another status than the expected is an error.

        A connection that was closed while it was idle is opened again first, before the clock starts.
        """
        if self._transport is None or self._transport.is_closing():
            await self._connect()
        body = b"" if value is None else msgspec.json.encode(value)
        answer = await asyncio.wait_for(self.start(method, path, body), WAIT_SECONDS)
        if answer.status not in expect:
            text = answer.body.decode(errors="replace")[:500]
            raise BenchError(f"{method} {path} was answered {answer.status}: {text}")
        return answer

    # What the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        assert self._parser is not None
        self._parser.feed_data(data)

    def connection_lost(self, error: Exception | None) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(BenchError(f"the connection was closed: {error}"))

    # What the parser calls

    def on_body(self, part: bytes) -> None:
        self._parts.append(part)

    def on_message_complete(self) -> None:
        now = time.time_ns()
        assert self._parser is not None
        if self._waiter is not None and not self._waiter.done():
            answer = Answer(self._parser.get_status_code(), b"".join(self._parts), self._sent_ns, now)
            self._waiter.set_result(answer)
