"""Notifications as OpenStack's services send them (oslo.messaging's envelope, version 2), for the cloud's own bus.

A server's alarm becomes ``compute.instance.update`` with the state that Ceilometer's event definitions take as a trait:
what listens to Nova hears of it from us in the same words, and sooner.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from nfvigil.model.alarm import Alarm
from nfvigil.model.ids import stable_id
from nfvigil.model.notification import Notification
from nfvigil.model.resource import BROKEN, Kind, split_key
from nfvigil.model.subscription import Endpoint, Subscription
from nfvigil.model.times import SECOND
from nfvigil.notifier.channel import Message

_encode = msgspec.json.Encoder().encode

PUBLISHER = "compute.nfvigil"
"""As Nova's, ``<service>.<host>``: Ceilometer makes traits of both. The host is none, so that no real one is told."""

EVENT_TYPES: dict[str, str] = {
    Kind.SERVER: "compute.instance.update",
    Kind.PORT: "port.update.end",
    Kind.VOLUME: "volume.update.end",
    Kind.HOST: "nfvigil.host.update",
}
"""By what the alarm is on; others are ``nfvigil.<kind>.update``, as no service of the cloud speaks of them."""


def _timestamp(us: int) -> str:
    """UTC, a space instead of the T and no zone: as oslo.messaging writes it."""
    return datetime.fromtimestamp(us // SECOND, UTC).replace(microsecond=us % SECOND).strftime("%Y-%m-%d %H:%M:%S.%f")


class OsloChannel:
    """``{"oslo.version": "2.0", "oslo.message": "<the notification, as JSON in a string>"}``, one alarm a message."""

    per_alarm = True

    def render(
        self, notification: Notification, subscription: Subscription, endpoint: Endpoint, part: int, source: str
    ) -> Message:
        message_id = stable_id(notification.id, "oslo", part)
        if notification.alarms:
            alarm = notification.alarms[part]
            event_type, payload, project = _update(alarm)
        else:
            told = notification.event or {"event_type": f"nfvigil.{notification.news.value}", "payload": {}}
            event_type, payload = str(told["event_type"]), told["payload"]
            project = str(payload.get("project_id") or subscription.extra.get("project") or "")
            if "project_id" in payload:
                payload = payload | {"project_id": project}
        inner = {
            "message_id": message_id,
            "publisher_id": subscription.extra.get("publisher_id", PUBLISHER),
            "event_type": event_type,
            "priority": "INFO",
            "payload": payload,
            "timestamp": _timestamp(notification.created_us),
            # Who reads the bus knows by it that a message came twice: it is the same for each try.
            "_unique_id": message_id.replace("-", ""),
            "_context_request_id": f"req-{message_id}",
            "_context_project_id": project or None,
            "_context_tenant_id": project or None,
        }
        envelope = {"oslo.version": "2.0", "oslo.message": _encode(inner).decode()}
        return Message(_encode(envelope), {"Content-Type": "application/json"})


def _update(alarm: Alarm) -> tuple[str, dict[str, Any], str]:
    """Event type, payload and project. The host is not in it: Aodh hands traits on to the project."""
    kind, name = split_key(alarm.resource)
    event_type = EVENT_TYPES.get(kind, f"nfvigil.{kind}.update")
    is_broken = alarm.is_open and alarm.resource_state in BROKEN
    about = {
        "nfvigil_alarm_id": alarm.id,
        "nfvigil_fault_type": alarm.fault_type,
        "nfvigil_severity": (alarm.severity.value if alarm.is_open else "cleared"),
    }
    if kind == Kind.SERVER:
        payload: dict[str, Any] = {
            "tenant_id": alarm.project,
            "instance_id": name,
            "display_name": alarm.resource_name or name,
            "state": "error" if is_broken else "active",
            "old_state": "active" if is_broken else "error",
            "state_description": alarm.text if is_broken else "",
            **about,
        }
    elif kind == Kind.PORT:
        status = "DOWN" if is_broken else "ACTIVE"
        port = {"id": name, "name": alarm.resource_name, "tenant_id": alarm.project, "project_id": alarm.project}
        payload = {"port": port | {"data_plane_status": status}, **about}
    else:
        payload = {
            "id": name,
            "project_id": alarm.project,
            "display_name": alarm.resource_name or name,
            "status": "error" if is_broken else "available",
            **about,
        }
    return event_type, payload, alarm.project
