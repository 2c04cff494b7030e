"""Follows a cloud's notifications and tells which resources to look at. They are hints; the API has the truth.

RabbitMQ may be away, at the start too: it is tried again for ever. aio-pika's own reconnecting is not used, as it
hides what matters here: after each connection something may have been missed, and a snapshot is asked for.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from typing import Any, Protocol

import msgspec
import structlog

from nfvigil.controller.vim import Tap
from nfvigil.controller.vims.openstack.bus_options import Address, BusOptions
from nfvigil.controller.vims.openstack.envelope import Notification, Unreadable, decode
from nfvigil.controller.vims.openstack.hints import Hint
from nfvigil.controller.vims.openstack.seen import Seen
from nfvigil.controller.vims.openstack.traits import event_of
from nfvigil.errors import UnavailableError

_log = structlog.get_logger(__name__)

SEEN_MAX = 100_000
SEEN_SECONDS = 600.0


class Arrived(msgspec.Struct, frozen=True, kw_only=True):
    """``is_lossy`` says that messages were dropped before we could read them; ``receipt`` is the session's own."""

    bodies: tuple[bytes, ...] = ()
    is_lossy: bool = False
    receipt: Any = None


class Session(Protocol):
    """A connection that reads our queue. Every call raises UnavailableError once it has ended."""

    async def bind(self) -> Mapping[str, str]:
        """Bind the queue to the exchanges; those where that is impossible now, and why."""

    async def next(self, within_seconds: float) -> Arrived: ...

    async def ack(self, arrived: Arrived) -> None: ...

    async def close(self) -> None: ...


Connect = Callable[[BusOptions, Address], Awaitable[Session]]
Reach = Callable[[BusOptions, Address], Awaitable[None]]


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of the waits. The exchanges are bound again and again, as one that was missing may have come: soon
    after we have connected (a restarted RabbitMQ has none until the services send), and ever more seldom.
    """

    retry_min_seconds: float = 0.5
    retry_max_seconds: float = 30.0
    bind_min_seconds: float = 1.0
    bind_max_seconds: float = 60.0


class BusStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How well we hear the cloud, for people."""

    server: str = ""
    """Where the RabbitMQ is that we are connected to; "" while we are not."""
    connected_us: int | None = None
    message_us: int | None = None
    """When the last message was taken."""
    received: int = 0
    hints: int = 0
    repeats: int = 0
    ignored: int = 0
    """Notifications that say nothing about what is in the map."""
    told: int = 0
    """Notifications that somebody's event alarm may wait for."""
    refused: Mapping[str, int] = {}
    snapshots: int = 0
    """How often a snapshot was asked for."""
    unbound: Mapping[str, str] = {}
    """Exchanges that are not listened to, and why."""
    error: str = ""


