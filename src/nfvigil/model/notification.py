"""A piece of news for one subscription, and its way to one endpoint."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from nfvigil.model.alarm import Alarm
from nfvigil.model.subscription import Occasion
from nfvigil.model.verdict import News


class Notification(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """Doctor's FaultNotification. ``seq`` counts 1, 2, 3 ... per subscription without a gap: a consumer that
    sees one knows what it missed. ``id`` is the same however often it is delivered.
    """

    id: str
    subscription: str
    seq: int
    news: News
    created_us: int
    event_id: int = 0
    """The event that caused it, the first of several that were decided together; 0 for a heartbeat, test or summary."""
    alarms: tuple[Alarm, ...] = ()
    event: dict[str, Any] | None = None
    """What it is about where that is no alarm: ``event_type`` and ``payload``. If an event alarm fired, the payload is
    Aodh's message."""


class DeliveryState(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"
    """Given up after the last retry, or refused for good; it can be replayed."""


class Delivery(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """One message to one endpoint. ``part`` counts the messages of a notification where the endpoint's format
    carries one alarm each (Aodh's); order is (seq, part).
    """

    id: str
    notification: str
    subscription: str
    endpoint: str
    seq: int
    part: int = 0
    state: DeliveryState = DeliveryState.PENDING
    attempts: int = 0
    next_us: int = 0
    """Not before this time."""
    first_sent_us: int | None = None
    delivered_us: int | None = None
    status: int = 0
    """The endpoint's last HTTP status, 0 for none."""
    error: str = ""


_OCCASIONS = {News.RAISED: Occasion.NEW, News.SUMMARY: Occasion.NEW, News.CLEARED: Occasion.CLEAR}


def occasion_of(news: News, alarm: Alarm) -> Occasion:
    """An acknowledgement moves both times of an alarm; whatever changes it later moves one."""
    if news is News.CHANGED and alarm.acked_us is not None and alarm.acked_us == alarm.changed_us:
        return Occasion.ACKNOWLEDGE
    return _OCCASIONS.get(news, Occasion.CHANGE)
