"""What Alertmanager, collectd, Zabbix, Icinga 2, BMCs and SNMP agents send, as events of ours."""

from __future__ import annotations

import csv
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from monitoring_messages import (
    IF_ADMIN,
    IF_INDEX,
    LINK_DOWN,
    LINK_UP,
    METRIC,
    alert,
    collectd_alert,
    record,
    redfish,
    seen,
    state_change,
    take,
    trap,
    webhook,
    zabbix,
)

from nfvigil.errors import RefusedError, SettingsError
from nfvigil.model.event import Event, Flag, ReceiptState, Status
from nfvigil.model.raw import RawEvent, Refusal
from nfvigil.southbound.formats import Format, load_formats
from nfvigil.southbound.formats.redfish_messages import CONDITIONS, meaning_of
from nfvigil.southbound.formats.snmp_traps import state_of, trap_of, v2_of
from published_files import published

HOST = "host/compute-1"
ALERTS = "alertmanager/nfvi/1a30ba71cca2921f"
SNMP = load_formats()["snmp"]
PET_DATA = "1.3.6.1.4.1.3183.1.1.1"


def pet(sensor: int, sequence: int = 7) -> str:
    """The octets of a platform event trap as snmptrapd writes them."""
    octets = bytes(16) + sequence.to_bytes(2) + bytes(10) + bytes([sensor, 3, 1]) + bytes(16)
    return '"' + " ".join(f"{one:02X}" for one in octets) + ' "'


SERVER = "96ab1c42-668c-4f2d-8689-afa3301d4ee9"
VES = {
    "eventName": "interface eno2 down",
    "startEpochMicrosec": 1767323040000000,
    "stateChangeFields": {"newState": "outOfService"},
}
PYTHON = {
    "host": "compute-1",
    "plugin": "ovs_events",
    "plugin_instance": "br-ex",
    "type": "gauge",
    "type_instance": "link_status",
    "message": 'link state of "br-ex" interface has been changed to "DOWN"',
    "time": 1767323040.06,
}

NOTIFIED = {"notification_type": "PROBLEM", "host_name": "compute-1", "service_name": "ssh", "state": "CRITICAL"}

