"""What several monitors say of one thing, what maintenance keeps quiet, and what people do to alarms."""

from __future__ import annotations

import msgspec
import pytest
from clouds import Desk, planned, reasons, ruled, small_cloud, snapshot, told

from nfvigil.inspector import internal, ours
from nfvigil.inspector import policy as policy_module
from nfvigil.inspector.decide import decide
from nfvigil.inspector.policy import CompiledPolicy
from nfvigil.inspector.reading import read_policy
from nfvigil.inspector.replay import Base, fold, replay
from nfvigil.inspector.resource_map import ResourceMap
from nfvigil.inspector.state import State
from nfvigil.model.event import Status
from nfvigil.model.resource import Host, MapChange, Snapshot
from nfvigil.model.severity import Severity
from nfvigil.model.verdict import News, Reason

DOWN, UP = Status.DOWN, Status.UP
HOST = {"when": {"type": "host.down"}, "mark": ["force_down"]}
SERVER = {"when": {"type": "server.down"}}
SERVERS = {"because": "host.down", "to": "servers", "raise": "server.down"}

STORIES: dict[str, tuple[list[tuple[str, Status]], bool]] = {
    "one says down": ([("m1", DOWN)], True),
    "and up again": ([("m1", DOWN), ("m1", UP)], False),
    "another says up": ([("m1", DOWN), ("m2", UP)], True),
    "two say down, one says up": ([("m1", DOWN), ("m2", DOWN), ("m1", UP)], True),
    "two say down, both say up": ([("m1", DOWN), ("m2", DOWN), ("m1", UP), ("m2", UP)], False),
    "somebody without a name says up for all": ([("m1", DOWN), ("m2", DOWN), ("", UP)], False),
    "somebody without a name says down": ([("", DOWN), ("m1", UP)], True),
    "says down twice, up once": ([("m1", DOWN), ("m1", DOWN), ("m1", UP)], False),
    "flaps": ([("m1", DOWN), ("m1", UP), ("m1", DOWN)], True),
}


@pytest.mark.parametrize(("words", "stands"), STORIES.values(), ids=STORIES.keys())
def test_a_fault_stands_while_somebody_says_so(words: list[tuple[str, Status]], stands: bool) -> None:
    desk = Desk(ruled(HOST))

    for monitor, status in words:
        desk.say("host.down", "host/h0", status, monitor=monitor)

    assert bool(desk.open()) is stands


def test_who_still_says_so_is_said() -> None:
    desk = Desk(ruled(HOST))
    for monitor in ("m1", "", "m0"):
        desk.say("host.down", "host/h0", monitor=monitor)

    decision = desk.say("host.down", "host/h0", UP, monitor="m1")

    assert [(step.reason, step.text) for step in decision.verdict.steps] == [
        (Reason.STILL_ASSERTED, "still reported by a monitor without a name, m0")
    ]


def test_a_severity_of_cleared_is_a_clear() -> None:
    desk = Desk(ruled(HOST))
    desk.say("host.down", "host/h0")

    desk.say("host.down", "host/h0", severity="cleared")

    assert desk.open() == set()


def test_a_change_of_severity_is_news_and_the_same_again_is_none() -> None:
    desk = Desk(ruled({"when": {"type": "*"}}))
    desk.say("a", "host/h0", severity="warning", monitor="m")

    worse = desk.say("a", "host/h0", severity="critical", monitor="m")
    same = desk.say("a", "host/h0", severity="critical", monitor="m")

    assert [(news, alarm.severity) for news, alarm in worse.verdict.alarms] == [(News.CHANGED, Severity.CRITICAL)]
    assert same.verdict.is_empty
    assert reasons(same) == [Reason.ALREADY_KNOWN]


def test_a_second_monitor_is_no_news() -> None:
    desk = Desk(ruled({"when": {"type": "*"}}))
    desk.say("a", "host/h0", monitor="m1")

    assert desk.say("a", "host/h0", monitor="m2").verdict.alarms == ()


# Names


@pytest.mark.parametrize("name", ["h0", "H0", "h0.example.net", "H0.Example.NET", "h0.other.example"])
def test_a_host_is_known_by_all_its_names(name: str) -> None:
    desk = Desk(ruled(HOST, SERVERS))

    decision = desk.say("host.down", f"host/{name}")

    assert told(decision, News.RAISED) == {"host/h0", "server/s0-0", "server/s0-1"}
    desk.say("host.down", "host/h0", UP)
    assert desk.open() == set()


