"""Whether a query can match at all: said when the alarm is made, not by its never firing."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nfvigil.errors import FieldError
from nfvigil.model.event_alarm import EventAlarm
from nfvigil.notifier.event_types import TRAITS, is_physical
from nfvigil.notifier.event_values import NAMES, OPS, TYPES, Value, converted

QUERY_MAX = 32
TEXT_MAX = 1024
STARS_MAX = 8
_FIELD = re.compile(r"traits\.[A-Za-z0-9_.,:'-]{1,255}")
_OWNERS = ("project_id", "tenant_id")


def flaws(alarm: EventAlarm) -> list[FieldError]:
    """Everything in its rule that can never come true, by field."""
    return list(_flaws(alarm))


def _flaws(alarm: EventAlarm) -> Iterator[FieldError]:
    kind = alarm.event_type
    if not kind or len(kind) > TEXT_MAX:
        yield FieldError("event_rule.event_type", f"must have 1 to {TEXT_MAX} characters")
    if kind.count("*") > STARS_MAX:
        yield FieldError("event_rule.event_type", f"more than {STARS_MAX} stars")
    if len(alarm.query) > QUERY_MAX:
        yield FieldError("event_rule.query", f"more than {QUERY_MAX} conditions")
        return
    asked: dict[str, Value] = {}
    for number, condition in enumerate(alarm.query):
        place = f"event_rule.query[{number}]"
        if not _FIELD.fullmatch(condition.field):
            yield FieldError(f"{place}.field", f"{_short(condition.field)} cannot match: only traits.<name> can")
            continue
        if condition.op not in OPS:
            yield FieldError(f"{place}.op", f"{_short(condition.op)} is none of {', '.join(OPS)}")
        if condition.type not in TYPES:
            yield FieldError(f"{place}.type", _no_type(condition.type))
            continue
        if len(condition.value) > TEXT_MAX:
            yield FieldError(f"{place}.value", f"longer than {TEXT_MAX} characters")
            continue
        try:
            value = converted(condition.value, TYPES[condition.type])
        except (ValueError, OverflowError):
            yield FieldError(f"{place}.value", f"{_short(condition.value)} is no {condition.type}")
            continue
        if value != value:  # not a number: unlike everything, itself included
            yield FieldError(f"{place}.value", "cannot match: it is no number")
            continue
        reason = _reason(alarm, condition.trait, TYPES[condition.type])
        if reason:
            yield FieldError(f"{place}.field", f"{condition.field} cannot match: {reason}")
            continue
        if condition.op != "eq":
            continue
        if condition.trait in _OWNERS and alarm.project and value != alarm.project:
            yield FieldError(f"{place}.value", f"cannot match: the alarm sees the events of {alarm.project} only")
        if asked.setdefault(condition.trait, value) != value:
            yield FieldError(f"{place}.value", f"cannot match: {condition.field} is to be something else as well")


def _reason(alarm: EventAlarm, trait: str, number: int) -> str:
    """Why this trait never compares, or ""."""
    if not alarm.is_operators and alarm.project and is_physical(trait):
        return "a project is not told the physical side"
    known = TRAITS.get(alarm.event_type)
    if known is None:
        return ""
    if trait not in known:
        return f"{alarm.event_type} never has it; it may have {', '.join(_shown(alarm))}"
    if known[trait] != number and {known[trait], number} != {2, 3}:
        return f"it is of the type {NAMES[known[trait]]}, and is compared as {NAMES[number]}"
    return ""


def _shown(alarm: EventAlarm) -> list[str]:
    names = sorted(TRAITS[alarm.event_type])
    return names if alarm.is_operators or not alarm.project else [name for name in names if not is_physical(name)]


def _no_type(given: str) -> str:
    if given == "boolean":
        return "boolean cannot match: an event has no trait of that type"
    return f"{_short(given)} is none of {', '.join(name for name in TYPES if name)}"


def _short(text: str) -> str:
    return repr(text if len(text) <= 100 else f"{text[:99]}…")
