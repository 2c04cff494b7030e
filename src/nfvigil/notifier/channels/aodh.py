"""The webhook of Aodh's event alarm, so that what was written for OpenStack's alarming works unmodified.

An event alarm's firing comes with its message. Of other news the subscription plays the Aodh alarm: its id and name
are ``alarm_id`` and ``alarm_name``.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from nfvigil.model.alarm import Alarm
from nfvigil.model.event_alarm import FIRING
from nfvigil.model.ids import stable_id
from nfvigil.model.notification import Notification
from nfvigil.model.resource import Kind, ResourceState, split_key
from nfvigil.model.severity import Severity
from nfvigil.model.subscription import Endpoint, Subscription
from nfvigil.model.times import iso
from nfvigil.model.verdict import News
from nfvigil.notifier.channel import Message

_encode = msgspec.json.Encoder().encode

_TEXT = 1
"""Ceilometer's number for a trait that is a string."""

_SEVERITY = {
    Severity.CRITICAL: "critical",
    Severity.MAJOR: "moderate",
    Severity.MINOR: "moderate",
    Severity.WARNING: "low",
    Severity.INDETERMINATE: "low",
    Severity.CLEARED: "low",
}
_EVENT_TYPE: dict[str, str] = {
    Kind.SERVER: "compute.instance.update",
    Kind.PORT: "port.update.end",
    Kind.VOLUME: "volume.update.end",
    Kind.NETWORK: "network.update.end",
}
_SERVICE: dict[str, str] = {
    Kind.SERVER: "compute",
    Kind.HOST: "compute",
    Kind.VOLUME: "volume",
    Kind.PORT: "network",
    Kind.NETWORK: "network",
}
_TURN: dict[News, tuple[str, str]] = {
    News.RAISED: ("ok", "alarm"),
    News.CHANGED: ("alarm", "alarm"),
    News.CONFIRMED: ("alarm", "alarm"),
    News.SUMMARY: ("alarm", "alarm"),
    News.CLEARED: ("alarm", "ok"),
    News.ACTION: ("ok", "ok"),
}
"""The Aodh alarm's state before and after."""


def _generated(us: int) -> str:
    return iso(us).removesuffix("Z")  # Aodh writes UTC without saying so.


def _traits(alarm: Alarm, request_id: str) -> list[list[Any]]:
    kind, name = split_key(alarm.resource)
    is_broken = alarm.is_open and alarm.resource_state in (ResourceState.DOWN, ResourceState.ERROR)
    values = {
        "state": "error" if is_broken else "active",
        "service": _SERVICE.get(kind, kind),
        "instance_id": name if kind == Kind.SERVER else "",
        "resource_id": name,
        "display_name": alarm.resource_name or name,
        "tenant_id": alarm.project,
        "project_id": alarm.project,
        "vnf_id": alarm.vnf,
        "vnfc_id": alarm.vnfc,
        "request_id": request_id,
        "nfvigil_alarm_id": alarm.id,
        "nfvigil_fault_type": alarm.fault_type,
    }
    return [[field, _TEXT, value] for field, value in values.items() if value]


class AodhChannel:
    """``{alarm_name, alarm_id, severity, previous, current, reason, reason_data}``, one alarm a message."""

    per_alarm = True

    def render(
        self, notification: Notification, subscription: Subscription, endpoint: Endpoint, part: int, source: str
    ) -> Message:
        message_id = stable_id(notification.id, "aodh", part)
        request_id = f"req-{message_id}"
        headers = {"Content-Type": "application/json", "x-openstack-request-id": request_id}
        if notification.event is not None and notification.event["event_type"] == FIRING:
            return Message(_encode(notification.event["payload"]), headers)
        if notification.alarms:
            told = self._alarm(notification, notification.alarms[part], message_id, request_id)
        else:
            told = self._sign_of_life(notification, message_id)
        envelope = {
            "alarm_name": subscription.name or subscription.id,
            "alarm_id": subscription.id,
            **told,
        }
        return Message(_encode(envelope), headers)

    def _alarm(self, notification: Notification, alarm: Alarm, message_id: str, request_id: str) -> dict[str, Any]:
        kind, name = split_key(alarm.resource)
        previous, current = _TURN[notification.news]
        traits = _traits(alarm, request_id)
        event_type = _EVENT_TYPE.get(kind, f"{kind}.update")
        query = [
            {
                "field": "traits.instance_id" if kind == Kind.SERVER else "traits.resource_id",
                "op": "eq",
                "type": "string",
                "value": name,
            },
            {"field": "traits.state", "op": "eq", "type": "string", "value": traits[0][2]},
        ]
        return {
            "severity": _SEVERITY[alarm.severity],
            "previous": previous,
            "current": current,
            "reason": f"Event <id={message_id},event_type={event_type}> hits the query <query={json.dumps(query)}>.",
            "reason_data": _event(message_id, event_type, notification.created_us, traits),
        }

    def _sign_of_life(self, notification: Notification, message_id: str) -> dict[str, Any]:
        """A heartbeat, test or empty summary. Aodh has no word for it: its state stays "ok", which fires nothing."""
        event_type = f"nfvigil.{notification.news.value}"
        return {
            "severity": "low",
            "previous": "ok",
            "current": "ok",
            "reason": f"Event <id={message_id},event_type={event_type}> is a sign of life, not an alarm.",
            "reason_data": _event(message_id, event_type, notification.created_us, []),
        }


def _event(message_id: str, event_type: str, at_us: int, traits: list[list[Any]]) -> dict[str, Any]:
    return {
        "type": "event",
        "event": {
            "message_id": message_id,
            "event_type": event_type,
            "generated": _generated(at_us),
            "traits": traits,
            "raw": {},
            # Empty is what telemetry without a shared secret writes.
            "message_signature": "",
        },
    }
