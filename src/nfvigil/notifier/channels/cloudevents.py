"""CloudEvents 1.0 in structured JSON: the envelope of event meshes and serverless runtimes."""

from __future__ import annotations

import msgspec

from nfvigil.model.notification import Notification
from nfvigil.model.subscription import Endpoint, Subscription
from nfvigil.model.times import iso
from nfvigil.model.view import alarm_view
from nfvigil.notifier.channel import Message

_encode = msgspec.json.Encoder().encode


class CloudEventsChannel:
    """``source`` and ``id`` name the event once and for all; ``data`` has the alarms as our own API shows them."""

    per_alarm = False

    def render(
        self, notification: Notification, subscription: Subscription, endpoint: Endpoint, part: int, source: str
    ) -> Message:
        project = subscription.project or None
        envelope = {
            "specversion": "1.0",
            "id": notification.id,
            "source": source,
            "type": f"nfvigil.alarm.{notification.news.value}",
            "subject": notification.subscription,
            "time": iso(notification.created_us),
            "datacontenttype": "application/json",
            # The "sequence" extension orders by text, so the number is padded to the width of 64 bits.
            "sequence": f"{notification.seq:020d}",
            "partitionkey": notification.subscription,
            "data": {
                "notification_id": notification.id,
                "subscription_id": notification.subscription,
                "sequence": notification.seq,
                "news": notification.news.value,
                "alarms": [alarm_view(alarm, project) for alarm in notification.alarms],
            },
        }
        return Message(_encode(envelope), {"Content-Type": "application/cloudevents+json; charset=utf-8"})
