"""What the keeper of VNF records is told of the clouds: by the map, the inspector's state and the inventory."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from nfvigil.controller.vims.layout import SimulatedOptions
from nfvigil.controller.vims.simulated import SimulatedVim
from nfvigil.controller.vims.suffixed import SuffixedVim
from nfvigil.errors import NotFoundError
from nfvigil.inspector.resource_map import ResourceMap
from nfvigil.inspector.state import RESTORING, State
from nfvigil.model.resource import Port, Server, Snapshot
from nfvigil.wiring.vnfs import KnownClouds


class Inventory:
    def __init__(self) -> None:
        self.asked: list[str] = []

    def is_watched(self, vim: str) -> bool:
        return vim == "sim"

    def refresh(self, vim: str) -> None:
        if vim != "sim":
            raise NotFoundError("there is no such VIM")
        self.asked.append(vim)


@pytest.fixture
def pipeline() -> Any:
    resource_map = ResourceMap()
    resource_map.load(
        Snapshot(
            vim="sim",
            taken_us=1,
            servers=(Server(id="s1", vim="sim", project="blue"),),
            ports=(Port(id="p1", vim="sim", server="s1"), Port(id="p2", vim="sim", server="s1")),
        )
    )
    return SimpleNamespace(map=resource_map, state=State())


def clouds(pipeline: Any, inventory: Inventory, *vims: Any) -> KnownClouds:
    return KnownClouds(pipeline=pipeline, inventory=lambda: inventory, open_vims=lambda: vims)


def test_the_map_says_where_a_projects_server_is_and_which_ports_it_has(pipeline: Any) -> None:
    known = clouds(pipeline, Inventory())

    assert known.vim_of("blue", "s1") == "sim"
    assert known.vim_of("red", "s1") == known.vim_of("blue", "s9") == ""
    assert set(known.ports_of("s1")) == {"p1", "p2"}
    assert list(known.ports_of("s9")) == []


def test_a_host_is_called_as_it_is_outside_its_cloud(pipeline: Any) -> None:
    plain = SimulatedVim(name="sim", options=SimulatedOptions(), clock=lambda: 1)
    east = SuffixedVim(inner=SimulatedVim(name="east", options=SimulatedOptions(), clock=lambda: 1), suffix="@east")
    known = clouds(pipeline, Inventory(), plain, east)

    assert known.called("east", "h1") == "h1@east"
    assert known.called("sim", "h1") == "h1"
    assert known.called("east", "") == ""


def test_an_error_is_ours_from_the_decision_until_it_is_taken_back(pipeline: Any) -> None:
    known = clouds(pipeline, Inventory())
    assert not known.is_ours("s1")

    pipeline.state.put_memory(f"{RESTORING}7", {"server_error server/s1": "ACTIVE"})
    assert known.is_ours("s1")

    pipeline.state.put_memory(f"{RESTORING}7", None)
    assert not known.is_ours("s1")


def test_a_cloud_that_is_not_watched_is_not_listed(pipeline: Any) -> None:
    inventory = Inventory()
    known = clouds(pipeline, inventory)

    known.refresh("sim")
    known.refresh("gone")

    assert inventory.asked == ["sim"]
    assert (known.is_watched("sim"), known.is_watched("gone")) == (True, False)
