"""Tacker's fault notification: what makes it heal a server of a VNF."""

from __future__ import annotations

from typing import Any

import msgspec

from nfvigil.errors import RefusedError
from nfvigil.model.alarm import Alarm
from nfvigil.model.notification import Notification, occasion_of
from nfvigil.model.resource import BROKEN, split_key
from nfvigil.model.subscription import Endpoint, Occasion, Subscription
from nfvigil.model.tacker import TABLE, FaultRow, row_for
from nfvigil.model.verdict import News
from nfvigil.notifier.channel import Message

_encode = msgspec.json.Encoder().encode


class TackerChannel:
    """``{"notification": {alarm_id, fault_id, fault_type, fault_option}}``, one alarm a message.

    ``alarm_id`` is the registration's, as Tacker knows it; which fault it is called is said by the table as it was
    when Tacker registered. There is no host in it: the registration is a project's.
    """

    per_alarm = True

    def render(
        self, notification: Notification, subscription: Subscription, endpoint: Endpoint, part: int, source: str
    ) -> Message:
        if not notification.alarms:
            # Whatever reaches Tacker makes it heal: a sign of life would end a server that is well.
            raise RefusedError("Tacker has no word for what is no fault")
        alarm = notification.alarms[part]
        if not _is_fault(notification, alarm):
            raise RefusedError("Tacker has no word for what asks for no healing")
        rows = msgspec.convert(subscription.extra.get("rows", TABLE), tuple[FaultRow, ...])
        row = row_for(rows, alarm.fault_type)
        if row is None:
            raise RefusedError(f"no fault_id stands for {alarm.fault_type}")
        told = {
            "alarm_id": subscription.id,
            "fault_id": row.fault_id,
            "fault_type": row.fault_type.value,
            "fault_option": _option(alarm),
        }
        return Message(_encode({"notification": told}), {"Content-Type": "application/json"})


def _is_fault(notification: Notification, alarm: Alarm) -> bool:
    """Whether the server is broken, and this is why it is told."""
    if notification.news is News.ACTION or occasion_of(notification.news, alarm) is Occasion.ACKNOWLEDGE:
        return False
    return alarm.is_open and alarm.resource_state in BROKEN


def _option(alarm: Alarm) -> dict[str, Any]:
    return {
        "message": alarm.text,
        "alarm": alarm.id,
        "fault": alarm.fault_type,
        "severity": alarm.severity.value,
        "resource": split_key(alarm.resource)[1],
    }
