"""What is asked for together is read together; what a list lacks, or cannot be had by one, is read by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from nfvigil.controller.vims.openstack.gathering import Gathering
from nfvigil.errors import NotFoundError, VimUnavailableError

pytestmark = pytest.mark.anyio


class Cloud:
    def __init__(self, *, lists: bool = True) -> None:
        self.lists = lists
        self.hangs: asyncio.Event | None = None
        self.singles: list[str] = []
        self.lists_asked: list[tuple[str, ...]] = []

    async def one(self, id: str) -> str:
        self.singles.append(id)
        if id == "gone":
            raise NotFoundError("there is none")
        return f"one {id}"

    async def many(self, ids: Sequence[str]) -> dict[str, str]:
        self.lists_asked.append(tuple(ids))
        if self.hangs is not None:
            await self.hangs.wait()
        if not self.lists:
            raise VimUnavailableError("not now")
        return {id: f"many {id}" for id in ids if id not in ("gone", "hidden")}

    def gathering(self) -> Gathering[str]:
        return Gathering(one=self.one, many=self.many, at_once=3)


async def test_one_that_is_alone_is_read_by_itself() -> None:
    cloud = Cloud()

    assert await cloud.gathering().read("a") == "one a"
    assert cloud.lists_asked == []


async def test_those_that_come_together_are_read_by_one_call_and_many_by_a_few() -> None:
    cloud = Cloud()
    gathering = cloud.gathering()

    found = await asyncio.gather(*(gathering.read(name) for name in "abcdefg"), gathering.read("a"))

    assert found == [*(f"many {name}" for name in "abcdef"), "one g" if "g" in cloud.singles else "many g", "many a"]
    assert cloud.lists_asked[:2] == [("a", "b", "c"), ("d", "e", "f")]


async def test_absence_is_only_believed_of_the_thing_itself() -> None:
    cloud = Cloud()
    gathering = cloud.gathering()

    found = await asyncio.gather(
        gathering.read("a"), gathering.read("gone"), gathering.read("hidden"), return_exceptions=True
    )

    assert found[0] == "many a"
    assert isinstance(found[1], NotFoundError)
    assert found[2] == "one hidden"


async def test_where_lists_fail_each_is_read_by_itself() -> None:
    cloud = Cloud(lists=False)
    gathering = cloud.gathering()

    assert await asyncio.gather(gathering.read("a"), gathering.read("b")) == ["one a", "one b"]


async def test_a_call_that_hangs_holds_up_those_after_it_for_a_moment_only_and_one_who_leaves_disturbs_nobody() -> None:
    cloud = Cloud()
    gathering = cloud.gathering()
    cloud.hangs = asyncio.Event()
    first = [asyncio.create_task(gathering.read(name)) for name in "abc"]
    await asyncio.sleep(0.01)
    cloud.hangs, hangs = None, cloud.hangs

    async with asyncio.timeout(2):
        assert await asyncio.gather(gathering.read("d"), gathering.read("e")) == ["many d", "many e"]
    first[0].cancel()
    hangs.set()

    assert await asyncio.gather(*first[1:]) == ["many b", "many c"]


async def test_those_that_wait_go_as_soon_as_the_call_before_them_is_over() -> None:
    cloud = Cloud()
    gathering = cloud.gathering()
    cloud.hangs = asyncio.Event()
    first = [asyncio.create_task(gathering.read(name)) for name in "abc"]
    await asyncio.sleep(0)
    second = [asyncio.create_task(gathering.read(name)) for name in "de"]
    await asyncio.sleep(0)
    cloud.hangs.set()

    assert await asyncio.gather(*first, *second) == ["many a", "many b", "many c", "many d", "many e"]
