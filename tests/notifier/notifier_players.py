"""The players of the notifier's tests: alarms, subscriptions, a store of a few lines, a real endpoint."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from nfvigil.errors import StoreUnavailableError
from nfvigil.model.alarm import Alarm, AlarmState
from nfvigil.model.notification import Delivery, DeliveryState, Notification
from nfvigil.model.severity import Severity
from nfvigil.model.subscription import Endpoint, Subscription
from nfvigil.model.verdict import News
from nfvigil.notifier.channel import Channel, load_channels
from nfvigil.notifier.compose import Composer
from nfvigil.notifier.dispatch import Dispatcher, Limits
from nfvigil.notifier.matcher import Matcher
from nfvigil.notifier.poster import HttpPoster, Poster
from nfvigil.notifier.resolver import Resolver
from nfvigil.notifier.retry import Retry
from nfvigil.notifier.safety import Safety

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NOW = 1_780_000_000_000_000


def alarm(name: str = "a1", **given: Any) -> Alarm:
    given.setdefault("fault_type", "compute.host.down")
    given.setdefault("resource", "server/vm-1")
    given.setdefault("project", "blue")
    given.setdefault("severity", Severity.CRITICAL)
    given.setdefault("root", name)
    return Alarm(**{"id": name, "event_id": 7, "event_us": NOW, "raised_us": NOW} | given)


def cleared(one: Alarm) -> Alarm:
    return type(one)(
        **{key: getattr(one, key) for key in one.__struct_fields__}
        | {"state": AlarmState.CLEARED, "cleared_us": NOW + 5_000_000}
    )


def subscription(name: str = "s1", url: str = "http://192.0.2.1/hook", **given: Any) -> Subscription:
    given.setdefault("project", "blue")
    given.setdefault("endpoints", (Endpoint(id=f"{name}-e1", url=url),))
    return Subscription(id=name, **given)


CHANNELS: dict[str, Channel] = load_channels()


def composer(*subscriptions: Subscription) -> Composer:
    return Composer(matcher=Matcher(subscriptions), seqs={}, channels=CHANNELS)


class Rows:
    """An outbox in memory: what the store does for deliveries."""

    def __init__(self) -> None:
        self.notifications: dict[str, Notification] = {}
        self.deliveries: dict[str, Delivery] = {}
        self.is_away = False
        self.saves = 0
        self.reads = 0

    def commit(self, written: tuple[Sequence[Notification], Sequence[Delivery]]) -> list[tuple[Notification, Delivery]]:
        notifications, deliveries = written
        self.notifications.update((notification.id, notification) for notification in notifications)
        self.deliveries.update((delivery.id, delivery) for delivery in deliveries)
        return [(self.notifications[delivery.notification], delivery) for delivery in deliveries]

    def pending(self) -> list[tuple[Notification, Delivery]]:
        waiting = (d for d in self.deliveries.values() if d.state is DeliveryState.PENDING)
        in_order = sorted(waiting, key=lambda d: (d.endpoint, d.seq, d.part))
        return [(self.notifications[delivery.notification], delivery) for delivery in in_order]

    async def save_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        await asyncio.sleep(0)
        if self.is_away:
            raise StoreUnavailableError("disk full", retry_after_seconds=0.05)
        self.saves += 1
        self.deliveries.update((delivery.id, delivery) for delivery in deliveries)

    async def pending_deliveries(
        self, endpoint_id: str, after_seq: int, after_part: int, limit: int
    ) -> list[tuple[Notification, Delivery]]:
        self.reads += 1
        found = [
            item
            for item in self.pending()
            if item[1].endpoint == endpoint_id and (item[1].seq, item[1].part) > (after_seq, after_part)
        ]
        await asyncio.sleep(0)
        if self.is_away:
            raise StoreUnavailableError("disk full", retry_after_seconds=0.05)
        return found[:limit]

    def states(self) -> list[str]:
        return [d.state.value for d in sorted(self.deliveries.values(), key=lambda d: (d.endpoint, d.seq, d.part))]


@dataclass
class Request:
    """What an endpoint received."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def seq(self) -> int:
        return int(self.headers["x-nfvigil-sequence"])

    @property
    def id(self) -> str:
        return self.headers["x-nfvigil-delivery-id"]


Script = Callable[["Request", asyncio.StreamWriter], Awaitable[None]]


async def ok(request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")


def answer(status: int, *headers: str, body: bytes = b"") -> Script:
    lines = "".join(f"{line}\r\n" for line in headers)
    head = f"HTTP/1.1 {status} Whatever\r\nContent-Length: {len(body)}\r\n{lines}\r\n".encode()

    async def script(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(head + body)

    return script


async def hang(request: Request, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(3600)


@dataclass
class Consumer:
    """A real HTTP server: it keeps what came, and answers by ``script`` (per path, else ``*``)."""

    scripts: dict[str, Script | list[Script]] = field(default_factory=dict)
    received: list[Request] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    tls: ssl.SSLContext | None = None

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def seqs(self, path: str = "/hook") -> list[int]:
        return [request.seq for request in self.received if request.path == path]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                first, *lines = head.rstrip("\r\n").split("\r\n")
                headers = {key.lower(): value for key, value in (line.split(": ", 1) for line in lines)}
                body = await reader.readexactly(int(headers["content-length"]))
                request = Request(first.split(" ")[1], headers, body, time.monotonic())
                self.received.append(request)
                script = self.scripts.get(request.path, self.scripts.get("*", ok))
                if isinstance(script, list):
                    script = script.pop(0) if script else ok
                await script(request, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # The client has gone.
        finally:
            writer.close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Consumer]:
        connections: set[asyncio.Task[None]] = set()

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
            connections.add(task)
            task.add_done_callback(connections.discard)

        server = await asyncio.start_server(connected, "127.0.0.1", self.port, ssl=self.tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in list(connections):
                task.cancel()
            await asyncio.gather(*connections, return_exceptions=True)
            await server.wait_closed()


def http_poster(**safety: Any) -> HttpPoster:
    return HttpPoster(resolver=Resolver(safety=Safety(**{"allow_loopback": True} | safety)))


FAST = Retry(first_seconds=0.01, max_seconds=0.05)


def dispatcher(rows: Rows, *, poster: Poster | None = None, limits: Limits | None = None, **given: Any) -> Dispatcher:
    given.setdefault("clock", lambda: time.time_ns() // 1000)
    given.setdefault("retry", FAST)
    return Dispatcher(
        channels=CHANNELS,
        outbox=rows,
        poster=poster or http_poster(),
        source="urn:nfvigil:test",
        limits=limits or Limits(timeout_seconds=2.0),
        **given,
    )


@asynccontextmanager
async def running(one: Dispatcher, grace_seconds: float = 2.0) -> AsyncIterator[Dispatcher]:
    async with asyncio.TaskGroup() as group:
        group.create_task(one.run())
        try:
            yield one
        finally:
            await one.close(grace_seconds)


async def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait until it holds; fail if it does not in time."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - any condition, of things that know no event
            await asyncio.sleep(0.005)


def raised(number: int, **given: Any) -> list[tuple[News, Alarm]]:
    return [(News.RAISED, alarm(f"a{number}", **given))]
