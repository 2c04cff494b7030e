"""O-RAN's query parameters: ``filter``, ``fields`` and ``exclude_fields``, over records that are plain values. Pure.

filter=(eq,perceivedSeverity,0);(cont,extensions/text,'no power')
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from math import isfinite
from typing import Any

import msgspec

from nfvigil.errors import FieldError, RefusedError
from nfvigil.model import times

TEXT_MAX = 4096
CRITERIA_MAX = 32
VALUES_MAX = 100
DEPTH_MAX = 8

_DAY = re.compile(r"\s*\d{4}-\d\d-\d\d", re.ASCII)
_TERM = re.compile(r"\s*('(?:[^']|'')*'|[^,'();]*)\s*")
_MISSING: Any = object()
Path = tuple[str, ...]
Value = str | int | float

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda found, wanted: bool(found == wanted),
    "gt": lambda found, wanted: bool(found > wanted),
    "gte": lambda found, wanted: bool(found >= wanted),
    "lt": lambda found, wanted: bool(found < wanted),
    "lte": lambda found, wanted: bool(found <= wanted),
    "cont": lambda found, wanted: str(wanted) in str(found),
}
_NEGATIVE = {"neq": "eq", "ncont": "cont", "nin": "in"}
_OPERATORS = frozenset({*_COMPARE, *_NEGATIVE, "in"})


class Criterion(msgspec.Struct, frozen=True):
    """One of the tuples. All of them must fit."""

    operator: str
    path: Path
    values: tuple[str, ...]

    def fits(self, record: Mapping[str, Any]) -> bool:
        """What is not there fits only what is to be unlike something."""
        positive = _NEGATIVE.get(self.operator)
        found = at(record, self.path)
        if found is _MISSING:
            return positive is not None
        test = positive or self.operator
        compare = _COMPARE["eq" if test == "in" else test]
        fits = any(_compared(compare, found, value) for value in self.values)
        return fits is (positive is None)


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for."""

    criteria: tuple[Criterion, ...] = ()
    fields: tuple[Path, ...] = ()
    excluded: tuple[Path, ...] = ()

    def fits(self, record: Mapping[str, Any]) -> bool:
        return all(criterion.fits(record) for criterion in self.criteria)

    def shown(self, record: dict[str, Any]) -> dict[str, Any]:
        """The fields that were asked for, less those that were not wanted even so."""
        shown = record
        if self.fields:
            shown = {}
            for path in self.fields:
                _copy(record, shown, path)
        for path in self.excluded:
            shown = _without(shown, path)
        return shown


def read_selection(
    *, filter: str | None, fields: str | None, exclude_fields: str | None, names: Sequence[str]
) -> Selection:
    """RefusedError names every parameter that is wrong. ``names`` are the fields there are: a misspelt one would
    otherwise show nothing, or all.
    """
    errors: list[FieldError] = []

    def of(parameter: str, read: Callable[[str], Any], text: str | None) -> Any:
        if text is None:
            return ()
        try:
            if len(text) > TEXT_MAX:
                raise ValueError(f"is longer than {TEXT_MAX} characters")
            return read(text)
        except ValueError as error:
            errors.append(FieldError(parameter, str(error)))
            return ()

    selection = Selection(
        criteria=of("filter", lambda text: _criteria(text, names), filter),
        fields=of("fields", lambda text: _paths(text, names), fields),
        excluded=of("exclude_fields", lambda text: _paths(text, names), exclude_fields),
    )
    if errors:
        raise RefusedError("the request is wrong", errors)
    return selection


def at(record: Any, path: Path) -> Any:
    for name in path:
        record = record.get(name, _MISSING) if isinstance(record, Mapping) else _MISSING
    return record


def _criteria(text: str, names: Sequence[str]) -> tuple[Criterion, ...]:
    found: list[Criterion] = []
    position = 0
    while True:
        terms, position = _terms(text, position)
        found.append(_criterion(terms, names))
        if len(found) > CRITERIA_MAX:
            raise ValueError(f"has more than {CRITERIA_MAX} criteria")
        if position == len(text):
            return tuple(found)
        if text[position] != ";":
            raise ValueError(f"has {text[position]!r} where a ; or the end was expected, at character {position}")
        position += 1


