"""A process that has just started may not have read its clouds yet: what the map lacks is not taken for gone."""

from __future__ import annotations

from clouds import Desk, small_cloud, snapshot

from nfvigil.inspector import internal
from nfvigil.inspector.resource_map import ResourceMap
from nfvigil.model.event import Status
from nfvigil.model.verdict import News


def test_the_end_of_a_maintenance_before_the_cloud_is_read_clears_nothing() -> None:
    desk = Desk()
    desk.say(internal.MAINTENANCE, "host/h2")
    desk.say("host.down", "host/h0")
    standing = set(desk.state.alarms)
    desk.map = ResourceMap()

    decision = desk.say(internal.MAINTENANCE, "host/h2", Status.UP)

    assert set(desk.state.alarms) == standing
    assert not decision.verdict.alarms
    assert not decision.verdict.actions


def test_a_server_that_the_cloud_was_not_asked_about_is_not_deleted() -> None:
    desk = Desk()
    desk.say("server.down", "server/s0-0")
    changed = desk.event(internal.MAP_CHANGED, "", door=internal.DOOR, details={"keys": ["server/s0-0"], "gone": []})
    desk.map = ResourceMap()

    assert not desk.take(changed).verdict.alarms

    desk.map = small_cloud()
    desk.map.load(snapshot(3, 2, {}, gone=["s0-0"]))
    deleted = {"keys": ["server/s0-0"], "gone": ["server/s0-0"]}
    decision = desk.take(desk.event(internal.MAP_CHANGED, "", door=internal.DOOR, details=deleted))

    assert [(news, alarm.resource) for news, alarm in decision.verdict.alarms] == [(News.CLEARED, "server/s0-0")]


def test_a_clear_finds_its_fault_by_the_name_that_the_monitor_used() -> None:
    desk = Desk()
    desk.say("host.down", "host/h0.example.net", monitor="m")
    desk.map = ResourceMap()

    decision = desk.say("host.down", "host/h0.example.net", Status.UP, monitor="m")

    assert {alarm.resource for news, alarm in decision.verdict.alarms if news is News.CLEARED} >= {"host/h0"}
    assert not desk.state.alarms
