"""VNF records follow the clouds' listings: what is written when, what is said first, and what nobody can say."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace
from vnf_world import EPC, IMS, World

from nfvigil.model.vnf import Vnfc, VnfcInterface
from nfvigil.model.vnf_record import ChangeKind, Interface, Vdu, VduCondition

pytestmark = pytest.mark.anyio


async def test_a_record_is_filled_by_the_first_listing_with_one_write_a_vnf() -> None:
    world = World(EPC, IMS)
    world.has("s1", "s2", "s3")
    world.has_port("p1", "s1")
    async with world:
        assert [vdu.status for vdu in world.shelf.records[EPC.key].vdus] == ["", ""]

        await world.listed()

        assert world.vdu("mme") == Vdu(
            id="mme",
            server="s1",
            vim="sim",
            name="s1",
            status="ACTIVE",
            host="h1",
            interfaces=(Interface(port="p1", ip_address="192.0.2.1", host="h1"),),
            changed_us=world.now_us,
        )
        assert world.shelf.writes == world.keeper.writes == 2
        assert world.said == []
        assert {line.kind for line in world.shelf.history[EPC.key]} >= {ChangeKind.STATUS, ChangeKind.INTERFACE}
        assert world.keeper.read_us("sim") == world.now_us
        assert world.fed == [EPC.key, IMS.key]


async def test_the_clouds_words_are_kept_without_user_data() -> None:
    world = World(EPC)
    world.has("s1")
    world.has_port("p1", "s1")
    async with world:
        await world.listed()

        kept = world.shelf.details[EPC.key]["mme"]
        assert msgspec.json.decode(kept.server)["name"] == "s1"
        assert b"user_data" not in kept.server
        assert set(kept.ports) == {"p1"}


async def test_where_nothing_changed_nothing_is_written_read_or_said() -> None:
    world = World(EPC, IMS)
    world.has("s1", "s2", "s3")
    world.has_port("p1", "s1")
    async with world:
        await world.listed()
        writes, reads = world.shelf.writes, world.shelf.reads

        for _ in range(3):
            await world.listed()

        assert (world.shelf.writes, world.shelf.reads, world.log) == (writes, reads, [])
        assert world.keeper.rounds == 4


async def test_after_a_start_words_that_are_kept_already_are_not_written_again() -> None:
    world = World(EPC)
    world.has("s1", "s2")
    world.has_port("p1", "s1")
    async with world:
        await world.listed()
        writes = world.shelf.writes

        await world.again()
        await world.listed()
        assert world.shelf.writes == writes

        world.words["server/s1"]["updated"] = "now"
        await world.again()
        await world.listed()
        assert world.shelf.writes == writes + 1
        assert b"updated" in world.shelf.details[EPC.key]["mme"].server


async def test_other_words_without_another_state_are_kept_and_no_change_of_the_record() -> None:
    world = World(EPC)
    world.has("s1", "s2")
    async with world:
        await world.listed()
        before, world.fed = world.vdu("mme"), []

        world.words["server/s1"]["updated"] = "now"
        await world.listed()

        assert world.vdu("mme") is before
        assert world.fed == []
        assert b"updated" in world.shelf.details[EPC.key]["mme"].server


async def test_one_changed_server_is_one_write_with_its_history() -> None:
    world = World(EPC, IMS)
    world.has("s1", "s2", "s3")
    async with world:
        await world.listed()
        writes = world.shelf.writes

        world.has("s1", status="SHUTOFF", host="h2")
        await world.listed()

        assert world.shelf.writes == writes + 1
        assert (world.vdu("mme").status, world.vdu("mme").host) == ("SHUTOFF", "h2")
        lines = {(line.kind, line.before, line.after) for line in world.shelf.history[EPC.key][-2:]}
        assert lines == {(ChangeKind.STATUS, "ACTIVE", "SHUTOFF"), (ChangeKind.HOST, "h1", "h2")}


async def test_a_changed_port_needs_no_words_on_its_server() -> None:
    world = World(EPC)
    world.has("s1")
    world.has_port("p1", "s1")
    world.has_port("p2", "s1")
    async with world:
        await world.listed()

        world.has_port("p2", "s1", address="192.0.2.9")
        await world.listed()

        assert [one.ip_address for one in world.vdu("mme").interfaces] == ["192.0.2.1", "192.0.2.9"]
        assert world.vdu("mme").status == "ACTIVE"


async def test_a_move_is_seen_at_interfaces_whose_ports_say_nothing_new() -> None:
    world = World(EPC)
    world.has("s1")
    world.has_port("p1", "s1")
    async with world:
        await world.listed()

        world.has("s1", host="h9")
        await world.listed()

        assert world.vdu("mme").interfaces[0].host == "h9"


async def test_what_a_listing_lacks_is_asked_for_and_stays_as_it_was_while_nobody_can_say() -> None:
    world = World(EPC)
    world.has("s1", "s2")
    world.has_port("p1", "s1")
    world.has_port("p2", "s2")
    async with world:
        assert await world.listed() == []
        before = world.keeper.record(*EPC.key)

        world.lacks("server/s1", "port/p1", "port/p2")

        assert await world.listed() == ["port/p2", "server/s1"], "not the port of a server that is lacking itself"
        assert world.keeper.record(*EPC.key) is before
        assert world.said == []


async def test_a_server_that_is_gone_is_told_once_and_its_return_ends_that() -> None:
    world = World(EPC)
    world.has("s1", "s2")
    world.has_port("p1", "s1")
    async with world:
        await world.listed()
        world.lacks("server/s1", "port/p1")

        await world.listed(gone=["server/s1", "port/p1"])

        assert (world.vdu("mme").status, world.vdu("mme").message) == ("DELETED", "Deleted externally")
        assert [one.port for one in world.vdu("mme").interfaces_backup] == ["p1"]
        assert (world.said[0].host, world.said[0].name, world.said[0].text) == ("h1@east", "s1", "Deleted externally")
        assert world.news() == [(VduCondition.DELETED, True, "s1")]
        assert await world.listed() == [], "it is known to be gone"
        assert world.news() == []

        world.has("s1")
        world.has_port("p1", "s1")
        await world.listed()

        assert world.vdu("mme").status == "ACTIVE"
        assert [one.port for one in world.vdu("mme").interfaces] == ["p1"]
        assert world.news() == [(VduCondition.DELETED, False, "s1")]


async def test_an_interface_is_gone_with_its_port_or_with_its_ports_leaving_the_server() -> None:
    world = World(EPC)
    world.has("s1", "s2")
    world.has_port("p1", "s1")
    world.has_port("p2", "s1")
    async with world:
        await world.listed()

        world.lacks("port/p1")
        world.has_port("p2", "s2")
        await world.listed(gone=["port/p1"])

        assert sorted(world.news()) == [
            (VduCondition.INTERFACE_GONE, True, "p1"),
            (VduCondition.INTERFACE_GONE, True, "p2"),
        ]
        assert world.vdu("mme").message.count("deleted externally") == 2
        assert [one.port for one in world.vdu("sgw").interfaces] == ["p2"]
        assert await world.listed() == []
        assert world.news() == []


async def test_news_is_said_before_the_record_is_written() -> None:
    world = World(EPC)
    world.has("s1", "s2")
    async with world:
        await world.listed()
        world.shelf.saved = lambda _before, _after: world.log.append("save")

        world.has("s1", status="ERROR")
        await world.listed()

        assert world.log == ["say", "save"]


async def test_a_server_that_was_never_seen_is_not_said_to_be_gone() -> None:
    world = World(EPC)
    async with world:
        assert await world.listed(gone=["server/s1"]) == []

        assert world.vdu("mme").status == ""


async def test_the_vnfs_management_address_is_that_of_its_interface() -> None:
    world = World()
    management = VnfcInterface(port="p1", manages_vdu=True, manages_vnf=True)
    vnf = replace(EPC, vnfcs=(Vnfc(id="mme", server="s1", interfaces=(management,)),))
    world.has("s1")
    world.has_port("p1", "s1", address="192.0.2.7")
    async with world:
        async with world.keeper.putting(vnf) as record:
            await world.shelf.add_vnf(vnf, record)

        await world.listed()

        assert world.shelf.records[EPC.key].ip_address == world.vdu("mme").ip_address == "192.0.2.7"
        line = next(one for one in world.shelf.history[EPC.key] if one.field == "vnf_ip_address")
        assert (line.kind, line.before, line.after) == (ChangeKind.ADDRESS, "", "192.0.2.7")


async def test_how_old_the_record_of_a_cloud_is_stays_to_be_seen_when_it_is_not_watched_any_more() -> None:
    world = World(EPC)
    world.has("s1", "s2")
    async with world:
        await world.listed()
        read_us = world.now_us
        world.keeper.forget("sim")
        world.now_us += 5_000_000

        assert world.keeper.read_us("sim") == read_us
        assert world.keeper.ages_seconds() == {"sim": 5.0}
        await world.listed(vim="other")
        assert world.keeper.ages_seconds() == {"sim": 65.0, "other": 0.0}
