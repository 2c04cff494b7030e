"""What is told by the clock: when a backlog is looked at, measurements, signs of life."""

from __future__ import annotations

from ves_players import (
    EPC,
    IMS,
    NOW,
    VIM,
    S,
    agent,
    assert_valid,
    built,
    host,
    server,
)

from nfvigil.ves.backlogs import reads_listing
from nfvigil.ves.clockwork import next_us
from nfvigil.ves.machine import beat

ALL = {"domain": "fault", "type": "vm", "tenant": "epc"}
HOSTS = {"domain": "fault", "type": "host"}


def test_a_backlog_is_looked_at_when_it_is_due_and_does_not_drift() -> None:
    watcher = agent(ALL | {"poll_interval": 30})
    looks = []
    for after in (0.5, 10.2, 10.1, 10.3, 9.7, 10.0, 10.4, 9.9, 10.1, 9.8):
        before = watcher.states.get("")
        watcher.see(server("mme"), after=after)
        looks.append(watcher.states.get("") != before)

    assert looks == [True, False, True, False, False, True, False, False, True, False]
    assert watcher.states[""].collected_us == NOW + round(0.5 * S) + 90 * S


def test_after_an_hour_away_it_is_looked_at_once() -> None:
    watcher = agent(ALL)
    watcher.see(server("mme"))

    assert len(watcher.see(server("mme", "ERROR"), after=3600)) == 1
    assert watcher.see(server("mme"), after=1) == []


def test_when_a_backlog_is_due_next_can_be_asked() -> None:
    watcher = agent(ALL)
    assert next_us(watcher.backlog, watcher.states.get("")) == 0
    watcher.see(server("mme"))

    assert next_us(watcher.backlog, watcher.states[""]) == watcher.now_us + 10 * S


# Measurements


def test_a_tenants_servers_are_measured_as_a_sum() -> None:
    watcher = agent(ALL | {"domain": "measurement"})

    (told,) = watcher.see(
        server("mme", vcpus=4, memory_mb=8192),
        server("hss", "SHUTOFF", vcpus=2, memory_mb=4096),
        server("cscf", project=IMS, vcpus=64),
    )

    assert (told.domain, told.source_id, told.source_name) == ("measurement", EPC, "epc")
    assert told.fields["measurementInterval"] == 10
    assert told.fields["additionalMeasurements"] == [
        {"name": "allocation", "hashMap": {"servers": "2", "vcpus": "6", "memoryMb": "12288"}},
        {"name": "serversByState", "hashMap": {"ACTIVE": "1", "SHUTOFF": "1"}},
    ]
    assert told.last_us - told.start_us == 10 * S
    assert_valid([told])


def test_a_named_server_is_measured_alone() -> None:
    watcher = agent(ALL | {"domain": "pm", "source": "mme"}, server("mme"))

    (told,) = watcher.see(server("mme", vcpus=4, memory_mb=8192), server("hss"))

    assert told.source_name == "mme"
    assert told.fields["additionalMeasurements"] == [
        {"name": "allocation", "hashMap": {"vcpus": "4", "memoryMb": "8192"}}
    ]
    assert watcher.see(server("hss")) == []
    assert_valid([told])


def test_each_host_is_measured() -> None:
    watcher = agent(HOSTS | {"domain": "measurement"})

    one, two = watcher.see(
        host("c1", vcpus=32, memory_mb=65536), host("c2", service_up=False), server("mme", host="c1", vcpus=4)
    )

    assert [one.source_name, two.source_name] == ["c1", "c2"]
    assert one.fields["additionalMeasurements"] == [
        {"name": "allocation", "hashMap": {"servers": "1", "vcpus": "4", "memoryMb": "0"}},
        {"name": "serversByState", "hashMap": {"ACTIVE": "1"}},
        {"name": "capacity", "hashMap": {"vcpus": "32", "memoryMb": "65536"}},
    ]
    assert two.fields["additionalFields"]["hostState"] == "DOWN"
    assert [one.sequence, two.sequence] == [1, 2]
    assert one.event_id != two.event_id
    assert_valid([one, two])


def test_a_cloud_is_measured_under_its_own_name() -> None:
    watcher = agent({"domain": "measurement", "type": "vm"})

    (first,) = watcher.see()
    (second,) = watcher.see(server("mme"))

    assert first.source_name == VIM
    assert first.event_id != second.event_id
    assert (first.sequence, second.sequence) == (1, 2)


# Heartbeats


def test_the_agent_gives_signs_of_life_while_the_cloud_is_away() -> None:
    (backlog,) = built(heartbeat_interval=60).backlogs
    look = beat(backlog, vim=VIM, states={}, now_us=NOW, read_us=None)
    states = {one.source: one for one in look.states}

    early = beat(backlog, vim=VIM, states=states, now_us=NOW + 10 * S, read_us=None)
    later = beat(backlog, vim=VIM, states=states, now_us=NOW + 60 * S, read_us=NOW - S)

    assert not reads_listing(backlog)
    assert early.is_quiet
    first, second = look.events[0], later.events[0]
    assert (first.sequence, second.sequence) == (1, 2)
    assert first.event_id != second.event_id
    assert first.fields["heartbeatInterval"] == 60
    assert "cloudReadTime" not in first.fields["additionalFields"]
    assert second.fields["additionalFields"]["cloudReadTime"] == "2023-11-14T22:13:19.000000Z"
    assert_valid([first, second])


def test_a_heartbeat_can_be_asked_for_as_a_backlog_and_is_there_once() -> None:
    made = built({"domain": "heartbeat", "poll_interval": 30}, heartbeat_interval=60)

    assert [(one.domain, one.poll_interval) for one in made.backlogs] == [("heartbeat", 30)]
    assert [one.poll_interval for one in built({"domain": "heartbeat"}, heartbeat_interval=60).backlogs] == [60]
    assert [one.poll_interval for one in built({"domain": "heartbeat"}).backlogs] == [10]


def test_a_listing_is_no_reason_for_a_heartbeat() -> None:
    assert agent({"domain": "heartbeat"}).see(server("mme")) == []
