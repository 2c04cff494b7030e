"""Records to rows and back. A row is a tuple in the order of its table's columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from nfvigil.model.action import Action
from nfvigil.model.alarm import Alarm, AlarmState, HistoryEntry
from nfvigil.model.event import Event
from nfvigil.model.fault import Fault
from nfvigil.model.notification import Delivery, DeliveryState, Notification
from nfvigil.model.subscription import Subscription
from nfvigil.model.verdict import Decision
from nfvigil.store.ops import Row

encode = msgspec.json.Encoder().encode

_event = msgspec.json.Decoder(Event)
_decision = msgspec.json.Decoder(Decision)
_alarm = msgspec.json.Decoder(Alarm)
_history = msgspec.json.Decoder(HistoryEntry)
_fault = msgspec.json.Decoder(Fault)
_action = msgspec.json.Decoder(Action)
_notification = msgspec.json.Decoder(Notification)
_subscription = msgspec.json.Decoder(Subscription)
_anything = msgspec.json.Decoder()

to_event = _event.decode
to_decision = _decision.decode
to_alarm = _alarm.decode
to_history = _history.decode
to_fault = _fault.decode
to_action = _action.decode
to_notification = _notification.decode
to_subscription = _subscription.decode


def to_anything(body: bytes) -> Any:
    return _anything.decode(body)


def event_rows(events: Iterable[Event]) -> list[Row]:
    return [(e.id, e.received_us, e.type, e.resource, encode(e)) for e in events]


def decision_rows(decisions: Iterable[Decision]) -> list[Row]:
    return [(d.event.id, d.decided_us, d.told_with or d.event.id, encode(d)) for d in decisions]


def alarm_rows(alarms: Iterable[Alarm], news: Mapping[str, str] | None = None) -> list[Row]:
    """The change's number is the writer's to set. ``news`` says what happened to which, "changed" where it does not."""
    told = news or {}
    return [
        (
            a.id,
            0,
            a.project,
            a.audience,
            a.resource,
            a.fault_type,
            a.severity.rank,
            a.state,
            a.raised_us,
            a.changed_us,
            _cleared_us(a),
            a.root,
            a.parent,
            a.event_id,
            a.fault,
            a.acked_us,
            a.vnf,
            encode(a),
            a.event_us,
            a.probable_cause,
            told.get(a.id, "changed"),
            a.severity.rank,
            a.severity.rank,
        )
        for a in alarms
    ]


def _cleared_us(alarm: Alarm) -> int | None:
    """Null means open, so what is cleared has a time even if the record should lack it."""
    if alarm.state is not AlarmState.CLEARED:
        return None
    return alarm.cleared_us or alarm.changed_us or alarm.raised_us


def history_rows(entries: Iterable[HistoryEntry], raised_by: Mapping[str, int]) -> list[Row]:
    """``raised_by`` leads from an alarm to the event that raised it."""
    return [
        (raised_by[h.alarm_id], h.alarm_id, h.at_us, position, h.what, encode(h)) for position, h in enumerate(entries)
    ]


def fault_rows(faults: Iterable[Fault]) -> list[Row]:
    return [(f.id, f.type, f.resource, f.event_id, f.raised_us, f.cleared_us, encode(f)) for f in faults]


def action_rows(actions: Iterable[Action], node: str) -> list[Row]:
    return [
        (a.event_id, a.id, position, a.alarm_id, a.project, a.kind, a.state, _ended_us(a), node, encode(a))
        for position, a in enumerate(actions)
    ]


ACTION_RESULT = ("event_id", "id", "state", "ended_us", "body")


def action_result_rows(actions: Iterable[Action]) -> list[Row]:
    return [(a.event_id, a.id, a.state, _ended_us(a), encode(a)) for a in actions]


def _ended_us(action: Action) -> int | None:
    """Null means unfinished, so what is over has a time even if the record should lack it."""
    if not action.state.is_over:
        return None
    return action.ended_us or action.started_us or action.planned_us


def notification_rows(notifications: Iterable[Notification]) -> list[Row]:
    return [(n.subscription, n.seq, n.id, n.news, n.event_id, n.created_us, encode(n)) for n in notifications]


def delivery_rows(deliveries: Iterable[Delivery], node: str) -> list[Row]:
    return [
        (
            d.subscription,
            d.seq,
            d.part,
            d.endpoint,
            d.id,
            d.notification,
            d.state,
            d.attempts,
            d.next_us,
            d.first_sent_us,
            d.delivered_us,
            d.status,
            d.error,
            node,
        )
        for d in deliveries
    ]


DELIVERY_RESULT = (
    *("subscription", "seq", "part", "endpoint"),
    *("state", "attempts", "next_us", "first_sent_us", "delivered_us", "status", "error"),
)


def delivery_result_rows(deliveries: Iterable[Delivery]) -> list[Row]:
    return [
        (
            d.subscription,
            d.seq,
            d.part,
            d.endpoint,
            d.state,
            d.attempts,
            d.next_us,
            d.first_sent_us,
            d.delivered_us,
            d.status,
            d.error,
        )
        for d in deliveries
    ]


def to_delivery(row: Sequence[Any]) -> Delivery:
    """``row`` begins with the columns of the table ``deliveries``."""
    return Delivery(
        subscription=row[0],
        seq=row[1],
        part=row[2],
        endpoint=row[3],
        id=row[4],
        notification=row[5],
        state=DeliveryState(row[6]),
        attempts=row[7],
        next_us=row[8],
        first_sent_us=row[9],
        delivered_us=row[10],
        status=row[11],
        error=row[12],
    )
