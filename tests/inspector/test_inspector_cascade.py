"""What follows from an alarm, and which of them is the root cause."""

from __future__ import annotations

from typing import Any

import pytest
from clouds import Desk, reasons, ruled, small_cloud, told

from nfvigil.inspector.alarms import DEPTH_MAX
from nfvigil.inspector.resource_map import ResourceMap
from nfvigil.model.event import Status
from nfvigil.model.resource import Device, Host, Kind, Server, Snapshot
from nfvigil.model.severity import Severity
from nfvigil.model.topology import Topology
from nfvigil.model.verdict import News, Reason

OBSERVED = {"when": {"type": "*"}}


def bonded() -> ResourceMap:
    """h0 hangs on switches a, b (plane data) and m (plane management) and on a power unit; h1 on a alone."""
    switches = [Device(id=name, kind=Kind.SWITCH, attributes={"plane": "data"}) for name in "ab"]
    there = ResourceMap(
        Topology(
            devices=(
                *switches,
                Device(id="m", kind=Kind.SWITCH, attributes={"plane": "management"}),
                Device(id="p", kind=Kind.PDU),
            ),
            links=(
                *((above, "host/h0") for above in ("switch/a", "switch/b", "switch/m", "pdu/p")),
                ("switch/a", "host/h1"),
            ),
        )
    )
    there.load(Snapshot(vim="v", taken_us=0, hosts=(Host(id="h0"), Host(id="h1"))))
    return there


BONDS: dict[str, tuple[dict[str, Any], list[str], set[str]]] = {
    "any is enough": ({}, ["switch/a"], {"h0", "h1"}),
    "all are needed": ({"needs": "all"}, ["switch/a"], {"h1"}),
    "all but one": ({"needs": "all"}, ["switch/a", "switch/b"], {"h1"}),
    "all of the sort": ({"needs": "all"}, ["switch/a", "switch/b", "switch/m"], {"h0", "h1"}),
    "the power unit is of another sort": ({"needs": "all"}, ["pdu/p"], {"h0"}),
    "all with the attribute": (
        {"needs": "all", "from": {"attributes.plane": "data"}},
        ["switch/a", "switch/b"],
        {"h0", "h1"},
    ),
    "without the attribute nothing follows": ({"from": {"attributes.plane": "data"}}, ["switch/m"], set()),
    "more than one": ({"more_than": 1}, ["switch/a"], set()),
    "more than one, two": ({"more_than": 1}, ["switch/a", "switch/m"], {"h0"}),
    "more than one that counts": (
        {"more_than": 1, "from": {"attributes.plane": "data"}},
        ["switch/a", "switch/m"],
        set(),
    ),
    "only where": ({"where": {"name": "h1"}}, ["switch/a"], {"h1"}),
}


@pytest.mark.parametrize(("rule", "failed", "hosts"), BONDS.values(), ids=BONDS.keys())
@pytest.mark.parametrize("backwards", [False, True])
def test_what_follows_and_from_how_many(
    rule: dict[str, Any], failed: list[str], hosts: set[str], backwards: bool
) -> None:
    desk = Desk(ruled(OBSERVED, {"because": "broken", "to": "hosts", "raise": "cut.off", **rule}), bonded())

    for switch in reversed(failed) if backwards else failed:
        desk.say("broken", switch)

    assert {key for kind, key in desk.open() if kind == "cut.off"} == {f"host/{name}" for name in hosts}
    for switch in failed:
        desk.say("broken", switch, Status.UP)
    assert desk.open() == set()


def test_how_many_there_are_yet_is_said() -> None:
    desk = Desk(ruled(OBSERVED, {"because": "broken", "to": "hosts", "raise": "cut.off", "needs": "all"}), bonded())

    decision = desk.say("broken", "switch/b")

    assert Reason.BELOW_THRESHOLD in reasons(decision)
    assert "1 of 3" in {step.text for step in decision.verdict.steps}


def test_a_host_whose_two_switches_are_down_is_up_again_with_the_first_of_them() -> None:
    desk = Desk(there=small_cloud())
    desk.say("switch.down", "switch/sw0")
    desk.say("switch.down", "switch/sw1")
    assert ("host.down", "host/h0") in desk.open()

    desk.say("switch.down", "switch/sw1", Status.UP)

    assert ("host.down", "host/h0") not in desk.open()


def test_an_alarm_with_two_causes_stands_until_both_are_gone() -> None:
    desk = Desk(ruled(OBSERVED, {"because": ["a", "b"], "to": "servers", "raise": "c"}), small_cloud(1, 1))
    desk.say("a", "host/h0")
    desk.say("b", "host/h0")
    first, second = desk.alarm("a", "host/h0").id, desk.alarm("b", "host/h0").id
    assert desk.alarm("c", "server/s0-0").root == first

    decision = desk.say("a", "host/h0", Status.UP)

    assert desk.alarm("c", "server/s0-0").root == second
    assert "server/s0-0" not in told(decision, News.CHANGED), "another root is no news to the owner"
    assert desk.say("b", "host/h0", Status.UP)
    assert desk.open() == set()


def test_a_fault_observed_first_becomes_a_consequence_and_a_root_again() -> None:
    desk = Desk(ruled(OBSERVED, {"because": "host.down", "to": "servers", "raise": "server.down"}), small_cloud(1, 1))
    desk.say("server.down", "server/s0-0", severity="warning")
    assert desk.roots() == {"server/s0-0"}

    explained = desk.say("host.down", "host/h0")
    assert desk.roots() == {"host/h0"}
    assert told(explained, News.CHANGED) == {"server/s0-0"}

    desk.say("host.down", "host/h0", Status.UP)
    assert desk.roots() == {"server/s0-0"}


