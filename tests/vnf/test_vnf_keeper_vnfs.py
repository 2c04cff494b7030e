"""VNF records come and go with their VNFs; what stands is told and ended: of their servers, and not of our doing."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs
from vnf_world import EPC, IMS, World

from nfvigil.errors import StoreUnavailableError
from nfvigil.model.vnf import Vnfc
from nfvigil.model.vnf_record import Interface, Vdu, VduCondition, VduNews, VnfRecord

pytestmark = pytest.mark.anyio


async def test_a_vnf_that_is_removed_while_a_listing_is_worked_off_does_not_come_back() -> None:
    world = World(EPC)
    world.has("s1", "s2")
    async with world:
        await world.listed()
        world.has("s1", status="ERROR")
        world.read()

        async with world.keeper.removing(*EPC.key):
            await world.shelf.remove_vnf(*EPC.key)
        await world.settled()

        assert world.shelf.records == {}
        assert world.keeper.record(*EPC.key) is None
        assert await world.listed() == []


async def test_what_stands_of_a_vnf_is_ended_when_it_is_removed_also_where_the_log_is_away_just_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("nfvigil.vnf.keeper.RETRY_SECONDS", 0)
    world = World(EPC)
    world.has("s1", "s2", status="ERROR")
    async with world:
        await world.listed()
        world.news()
        world.is_mute = True

        with capture_logs():
            async with world.keeper.removing(*EPC.key):
                await world.shelf.remove_vnf(*EPC.key)
            await asyncio.sleep(0.01)
            world.is_mute = False
            await asyncio.sleep(0.01)
            await world.settled()

        assert world.news() == [(VduCondition.ERROR, False, "s1"), (VduCondition.ERROR, False, "s2")]
        assert world.fed[-1] == ("blue", "-epc")
        async with world.keeper.removing("blue", "never-was"):
            pass
        assert len(world.keeper.records) == 0


async def test_a_vnf_that_is_told_anew_keeps_what_is_known_and_ends_what_stands_of_others() -> None:
    world = World(EPC)
    world.has("s1", "s2", status="ERROR")
    world.has("s4")
    world.has_port("p4", "s4")
    world.vims = {"s4": "sim"}
    async with world:
        await world.listed()
        world.news()
        other = replace(EPC, vnfcs=(Vnfc(id="mme", server="s1", vdu="m"), Vnfc(id="new", server="s4")), changed_us=2)

        async with world.keeper.putting(other) as record:
            await world.shelf.change_vnf(other, was_us=1, record=record)
        await world.settled()

        assert world.news() == [(VduCondition.ERROR, False, "s2")]
        assert (world.vdu("mme").status, world.vdu("mme").vdu) == ("ERROR", "m")
        assert world.refreshed == ["sim"], "so that it is filled at once"
        await world.listed()
        assert world.vdu("new").interfaces[0].port == "p4"
        assert world.news() == []


async def test_where_a_vnf_is_not_written_its_record_is_not_either() -> None:
    world = World(EPC)
    world.has("s1", "s2")
    async with world:
        with pytest.raises(StoreUnavailableError):
            async with world.keeper.putting(IMS):
                raise StoreUnavailableError("the store is away")

        assert world.keeper.record(*IMS.key) is None
        with pytest.raises(StoreUnavailableError):
            async with world.keeper.removing(*EPC.key):
                raise StoreUnavailableError("the store is away")
        assert world.keeper.record(*EPC.key) is not None


async def test_a_vnf_that_is_told_of_during_a_listing_is_filled_by_the_next() -> None:
    world = World(EPC)
    world.has("s1", "s2", "s3")
    world.has_port("p3", "s3")
    async with world:
        await world.listed()
        world.read()
        async with world.keeper.putting(IMS) as record:
            await world.shelf.add_vnf(IMS, record)
        await world.settled()
        assert world.vdu("cscf", IMS).status == ""

        await world.listed()

        assert world.vdu("cscf", IMS).status == "ACTIVE"
        assert len(world.vdu("cscf", IMS).interfaces) == 1


async def test_a_second_vnf_on_a_known_server_is_filled_with_its_ports() -> None:
    world = World(EPC)
    world.has("s1", "s2")
    world.has_port("p1", "s1")
    second = replace(IMS, vnfcs=(Vnfc(id="same", server="s1"),))
    async with world:
        await world.listed()
        async with world.keeper.putting(second) as record:
            await world.shelf.add_vnf(second, record)

        await world.listed()

        assert [one.port for one in world.vdu("same", IMS).interfaces] == ["p1"]
        async with world.keeper.removing(*IMS.key):
            await world.shelf.remove_vnf(*IMS.key)
        world.lacks("server/s1")
        assert await world.listed() == ["server/s1"], "the other VNF counts on it still"


async def test_a_server_of_another_project_is_none_of_a_vnfs() -> None:
    world = World(EPC)
    world.has("s1", project="red", status="ERROR")
    world.has_port("p1", "s1")
    async with world:
        await world.listed()
        world.lacks("server/s1")
        missing = await world.listed(gone=["server/s1", "port/p1"])

        assert world.vdu("mme") == Vdu(id="mme", server="s1")
        assert (missing, world.said) == ([], [])
        assert world.shelf.details == {}


async def test_an_imported_server_is_asked_for_in_the_cloud_that_the_document_names() -> None:
    world = World()
    seen = Interface(port="p1", ip_address="192.0.2.1", message="Interface p1 deleted externally.")
    given = VnfRecord(
        project="blue",
        id="epc",
        ip_address="192.0.2.1",
        vdus=(
            Vdu(id="x", server="s1", vim="sim", status="DELETED", message="Deleted externally"),
            Vdu(
                id="y", server="s2", vim="sim", status="ERROR", interfaces=(seen,), message="VIM status reported ERROR"
            ),
        ),
    )
    world.has("s2", status="ERROR")
    async with world:
        async with world.keeper.putting(EPC, given) as record:
            await world.shelf.add_vnf(EPC, record)
        assert (world.vdu("mme").status, world.vdu("sgw").status) == ("", "ERROR")
        assert world.refreshed == ["sim"]

        missing = await world.listed(gone=["server/s1", "port/p1"])

        assert missing == ["port/p1", "server/s1"]
        assert world.vdu("mme").status == "DELETED"
        assert sorted(world.news()) == [
            (VduCondition.DELETED, True, "s1"),
            (VduCondition.ERROR, True, "s2"),
            (VduCondition.INTERFACE_GONE, True, "p1"),
        ]


async def test_an_error_that_we_set_is_told_only_if_it_stays_when_we_take_it_back() -> None:
    world = World(EPC)
    world.has("s1", "s2")
    async with world:
        await world.listed()
        world.ours = {"s1", "s2"}
        world.has("s1", "s2", status="ERROR")

        await world.listed()
        await world.listed()
        assert world.vdu("mme").status == "ERROR"
        assert world.said == []

        world.ours = set()
        world.has("s2")
        await world.listed()
        assert world.news() == [(VduCondition.ERROR, True, "s1")]


async def test_an_error_that_was_ours_when_the_cloud_said_it_is_not_told() -> None:
    world = World(EPC)
    world.has("s1", "s2")
    async with world:
        await world.listed()
        world.ours = {"s1"}
        world.has("s1", status="ERROR")
        world.read()
        world.ours = set()
        await world.settled()
        assert world.said == []

        world.ours = {"s1"}
        await world.listed()
        world.read()  # unchanged words, and it is ours when the listing begins
        world.ours = set()
        await world.settled()
        assert world.said == []

        await world.listed()
        assert world.news() == [(VduCondition.ERROR, True, "s1")]


async def test_an_error_that_was_there_before_ours_stays_told() -> None:
    world = World(EPC)
    world.has("s1", status="ERROR")
    async with world:
        await world.listed()
        world.news()
        world.ours = {"s1"}

        world.words["server/s1"]["updated"] = "now"
        await world.listed()

        assert world.news() == []


async def test_after_a_start_what_stands_is_not_told_again_and_what_is_over_is_ended() -> None:
    world = World(EPC)
    world.has("s1", status="ERROR")
    world.has("s2", status="ERROR")
    async with world:
        await world.listed()
        standing = [replace(one, vim="", text="") for one in world.said]
        world.said.clear()

        await world.again(standing)
        world.has("s2")
        await world.listed()
        assert world.news() == [(VduCondition.ERROR, False, "s2")]

        await world.again()
        await world.listed()
        assert world.news() == [(VduCondition.ERROR, True, "s1")], "nothing says that it was told"


@pytest.mark.parametrize("is_on", [True, False])
async def test_what_was_said_and_not_decided_when_we_died_is_said_as_it_is_now(is_on: bool) -> None:
    world = World(EPC)
    world.has("s1", "s2")
    async with world:
        await world.listed()
        said = VduNews(
            condition=VduCondition.ERROR, is_on=is_on, project="blue", vnf="epc", vnfc="mme", vim="sim", server="s1"
        )

        await world.again(undecided=[said])
        await world.listed()
        assert world.news() == [(VduCondition.ERROR, False, "s1")]

        world.has("s1", status="ERROR")
        await world.again(standing=[replace(said, is_on=True)], undecided=[replace(said, is_on=is_on)])
        await world.listed()
        assert world.news() == [(VduCondition.ERROR, True, "s1")], "or an end that waits would have the last word"


async def test_what_stands_of_a_vnf_that_went_before_we_died_is_ended_at_the_start() -> None:
    world = World(EPC)
    async with world:
        left = VduNews(
            condition=VduCondition.DELETED, is_on=True, project="blue", vnf="old", vnfc="a", vim="", server="s9"
        )

        await world.again([left])
        await world.settled()

        assert world.news() == [(VduCondition.DELETED, False, "s9")]


async def test_at_the_start_records_are_made_for_vnfs_and_others_are_dropped() -> None:
    world = World(EPC, IMS)
    stranger = VnfRecord(project="red", id="gone", vdus=(Vdu(id="a", server="s9"),))
    known = VnfRecord(project="blue", id="epc", vdus=(Vdu(id="mme", server="s1", vim="sim", status="ACTIVE"),))
    world.shelf.records = {stranger.key: stranger, known.key: known}
    async with world:
        assert set(world.shelf.records) == {EPC.key, IMS.key}
        assert world.vdu("mme").status == "ACTIVE"
        assert world.vdu("sgw") == Vdu(id="sgw", server="s2")
        record = world.keeper.record(*EPC.key)

        await world.again()

        assert world.keeper.record(*EPC.key) is record, "what fits is not made anew"
