"""VNF records where store or log is away, listings overtake each other, clouds come and go, words make no sense."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs
from vnf_world import EPC, IMS, World, view

from nfvigil.model.reading import Reading
from nfvigil.model.resource import Snapshot
from nfvigil.model.vnf import Vnfc
from nfvigil.model.vnf_record import Vdu, VduCondition

pytestmark = pytest.mark.anyio


async def test_what_could_not_be_said_is_not_written_and_said_with_the_next_listing() -> None:
    world = World(EPC)
    world.has("s1", "s2")
    async with world:
        await world.listed()
        read_us, world.is_mute = world.keeper.read_us("sim"), True
        world.has("s1", status="ERROR")

        with capture_logs():
            await world.listed()
        assert world.vdu("mme").status == "ACTIVE"
        assert world.keeper.read_us("sim") == read_us, "the records are as old as that"

        world.is_mute = False
        await world.listed()
        assert world.news() == [(VduCondition.ERROR, True, "s1")]
        assert world.vdu("mme").status == "ERROR"


async def test_what_may_have_been_said_when_the_log_went_away_is_taken_back_if_it_is_over() -> None:
    world = World(EPC)
    world.has("s1", "s2")
    async with world:
        await world.listed()
        world.has("s1", status="ERROR")
        world.is_mute = True
        with capture_logs():
            await world.listed()

        world.is_mute = False
        world.has("s1")
        await world.listed()

        assert world.news() == [(VduCondition.ERROR, False, "s1")]


async def test_what_could_not_be_written_is_written_with_the_next_listing_which_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("nfvigil.vnf.keeper.RETRY_SECONDS", 0)
    world = World(EPC, IMS)
    world.has("s1", "s2", "s3")
    async with world:
        await world.listed()
        world.is_away = True
        world.has("s1", status="ERROR")
        with capture_logs():
            await world.listed()
            assert world.refreshed == ["sim"]
        assert world.vdu("mme").status == "ACTIVE"

        world.is_away = False
        await world.listed()

        assert world.vdu("mme").status == "ERROR"
        assert world.news() == [(VduCondition.ERROR, True, "s1")], "said once: it was heard the first time"


async def test_a_newer_listing_takes_the_place_of_one_that_was_not_worked_off() -> None:
    world = World(EPC)
    world.has("s1", "s2")
    async with world:
        await world.listed()

        world.has("s1", status="ERROR")
        world.read()
        world.read()  # the same words as before: they still have to be looked at
        await world.settled()

        assert world.vdu("mme").status == "ERROR"
        assert world.keeper.rounds == 2


async def test_what_flips_back_while_a_listing_waits_is_seen() -> None:
    world = World(EPC)
    world.has("s1", "s2")
    async with world:
        await world.listed()
        world.has("s1", status="ERROR")
        world.read()
        hearing = world.keeper.begin("sim")  # begun before that is worked off
        assert hearing is not None
        await world.settled()
        assert world.vdu("mme").status == "ERROR"

        world.has("s1")
        for name in ("s1", "s2"):
            hearing.put(f"server/{name}", view(world.words[f"server/{name}"]))
        snapshot = Snapshot(vim="sim", taken_us=world.now_us, servers=tuple(world.servers.values()))
        world.keeper.take(Reading(snapshot), hearing)
        await world.settled()

        assert world.vdu("mme").status == "ACTIVE"


async def test_two_clouds_with_a_server_of_one_id_do_not_mix() -> None:
    world = World(EPC)
    world.has("s1", "s2")
    async with world:
        await world.listed()
        world.has("s1", status="ERROR")

        await world.listed(vim="other")
        assert (world.vdu("mme").vim, world.vdu("mme").status) == ("sim", "ACTIVE")

        world.watched = {"other"}
        world.keeper.forget("sim")
        await world.listed(vim="other")
        assert (world.vdu("mme").vim, world.vdu("mme").status) == ("other", "ERROR")
        assert set(world.keeper.ages_seconds()) == {"other"}


async def test_a_listing_of_a_cloud_that_was_taken_away_meanwhile_is_left_alone() -> None:
    world = World(EPC)
    world.has("s1")
    async with world:
        hearing = world.keeper.begin("sim")
        world.keeper.forget("sim")
        reading = Reading(Snapshot(vim="sim", taken_us=1, servers=tuple(world.servers.values())))

        assert world.keeper.missing(reading) == []
        world.keeper.take(reading, hearing)
        await world.settled()

        assert world.vdu("mme").status == ""
        assert world.keeper.interval_seconds("sim") is None


async def test_of_a_driver_without_details_status_and_host_are_known_all_the_same() -> None:
    world = World(EPC)
    world.has("s1", "s2")
    world.has_port("p1", "s1")
    async with world:
        assert await world.listed(is_plain=True) == []
        assert await world.listed(is_plain=True) == []

        assert (world.vdu("mme").status, world.vdu("mme").host) == ("ACTIVE", "h1@east")
        assert [one.port for one in world.vdu("mme").interfaces] == ["p1"]
        assert world.shelf.details == {EPC.key: {}}
        assert world.shelf.writes == 1

        world.lacks("server/s2")
        assert await world.listed(is_plain=True) == ["server/s2"]


async def test_words_that_cannot_be_read_are_counted_and_harm_nothing_else() -> None:
    world = World(EPC)
    world.has("s1", "s2")
    world.has_port("p1", "s1")
    world.words["server/s2"] = {"id": 5}
    world.words["port/p1"] = {"id": "p1"}
    async with world:
        await world.listed()

        assert (world.vdu("mme").status, world.vdu("sgw").status) == ("ACTIVE", "")
        assert world.keeper.unreadable == 2
        world.has_port("p2", "s2")
        await world.listed()
        assert world.vdu("sgw") == Vdu(id="sgw", server="s2"), "words on a port alone do not make a server"

        world.words["server/s1"] = ["no", "server"]
        await world.listed()
        assert world.vdu("mme").status == "ACTIVE"
        assert b"ACTIVE" in world.shelf.details[EPC.key]["mme"].server, "the last words that made sense"


async def test_a_record_that_somebody_else_changed_in_the_database_is_not_overwritten() -> None:
    world = World(EPC, IMS)
    world.has("s1", "s2", "s3")
    async with world:
        await world.listed()
        theirs = replace(world.shelf.records[EPC.key], ip_address="203.0.113.1", changed_us=7)
        world.shelf.records[EPC.key] = theirs
        del world.shelf.records[IMS.key]
        world.has("s1", "s3", status="SHUTOFF")

        with capture_logs():
            await world.listed()
        assert world.keeper.record(*EPC.key) == theirs
        assert world.keeper.record(*IMS.key) is None
        assert world.keeper.conflicts == 2

        await world.listed()
        assert (world.vdu("mme").status, world.shelf.records[EPC.key].ip_address) == ("SHUTOFF", "203.0.113.1")


async def test_a_bug_with_one_listing_does_not_end_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(EPC)
    world.has("s1", "s2")
    async with world:
        real, calls = world.shelf.save_vnf_record, []

        async def breaks_once(*given: Any, **more: Any) -> None:
            calls.append(given)
            if len(calls) == 1:
                raise KeyError("a bug")
            await real(*given, **more)

        monkeypatch.setattr(world.shelf, "save_vnf_record", breaks_once)
        with capture_logs() as logs:
            await world.listed()
        assert [one["log_level"] for one in logs] == ["error"]

        await world.listed()
        assert world.vdu("mme").status == "ACTIVE"


@pytest.mark.parametrize("is_plain", [False, True])
async def test_others_have_their_turns_while_many_records_are_worked_off(is_plain: bool) -> None:
    large = [
        replace(EPC, id=f"v{number}", vnfcs=tuple(Vnfc(id=f"{number}-{i}", server=f"{number}-{i}") for i in range(500)))
        for number in range(5)
    ]
    world = World(*large)
    for vnf in large:
        world.has(*(vnfc.server for vnfc in vnf.vnfcs))
    async with world:
        world.read(is_plain=is_plain)

        turns = 0
        while not world.keeper.rounds and turns < 5000:
            turns += 1
            await asyncio.sleep(0)

        assert world.shelf.writes == 5
        assert turns >= 2500 / 50
        world.servers.clear()
        await world.listed(gone=[f"server/0-{number}" for number in range(500)])
        assert {vdu.status for vdu in world.shelf.records["blue", "v0"].vdus} == {"DELETED"}
        assert len(world.news()) == 500


async def test_a_port_that_is_listed_before_its_server_is_there_when_the_server_is() -> None:
    world = World(EPC)
    world.has_port("p1", "s1")
    async with world:
        await world.listed()
        assert world.vdu("mme").interfaces == ()

        world.has("s1")
        await world.listed()

        assert [one.port for one in world.vdu("mme").interfaces] == ["p1"]


async def test_words_on_a_port_that_is_not_in_the_listing_itself_say_nothing() -> None:
    world = World(EPC)
    world.has("s1")
    world.has_port("p1", "s1")
    async with world:
        hearing = world.keeper.begin("sim")
        assert hearing is not None
        for key, words in world.words.items():
            hearing.put(key, view(words))
        snapshot = Snapshot(vim="sim", taken_us=1, servers=tuple(world.servers.values()))
        world.keeper.take(Reading(snapshot), hearing)
        await world.settled()

        assert (world.vdu("mme").status, world.vdu("mme").interfaces) == ("ACTIVE", ())


async def test_what_stood_of_a_removed_vnf_is_ended_before_the_same_is_told_of_a_new_one() -> None:
    world = World(EPC)
    world.has("s1", "s2", status="ERROR")
    async with world:
        await world.listed()
        world.news()
        world.mute_times = 1

        with capture_logs():
            async with world.keeper.removing(*EPC.key):
                await world.shelf.remove_vnf(*EPC.key)
            async with world.keeper.putting(EPC) as record:
                await world.shelf.add_vnf(EPC, record)
            await world.listed()

        ends = [(VduCondition.ERROR, False, "s1"), (VduCondition.ERROR, False, "s2")]
        assert world.news() == [*ends, (VduCondition.ERROR, True, "s1"), (VduCondition.ERROR, True, "s2")]