def test_what_nobody_knows_is_told_to_the_administrator() -> None:
    desk = Desk(ruled(HOST, SERVERS))

    decision = desk.say("host.down", "host/nobody")

    assert reasons(decision)[0] is Reason.UNKNOWN_RESOURCE
    alarm = desk.alarm("host.down", "host/nobody")
    assert (alarm.project, alarm.resource_name) == ("", "nobody")
    assert planned(decision) == []


def test_a_name_that_two_hosts_have_names_neither() -> None:
    there = ResourceMap()
    there.load(
        Snapshot(vim="v", taken_us=0, hosts=(Host(id="a", aliases=("bmc-1",)), Host(id="b", aliases=("BMC-1",))))
    )
    desk = Desk(ruled(HOST), there)

    decision = desk.say("host.down", "host/bmc-1")

    assert told(decision, News.RAISED) == {"host/bmc-1"}
    assert planned(decision) == []


def test_what_was_reported_before_the_cloud_was_known_goes_on_under_its_name() -> None:
    desk = Desk(ruled(HOST, SERVERS), ResourceMap())
    desk.say("host.down", "host/h0.example.net", monitor="m1")
    desk.say("host.down", "host/h0", monitor="m2")
    desk.say("host.down", "host/h1.example.net", monitor="m1")
    assert desk.open() == {("host.down", f"host/{name}") for name in ("h0.example.net", "h0", "h1.example.net")}

    decision = desk.change(snapshot(2, 1, {}))

    assert decision is not None
    assert {key for _, key in desk.open()} == {"host/h0", "server/s0-0", "host/h1", "server/s1-0"}
    assert set(planned(decision)) == {("force_down", "host/h0", "False"), ("force_down", "host/h1", "False")}
    assert desk.alarm("host.down", "host/h0").vim == "v"
    desk.say("host.down", "host/h0", UP, monitor="m1")
    assert ("host.down", "host/h0") in desk.open(), "the second monitor still says so"
    desk.say("host.down", "host/h0", UP, monitor="m2")
    desk.say("host.down", "host/h1.example.net", UP, monitor="m1")
    assert desk.open() == set()


def test_a_host_that_was_reported_before_it_was_known_to_be_in_maintenance_stays_quiet() -> None:
    desk = Desk(ruled(HOST), ResourceMap())
    desk.say("host.down", "host/h0.example.net")
    desk.say(internal.MAINTENANCE, "host/h0")

    desk.change(snapshot(1, 1, {}))

    assert desk.open() == set()
    desk.say(internal.MAINTENANCE, "host/h0", UP)
    assert desk.open() == {("host.down", "host/h0")}


def test_a_fault_whose_rule_is_gone_is_recognised_all_the_same() -> None:
    desk = Desk(ruled(HOST), ResourceMap())
    desk.say("host.down", "host/h0.example.net")
    desk.policy = CompiledPolicy(read_policy(ruled({"name": "other", **SERVER})))

    desk.change(snapshot(1, 1, {}))

    assert desk.open() == {("host.down", "host/h0")}


# The cloud changes while alarms stand


def test_a_server_that_moves_away_is_well_and_one_that_moves_there_is_told() -> None:
    desk = Desk(ruled(HOST, SERVERS), small_cloud(2, 1))
    desk.say("host.down", "host/h0")

    decision = desk.change(snapshot(2, 1, {"s0-0": "h1", "s1-0": "h0"}))

    assert decision is not None
    assert told(decision, News.CLEARED) == {"server/s0-0"}
    assert told(decision, News.RAISED) == {"server/s1-0"}


def test_a_server_that_is_deleted_takes_its_alarms_with_it() -> None:
    desk = Desk(ruled(HOST, SERVER, SERVERS), small_cloud(1, 2))
    desk.say("server.down", "server/s0-0")
    desk.say("host.down", "host/h0")

    decision = desk.change(snapshot(1, 2, {}, gone=["s0-0", "s0-1"]))

    assert decision is not None
    assert told(decision, News.CLEARED) == {"server/s0-0", "server/s0-1"}
    assert desk.open() == {("host.down", "host/h0")}
    assert [fault.resource for fault in desk.state.faults.values()] == ["host/h0"]


