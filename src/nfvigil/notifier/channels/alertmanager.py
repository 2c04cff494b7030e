"""The webhook of Prometheus' Alertmanager (version 4), for receivers that were written for it."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import msgspec

from nfvigil.model.alarm import Alarm
from nfvigil.model.notification import Notification
from nfvigil.model.resource import split_key
from nfvigil.model.severity import Severity
from nfvigil.model.subscription import Endpoint, Subscription
from nfvigil.model.times import iso
from nfvigil.model.view import root_for
from nfvigil.notifier.channel import Message

_encode = msgspec.json.Encoder().encode

OPEN = "0001-01-01T00:00:00Z"
"""Alertmanager's end of an alert that has none yet."""

_SEVERITY = {
    Severity.CRITICAL: "critical",
    Severity.MAJOR: "major",
    Severity.MINOR: "minor",
    Severity.WARNING: "warning",
    Severity.INDETERMINATE: "info",
    Severity.CLEARED: "none",
}


def _fingerprint(text: str) -> str:
    return blake2b(text.encode(), digest_size=8).hexdigest()


def _link(source: str, alarm_id: str) -> str:
    """Where the alarm is to be seen, if ``source`` is an address; else a name for it."""
    if source.startswith(("http://", "https://")):
        return f"{source.rstrip('/')}/v1/alarms/{alarm_id}"
    return f"urn:nfvigil:alarm:{alarm_id}"


def _alert(alarm: Alarm, project: str | None, source: str) -> dict[str, Any]:
    kind, name = split_key(alarm.resource)
    labels = {
        "alertname": alarm.fault_type,
        "severity": _SEVERITY[alarm.severity],
        "resource_type": kind,
        "resource_id": name,
        "resource": alarm.resource_name or name,
        "event_type": alarm.event_type.value,
        "alarm_id": alarm.id,
    }
    if alarm.project:
        labels["project_id"] = alarm.project
    if project is None and alarm.vim:
        labels["vim"] = alarm.vim
    annotations = {
        "summary": alarm.text,
        "probable_cause": alarm.probable_cause,
        "recommended_action": alarm.recommended_action,
        "root_cause_id": root_for(alarm, project),
        "acknowledged_by": alarm.acked_by,
    }
    if project is None:
        annotations["repair"] = alarm.repair
    return {
        "status": "firing" if alarm.is_open else "resolved",
        "labels": labels,
        "annotations": {key: text for key, text in annotations.items() if text},
        "startsAt": iso(alarm.raised_us),
        "endsAt": OPEN if alarm.is_open else iso(alarm.cleared_us or alarm.raised_us),
        "generatorURL": _link(source, alarm.id),
        # The severity may change while it stands: what a receiver knows an alert by must not.
        "fingerprint": _fingerprint(alarm.id),
    }


def _sign_of_life(notification: Notification, subscription: Subscription, source: str) -> dict[str, Any]:
    """Resolved from the first, so that nobody is called for it."""
    at = iso(notification.created_us)
    return {
        "status": "resolved",
        "labels": {"alertname": f"nfvigil.{notification.news.value}", "severity": "none"},
        "annotations": {"summary": "a sign of life, not an alarm"},
        "startsAt": at,
        "endsAt": at,
        "generatorURL": _link(source, notification.id),
        "fingerprint": _fingerprint(f"{subscription.id} {notification.news.value}"),
    }


def _common(alerts: list[dict[str, Any]], field: str) -> dict[str, str]:
    first = alerts[0][field]
    return {key: value for key, value in first.items() if all(one[field].get(key) == value for one in alerts)}


class AlertmanagerChannel:
    """``{"version": "4", "groupKey", "status", "receiver", ..., "alerts": [...]}``. It holds what is news, where
    Alertmanager repeats all that stands in a group: an alert that is not in it is as it was.
    """

    per_alarm = False

    def render(
        self, notification: Notification, subscription: Subscription, endpoint: Endpoint, part: int, source: str
    ) -> Message:
        project = subscription.project or None
        alerts = [_alert(alarm, project, source) for alarm in notification.alarms]
        alerts = alerts or [_sign_of_life(notification, subscription, source)]
        body = {
            "version": "4",
            "groupKey": f'{{}}/{{subscription="{subscription.id}"}}:{{}}',
            "truncatedAlerts": 0,
            "status": "firing" if any(one["status"] == "firing" for one in alerts) else "resolved",
            "receiver": subscription.name or subscription.id,
            "groupLabels": {},
            "commonLabels": _common(alerts, "labels"),
            "commonAnnotations": _common(alerts, "annotations"),
            "externalURL": source if "://" in source else f"urn:nfvigil:{source}",
            "alerts": alerts,
        }
        return Message(_encode(body), {"Content-Type": "application/json"})
