"""O-RAN's AlarmEventNotification, for an SMO that subscribed at the O2 interface."""

from __future__ import annotations

from typing import Any

import msgspec

from nfvigil.model.alarm import Alarm
from nfvigil.model.ids import stable_id
from nfvigil.model.notification import Notification, occasion_of
from nfvigil.model.subscription import Endpoint, Occasion, Subscription
from nfvigil.model.times import iso
from nfvigil.notifier.channel import Message
from nfvigil.notifier.o2ims import CLEARED, PREFIX, cause_id, cloud_id, definition_id, record, resource_type_id

_encode = msgspec.json.Encoder().encode

EVENT_TYPES = {Occasion.NEW: 0, Occasion.CHANGE: 1, Occasion.CLEAR: 2, Occasion.ACKNOWLEDGE: 3}


class O2imsChannel:
    """One record a message, with what became of it (``notificationEventType``) and where it can be read."""

    per_alarm = True

    def render(
        self, notification: Notification, subscription: Subscription, endpoint: Endpoint, part: int, source: str
    ) -> Message:
        if notification.alarms:
            alarm = notification.alarms[part]
            told = _told(alarm, subscription.project or None)
            told["notificationEventType"] = EVENT_TYPES[occasion_of(notification.news, alarm)]
        else:
            told = _sign_of_life(notification)
        root = str(subscription.extra.get("apiRoot", "")).rstrip("/")
        told |= {
            "globalCloudID": subscription.extra.get("globalCloudID") or cloud_id(source),
            "objectRef": f"{root}{PREFIX}/alarms/{told['alarmEventRecordId']}",
        }
        consumer = subscription.extra.get("consumerSubscriptionId")
        if consumer:
            told["consumerSubscriptionId"] = consumer
        return Message(_encode(told), {"Content-Type": "application/json"})


def _told(alarm: Alarm, project: str | None) -> dict[str, Any]:
    """The record as a notification has it: it must have a changed time, and spells two times differently."""
    told = record(alarm, project)
    told.setdefault("alarmChangedTime", told["alarmRaisedTime"])
    if "alarmAcknowledgedTime" in told:
        told["alarmAcknowledgeTime"] = told.pop("alarmAcknowledgedTime")
    if "alarmClearedTime" in told:
        told["extensions"]["alarmClearedTime"] = told.pop("alarmClearedTime")
    return told


def _sign_of_life(notification: Notification) -> dict[str, Any]:
    """A test or a heartbeat. O-RAN has no word for it: a change of an alarm that is cleared and nobody knows."""
    at = iso(notification.created_us)
    return {
        "alarmEventRecordId": stable_id(notification.id, "o2ims"),
        "alarmDefinitionID": definition_id(f"nfvigil.{notification.news.value}"),
        "probableCauseID": cause_id("other"),
        "resourceTypeID": resource_type_id("nfvigil"),
        "resourceID": stable_id("o2ims", "resource", "nfvigil"),
        "alarmRaisedTime": at,
        "alarmChangedTime": at,
        "alarmAcknowledged": False,
        "perceivedSeverity": CLEARED,
        "notificationEventType": EVENT_TYPES[Occasion.CHANGE],
        "extensions": {"text": f"{notification.news.value}: a sign of life, not an alarm"},
    }
