"""What Aodh's lists may be asked for: ``q.field``, ``sort`` and the complex queries in JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from nfvigil.errors import FieldError, RefusedError
from nfvigil.model import times
from nfvigil.model.event_alarm import AodhSeverity
from nfvigil.store.event_alarm_query import ALARM_FIELDS, CHANGE_FIELDS, Always, And, Is, Not, Or, Tree

CONDITIONS_MAX = 100
DEPTH_MAX = 20
TEXT_MAX = 1024
_ALIASES = {"user": "user_id", "project": "project_id"}
_OPS = {
    "=": "=",
    "==": "=",
    "eq": "=",
    "!=": "!=",
    "ne": "!=",
    "<": "<",
    "lt": "<",
    ">": ">",
    "gt": ">",
    "<=": "<=",
    "=<": "<=",
    "le": "<=",
    ">=": ">=",
    "=>": ">=",
    "ge": ">=",
}
_TIMES = ("timestamp", "state_timestamp")
_TRUTHS = ("enabled", "repeat_actions")
_TRUE = ("1", "t", "true", "on", "y", "yes")
_FALSE = ("0", "f", "false", "off", "n", "no")
_LEAST, _MOST = -(1 << 62), (1 << 62)


class Fields:
    """What one kind of list may be asked by. ``same`` are fields that have the same value in all of them."""

    def __init__(self, *, columns: Mapping[str, Any], simple: Sequence[str], same: Mapping[str, str]) -> None:
        self.columns = columns
        self.simple = simple
        self.same = same

    def test(self, name: str, op: str, value: Any, place: str) -> Tree:
        name = _ALIASES.get(name, name)
        if name in self.same:
            return Always(_compared(op, self.same[name], value, place))
        if name not in self.columns:
            known = ", ".join(sorted([*self.columns, *self.same]))
            raise _wrong(place, f"unrecognized field {name[:100]!r}, valid are {known}")
        if op == "in":
            if not isinstance(value, list) or not 1 <= len(value) <= CONDITIONS_MAX:
                raise _wrong(place, f"in takes a list of 1 to {CONDITIONS_MAX} values")
            return Is(name, op, tuple(_value(name, one, place) for one in value))
        return Is(name, op, _value(name, value, place))


ALARMS = Fields(
    columns=ALARM_FIELDS,
    simple=("alarm_id", "name", "state", "enabled", "severity", "project_id", "user_id", "type"),
    same={"type": "event"},
)
CHANGES = Fields(columns=CHANGE_FIELDS, simple=("event_id", "type", "severity", "project_id", "user_id"), same={})


def _wrong(place: str, reason: str) -> RefusedError:
    return RefusedError("the query is wrong", [FieldError(place, reason)])


def _compared(op: str, ours: str, value: Any, place: str) -> bool:
    if op == "in" and isinstance(value, list):
        return ours in value
    if op == "=":
        return bool(ours == value)
    if op == "!=":
        return bool(ours != value)
    raise _wrong(place, "only = and != fit here")


def _value(name: str, value: Any, place: str) -> Any:
    if isinstance(value, dict | list) or value is None:
        raise _wrong(place, f"{name} is compared with one text, number or truth")
    if name in _TRUTHS:
        return _truth(str(value), place)
    if name == "severity":
        if value not in [one.value for one in AodhSeverity]:
            raise _wrong(place, f"severity is one of {', '.join(AodhSeverity)}")
        return AodhSeverity(value).rank
    if name in _TIMES:
        return _moment(value, place)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value)
    if len(text) > TEXT_MAX or "\0" in text:
        raise _wrong(place, f"the value has at most {TEXT_MAX} characters")
    return text


def _truth(text: str, place: str) -> int:
    if text.lower() in _TRUE:
        return 1
    if text.lower() in _FALSE:
        return 0
    raise _wrong(place, "the value must be true or false")


def _moment(value: Any, place: str) -> int:
    try:
        us, _ = times.parse(str(value)[:64].replace(" ", "+") if "T" in str(value) else str(value)[:64], UTC)
    except (ValueError, OverflowError):
        raise _wrong(place, "invalid timestamp format") from None
    return max(_LEAST, min(_MOST, us))


# q.field, q.op, q.value


def simple_query(fields: Fields, names: Sequence[str], ops: Sequence[str], values: Sequence[str]) -> list[Tree]:
    """Each of them must hold. Times may be compared by order, everything else is to be equal."""
    if len(names) != len(values) or (ops and len(ops) != len(names)):
        raise _wrong("q", "each q.field has one q.op and one q.value")
    if len(names) > CONDITIONS_MAX:
        raise _wrong("q", f"more than {CONDITIONS_MAX} conditions")
    found: list[Tree] = []
    for number, (name, value) in enumerate(zip(names, values, strict=True)):
        place = f"q[{number}]"
        op = (ops[number] if ops else "") or "eq"
        ours = _ALIASES.get(name, name)
        is_time = fields is CHANGES and ours == "timestamp"
        if ours not in fields.simple and not is_time:
            raise _wrong(place, f"unrecognized field {name[:100]!r}, valid are {', '.join(sorted(fields.simple))}")
        if op != "eq" and not (is_time and op in ("lt", "le", "gt", "ge")):
            raise _wrong(place, f"unimplemented operator for {name}")
        if ours == "severity" and value not in [one.value for one in AodhSeverity]:
            found.append(Always(False))
            continue
        found.append(fields.test(ours, _OPS[op], value, place))
    return found


def sorts_of(fields: Fields, given: Sequence[str]) -> tuple[tuple[str, bool], ...]:
    """``name:asc`` -> (name, is it descending). What is the same for all of them sorts nothing."""
    found: dict[str, bool] = {}
    for text in given[:CONDITIONS_MAX]:
        name, _, direction = text.partition(":")
        name = _ALIASES.get(name, name)
        if direction not in ("", "asc", "desc"):
            raise _wrong("sort", "the direction is asc or desc")
        if name in fields.columns:
            found.setdefault(name, direction == "desc")
        elif name not in fields.same:
            raise _wrong("sort", f"unsupported key {name[:100]!r}, valid are {', '.join(sorted(fields.columns))}")
    return tuple(found.items())


# Complex queries


def complex_query(fields: Fields, text: str | None) -> Tree:
    """``{"and": [{"=": {"state": "alarm"}}, ...]}`` as JSON in a text."""
    if text is None:
        return Always(True)
    return _Reading(fields).read(_json("filter", text), 0)


def complex_order(fields: Fields, text: str | None) -> tuple[tuple[str, bool], ...]:
    """``[{"timestamp": "desc"}, ...]``"""
    if text is None:
        return ()
    given = _json("orderby", text)
    pairs = [one for one in given if isinstance(one, dict) and len(one) == 1] if isinstance(given, list) else []
    if not isinstance(given, list) or len(pairs) < len(given):
        raise _wrong("orderby", 'must be a list such as [{"timestamp": "desc"}]')
    return sorts_of(fields, [f"{name}:{str(way).lower()}" for pair in pairs for name, way in pair.items()])


def _json(place: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise _wrong(place, "is not JSON") from None


class _Reading:
    def __init__(self, fields: Fields) -> None:
        self._fields = fields
        self._count = 0

    def read(self, given: Any, depth: int) -> Tree:
        self._count += 1
        if self._count > CONDITIONS_MAX or depth > DEPTH_MAX:
            raise _wrong("filter", f"more than {CONDITIONS_MAX} conditions, or deeper than {DEPTH_MAX}")
        if not isinstance(given, dict) or len(given) != 1:
            raise _wrong("filter", "each part is an object with one operator")
        (word, inner), *_ = given.items()
        op = str(word).lower()
        if op in ("and", "or"):
            if not isinstance(inner, list) or len(inner) < 2:
                raise _wrong("filter", f"{op} takes a list of two or more")
            parts = tuple(self.read(one, depth + 1) for one in inner)
            return And(parts) if op == "and" else Or(parts)
        if op == "not":
            return Not(self.read(inner, depth + 1))
        if op not in _OPS and op != "in":
            known = ", ".join(sorted({*_OPS.values(), "in", "and", "or", "not"}))
            raise _wrong("filter", f"{op[:100]!r} is no operator here; there are {known}")
        if not isinstance(inner, dict) or len(inner) != 1:
            raise _wrong("filter", f"{op} takes an object with one field")
        (name, value), *_ = inner.items()
        return self._fields.test(str(name), _OPS.get(op, op), value, "filter")


def owners_asked(tree: Tree, field: str) -> list[Any]:
    """The values that a query compares ``field`` with."""
    if isinstance(tree, Is):
        values = tree.value if tree.op == "in" else (tree.value,)
        return list(values) if tree.field == field else []
    if isinstance(tree, Not):
        return owners_asked(tree.part, field)
    if isinstance(tree, And | Or):
        return [value for part in tree.parts for value in owners_asked(part, field)]
    return []
