"""What ONAP's clients ask of the VES agent, sentence by sentence."""

from __future__ import annotations

from uuid import NAMESPACE_URL, uuid3

import pytest
from msgspec.structs import replace
from ves_players import (
    EPC,
    IMS,
    NOW,
    PROJECTS,
    VIM,
    Agent,
    S,
    agent,
    assert_valid,
    built,
    document,
    host,
    reasons,
    server,
    severities,
)

from nfvigil.errors import RefusedError
from nfvigil.model.resource import Server
from nfvigil.model.ves_bodies import VesVersion, event_of
from nfvigil.ves.backlogs import reads_listing
from nfvigil.ves.clockwork import next_us
from nfvigil.ves.config import backlog_document, config_document, read_config
from nfvigil.ves.faults import Faults
from nfvigil.ves.machine import beat

ALL = {"domain": "fault", "type": "vm", "tenant": "epc"}
HOSTS = {"domain": "fault", "type": "host"}


# A configuration


def test_a_configuration_has_a_subscription_an_interval_and_backlogs() -> None:
    entry = {"domain": "fault", "type": "vm", "tenant": "epc", "source": "mme", "poll_interval": 5}
    told = {"endpoint": "http://c:8080/eventListener/v5", "username": "ves", "password": "s3cret"}

    config = read_config(VIM, document(entry, ves_subscription=told, poll_interval_default=20), now_us=NOW, by="joe")

    assert config.ves_subscription.endpoint == "http://c:8080/eventListener/v5"
    assert config.poll_interval_default == 20
    assert (config.backlogs[0].source, config.backlogs[0].poll_interval) == ("mme", 5)
    assert (config.vim, config.changed_us, config.changed_by) == (VIM, NOW, "joe")
    assert config.faults == "default"


def test_what_is_shown_of_it_has_no_secret() -> None:
    told = {"endpoint": "http://c:8080/eventListener/v5", "username": "ves", "password": "s3cret"}
    config = read_config(VIM, document(ALL, ves_subscription=told))

    shown = config_document(config)

    assert "s3cret" not in str(shown) + repr(config)
    assert shown == {
        "ves_subscription": {"endpoint": "http://c:8080/eventListener/v5", "username": "ves"},
        "poll_interval_default": 10,
        "backlogs": [ALL],
        "faults": "default",
        "heartbeat_interval": 0,
    }


# Built backlogs


def test_a_built_backlog_has_id_tenant_source_interval_method_and_link() -> None:
    entry = {"domain": "fault", "type": "vm", "tenant": "epc", "source": "mme"}

    made = built(entry, cloud=[server("mme")], poll_interval_default=20)

    assert backlog_document(made.backlogs[0]) == {
        "backlog_uuid": str(uuid3(NAMESPACE_URL, f"{VIM}-epc-mme")),
        "domain": "fault",
        "type": "vm",
        "tenant": "epc",
        "tenant_id": EPC,
        "source": "mme",
        "server_id": "id-mme",
        "poll_interval": 20,
        "api_method": "GET",
        "api_link": f"/{VIM}/compute/v2.1/{EPC}/servers/id-mme",
    }


def test_without_a_source_it_is_all_of_a_tenant() -> None:
    backlog = built(ALL, cloud=[server("mme")]).backlogs[0]

    assert backlog.api_link == f"/{VIM}/compute/v2.1/{EPC}/servers/detail"
    assert (backlog.source, backlog.server_id) == ("", "")


def test_without_a_tenant_it_is_all_of_the_cloud() -> None:
    watcher = agent({"domain": "fault", "type": "vm"})

    told = watcher.see(server("mme", "ERROR"), server("cscf", "ERROR", project=IMS))

    assert severities(told) == [("mme", "CRITICAL"), ("cscf", "CRITICAL")]
    assert watcher.backlog.api_link == f"/{VIM}/compute/v2.1/all/servers/detail"


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param({"tenant": "epc", "source": "mme"}, id="by names"),
        pytest.param({"tenant": EPC, "source": "id-mme"}, id="by ids in the places of names"),
        pytest.param({"tenantid": EPC, "sourceid": "id-mme"}, id="by ids"),
        pytest.param({"tenant": "old name", "tenantid": EPC, "source": "x", "sourceid": "id-mme"}, id="the ids count"),
        pytest.param({"source": "mme"}, id="without the tenant"),
    ],
)
def test_tenant_and_source_are_named_by_name_or_id(entry: dict[str, str]) -> None:
    made = built({"domain": "fault", "type": "vm"} | entry, cloud=[server("mme"), server("mme2", project=IMS)])

    assert made.refusals == ()
    assert (made.backlogs[0].tenant_id, made.backlogs[0].server_id) == (EPC, "id-mme")


