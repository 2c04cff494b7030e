"""Records to keep, with as little said as the test needs."""

from __future__ import annotations

from typing import Any

from nfvigil.model.action import Action, ActionKind
from nfvigil.model.alarm import Alarm, AlarmState, HistoryEntry
from nfvigil.model.event import Event
from nfvigil.model.fault import Fault
from nfvigil.model.ids import event_id_at, stable_id
from nfvigil.model.notification import Delivery, Notification
from nfvigil.model.subscription import Endpoint, Subscription
from nfvigil.model.verdict import Decision, News, Verdict

START_US = 1_800_000_000_000_000
EVENT = event_id_at(START_US)


def event(id: int = EVENT, **more: Any) -> Event:
    us = id >> 10
    told: dict[str, Any] = {
        "type": "compute.host.down",
        "resource": "host/compute-1",
        "time_us": us,
        "received_us": us,
        "details": {"text": "caf\u00e9 \U0001f525"},
    }
    return Event(id=id, **(told | more))


def decision(on: Event, **more: Any) -> Decision:
    return Decision(event=on, verdict=Verdict(event_id=on.id, policy="default@1"), **({"decided_us": START_US} | more))


def alarm(name: str, **more: Any) -> Alarm:
    told: dict[str, Any] = {
        "fault_type": "compute.instance.down",
        "resource": f"server/{name}",
        "project": "p1",
        "event_id": EVENT,
        "event_us": START_US,
        "raised_us": START_US,
        "root": name,
    }
    return Alarm(id=name, **(told | more))


def cleared(was: Alarm, at_us: int) -> Alarm:
    import msgspec

    return msgspec.structs.replace(was, state=AlarmState.CLEARED, cleared_us=at_us, changed_us=at_us)


def entry(of: Alarm, what: str = "raised", **more: Any) -> HistoryEntry:
    return HistoryEntry(alarm_id=of.id, what=what, **({"at_us": of.raised_us, "event_id": of.event_id} | more))


def fault(name: str = "fault-1", **more: Any) -> Fault:
    told: dict[str, Any] = {
        "type": "compute.host.down",
        "resource": "host/compute-1",
        "rule": "host-down",
        "event_id": EVENT,
        "raised_us": START_US,
    }
    return Fault(id=name, **(told | more))


def action(name: str, **more: Any) -> Action:
    told: dict[str, Any] = {
        "kind": ActionKind.SERVER_ERROR,
        "target": f"server/{name}",
        "project": "p1",
        "event_id": EVENT,
        "planned_us": START_US,
    }
    return Action(id=name, **(told | more))


def subscription(name: str = "sub-1", project: str = "p1", **more: Any) -> Subscription:
    endpoint = Endpoint(id=f"{name}-end", url="http://127.0.0.1:9/")
    return Subscription(id=name, project=project, **({"endpoints": (endpoint,), "created_us": START_US} | more))


def notification(seq: int = 1, subscription: str = "sub-1", **more: Any) -> Notification:
    told: dict[str, Any] = {"news": News.RAISED, "created_us": START_US, "event_id": EVENT}
    return Notification(id=stable_id(subscription, seq), subscription=subscription, seq=seq, **(told | more))


def delivery(of: Notification, part: int = 0, **more: Any) -> Delivery:
    endpoint = more.pop("endpoint", f"{of.subscription}-end")
    return Delivery(
        id=stable_id(of.id, endpoint, part),
        notification=of.id,
        subscription=of.subscription,
        endpoint=endpoint,
        seq=of.seq,
        part=part,
        **more,
    )
