"""Event alarms and their history as Aodh shows them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from nfvigil.model.event_alarm import EventAlarm, EventAlarmChange
from nfvigil.northbound.fields import Shape
from nfvigil.notifier.event_alarms import aodh_time, query_view

State = Literal["ok", "alarm", "insufficient data"]
Severity = Literal["low", "moderate", "critical"]
Time = Annotated[str, Field(description="UTC, without a zone.")]


def alarm_view(alarm: EventAlarm) -> dict[str, Any]:
    return {
        "alarm_id": alarm.id,
        "name": alarm.name,
        "description": alarm.description,
        "enabled": alarm.enabled,
        "ok_actions": alarm.ok_actions,
        "alarm_actions": alarm.alarm_actions,
        "insufficient_data_actions": alarm.insufficient_data_actions,
        "repeat_actions": alarm.repeat_actions,
        "type": "event",
        "time_constraints": [],
        "project_id": alarm.project,
        "user_id": alarm.user,
        "timestamp": aodh_time(alarm.changed_us),
        "state": alarm.state.value,
        "state_timestamp": aodh_time(alarm.state_us),
        "state_reason": alarm.state_reason,
        "severity": alarm.severity.value,
        "evaluate_timestamp": aodh_time(alarm.evaluated_us),
        "event_rule": {"event_type": alarm.event_type, "query": query_view(alarm)},
    }


def change_view(change: EventAlarmChange) -> dict[str, Any]:
    return {
        "event_id": change.id,
        "alarm_id": change.alarm_id,
        "type": change.type.value,
        "detail": change.detail,
        "project_id": change.project,
        "user_id": change.user,
        "on_behalf_of": change.on_behalf_of,
        "timestamp": aodh_time(change.at_us),
        "severity": change.severity.value,
    }


class ConditionShape(Shape):
    field: str
    op: Literal["lt", "le", "eq", "ne", "ge", "gt"]
    value: str
    type: str


class EventRuleShape(Shape):
    event_type: str
    query: list[ConditionShape]


class EventAlarmShape(Shape):
    """An alarm in Aodh's words."""

    alarm_id: str
    name: str
    description: str
    enabled: bool
    ok_actions: list[str]
    alarm_actions: list[str]
    insufficient_data_actions: list[str]
    repeat_actions: bool
    type: Literal["event"]
    time_constraints: list[dict[str, Any]]
    project_id: str
    user_id: str
    timestamp: Time
    state: State
    state_timestamp: Time
    state_reason: str
    severity: Severity
    evaluate_timestamp: Time
    event_rule: EventRuleShape


class EventAlarmChangeShape(Shape):
    """A line of an alarm's history in Aodh's words."""

    event_id: str
    alarm_id: str
    type: Literal["creation", "rule change", "state transition", "deletion"]
    detail: Annotated[str, Field(description="JSON: what is different now.")]
    project_id: str
    user_id: str
    on_behalf_of: str
    timestamp: Time
    severity: Severity
