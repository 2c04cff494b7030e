"""A cloud that does as it is told, and an inventory that watches some of them on a clock that jumps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any

from nfvigil.errors import NotFoundError
from nfvigil.inspector.resource_map import ResourceMap
from nfvigil.model.condition import Condition
from nfvigil.model.reading import Reader
from nfvigil.model.resource import CloudRecord, Host, MapChange, Port, Server, Snapshot, Volume, key_of_record
from nfvigil.model.vim_status import VimStatus
from nfvigil.southbound.inventory import Inventory
from nfvigil.southbound.timing import Timing
from virtual_time import now_us, run_virtually

INTERVAL_SECONDS = 60.0

Test = Callable[[], Coroutine[Any, Any, None]]


def virtually(test: Test) -> Callable[[], None]:
    """Runs a test on a clock that jumps."""

    def run() -> None:
        run_virtually(test())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


def servers(numbers: Iterable[int], name: str = "a") -> list[CloudRecord]:
    return [Server(id=f"s-{number}", vim=name) for number in numbers]


class Cloud:
    """Has ``things``; lists all but ``hidden``; answers with what is in ``errors`` first."""

    def __init__(self, things: Sequence[CloudRecord] = (), *, name: str = "a") -> None:
        self.name = name
        self.things = {key_of_record(thing): thing for thing in things}
        self.hidden: set[str] = set()
        self.errors: list[BaseException] = []
        self.read_error: Exception | None = None
        self.told: asyncio.Queue[MapChange | Exception | None] = asyncio.Queue()
        self.listing_seconds = 0.0
        self.read_seconds = 0.0
        self.snapshots = 0
        self.followed = 0
        self.reads: list[str] = []
        self.reading = self.reading_most = 0

    async def snapshot(self) -> Snapshot:
        self.snapshots += 1
        shown = [thing for key, thing in self.things.items() if key not in self.hidden]
        await asyncio.sleep(self.listing_seconds)
        if self.errors:
            raise self.errors.pop(0)
        return Snapshot(
            vim=self.name,
            taken_us=now_us(),
            hosts=tuple(one for one in shown if isinstance(one, Host)),
            servers=tuple(one for one in shown if isinstance(one, Server)),
            ports=tuple(one for one in shown if isinstance(one, Port)),
            volumes=tuple(one for one in shown if isinstance(one, Volume)),
        )

    async def changes(self) -> AsyncIterator[MapChange | None]:
        self.followed += 1
        while True:
            change = await self.told.get()
            if isinstance(change, Exception):
                raise change
            yield change

    async def read(self, key: str) -> CloudRecord:
        self.reads.append(key)
        self.reading += 1
        self.reading_most = max(self.reading, self.reading_most)
        try:
            await asyncio.sleep(self.read_seconds)
        finally:
            self.reading -= 1
        if self.read_error:
            raise self.read_error
        if key not in self.things:
            raise NotFoundError(f"{key} is unknown")
        return self.things[key]

    def tell(self, *, put: Sequence[CloudRecord] = (), gone: Sequence[str] = ()) -> None:
        self.told.put_nowait(MapChange(vim=self.name, put=tuple(put), gone=tuple(gone)))

    def lose(self, keys: Iterable[str]) -> None:
        for key in keys:
            del self.things[key]


class Watched:
    """An inventory that runs, its map, and what it said."""

    def __init__(
        self,
        *clouds: Cloud,
        interval_seconds: float = INTERVAL_SECONDS,
        timing: Timing | None = None,
        readers: Sequence[Reader] = (),
    ) -> None:
        self.map = ResourceMap()
        self.applied: list[MapChange] = []
        self.error: Exception | None = None
        self.said: list[tuple[str, Condition, bool]] = []
        self.say_errors: list[Exception] = []
        self.inventory = Inventory(
            vims={cloud.name: cloud for cloud in clouds},
            known=self.map,
            apply=self.apply,
            intervals={cloud.name: interval_seconds for cloud in clouds},
            clock=now_us,
            say=self.say,
            timing=timing,
            chance=Random(0),
            readers=readers,
        )

    async def apply(self, change: MapChange) -> None:
        if self.error:
            raise self.error
        self.applied.append(change)
        self.map.apply(change)

    async def say(self, vim: str, condition: Condition, is_on: bool, _text: str) -> None:
        if self.say_errors:
            raise self.say_errors.pop(0)
        self.said.append((vim, condition, is_on))

    def said_of(self, condition: Condition) -> list[bool]:
        return [is_on for _, one, is_on in self.said if one is condition]

    def status(self, name: str = "a") -> VimStatus:
        return self.inventory.status()[name]

    async def again(self, name: str = "a", seconds: float = 20.0) -> None:
        self.inventory.refresh(name)
        await asyncio.sleep(seconds)


@asynccontextmanager
async def watched(*clouds: Cloud, **options: Any) -> AsyncIterator[Watched]:
    one = Watched(*clouds, **options)
    running = asyncio.create_task(one.inventory.run())
    await asyncio.sleep(2)
    try:
        yield one
        assert not running.done()
    finally:
        running.cancel()
        await asyncio.wait([running])