CASES: dict[str, tuple[str, dict[str, Any], Any, list[tuple[str, str, str, str | None, str]]]] = {
    # format, settings, message, (type, resource, status, severity, monitor) of each event
    "a firing alert": (
        "alertmanager",
        {},
        webhook(alert()),
        [("prometheus.HostDown", HOST, "down", "critical", ALERTS)],
    ),
    "a resolved alert in a group that fires": (
        "alertmanager",
        {},
        webhook(alert("resolved"), alert(fingerprint="2b", labels={"instance": "compute-2:9100"})),
        [
            ("prometheus.HostDown", HOST, "up", None, ALERTS),
            ("prometheus.HostDown", "host/compute-2", "down", "critical", "alertmanager/nfvi/2b"),
        ],
    ),
    "an alert whose type is in the settings": (
        "alertmanager",
        {"types": {"HostDown": "compute.host.down"}},
        webhook(alert()),
        [("compute.host.down", HOST, "down", "critical", ALERTS)],
    ),
    "an alert that says itself what it is about": (
        "alertmanager",
        {"type_label": "nfvigil_type"},
        webhook(alert(labels={"nfvigil_type": "network.switch.down", "nfvigil_resource": "switch/leaf-3"})),
        [("network.switch.down", "switch/leaf-3", "down", "critical", ALERTS)],
    ),
    "an alert whose labels an exporter may have made up": (
        "alertmanager",
        {},
        webhook(alert(labels={"nfvigil_type": "compute.host.down", "nfvigil_resource": "host/compute-1"})),
        [("prometheus.HostDown", HOST, "down", "critical", ALERTS)],
    ),
    "an alert about a server": (
        "alertmanager",
        {},
        webhook(alert(labels={"vm_id": SERVER, "severity": "page"})),
        [("prometheus.HostDown", f"server/{SERVER}", "down", "critical", ALERTS)],
    ),
    "an alert about a host that a server noticed": (
        "alertmanager",
        {"types": {"HostDown": "compute.host.down"}},
        webhook(alert(labels={"vm_id": SERVER, "nodename": "compute-9"})),
        [("compute.host.down", "host/compute-9", "down", "critical", ALERTS)],
    ),
    "an alert that fires and calls itself ok": (
        "alertmanager",
        {},
        webhook(alert(labels={"severity": "ok"})),
        [("prometheus.HostDown", HOST, "down", "indeterminate", ALERTS)],
    ),
    "a severity of the settings": (
        "alertmanager",
        {"severities": {"sev1": "major"}},
        webhook(alert(labels={"severity": "sev1"})),
        [("prometheus.HostDown", HOST, "down", "major", ALERTS)],
    ),
    "a severity that nobody knows": (
        "alertmanager",
        {},
        webhook(alert(labels={"severity": "purple"})),
        [("prometheus.HostDown", HOST, "down", None, ALERTS)],
    ),
    "a host by its IPv6 address": (
        "alertmanager",
        {},
        webhook(alert(labels={"instance": "[2001:db8::7]:9100"})),
        [("prometheus.HostDown", "host/2001:db8::7", "down", "critical", ALERTS)],
    ),
    "an alert with a name of several words": (
        "alertmanager",
        {},
        webhook(alert(name="Host is down!")),
        [("prometheus.Host_is_down", HOST, "down", "critical", ALERTS)],
    ),
    "a link of Open vSwitch that went down": (
        "collectd",
        {},
        [collectd_alert("WARNING", summary='link state of "br-ex" interface has been changed to "DOWN"')],
        [("collectd.ovs_events_gauge", HOST, "down", "warning", "collectd/ovs_events_gauge/br-ex/link_status")],
    ),
    "a link that came up, whatever its severity": (
        "collectd",
        {"types": {"ovs_events": "compute.host.nic.error"}},
        [collectd_alert("WARNING", summary='link state of "br-ex" interface has been changed to "UP"')],
        [("compute.host.nic.error", HOST, "up", None, "collectd/ovs_events_gauge/br-ex/link_status")],
    ),
    "a link that is down with severity okay": (
        "collectd",
        {},
        [collectd_alert("OKAY", summary='link state of "br-ex" interface has been changed to "DOWN"')],
        [("collectd.ovs_events_gauge", HOST, "down", "major", "collectd/ovs_events_gauge/br-ex/link_status")],
    ),
    "a threshold, and that it is over": (
        "collectd",
        {"types": {"interface_if_octets": "compute.hypervisor.degraded"}},
        [collectd_alert("FAILURE", "interface", "if_octets"), collectd_alert("OKAY", "interface", "if_octets")],
        [
            ("compute.hypervisor.degraded", HOST, "down", "major", "collectd/interface_if_octets/br-ex/link_status"),
            ("compute.hypervisor.degraded", HOST, "up", None, "collectd/interface_if_octets/br-ex/link_status"),
        ],
    ),
    "a notification as a plugin has it": (
        "collectd",
        {"types": {"ovs_events_gauge": "compute.host.nic.error"}},
        PYTHON | {"severity": 1},
        [("compute.host.nic.error", HOST, "down", "major", "collectd/ovs_events_gauge/br-ex/link_status")],
    ),
    "a problem": ("zabbix", {}, zabbix(), [("zabbix.Link_down_on_eno2", HOST, "down", "major", "zabbix/8621")]),
    "its recovery": ("zabbix", {}, zabbix("0"), [("zabbix.Link_down_on_eno2", HOST, "up", None, "zabbix/8621")]),
    "a problem that names its type": (
        "zabbix",
        {},
        zabbix(event_tags='[{"tag":"nfvigil_type","value":"compute.host.fan"}]', event_nseverity="0"),
        [("compute.host.fan", HOST, "down", "indeterminate", "zabbix/8621")],
    ),
    "a trigger whose type is in the settings": (
        "zabbix",
        {"types": {"15432": "compute.host.nic.error"}},
        zabbix(event_tags="no list", host_host="*UNKNOWN*", host_name="compute-1"),
        [("compute.host.nic.error", HOST, "down", "major", "zabbix/8621")],
    ),
    "a host that is down": ("icinga2", {}, state_change(1), [("icinga.host", HOST, "down", "critical", "icinga")]),
    "a host that is up, in a downtime": (
        "icinga2",
        {"host_type": "compute.host.down"},
        state_change(0, downtime_depth=1),
        [("compute.host.down", HOST, "up", None, "icinga")],
    ),
    "a service that warns": (
        "icinga2",
        {},
        [state_change(1, service="link eno2")],
        [("icinga.link_eno2", HOST, "down", "warning", "icinga/link eno2")],
    ),
    "a service that cannot be checked": (
        "icinga2",
        {"types": {"link eno2": "compute.host.nic.error"}},
        state_change(3, service="link eno2"),
        [("compute.host.nic.error", HOST, "unknown", None, "icinga/link eno2")],
    ),
    "what a notification script sends": (
        "icinga2",
        {},
        NOTIFIED,
        [("icinga.ssh", HOST, "down", "critical", "icinga/ssh")],
    ),
    "a recovery of it": (
        "icinga2",
        {},
        NOTIFIED | {"notification_type": "RECOVERY", "state": "OK"},
        [("icinga.ssh", HOST, "up", None, "icinga/ssh")],
    ),
    "a notification of the event stream about a host": (
        "icinga2",
        {},
        {"type": "Notification", "host": "compute-1", "notification_type": "PROBLEM", "check_result": {"state": 2}},
        [("icinga.host", HOST, "down", "critical", "icinga")],
    ),
    "the event stream, an object a line": (
        "icinga2",
        {},
        json.dumps(state_change(1)).encode() + b"\n" + json.dumps(state_change(0)).encode() + b"\n",
        [("icinga.host", HOST, "down", "critical", "icinga"), ("icinga.host", HOST, "up", None, "icinga")],
    ),
    "a power supply that failed": (
        "redfish",
        {},
        redfish(record("Power.1.0.PowerSupplyFailed")),
        [("compute.host.power.degraded", HOST, "down", None, "redfish/power-supply//redfish/v1/Chassis/1/Bay1")],
    ),
    "the same by another maker's prefix, and restored": (
        "redfish",
        {},
        redfish(record("iLOEvents.2.1.PowerSupplyFailed"), record("Power.1.0.PowerSupplyRestored", "OK")),
        [
            ("compute.host.power.degraded", HOST, "down", None, "redfish/power-supply//redfish/v1/Chassis/1/Bay1"),
            ("compute.host.power.degraded", HOST, "up", None, "redfish/power-supply//redfish/v1/Chassis/1/Bay1"),
        ],
    ),
    "a temperature, by whatever threshold": (
        "redfish",
        {},
        redfish(record("Environmental.1.1.TemperatureAboveUpperFatalThreshold"), Context="compute-1"),
        [("compute.host.thermal", HOST, "down", None, "redfish/temperature//redfish/v1/Chassis/1/Bay1")],
    ),
    "a drive that is well again": (
        "redfish",
        {},
        redfish(record("StorageDevice.1.2.DriveOK", "OK")),
        [
            ("compute.host.disk", HOST, "up", None, "redfish/drive//redfish/v1/Chassis/1/Bay1"),
            ("compute.host.disk.predicted", HOST, "up", None, "redfish/drive-predicted//redfish/v1/Chassis/1/Bay1"),
        ],
    ),
    "a link, as the settings have it": (
        "redfish",
        {"types": {"link": "compute.host.nic.error"}},
        redfish(record("Alert.1.0.LanDisconnect")),
        [("compute.host.nic.error", HOST, "down", "warning", "redfish/link//redfish/v1/Chassis/1/Bay1")],
    ),
    "a maker's message that is in the settings": (
        "redfish",
        {"messages": {"PSU0001": {"type": "compute.host.power.degraded"}}},
        redfish(record("PSU0001", "Informational", OriginOfCondition=None, MessageArgs=["PSU1"])),
        [("compute.host.power.degraded", HOST, "down", None, "redfish/compute.host.power.degraded/PSU1")],
    ),
    "a maker's message that is not": (
        "redfish",
        {},
        redfish(record("TMP0100", "Critical")),
        [("redfish.TMP0100", HOST, "down", "critical", "redfish/TMP0100//redfish/v1/Chassis/1/Bay1")],
    ),
    "linkDown": (
        "snmp",
        {},
        trap(LINK_DOWN, (f"{IF_INDEX}.3", "3"), (f"{IF_ADMIN}.3", "1")),
        [("snmp.link", HOST, "down", "major", "snmp/snmp.link/3")],
    ),
    "linkUp": (
        "snmp",
        {},
        trap(LINK_UP, (f"{IF_INDEX}.3", "3")),
        [("snmp.link", HOST, "up", None, "snmp/snmp.link/3")],
    ),
    "linkDown by its names": (
        "snmp",
        {"types": {"snmp.link": "compute.host.nic.error"}},
        {
            "host": "compute-1",
            "varbinds": [
                ["SNMPv2-MIB::snmpTrapOID.0", "IF-MIB::linkDown"],
                ["IF-MIB::ifIndex.3", "3"],
                ["IF-MIB::ifAdminStatus.3", "up(1)"],
            ],
        },
        [("compute.host.nic.error", HOST, "down", "major", "snmp/snmp.link/3")],
    ),
    "linkDown in version 1": (
        "snmp",
        {"agents": {"192.0.2.7": "switch/leaf-1"}},
        {"host": "compute-1", "address": "192.0.2.7", "generic": 2, "enterprise": ".1.3.6.1.4.1.8072"},
        [("snmp.link", "switch/leaf-1", "down", "major", "snmp/snmp.link")],
    ),
    "coldStart is kept and raises nothing": (
        "snmp",
        {},
        trap("1.3.6.1.6.3.1.1.5.1"),
        [("snmp.coldStart", HOST, "unknown", None, "snmp/snmp.coldStart")],
    ),
    "an entity that is disabled": (
        "snmp",
        {},
        trap("1.3.6.1.2.1.131.0.2", ("1.3.6.1.2.1.131.1.1.1.3.7", "2")),
        [("snmp.entState", HOST, "down", "major", "snmp/snmp.entState/7")],
    ),
    "a BMC's temperature sensor": (
        "snmp",
        {},
        trap("1.3.6.1.4.1.3183.1.1.0.65801"),
        [("compute.host.thermal", HOST, "down", None, "snmp/compute.host.thermal/PET 01/01/09")],
    ),
    "one of several temperature sensors of a BMC": (
        "snmp",
        {},
        trap("1.3.6.1.4.1.3183.1.1.0.65801", (PET_DATA, pet(sensor=0x31))),
        [("compute.host.thermal", HOST, "down", None, "snmp/compute.host.thermal/PET 01/01/09 310301")],
    ),
    "a BMC whose transition to informational is no fault": (
        "snmp",
        {},
        trap(f"1.3.6.1.4.1.3183.1.1.0.{0x080708}"),
        [("compute.host.power.degraded", HOST, "unknown", None, "snmp/compute.host.power.degraded/PET 08/07/08")],
    ),
    "the same, over": (
        "snmp",
        {},
        trap("1.3.6.1.4.1.3183.1.1.0.65929"),
        [("compute.host.thermal", HOST, "up", None, "snmp/compute.host.thermal/PET 01/01/09")],
    ),
    "a trap of the settings": (
        "snmp",
        {"traps": {".1.3.6.1.4.1.9999.0.1": {"type": "compute.host.fan", "severity": "major", "subject": ["1.3.6.9"]}}},
        trap("1.3.6.1.4.1.9999.0.1", ("1.3.6.9.1", "fan 2")),
        [("compute.host.fan", HOST, "down", "major", "snmp/compute.host.fan/fan 2")],
    ),
    "a trap that nobody knows": (
        "snmp",
        {},
        trap("1.3.6.1.4.1.9999.0.2"),
        [("snmp.1_3_6_1_4_1_9999_0_2", HOST, "unknown", None, "snmp/snmp.1_3_6_1_4_1_9999_0_2")],
    ),
}