def test_a_tenant_that_has_no_servers_yet_is_named_by_its_id() -> None:
    made = built({"domain": "fault", "type": "vm", "tenant": "0123456789abcdef0123456789abcdef"})

    assert made.backlogs[0].tenant_id == "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("entry", "field", "reason"),
    [
        pytest.param(
            {"domain": "syslog", "type": "vm"},
            ".domain",
            "must be one of fault, measurement, heartbeat, not 'syslog'",
            id="a domain that there is not",
        ),
        pytest.param(
            {"type": "vm"}, ".domain", "must be one of fault, measurement, heartbeat, and is missing", id="no domain"
        ),
        pytest.param(
            {"domain": "fault", "type": "pnf"}, ".type", "must be one of vm, host for fault, not 'pnf'", id="a type"
        ),
        pytest.param(
            {"domain": "pm"}, ".type", "must be one of vm, host for measurement, and is missing", id="no type"
        ),
        pytest.param(
            {"domain": "fault", "type": "vm", "tenant": "hss"},
            ".tenant",
            "no tenant 'hss' is known in this cloud",
            id="a tenant that nobody knows",
        ),
        pytest.param(
            {"domain": "fault", "type": "vm", "tenantid": "hss"},
            ".tenantid",
            "no tenant 'hss' is known in this cloud",
            id="an id that is none",
        ),
        pytest.param(
            {"domain": "fault", "type": "vm", "tenant": "twice"},
            ".tenant",
            "there are 2 of this name: name one by tenantid (a, b)",
            id="two tenants of one name",
        ),
        pytest.param(
            {"domain": "fault", "type": "vm", "tenant": "ims", "source": "mme"},
            ".source",
            "no server 'mme' is known in tenant 'ims'",
            id="another tenant's server",
        ),
        pytest.param(
            {"domain": "fault", "type": "vm", "tenant": "ims", "source": "id-mme"},
            ".source",
            "no server 'id-mme' is known in tenant 'ims'",
            id="another tenant's server by id",
        ),
        pytest.param(
            {"domain": "fault", "type": "vm", "sourceid": "mme"},
            ".sourceid",
            "no server 'mme' is known in the cloud",
            id="a name in an id's place",
        ),
        pytest.param(
            {"domain": "fault", "type": "vm", "source": "dra"},
            ".source",
            "there are 7 of this name: name one by sourceid (dra0, dra1, dra2, dra3, dra4, ...)",
            id="many servers of one name",
        ),
        pytest.param(
            {"domain": "fault", "type": "host", "source": "c9"},
            ".source",
            "no host 'c9' is known in this cloud",
            id="a host that there is not",
        ),
        pytest.param(
            {"domain": "fault", "type": "host", "sourceid": "c9"},
            ".sourceid",
            "no host 'c9' is known in this cloud",
            id="a host's id that there is not",
        ),
        pytest.param(
            {"domain": "fault", "type": "host", "tenant": "epc"},
            ".tenant",
            "a host is no tenant's",
            id="a host's tenant",
        ),
        pytest.param(
            {"domain": "heartbeat", "source": "mme"},
            ".source",
            "a heartbeat is the agent's own, and has none",
            id="a heartbeat of something",
        ),
        pytest.param(ALL, "", "is the same as backlogs[0]", id="the same twice"),
    ],
)
def test_what_cannot_be_served_is_refused_for_that_entry_alone(
    entry: dict[str, str], field: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PROJECTS, "a", "twice")
    monkeypatch.setitem(PROJECTS, "b", "twice")
    crowd = [server(f"dra{number}") for number in range(7)]
    cloud = [server("mme"), host("c1"), *(type(one)(id=one.name, name="dra", project=EPC) for one in crowd)]

    made = built(ALL, entry, {"domain": "fault", "type": "host"}, cloud=cloud)

    assert [(one.domain, one.type) for one in made.backlogs] == [("fault", "vm"), ("fault", "host")]
    assert reasons(made.refusals) == {f"backlogs[1]{field}": reason}


def test_where_nothing_can_be_served_there_is_none_and_a_reason_for_each() -> None:
    made = built({"domain": "syslog"}, {"domain": "fault"})

    assert made.backlogs == ()
    assert sorted(reasons(made.refusals)) == ["backlogs[0].domain", "backlogs[1].type"]


def test_the_same_entry_has_the_same_id_again_so_that_what_was_told_stays_known() -> None:
    first = built(ALL).backlogs[0]
    again = built({"domain": "heartbeat"}, ALL | {"poll_interval": 30}).backlogs[1]

    assert first.backlog_uuid == again.backlog_uuid
    assert {
        one.backlog_uuid for one in built(ALL, HOSTS, ALL | {"domain": "pm"}, {"domain": "heartbeat"}).backlogs
    } >= {first.backlog_uuid}


def test_every_pair_has_an_id_of_its_own() -> None:
    made = built(ALL, HOSTS, ALL | {"domain": "pm"}, HOSTS | {"domain": "pm"}, {"domain": "heartbeat"})

    assert len({one.backlog_uuid for one in made.backlogs}) == 5


# Faults


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


# When


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


def test_nothing_is_told_twice_by_who_forgets_a_quiet_look() -> None:
    watcher = agent(ALL)
    watcher.see(server("mme", "ERROR"))
    kept = dict(watcher.states)
    watcher.see(server("mme", "ERROR"))
    watcher.states = kept

    assert watcher.see(server("mme", "ERROR"), after=1) == []


def test_a_wrong_configuration_says_all_that_is_wrong() -> None:
    with pytest.raises(RefusedError) as refused:
        read_config(VIM, {"vesagent_config": {"ves_subscription": None, "backlogs": [None]}})

    assert sorted(reasons(refused.value.errors)) == [
        "vesagent_config.backlogs[0]",
        "vesagent_config.ves_subscription",
    ]


def test_when_a_backlog_is_due_next_can_be_asked() -> None:
    watcher = agent(ALL)
    assert next_us(watcher.backlog, watcher.states.get("")) == 0
    watcher.see(server("mme"))

    assert next_us(watcher.backlog, watcher.states[""]) == watcher.now_us + 10 * S


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
