"""Why an alarm stands: the event, the rule, the entries of the map, what was done, who was told, and when."""

from __future__ import annotations

import asyncio
from typing import Any

from nfvigil.model.alarm import Alarm
from nfvigil.model.checkpoints import Profile
from nfvigil.model.view import alarm_view
from nfvigil.northbound.delivery_views import DeliveryShape, delivery_view
from nfvigil.northbound.fields import Shape
from nfvigil.northbound.parts import Parts
from nfvigil.northbound.shapes import ActionShape, AlarmShape, EventShape, ProfileShape, StepShape
from nfvigil.northbound.views import action_view, event_view, plain, profile_view, step_views, veiled_profile_view

ACTIONS_MAX = 1000


class VerdictShape(Shape):
    event_id: str
    policy: str
    steps: list[StepShape]
    alarms: list[str]
    """Ids of the alarms that it raised, changed or cleared."""
    actions: list[str]


class Explanation(Shape):
    """What stands below ``timings`` is null for a project."""

    alarm: AlarmShape
    actions: list[ActionShape]
    timings: ProfileShape | None
    event: EventShape | None
    verdict: VerdictShape | None
    entries: dict[str, Any] | None
    """What was read in the resource map."""
    rule: str | None
    policy: str | None
    deliveries: list[DeliveryShape] | None


async def explain(parts: Parts, alarm: Alarm, project: str | None) -> dict[str, Any]:
    store = parts.store
    actions, profile = await asyncio.gather(
        store.actions(alarm_id=alarm.id, project=project, limit=ACTIONS_MAX), profile_of(parts, alarm)
    )
    whole: dict[str, Any] = {
        "alarm": alarm_view(alarm, project),
        "actions": [action_view(action, project, {alarm.id}) for action in actions],
        "timings": _timings(profile, alarm, project),
        "event": None,
        "verdict": None,
        "entries": None,
        "rule": None,
        "policy": None,
        "deliveries": None,
    }
    if project is not None:
        return whole
    decision = await store.decision(alarm.event_id)
    deliveries = await store.deliveries_of_event(alarm.event_id)
    whole |= {
        "rule": alarm.rule,
        "policy": alarm.policy,
        "deliveries": [delivery_view(delivery) for delivery in deliveries],
    }
    if decision is not None:
        verdict = decision.verdict
        whole |= {
            "event": event_view(decision.event),
            "verdict": {
                "event_id": str(verdict.event_id),
                "policy": verdict.policy,
                "steps": step_views(verdict.steps),
                "alarms": [one.id for _, one in verdict.alarms],
                "actions": [action.id for action in verdict.actions],
            },
            "entries": plain(decision.entries),
        }
    return whole


def _timings(profile: Profile | None, alarm: Alarm, project: str | None) -> dict[str, Any] | None:
    if profile is None:
        return None
    return profile_view(profile) if project is None else veiled_profile_view(profile, alarm)


async def profile_of(parts: Parts, alarm: Alarm) -> Profile | None:
    """Of the alarm's own fault, or of its root cause's."""
    fault = alarm.fault
    if not fault and alarm.root and alarm.root != alarm.id:
        root = await parts.store.alarm(alarm.root, None)
        fault = root.fault if root is not None else ""
    return await parts.store.profile(fault) if fault else None