def form(name: str, options: dict[str, Any] | None = None) -> Format:
    return load_formats({name: options or {}})[name]


@pytest.mark.parametrize("case", CASES)
def test_what_it_becomes(case: str) -> None:
    name, options, message, expected = CASES[case]

    receipts, events = take(form(name, options), message)

    assert [seen(event) for event in events] == expected
    assert all(receipt.state is ReceiptState.ACCEPTED for receipt in receipts)


IGNORED: dict[str, tuple[str, Any, str, int, str]] = {
    # format, message, field, how many, counted as
    "metrics": ("collectd", [METRIC, METRIC], "[0]", 2, "metric"),
    "a watchdog": ("alertmanager", webhook(alert(name="Watchdog")), "alerts[0]", 1, "ignored"),
    "alerts that were left out": ("alertmanager", webhook(truncatedAlerts=7), "truncatedAlerts", 7, "truncated"),
    "an acknowledgement in Zabbix": ("zabbix", zabbix(event_update_status="1"), "event_update_status", 1, "ignored"),
    "a discovery": ("zabbix", zabbix(event_source="1"), "event_source", 1, "ignored"),
    "a soft state": ("icinga2", state_change(1, 0), "state_type", 1, "ignored"),
    "a problem in a downtime": ("icinga2", state_change(1, downtime_depth=2), "downtime_depth", 1, "ignored"),
    "an acknowledgement in Icinga": ("icinga2", {"type": "AcknowledgementSet", "host": "c"}, "", 1, "ignored"),
    "an acknowledgement by script": ("icinga2", NOTIFIED | {"notification_type": "ACKNOWLEDGEMENT"}, "", 1, "ignored"),
    "a message that all is well": ("redfish", redfish(record("Heartbeat.1.0.X", "OK")), "Events[0]", 1, "ignored"),
    "a port switched off": ("snmp", trap(LINK_DOWN, (f"{IF_ADMIN}.3", "down(2)")), "varbinds", 1, "ignored"),
}