class Bus:
    """``clock`` gives microseconds since 1970; ``connect`` makes a session, ``reach`` tries without."""

    def __init__(
        self,
        *,
        options: BusOptions,
        connect: Connect,
        reach: Reach,
        clock: Callable[[], int],
        patience: Patience | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._options = options
        self._connect = connect
        self._reach = reach
        self._clock = clock
        self._patience = patience or Patience()
        self._monotonic = monotonic
        self._jitter = jitter
        self._seen = Seen(seconds=SEEN_SECONDS, clock=monotonic, size_max=SEEN_MAX)
        self._server = ""
        self._connected_us: int | None = None
        self._message_us: int | None = None
        self._counts: Counter[str] = Counter()
        self._refused: Counter[Unreadable] = Counter()
        self._unbound: Mapping[str, str] = {}
        self._error = ""
        self._session: Session | None = None
        self._tap: Tap | None = None
        self._closing = asyncio.Event()

    def tap(self, tap: Tap) -> None:
        self._tap = tap

    def status(self) -> BusStatus:
        return BusStatus(
            server=self._server,
            connected_us=self._connected_us,
            message_us=self._message_us,
            refused={str(reason): number for reason, number in sorted(self._refused.items())},
            unbound=dict(self._unbound),
            error=self._error,
            **self._counts,
        )

    async def check(self) -> str:
        """Why none of the hosts can be reached with this user and password; "" where one can."""
        reasons = []
        for address in self._options.addresses:
            try:
                await self._reach(self._options, address)
            except UnavailableError as error:
                reasons.append(str(error))
            else:
                return ""
        return "; ".join(reasons)

    def places(self) -> Sequence[str]:
        return [str(address.url.with_user(None).with_path("")) for address in self._options.addresses]

    async def close(self) -> None:
        """Let go of the connection; ``listen`` ends."""
        self._closing.set()
        if self._session is not None:
            await self._session.close()

    async def listen(self) -> AsyncGenerator[Sequence[Hint] | None]:
        """What to look at, batch by batch; None says that something may have been missed: take a snapshot.

        It never ends by itself. A batch is acknowledged when the next one is asked for, so what was not handed over
        when we die comes again.
        """
        turn = failures = 0
        while not self._closing.is_set():
            address = self._options.addresses[turn % len(self._options.addresses)]
            began = self._monotonic()
            try:
                self._session = session = await self._connect(self._options, address)
                try:
                    async with aclosing(self._follow(session, address)) as batches:
                        async for batch in batches:
                            yield batch
                finally:
                    self._session = None
                    await session.close()
            except UnavailableError as error:
                if self._closing.is_set():
                    return
                # One that held for a while does not count against the next; one that breaks at once does.
                held = self._server and self._monotonic() - began > self._patience.retry_max_seconds
                failures = 1 if held else failures + 1
                self._lose(str(error))
            turn += 1
            # The hosts in the list are one RabbitMQ: all are tried before there is a pause.
            if failures % len(self._options.addresses) == 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._pause(failures // len(self._options.addresses))):
                        await self._closing.wait()

    async def _follow(self, session: Session, address: Address) -> AsyncGenerator[Sequence[Hint] | None]:
        self._unbound = await session.bind()
        self._have(address)
        self._counts["snapshots"] += 1
        yield None
        wait = self._patience.bind_min_seconds
        due = self._monotonic() + wait
        while True:
            arrived = await session.next(max(0.0, due - self._monotonic()))
            hints, is_doubtful = self._take(arrived)
            if hints:
                yield hints
            if is_doubtful:
                yield None
            if self._tap is not None and arrived.bodies:
                await self._tap.kept()  # Before it is acknowledged: what is not written when we die comes again.
            if arrived.bodies or arrived.is_lossy:
                await session.ack(arrived)
            if self._monotonic() >= due:
                if await self._bind_again(session):
                    yield None
                wait = min(wait * 2, self._patience.bind_max_seconds)
                due = self._monotonic() + wait

    async def _bind_again(self, session: Session) -> bool:
        """Whether an exchange is listened to anew: what was sent there before is lost."""
        unbound = await session.bind()
        found = sorted(self._unbound.keys() - unbound.keys())
        self._unbound = unbound
        if found:
            self._counts["snapshots"] += 1
            _log.info("bus exchanges found", queue=self._options.queue, exchanges=found)
        return bool(found)

    def _take(self, arrived: Arrived) -> tuple[Sequence[Hint], bool]:
        """The hints in it, each once, and whether a snapshot is due."""
        hints: dict[Hint, None] = {}
        is_doubtful = arrived.is_lossy
        for body in arrived.bodies:
            found = decode(body)
            if isinstance(found, Unreadable):
                self._refused[found] += 1
            elif not self._seen.is_new(found.id):
                self._counts["repeats"] += 1
                continue
            elif found.needs_snapshot:
                is_doubtful = True
            elif found.hints:
                hints.update(dict.fromkeys(found.hints))
                self._counts["hints"] += len(found.hints)
            else:
                self._counts["ignored"] += 1
            if self._tap is not None and isinstance(found, Notification) and self._tap.wants(found.event_type):
                self._hand_over(self._tap, body)
        if arrived.bodies:
            self._counts["received"] += len(arrived.bodies)
            self._message_us = self._clock()
        self._counts["snapshots"] += is_doubtful
        return tuple(hints), is_doubtful

    def _hand_over(self, tap: Tap, body: bytes) -> None:
        event = event_of(body)
        if event is not None:
            self._counts["told"] += 1
            tap.take(event)

    def _have(self, address: Address) -> None:
        self._server, self._connected_us, self._error = str(address), self._clock(), ""
        _log.info("bus connected", queue=self._options.queue, server=self._server, unbound=sorted(self._unbound))

    def _lose(self, error: str) -> None:
        if error != self._error:
            _log.warning("bus is away", queue=self._options.queue, error=error)
        self._server, self._connected_us, self._error = "", None, error

    def _pause(self, rounds: int) -> float:
        """Jitter, so that several installations do not all come back at the same instant."""
        most = min(self._patience.retry_max_seconds, self._patience.retry_min_seconds * 2.0 ** min(rounds, 20))
        least = self._patience.retry_min_seconds
        return least + (most - least) * self._jitter()
