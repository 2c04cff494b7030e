"""Which events a rule selects, where its fault is, how bad it is, and whom it tells."""

from __future__ import annotations

from typing import Any

import pytest
from clouds import Desk, planned, reasons, ruled, snapshot, told

from nfvigil.inspector.resource_map import ResourceMap
from nfvigil.model.alarm import Audience
from nfvigil.model.event import Status
from nfvigil.model.resource import Device, Kind, ResourceState
from nfvigil.model.severity import EventType, Severity
from nfvigil.model.topology import Topology
from nfvigil.model.verdict import News, Reason

CATALOGUE: dict[str, Any] = {
    "host.hot": {"title": "Too hot", "severity": "minor", "event_type": "ENVIRONMENTAL_ALARM", "repair": "Cool it."}
}


def hardware() -> ResourceMap:
    """Hosts h0 and h1 in zones z0 and z1, a network card in each, a switch of its own attribute above h0."""
    there = ResourceMap(
        Topology(
            devices=(
                Device(id="h0-eth0", kind=Kind.NIC, host="H0.example.net", attributes={"speed": 100}),
                Device(id="h1-eth0", kind=Kind.NIC, host="h1", attributes={"speed": 25}),
                Device(id="sw0", kind=Kind.SWITCH, zone="z7", redundant=True),
                Device(id="lost", kind=Kind.DISK),
            ),
            links=(("nic/h0-eth0", "host/h0"), ("nic/h1-eth0", "host/h1"), ("switch/sw0", "host/h0")),
        )
    )
    there.load(snapshot(2, 2, {}))
    return there


def fires(rule: dict[str, Any], kind: str, resource: str, **event: Any) -> bool:
    desk = Desk(ruled(rule, faults=CATALOGUE), hardware())
    decision = desk.say(kind, resource, **event)
    assert (Reason.NOT_SELECTED in reasons(decision)) is (not desk.open())
    return bool(desk.open())


SELECTIONS: dict[str, tuple[dict[str, Any], dict[str, Any], bool]] = {
    "the very type": ({"type": "host.hot"}, {}, True),
    "another type": ({"type": "host.cold"}, {}, False),
    "a glob": ({"type": "host.*"}, {}, True),
    "a glob that does not fit": ({"type": "host.*.*"}, {}, False),
    "a list of types": ({"type": ["host.cold", "host.h?t"]}, {}, True),
    "the case of a type matters": ({"type": "HOST.HOT"}, {}, False),
    "down unless the rule says otherwise": ({"type": "*"}, {"status": Status.UNKNOWN}, False),
    "a status that is asked for": ({"type": "*", "status": ["unknown"]}, {"status": Status.UNKNOWN}, True),
    "a status that is not": ({"type": "*", "status": ["unknown"]}, {}, False),
    "the least severity": ({"type": "*", "min_severity": "major"}, {"severity": "major"}, True),
    "worse than the least": ({"type": "*", "min_severity": "major"}, {"severity": "critical"}, True),
    "less than the least": ({"type": "*", "min_severity": "major"}, {"severity": "minor"}, False),
    "without severity it is the catalogue's": ({"type": "*", "min_severity": "minor"}, {}, True),
    "the catalogue's may be too little": ({"type": "*", "min_severity": "major"}, {}, False),
    "a source": ({"type": "*", "source": "ipmi-*"}, {"source": "ipmi-1"}, True),
    "another source": ({"type": "*", "source": "ipmi-*"}, {"source": "snmp"}, False),
    "no source where one is asked for": ({"type": "*", "source": "ipmi-*"}, {}, False),
    "one of several monitors": ({"type": "*", "monitor": ["m1", "m2"]}, {"monitor": "m2"}, True),
    "another monitor": ({"type": "*", "monitor": ["m1", "m2"]}, {"monitor": "m3"}, False),
    "a cause": ({"type": "*", "cause": "*lost*"}, {"cause": "link lost on eth0"}, True),
    "another cause": ({"type": "*", "cause": "*lost*"}, {"cause": "flapping"}, False),
    "the zone of a host": ({"type": "*", "zone": "z0"}, {}, True),
    "another zone": ({"type": "*", "zone": "z1"}, {}, False),
    "an attribute of the resource": ({"type": "*", "resource": {"kind": "host", "name": "h*"}}, {}, True),
    "a list of values": ({"type": "*", "resource": {"name": ["h7", "h0"]}}, {}, True),
    "one attribute of two is another": ({"type": "*", "resource": {"kind": "host", "name": "h1"}}, {}, False),
    "a truth value": ({"type": "*", "resource": {"forced_down": False}}, {}, True),
    "another truth value": ({"type": "*", "resource": {"forced_down": True}}, {}, False),
    "a number": ({"type": "*", "resource": {"vcpus": 0}}, {}, True),
    "a number is no truth value": ({"type": "*", "resource": {"vcpus": False}}, {}, False),
    "all together": (
        {"type": "host.*", "min_severity": "warning", "source": "a", "zone": "z?", "resource": {"id": "h0"}},
        {"severity": "critical", "source": "a"},
        True,
    ),
}