@pytest.mark.parametrize("case", IGNORED)
def test_what_is_no_news_of_a_fault_is_ignored_and_counted(case: str) -> None:
    name, message, field, number, word = IGNORED[case]

    receipts, events = take(form(name), message)

    assert events == []
    (receipt,) = receipts
    assert (receipt.state, receipt.errors[0][0], receipt.number, receipt.word) == ("ignored", field, number, word)


REFUSED: dict[str, tuple[str, Any, set[str]]] = {
    "an alert of no status": ("alertmanager", webhook(alert("pending")), {"alerts[0].status"}),
    "an alert without a name": ("alertmanager", webhook(alert(name=" ")), {"alerts[0].labels.alertname"}),
    "an alert about nothing": ("alertmanager", webhook(alert(labels={"instance": ""})), {"alerts[0].labels"}),
    "an alert that is none": ("alertmanager", webhook("x"), {"alerts[0]"}),
    "an alert on an impossible resource": (
        "alertmanager",
        webhook(alert(labels={"nfvigil_resource": "host/a b"})),
        {"alerts[0].resource"},
    ),
    "a notification without a severity": (
        "collectd",
        {"labels": {}},
        {"labels.instance", "labels.alertname", "labels.severity"},
    ),
    "a plugin's without a host": ("collectd", [{"plugin": "ovs", "severity": 3}], {"[0].host", "[0].severity"}),
    "neither": ("collectd", [{"x": 1}, 5], {"[0]", "[1]"}),
    "a problem without a host": (
        "zabbix",
        {"event_value": "5"},
        {"event_value", "event_id", "host_host"},
    ),
    "a state that is none": ("icinga2", state_change(9, host=""), {"host", "state"}),
    "a line that is no object": ("icinga2", [5], {"[0]"}),
    "a record without a message": ("redfish", redfish({}, Context=""), {"Events[0].MessageId", "Context"}),
    "a record that is none": ("redfish", redfish(5), {"Events[0]"}),
    "a trap without a number": ("snmp", {"varbinds": []}, {"varbinds", "host"}),
    "varbinds that are none": ("snmp", {"host": "a", "generic": 2, "varbinds": [5]}, {"varbinds[0]"}),
    "varbinds that are no list": ("snmp", {"host": "a", "generic": 2, "varbinds": 5}, {"varbinds"}),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_is_named_by_field(case: str) -> None:
    name, message, fields = REFUSED[case]

    receipts, events = take(form(name), message)

    assert events == []
    assert {field for receipt in receipts for field, _ in receipt.errors} == fields


@pytest.mark.parametrize("name", ["alertmanager", "redfish", "snmp", "zabbix"])
@pytest.mark.parametrize("body", [b"", b"[]", b"5", b"{", b"\xff", b'{"alerts": 5, "Events": 5}', b"[" * 100_000])
def test_a_message_that_is_none_is_refused_as_a_whole(name: str, body: bytes) -> None:
    if body == b'{"alerts": 5, "Events": 5}' and name in ("snmp", "zabbix"):
        return

    with pytest.raises(RefusedError) as refusal:
        form(name).decode(body)

    assert refusal.value.errors


def test_more_than_a_thousand_alerts_are_refused() -> None:
    with pytest.raises(RefusedError, match="too many events"):
        form("alertmanager").decode(json.dumps(webhook(*[alert()] * 1001)).encode())


def test_an_alert_said_again_is_a_repeat_and_its_end_is_not() -> None:
    receipts, events = take(form("alertmanager"), webhook(alert(), alert(), alert("resolved"), alert("resolved")))

    assert [receipt.state for receipt in receipts] == ["accepted", "repeat", "accepted", "repeat"]
    assert [event.status for event in events] == ["down", "up"]


def test_a_summary_of_any_length_loses_no_alert() -> None:
    long = {"summary": "x" * 50_000, "\0" * 300: "\ud800"} | {f"a{number}": "b" for number in range(500)}

    receipts, events = take(form("alertmanager"), webhook(alert(annotations=long)))

    assert [receipt.state for receipt in receipts] == ["accepted"]
    assert len(events[0].cause) == 1000


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("alertmanager", webhook(alert(startsAt="yesterday"))),
        ("redfish", redfish(record("Power.1.0.FanFailed", EventTimestamp="0000-00-00T00:00:00Z"))),
        ("redfish", redfish(record("Power.1.0.FanFailed", EventTimestamp="x" * 65))),
        ("redfish", redfish(record("Power.1.0.FanFailed", EventTimestamp=""))),
        ("icinga2", state_change(1, timestamp=1e300)),
        ("icinga2", state_change(1, timestamp=True)),
        ("zabbix", zabbix(event_date="2026.13.45")),
        ("snmp", trap("1.3.6.1.6.3.1.1.5.3", time=[])),
        ("collectd", [collectd_alert("FAILURE") | {"startsAt": "1970-01-01T99:00:00Z"}]),
    ],
)
def test_no_alarm_is_lost_for_the_clock_of_its_monitor(name: str, body: object) -> None:
    receipts, events = take(load_formats()[name], body)

    assert ([receipt.state for receipt in receipts], [event.flags for event in events]) == (
        [ReceiptState.ACCEPTED],
        [(Flag.NO_TIME,)],
    )


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("alertmanager", webhook(alert(labels={"instance": "compute 1"}))),
        ("collectd", [{"labels": collectd_alert("FAILURE")["labels"] | {"instance": "compute\t1"}}]),
        ("icinga2", state_change(1, host=" compute 1 ")),
        ("redfish", redfish(record("Power.1.0.FanFailed"), Context="host/compute 1")),
        ("snmp", trap("1.3.6.1.6.3.1.1.5.3", host="compute  1")),
        ("zabbix", zabbix(host_host="compute 1")),
    ],
)
def test_a_host_whose_name_has_blanks_is_named_without(name: str, body: object) -> None:
    assert [event.resource for event in take(load_formats()[name], body)[1]] == ["host/compute_1"]


