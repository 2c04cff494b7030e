"""A consumer's web server: records whatever arrives, and can fail, be slow or hang as a real one does."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple


class Reaction(NamedTuple):
    """What the consumer does with a message once it has read and recorded it."""

    status: int = 200
    delay_seconds: float = 0.0
    hangs: bool = False
    """It never answers."""


OK = Reaction()


class Arrival(NamedTuple):
    endpoint: str
    """The path of the URL, without the slash."""
    id: str
    seq: int
    headers: dict[str, str]
    body: bytes
    at: float
    """By the monotonic clock."""
    status: int
    """What it was answered, 0 for nothing."""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Consumer:
    """Runs in a thread of its own from ``start`` to ``close``. Each path is an endpoint."""

    def __init__(self) -> None:
        self.arrivals: list[Arrival] = []
        self.react: Callable[[str, int], Reaction] = lambda endpoint, seq: OK
        """Called with the endpoint and the sequence number of every message."""
        self._news = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._end = asyncio.Event()
        self._port = 0
        self._thread = threading.Thread(target=self._run, name="consumer", daemon=True)

    def start(self) -> Consumer:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)

    def url(self, endpoint: str) -> str:
        return f"http://127.0.0.1:{self._port}/{endpoint}"

    def at(self, endpoint: str) -> list[Arrival]:
        return [arrival for arrival in tuple(self.arrivals) if arrival.endpoint == endpoint]

    def news(self, endpoint: str, *kinds: str) -> list[Arrival]:
        """What was taken in there, each message once, of some kinds of news or all."""
        found = {a.id: a for a in reversed(self.at(endpoint)) if a.status == 200 and (not kinds or news_of(a) in kinds)}
        return sorted(found.values(), key=lambda arrival: arrival.seq)

    def wait_for(self, is_so: Callable[[], Any], what: str, seconds: float = 15.0) -> Any:
        """Looks again with every arrival; what ``is_so`` says once it is true."""
        deadline = time.monotonic() + seconds
        with self._news:
            while not (found := is_so()):
                left = deadline - time.monotonic()
                seen = [(a.endpoint, a.seq, news_of(a), a.status) for a in self.arrivals[-20:]]
                assert left > 0, f"{what}: not within {seconds:g} s; the last arrivals: {seen}"
                self._news.wait(left)
        return found

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            asyncio.set_event_loop(None)
            self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._end.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            # A peer that is killed resets the connection; being cancelled is how this ends.
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while True:
                    await self._exchange(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        _, path, _ = head[0].split(" ")
        headers = {}
        for line in head[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        endpoint = path.strip("/")
        seq = int(headers.get("x-nfvigil-sequence", 0))
        reaction = self.react(endpoint, seq)
        arrival = Arrival(
            endpoint,
            headers.get("x-nfvigil-notification-id", ""),
            seq,
            headers,
            body,
            time.monotonic(),
            0 if reaction.hangs else reaction.status,
        )
        with self._news:
            self.arrivals.append(arrival)
            self._news.notify_all()
        if reaction.hangs:
            await asyncio.Event().wait()
        if reaction.delay_seconds:
            await asyncio.sleep(reaction.delay_seconds)
        writer.write(b"HTTP/1.1 %d Whatever\r\nContent-Length: 0\r\n\r\n" % reaction.status)
        await writer.drain()


def news_of(arrival: Arrival) -> str:
    try:
        return str(arrival.json["News"])
    except (KeyError, ValueError, TypeError):
        return ""


def faults_in(arrival: Arrival) -> list[tuple[str, dict[str, Any]]]:
    """(resource key, fault) of every fault in a message of the format ``doctor``."""
    return [
        (f"{resource['VirtualResourceType']}/{resource['VirtualResourceID']}", fault)
        for resource in arrival.json["VirtualResourceInfo"]
        for fault in resource["Faults"]
    ]
