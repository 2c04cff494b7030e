"""Keeps the resource map up to date: a snapshot of each VIM now and then, and what changes in between.

Each VIM is watched by itself, so that one which is slow, dead or wrong touches no other. A listing that failed
changes nothing, and one that suddenly lacks much is read again before anybody believes it.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Protocol

import msgspec
import structlog

from nfvigil.errors import VimUnavailableError
from nfvigil.model.resource import MapChange, Server, Snapshot
from nfvigil.model.times import SECOND

_log = structlog.get_logger(__name__)

BUFFER_MAX = 10_000
"""Changes kept while a snapshot is read. Should there be more, the next snapshot follows at once."""


class Vim(Protocol):
    """What a driver needs for its cloud to be listed."""

    @property
    def name(self) -> str: ...

    async def snapshot(self) -> Snapshot:
        """Everything, or VimUnavailableError: there is no such thing as half a snapshot."""

    def changes(self) -> AsyncIterator[MapChange | None]:
        """What becomes different, in order. None says that something was missed: a snapshot is due."""


Apply = Callable[[Snapshot | MapChange], Awaitable[None]]


class VimStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How well we know one VIM."""

    taken_us: int | None = None
    """When the last snapshot that was believed was taken; None before the first."""
    age_seconds: float | None = None
    error: str = ""
    """Why the last attempt failed; "" where it did not."""
    servers: int = 0
    hosts: int = 0


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of the waits. ``second_look_seconds`` is how long after a suspicious listing it is read again."""

    timeout_seconds: float = 300.0
    retry_min_seconds: float = 0.5
    retry_max_seconds: float = 60.0
    gap_seconds: float = 1.0
    second_look_seconds: float = 2.0


class Inventory:
    """``ready`` is set once every VIM has been read. ``interval_seconds`` is the time between snapshots."""

    def __init__(
        self,
        *,
        vims: Mapping[str, Vim],
        apply: Apply,
        interval_seconds: float,
        clock: Callable[[], int],
        timing: Timing | None = None,
    ) -> None:
        self.ready = asyncio.Event()
        self._clock = clock
        self._watches = {
            name: _Watch(
                vim=vim,
                apply=apply,
                interval_seconds=interval_seconds,
                clock=clock,
                timing=timing or Timing(),
                on_read=self._note,
            )
            for name, vim in vims.items()
        }
        self._note()

    async def run(self) -> None:
        """Watch all VIMs until cancelled."""
        async with asyncio.TaskGroup() as group:
            for name, watch in self._watches.items():
                group.create_task(watch.run(), name=f"inventory {name}")

    def refresh(self, vim: str) -> None:
        """Take a snapshot soon: somebody has reason to doubt what we know."""
        self._watches[vim].want()

    def status(self) -> dict[str, VimStatus]:
        now_us = self._clock()
        return {name: watch.status(now_us) for name, watch in self._watches.items()}

    def _note(self) -> None:
        if all(watch.taken_us is not None for watch in self._watches.values()):
            self.ready.set()


class _Watch:
    """One VIM: its snapshots, its changes, and what we believe of them."""

    def __init__(
        self,
        *,
        vim: Vim,
        apply: Apply,
        interval_seconds: float,
        clock: Callable[[], int],
        timing: Timing,
        on_read: Callable[[], None],
    ) -> None:
        self.taken_us: int | None = None
        self._vim = vim
        self._apply = apply
        self._interval_seconds = interval_seconds
        self._clock = clock
        self._timing = timing
        self._on_read = on_read
        self._wanted = asyncio.Event()
        self._turn = asyncio.Lock()
        self._meanwhile: deque[MapChange] | None = deque(maxlen=BUFFER_MAX)
        self._servers: set[str] = set()
        self._counts: dict[str, int] = {}
        self._error = ""
        self._changes_error = ""

    def want(self) -> None:
        self._wanted.set()

    def status(self, now_us: int) -> VimStatus:
        return VimStatus(
            taken_us=self.taken_us,
            age_seconds=None if self.taken_us is None else max(0, now_us - self.taken_us) / SECOND,
            error=self._error or self._changes_error,
            servers=len(self._servers),
            hosts=self._counts.get("hosts", 0),
        )

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow())
            group.create_task(self._look())

    async def _look(self) -> None:
        """Snapshots: at the start, when one is wanted, and from time to time."""
        failures = 0
        while True:
            self._wanted.clear()
            try:
                async with asyncio.timeout(self._timing.timeout_seconds):
                    await self._read()
            except Exception as error:  # a driver may raise anything, and must not stop the others' watches
                failures += 1
                self._say(error)
                await asyncio.sleep(self._pause(failures))
                continue
            if failures:
                _log.info("vim is back", vim=self._vim.name)
            failures = 0
            self._error = ""
            self._on_read()
            await asyncio.sleep(self._timing.gap_seconds)
            # Jitter, so that several processes or VIMs of one cloud do not list in step.
            wait = self._interval_seconds * (0.9 + 0.2 * random.random())  # noqa: S311  # no secret depends on it
            with suppress(TimeoutError):  # nobody asked: it is time anyway
                await asyncio.wait_for(self._wanted.wait(), wait)

    async def _read(self) -> None:
        """Read and apply one snapshot; what changes while it is read is applied after it once more."""
        if self._meanwhile is None:
            self._meanwhile = deque(maxlen=BUFFER_MAX)
        snapshot = await self._believable()
        async with self._turn:
            await self._apply(snapshot)
            self._remember(snapshot)
            # The snapshot may be older than these. One that is in it already changes nothing.
            meanwhile, self._meanwhile = self._meanwhile, None
            if len(meanwhile) == BUFFER_MAX:
                self._wanted.set()
            for change in meanwhile:
                await self._apply(change)
                self._remember_change(change)

    async def _believable(self) -> Snapshot:
        first = await self._vim.snapshot()
        missing = self._missing(first)
        if not self._is_cliff(first, missing):
            return first
        _log.warning("vim listing lacks much, reading it again", vim=self._vim.name, servers_missing=len(missing))
        await asyncio.sleep(self._timing.second_look_seconds)
        second = await self._vim.snapshot()
        missing_again = self._missing(second)
        if not self._is_cliff(second, missing_again):
            return second
        differing = max(len(missing), len(missing_again)) - len(missing & missing_again)
        if differing > _noise(len(missing)) or not self._counts_alike(first, second):
            raise VimUnavailableError("two listings lack much, and not the same: neither is believed")
        return second

    def _missing(self, snapshot: Snapshot) -> set[str]:
        return self._servers.difference([server.id for server in snapshot.servers])

    def _is_cliff(self, snapshot: Snapshot, missing: set[str]) -> bool:
        """More has gone at once than operators delete: rather a listing that is not what it seems."""
        if len(missing) > _tolerance(len(self._servers)):
            return True
        return any(
            self._counts.get(kind, 0) - number > _tolerance(self._counts.get(kind, 0))
            for kind, number in _count(snapshot).items()
        )

    @staticmethod
    def _counts_alike(first: Snapshot, second: Snapshot) -> bool:
        seconds = _count(second)
        return all(abs(number - seconds[kind]) <= _noise(number) for kind, number in _count(first).items())

    def _remember(self, snapshot: Snapshot) -> None:
        self._servers = {server.id for server in snapshot.servers}
        self._counts = _count(snapshot)
        self.taken_us = snapshot.taken_us

    def _remember_change(self, change: MapChange) -> None:
        self._servers.difference_update(
            [key.removeprefix("server/") for key in change.gone if key.startswith("server/")]
        )
        self._servers.update([record.id for record in change.put if isinstance(record, Server)])

    async def _follow(self) -> None:
        """Changes as the VIM tells them. When it cannot, the next snapshot has to tell what was missed."""
        failures = 0
        while True:
            try:
                async for change in self._vim.changes():
                    failures, self._changes_error = 0, ""
                    await self._take(change)
                self._changes_error = "its changes came to an end"
            except Exception as error:  # as in _look: anything may come out of a driver
                self._changes_error = _sentence(error)
            failures += 1
            self._wanted.set()
            _log.info("vim tells no changes, trying again", vim=self._vim.name, error=self._changes_error)
            await asyncio.sleep(self._pause(failures))

    async def _take(self, change: MapChange | None) -> None:
        if change is None:
            self._wanted.set()
            return
        if self._meanwhile is not None:
            self._meanwhile.append(change)
            if self.taken_us is None:
                return  # there is no map yet that it could change; it follows the first snapshot
        async with self._turn:
            await self._apply(change)
            self._remember_change(change)

    def _say(self, error: Exception) -> None:
        text = _sentence(error)
        if text != self._error:
            _log.warning("vim cannot be read", vim=self._vim.name, error=text)
        self._error = text

    def _pause(self, failures: int) -> float:
        most = min(self._timing.retry_max_seconds, self._timing.retry_min_seconds * 2 ** min(failures, 20))
        return random.uniform(self._timing.retry_min_seconds / 2, most)  # noqa: S311  # no secret depends on it


def _count(snapshot: Snapshot) -> dict[str, int]:
    """Of each kind but servers, which are known one by one."""
    return {
        "hosts": len(snapshot.hosts),
        "ports": len(snapshot.ports),
        "volumes": len(snapshot.volumes),
        "networks": len(snapshot.networks),
    }


def _tolerance(known: int) -> float:
    """How many may be gone from one snapshot to the next without a second look."""
    return max(10, known / 2)


def _noise(number: int) -> float:
    """How far two listings of a living cloud, read shortly one after another, may differ and say the same."""
    return max(10, number / 10)


def _sentence(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    return str(error)[:500] or type(error).__name__