def test_whatever_is_in_an_alert_is_kept_as_far_as_an_event_can() -> None:
    deep: Any = "bottom"
    for _ in range(20):
        deep = [deep, {"a": deep}] if isinstance(deep, str) else [deep]
    odd = {"deep": deep, "big": 10**30, "huge": 1 << 64, "none": None, "true": True, "many": [*range(5000)]}

    receipts, events = take(form("icinga2"), state_change(1, odd=odd, more={str(n): {} for n in range(500)}))

    assert [receipt.state for receipt in receipts] == ["accepted"]
    assert events[0].details["icinga"]["odd"]["big"] == str(10**30)


def test_a_number_of_thousands_of_digits_is_answered() -> None:
    body = b'{"type": "StateChange", "host": "c", "state": ' + b"9" * 10_000 + b"}"

    with pytest.raises(RefusedError) as refusal:
        form("icinga2").decode(body)

    assert refusal.value.errors


def test_an_alert_without_a_fingerprint_has_one_that_follows_from_its_labels() -> None:
    one, other = alert(fingerprint=None), alert(fingerprint="", labels={"device": "sda"})

    _, events = take(form("alertmanager"), webhook(one, other, one | {"status": "resolved"}))

    assert events[0].monitor == events[2].monitor != events[1].monitor