def test_a_word_about_a_part_outlives_the_part_that_it_was_about() -> None:
    desk = Desk(ruled({"when": {"type": "port.lost"}, "at": "server", "raise": "server.down"}), small_cloud(1, 1))
    desk.say("port.lost", "port/s0-0-p")

    desk.tell(internal.MAP_CHANGED, keys=["port/s0-0-p"])

    assert desk.open() == {("server.down", "server/s0-0")}


def test_consequences_of_a_rule_that_was_taken_out_go_when_the_cloud_changes() -> None:
    desk = Desk(ruled(HOST, SERVERS), small_cloud(1, 1))
    desk.say("host.down", "host/h0")
    desk.policy = CompiledPolicy(read_policy(ruled(HOST)))

    desk.tell(internal.MAP_CHANGED, keys=["host/h0", "server/s0-0", "host/nobody"])

    assert desk.open() == {("host.down", "host/h0")}


def test_an_alarm_whose_rules_are_all_gone_stands_as_it_is() -> None:
    desk = Desk(ruled(HOST, SERVERS), small_cloud(1, 1))
    desk.say("host.down", "host/h0")
    desk.policy = CompiledPolicy(read_policy(ruled({**SERVERS, "name": "rule-1", "because": "host.down"})))

    desk.tell(internal.MAP_CHANGED, keys=["host/h0", "server/s0-0"])

    assert desk.open() == {("host.down", "host/h0"), ("server.down", "server/s0-0")}


def test_all_volumes_of_a_server_must_have_failed_and_one_that_is_added_is_well() -> None:
    rules = ({"when": {"type": "lost"}}, {"because": "lost", "to": "users", "needs": "all", "raise": "server.down"})
    desk = Desk(ruled(*rules), ResourceMap())
    one, two = (snapshot(1, 1, {}), with_second_volume())
    desk.map.load(one)
    desk.say("lost", "volume/v-s0-0")
    assert ("server.down", "server/s0-0") in desk.open()

    desk.change(two)
    assert ("server.down", "server/s0-0") not in desk.open()

    desk.say("lost", "volume/second")
    assert ("server.down", "server/s0-0") in desk.open()
    desk.change(one)
    assert ("server.down", "server/s0-0") in desk.open()


def with_second_volume() -> Snapshot:
    cloud = snapshot(1, 1, {})
    (server,) = cloud.servers
    (volume,) = cloud.volumes
    return msgspec.structs.replace(
        cloud,
        servers=(msgspec.structs.replace(server, volumes=(*server.volumes, "second")),),
        volumes=(volume, msgspec.structs.replace(volume, id="second")),
    )


def circle(hosts: int) -> Desk:
    """On each host an alarm, by which its server has one, by which the host has another."""
    rules = (
        HOST,
        SERVERS,
        {"because": "server.down", "to": "hosting", "raise": "host.suspect"},
    )
    desk = Desk(ruled(*rules), small_cloud(hosts, 1))
    for number in range(hosts):
        desk.say("host.down", f"host/h{number}")
    assert len(desk.open()) == 3 * hosts
    return desk


def test_alarms_that_close_one_another_when_the_cloud_changes_close_once() -> None:
    desk = circle(8)

    decision = desk.change(snapshot(8, 1, {}, gone=[f"s{number}-0" for number in range(8)]))

    assert decision is not None
    assert desk.open() == {("host.down", f"host/h{number}") for number in range(8)}
    assert len(decision.verdict.alarms) == 16


def test_the_end_of_a_maintenance_finds_what_has_changed_meanwhile() -> None:
    desk = circle(8)
    desk.say(internal.MAINTENANCE, "host/h0")
    desk.map.load(snapshot(8, 1, {}, gone=[f"s{number}-0" for number in range(8)]))

    desk.say(internal.MAINTENANCE, "host/h0", UP)

    assert desk.open() == {("host.down", f"host/h{number}") for number in range(8)}


