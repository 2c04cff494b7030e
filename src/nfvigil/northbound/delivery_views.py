"""How a delivery looks: which message, to which endpoint, and how far it is."""

from __future__ import annotations

from typing import Any

from nfvigil.model.notification import Delivery, DeliveryState
from nfvigil.model.times import iso, iso_or_none
from nfvigil.northbound.fields import Shape
from nfvigil.northbound.shapes import Id, Time


class DeliveryShape(Shape):
    id: Id
    notification_id: Id
    subscription_id: Id
    endpoint_id: Id
    sequence: int
    part: int
    """Counts the messages of a notification where the endpoint's format carries one alarm each."""
    state: DeliveryState
    attempts: int
    next_try_time: Time | None
    first_sent_time: Time | None
    delivered_time: Time | None
    http_status: int | None
    """The endpoint's last answer."""
    error: str | None


def delivery_view(delivery: Delivery) -> dict[str, Any]:
    waits = delivery.state is DeliveryState.PENDING and delivery.next_us > 0
    return {
        "id": delivery.id,
        "notification_id": delivery.notification,
        "subscription_id": delivery.subscription,
        "endpoint_id": delivery.endpoint,
        "sequence": delivery.seq,
        "part": delivery.part,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "next_try_time": iso(delivery.next_us) if waits else None,
        "first_sent_time": iso_or_none(delivery.first_sent_us),
        "delivered_time": iso_or_none(delivery.delivered_us),
        "http_status": delivery.status or None,
        "error": delivery.error or None,
    }
