"""The inventory: one VIM's trouble is its own, and what was not seen is not taken for gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from nfvigil.errors import VimUnavailableError
from nfvigil.model.resource import Host, MapChange, Port, Server, Snapshot
from nfvigil.southbound.inventory import Inventory, Timing

FAST = Timing(
    timeout_seconds=2, retry_min_seconds=0.001, retry_max_seconds=0.005, gap_seconds=0, second_look_seconds=0.001
)


def snapshot(servers: Sequence[int], *, name: str = "a", ports: int = 0, at: int = 1) -> Snapshot:
    return Snapshot(
        vim=name,
        taken_us=at,
        hosts=(Host(id="h"),),
        servers=tuple(Server(id=f"s-{number}") for number in servers),
        ports=tuple(Port(id=f"p-{number}") for number in range(ports)),
    )


class Cloud:
    """Answers with what it is given, one after another; the last one for ever."""

    def __init__(self, *answers: Snapshot | Exception, name: str = "a") -> None:
        self.name = name
        self.answers = list(answers)
        self.told: asyncio.Queue[MapChange | Exception | None] = asyncio.Queue()
        self.snapshots = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.followed = 0

    async def snapshot(self) -> Snapshot:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self.snapshots += 1
        await self.gate.wait()
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def changes(self) -> AsyncIterator[MapChange | None]:
        self.followed += 1
        while True:
            change = await self.told.get()
            if isinstance(change, Exception):
                raise change
            yield change


class Map:
    """What the readers of the inventory have."""

    def __init__(self) -> None:
        self.seen: list[Snapshot | MapChange] = []
        self.error: Exception | None = None

    async def apply(self, change: Snapshot | MapChange) -> None:
        if self.error:
            raise self.error
        self.seen.append(change)


@asynccontextmanager
async def watched(map_: Map, *clouds: Cloud, interval_seconds: float = 1000) -> AsyncIterator[Inventory]:
    inventory = Inventory(
        vims={cloud.name: cloud for cloud in clouds},
        apply=map_.apply,
        interval_seconds=interval_seconds,
        clock=lambda: 5_000_001,
        timing=FAST,
    )
    running = asyncio.ensure_future(inventory.run())
    try:
        async with asyncio.timeout(5):
            yield inventory
            assert not running.done()
    finally:
        running.cancel()
        await asyncio.wait([running])


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  # many small states are waited for, none of which tells
            await asyncio.sleep(0.001)


@pytest.mark.anyio
async def test_the_map_begins_with_a_snapshot() -> None:
    map_, first = Map(), snapshot([1, 2])

    async with watched(map_, Cloud(first)) as inventory:
        assert not inventory.ready.is_set()
        await inventory.ready.wait()

        assert map_.seen == [first]
        status = inventory.status()["a"]
        assert (status.taken_us, status.age_seconds, status.error, status.servers, status.hosts) == (1, 5.0, "", 2, 1)


@pytest.mark.anyio
async def test_a_vim_that_is_away_is_asked_again_until_it_is_back() -> None:
    map_ = Map()
    away = VimUnavailableError("503 from the cloud")
    cloud = Cloud(away, KeyError("a bug in a driver"), TimeoutError(), snapshot([1]))

    async with watched(map_, cloud) as inventory:
        await inventory.ready.wait()

        assert (cloud.snapshots, len(map_.seen), inventory.status()["a"].error) == (4, 1, "")


@pytest.mark.anyio
async def test_a_dead_vim_does_not_hold_up_another() -> None:
    map_ = Map()
    dead, slow, well = Cloud(VimUnavailableError("gone")), Cloud(snapshot([]), name="s"), Cloud(snapshot([1]), name="b")
    slow.gate.clear()

    async with watched(map_, dead, slow, well) as inventory:
        change = MapChange(vim="b", put=(Server(id="s-2"),))
        well.told.put_nowait(change)
        await until(lambda: map_.seen[1:] == [change])

        status = inventory.status()
        assert (status["a"].error, status["a"].taken_us, status["a"].age_seconds) == ("gone", None, None)
        assert (status["b"].error, status["b"].servers) == ("", 2)
        assert not inventory.ready.is_set()


@pytest.mark.anyio
async def test_changes_are_applied_as_they_come_and_snapshots_from_time_to_time() -> None:
    map_ = Map()
    cloud = Cloud(snapshot([1]))

    async with watched(map_, cloud, interval_seconds=0.02) as inventory:
        await inventory.ready.wait()
        cloud.told.put_nowait(MapChange(vim="a", gone=("server/s-1",)))
        await until(lambda: any(isinstance(seen, MapChange) for seen in map_.seen))
        await until(lambda: cloud.snapshots >= 3)


@pytest.mark.anyio
async def test_a_change_while_a_snapshot_is_read_counts_more_than_the_snapshot() -> None:
    map_ = Map()
    cloud = Cloud(snapshot([1]))
    moved = MapChange(vim="a", put=(Server(id="s-1", host="other"),))
    cloud.gate.clear()

    async with watched(map_, cloud) as inventory:
        await until(lambda: cloud.snapshots == 1)
        cloud.told.put_nowait(moved)
        await until(cloud.told.empty)
        assert map_.seen == []
        cloud.gate.set()
        await inventory.ready.wait()
        assert map_.seen == [snapshot([1]), moved]

        # Later ones are applied at once, and again after the snapshot that may be older than they are.
        cloud.gate.clear()
        inventory.refresh("a")
        await until(lambda: cloud.snapshots == 2)
        cloud.told.put_nowait(moved)
        await until(lambda: len(map_.seen) == 3)
        cloud.gate.set()
        await until(lambda: len(map_.seen) == 5)
        assert map_.seen[2:] == [moved, snapshot([1]), moved]


@pytest.mark.anyio
@pytest.mark.parametrize("told", [None, VimUnavailableError("the bus is away")])
async def test_after_something_was_missed_a_snapshot_is_taken(told: Exception | None) -> None:
    map_ = Map()
    cloud = Cloud(snapshot([1]))

    async with watched(map_, cloud) as inventory:
        await inventory.ready.wait()
        cloud.told.put_nowait(told)
        await until(lambda: len(map_.seen) == 2)

        if told is not None:
            await until(lambda: cloud.followed == 2)
            cloud.told.put_nowait(MapChange(vim="a"))
            await until(lambda: inventory.status()["a"].error == "")


FULL, PORTS = snapshot(range(100)), snapshot(range(100), ports=100)
FEW = snapshot(range(40))

CLIFFS: list[tuple[str, Snapshot, list[Snapshot], int | None]] = [
    ("half of the servers may be gone", FULL, [snapshot(range(50))], 1),
    ("a few of a few may be gone", snapshot(range(10)), [snapshot([])], 1),
    ("most are gone, twice", FULL, [FEW, FEW], 2),
    ("all are gone, twice", FULL, [snapshot([]), snapshot([])], 2),
    ("all seem gone, and are not", FULL, [snapshot([]), snapshot(range(99))], 2),
    ("other ones are missing the second time", FULL, [snapshot(range(20)), snapshot(range(80, 100))], None),
    ("all are others", FULL, [snapshot(range(200, 300)), snapshot(range(200, 300))], 2),
    ("the ports are gone, twice", PORTS, [FULL, FULL], 2),
    ("the ports seem gone, and are not", PORTS, [FULL, PORTS], 2),
]


@pytest.mark.anyio
@pytest.mark.parametrize(("known", "answers", "believed"), [row[1:] for row in CLIFFS], ids=[row[0] for row in CLIFFS])
async def test_a_listing_that_lacks_much_is_believed_only_when_it_says_so_twice(
    known: Snapshot, answers: list[Snapshot], believed: int | None
) -> None:
    map_ = Map()
    cloud = Cloud(known, *answers, VimUnavailableError("no more"))

    async with watched(map_, cloud) as inventory:
        await inventory.ready.wait()
        inventory.refresh("a")
        if believed is None:
            await until(lambda: cloud.snapshots > 3)
            assert map_.seen == [known]
        else:
            await until(lambda: len(map_.seen) == 2)
            assert map_.seen[1] is answers[believed - 1]
            assert cloud.snapshots == believed + 1


@pytest.mark.anyio
async def test_servers_deleted_one_by_one_are_no_cliff() -> None:
    map_ = Map()
    cloud = Cloud(FULL, snapshot([]), VimUnavailableError("no more"))

    async with watched(map_, cloud) as inventory:
        await inventory.ready.wait()
        for number in range(100):
            cloud.told.put_nowait(MapChange(vim="a", gone=(f"server/s-{number}",)))
        await until(lambda: inventory.status()["a"].servers == 0)
        inventory.refresh("a")
        await until(lambda: snapshot([]) in map_.seen)

        assert cloud.snapshots == 2


@pytest.mark.anyio
async def test_a_map_that_cannot_take_a_snapshot_is_given_it_again() -> None:
    map_ = Map()
    map_.error = RuntimeError("the store is away")

    async with watched(map_, Cloud(snapshot([1]))) as inventory:
        await until(lambda: inventory.status()["a"].error == "the store is away")
        map_.error = None
        await inventory.ready.wait()

        assert (len(map_.seen), inventory.status()["a"].error) == (1, "")


@pytest.mark.anyio
async def test_without_a_vim_the_inventory_is_ready() -> None:
    inventory = Inventory(vims={}, apply=Map().apply, interval_seconds=1, clock=lambda: 0)

    assert inventory.ready.is_set()
    assert inventory.status() == {}
