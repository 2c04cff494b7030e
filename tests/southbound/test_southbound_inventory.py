"""The inventory: one VIM's trouble is its own, and what was not seen is not taken for gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from southbound_cloud_player import INTERVAL_SECONDS, Cloud, Watched, servers, virtually, watched

from nfvigil.errors import ConflictError, NotFoundError, StoreUnavailableError, VimUnavailableError
from nfvigil.model.condition import Condition
from nfvigil.model.resource import Host, MapChange, Port, Server, Volume
from nfvigil.model.vim_status import Differences
from nfvigil.southbound.timing import Timing
from virtual_time import run_virtually

# Snapshots and changes


@virtually
async def test_the_map_begins_with_a_snapshot() -> None:
    cloud = Cloud([Host(id="h", vim="a"), *servers([1, 2])])

    async with watched(cloud) as one:
        assert one.inventory.ready.is_set()
        assert one.map.records == cloud.things
        status = one.status()
        assert (status.taken_us, status.age_seconds, status.error, status.servers, status.hosts) == (0, 2.0, "", 2, 1)
        assert (status.differences_total, status.snapshot_seconds) == (Differences(), 0.0)


@virtually
async def test_a_vim_that_is_away_is_asked_again_until_it_is_back() -> None:
    cloud = Cloud(servers([1]))
    cloud.errors = [VimUnavailableError("503"), KeyError("a bug in a driver"), TimeoutError(), asyncio.CancelledError()]

    async with watched(cloud) as one:
        await asyncio.sleep(30)

        assert (cloud.snapshots, len(one.applied), one.status().error) == (5, 1, "")


@virtually
async def test_a_dead_vim_does_not_hold_up_another() -> None:
    dead, slow, well = Cloud(), Cloud(name="s"), Cloud(servers([1], "b"), name="b")
    dead.errors = [VimUnavailableError("gone")] * 100
    slow.listing_seconds = 200

    async with watched(dead, slow, well) as one:
        well.tell(put=servers([2], "b"))
        await asyncio.sleep(0.1)

        assert sorted(one.map.records) == ["server/s-1", "server/s-2"]
        assert (one.status().error, one.status().taken_us, one.status().age_seconds) == ("gone", None, None)
        assert (one.status("b").error, one.status("b").servers) == ("", 2)
        assert not one.inventory.ready.is_set()


@virtually
async def test_a_listing_that_hangs_is_given_up() -> None:
    cloud = Cloud(servers([1]))
    cloud.listing_seconds = 1000

    async with watched(cloud) as one:
        await asyncio.sleep(299)

        assert one.status().error == "it did not answer in time"


@virtually
async def test_snapshots_are_taken_from_time_to_time() -> None:
    cloud = Cloud(servers([1]))

    async with watched(cloud) as one:
        await asyncio.sleep(10 * INTERVAL_SECONDS)

        assert 9 <= cloud.snapshots <= 11
        assert len(one.applied) == 1  # nothing was different


@virtually
async def test_without_polling_there_is_a_snapshot_when_one_is_asked_for() -> None:
    cloud = Cloud(servers([1]))

    async with watched(cloud, interval_seconds=-1) as one:
        await asyncio.sleep(1e5)
        assert cloud.snapshots == 1
        await one.again()

        assert cloud.snapshots == 2


@virtually
async def test_a_change_while_a_snapshot_is_read_counts_more_than_the_snapshot() -> None:
    cloud = Cloud(servers([1, 2, 3]))
    cloud.listing_seconds = 10

    async with watched(cloud) as one:
        moved, new = Server(id="s-1", vim="a", host="other"), Server(id="s-4", vim="a")
        cloud.tell(put=[moved, new])
        cloud.lose(["server/s-2"])
        cloud.tell(gone=["server/s-2"])
        await asyncio.sleep(30)
        assert one.map.records == {"server/s-1": moved, "server/s-3": cloud.things["server/s-3"], "server/s-4": new}

        # The same with a map that knows them already.
        cloud.things |= {"server/s-1": moved, "server/s-4": new}
        one.inventory.refresh("a")
        await asyncio.sleep(1)
        newer = Server(id="s-1", vim="a", host="third")
        cloud.tell(put=[newer])
        cloud.lose(["server/s-4"])
        cloud.tell(gone=["server/s-4"])
        await asyncio.sleep(20)
        assert one.map.records == {"server/s-1": newer, "server/s-3": cloud.things["server/s-3"]}
        assert one.status().servers == 2


@virtually
async def test_a_listing_during_which_too_much_changed_is_read_again() -> None:
    cloud = Cloud(servers([1]))
    cloud.listing_seconds = 10

    async with watched(cloud) as one:
        cloud.tell(put=servers(range(20_002)))
        await asyncio.sleep(9)
        assert "too old" in one.status().error
        cloud.things = dict(one.map.records)
        await asyncio.sleep(30)

        assert (one.status().error, one.status().servers) == ("", 20_002)


@pytest.mark.parametrize("told", [None, VimUnavailableError("the bus is away"), KeyError("a bug in a driver")])
def test_after_something_was_missed_a_snapshot_is_taken(told: Exception | None) -> None:
    async def test() -> None:
        cloud = Cloud(servers([1]))
        async with watched(cloud, interval_seconds=-1) as one:
            cloud.told.put_nowait(told)
            await asyncio.sleep(2)
            assert cloud.snapshots == 2
            if told is None:
                return
            assert one.status().error
            # Silence says that it listens again; what was told to nobody meanwhile is in one more snapshot.
            await asyncio.sleep(10)
            assert (one.status().error, cloud.followed, cloud.snapshots) == ("", 2, 3)

    run_virtually(test())


@virtually
async def test_a_map_that_cannot_take_a_snapshot_is_given_it_again() -> None:
    one = Watched(Cloud(servers([1])))
    one.error = RuntimeError("the store is away")
    running = asyncio.create_task(one.inventory.run())
    await asyncio.sleep(1)
    assert one.status().error == "the store is away"

    one.error = None
    await asyncio.sleep(10)

    assert (len(one.applied), one.status().error, one.said_of(Condition.UNREACHABLE)) == (1, "", [False])
    running.cancel()
    await asyncio.wait([running])


# What a listing lacks


@virtually
async def test_what_a_listing_lacks_is_asked_for_before_it_is_forgotten() -> None:
    things = [Host(id="h-1", vim="a"), Host(id="h-2", vim="a"), Volume(id="v", vim="a"), *servers(range(4))]
    cloud = Cloud(things)

    async with watched(cloud) as one:
        cloud.hidden = {"host/h-1", "host/h-2", "server/s-1", "server/s-2", "volume/v"}
        cloud.lose(["host/h-2", "server/s-2"])
        cloud.things["server/s-1"] = Server(id="s-1", vim="a", status="ERROR")
        await one.again()

        assert sorted(cloud.reads) == sorted(cloud.hidden)
        assert one.map.records == cloud.things
        status = one.status()
        assert status.differences == Differences(gone=2)
        assert (status.put_back, status.put_back_total, status.unconfirmed) == (3, 3, 0)
        assert (status.servers, status.hosts) == (3, 1)


@virtually
async def test_ports_go_with_their_server_and_are_asked_for_where_it_is_still_there() -> None:
    ports = [Port(id=f"p-{number}", vim="a", server=f"s-{number}") for number in range(3)]
    cloud = Cloud([*servers(range(3)), *ports, Port(id="lone", vim="a")])

    async with watched(cloud) as one:
        cloud.hidden = {"server/s-1"}
        cloud.lose(["server/s-0", "port/p-0", "port/p-1", "port/p-2", "port/lone"])
        await one.again()

        assert sorted(cloud.reads) == ["port/lone", "port/p-1", "port/p-2", "server/s-0", "server/s-1"]
        assert one.map.records == cloud.things


@pytest.mark.parametrize("error", [VimUnavailableError("503"), TimeoutError(), KeyError("a bug"), ConflictError("409")])
def test_what_cannot_be_asked_for_is_kept_until_the_next_snapshot(error: Exception) -> None:
    async def test() -> None:
        cloud = Cloud([*servers(range(3)), Port(id="p", vim="a", server="s-0")])
        async with watched(cloud) as one:
            cloud.lose(["server/s-0", "port/p"])
            cloud.read_error = error
            await one.again()
            assert len(one.map.records) == 4
            assert (one.status().unconfirmed, one.status().error) == (2, "")

            cloud.read_error = None
            await asyncio.sleep(INTERVAL_SECONDS)
            assert one.map.records == cloud.things
            assert one.status().unconfirmed == 0

    run_virtually(test())


@virtually
async def test_an_answer_about_another_resource_proves_nothing() -> None:
    cloud = Cloud([Host(id="h-1", vim="a")])

    async with watched(cloud) as one:
        cloud.things = {"host/h-1": Host(id="h-2", vim="a")}  # the name is another host's by now
        await one.again()

        assert sorted(one.map.records) == ["host/h-1", "host/h-2"]
        assert one.status().unconfirmed == 1


@virtually
async def test_at_most_16_are_asked_for_at_once_and_all_in_limited_time() -> None:
    cloud = Cloud(servers(range(400)))

    async with watched(cloud, timing=Timing(confirm_seconds=10)) as one:
        cloud.read_seconds = 1
        cloud.things.clear()
        one.inventory.refresh("a")
        await asyncio.sleep(12.5)
        assert cloud.reading_most == 16
        first = len(one.map.records)
        assert 400 - 16 * 10 <= first <= 400 - 16 * 9  # those who were not asked for are kept
        assert one.status().unconfirmed == first

        await asyncio.sleep(30)
        assert one.map.records == {}  # it went on at once
        assert one.status().unconfirmed == 0


@virtually
async def test_a_cloud_that_answers_nothing_is_not_asked_for_thousands() -> None:
    cloud = Cloud(servers(range(5000)))

    async with watched(cloud) as one:
        cloud.hidden = set(cloud.things)
        cloud.read_error = VimUnavailableError("503")
        await one.again()

        assert len(cloud.reads) < 50
        assert one.map.records == cloud.things


# What a change tells to be gone


@virtually
async def test_what_a_change_tells_to_be_gone_is_asked_for_too() -> None:
    cloud = Cloud(servers(range(3)))

    async with watched(cloud, interval_seconds=-1) as one:
        cloud.lose(["server/s-0"])
        cloud.tell(gone=["server/s-0", "server/s-1", "server/unknown"])
        await asyncio.sleep(0.1)

        assert one.map.records == cloud.things
        assert sorted(cloud.reads) == ["server/s-0", "server/s-1"]
        assert (one.status().servers, one.status().put_back_total, cloud.snapshots) == (2, 1, 1)


@virtually
async def test_the_ports_of_a_server_that_is_gone_are_asked_for_though_nobody_told_of_them() -> None:
    cloud = Cloud([*servers([1]), Port(id="p", vim="a", server="s-1"), Port(id="kept", vim="a", server="s-1")])

    async with watched(cloud, interval_seconds=-1) as one:
        cloud.lose(["server/s-1", "port/p"])
        cloud.tell(gone=["server/s-1"])
        await asyncio.sleep(0.1)

        assert one.map.records == cloud.things
        assert (sorted(one.map.records), cloud.snapshots) == (["port/kept"], 1)


@virtually
async def test_what_is_told_anew_while_it_is_asked_for_is_not_forgotten() -> None:
    cloud = Cloud(servers([1]))

    async with watched(cloud) as one:
        cloud.read_seconds = 5
        cloud.lose(["server/s-1"])
        cloud.tell(gone=["server/s-1"])
        await asyncio.sleep(1)
        cloud.tell(put=servers([1]))
        await asyncio.sleep(10)

        assert "server/s-1" in one.map.records


@virtually
async def test_a_deletion_that_cannot_be_proven_leads_to_a_snapshot() -> None:
    cloud = Cloud(servers([1]))

    async with watched(cloud, interval_seconds=-1) as one:
        cloud.read_error = VimUnavailableError("503")
        cloud.lose(["server/s-1"])
        cloud.tell(gone=["server/s-1"])
        await asyncio.sleep(5)
        assert "server/s-1" in one.map.records
        assert cloud.snapshots == 2

        one.error, cloud.read_error = RuntimeError("a bug of ours"), None
        cloud.tell(gone=["server/s-1"])
        await asyncio.sleep(0.1)
        one.error = None
        await asyncio.sleep(5)
        assert one.map.records == {}


@virtually
async def test_more_deletions_than_can_be_asked_for_lead_to_a_snapshot() -> None:
    cloud = Cloud(servers(range(10_010)))

    async with watched(cloud, interval_seconds=-1) as one:
        keys = list(cloud.things)
        cloud.things.clear()
        cloud.tell(gone=keys)
        await asyncio.sleep(60)

        assert one.map.records == {}


@virtually
async def test_another_vims_resources_are_none_of_its_business() -> None:
    cloud, other = Cloud(), Cloud(servers([1], "b"), name="b")

    async with watched(cloud, other) as one:
        cloud.tell(gone=["server/s-1"])
        await asyncio.sleep(5)

        assert one.map.records == other.things


# Cliffs

CLIFFS: list[tuple[str, int, int, int, bool]] = [
    ("half of the servers may be gone", 100, 0, 50, False),
    ("a few of a few may be gone", 10, 0, 10, False),
    ("most are gone", 100, 0, 60, True),
    ("most seem gone, and are not", 100, 60, 0, True),
    ("some of most are gone", 100, 40, 30, True),
]


@pytest.mark.parametrize(
    ("known", "hidden", "gone", "is_cliff"), [row[1:] for row in CLIFFS], ids=[r[0] for r in CLIFFS]
)
def test_a_listing_that_lacks_much_is_read_again_and_each_one_asked_for(
    known: int, hidden: int, gone: int, is_cliff: bool
) -> None:
    async def test() -> None:
        cloud = Cloud(servers(range(known)))
        async with watched(cloud) as one:
            cloud.hidden = {f"server/s-{number}" for number in range(hidden)}
            cloud.lose(f"server/s-{number}" for number in range(hidden, hidden + gone))
            await one.again()

            assert one.map.records == cloud.things
            assert cloud.snapshots == (3 if is_cliff else 2)
            assert one.said_of(Condition.CLIFF) == ([False, True, False] if is_cliff else [False])

    run_virtually(test())


@virtually
async def test_a_cliff_lasts_until_it_is_settled() -> None:
    cloud = Cloud(servers(range(100)))

    async with watched(cloud) as one:
        cloud.things.clear()
        cloud.read_error = VimUnavailableError("503")
        await one.again(seconds=200)
        assert one.said_of(Condition.CLIFF) == [False, True]
        assert one.status().conditions == ("cliff",)

        cloud.read_error = None
        await asyncio.sleep(100)
        assert one.said_of(Condition.CLIFF) == [False, True, False]
        assert one.map.records == {}


@virtually
async def test_the_second_listing_of_a_cliff_counts_and_what_was_told_meanwhile() -> None:
    cloud = Cloud(servers(range(100)))

    async with watched(cloud) as one:
        cloud.hidden = set(cloud.things)
        one.inventory.refresh("a")
        await asyncio.sleep(1)
        cloud.hidden = set()
        new = Server(id="new", vim="a")
        cloud.things["server/new"] = new
        cloud.tell(put=[new])
        await asyncio.sleep(5)

        assert (one.map.records, cloud.reads, cloud.snapshots) == (cloud.things, [], 3)


@virtually
async def test_servers_deleted_one_by_one_are_no_cliff() -> None:
    cloud = Cloud(servers(range(100)))

    async with watched(cloud) as one:
        for key in list(cloud.things):
            cloud.lose([key])
            cloud.tell(gone=[key])
        await asyncio.sleep(1)
        await one.again()

        assert (one.map.records, cloud.snapshots, one.said_of(Condition.CLIFF)) == ({}, 2, [False])


@virtually
async def test_what_a_cliff_is_can_be_set() -> None:
    cloud = Cloud(servers(range(100)))

    async with watched(cloud, timing=Timing(cliff_least=2, cliff_share=0.02)) as one:
        cloud.lose(["server/s-0", "server/s-1", "server/s-2"])
        await one.again()

        assert one.said_of(Condition.CLIFF) == [False, True, False]


# Differences and conditions


@virtually
async def test_what_no_change_had_told_is_counted() -> None:
    cloud = Cloud(servers(range(3)))

    async with watched(cloud) as one:
        cloud.lose(["server/s-0"])
        cloud.things |= {
            "server/s-1": Server(id="s-1", vim="a", status="ERROR"),
            "server/s-9": Server(id="s-9", vim="a"),
        }
        await one.again()
        assert one.status().differences == Differences(added=1, changed=1, gone=1)

        cloud.things["server/s-8"] = Server(id="s-8", vim="a")
        await one.again()
        assert one.status().differences == Differences(added=1)
        assert one.status().differences_total == Differences(added=2, changed=1, gone=1)

        told = Server(id="s-7", vim="a")
        cloud.things["server/s-7"] = told
        cloud.tell(put=[told])
        await asyncio.sleep(1)
        await one.again()
        assert one.status().differences == Differences()


@virtually
async def test_a_listing_that_lacks_what_is_there_is_said_to_be_partial() -> None:
    cloud = Cloud(servers(range(30)))

    async with watched(cloud) as one:
        cloud.hidden = {"server/s-1"}
        await asyncio.sleep(3 * INTERVAL_SECONDS)
        assert one.said_of(Condition.PARTIAL) == [False, True]

        cloud.hidden = set()
        await asyncio.sleep(1.1 * INTERVAL_SECONDS)
        assert one.said_of(Condition.PARTIAL) == [False, True, False]


@virtually
async def test_three_listings_that_fail_in_a_row_are_said_and_that_it_is_back() -> None:
    cloud = Cloud(servers([1]))

    async with watched(cloud) as one:
        assert one.said_of(Condition.UNREACHABLE) == [False]  # an earlier process may have said otherwise
        cloud.errors = [VimUnavailableError("503")] * 2
        await one.again(seconds=10)
        assert one.said_of(Condition.UNREACHABLE) == [False]
        cloud.errors = [VimUnavailableError("503")] * 6
        await one.again(seconds=8)
        assert one.said_of(Condition.UNREACHABLE) == [False, True]
        await asyncio.sleep(200)

        assert one.said_of(Condition.UNREACHABLE) == [False, True, False]
        assert one.map.records == cloud.things


@virtually
async def test_a_listing_that_fails_slowly_is_said_after_a_while() -> None:
    cloud = Cloud(servers([1]))

    async with watched(cloud) as one:
        cloud.errors = [VimUnavailableError("503")] * 9
        cloud.listing_seconds = 30
        one.inventory.refresh("a")
        await asyncio.sleep(39)
        assert one.said_of(Condition.UNREACHABLE) == [False]
        await asyncio.sleep(3)

        assert one.said_of(Condition.UNREACHABLE) == [False, True]


@virtually
async def test_changes_that_fail_say_that_it_is_away_until_a_listing_says_otherwise() -> None:
    cloud = Cloud(servers([1]))

    async with watched(cloud) as one:
        cloud.listing_seconds = 40
        cloud.told.put_nowait(VimUnavailableError("the bus is away"))
        await asyncio.sleep(0.1)
        for _ in range(50):
            cloud.told.put_nowait(VimUnavailableError("the bus is away"))
        await asyncio.sleep(9)
        assert one.said_of(Condition.UNREACHABLE) == [False]
        await asyncio.sleep(10)
        assert one.said_of(Condition.UNREACHABLE) == [False, True]

        # It can be listed: so it is only its changes, which is no news any more.
        await asyncio.sleep(1000)
        assert one.said_of(Condition.UNREACHABLE) == [False, True, False]
        assert one.status().error == "the bus is away"


@virtually
async def test_three_failures_of_the_changes_are_said_while_nothing_else_is_known() -> None:
    cloud = Cloud(servers([1]))

    async with watched(cloud, timing=Timing(gap_seconds=30)) as one:
        for _ in range(3):
            cloud.told.put_nowait(VimUnavailableError("the bus is away"))
        await asyncio.sleep(7)

        assert one.said_of(Condition.UNREACHABLE) == [False, True]


@virtually
async def test_a_condition_is_said_until_it_is_heard_and_not_twice() -> None:
    cloud = Cloud(servers([1]))

    one = Watched(cloud)
    one.say_errors = [StoreUnavailableError("full")] * 3 + [KeyError("a bug")]
    running = asyncio.create_task(one.inventory.run())
    await asyncio.sleep(300)

    assert sorted(one.said) == sorted(("a", condition, False) for condition in Condition)
    running.cancel()
    await asyncio.wait([running])


# VIMs that come and go


@virtually
async def test_a_vim_can_be_removed_before_anything_runs() -> None:
    one = Watched(Cloud())

    await one.inventory.remove("a")

    assert one.inventory.ready.is_set()
    assert one.said == []


@virtually
async def test_a_change_that_puts_and_removes_the_same_means_the_former() -> None:
    cloud = Cloud()

    async with watched(cloud) as one:
        cloud.tell(put=servers([1]), gone=["server/s-1"])
        await asyncio.sleep(1)

        assert "server/s-1" in one.map.records


@virtually
async def test_changes_that_come_to_an_end_are_followed_anew() -> None:
    class Ending(Cloud):
        async def changes(self) -> AsyncIterator[MapChange | None]:
            self.followed += 1
            yield None

    cloud = Ending(servers([1]))

    async with watched(cloud) as one:
        await asyncio.sleep(10)

        assert cloud.followed > 1
        assert one.status().error == "its changes came to an end"


@virtually
async def test_a_bug_in_the_listener_does_not_hold_up_a_removal() -> None:
    cloud = Cloud(servers([1]))

    async with watched(cloud) as one:
        cloud.errors = [VimUnavailableError("503")] * 99
        await one.again()
        one.say_errors = [KeyError("a bug")]
        async with asyncio.timeout(1):
            await one.inventory.remove("a")
        assert one.inventory.status() == {}


@virtually
async def test_a_vim_is_added_at_run_time() -> None:
    cloud, other = Cloud(servers([1])), Cloud(servers([2], "b"), name="b")
    other.listing_seconds = 5

    async with watched(cloud) as one:
        one.inventory.add("b", other, interval_seconds=10)
        assert not one.inventory.ready.is_set()
        await asyncio.sleep(6)
        assert one.inventory.ready.is_set()
        assert one.map.records == cloud.things | other.things
        await asyncio.sleep(60)
        assert other.snapshots > 3  # each has its own interval
        with pytest.raises(ConflictError):
            one.inventory.add("b", other)


@virtually
async def test_a_vim_that_is_removed_is_watched_no_longer_and_nothing_is_wrong_with_it() -> None:
    cloud, other = Cloud(servers([1])), Cloud(servers([2], "b"), name="b")

    async with watched(cloud, other) as one:
        other.errors = [VimUnavailableError("503")] * 99
        await one.again("b")
        assert one.status("b").conditions == ("unreachable",)
        await one.inventory.remove("b")
        asked = other.snapshots
        await asyncio.sleep(300)

        assert other.snapshots == asked
        assert list(one.inventory.status()) == ["a"]
        assert [is_on for vim, condition, is_on in one.said if (vim, condition) == ("b", Condition.UNREACHABLE)] == [
            False,
            True,
            False,
        ]
        assert one.map.records == cloud.things | other.things  # kept, for it may come back with another password
        with pytest.raises(NotFoundError):
            await one.inventory.remove("b")
        with pytest.raises(NotFoundError):
            one.inventory.refresh("b")


@virtually
async def test_a_vim_that_is_removed_for_good_takes_its_resources_along() -> None:
    cloud, other = Cloud(servers([1])), Cloud(servers([2], "b"), name="b")

    async with watched(cloud, other) as one:
        await one.inventory.remove("b", forget=True)

        assert one.map.records == cloud.things


@virtually
async def test_one_that_was_never_read_no_longer_holds_up_the_rest_when_it_is_removed() -> None:
    cloud, dead = Cloud(servers([1])), Cloud(name="b")
    dead.listing_seconds = 1e5

    async with watched(cloud, dead) as one:
        assert not one.inventory.ready.is_set()
        await one.inventory.remove("b")
        assert one.inventory.ready.is_set()


@virtually
async def test_last_words_that_nobody_hears_do_not_hold_up_a_removal() -> None:
    cloud = Cloud(servers([1]))

    async with watched(cloud) as one:
        cloud.errors = [VimUnavailableError("503")] * 99
        await one.again()
        one.say_errors = [StoreUnavailableError("full")] * 1000
        async with asyncio.timeout(6):
            await one.inventory.remove("a")
        assert one.inventory.status() == {}


@virtually
async def test_a_bug_in_one_watch_begins_it_anew_and_touches_no_other() -> None:
    class Broken(Cloud):
        def changes(self) -> AsyncIterator[MapChange | None]:
            self.followed += 1
            raise asyncio.CancelledError

    broken, well = Broken(servers([1])), Cloud(servers([2], "b"), name="b")

    async with watched(broken, well) as one:
        await asyncio.sleep(100)

        assert broken.followed > 10
        assert one.map.records == broken.things | well.things


@virtually
async def test_without_a_vim_the_inventory_is_ready() -> None:
    one = Watched()

    assert one.inventory.ready.is_set()
    assert one.inventory.status() == {}
