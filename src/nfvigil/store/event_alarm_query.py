"""Questions about event alarms and their history: Aodh's complex queries, orders and pages.

A question is a tree: ``And``, ``Or`` and ``Not`` over tests of one field. The fields are Aodh's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, and_, false, not_, or_, true

from nfvigil.store.event_alarm_schema import event_alarm_history, event_alarms

Field = Mapping[str, Any]

ALARM_FIELDS: Field = {
    "alarm_id": event_alarms.c.id,
    "name": event_alarms.c.name,
    "description": event_alarms.c.description,
    "enabled": event_alarms.c.enabled,
    "severity": event_alarms.c.severity_rank,
    "repeat_actions": event_alarms.c.repeat_actions,
    "state": event_alarms.c.state,
    "state_reason": event_alarms.c.state_reason,
    "timestamp": event_alarms.c.changed_us,
    "state_timestamp": event_alarms.c.state_us,
    "project_id": event_alarms.c.project,
    "user_id": event_alarms.c.user_id,
}
CHANGE_FIELDS: Field = {
    "event_id": event_alarm_history.c.id,
    "alarm_id": event_alarm_history.c.alarm_id,
    "type": event_alarm_history.c.type,
    "detail": event_alarm_history.c.detail,
    "project_id": event_alarm_history.c.project,
    "user_id": event_alarm_history.c.user_id,
    "on_behalf_of": event_alarm_history.c.on_behalf_of,
    "timestamp": event_alarm_history.c.at_us,
    "severity": event_alarm_history.c.severity_rank,
}
"""Aodh's names of fields, and our columns. Times are in microseconds, severities their rank, truths 0 and 1."""


class Is(msgspec.Struct, frozen=True):
    """One test: ``op`` is one of = != < <= > >= in."""

    field: str
    op: str
    value: Any


class And(msgspec.Struct, frozen=True):
    parts: tuple[Any, ...]


class Or(msgspec.Struct, frozen=True):
    parts: tuple[Any, ...]


class Not(msgspec.Struct, frozen=True):
    part: Any


class Always(msgspec.Struct, frozen=True):
    """Holds for all of them, or for none: of a field that is the same for all of them."""

    holds: bool


Tree = Is | And | Or | Not | Always


class EventAlarmQuery(msgspec.Struct, frozen=True, kw_only=True):
    """``project`` is the reader's scope: None sees all, "" nothing. ``sorts`` are (field, is it descending)."""

    project: str | None
    tree: Tree = Always(True)
    sorts: tuple[tuple[str, bool], ...] = ()
    marker: str | None = None
    limit: int | None = None
    """None: all there are."""


def condition(tree: Tree, fields: Field) -> ColumnElement[bool]:
    if isinstance(tree, Always):
        return true() if tree.holds else false()
    if isinstance(tree, And):
        return and_(true(), *(condition(part, fields) for part in tree.parts))
    if isinstance(tree, Or):
        return or_(false(), *(condition(part, fields) for part in tree.parts))
    if isinstance(tree, Not):
        return not_(condition(tree.part, fields))
    column = fields[tree.field]
    if tree.op == "in":
        chosen: ColumnElement[bool] = column.in_(list(tree.value))
        return chosen
    found: ColumnElement[bool] = column.op(tree.op, is_comparison=True)(tree.value)
    return found


def behind(order: Sequence[tuple[Any, bool]], place: Sequence[Any]) -> ColumnElement[bool]:
    """What comes after ``place`` in an ``order`` of (column, is it descending): some may rise while others fall."""
    ways = []
    for number, ((column, falls), value) in enumerate(zip(order, place, strict=True)):
        same = [one == at for (one, _), at in zip(order[:number], place[:number], strict=True)]
        ways.append(and_(*same, column < value if falls else column > value))
    return or_(false(), *ways)
