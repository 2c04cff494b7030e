"""ETSI SOL002 and SOL003: AlarmNotification, AlarmClearedNotification and AlarmListRebuiltNotification."""

from __future__ import annotations

from typing import Any

import msgspec

from nfvigil.model.alarm import Alarm
from nfvigil.model.ids import stable_id
from nfvigil.model.notification import Notification
from nfvigil.model.sol import ROOT, alarm_href, sol_alarm, subscription_href
from nfvigil.model.subscription import Endpoint, Subscription
from nfvigil.model.times import iso
from nfvigil.model.verdict import News
from nfvigil.notifier.channel import Message

VERSION = "1.3.0"
_encode = msgspec.json.Encoder().encode


class SolChannel:
    """One alarm a message. What has no alarm (a test, a heartbeat) goes out as "the list was rebuilt": the only word
    that the standard has for it, and at worst it is read once more.
    """

    per_alarm = True

    def render(
        self, notification: Notification, subscription: Subscription, endpoint: Endpoint, part: int, source: str
    ) -> Message:
        root = str(subscription.extra.get("api_root", ""))
        alarm = notification.alarms[part] if notification.alarms else None
        if alarm is None or (not alarm.vnf and notification.news is not News.CLEARED):
            told = self._rebuilt(notification, root)
        elif notification.news is News.CLEARED:
            told = self._cleared(alarm, root)
        else:
            told = {
                "notificationType": "AlarmNotification",
                "alarm": sol_alarm(alarm, subscription.project or None, root),
                "_links": {},
            }
        links = {**told.pop("_links"), "subscription": {"href": subscription_href(root, subscription.id)}}
        body = {
            "id": self._id(notification, alarm),
            **told,
            "subscriptionId": subscription.id,
            "timeStamp": iso(notification.created_us),
            "_links": links,
        }
        return Message(_encode(body), {"Content-Type": "application/json", "Version": VERSION})

    def _id(self, notification: Notification, alarm: Alarm | None) -> str:
        """The same for all subscribers who are told the same: it does not follow from the subscription."""
        if alarm is None or not notification.event_id:
            return stable_id("sol", notification.id, alarm.id if alarm else "")
        return stable_id("sol", notification.event_id, notification.news, alarm.id)

    def _cleared(self, alarm: Alarm, root: str) -> dict[str, Any]:
        cleared_us = alarm.cleared_us if alarm.cleared_us is not None else alarm.changed_us or alarm.raised_us
        return {
            "notificationType": "AlarmClearedNotification",
            "alarmId": alarm.id,
            "alarmClearedTime": iso(cleared_us),
            "_links": {"alarm": {"href": alarm_href(root, alarm.id)}},
        }

    def _rebuilt(self, notification: Notification, root: str) -> dict[str, Any]:
        return {
            "notificationType": "AlarmListRebuiltNotification",
            "_links": {"alarms": {"href": f"{root}{ROOT}/alarms"}},
        }
