"""When a fault is told and when it is cleared, of servers and of hosts, sentence by sentence."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from ves_players import (
    EPC,
    IMS,
    NOW,
    VIM,
    Agent,
    S,
    agent,
    assert_valid,
    host,
    server,
    severities,
)

from nfvigil.model.resource import Server
from nfvigil.model.ves_bodies import VesVersion, event_of
from nfvigil.ves.faults import Faults

ALL = {"domain": "fault", "type": "vm", "tenant": "epc"}
HOSTS = {"domain": "fault", "type": "host"}


def test_a_fault_is_told_when_a_server_leaves_active_and_a_clear_when_it_returns() -> None:
    watcher = agent(ALL, server("mme"))

    assert watcher.see(server("mme")) == []
    (raised,) = watcher.see(server("mme", "ERROR", host="c1"))
    assert watcher.see(server("mme", "ERROR", host="c1")) == []
    (cleared,) = watcher.see(server("mme"))
    assert watcher.see(server("mme")) == []

    assert (raised.name, cleared.name) == ("Fault_MultiCloud_VMFailure", "Fault_MultiCloud_VMFailureCleared")
    assert raised.event_id == cleared.event_id
    assert (raised.sequence, cleared.sequence) == (0, 1)
    assert raised.start_us == cleared.start_us == raised.last_us
    assert cleared.last_us == raised.last_us + 20 * S
    assert (raised.priority, cleared.priority) == ("High", "Normal")
    assert_valid([raised, cleared])


def test_an_event_says_what_onaps_clients_look_for() -> None:
    watcher = agent(ALL, server("mme"))

    (raised,) = watcher.see(server("mme", "ERROR", host="c1", vnf="epc-1", vnfc="mme-1"))

    assert event_of(raised, VesVersion.V5) == {
        "commonEventHeader": {
            "version": 3.0,
            "domain": "fault",
            "eventName": "Fault_MultiCloud_VMFailure",
            "eventId": raised.event_id,
            "sequence": 0,
            "priority": "High",
            "reportingEntityId": VIM,
            "reportingEntityName": VIM,
            "sourceId": "id-mme",
            "sourceName": "mme",
            "startEpochMicrosec": NOW + 10 * S,
            "lastEpochMicrosec": NOW + 10 * S,
        },
        "faultFields": {
            "faultFieldsVersion": 2.0,
            "alarmCondition": "Guest_Os_Failure",
            "eventSeverity": "CRITICAL",
            "eventSourceType": "virtualMachine",
            "specificProblem": "Fault_MultiCloud_VMFailure",
            "vfStatus": "Active",
            "alarmAdditionalInformation": [
                {"name": "objectType", "value": "VIM"},
                {"name": "eventTime", "value": "2023-11-14T22:13:30.000000Z"},
                {"name": "vmState", "value": "ERROR"},
                {"name": "text", "value": "mme is ERROR"},
                {"name": "tenantId", "value": EPC},
                {"name": "host", "value": "c1"},
                {"name": "vnf", "value": "epc-1"},
                {"name": "vnfc", "value": "mme-1"},
            ],
        },
    }


def test_a_clear_has_the_condition_of_what_it_clears() -> None:
    watcher = agent(ALL)

    (raised,) = watcher.see(server("mme", "ERROR"))
    (cleared,) = watcher.see(server("mme"))

    for field in ("alarmCondition", "specificProblem", "eventSourceType"):
        assert raised.fields[field] == cleared.fields[field]
    assert cleared.fields["alarmAdditionalInformation"]["previousState"] == "ERROR"


def test_only_the_tenants_servers_are_looked_at() -> None:
    watcher = agent(ALL)

    assert severities(watcher.see(server("mme", "ERROR"), server("cscf", "ERROR", project=IMS))) == [
        ("mme", "CRITICAL")
    ]


def test_of_one_named_server_nothing_else_is_told() -> None:
    watcher = agent(ALL | {"source": "mme"}, server("mme"), server("hss"))

    assert severities(watcher.see(server("mme", "ERROR"), server("hss", "ERROR"))) == [("mme", "CRITICAL")]
    assert watcher.see(server("hss", "ERROR")) == []


def test_an_alarm_that_becomes_another_one_keeps_its_id() -> None:
    watcher = agent(ALL)

    (raised,) = watcher.see(server("mme", "UNKNOWN"))
    (worse,) = watcher.see(server("mme", "ERROR"))

    assert severities([raised, worse]) == [("mme", "MAJOR"), ("mme", "CRITICAL")]
    assert (raised.event_id, raised.start_us, raised.sequence + 1) == (worse.event_id, worse.start_us, worse.sequence)


def test_the_next_alarm_of_a_server_is_another_one() -> None:
    watcher = agent(ALL)

    (first,) = watcher.see(server("mme", "ERROR"))
    watcher.see(server("mme"))
    (second,) = watcher.see(server("mme", "ERROR"))

    assert first.event_id != second.event_id
    assert second.sequence == 0
    assert second.start_us > first.start_us


@pytest.mark.parametrize(
    ("faults", "status", "severity"),
    [
        pytest.param("onap", "SHUTOFF", "CRITICAL", id="onap: stopped"),
        pytest.param("onap", "VERIFY_RESIZE", "CRITICAL", id="onap: resized"),
        pytest.param("onap", "PAUSED", "CRITICAL", id="onap: paused"),
        pytest.param("onap", "WEIRD", "CRITICAL", id="onap: a state that nobody knows"),
        pytest.param("default", "ERROR", "CRITICAL", id="default: failed"),
        pytest.param("default", "UNKNOWN", "MAJOR", id="default: the cloud cannot tell"),
        pytest.param("default", "WEIRD", "MAJOR", id="default: a state that nobody knows"),
        pytest.param(("SHUTOFF",), "SHUTOFF", "CRITICAL", id="a list: in it"),
        pytest.param(("UNKNOWN", "BUILD"), "UNKNOWN", "MAJOR", id="a list: with a severity of its own"),
        pytest.param(("UNKNOWN", "BUILD"), "BUILD", "CRITICAL", id="a list: what is under way elsewhere"),
    ],
)
def test_which_states_are_faults_can_be_chosen(faults: str | tuple[str, ...], status: str, severity: str) -> None:
    watcher = agent(ALL, faults=faults)

    assert severities(watcher.see(server("mme", status))) == [("mme", severity)]


@pytest.mark.parametrize(
    ("faults", "statuses"),
    [
        ("onap", ["ACTIVE", "BUILD", "HARD_REBOOT", "REBOOT", "MIGRATING", "PASSWORD"]),
        (
            "default",
            ["ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED", "SHELVED", "SHELVED_OFFLOADED", "RESCUE", "VERIFY_RESIZE"],
        ),
        ("default", ["RESIZE", "REVERT_RESIZE", "REBUILD", "BUILD", "REBOOT", "SOFT_DELETED"]),
        (("SHUTOFF",), ["ACTIVE", "ERROR", "UNKNOWN", "PAUSED", "RESIZE"]),
    ],
)
def test_what_its_user_did_to_a_server_is_no_fault(faults: str | tuple[str, ...], statuses: list[str]) -> None:
    watcher = agent(ALL, faults=faults)

    assert [watcher.see(server("mme", status)) for status in statuses] == [[] for _ in statuses]


def test_an_alarm_stands_while_a_repair_is_under_way() -> None:
    watcher = agent(ALL)
    watcher.see(server("mme", "ERROR"))

    assert watcher.see(server("mme", "HARD_REBOOT")) == []
    assert severities(watcher.see(server("mme"))) == [("mme", "NORMAL")]


def test_onaps_rule_clears_at_the_first_good_state() -> None:
    watcher = agent(ALL, faults="onap")
    watcher.see(server("mme", "ERROR"))

    assert severities(watcher.see(server("mme", "HARD_REBOOT"))) == [("mme", "NORMAL")]


def test_a_server_that_is_gone_for_good_does_not_stay_raised() -> None:
    watcher = agent(ALL)
    (raised,) = watcher.see(server("mme", "ERROR"))

    (cleared,) = watcher.see(gone=["server/id-mme"])

    assert (cleared.event_id, cleared.sequence, cleared.source_name) == (raised.event_id, 1, "mme")
    assert cleared.fields["eventSeverity"] == "NORMAL"
    assert cleared.fields["alarmAdditionalInformation"]["vmState"] == "DELETED"
    assert list(watcher.states) == [""]
    assert_valid([cleared])


def test_a_server_that_is_only_not_listed_is_as_it_was_and_is_asked_for() -> None:
    watcher = agent(ALL)
    watcher.see(server("mme", "ERROR"), server("hss"))

    assert watcher.see() == []
    assert watcher.asks_for() == ["server/id-mme"]
    assert watcher.asks_for(server("mme")) == []
    assert watcher.see(server("mme", "ERROR")) == []


def test_what_no_alarm_stands_of_is_forgotten_when_it_is_not_listed() -> None:
    watcher = agent(ALL)
    (first,) = watcher.see(server("mme", "ERROR"))
    watcher.see(server("mme"))

    assert watcher.see() == []
    assert list(watcher.states) == [""]
    (second,) = watcher.see(server("mme", "ERROR"))
    assert first.event_id != second.event_id


def test_what_stands_when_a_backlog_is_removed_is_cleared() -> None:
    watcher = agent(ALL)
    (raised,) = watcher.see(server("mme", "ERROR"), server("hss"))

    (cleared,) = watcher.part()

    assert (cleared.event_id, cleared.fields["eventSeverity"]) == (raised.event_id, "NORMAL")
    assert cleared.fields["alarmAdditionalInformation"]["text"] == "mme is not watched any more"
    assert watcher.states == {}


def test_another_rule_is_in_force_with_the_next_look() -> None:
    watcher = agent(ALL, faults="onap")
    (raised,) = watcher.see(server("mme", "SHUTOFF"))
    again = Agent(watcher.backlog, "default")
    again.states, again.now_us = watcher.states, watcher.now_us

    (cleared,) = again.see(server("mme", "SHUTOFF"))

    assert (cleared.event_id, cleared.fields["eventSeverity"]) == (raised.event_id, "NORMAL")


def test_a_server_without_a_name_is_named_by_its_id() -> None:
    watcher = agent(ALL)

    (raised,) = watcher.see(server("mme", "ERROR").__class__(id="8a9e", project=EPC, status="ERROR"))

    assert raised.source_name == "8a9e"


def test_a_clock_that_is_put_back_does_not_turn_the_order_around() -> None:
    watcher = agent(ALL)
    (raised,) = watcher.see(server("mme", "ERROR"))

    (cleared,) = watcher.see(server("mme"), after=-3600)
    (again,) = watcher.see(server("mme", "ERROR"))

    assert raised.last_us < cleared.last_us < again.start_us
    assert again.event_id != raised.event_id


def test_nothing_is_told_twice_by_who_forgets_a_quiet_look() -> None:
    watcher = agent(ALL)
    watcher.see(server("mme", "ERROR"))
    kept = dict(watcher.states)
    watcher.see(server("mme", "ERROR"))
    watcher.states = kept

    assert watcher.see(server("mme", "ERROR"), after=1) == []


def test_a_cloud_with_words_of_its_own_does_not_fill_the_memory() -> None:
    faults = Faults()

    assert {faults.severity(f"STATE{number}") for number in range(1000)} == {"MAJOR"}
    assert len(faults._judged) < 50


def test_a_name_that_means_another_server_by_now_leaves_no_alarm_standing() -> None:
    entry = ALL | {"source": "mme"}
    watcher = agent(entry, server("mme"))
    (raised,) = watcher.see(server("mme", "ERROR"))
    again = agent(entry, Server(id="id-new", name="mme", project=EPC))
    again.states, again.now_us = watcher.states, watcher.now_us

    assert again.backlog.backlog_uuid == watcher.backlog.backlog_uuid
    assert again.asks_for() == []
    (cleared,) = again.see(server("mme", "ERROR"))

    assert (cleared.event_id, cleared.fields["eventSeverity"]) == (raised.event_id, "NORMAL")
    assert list(again.states) == [""]


def test_a_tenant_that_is_another_by_now_leaves_no_alarm_standing() -> None:
    watcher = agent(ALL)
    watcher.see(server("mme", "ERROR"))
    watcher.backlog = replace(watcher.backlog, tenant_id=IMS)

    assert severities(watcher.see(server("mme", "ERROR"))) == [("mme", "NORMAL")]


def test_an_alarm_has_no_other_ones_id_whatever_the_clock_does() -> None:
    watcher = agent(ALL)
    (first,) = watcher.see(server("mme", "ERROR"))
    watcher.see(server("mme"))
    watcher.see()
    watcher.now_us = first.start_us - 10 * S

    (second,) = watcher.see(server("mme", "ERROR"))

    assert second.start_us == first.start_us
    assert second.event_id != first.event_id


# Hosts


@pytest.mark.parametrize(
    ("fields", "state", "severity"),
    [
        pytest.param({"service_up": False}, "DOWN", "CRITICAL", id="no heartbeat"),
        pytest.param({"service_up": False, "forced_down": True}, "FORCED_DOWN", "CRITICAL", id="forced down"),
        pytest.param(
            {"service_enabled": False, "disabled_reason": "AUTO: Connection to libvirt lost"},
            "AUTO_DISABLED",
            "MAJOR",
            id="nova-compute took itself out",
        ),
    ],
)
def test_a_host_that_fails_is_told_and_cleared(fields: dict[str, object], state: str, severity: str) -> None:
    watcher = agent(HOSTS)

    assert watcher.see(host("c1")) == []
    (raised,) = watcher.see(host("c1", zone="az1", **fields))
    (cleared,) = watcher.see(host("c1"))

    assert (raised.name, cleared.name) == ("Fault_MultiCloud_HostFailure", "Fault_MultiCloud_HostFailureCleared")
    assert raised.fields["eventSeverity"] == severity
    assert raised.fields["eventSourceType"] == "host"
    assert raised.fields["alarmAdditionalInformation"]["hostState"] == state
    assert raised.fields["alarmCondition"] == cleared.fields["alarmCondition"] == "Host_Failure"
    assert_valid([raised, cleared])


def test_a_host_that_its_operator_disabled_is_no_fault() -> None:
    watcher = agent(HOSTS)

    assert watcher.see(host("c1", service_enabled=False, disabled_reason="new memory")) == []


@pytest.mark.parametrize("source", ["c1", "c1.example.net"])
def test_of_one_named_host_nothing_else_is_told(source: str) -> None:
    alias = host("c1", aliases=("c1.example.net",))
    watcher = agent(HOSTS | {"source": source}, alias, host("c2"))

    assert severities(watcher.see(host("c1", service_up=False), host("c2", service_up=False))) == [("c1", "CRITICAL")]
    assert watcher.backlog.server_id == "c1"


def test_a_host_that_was_taken_away_does_not_stay_raised() -> None:
    watcher = agent(HOSTS)
    watcher.see(host("c1", service_up=False))

    assert watcher.asks_for() == ["host/c1"]
    assert severities(watcher.see(gone=["host/c1"])) == [("c1", "NORMAL")]


def test_a_mass_failure_is_told_some_at_a_time_and_each_of_it_once() -> None:
    watcher = agent(ALL, *(server(str(number)) for number in range(5)))
    watcher.most = 2

    raised = watcher.see(*(server(str(number), "ERROR") for number in range(5)))
    assert watcher.looks == [2, 2, 1]
    cleared = watcher.see(
        *(server(str(number)) for number in range(2)), gone=[f"server/id-{one}" for one in range(2, 5)]
    )
    assert watcher.looks == [2, 2, 1]

    assert [one.source_id for one in raised] == [f"id-{number}" for number in range(5)]
    assert sorted(one.event_id for one in cleared) == sorted(one.event_id for one in raised)
    assert watcher.see(server("0"), server("1")) == []
