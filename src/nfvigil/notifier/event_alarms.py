"""Evaluates events against event alarms: which fire, which return to ok, and what is to be sent for it.

Nothing in here does I/O. A state changes here before it is written: whoever writes it does so before anything else is
evaluated, and for as long as it takes.
"""

from __future__ import annotations

import json
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

import msgspec
import structlog
from msgspec.structs import replace

from nfvigil.model.event_alarm import (
    FIRING,
    AodhState,
    ChangeType,
    CloudEvent,
    EventAlarm,
    EventAlarmChange,
    Fired,
    Trait,
)
from nfvigil.model.ids import stable_id
from nfvigil.model.notification import Delivery, Notification
from nfvigil.model.secret_fields import hidden
from nfvigil.model.subscription import Endpoint, Subscription
from nfvigil.model.times import iso
from nfvigil.model.verdict import Decision, News
from nfvigil.notifier.event_index import EventIndex, sees
from nfvigil.notifier.own_events import HostOf, IsIll, events_of

_log = structlog.get_logger(__name__)

OWNER = "aodh"
FORMAT = "aodh"
KNOWN_MAX = 100_000
"""Messages from outside that fired something and are remembered, should they come again."""
TESTED_MAX = 1_000
_REASON_MAX = 16_384
_LOCAL = ("log:", "test:")
_NEWS = {AodhState.ALARM: News.RAISED, AodhState.OK: News.CLEARED, AodhState.UNKNOWN: News.CHANGED}


class Numbers(Protocol):
    """Who counts a subscription's notifications."""

    def number(self, subscription_id: str) -> int:
        """The next one."""


def endpoint_of(alarm_id: str, url: str) -> Endpoint:
    return Endpoint(id=stable_id(alarm_id, url), url=url, format=FORMAT)


def is_local(url: str) -> bool:
    """Whether it is done here instead of sent."""
    return url.lower().startswith(_LOCAL)


def subscription_of(alarm: EventAlarm, before: Subscription | None = None) -> Subscription:
    """What brings an alarm's messages on their way; no event is matched against it."""
    urls = dict.fromkeys((*alarm.alarm_actions, *alarm.ok_actions, *alarm.insufficient_data_actions))
    return Subscription(
        id=alarm.id,
        project=alarm.project,
        name=alarm.name,
        endpoints=tuple(endpoint_of(alarm.id, url) for url in urls if not is_local(url)),
        paused=before.paused if before else False,
        created_us=alarm.created_us,
        created_by=alarm.user,
        owner=OWNER,
    )


def aodh_time(us: int) -> str:
    """UTC without saying so."""
    return iso(us).removesuffix("Z")


