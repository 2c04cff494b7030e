"""Filters by attribute, as ETSI SOL013 5.2 writes them: ``(eq,perceivedSeverity,CRITICAL);(in,faultType,a,b)``. Pure.

A value in single quotes may hold a comma, a bracket or, doubled, a quote. Where an attribute is not there, what asks
for it does not fit, and what asks that it be another does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC
from typing import Any, NamedTuple

from nfvigil.errors import FieldError, RefusedError
from nfvigil.model import times

LENGTH_MAX = 4096
PATTERN = r"^[^\x00-\x1F\x7F]*$"
"""No control characters: PostgreSQL refuses NUL, and the others have no place in a value."""
EXPRESSIONS_MAX = 20
VALUES_MAX = 100

ONE = frozenset({"eq", "neq", "gt", "gte", "lt", "lte"})
ORDERED = frozenset({"gt", "gte", "lt", "lte"})
MANY = frozenset({"in", "nin", "cont", "ncont"})
_NEGATED = {"neq": "eq", "nin": "in", "ncont": "cont"}
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "gt": lambda one, other: bool(one > other),
    "gte": lambda one, other: bool(one >= other),
    "lt": lambda one, other: bool(one < other),
    "lte": lambda one, other: bool(one <= other),
}
_VALUE = re.compile(r"'((?:[^']|'')*)'|([^,()']*)")


class Attributes(NamedTuple):
    """What may be asked for, by path."""

    texts: frozenset[str]
    times: frozenset[str] = frozenset()
    words: Mapping[str, frozenset[str]] = {}
    """Of texts that can have a few values only, which these are."""

    def has(self, path: str) -> bool:
        return path in self.texts or path in self.times


class Expression(NamedTuple):
    op: str
    path: str
    values: tuple[str, ...]
    instants: tuple[int, ...] = ()
    """The values of an attribute that is a time."""


def parse(text: str, attributes: Attributes) -> tuple[Expression, ...]:
    """RefusedError says what is wrong with it."""
    try:
        if len(text) > LENGTH_MAX:
            raise ValueError(f"is longer than {LENGTH_MAX} characters")
        found = tuple(_checked(op, path, values, attributes) for op, path, values in _split(text))
        if len(found) > EXPRESSIONS_MAX:
            raise ValueError(f"has more than {EXPRESSIONS_MAX} expressions")
    except ValueError as error:
        raise RefusedError("the request is wrong", [FieldError("filter", str(error))]) from error
    return found


def _split(text: str) -> Iterator[tuple[str, str, list[str]]]:
    position = 0
    while True:
        if text[position : position + 1] != "(":
            raise ValueError("is a list of expressions such as (eq,perceivedSeverity,CRITICAL), with ; between them")
        words: list[str] = []
        while True:
            match = _VALUE.match(text, position + 1)
            assert match is not None  # it matches nothing, too
            words.append(match.group(1).replace("''", "'") if match.group(1) is not None else match.group(2))
            position = match.end()
            sign = text[position : position + 1]
            if sign == ")":
                break
            if sign != ",":
                raise ValueError("has an expression that does not end, or a value that wants quotes")
        if len(words) < 3:
            raise ValueError("has an expression without an operator, an attribute or a value")
        yield words[0], words[1], words[2:]
        position += 1
        if position == len(text):
            return
        if text[position] != ";":
            raise ValueError("has something else than ; between two expressions")
        position += 1


def _checked(op: str, path: str, values: list[str], attributes: Attributes) -> Expression:
    if op not in ONE | MANY:
        raise ValueError(f"has the operator {op[:20]!r}; there are {', '.join(sorted(ONE | MANY))}")
    if not attributes.has(path):
        raise ValueError(f"asks for {path[:100]!r}, which cannot be asked for")
    if op in ONE and len(values) > 1:
        raise ValueError(f"gives {op} more than one value")
    if len(values) > VALUES_MAX:
        raise ValueError(f"gives {op} more than {VALUES_MAX} values")
    known = attributes.words.get(path)
    if known is not None and op not in ("cont", "ncont") and not known.issuperset(values):
        # An empty list would be taken for "no alarms".
        raise ValueError(f"compares {path} with what it never is; it is one of {', '.join(sorted(known))}")
    if path not in attributes.times:
        if op in ORDERED:
            raise ValueError(f"asks for an order of {path}, which has none")
        return Expression(op, path, tuple(values))
    if op in ("cont", "ncont"):
        raise ValueError(f"asks for a part of {path}, which is a time")
    return Expression(op, path, tuple(values), tuple(_instant(path, value) for value in values))


def _instant(path: str, text: str) -> int:
    try:
        return times.parse(text, UTC)[0]
    except (ValueError, OverflowError) as error:
        raise ValueError(f"compares {path} with what is no time") from error


def fits(expressions: Sequence[Expression], view: Mapping[str, Any]) -> bool:
    """Whether all of them hold of what is shown of a thing."""
    return all(_holds(one, _values(view, one.path.split("/"))) for one in expressions)


def _values(there: Any, path: Sequence[str]) -> list[Any]:
    """What stands under a path; each item by itself, where a list stands on the way."""
    if isinstance(there, list | tuple):
        return [found for item in there for found in _values(item, path)]
    if not path:
        return [there]
    return _values(there[path[0]], path[1:]) if isinstance(there, Mapping) and path[0] in there else []


def _holds(expression: Expression, found: Sequence[Any]) -> bool:
    op = expression.op
    if op in _NEGATED:
        return not _holds(expression._replace(op=_NEGATED[op]), found)
    if expression.instants:
        compare = _ORDER.get(op)
        instants = [times.parse(value, UTC)[0] for value in found]
        if compare is not None:
            return any(compare(instant, expression.instants[0]) for instant in instants)
        return any(instant in expression.instants for instant in instants)
    texts = [str(value).lower() if isinstance(value, bool) else str(value) for value in found]
    if op == "cont":
        return any(part in text for text in texts for part in expression.values)
    return any(text in expression.values for text in texts)
