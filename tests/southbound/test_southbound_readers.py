"""One listing for many readers: each hears of all that was believed, and what was not seen is not taken for gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from southbound_cloud_player import INTERVAL_SECONDS, Cloud, servers, virtually, watched
from structlog.testing import capture_logs

from nfvigil.errors import VimUnavailableError
from nfvigil.model.condition import Condition
from nfvigil.model.reading import Details, Reading, kept
from nfvigil.model.resource import CloudRecord, Port, Server, Snapshot
from nfvigil.model.vim_status import ReaderStatus
from nfvigil.southbound.timing import Timing
from virtual_time import now_us

CLIFF = Timing(cliff_least=2, second_look_seconds=5.0)


class Wanted:
    """Wants the words of some servers."""

    def __init__(self, servers: Iterable[str]) -> None:
        self.servers = set(servers)
        self.words: dict[str, bytes] = {}

    def wants(self, server_id: str) -> bool:
        return server_id in self.servers

    def put(self, key: str, body: memoryview) -> None:
        self.words[key] = kept(body)


class Reader:
    """Expects some keys, and wants the words of some servers."""

    def __init__(self, *expected: str, wanted: Iterable[str] = (), interval_seconds: float | None = None) -> None:
        self.expected = set(expected)
        self.wanted = set(wanted)
        self.interval = interval_seconds
        self.begun = 0
        self.taken: list[Reading] = []
        self.at_us: list[int] = []
        self.words: list[dict[str, bytes] | None] = []
        self.forgotten: list[str] = []
        self.fails_in: set[str] = set()

    def interval_seconds(self, _vim: str) -> float | None:
        self._pass("interval_seconds")
        return self.interval

    def begin(self, _vim: str) -> Details | None:
        self._pass("begin")
        self.begun += 1
        return Clumsy(self) if self.wanted else None

    def missing(self, reading: Reading) -> list[str]:
        self._pass("missing")
        listed = {f"server/{server}" for server in reading.servers} | {f"port/{port}" for port in reading.ports}
        return [*(self.expected - listed), *listed, "host/h", "nonsense"]

    def take(self, reading: Reading, details: Details | None) -> None:
        self._pass("take")
        self.taken.append(reading)
        self.at_us.append(now_us())
        self.words.append(details.words if isinstance(details, Wanted) else None)
        self.expected -= reading.gone

    def forget(self, vim: str) -> None:
        self._pass("forget")
        self.forgotten.append(vim)

    def _pass(self, where: str) -> None:
        if where in self.fails_in:
            raise KeyError("a secret of the reader's")


class Clumsy(Wanted):
    """Fails where its reader does."""

    def __init__(self, reader: Reader) -> None:
        super().__init__(reader.wanted)
        self.reader = reader

    def wants(self, server_id: str) -> bool:
        self.reader._pass("wants")
        return super().wants(server_id)

    def put(self, key: str, body: memoryview) -> None:
        self.reader._pass("put")
        super().put(key, body)


class Telling(Cloud):
    """Has words on its servers and ports: their ids."""

    async def detailed_snapshot(self, details: Details) -> Snapshot:
        snapshot = await self.snapshot()
        for kind, records in (("server", snapshot.servers), ("port", snapshot.ports)):
            for record in records:
                if details.wants(record.server if isinstance(record, Port) else record.id):
                    details.put(f"{kind}/{record.id}", memoryview(record.id.encode()))
        return snapshot


def with_ports(numbers: Iterable[int]) -> list[CloudRecord]:
    return [
        record
        for number in numbers
        for record in (
            Server(id=f"s-{number}", vim="a"),
            Port(id=f"p-{number}", vim="a", server=f"s-{number}"),
        )
    ]


# What is read


@virtually
async def test_all_readers_hear_of_the_same_listing_after_the_map_has_it() -> None:
    cloud = Telling(with_ports([1, 2]))
    plain, detailed, other = Reader(), Reader(wanted=["s-1"]), Reader(wanted=["s-1", "s-2"])

    async with watched(cloud, readers=[plain, detailed, other]) as one:
        assert cloud.snapshots == 1
        assert [len(reader.taken) for reader in (plain, detailed, other)] == [1, 1, 1]
        assert plain.taken[0] is other.taken[0]
        assert plain.words == [None]
        assert detailed.words == [{"server/s-1": b"s-1", "port/p-1": b"p-1"}]
        assert set(other.words[0] or ()) == {"server/s-1", "port/p-1", "server/s-2", "port/p-2"}
        assert set(one.map.records) == set(cloud.things)


@virtually
async def test_a_driver_without_words_is_read_all_the_same() -> None:
    cloud, reader = Cloud(with_ports([1])), Reader(wanted=["s-1"])

    async with watched(cloud, readers=[reader]):
        assert [sorted(reading.servers) for reading in reader.taken] == [["s-1"]]
        assert reader.words == [{}]


@virtually
async def test_what_the_map_takes_out_is_gone_for_readers_and_what_is_put_back_is_neither_here_nor_there() -> None:
    cloud, reader = Cloud(with_ports([1, 2, 3])), Reader()

    async with watched(cloud, readers=[reader]) as one:
        cloud.lose(["server/s-1", "port/p-1"])
        cloud.hidden = {"server/s-2"}
        await one.again()

        last = reader.taken[-1]
        assert last.gone == {"server/s-1", "port/p-1"}
        assert set(last.servers) == {"s-3"}
        assert "server/s-2" in one.map.records


@virtually
async def test_what_only_a_reader_expects_is_asked_for_before_it_is_told_to_be_gone() -> None:
    """As after a restart: the map knows nothing yet of what was there before."""
    cloud = Cloud(with_ports([1, 2]))
    reader = Reader("server/s-1", "server/s-2", "server/s-9", "port/p-2", "port/p-9")
    cloud.hidden = {"server/s-2", "port/p-2"}

    async with watched(cloud, readers=[reader]) as one:
        assert sorted(cloud.reads) == ["port/p-2", "port/p-9", "server/s-2", "server/s-9"]
        assert reader.taken[0].gone == {"server/s-9", "port/p-9"}
        assert set(one.map.records) == set(cloud.things)  # the map learns of what is there all the same
        assert one.said_of(Condition.PARTIAL) == [True]
        cloud.hidden.clear()
        cloud.reads.clear()
        await one.again()

        assert (cloud.reads, reader.taken[-1].gone) == ([], frozenset())
        assert one.said_of(Condition.PARTIAL) == [True, False]


@virtually
async def test_a_port_of_a_server_that_is_gone_is_asked_for_by_itself_where_a_reader_expects_it() -> None:
    cloud, reader = Cloud(with_ports([1])), Reader("server/s-1", "port/p-1")

    async with watched(cloud, readers=[reader]) as one:
        cloud.lose(["server/s-1"])
        cloud.hidden = {"port/p-1"}
        await one.again()

        assert reader.taken[-1].gone == {"server/s-1"}
        assert sorted(cloud.reads) == ["port/p-1", "server/s-1"]


@virtually
async def test_what_cannot_be_asked_for_is_not_told_to_be_gone_until_it_can() -> None:
    cloud, reader = Cloud(servers([1])), Reader("server/s-9")
    cloud.read_error = VimUnavailableError("503")

    async with watched(cloud, readers=[reader]) as one:
        assert (reader.taken[0].gone, one.status().unconfirmed) == (frozenset(), 1)
        cloud.read_error = None
        await one.again()

        assert (reader.taken[-1].gone, one.status().unconfirmed) == ({"server/s-9"}, 0)
        assert [reading.gone for reading in reader.taken] == [frozenset(), {"server/s-9"}]


@virtually
async def test_what_changes_while_it_is_listed_is_not_told_to_be_gone() -> None:
    cloud, reader = Cloud(servers([1])), Reader("server/s-2")

    async with watched(cloud, readers=[reader]) as one:
        reader.expected.add("server/s-2")
        cloud.listing_seconds = 5.0
        one.inventory.refresh("a")
        await asyncio.sleep(2)
        cloud.tell(put=servers([2]))
        await asyncio.sleep(10)

        assert "server/s-2" in one.map.records
        assert reader.taken[-1].gone == frozenset()


@virtually
async def test_what_changes_while_it_is_asked_for_is_not_told_to_be_gone() -> None:
    cloud, reader = Cloud(servers([1])), Reader()

    async with watched(cloud, readers=[reader]) as one:
        reader.expected = {"server/s-2", "server/s-3"}
        cloud.read_seconds = 5.0
        one.inventory.refresh("a")
        await asyncio.sleep(2)
        cloud.tell(put=servers([2]))
        await asyncio.sleep(10)

        assert reader.taken[-1].gone == {"server/s-3"}


@virtually
async def test_what_another_cloud_has_by_that_key_stays_in_the_map_when_it_is_gone_here() -> None:
    mine, other = Cloud(name="a"), Cloud(servers([1], "b"), name="b")
    reader = Reader()

    async with watched(mine, other, readers=[reader]) as one:
        reader.expected = {"server/s-1"}
        await one.again("a")

        assert [reading.gone for reading in reader.taken if reading.vim == "a"][-1] == {"server/s-1"}
        assert one.map.records["server/s-1"].vim == "b"
        assert one.status("a").differences_total.gone == 0


def test_a_reading_tells_which_ports_a_server_has_in_their_order() -> None:
    free = Port(id="free", vim="a")
    ports = (*(Port(id=f"p-{number}", vim="a", server=f"s-{number % 2}") for number in range(4)), free)
    reading = Reading(Snapshot(vim="a", taken_us=7, ports=ports))

    assert {server: [port.id for port in some] for server, some in reading.ports_of.items()} == {
        "s-0": ["p-0", "p-2"],
        "s-1": ["p-1", "p-3"],
    }
    assert (reading.vim, reading.taken_us, reading.gone) == ("a", 7, frozenset())


# Cliffs


@virtually
async def test_a_cliff_that_only_readers_see_is_listed_again_with_details_begun_anew() -> None:
    cloud = Telling(with_ports(range(4)))
    cloud.hidden = set(cloud.things)
    reader = Reader(*cloud.things, wanted=["s-1"])

    async with watched(cloud, readers=[reader], timing=CLIFF) as one:
        assert one.said_of(Condition.CLIFF) == [True]
        cloud.hidden.clear()
        await asyncio.sleep(10)

        assert (cloud.snapshots, reader.begun, len(reader.taken)) == (2, 2, 1)
        assert (reader.taken[0].gone, cloud.reads) == (frozenset(), [])
        assert reader.words == [{"server/s-1": b"s-1", "port/p-1": b"p-1"}]
        assert one.said_of(Condition.CLIFF) == [True, False]


@virtually
async def test_a_cliff_that_is_true_is_confirmed_one_by_one() -> None:
    cloud, reader = Cloud(), Reader(*(f"server/s-{number}" for number in range(4)))

    async with watched(cloud, readers=[reader], timing=CLIFF) as one:
        await asyncio.sleep(10)

        assert sorted(cloud.reads) == [f"server/s-{number}" for number in range(4)]
        assert len(reader.taken[0].gone) == 4
        assert one.said_of(Condition.CLIFF) == [True, False]


@virtually
async def test_some_that_went_while_we_were_away_are_no_cliff_beside_many_that_stayed() -> None:
    cloud, reader = Cloud(servers(range(20))), Reader("server/x-1", "server/x-2", "server/x-3")

    async with watched(cloud, readers=[reader], timing=CLIFF) as one:
        assert (cloud.snapshots, len(reader.taken[0].gone)) == (1, 3)
        assert one.said_of(Condition.CLIFF) == [False]


@virtually
async def test_what_map_and_readers_know_counts_once() -> None:
    cloud, reader = Cloud(servers(range(10))), Reader()

    async with watched(cloud, readers=[reader], timing=CLIFF) as one:
        reader.expected = set(cloud.things)
        cloud.lose([f"server/s-{number}" for number in range(6)])
        await one.again()

        assert one.said_of(Condition.CLIFF) == [False, True, False]
        assert len(reader.taken[-1].gone) == 6


# One's trouble is one's own


@pytest.mark.parametrize("where", ["begin", "wants", "put", "missing", "take", "interval_seconds", "forget"])
def test_a_reader_that_raises_harms_neither_the_map_nor_another_and_hears_of_the_next_listing(where: str) -> None:
    @virtually
    async def run() -> None:
        cloud = Telling(with_ports([1, 2]))
        bad, good = Reader("server/s-9", wanted=["s-1"]), Reader("server/s-8", wanted=["s-1"])
        bad.fails_in = {where}

        async with watched(cloud, readers=[bad, good]) as one:
            assert set(one.map.records) == set(cloud.things)
            assert [reading.gone >= {"server/s-8"} for reading in good.taken] == [True]
            assert good.words == [{"server/s-1": b"s-1", "port/p-1": b"p-1"}]
            assert len(bad.taken) == (where in ("interval_seconds", "forget"))
            status = one.status().readers
            assert status[1] == ReaderStatus(name="Reader")
            assert status[0].error == ("" if where == "forget" else "KeyError")
            bad.fails_in = set()
            await one.again()

            assert len(bad.taken) == 1 + (where in ("interval_seconds", "forget"))
            assert one.status().readers[0] == ReaderStatus(name="Reader")
            assert one.status().error == ""
            bad.fails_in = {"forget"}
            await one.inventory.remove("a")
            assert (bad.forgotten, good.forgotten) == ([], ["a"])

    with capture_logs() as logs:
        run()
    failures = [log for log in logs if log["event"] == "a reader of listings failed"]
    assert len(failures) == (1 if where == "forget" else 2)
    assert all(log["log_level"] == "error" and log["vim"] == "a" for log in failures)


def breaks_off() -> Iterator[str]:
    yield "server/s-9"
    raise KeyError("in the middle of it")


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        pytest.param("missing", lambda: None, id="nothing returned"),
        pytest.param("missing", lambda: [7], id="no key"),
        pytest.param("missing", breaks_off, id="half a list"),
        pytest.param("interval_seconds", lambda: "soon", id="no number"),
        pytest.param("interval_seconds", lambda: float("nan"), id="no number that could be compared"),
    ],
)
def test_a_reader_that_answers_nonsense_harms_neither_the_map_nor_another(
    method: str, answer: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = Reader(), Reader("server/s-8", interval_seconds=7)
    monkeypatch.setattr(bad, method, lambda _: answer())

    @virtually
    async def run() -> None:
        cloud = Telling(with_ports([1]))
        async with watched(cloud, readers=[bad, good]) as one:
            assert one.status().error == ""
            assert set(one.map.records) == set(cloud.things)
            assert [reading.gone >= {"server/s-8"} for reading in good.taken] == [True]
            assert one.status().period_seconds == 7
            assert one.status().readers[1].error == ""

    run()


@virtually
async def test_a_cloud_that_hangs_or_fails_delays_nobodys_readings() -> None:
    dead, slow, well = Cloud(name="d"), Cloud(name="s"), Cloud(servers([1], "b"), name="b")
    dead.errors = [VimUnavailableError("gone")] * 1000
    slow.listing_seconds = 1e5
    reader = Reader()

    async with watched(dead, slow, well, readers=[reader]):
        await asyncio.sleep(10 * INTERVAL_SECONDS)

    assert {reading.vim for reading in reader.taken} == {"b"}
    assert all(0.8 <= (later - sooner) / 1e6 / INTERVAL_SECONDS <= 1.2 for sooner, later in pairwise(reader.at_us))
    assert len(reader.taken) >= 9


@virtually
async def test_a_listing_that_failed_is_nobodys_reading_and_does_not_end_polling() -> None:
    cloud, reader = Cloud(servers([1])), Reader()

    async with watched(cloud, readers=[reader]) as one:
        cloud.errors = [KeyError("a bug"), VimUnavailableError("503"), asyncio.CancelledError(), TimeoutError()]
        await one.again(seconds=1)
        assert (len(reader.taken), one.status().failures > 0) == (1, True)
        assert one.status().error in ("'a bug'", "503")
        await asyncio.sleep(INTERVAL_SECONDS)

        assert (len(reader.taken), one.status().failures, one.status().error) == (2, 0, "")
        assert reader.begun == 6


# When


@pytest.mark.parametrize(
    ("own", "wishes", "period"),
    [
        (60.0, [None], 60.0),
        (60.0, [10.0, 30.0, None], 10.0),
        (60.0, [600.0], 60.0),
        (60.0, [0.1], 1.0),
        (0.0, [None], 1.0),
        (60.0, [-1.0, 20.0], 20.0),
        (60.0, [-1.0], 60.0),
        (-1.0, [10.0], None),
    ],
)
def test_a_cloud_is_listed_as_often_as_it_or_a_reader_needs(
    own: float, wishes: list[float | None], period: float | None
) -> None:
    @virtually
    async def run() -> None:
        cloud = Cloud(servers([1]))
        readers = [Reader(interval_seconds=wish) for wish in wishes]

        async with watched(cloud, interval_seconds=own, readers=readers) as one:
            await asyncio.sleep(50 * (period or 60.0))

            assert one.status().period_seconds == period
            assert cloud.snapshots == 1 if period is None else 45 <= cloud.snapshots <= 57

    run()


@virtually
async def test_where_polling_is_off_a_listing_that_is_asked_for_is_read_by_all() -> None:
    cloud, reader = Cloud(servers([1])), Reader(interval_seconds=5.0)

    async with watched(cloud, interval_seconds=-1.0, readers=[reader]) as one:
        await asyncio.sleep(1000)
        await one.again()

        assert len(reader.taken) == 2
        assert one.status().period_seconds is None


@virtually
async def test_a_cloud_that_is_asked_for_is_listed_at_once_even_while_it_waits_to_be_tried_again() -> None:
    cloud = Cloud(servers([1]))

    async with watched(cloud) as one:
        cloud.errors = [VimUnavailableError("503")] * 1000
        await one.again(seconds=300)
        assert one.status().failures > 5
        cloud.errors.clear()
        cloud.told.put_nowait(None)  # that something was missed is no reason to hurry
        before = cloud.snapshots
        await asyncio.sleep(1.1)
        assert (cloud.snapshots, one.status().error) == (before, "503")
        await one.again(seconds=1.1)

        assert (cloud.snapshots, one.status().error) == (before + 1, "")


@virtually
async def test_whether_a_listing_is_under_way_is_shown() -> None:
    cloud = Cloud(servers([1]))
    cloud.listing_seconds = 5.0

    async with watched(cloud) as one:
        assert one.status().is_listing
        await asyncio.sleep(5)
        assert not one.status().is_listing
        cloud.errors = [VimUnavailableError("503")]
        await one.again(seconds=2)
        assert one.status().is_listing
        await asyncio.sleep(3.1)
        assert (one.status().is_listing, one.status().failures) == (False, 1)


@virtually
async def test_a_reader_that_needs_listings_more_often_than_before_is_heard_with_the_next() -> None:
    cloud, reader = Cloud(servers([1])), Reader()

    async with watched(cloud, readers=[reader]) as one:
        reader.interval = 10.0
        assert one.status().period_seconds == INTERVAL_SECONDS
        await one.again(seconds=0.5)

        assert one.status().period_seconds == 10.0


@virtually
async def test_a_cloud_that_comes_goes_and_comes_back_is_read_while_it_is_there() -> None:
    reader = Reader()

    async with watched(Cloud(), readers=[reader]) as one:
        await one.inventory.remove("a")
        await asyncio.sleep(3 * INTERVAL_SECONDS)
        assert ([reading.vim for reading in reader.taken], reader.forgotten) == (["a"], ["a"])
        one.inventory.add("b", Cloud(servers([1], "b"), name="b"), interval_seconds=INTERVAL_SECONDS)
        await asyncio.sleep(2)

        assert [reading.vim for reading in reader.taken] == ["a", "b"]
        assert one.status("b").readers == (ReaderStatus(name="Reader"),)


@virtually
async def test_a_reader_that_has_a_name_is_called_by_it() -> None:
    class Named(Reader):
        name = "records"

    async with watched(Cloud(), readers=[Named(interval_seconds=5.0), Reader()]) as one:
        assert one.status().readers == (
            ReaderStatus(name="records", interval_seconds=5.0),
            ReaderStatus(name="Reader"),
        )


@virtually
async def test_when_a_cloud_was_asked_last_is_known_whatever_came_of_it() -> None:
    cloud = Cloud(servers([1]))

    async with watched(cloud) as one:
        assert one.status().attempted_us == 0
        cloud.errors = [VimUnavailableError("503")] * 100
        cloud.told.put_nowait(None)
        await asyncio.sleep(300)

        status = one.status()
        assert (status.taken_us, status.error) == (0, "503")
        assert status.failures >= 3
        assert status.attempted_us is not None
        assert now_us() - status.attempted_us < 65e6
        assert status.conditions == ("unreachable",)