class EventAlarms:
    """All event alarms, and what becomes of them. ``known`` are messages that fired something before."""

    def __init__(
        self,
        *,
        alarms: Iterable[EventAlarm] = (),
        known: Iterable[str] = (),
        numbers: Numbers,
        host_of: HostOf = lambda _resource: "",
        is_ill: IsIll = lambda _resource: False,
        auto_ok: bool = False,
        observe: Callable[[str], None] = lambda _what: None,
    ) -> None:
        self.index = EventIndex(alarms)
        self.tested: deque[tuple[str, dict[str, Any]]] = deque(maxlen=TESTED_MAX)
        """What was sent to ``test://``."""
        self._numbers = numbers
        self._host_of = host_of
        self._is_ill = is_ill
        self._auto_ok = auto_ok
        self._observe = observe
        self._known: OrderedDict[str, None] = OrderedDict.fromkeys(known)

    # What comes in

    def decided(self, decisions: Sequence[Decision], now_us: int) -> Fired:
        """What our own decisions fire, to be written with them."""
        work = _Work(now_us)
        if len(self.index):
            for decision in decisions:
                try:
                    for event in self._events_of(decision):
                        self._evaluate(event, work)
                except Exception:
                    # It is decided: one that cannot be told to event alarms must not keep it from all others.
                    _log.exception("not told to event alarms", event_id=decision.event.id)
        return work.fired()

    def heard(self, events: Sequence[CloudEvent], now_us: int) -> Fired:
        """What events from outside fire. One that fired before and comes again fires nothing."""
        work = _Work(now_us)
        for event in events:
            if event.message_id in self._known:
                self._observe("repeat")
                continue
            before = len(work.changes)
            self._evaluate(event, work)
            if len(work.changes) > before:
                self._remember(event.message_id)
                work.events.append((event.message_id, now_us))
        return work.fired()

    def put_state(self, alarm: EventAlarm, state: AodhState, by: tuple[str, str], now_us: int) -> Fired:
        """Somebody says which state it is in; ``by`` is his project and his name."""
        work = _Work(now_us)
        reason = "Manually set via API"
        message_id = stable_id("state", alarm.id, now_us, state.value)
        event = CloudEvent(
            message_id=message_id,
            event_type=FIRING,
            generated_us=now_us,
            project=alarm.project,
            traits=tuple(
                (name, 1, value)
                for name, value in (
                    ("service", "aodh.api"),
                    ("project_id", alarm.project),
                    ("tenant_id", alarm.project),
                    ("user_id", by[1]),
                    ("resource_id", alarm.id),
                    ("state", state.value),
                )
                if value
            ),
        )
        self._move(alarm, state, event, reason, work, by=by)
        return work.fired()

    def told(self, fired: Fired) -> None:
        """It is written down: do what is done here."""
        for url, message in fired.notes:
            if url.lower().startswith("log:"):
                _log.info("event alarm", action=hidden(url), **message)
            else:
                self.tested.append((url, message))

    def _events_of(self, decision: Decision) -> Iterator[CloudEvent]:
        is_wanted = self.index.is_wanted
        return events_of(decision, host_of=self._host_of, is_ill=self._is_ill, is_wanted=is_wanted)

    # What follows from it

    def _evaluate(self, event: CloudEvent, work: _Work) -> None:
        fits = self.index.match(event)
        # The cloud may say that it works when it has not noticed yet: what we know of it counts.
        if event.is_well and event.resource and not self._is_ill(event.resource):
            fitting = {alarm.id for alarm in fits}
            for alarm in self.index.fired_for(event.resource):
                # What fired it may be another project's by now, whose event is none of its owner's business.
                if alarm.id not in fitting and self._returns(alarm) and sees(alarm, event):
                    reason = f"Event <id={event.message_id},event_type={event.event_type}> says that it is well again."
                    self._move(alarm, AodhState.OK, event, reason, work)
        for alarm in fits:
            if alarm.state is AodhState.ALARM and not alarm.repeat_actions:
                continue
            self._move(alarm, AodhState.ALARM, event, _hit(alarm, event), work)

    def _returns(self, alarm: EventAlarm) -> bool:
        return alarm.enabled and (self._auto_ok if alarm.auto_ok is None else alarm.auto_ok)

    def _move(
        self,
        alarm: EventAlarm,
        state: AodhState,
        event: CloudEvent,
        reason: str,
        work: _Work,
        by: tuple[str, str] = ("", ""),
    ) -> None:
        is_new = alarm.state is not state
        moved = replace(
            alarm,
            state=state,
            state_us=work.now_us if is_new else alarm.state_us,
            state_reason=reason,
            evaluated_us=work.now_us,
            fired_for=event.resource if state is AodhState.ALARM else "",
        )
        self.index.move(moved)
        work.alarms[moved.id] = moved
        work.changes.append(_change(moved, reason, event, by, work.now_us))
        self._observe(state.value)
        if is_new or (moved.repeat_actions and not by[1]):  # Said by a person, it is no news the second time.
            self._send(moved, alarm.state, event, reason, work)

    def _send(self, alarm: EventAlarm, previous: AodhState, event: CloudEvent, reason: str, work: _Work) -> None:
        urls = dict.fromkeys(alarm.actions(alarm.state))
        if not urls:
            return
        content: dict[str, Any] = {
            "alarm_name": alarm.name,
            "alarm_id": alarm.id,
            "severity": alarm.severity.value,
            "previous": previous.value,
            "current": alarm.state.value,
            "reason": reason,
            "reason_data": {"type": "event", "event": event_view(event, _may_see_all(alarm))},
        }
        work.notes.extend((url, content) for url in urls if is_local(url))
        sent = [url for url in urls if not is_local(url)]
        if not sent:
            return
        seq = self._numbers.number(alarm.id)
        notification = Notification(
            id=stable_id(alarm.id, seq),
            subscription=alarm.id,
            seq=seq,
            news=_NEWS[alarm.state],
            created_us=work.now_us,
            event={"event_type": FIRING, "payload": content},
        )
        work.notifications.append(notification)
        for url in sent:
            endpoint = endpoint_of(alarm.id, url)
            work.deliveries.append(
                Delivery(
                    id=stable_id(notification.id, endpoint.id, 0),
                    notification=notification.id,
                    subscription=alarm.id,
                    endpoint=endpoint.id,
                    seq=seq,
                )
            )

    def _remember(self, message_id: str) -> None:
        self._known[message_id] = None
        while len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)


class _Work:
    """What a turn brings about, gathered."""

    def __init__(self, now_us: int) -> None:
        self.now_us = now_us
        self.alarms: dict[str, EventAlarm] = {}
        self.changes: list[EventAlarmChange] = []
        self.notifications: list[Notification] = []
        self.deliveries: list[Delivery] = []
        self.events: list[tuple[str, int]] = []
        self.notes: list[tuple[str, dict[str, Any]]] = []

    def fired(self) -> Fired:
        return Fired(
            alarms=tuple(self.alarms.values()),
            changes=tuple(self.changes),
            notifications=tuple(self.notifications),
            deliveries=tuple(self.deliveries),
            events=tuple(self.events),
            notes=tuple(self.notes),
        )


def _may_see_all(alarm: EventAlarm) -> bool:
    return alarm.is_operators or not alarm.project


def event_view(event: CloudEvent, whole: bool) -> dict[str, Any]:
    """An event as Aodh puts it into its webhook."""
    traits: tuple[Trait, ...] = event.traits + event.physical if whole else event.traits
    return {
        "message_id": event.message_id,
        "event_type": event.event_type,
        "generated": aodh_time(event.generated_us),
        "traits": [list(trait) for trait in traits],
        "raw": {},
        # Empty is what telemetry without a shared secret writes.
        "message_signature": "",
    }


def query_view(alarm: EventAlarm) -> list[dict[str, str]]:
    return [{"field": one.field, "op": one.op, "type": one.type, "value": one.value} for one in alarm.query]


def _hit(alarm: EventAlarm, event: CloudEvent) -> str:
    query = json.dumps(query_view(alarm), sort_keys=True)
    return f"Event <id={event.message_id},event_type={event.event_type}> hits the query <query={query}>."[:_REASON_MAX]


def _change(alarm: EventAlarm, reason: str, event: CloudEvent, by: tuple[str, str], now_us: int) -> EventAlarmChange:
    detail = {"state": alarm.state.value, "transition_reason": reason}
    return EventAlarmChange(
        id=stable_id("change", alarm.id, event.message_id, alarm.state.value),
        alarm_id=alarm.id,
        at_us=now_us,
        type=ChangeType.STATE,
        detail=msgspec.json.encode(detail).decode(),
        project=by[0],
        user=by[1],
        on_behalf_of=alarm.project,
        severity=alarm.severity,
    )