@pytest.mark.parametrize(("when", "event", "expected"), SELECTIONS.values(), ids=SELECTIONS.keys())
def test_a_rule_selects_events_by_what_it_names(when: dict[str, Any], event: dict[str, Any], expected: bool) -> None:
    assert fires({"when": when}, "host.hot", "host/h0", **event) is expected


ATTRIBUTES: dict[str, tuple[str, dict[str, Any], bool]] = {
    "the zone of a server is its host's": ("server/s1-0", {"zone": "z1"}, True),
    "the zone of a port is its server's host's": ("port/s1-0-p", {"zone": "z1"}, True),
    "the zone of a device is its own": ("switch/sw0", {"zone": "z7"}, True),
    "the zone of a part is its host's, by whatever name": ("nic/h0-eth0", {"zone": "z0"}, True),
    "a volume has no zone": ("volume/v-s0-0", {"zone": ""}, True),
    "what nobody knows has no zone": ("host/nobody", {"zone": "z*"}, False),
    "what nobody knows has a name all the same": ("host/nobody", {"kind": "host", "name": "nobody"}, True),
    "what nobody knows has no other attribute": ("host/nobody", {"vcpus": 0}, False),
    "a server's project": ("server/s0-1", {"project": "p1"}, True),
    "a server's group": ("server/s0-1", {"group": "g1", "status": "ACTIVE"}, True),
    "a device's own attribute": ("nic/h0-eth0", {"attributes.speed": 100}, True),
    "a device's own attribute is another": ("nic/h1-eth0", {"attributes.speed": 100}, False),
    "a device without that attribute": ("switch/sw0", {"attributes.speed": 100}, False),
    "a switch that is redundant": ("switch/sw0", {"redundant": True}, True),
    "one of a host's aliases": ("host/h0", {"aliases": "*.example.net"}, True),
    "none of a server's volumes": ("server/s0-0", {"volumes": ["v-s1-0", "v-s1-1"]}, False),
    "a server has no attributes of a device": ("server/s0-0", {"attributes.speed": 100}, False),
    "a disk that sits nowhere has no zone": ("disk/lost", {"zone": ""}, True),
}


@pytest.mark.parametrize(("resource", "wanted", "expected"), ATTRIBUTES.values(), ids=ATTRIBUTES.keys())
def test_attributes_are_those_of_the_resource(resource: str, wanted: dict[str, Any], expected: bool) -> None:
    assert fires({"when": {"type": "*", "resource": wanted}}, "any", resource) is expected


def test_an_event_that_no_rule_names_is_explained() -> None:
    desk = Desk(ruled({"when": {"type": "a"}}))

    assert reasons(desk.say("b", "host/h0")) == [Reason.NOT_SELECTED]
    assert reasons(desk.say("b", "host/h0", Status.UP)) == [Reason.NOTHING_TO_CLEAR]


@pytest.mark.parametrize(
    ("at", "resource", "expected"),
    [
        ("self", "nic/h0-eth0", {"nic/h0-eth0"}),
        ("host", "nic/h0-eth0", {"host/h0"}),
        ("hosts", "switch/sw0", {"host/h0"}),
        ("switches", "host/h0", {"switch/sw0"}),
        ("rack", "host/h0", set()),
        ("host", "disk/lost", set()),
    ],
)
def test_the_fault_is_where_the_rule_says(at: str, resource: str, expected: set[str]) -> None:
    desk = Desk(ruled({"when": {"type": "part.broken"}, "at": at, "raise": "broken"}), hardware())

    desk.say("part.broken", resource)

    assert desk.open() == {("broken", place) for place in expected}
    desk.say("part.broken", resource, Status.UP)
    assert desk.open() == set()


