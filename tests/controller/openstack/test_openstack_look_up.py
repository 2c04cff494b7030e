"""What hints are about is looked up: gathered, a few at a time, and the newest answer is told last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import msgspec
import pytest

from nfvigil.controller.vims.openstack import look_up
from nfvigil.controller.vims.openstack.look_up import AT_ONCE_MAX, LookUp
from nfvigil.errors import NotFoundError, VimUnavailableError
from nfvigil.model.resource import CloudRecord, Kind, MapChange, Server

pytestmark = pytest.mark.anyio


class AHint(msgspec.Struct, frozen=True):
    id: str
    kind: Kind = Kind.SERVER


class Told:
    def __init__(self) -> None:
        self.changes: list[MapChange | None] = []
        self._told = asyncio.Event()

    def publish(self, change: MapChange | None) -> None:
        self.changes.append(change)
        self._told.set()

    async def until(self, number: int) -> list[MapChange | None]:
        async with asyncio.timeout(5):
            while len(self.changes) < number:
                self._told.clear()
                await self._told.wait()
        return self.changes


@asynccontextmanager
async def looking(read: Callable[[str], Awaitable[CloudRecord]]) -> AsyncIterator[tuple[LookUp, Told]]:
    told = Told()
    looks = LookUp(vim="lab", read=read, publish=told.publish)
    task = asyncio.create_task(looks.run())
    try:
        yield looks, told
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_hints_that_come_together_are_looked_up_once_each() -> None:
    read: list[str] = []

    async def answer(key: str) -> CloudRecord:
        read.append(key)
        return Server(id=key.removeprefix("server/"))

    async with looking(answer) as (looks, told):
        looks.want([])
        for _ in range(5):
            looks.want([AHint("a"), AHint("b")])
        await told.until(2)

    assert sorted(read) == ["server/a", "server/b"]


async def test_a_hint_that_comes_while_it_is_read_is_read_again_afterwards() -> None:
    go = [asyncio.Event(), asyncio.Event()]
    states = ["ACTIVE", "ERROR"]
    begun: list[str] = []
    has_begun = asyncio.Event()

    async def answer(key: str) -> CloudRecord:
        number = len(begun)
        begun.append(key)
        has_begun.set()
        await go[number].wait()
        return Server(id="a", status=states[number])

    async with looking(answer) as (looks, told):
        looks.want([AHint("a")])
        async with asyncio.timeout(5):
            await has_begun.wait()
        looks.want([AHint("a"), AHint("a")])
        go[1].set()
        await asyncio.sleep(look_up.GATHER_SECONDS * 2)
        assert len(begun) == 1
        go[0].set()
        changes = await told.until(2)

    assert [change.put[0].status for change in changes if change] == ["ACTIVE", "ERROR"]


async def test_only_so_many_are_read_at_once() -> None:
    busy = busy_max = 0

    async def answer(key: str) -> CloudRecord:
        nonlocal busy, busy_max
        busy += 1
        busy_max = max(busy, busy_max)
        await asyncio.sleep(0.001)
        busy -= 1
        return Server(id=key)

    async with looking(answer) as (looks, told):
        looks.want([AHint(str(number)) for number in range(100)])
        await told.until(100)

    assert busy_max == AT_ONCE_MAX


async def test_what_is_gone_is_told_and_what_cannot_be_read_asks_for_a_snapshot() -> None:
    async def answer(key: str) -> CloudRecord:
        match key:
            case "server/gone":
                raise NotFoundError("no such server")
            case "server/away":
                raise VimUnavailableError("no answer")
            case _:
                raise KeyError(key)

    async with looking(answer) as (looks, told):
        looks.want([AHint("gone")])
        await told.until(1)
        looks.want([AHint("away")])
        await told.until(2)
        looks.want([AHint("broken")])
        changes = await told.until(3)

    assert changes == [MapChange(vim="lab", gone=("server/gone",)), None, None]


async def test_more_hints_than_can_be_kept_ask_for_a_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look_up, "WAITING_MAX", 3)

    async def answer(key: str) -> CloudRecord:
        raise AssertionError

    told = Told()
    looks = LookUp(vim="lab", read=answer, publish=told.publish)
    looks.want([AHint(str(number)) for number in range(4)])

    assert told.changes == [None]