def _terms(text: str, position: int) -> tuple[list[str], int]:
    """What stands in one pair of brackets, and where it ends."""
    if text[position : position + 1] != "(":
        raise ValueError(f"needs a ( at character {position}, as in (eq,perceivedSeverity,0)")
    terms: list[str] = []
    while True:
        match = _TERM.match(text, position + 1)
        assert match is not None  # it fits the empty text too
        word = match.group(1)
        terms.append(word[1:-1].replace("''", "'") if word.startswith("'") else word.strip())
        position = match.end()
        end = text[position : position + 1]
        if end == ")":
            return terms, position + 1
        if end != ",":
            raise ValueError(f"is not closed with ) at character {position}")


def _criterion(terms: list[str], names: Sequence[str]) -> Criterion:
    if len(terms) < 3:
        raise ValueError("needs an operator, a field and a value in each criterion")
    operator, field, *values = terms
    if operator not in _OPERATORS:
        raise ValueError(f"has no operator {operator[:20]!r}; there are {', '.join(sorted(_OPERATORS))}")
    if len(values) > 1 and operator not in ("in", "nin", "cont", "ncont"):
        raise ValueError(f"has several values for {operator}, which takes one")
    if len(values) > VALUES_MAX:
        raise ValueError(f"has more than {VALUES_MAX} values")
    path = _path(field, names)
    if operator not in ("cont", "ncont"):
        wanted = next((what for what, fits in _FORMS.get(path, ()) if not all(map(fits, values))), "")
        if wanted:  # An empty list would be taken for "no alarms".
            raise ValueError(f"compares {field} with what is no {wanted}")
    return Criterion(operator, path, tuple(values))


def _paths(text: str, names: Sequence[str]) -> tuple[Path, ...]:
    return tuple(_path(field.strip(), names) for field in text.split(","))


def _path(field: str, names: Sequence[str]) -> Path:
    path = tuple(field.split("/"))
    if path[0] not in names:
        raise ValueError(f"there is no field {path[0][:80]!r}; there are {', '.join(names)}")
    if len(path) > DEPTH_MAX or not all(path):
        raise ValueError(f"{field[:80]!r} is no name of a field")
    return path


def _compared(compare: Callable[[Any, Any], bool], found: Any, wanted: str) -> bool:
    """By what is there: truth values, numbers and times as such, everything else as text."""
    if isinstance(found, bool):
        return compare(str(found).lower(), wanted.strip().lower())
    if isinstance(found, int | float):
        try:
            return compare(found, float(wanted))
        except ValueError:
            return False
    if isinstance(found, str):
        there, asked = _time(found), _time(wanted)
        if there is not None and asked is not None and compare is not _COMPARE["cont"]:
            return compare(there, asked)
        return compare(found, wanted)
    if isinstance(found, list):
        return any(_compared(compare, one, wanted) for one in found)
    return False


def _time(text: str) -> int | None:
    if len(text) < 19 or text[4:5] != "-" or text[10:11] not in ("T", " "):
        return None
    try:
        return times.parse(text, UTC)[0]
    except (ValueError, OverflowError):
        return None


def _is_number(text: str) -> bool:
    try:
        return isfinite(float(text))
    except ValueError:
        return False


_TIMES = ("alarmRaisedTime", "alarmChangedTime", "alarmClearedTime", "alarmAcknowledgedTime")
_FORMS: Mapping[Path, Sequence[tuple[str, Callable[[str], bool]]]] = {
    ("perceivedSeverity",): [("number", _is_number)],
    ("alarmAcknowledged",): [("truth value", lambda text: text.strip().lower() in ("true", "false"))],
    **{(name,): [("time", lambda text: _DAY.match(text) is not None)] for name in _TIMES},
}
"""What is wanted of a value by the field that it is compared with."""


def _copy(source: Mapping[str, Any], target: dict[str, Any], path: Path) -> None:
    value = at(source, path)
    if value is _MISSING:
        return
    for name in path[:-1]:
        inner = target.setdefault(name, {})
        if not isinstance(inner, dict):
            return
        target = inner
    if not (isinstance(value, dict) and isinstance(target.get(path[-1]), dict)):
        target[path[-1]] = dict(value) if isinstance(value, dict) else value
    else:
        target[path[-1]] |= value


def _without(record: dict[str, Any], path: Path) -> dict[str, Any]:
    if path[0] not in record:
        return record
    if len(path) == 1:
        return {name: value for name, value in record.items() if name != path[0]}
    inner = record[path[0]]
    return record | {path[0]: _without(inner, path[1:])} if isinstance(inner, dict) else record