def test_a_predicted_alarm_is_looked_at_again_without_setting_anything() -> None:
    desk = Desk(ruled(HOST, SERVERS), small_cloud(1, 1))
    desk.say("host.down", "host/h0", lead_time_seconds=60)

    decision = desk.tell(internal.MAP_CHANGED, keys=["host/h0", "server/s0-0"])

    assert decision.verdict.is_empty


# Maintenance


def test_a_host_in_maintenance_is_quiet_and_so_is_what_is_on_it() -> None:
    desk = Desk(ruled(HOST, SERVER, SERVERS))
    desk.say(internal.MAINTENANCE, "host/H0.example.net")

    first = desk.say("host.down", "host/h0")
    second = desk.say("server.down", "server/s0-0")
    desk.say("server.down", "server/s1-0")

    assert Reason.SUPPRESSED in reasons(first)
    assert Reason.SUPPRESSED in reasons(second)
    assert desk.open() == {("server.down", "server/s1-0")}


def test_what_still_stands_after_maintenance_is_raised_then() -> None:
    desk = Desk(ruled(HOST, SERVERS))
    desk.say(internal.MAINTENANCE, "host/h0")
    desk.say("host.down", "host/h0", cause="somebody pulled the plug")

    decision = desk.say(internal.MAINTENANCE, "host/h0", UP, cause="the work is done")

    assert told(decision, News.RAISED) == {"host/h0", "server/s0-0", "server/s0-1"}
    assert planned(decision) == [("force_down", "host/h0", "False")]
    assert "the work is done" not in desk.alarm("host.down", "host/h0").text


def test_what_was_repaired_during_maintenance_is_never_told() -> None:
    desk = Desk(ruled(HOST, SERVERS))
    desk.say(internal.MAINTENANCE, "host/h0")
    desk.say("host.down", "host/h0")

    decision = desk.say("host.down", "host/h0", UP)

    assert decision.verdict.alarms == ()
    assert reasons(decision) == [Reason.CLEARED]
    assert desk.say(internal.MAINTENANCE, "host/h0", UP).verdict.alarms == ()


def test_alarms_from_before_maintenance_are_cleared_during_it() -> None:
    desk = Desk(ruled(HOST, SERVERS))
    desk.say("host.down", "host/h0")
    desk.say(internal.MAINTENANCE, "host/h0")

    assert told(desk.say("host.down", "host/h0", UP), News.CLEARED) == {"host/h0", "server/s0-0", "server/s0-1"}


def test_a_rule_may_speak_up_in_maintenance_too() -> None:
    desk = Desk(ruled({**HOST, "in_maintenance": "raise"}, SERVERS))
    desk.say(internal.MAINTENANCE, "host/h0")

    desk.say("host.down", "host/h0")

    assert desk.open() == {("host.down", "host/h0")}
    decision = desk.say(internal.MAINTENANCE, "host/h0", UP)
    assert told(decision, News.RAISED) == {"server/s0-0", "server/s0-1"}


def test_a_server_that_left_a_host_in_maintenance_is_heard_of() -> None:
    desk = Desk(ruled(SERVER), small_cloud(2, 1))
    desk.say(internal.MAINTENANCE, "host/h0")
    desk.say("server.down", "server/s0-0")

    desk.change(snapshot(2, 1, {"s0-0": "h1"}))

    assert desk.open() == {("server.down", "server/s0-0")}


def test_a_second_word_after_the_server_left_is_heard_too() -> None:
    desk = Desk(ruled(SERVER), small_cloud(2, 1))
    desk.say(internal.MAINTENANCE, "host/h0")
    desk.say("server.down", "server/s0-0", monitor="m1")
    desk.map.load(snapshot(2, 1, {"s0-0": "h1"}))

    desk.say("server.down", "server/s0-0", monitor="m2")

    assert desk.open() == {("server.down", "server/s0-0")}


def test_the_end_of_a_maintenance_that_never_began_changes_nothing() -> None:
    desk = Desk(ruled(HOST))

    assert reasons(desk.say(internal.MAINTENANCE, "host/h0", UP)) == [Reason.NOTHING_TO_CLEAR]


def test_hosts_that_nobody_knows_cannot_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "MAINTENANCE_MAX", 3)
    desk = Desk(ruled(HOST))

    for number in range(9):
        desk.say(internal.MAINTENANCE, f"host/made-up-{number}")
    desk.say(internal.MAINTENANCE, "host/h0")

    assert len(desk.state.in_maintenance) == 4
    assert "host/h0" in desk.state.in_maintenance