def test_what_is_observed_beside_its_cause_outlives_it_and_has_its_own_severity_meanwhile() -> None:
    faults = {"server.down": {"severity": "critical"}}
    rule = {"because": "host.down", "to": "servers", "raise": "server.down"}
    desk = Desk(ruled(OBSERVED, rule, faults=faults), small_cloud(1, 1))
    desk.say("host.down", "host/h0")
    assert desk.alarm("server.down", "server/s0-0").severity is Severity.CRITICAL

    worse = desk.say("server.down", "server/s0-0", severity="minor")
    assert told(worse, News.CHANGED) == {"server/s0-0"}
    assert desk.alarm("server.down", "server/s0-0").severity is Severity.MINOR

    better = desk.say("server.down", "server/s0-0", Status.UP)
    assert told(better, News.CHANGED) == {"server/s0-0"}
    assert desk.alarm("server.down", "server/s0-0").severity is Severity.CRITICAL


def test_the_severity_follows_the_rule_that_holds_the_alarm_up() -> None:
    rules = (
        {"because": "a", "to": "servers", "raise": "c", "severity": "major"},
        {"because": "b", "to": "servers", "raise": "c", "severity": "minor"},
    )
    desk = Desk(ruled(OBSERVED, *rules), small_cloud(1, 1))
    desk.say("a", "host/h0")
    desk.say("b", "host/h0")
    assert desk.alarm("c", "server/s0-0").severity is Severity.MAJOR

    desk.say("a", "host/h0", Status.UP)

    assert desk.alarm("c", "server/s0-0").severity is Severity.MINOR


def test_two_rules_may_lead_from_one_alarm_to_another() -> None:
    rules = [{"because": "a", "to": "servers", "raise": "c", "severity": severity} for severity in ("major", "minor")]
    desk = Desk(ruled(OBSERVED, *rules), small_cloud(1, 1))

    desk.say("a", "host/h0")
    assert len(desk.alarm("c", "server/s0-0").causes) == 2

    desk.say("a", "host/h0", Status.UP)
    assert desk.open() == set()
    assert desk.state.effects == {}


def test_a_group_whose_members_are_gone_is_nobodys() -> None:
    desk = Desk(ruled(OBSERVED))

    desk.say("a", "group/nobody")

    assert desk.alarm("a", "group/nobody").project == ""


def test_a_ring_of_servers_that_explain_each_other_falls_with_its_first() -> None:
    desk = Desk(there=small_cloud(3, 1))
    desk.say("server.lost", "server/s0-0")
    assert len(desk.open()) == 3
    assert desk.roots() == {"server/s0-0"}

    desk.say("server.lost", "server/s0-0", Status.UP)

    assert desk.open() == set()


def test_a_whole_vnf_and_a_volumes_users_can_be_told() -> None:
    there = ResourceMap()
    machines = tuple(Server(id=name, vim="v", project="p", vnf="f", volumes=("d",)) for name in ("a", "b", "c"))
    there.load(Snapshot(vim="v", taken_us=0, servers=machines))
    desk = Desk(
        ruled(
            OBSERVED,
            {"because": "server.down", "to": "vnf_peers", "raise": "vnf.degraded"},
            {"because": "volume.lost", "to": "users", "raise": "server.down"},
        ),
        there,
    )

    desk.say("server.down", "server/a")
    assert desk.open() == {("server.down", "server/a"), ("vnf.degraded", "server/b"), ("vnf.degraded", "server/c")}
    desk.say("volume.lost", "volume/d")
    assert {key for kind, key in desk.open() if kind == "server.down"} == {"server/a", "server/b", "server/c"}


def test_a_cascade_ends_somewhere() -> None:
    chain = [
        {"because": f"k{number}", "to": "peers", "raise": f"k{number + 1}", "name": f"c{number}"}
        for number in range(DEPTH_MAX + 3)
    ]
    desk = Desk(ruled({"when": {"type": "k0"}}, *chain), small_cloud(2, 1))

    decision = desk.say("k0", "server/s0-0")

    assert len(desk.open()) == DEPTH_MAX + 1
    assert Reason.SUPPRESSED in reasons(decision)
    desk.say("k0", "server/s0-0", Status.UP)
    assert desk.open() == set()


def test_whether_hosts_or_their_switch_are_heard_of_first_there_is_one_root() -> None:
    for order in (["switch/sw0", "host/h2", "host/h4"], ["host/h2", "host/h4", "switch/sw0"]):
        desk = Desk(there=small_cloud(5, 2))
        for key in order:
            desk.say(f"{key.split('/')[0]}.down", key)

        assert desk.roots() == {"switch/sw0"}
        root = desk.alarm("switch.down", "switch/sw0").id
        assert {alarm.root for alarm in desk.state.alarms.values()} == {root}


def test_no_alarm_of_an_owner_names_a_host() -> None:
    desk = Desk(there=small_cloud(3, 2))

    desk.say("host.down", "host/h1", cause="h1 lost power")
    desk.say("server.down", "server/s0-0", cause="libvirt on h0 says so")

    owned = [alarm for alarm in desk.state.alarms.values() if alarm.project]
    assert {alarm.resource for alarm in owned} == {"server/s0-0", "server/s1-0", "server/s1-1", "group/g0"}
    for alarm in owned:
        shown = " ".join([alarm.text, alarm.resource_name, alarm.recommended_action, alarm.probable_cause])
        assert not {"h0", "h1"} & set(shown.replace("(", " ").replace(":", " ").split())
