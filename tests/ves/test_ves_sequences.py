"""Whatever happens in a cloud, and whenever the agent dies, the collector sees what is so."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from ves_players import Agent, agent, host, server

from nfvigil.model.resource import Host, Server
from nfvigil.model.ves import VesEvent
from nfvigil.ves.faults import HOST_SEVERITIES, NORMAL, Faults, host_state
from nfvigil.ves.machine import MOST

NAMES = ("a", "b", "c")
STATUSES = ("ACTIVE", "ERROR", "UNKNOWN", "SHUTOFF", "REBUILD", "WEIRD")
RULES: tuple[str | tuple[str, ...], ...] = ("default", "onap", ("SHUTOFF", "ERROR"))


class Event(NamedTuple):
    """What happens before a look: ``there`` is a state, None for "not listed", "" for gone for good."""

    name: str
    there: str | None
    after: float
    dies: bool
    """After the look, before anything of it is kept."""
    forgets: bool
    """What a quiet look changed is lost."""


EVENTS = st.lists(
    st.builds(
        Event,
        st.sampled_from(NAMES),
        st.sampled_from([*STATUSES, None, ""]),
        st.sampled_from([10.0, 9.0, 11.0, 3.0, 600.0, -30.0]),
        st.booleans(),
        st.booleans(),
    ),
    max_size=40,
)


class Collector:
    """What it knows, by id."""

    def __init__(self) -> None:
        self.last: dict[str, VesEvent] = {}

    def take(self, event: VesEvent) -> None:
        known = self.last.get(event.event_id)
        if known is not None:
            assert event.sequence == known.sequence + 1
            assert event.start_us == known.start_us
            assert event.last_us > known.last_us
            assert (event.fields["eventSeverity"], _state(event)) != (known.fields["eventSeverity"], _state(known))
            assert known.fields["eventSeverity"] != NORMAL
        else:
            assert event.sequence == 0
            assert event.fields["eventSeverity"] != NORMAL
        self.last[event.event_id] = event

    def alarms(self) -> list[tuple[str, str, str]]:
        standing = [one for one in self.last.values() if one.fields["eventSeverity"] != NORMAL]
        return sorted((one.source_id, one.fields["eventSeverity"], _state(one)) for one in standing)


def _state(event: VesEvent) -> str:
    information = event.fields["alarmAdditionalInformation"]
    return str(information.get("vmState") or information.get("hostState"))


def truth_after(
    truth: dict[str, tuple[str, str]], listed: dict[str, Server | Host], gone: set[str], faults: Faults
) -> dict[str, tuple[str, str]]:
    """Which alarms stand after a look that is kept."""
    after = dict(truth)
    for key, record in listed.items():
        is_host = isinstance(record, Host)
        state = host_state(record) if is_host else record.status
        severity = HOST_SEVERITIES[state] if is_host else faults.severity(state)
        if severity == NORMAL:
            after.pop(key, None)
        elif severity is not None:
            after[key] = (severity, state)
    for key in gone - set(listed):
        after.pop(key, None)
    return after


def play(watcher: Agent, events: list[Event], record_of: dict[str, dict[str, Server | Host]], kind: str) -> None:
    collector = Collector()
    truth: dict[str, tuple[str, str]] = {}
    listed: dict[str, Server | Host] = {}
    for event in events:
        record = record_of[event.name]
        key = next(iter(record.values())).id
        gone = set()
        if event.there:
            listed[key] = record[event.there]
        else:
            listed.pop(key, None)
            gone = {key} if event.there == "" else set()
        before = dict(watcher.states)
        told = watcher.see(*listed.values(), gone=[f"{kind}/{one}" for one in gone], after=event.after)
        if event.dies or (event.forgets and not told and set(watcher.states) == set(before)):
            watcher.states = before
            continue
        if watcher.states.get("") == before.get(""):
            assert told == []
            continue
        for one in told:
            collector.take(one)
        truth = truth_after(truth, listed, gone, watcher.faults)
        assert collector.alarms() == sorted((one, *what) for one, what in truth.items())
    # One more look, and the collector knows what is so.
    for one in watcher.see(*listed.values(), after=3600):
        collector.take(one)
    truth = truth_after(truth, listed, set(), watcher.faults)
    assert collector.alarms() == sorted((one, *what) for one, what in truth.items())
    assert watcher.see(*listed.values()) == []
    for one in watcher.part():
        collector.take(one)
    assert collector.alarms() == []


@settings(max_examples=300, deadline=None)
@given(events=EVENTS, rule=st.sampled_from(RULES), most=st.sampled_from([1, 2, MOST]))
def test_a_collector_sees_what_servers_are_whatever_happens(
    events: list[Event], rule: str | tuple[str, ...], most: int
) -> None:
    watcher = agent({"domain": "fault", "type": "vm"}, faults=rule)
    watcher.most = most

    play(watcher, events, {name: {status: server(name, status) for status in STATUSES} for name in NAMES}, "server")


@settings(max_examples=100, deadline=None)
@given(events=EVENTS)
def test_a_collector_sees_what_hosts_are_whatever_happens(events: list[Event]) -> None:
    watcher = agent({"domain": "fault", "type": "host"})
    kinds = (
        {},
        {"service_up": False},
        {"forced_down": True, "service_up": False},
        {"service_enabled": False},
        {"service_enabled": False, "disabled_reason": "AUTO: gone"},
        {"service_up": False, "service_enabled": False},
    )
    records = {
        name: {status: host(name, **fields) for status, fields in zip(STATUSES, kinds, strict=True)} for name in NAMES
    }

    play(watcher, events, records, "host")
