"""Consumers of webhooks in a process of their own: a port each, and the time at which each message was complete.

Run as a script it is that process: it reads one JSON command a line from standard input and answers with one line.
It does as little as it can while messages come in; what they say is read when it is asked for them.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple, Self, cast

import httptools
import msgspec
import uvloop

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_LINE_MAX = 64 * 1024 * 1024
_NEWS_WITHIN = 1000
"""The kind of news stands near the start of a message: no need to read it all."""


class Arrival(NamedTuple):
    """One message. ``seq`` and ``news`` are "" and 0 where the message does not say."""

    endpoint: int
    at_ns: int
    id: str
    seq: int
    news: str
    alarms: int


class _Resource(msgspec.Struct):
    Faults: list[msgspec.Raw] = []


class _Message(msgspec.Struct):
    NotificationID: str = ""
    Sequence: int = 0
    News: str = ""
    VirtualResourceInfo: list[_Resource] = []


_read = msgspec.json.Decoder(_Message).decode


class Board:
    """What came in, and who is not to be answered."""

    def __init__(self) -> None:
        self.arrived: list[tuple[int, int, bytes]] = []
        self.hanging: set[int] = set()
        self.held: list[Line] = []
        self.delay: dict[int, float] = {}
        self.missing = 0
        self.mark = b""
        self.among: set[int] | None = None
        self.complete = asyncio.Event()

    def take(self, line: Line, body: bytes) -> None:
        now = time.time_ns()
        endpoint = line.endpoint
        if endpoint in self.hanging:
            self.held.append(line)
        elif delay := self.delay.get(endpoint):
            asyncio.get_running_loop().call_later(delay, line.answer)
        else:
            line.answer()
        self.arrived.append((endpoint, now, body))
        if self.missing and self._counts(endpoint, body):
            self.missing -= 1
            if not self.missing:
                self.complete.set()

    def _counts(self, endpoint: int, body: bytes) -> bool:
        return (self.among is None or endpoint in self.among) and self.mark in body[:_NEWS_WITHIN]

    async def wait(self, count: int, seconds: float, news: str, among: list[int] | None) -> list[Arrival]:
        """All messages since the last time, once ``count`` of them fit or the time is over."""
        self.mark = f'"News":"{news}"'.encode() if news else b""
        self.among = None if among is None else set(among)
        self.missing = max(0, count - sum(self._counts(endpoint, body) for endpoint, _, body in self.arrived))
        self.complete.clear()
        if self.missing:
            with contextlib.suppress(TimeoutError):  # who asked sees by their number that some did not come
                await asyncio.wait_for(self.complete.wait(), seconds)
        arrived, self.arrived = self.arrived, []
        self.missing = 0
        return [_arrival(*one) for one in arrived]

    def release(self) -> None:
        """Nobody hangs any more; who was waiting is answered."""
        self.hanging.clear()
        held, self.held = self.held, []
        for line in held:
            line.answer()


def _arrival(endpoint: int, at_ns: int, body: bytes) -> Arrival:
    try:
        message = _read(body)
    except msgspec.DecodeError:
        return Arrival(endpoint, at_ns, "", 0, "", 0)
    alarms = sum(len(resource.Faults) for resource in message.VirtualResourceInfo)
    return Arrival(endpoint, at_ns, message.NotificationID, message.Sequence, message.News, alarms)


class Line(asyncio.Protocol):
    """One connection of a sender."""

    def __init__(self, board: Board, endpoint: int) -> None:
        self.endpoint = endpoint
        self._board = board
        self._parts: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)

    def answer(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(ANSWER)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, part: bytes) -> None:
        self._parts.append(part)

    def on_message_complete(self) -> None:
        body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts = []
        self._board.take(self, body)


async def _listen(count: int) -> None:
    board = Board()
    loop = asyncio.get_running_loop()
    servers = [
        await loop.create_server(partial(Line, board, endpoint), "127.0.0.1", 0, backlog=256)
        for endpoint in range(count)
    ]
    _say([server.sockets[0].getsockname()[1] for server in servers])
    reader = asyncio.StreamReader(limit=_LINE_MAX)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():  # the end of standard input is the end of us
        command = msgspec.json.decode(line)
        match command.pop("do"):
            case "wait":
                _say(await board.wait(**command))
            case "hang":
                board.hanging = set(command["endpoints"])
                _say(None)
            case "release":
                board.release()
                _say(None)
            case "delay":
                board.delay[command["endpoint"]] = command["seconds"]
                _say(None)


def _say(value: Any) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(value) + b"\n")
    sys.stdout.buffer.flush()


class Consumers:
    """The same from the side of the bench."""

    def __init__(self, process: asyncio.subprocess.Process, ports: Sequence[int]) -> None:
        self.ports = ports
        self._process = process

    @classmethod
    async def start(cls, count: int) -> Self:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            __file__,
            str(count),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LINE_MAX,
        )
        assert process.stdout is not None
        return cls(process, msgspec.json.decode(await process.stdout.readline()))

    @property
    def pid(self) -> int:
        return self._process.pid

    def url(self, endpoint: int) -> str:
        return f"http://127.0.0.1:{self.ports[endpoint]}/failure"

    async def _do(self, **command: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(command, enc_hook=list) + b"\n")
        return msgspec.json.decode(await self._process.stdout.readline())

    async def wait(
        self, count: int, *, seconds: float = 30.0, news: str = "", among: Sequence[int] | None = None
    ) -> list[Arrival]:
        """What came in since the last time, as soon as ``count`` messages with ``news`` came to ``among``."""
        found = await self._do(do="wait", count=count, seconds=seconds, news=news, among=among)
        return [Arrival(*one) for one in found]

    async def hang(self, endpoints: Sequence[int]) -> None:
        """They accept connections and messages and never answer."""
        await self._do(do="hang", endpoints=endpoints)

    async def release(self) -> None:
        await self._do(do="release")

    async def delay(self, endpoint: int, seconds: float) -> None:
        """This one takes its time to answer."""
        await self._do(do="delay", endpoint=endpoint, seconds=seconds)

    async def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), 3)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


if __name__ == "__main__":
    uvloop.run(_listen(int(sys.argv[1])))
