"""Messages of monitoring systems as they send them, and what intake makes of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC
from typing import Any

from nfvigil.model.event import Event, Receipt
from nfvigil.model.ids import EventIds
from nfvigil.southbound.formats import Format
from nfvigil.southbound.intake import Intake

NOW_US = 1_767_323_045_000_000
NOW = "2026-01-02T03:04:05Z"


def take(form: Format, body: object) -> tuple[list[Receipt], list[Event]]:
    kept: list[Event] = []

    async def keep(events: Sequence[Event]) -> None:
        kept.extend(events)

    def clock() -> int:
        return NOW_US

    async def run() -> list[Receipt]:
        intake = Intake(keep=keep, ids=EventIds(clock), clock=clock, zone=UTC)
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await intake.take(form.decode(raw), form.name)

    return asyncio.run(run()), kept


def seen(event: Event) -> tuple[str, str, str, str | None, str]:
    return event.type, event.resource, str(event.status), event.severity, event.monitor


def alert(status: str = "firing", name: str = "HostDown", **more: Any) -> dict[str, Any]:
    labels = {"alertname": name, "instance": "compute-1:9100", "severity": "critical"} | more.pop("labels", {})
    return {
        "status": status,
        "labels": labels,
        "annotations": {"summary": "node exporter unreachable"},
        "startsAt": "2026-01-02T03:00:00.123456789Z",
        "endsAt": "0001-01-01T00:00:00Z" if status == "firing" else "2026-01-02T03:04:00Z",
        "generatorURL": "http://prometheus.example.net:9090/graph",
        "fingerprint": "1a30ba71cca2921f",
    } | more


def webhook(*alerts: Any, **more: Any) -> dict[str, Any]:
    return {
        "version": "4",
        "groupKey": "{}:{}",
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "nfvi",
        "alerts": [*alerts],
        "notification_reason": "new",
    } | more


def collectd_alert(severity: str, plugin: str = "ovs_events", kind: str = "gauge", **more: Any) -> dict[str, Any]:
    labels = {"alertname": f"collectd_{plugin}_{kind}", "instance": "compute-1", plugin: "br-ex", "type": "link_status"}
    return {
        "labels": labels | {"severity": severity, "service": "collectd"},
        "annotations": {"summary": more.pop("summary", "")} | more,
        "startsAt": "2026-01-02T03:04:04.547955618Z",
    }


METRIC = {
    "values": [197141504, None],
    "dstypes": ["counter", "counter"],
    "dsnames": ["read", "write"],
    "time": 1767323040.265,
    "interval": 10.0,
    "host": "compute-1",
    "plugin": "disk",
    "plugin_instance": "sda",
    "type": "disk_octets",
    "type_instance": "",
}


def zabbix(value: str = "1", **more: Any) -> dict[str, Any]:
    return {
        "event_source": "0",
        "event_object": "0",
        "event_value": value,
        "event_update_status": "0",
        "event_id": "8621",
        "event_name": "Link down on eno2",
        "event_nseverity": "4",
        "event_date": "2026.01.02",
        "event_time": "03:04:00",
        "event_tags": '[{"tag":"component","value":"network"}]',
        "trigger_id": "15432",
        "host_host": "compute-1",
        "event_recovery_id": "{EVENT.RECOVERY.ID}" if value == "1" else "8650",
        "event_recovery_date": "2026.01.02",
        "event_recovery_time": "03:04:05",
    } | more


def state_change(state: int, state_type: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "type": "StateChange",
        "timestamp": 1767323044.2,
        "host": "compute-1",
        "state": state,
        "state_type": state_type,
        "downtime_depth": 0,
        "check_result": {"state": 2, "output": "PING CRITICAL - Packet loss = 100%", "performance_data": ["pl=100%"]},
    } | more


def record(message_id: str, severity: str = "Warning", **more: Any) -> dict[str, Any]:
    return {
        "MemberId": "0",
        "EventType": "Alert",
        "EventId": "4593",
        "EventTimestamp": "2026-01-02T03:04:00+00:00",
        "MessageSeverity": severity,
        "Message": f"This is {message_id}.",
        "MessageId": message_id,
        "OriginOfCondition": {"@odata.id": "/redfish/v1/Chassis/1/Bay1"},
    } | more


def redfish(*records: Any, **more: Any) -> dict[str, Any]:
    return {
        "@odata.type": "#Event.v1_7_0.Event",
        "Id": "1",
        "Name": "Events",
        "Context": "host/compute-1",
        "Events": [*records],
    } | more


def trap(oid: str, *varbinds: tuple[str, str], **more: Any) -> dict[str, Any]:
    return {
        "host": "compute-1",
        "address": "192.0.2.7",
        "varbinds": [["1.3.6.1.6.3.1.1.4.1.0", oid], *map(list, varbinds)],
    } | more


IF_INDEX = "1.3.6.1.2.1.2.2.1.1"
IF_ADMIN = "1.3.6.1.2.1.2.2.1.7"
LINK_DOWN = "1.3.6.1.6.3.1.1.5.3"
LINK_UP = "1.3.6.1.6.3.1.1.5.4"