@pytest.mark.parametrize(
    ("state", "check", "status"),
    [(None, {"state": 2.0}, "down"), (True, {"state": 0}, None), (None, {"state": 0}, "up"), ("OK", None, "up")],
)
def test_a_services_state_may_stand_in_its_check(state: Any, check: Any, status: str | None) -> None:
    _, events = take(form("icinga2"), state_change(0, service="ssh", check_result=check) | {"state": state})

    assert [str(event.status) for event in events] == ([] if status is None else [status])


def test_a_format_that_takes_no_settings_says_which_one_it_is() -> None:
    with pytest.raises(SettingsError, match="format doctor"):
        load_formats({"doctor": {"x": 1}})


def test_collectds_event_of_onap_says_when_it_happened() -> None:
    _, events = take(form("collectd"), [collectd_alert("FAILURE", "connectivity", ves=json.dumps(VES))])

    assert (events[0].happened_us, events[0].cause) == (VES["startEpochMicrosec"], "interface eno2 down")


@pytest.mark.parametrize("ves", ["{", "5", '{"startEpochMicrosec": true}', '{"startEpochMicrosec": 1e99}', 7])
def test_an_event_of_onap_that_is_none_costs_nothing(ves: object) -> None:
    receipts, events = take(form("collectd"), [collectd_alert("FAILURE", "connectivity", ves=ves)])

    assert ([receipt.state for receipt in receipts], events[0].happened_us) == (["accepted"], None)


@pytest.mark.parametrize(
    ("name", "options", "field"),
    [
        ("alertmanager", {"hosts": 5}, "formats.alertmanager.hosts"),
        ("alertmanager", {"poll_seconds": -1}, "formats.alertmanager.poll_seconds"),
        ("snmp", {"traps": {"1.2": {"type": "x", "status": "maybe"}}}, "formats.snmp.traps[...].status"),
        ("acme", {}, "formats.acme"),
        ("redfish", {"messages": {"X": {"type": "a.b", "status": "dwon"}}}, "formats.redfish.messages[...].status"),
        ("redfish", {"types": {"link": "no word"}}, "formats.redfish.types[...]"),
        ("icinga2", {"host_type": ""}, "formats.icinga2.host_type"),
    ],
)
def test_a_wrong_setting_of_a_format_stops_the_start_and_is_named(
    name: str, options: dict[str, Any], field: str
) -> None:
    with pytest.raises(SettingsError) as refusal:
        load_formats({name: options})

    assert [error.field for error in refusal.value.errors] == [field]


def test_a_version_1_trap_has_the_number_that_rfc_3584_gives_it() -> None:
    assert [v2_of("1.3.6.1.4.1.9", generic, 7) for generic in (0, 5, 6, -1)] == [
        "1.3.6.1.6.3.1.1.5.1",
        "1.3.6.1.6.3.1.1.5.6",
        "1.3.6.1.4.1.9.0.7",
        "1.3.6.1.4.1.9.0.7",
    ]


