"""Interfaces of VNF records that are lost, let go of, or go over to another server."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace
from vnf_world import EPC, World

from nfvigil.model.vnf import Vnf, Vnfc, VnfcInterface
from nfvigil.model.vnf_record import VduCondition

pytestmark = pytest.mark.anyio


async def test_a_port_that_goes_over_to_another_server_of_ours_is_gone_for_the_one_that_had_it() -> None:
    world = World(EPC)
    world.has("s1", "s2")
    world.has_port("p1", "s1")
    async with world:
        await world.listed()
        world.has_port("p1", "s2")

        await world.listed()

        assert world.vdu("mme").message == "Interface p1 deleted externally."
        assert [one.message for one in world.vdu("sgw").interfaces] == [""]
        assert world.news() == [(VduCondition.INTERFACE_GONE, True, "p1")]
        world.has_port("p1", "s1")
        await world.listed()
        assert world.vdu("mme").message == ""
        assert world.vdu("sgw").message == "Interface p1 deleted externally."
        assert set(world.news()) == {
            (VduCondition.INTERFACE_GONE, False, "p1"),
            (VduCondition.INTERFACE_GONE, True, "p1"),
        }


async def told_anew(world: World, vnf: Vnf, *, lets_go: bool = True) -> None:
    async with world.keeper.putting(vnf, lets_go=lets_go) as record:
        await world.shelf.change_vnf(vnf, was_us=vnf.changed_us - 1, record=record)
    await world.settled()


async def test_an_interface_that_was_detached_on_purpose_goes_when_its_vnf_is_replaced_without_it() -> None:
    world = World(EPC)
    world.has("s1", "s2", status="ERROR")
    for port in ("p1", "p2"):
        world.has_port(port, "s1")
    async with world:
        await world.listed()
        world.lacks("port/p1", "port/p2")
        await world.listed(gone=["port/p1", "port/p2"])
        world.news()
        named = Vnfc(id="mme", server="s1", interfaces=(VnfcInterface(port="p2", name="oam"),))

        await told_anew(world, replace(EPC, vnfcs=(named, EPC.vnfcs[1]), changed_us=2))

        assert world.news() == [(VduCondition.INTERFACE_GONE, False, "p1")]
        assert [one.port for one in world.vdu("mme").interfaces] == ["p2"], "it is named: its user wants it back"
        assert world.vdu("mme").message == "VIM status reported ERROR; Interface p2 deleted externally."
        await world.listed()
        await world.again()
        await world.listed()
        assert (VduCondition.INTERFACE_GONE, True, "p1") not in world.news()
        assert list(world.shelf.details[EPC.key]["mme"].ports) == ["p2"], "nor are its words kept"


async def test_an_interface_that_is_gone_stays_where_a_manager_only_adds_a_server() -> None:
    world = World(EPC)
    world.has("s1", "s2")
    world.has_port("p1", "s1")
    async with world:
        await world.listed()
        world.lacks("port/p1")
        await world.listed(gone=["port/p1"])
        world.news()

        await told_anew(
            world, replace(EPC, vnfcs=(*EPC.vnfcs, Vnfc(id="new", server="s9")), changed_us=2), lets_go=False
        )

        assert world.vdu("mme").message == "Interface p1 deleted externally."
        assert world.news() == []


async def test_a_server_that_returns_has_no_interface_again_that_was_let_go_of_meanwhile() -> None:
    world = World(EPC)
    world.has("s1", "s2")
    for port in ("p1", "p2"):
        world.has_port(port, "s1")
    async with world:
        await world.listed()
        world.lacks("port/p1")
        await world.listed(gone=["port/p1"])
        world.lacks("server/s1")
        await world.listed(gone=["server/s1"])
        world.news()

        await told_anew(world, replace(EPC, changed_us=2))

        assert (world.vdu("mme").message, world.news()) == ("Deleted externally", [])
        world.has("s1")
        await world.listed()
        assert [one.port for one in world.vdu("mme").interfaces] == ["p2"]
        assert world.news() == [(VduCondition.DELETED, False, "s1")]


async def test_what_was_let_go_of_is_ended_also_by_a_service_that_was_killed_before_it_said_so() -> None:
    world = World(EPC)
    world.has("s1", "s2")
    world.has_port("p1", "s1")
    async with world:
        await world.listed()
        world.lacks("port/p1")
        await world.listed(gone=["port/p1"])
        standing = [replace(one, vim="", server="", text="") for one in world.said]
        world.is_mute = True
        world.news()
        await told_anew(world, replace(EPC, changed_us=2))
        world.is_mute = False

        await world.again(standing)
        await world.listed()

        assert world.news() == [(VduCondition.INTERFACE_GONE, False, "p1")]


async def test_the_words_on_a_port_that_is_not_healthy_are_those_of_its_better_time() -> None:
    world = World(EPC)
    world.has("s1", "s2")
    world.has_port("p1", "s1")
    world.has_port("p2", "s1", status="DOWN")
    async with world:
        await world.listed()
        good = world.shelf.details[EPC.key]["mme"]
        assert list(good.ports) == ["p1"]
        world.has_port("p1", "s1", address="192.0.2.9", status="DOWN")

        await world.listed()
        await world.again()
        await world.listed()

        assert world.vdu("mme").interfaces[0].ip_address == "192.0.2.1"
        assert world.shelf.details[EPC.key]["mme"] == good
        world.has_port("p2", "s1")
        await world.listed()
        assert list(world.shelf.details[EPC.key]["mme"].ports) == ["p1", "p2"]


async def test_words_that_are_not_believed_do_not_take_the_place_of_those_that_were() -> None:
    world = World(EPC)
    world.has("s1", "s2")
    world.has_port("p1", "s1")
    async with world:
        await world.listed()
        good = world.shelf.details[EPC.key]["mme"]
        world.words["server/s1"] = {"id": "s1", "status": 7}
        world.words["port/p1"] = {"id": "p1", "device_id": "s1", "status": []}

        await world.listed()

        assert world.vdu("mme").status == "ACTIVE"
        assert world.shelf.details[EPC.key]["mme"] == good
        assert world.keeper.unreadable == 2


async def test_of_an_interface_that_is_let_go_of_also_that_ends_which_may_have_been_told() -> None:
    world = World(EPC)
    world.has("s1", "s2")
    world.has_port("p1", "s1")
    async with world:
        await world.listed()
        world.lacks("port/p1")
        await world.listed(gone=["port/p1"])
        said = world.said[0]
        world.news()
        error = replace(said, condition=VduCondition.ERROR, port="")

        await world.again([], [said, error])
        await told_anew(world, replace(EPC, changed_us=2))

        assert world.news() == [(VduCondition.INTERFACE_GONE, False, "p1")]
        await world.listed()
        assert world.news() == [(VduCondition.ERROR, False, "s1")], "nobody knows whether that was told"


async def test_words_of_which_a_name_is_no_text_are_followed_and_not_kept() -> None:
    world = World(EPC)
    world.has("s1", "s2")
    async with world:
        await world.listed()
        good = world.shelf.details[EPC.key]["mme"]
        world.words["server/s1"] = msgspec.Raw(b'{"id": "s1", "status": "ERROR", "\xff": 1}')

        await world.listed()

        assert world.vdu("mme").status == "ERROR"
        assert world.shelf.details[EPC.key]["mme"] == good
