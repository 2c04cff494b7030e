"""Doctor's FaultNotification as JSON: the default, and what every other consumer can be taught in an hour."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from nfvigil.model.alarm import Alarm
from nfvigil.model.notification import Notification
from nfvigil.model.resource import ResourceState, split_key
from nfvigil.model.severity import Severity
from nfvigil.model.subscription import Endpoint, Subscription
from nfvigil.model.times import iso as iso_of
from nfvigil.model.view import root_for
from nfvigil.notifier.channel import Message

_WORST_FIRST = (ResourceState.ERROR, ResourceState.DOWN, ResourceState.MAINTENANCE, ResourceState.NORMAL)
iso = lru_cache(maxsize=4096)(iso_of)
"""The alarms of one event share their times, and writing one out is a tenth of a message's cost."""

_encode = msgspec.json.Encoder().encode


def _iso_or_none(us: int | None) -> str | None:
    return None if us is None else iso(us)


def fault(alarm: Alarm, project: str | None) -> dict[str, Any]:
    """One entry of ``Faults``. A cleared alarm has severity 0, so that who reads nothing else takes no alarm."""
    severity = alarm.severity if alarm.is_open else Severity.CLEARED
    root = root_for(alarm, project)
    details: dict[str, Any] = {
        "Text": alarm.text,
        "EventType": alarm.event_type.value,
        "VimState": alarm.vim_state.value,
        "RaisedSeverity": alarm.severity.value,
        "RootCauseID": root,
    }
    if alarm.vnf:
        details["VnfID"] = alarm.vnf
        details["VnfcID"] = alarm.vnfc or None
    if alarm.predicted:
        details["IsPredicted"] = True
        details["ExpectedTime"] = _iso_or_none(alarm.expected_us)
    correlated = [root] if alarm.parent else []
    if project is None:
        correlated = [cause.alarm for cause in alarm.causes]
        details |= {
            "Vim": alarm.vim,
            "Repair": alarm.repair,
            "Rule": alarm.rule,
            "Policy": alarm.policy,
            "EventID": str(alarm.event_id),
        }
    return {
        "FaultID": alarm.id,
        "FaultType": alarm.fault_type,
        "Severity": severity.rank,
        "PerceivedSeverity": severity.value,
        "EventTime": iso(alarm.event_us),
        "ProbableCause": alarm.probable_cause,
        "IsRootCause": alarm.is_root_cause,
        "CorrelatedFaultID": correlated,
        "State": alarm.state.value,
        "RecommendedAction": alarm.recommended_action,
        "RaisedTime": iso(alarm.raised_us),
        "ChangedTime": _iso_or_none(alarm.changed_us),
        "ClearedTime": _iso_or_none(alarm.cleared_us),
        "FaultDetails": details,
    }


def _state(alarms: list[Alarm]) -> str:
    """The worst of what these alarms say; a resource whose alarms are all cleared is normal as far as they know."""
    states = {alarm.resource_state for alarm in alarms if alarm.is_open}
    return next((state for state in _WORST_FIRST if state in states), ResourceState.NORMAL).value


def body(notification: Notification, subscription: Subscription) -> bytes:
    """The whole message. Physical detail is in it for the administrator only."""
    project = subscription.project or None
    by_resource: dict[str, list[Alarm]] = {}
    for alarm in notification.alarms:
        by_resource.setdefault(alarm.resource, []).append(alarm)
    resources = []
    for key, alarms in by_resource.items():
        kind, name = split_key(key)
        resources.append(
            {
                "VirtualResourceID": name,
                "VirtualResourceType": kind,
                "VirtualResourceName": alarms[0].resource_name or name,
                "VirtualResourceState": _state(alarms),
                "ProjectID": alarms[0].project or None,
                "Faults": [fault(alarm, project) for alarm in alarms],
            }
        )
    return _encode(
        {
            "NotificationID": notification.id,
            "SubscriptionID": notification.subscription,
            "Sequence": notification.seq,
            "News": notification.news.value,
            "Time": iso(notification.created_us),
            "VirtualResourceInfo": resources,
        }
    )


class DoctorChannel:
    """``{"NotificationID", "SubscriptionID", "Sequence", "News", "Time", "VirtualResourceInfo": [...]}``"""

    per_alarm = False

    def render(
        self, notification: Notification, subscription: Subscription, endpoint: Endpoint, part: int, source: str
    ) -> Message:
        return Message(body(notification, subscription), {"Content-Type": "application/json"})
