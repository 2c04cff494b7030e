"""Events of the VES agent, as the event listener's version in the endpoint's path has them."""

from __future__ import annotations

import msgspec

from nfvigil.errors import RefusedError
from nfvigil.model.notification import Notification
from nfvigil.model.subscription import Endpoint, Subscription
from nfvigil.model.verdict import News
from nfvigil.model.ves import VesEvent
from nfvigil.model.ves_bodies import BATCH, batch_url, message, version_of, without_topic
from nfvigil.notifier.channel import Message

EVENT_TYPE = "ves"
OF_THE_BODY = frozenset({400, 413, 415, 422})
SIGNS_OF_LIFE = (News.TEST, News.HEARTBEAT)


class VesChannel:
    """``{"event": {...}}`` to the endpoint itself, ``{"eventList": [...]}`` to its ``eventBatch``."""

    per_alarm = False

    def render(
        self, notification: Notification, subscription: Subscription, endpoint: Endpoint, part: int, source: str
    ) -> Message:
        is_batch, body = message(_events(notification, subscription, source), version_of(endpoint.url))
        headers = {"Content-Type": "application/json"}
        if is_batch and not batch_url(endpoint.url):
            # It waited while the collector's address was given a topic, which takes no batches.
            return Message(body, headers, url=batch_url(without_topic(endpoint.url)))
        return Message(body, headers, f"/{BATCH}" if is_batch else "")

    def is_refusal(self, status: int) -> bool:
        """What a proxy, a gateway or a login says on a collector's behalf is not about the events."""
        return status in OF_THE_BODY


def _events(notification: Notification, subscription: Subscription, source: str) -> tuple[VesEvent, ...]:
    told = notification.event
    if told is not None and told["event_type"] == EVENT_TYPE:
        return msgspec.convert(told["payload"]["events"], tuple[VesEvent, ...])
    if notification.news not in SIGNS_OF_LIFE:
        raise RefusedError("a VES collector is told what the VES agent finds, and nothing else")
    name = subscription.extra.get("vim") or source
    sign = VesEvent(
        domain="heartbeat",
        name=f"Heartbeat_NFVigil_{notification.news.value.capitalize()}",
        event_id=notification.id,
        source_id=name,
        source_name=name,
        reporting=name,
        sequence=notification.seq,
        start_us=notification.created_us,
        last_us=notification.created_us,
        fields={"heartbeatInterval": max(1, round(subscription.heartbeat_seconds))},  # the schemas ask for one
    )
    return (sign,)