@pytest.mark.parametrize(
    ("given", "number"), [("2", "2"), ("down", "2"), ("down(2)", "2"), ("Up", "1"), ("odd?", "odd?")]
)
def test_an_interfaces_state_in_any_spelling(given: str, number: str) -> None:
    assert state_of(given) == number


@pytest.mark.parametrize(
    ("oid", "name", "status"),
    [
        ("1.3.6.1.2.1.33.2.0.1", "upsTrapOnBattery", "down"),
        ("1.3.6.1.4.1.3183.1.1.0.552704", "PET 08/6f/00", "unknown"),
        ("1.3.6.1.4.1.3183.1.1.552705", "PET 08/6f/01", "down"),
    ],
)
def test_a_traps_number_is_found_with_and_without_its_zero(oid: str, name: str, status: str) -> None:
    found = trap_of(oid, {})

    assert found is not None
    assert (found.name, found.status) == (name, status)


def pets(specific: int, sensor: int, sequence: int = 7) -> list[Event]:
    return take(SNMP, trap(f"1.3.6.1.4.1.3183.1.1.0.{specific}", (PET_DATA, pet(sensor, sequence))))[1]


def test_one_sensors_end_does_not_end_anothers_alarm() -> None:
    (first,), (second,) = pets(0x010109, sensor=1), pets(0x010109 | 0x80, sensor=2)

    assert (first.status, second.status) == (Status.DOWN, Status.UP)
    assert first.monitor != second.monitor


def test_a_bmc_that_is_fully_redundant_again_ends_what_it_had_lost_and_begins_nothing() -> None:
    (lost,) = pets(0x080B01, sensor=1)

    over = pets(0x080B00, sensor=1)

    assert {event.status for event in over} == {Status.UP}
    assert lost.monitor in {event.monitor for event in over}


@pytest.mark.parametrize("octets", ["", "0x0102", '"44 45 4C"', "no octets"])
def test_octets_that_say_no_sensor_leave_what_the_number_says(octets: str) -> None:
    (event,) = take(
        SNMP, trap(f"1.3.6.1.4.1.3183.1.1.0.{0x080B00 | 0x80}", ("1.3.6.1.2.1.1.3.0", "1"), (PET_DATA, octets))
    )[1]

    assert (event.status, event.monitor) == (Status.UNKNOWN, "snmp/compute.host.power.degraded/PET 08/0b/00")


def test_a_platform_event_that_is_sent_again_is_a_repeat() -> None:
    message = trap("1.3.6.1.4.1.3183.1.1.0.65801", (PET_DATA, pet(1, 7)))
    (first,), (again,) = (take(SNMP, {**message, "id": name})[1] for name in ("a", "b"))
    (uncounted,) = take(SNMP, {**trap("1.3.6.1.4.1.3183.1.1.0.65801", (PET_DATA, pet(1, 0))), "id": "c"})[1]

    assert (first.monitor_event_id, uncounted.monitor_event_id) == (again.monitor_event_id, "c")


@pytest.mark.parametrize(
    ("begins", "ends", "objects"),
    [
        ("1.3.6.1.2.1.131.0.2", "1.3.6.1.2.1.131.0.1", ("1.3.6.1.2.1.131.1.1.1.5.{part}", "{state}")),
        (
            "1.3.6.1.2.1.118.0.2",
            "1.3.6.1.2.1.118.0.3",
            ("1.3.6.1.2.1.118.1.2.2.1.13.1", ".1.3.6.1.2.1.118.1.1.2.1.3.0.{part}.{state}"),
        ),
    ],
)
def test_a_trap_that_ends_an_alarm_ends_that_of_the_same_part(begins: str, ends: str, objects: tuple[str, str]) -> None:
    def of(oid: str, part: int, state: int) -> str:
        varbind = (objects[0].format(part=part), objects[1].format(part=part, state=state))
        (event,) = take(SNMP, trap(oid, varbind))[1]
        return event.monitor

    assert of(begins, 7, 2) == of(ends, 7, 1)
    assert of(begins, 7, 2) != of(begins, 8, 2)


@pytest.mark.parametrize("oid", ["1.3.6.1.4.1.3183.1.1.0.x", "1.3.6.1.4.1.3183.1.1.0.99999999999", "", "1", "..."])
def test_a_number_that_is_no_trap_is_none(oid: str) -> None:
    assert trap_of(oid, {}) is None


def test_no_message_of_redfish_begins_two_conditions_or_ends_what_it_begins() -> None:
    begins = [key for condition in CONDITIONS for key in condition.begins]

    assert len(begins) == len(set(begins))
    assert [key for key in begins if meaning_of(key)[1]] == []


