"""How actions, events, decisions and profiles look to their reader, ready for JSON."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import msgspec

from nfvigil.model.action import Action
from nfvigil.model.alarm import Alarm
from nfvigil.model.answers import DryRun
from nfvigil.model.checkpoints import SPANS, Checkpoint, Profile
from nfvigil.model.event import Event
from nfvigil.model.subscription import Subscription
from nfvigil.model.times import iso, iso_or_none
from nfvigil.model.verdict import Step
from nfvigil.model.view import alarm_view


def action_view(action: Action, project: str | None, owned: Collection[str] = ()) -> dict[str, Any]:
    """``owned`` are alarms of the project: what is done to its resources may be for one that is another's."""
    view: dict[str, Any] = {
        "id": action.id,
        "kind": action.kind,
        "target": action.target,
        "project_id": action.project or None,
        # Two projects that compare them would know that they were on one host.
        "event_id": str(action.event_id) if project is None else None,
        "alarm_id": (action.alarm_id or None) if project is None or action.alarm_id in owned else None,
        "state": action.state,
        "before": action.before,
        "undo_of": action.undo_of or None,
        "attempts": action.attempts,
        "planned_time": iso(action.planned_us),
        "started_time": iso_or_none(action.started_us),
        "ended_time": iso_or_none(action.ended_us),
    }
    if project is None:
        # The result of an evacuation names a host, and parameters may.
        view |= {"vim": action.vim, "params": action.params, "result": action.result}
    return view


def event_view(event: Event) -> dict[str, Any]:
    return {
        "id": str(event.id),
        "type": event.type,
        "resource": event.resource,
        "time": iso(event.time_us),
        "received_time": iso(event.received_us),
        "status": event.status,
        "severity": event.severity,
        "source": event.source,
        "cause": event.cause,
        "monitor": event.monitor,
        "monitor_event_id": event.monitor_event_id,
        "related_to": event.related_to,
        "lead_time_seconds": event.lead_time_seconds,
        "happened_time": iso_or_none(event.happened_us),
        "flags": event.flags,
        "door": event.door,
        "details": event.details,
        "is_clear": event.is_clear,
    }


def step_views(steps: Iterable[Step]) -> list[dict[str, Any]]:
    return [{"rule": step.rule, "reason": step.reason, "resource": step.resource, "text": step.text} for step in steps]


def told_views(told: Iterable[tuple[Subscription, int]]) -> list[dict[str, Any]]:
    return [
        {
            "subscription": subscription.id,
            "project": subscription.project or None,
            "name": subscription.name,
            "endpoints": [endpoint.url for endpoint in subscription.endpoints],
            "alarms": number,
        }
        for subscription, number in told
    ]


def dry_run_view(run: DryRun) -> dict[str, Any]:
    verdict = run.decision.verdict
    return {
        "event": event_view(run.event),
        "steps": step_views(verdict.steps),
        "alarms": [{"news": news, "alarm": alarm_view(alarm, None)} for news, alarm in verdict.alarms],
        "actions": [action_view(action, None) for action in verdict.actions],
        "told": told_views(run.told),
    }


def profile_view(profile: Profile) -> dict[str, Any]:
    """Checkpoints with their offsets, and what each component took."""
    times = dict(sorted(profile.checkpoints.items()))
    first, last = (min(times.values()), max(times.values())) if times else (0, 0)
    total = last - first
    return {
        "fault_id": profile.fault,
        "fault_type": profile.type,
        "resource": profile.resource,
        "event_id": str(profile.event_id),
        "received_time": iso(profile.received_us),
        "total_ms": total / 1000,
        "checkpoints": [
            {"number": int(point), "name": name_of(point), "time": iso(us), "offset_ms": (us - first) / 1000}
            for point, us in times.items()
        ],
        "spans": [
            {
                "component": component.value,
                "start": name_of(start),
                "end": name_of(end),
                "ms": (times[end] - times[start]) / 1000,
                "share": round((times[end] - times[start]) / total, 4) if total else 0.0,
            }
            for component, (start, end) in SPANS.items()
            if start in times and end in times
        ],
        "notified": profile.notified,
        "acted": profile.acted,
    }


def veiled_profile_view(profile: Profile, alarm: Alarm) -> dict[str, Any]:
    """For a project: the times, as its own alarm's. Where the fault is and how many others it hit is not told."""
    return profile_view(profile) | {
        "fault_id": None,
        "fault_type": alarm.fault_type,
        "resource": alarm.resource,
        "event_id": None,
        "notified": None,
        "acted": None,
    }


def name_of(point: Checkpoint) -> str:
    return Checkpoint(point).name.lower()


def plain(value: Any) -> Any:
    """A record of the model as JSON knows it."""
    return msgspec.to_builtins(value)