def test_a_rule_that_leads_nowhere_says_so() -> None:
    desk = Desk(ruled({"when": {"type": "a"}, "at": "rack"}), hardware())

    decision = desk.say("a", "host/h0")

    assert [(step.reason, step.text) for step in decision.verdict.steps] == [
        (Reason.NOT_SELECTED, "nothing stands in the relation rack to it")
    ]


SEVERITIES: dict[str, tuple[str | None, str | None, bool, Severity]] = {
    "the rule's before all": ("critical", "warning", True, Severity.CRITICAL),
    "the event's before the catalogue's": (None, "warning", True, Severity.WARNING),
    "the catalogue's": (None, None, True, Severity.MINOR),
    "indeterminate where nobody says": (None, None, False, Severity.INDETERMINATE),
}


@pytest.mark.parametrize(("rule", "event", "listed", "expected"), SEVERITIES.values(), ids=SEVERITIES.keys())
def test_how_bad_it_is(rule: str | None, event: str | None, listed: bool, expected: Severity) -> None:
    spoken = {"when": {"type": "*"}} | ({"severity": rule} if rule else {})
    desk = Desk(ruled(spoken, faults=CATALOGUE if listed else {}))

    desk.say("host.hot", "host/h0", **({"severity": event} if event else {}))

    assert desk.alarm("host.hot", "host/h0").severity is expected


def test_an_alarm_has_the_catalogues_words() -> None:
    desk = Desk(ruled({"when": {"type": "*"}}, faults=CATALOGUE))

    desk.say("host.hot", "host/h0", cause="fan 3 stands still")
    desk.say("host.odd", "host/h0")

    alarm = desk.alarm("host.hot", "host/h0")
    assert alarm.text == "Too hot: h0 (fan 3 stands still)"
    assert alarm.event_type is EventType.ENVIRONMENTAL
    assert alarm.repair == "Cool it."
    assert alarm.resource_state is ResourceState.DOWN
    assert alarm.policy == "ruled@1"
    assert desk.alarm("host.odd", "host/h0").text == "host.odd: h0"


def test_the_state_of_the_resource_is_the_rules_then_the_catalogues() -> None:
    faults = {"a": {"resource_state": "error"}, "b": {"resource_state": "error"}}
    desk = Desk(ruled({"when": {"type": "a"}, "state": "maintenance"}, {"when": {"type": "b"}}, faults=faults))

    desk.say("a", "host/h0")
    desk.say("b", "host/h0")

    assert desk.alarm("a", "host/h0").resource_state is ResourceState.MAINTENANCE
    assert desk.alarm("b", "host/h0").resource_state is ResourceState.ERROR


@pytest.mark.parametrize("notify", ["owners", "admin", "none"])
def test_whom_a_rule_tells_is_written_on_the_alarm(notify: str) -> None:
    desk = Desk(ruled({"when": {"type": "a"}, "notify": notify}))

    desk.say("a", "server/s0-0")

    assert desk.alarm("a", "server/s0-0").audience is Audience(notify)


def test_where_rules_differ_on_whom_to_tell_the_one_that_tells_more_counts() -> None:
    desk = Desk(
        ruled(
            {"when": {"type": "a"}, "notify": "none"},
            {"when": {"type": "host.down"}, "notify": "admin"},
            {"because": "host.down", "to": "servers", "raise": "a"},
        )
    )
    desk.say("a", "server/s0-0")

    decision = desk.say("host.down", "host/h0")

    assert desk.alarm("a", "server/s0-0").audience is Audience.OWNERS
    assert "server/s0-0" in told(decision, News.CHANGED), "whom nobody had told must hear of it now"


def test_every_rule_that_selects_an_event_acts_on_it() -> None:
    desk = Desk(ruled({"when": {"type": "a"}}, {"when": {"type": "*"}, "raise": "b", "mark": ["force_down"]}))

    decision = desk.say("a", "host/h0")

    assert desk.open() == {("a", "host/h0"), ("b", "host/h0")}
    assert planned(decision) == [("force_down", "host/h0", "False")]