def test_every_message_of_redfishs_registries_is_an_event_or_is_ignored() -> None:
    rows = list(csv.DictReader(published("redfish/message_registry_keys.csv").read_text().splitlines()))
    reader = form("redfish")

    unread = []
    for row in rows:
        message = redfish(record(f"X.1.0.{row['message_key']}", row["MessageSeverity"]))
        items = reader.decode(json.dumps(message).encode())
        assert not [item for item in items if isinstance(item, Refusal)], row
        if row["MessageSeverity"] != "OK" and not any(isinstance(item, RawEvent) for item in items):
            unread.append(row["message_key"])

    assert (len(rows), unread) == (289, [])


@pytest.mark.parametrize(
    ("path", "name", "expected"),
    [
        ("alertmanager/webhook_v4_firing.json", "alertmanager", ["down"]),
        ("alertmanager/webhook_v4_mixed_group.json", "alertmanager", ["down", "up"]),
        ("alertmanager/webhook_v4_resolved.json", "alertmanager", ["up"]),
        ("collectd/write_http_metrics.json", "collectd", []),
        ("collectd/write_http_notification_connectivity_ves.json", "collectd", ["down"]),
        ("collectd/write_http_notification_ovs_events_down.json", "collectd", ["down"]),
        ("collectd/write_http_notification_ovs_events_up.json", "collectd", ["up"]),
        ("collectd/write_http_notification_threshold.json", "collectd", ["down"]),
        ("collectd/python_plugin_notification_ovs_events.json", "collectd", ["down"]),
        ("zabbix/webhook_payload_problem.json", "zabbix", ["down"]),
        ("zabbix/webhook_payload_recovery.json", "zabbix", ["up"]),
        ("zabbix/webhook_payload_update_ack.json", "zabbix", []),
        ("icinga2/event_statechange_host_down.json", "icinga2", ["down"]),
        ("icinga2/event_statechange_service_critical.json", "icinga2", ["down"]),
        ("icinga2/event_acknowledgementset.json", "icinga2", []),
        ("icinga2/event_downtimestarted.json", "icinga2", []),
        ("redfish/own-samples/event_psu_failed.json", "redfish", ["down"]),
        ("redfish/own-samples/event_psu_restored.json", "redfish", ["up"]),
        ("redfish/own-samples/event_lan_disconnect.json", "redfish", ["down"]),
    ],
)
def test_the_published_samples_are_read(path: str, name: str, expected: list[str]) -> None:
    receipts, events = take(form(name), published(path).read_bytes())

    assert [str(event.status) for event in events] == expected
    assert ReceiptState.REFUSED not in [receipt.state for receipt in receipts]


_KEYS = """
    alerts labels annotations status firing resolved alertname instance severity startsAt endsAt fingerprint receiver
    truncatedAlerts values plugin type host summary ves FAILURE OKAY event_value event_id event_tags host_host 1 0
    event_name type StateChange state state_type check_result downtime_depth notification_type PROBLEM service Events
    MessageId Context OriginOfCondition MessageArgs MessageSeverity EventTimestamp varbinds generic enterprise
    1.3.6.1.6.3.1.1.4.1.0 1.3.6.1.6.3.1.1.5.3 compute-1 Power.1.0.FanFailed
"""
WORDS = st.sampled_from(_KEYS.split())
TEXTS = WORDS | st.text(max_size=8)
VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS
JSON = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=8), max_leaves=25
)
SHAPES = (
    JSON
    | st.builds(lambda one: {"alerts": [one], "Events": [one], "varbinds": [[one, one]]}, JSON)
    | st.builds(lambda base, key, value: base | {key: value}, st.sampled_from([zabbix(), state_change(1)]), TEXTS, JSON)
    | st.builds(lambda key, value: webhook(alert() | {key: value}), TEXTS, JSON)
    | st.builds(lambda key, value: redfish(record("A.1.0.FanFailed") | {key: value}), TEXTS, JSON)
    | st.builds(lambda key, value: [collectd_alert("FAILURE") | {key: value}], TEXTS, JSON)
    | st.builds(lambda key, value: trap(LINK_DOWN) | {key: value}, TEXTS, JSON)
)
FORMATS = [form(name) for name in ("alertmanager", "collectd", "icinga2", "redfish", "snmp", "zabbix")]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(FORMATS), SHAPES)
def test_whatever_is_sent_is_answered_and_what_is_refused_names_field_and_reason(one: Format, message: object) -> None:
    try:
        receipts, events = take(one, message)
    except RefusedError as error:
        receipts, events = [], []
        unexplained = [flaw for flaw in error.errors if not flaw.reason]
    else:
        unexplained = []

    assert unexplained == []
    assert all((receipt.state in ("refused", "ignored")) == bool(receipt.errors) for receipt in receipts)
    assert all(reason for receipt in receipts for _, reason in receipt.errors)
    assert len(events) == [receipt.state for receipt in receipts].count(ReceiptState.ACCEPTED)