def test_a_port_is_where_it_is_bound() -> None:
    there = small_cloud(2, 1)
    port = msgspec.structs.replace(next(iter(snapshot(1, 1, {}).ports)), id="bound", server="", host="h1")
    there.apply(MapChange(vim="v", put=(port, msgspec.structs.replace(port, id="loose", host=""))))
    desk = Desk(ruled({"when": {"type": "a"}}), there)
    desk.say(internal.MAINTENANCE, "host/h1")

    desk.say("a", "port/bound")
    desk.say("a", "port/loose")

    assert desk.open() == {("a", "port/loose")}


# People


def test_an_acknowledgement_is_told_and_can_be_taken_back() -> None:
    desk = Desk(ruled(HOST))
    desk.say("host.down", "host/h0")
    alarm_id = desk.alarm("host.down", "host/h0").id

    acked = desk.tell(internal.ALARM_ACKED, alarm_id=alarm_id, by="ann")
    assert told(acked, News.CHANGED) == {"host/h0"}
    assert desk.alarm("host.down", "host/h0").acked_by == "ann"

    desk.tell(internal.ALARM_ACKED, UP, alarm_id=alarm_id, by="bob")
    assert desk.alarm("host.down", "host/h0").acked_us is None


def test_an_alarm_is_cleared_by_hand_with_what_follows_from_it() -> None:
    desk = Desk(ruled(HOST, SERVERS))
    desk.say("host.down", "host/h0", monitor="m")
    consequence = desk.alarm("server.down", "server/s0-0").id

    decision = desk.tell(internal.ALARM_CLEARED, UP, alarm_id=consequence, by="ann")
    assert reasons(decision) == [Reason.NOTHING_TO_CLEAR], "it only follows from another"

    alarm_id = desk.alarm("host.down", "host/h0").id
    desk.tell(internal.ALARM_CLEARED, UP, alarm_id=alarm_id, by="ann")
    assert desk.open() == set()


@pytest.mark.parametrize("kind", [internal.ALARM_ACKED, internal.ALARM_CLEARED])
def test_nothing_is_done_to_an_alarm_that_is_over(kind: str) -> None:
    decision = Desk(ruled(HOST)).tell(kind, alarm_id="gone", by="ann")

    assert reasons(decision) == [Reason.NOTHING_TO_CLEAR]
    assert decision.verdict.is_empty


def test_an_event_of_ours_that_this_version_does_not_know_changes_nothing() -> None:
    assert Desk(ruled(HOST)).tell("nfvigil.of.tomorrow").verdict.is_empty


# The record


def test_the_record_can_be_folded_and_taken_up_from_where_it_begins() -> None:
    desk = Desk()
    desk.say("host.down", "host/h1")
    desk.say(internal.MAINTENANCE, "host/h2")
    base = Base.of(desk.state, desk.number)
    begun = len(desk.record)
    for status in (UP, DOWN):
        desk.say("host.down", "host/h1", status)

    state = base.state()
    for _, recorded, again in replay(desk.record[begun:], lambda _: desk.policy, state):
        assert recorded == again
    folded = base.state()
    fold(desk.record[begun:], folded)

    assert set(folded.alarms) == set(state.alarms) == set(desk.state.alarms)
    assert base.last == 2


def test_what_an_earlier_version_remembered_is_kept_as_it_is() -> None:
    assert State(memory={"something else": [1]}).memory == {"something else": [1]}


def test_the_types_that_come_from_outside_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_module, "TYPES_MAX", 3)
    desk = Desk(ruled({"when": {"type": "*"}}))

    for number in range(9):
        desk.say(f"made.up.{number}", "host/h0")

    assert len(desk.policy._events) <= 3
    assert len(desk.policy._cascades) <= 3


def test_a_decision_does_not_depend_on_anything_but_what_it_is_given() -> None:
    desk = Desk()
    event = desk.event("host.down", "host/h1")

    one = decide(event, desk.policy, desk.map, State())
    two = decide(event, CompiledPolicy(desk.policy.policy), small_cloud(), State())

    assert one == two
