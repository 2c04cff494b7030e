"""What a condition of an event alarm compares, the way Aodh does it: by the type that is named, text where none is."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from nfvigil.model.event_alarm import Condition, Trait

Value = str | int | float | datetime

OPS: Mapping[str, Callable[[Any, Any], bool]] = {
    "lt": operator.lt,
    "le": operator.le,
    "eq": operator.eq,
    "ne": operator.ne,
    "ge": operator.ge,
    "gt": operator.gt,
}
TYPES: Mapping[str, int] = {"": 1, "string": 1, "integer": 2, "float": 3, "datetime": 4}
"""The names of types by Ceilometer's numbers. None named means text."""
NAMES = {1: "string", 2: "integer", 3: "float", 4: "datetime"}


def converted(value: Any, number: int) -> Value:
    """ValueError where the value is none of that type."""
    if number == 2:
        return int(value)
    if number == 3:
        return float(value)
    if number == 4:
        return moment(value)
    return str(value)


def moment(text: Any) -> datetime:
    """ISO 8601 as UTC without saying so; a time without a zone is UTC already."""
    parsed = datetime.fromisoformat(str(text).strip())
    return parsed.astimezone(UTC).replace(tzinfo=None) if parsed.tzinfo else parsed


def values_of(traits: tuple[Trait, ...]) -> dict[str, Value]:
    """The traits by name. One that is not what its type says is left out, so that nothing compares with it."""
    found: dict[str, Value] = {}
    for name, number, value in traits:
        try:
            found[name] = converted(value, number)
        except (ValueError, TypeError, OverflowError):
            continue
    return found


def wanted(condition: Condition) -> Value:
    return converted(condition.value, TYPES[condition.type])


Test = tuple[str, Callable[[Any, Any], bool], Value]
"""Trait, comparison, value."""


def comparison(condition: Condition) -> Test:
    return condition.trait, OPS[condition.op], wanted(condition)


def holds(test: Test, values: Mapping[str, Value]) -> bool:
    """A trait that is not there is unlike every value, and neither more nor less than any."""
    name, compare, value = test
    try:
        return bool(compare(values.get(name), value))
    except TypeError:  # text against a number
        return False
