"""What has not happened yet: alarms with a lead time, and what becomes of them."""

from __future__ import annotations

from clouds import Desk, planned, ruled, small_cloud, told

from nfvigil.model.event import Status
from nfvigil.model.resource import ResourceState
from nfvigil.model.verdict import News

SECOND = 1_000_000

HOST = {"when": {"type": "host.down"}, "mark": ["force_down"]}
SERVERS = {"because": "host.down", "to": "servers", "raise": "server.down", "mark": ["server_error"], "do": ["stop"]}
GROUP = {"because": "server.down", "to": "group", "more_than": 1, "raise": "group.down"}


def test_a_predicted_fault_tells_and_changes_nothing_in_the_cloud() -> None:
    desk = Desk(ruled(HOST, SERVERS))

    decision = desk.say("host.down", "host/h0", lead_time_seconds=60)

    assert told(decision, News.RAISED) == {"host/h0", "server/s0-0", "server/s0-1"}
    assert planned(decision) == []
    for alarm in desk.state.alarms.values():
        assert alarm.predicted
        assert alarm.expected_us == 61 * SECOND
        assert alarm.resource_state is ResourceState.NORMAL


def test_the_rules_lead_time_serves_where_the_event_has_none() -> None:
    desk = Desk(ruled({"when": {"type": "disk.worn"}, "lead_time": 3600}))

    desk.say("disk.worn", "host/h0")
    desk.say("disk.worn", "host/h1", lead_time_seconds=10)

    assert desk.alarm("disk.worn", "host/h0").expected_us == 3601 * SECOND
    assert desk.alarm("disk.worn", "host/h1").expected_us == 12 * SECOND


def test_a_state_that_the_rule_names_counts_for_predictions_too() -> None:
    desk = Desk(ruled({"when": {"type": "disk.worn"}, "lead_time": 3600, "state": "maintenance"}))

    desk.say("disk.worn", "host/h0")

    assert desk.alarm("disk.worn", "host/h0").resource_state is ResourceState.MAINTENANCE


def test_when_it_happens_the_same_alarms_become_real() -> None:
    desk = Desk(ruled(HOST, SERVERS))
    desk.say("host.down", "host/h0", lead_time_seconds=60)
    before = set(desk.state.alarms)

    decision = desk.say("host.down", "host/h0", monitor="other")

    assert set(desk.state.alarms) == before
    assert told(decision, News.CHANGED) == {"host/h0", "server/s0-0", "server/s0-1"}
    assert sorted(planned(decision)) == [
        ("force_down", "host/h0", "False"),
        ("server_error", "server/s0-0", "ACTIVE"),
        ("server_error", "server/s0-1", "ACTIVE"),
        ("stop", "server/s0-0", None),
        ("stop", "server/s0-1", None),
    ]
    for alarm in desk.state.alarms.values():
        assert not alarm.predicted
        assert alarm.expected_us is None
        assert alarm.resource_state is ResourceState.DOWN


def test_what_has_happened_is_not_predicted_again() -> None:
    desk = Desk(ruled(HOST, SERVERS))
    desk.say("host.down", "host/h0")

    decision = desk.say("host.down", "host/h0", monitor="other", lead_time_seconds=60)

    assert decision.verdict.alarms == ()
    assert not desk.alarm("host.down", "host/h0").predicted


def test_a_prediction_may_be_put_off() -> None:
    desk = Desk(ruled(HOST))
    desk.say("host.down", "host/h0", lead_time_seconds=60)

    desk.say("host.down", "host/h0", lead_time_seconds=600)

    assert desk.alarm("host.down", "host/h0").expected_us == 602 * SECOND


def test_a_prediction_that_is_taken_back_leaves_nothing() -> None:
    desk = Desk(ruled(HOST, SERVERS))
    desk.say("host.down", "host/h0", lead_time_seconds=60)

    decision = desk.say("host.down", "host/h0", Status.UP)

    assert desk.open() == set()
    assert planned(decision) == []


def test_a_server_with_a_real_cause_beside_a_predicted_one_is_really_down() -> None:
    rules = ({"when": {"type": "*"}}, {"because": ["host.a", "host.b"], "to": "servers", "raise": "server.down"})
    desk = Desk(ruled(*rules))
    desk.say("host.a", "host/h0", lead_time_seconds=60)

    decision = desk.say("host.b", "host/h0")

    assert not desk.alarm("server.down", "server/s0-0").predicted
    assert "server/s0-0" in told(decision, News.CHANGED)


def test_a_group_is_predicted_to_fail_until_enough_members_really_have() -> None:
    desk = Desk(ruled({"when": {"type": "server.down"}}, GROUP), small_cloud())
    desk.say("server.down", "server/s0-0")
    desk.say("server.down", "server/s1-0", lead_time_seconds=60)
    alarm = desk.alarm("group.down", "group/g0")
    assert alarm.predicted, "one of two has not happened yet"
    assert alarm.expected_us == 62 * SECOND

    desk.say("server.down", "server/s2-0")

    assert not desk.alarm("group.down", "group/g0").predicted
