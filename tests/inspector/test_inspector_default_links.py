"""The default policy over real topologies: what a failed switch, spine or PDU takes with it, and what it does not."""

from __future__ import annotations

from importlib.resources import files

import pytest
from clouds import Desk, snapshot

from nfvigil.inspector.resource_map import ResourceMap
from nfvigil.model.event import Status
from nfvigil.southbound.topology import read_topology

DEFAULT = files("nfvigil.inspector").joinpath("default_policy.yaml").read_text(encoding="utf-8")
TOPOLOGY = """
hosts:
  h0: {rack: r0}
  h1: {rack: r0}
  h2: {rack: r1}
racks:
  r0: {pdus: [p0, p1]}
  r1: {pdus: [p1]}
switches:
  leaf0: {uplinks: [spine0, spine1], hosts: [h0, h1]}
  leaf1: {uplinks: [spine0], hosts: [h1, h2]}
  spine0: {}
  spine1: {}
pdus: {p0: {}, p1: {}}
"""


@pytest.fixture
def desk() -> Desk:
    there = ResourceMap(read_topology(TOPOLOGY, source="test"))
    there.load(snapshot(3, 1, {}))
    return Desk(DEFAULT, there)


@pytest.mark.parametrize(
    ("down", "isolated"),
    [
        (["switch/leaf0"], {"h0"}),
        (["switch/leaf1"], {"h2"}),
        (["switch/leaf0", "switch/leaf1"], {"h0", "h1", "h2"}),
        (["switch/spine0"], {"h2"}),
        (["switch/spine1"], set()),
        (["switch/spine0", "switch/spine1"], {"h0", "h1", "h2"}),
        (["switch/spine0", "switch/leaf0"], {"h0", "h1", "h2"}),
    ],
    ids=lambda value: "+".join(sorted(value)) or "nobody",
)
def test_a_host_is_cut_off_when_every_way_up_is_broken(desk: Desk, down: list[str], isolated: set[str]) -> None:
    for switch in down:
        desk.say("network.switch.down", switch)

    assert {key for kind, key in desk.open() if kind == "compute.host.isolated"} == {f"host/{h}" for h in isolated}
    for switch in down:
        desk.say("network.switch.down", switch, Status.UP)
    assert desk.open() == set()


def test_a_way_that_is_mended_brings_back_only_those_behind_it(desk: Desk) -> None:
    for switch in ("switch/spine0", "switch/leaf1", "switch/leaf0"):
        desk.say("network.switch.down", switch)

    desk.say("network.switch.down", "switch/leaf1", Status.UP)

    # leaf1 still hangs on spine0 alone, so h2 stays cut off, and h1 with both its leaves gone too.
    assert {key for kind, key in desk.open() if kind == "compute.host.isolated"} == {"host/h0", "host/h1", "host/h2"}
    desk.say("network.switch.down", "switch/spine0", Status.UP)
    assert {key for kind, key in desk.open() if kind == "compute.host.isolated"} == {"host/h0"}


@pytest.mark.parametrize(
    ("down", "dark"),
    [(["pdu/p0"], set()), (["pdu/p1"], {"h2"}), (["pdu/p0", "pdu/p1"], {"h0", "h1", "h2"})],
    ids=["one of two", "the only one", "both"],
)
def test_a_rack_goes_dark_when_all_its_feeds_are_gone(desk: Desk, down: list[str], dark: set[str]) -> None:
    for pdu in down:
        desk.say("power.pdu.down", pdu)

    assert {key for kind, key in desk.open() if kind == "compute.host.power"} == {f"host/{h}" for h in dark}
    assert desk.roots() == set(down)
