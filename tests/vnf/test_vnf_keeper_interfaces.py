"""Interfaces of VNF records that are lost, let go of, or go over to another server."""

from __future__ import annotations

import pytest
from vnf_world import EPC, World

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
