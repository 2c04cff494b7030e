"""What a writer is asked to do: units, each of which is written whole or not at all.

The hot path speaks in rows (tuples in the order of the table's columns), which each writer turns into the statement
that its database does fastest. Everything else is an ordinary SQLAlchemy statement in an ``Execute``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Protocol

from sqlalchemy import Executable, Table

Row = tuple[Any, ...]


class Conflict(Enum):
    """What to do with a row whose key is there already."""

    FAIL = "fail"
    IGNORE = "ignore"
    REPLACE = "replace"
    SAME = "same"
    """Fine if it is the same record written once more (``Insert.same`` columns are equal), else a failure."""


@dataclass(slots=True, kw_only=True)
class Insert:
    """New rows. With ``numbered``, the writer sets the second column of each to the next number of that counter."""

    table: Table
    rows: Sequence[Row]
    conflict: Conflict = Conflict.FAIL
    keep: tuple[str, ...] = ()
    """Columns that are not replaced."""
    highest: tuple[str, ...] = ()
    lowest: tuple[str, ...] = ()
    """Columns that keep the highest, or lowest, value that they ever had."""
    same: tuple[str, ...] = ()
    numbered: str = ""


@dataclass(slots=True, kw_only=True)
class Update:
    """New values for ``columns``, which begin with the primary key. A row that is not there (any more) stays away."""

    table: Table
    columns: tuple[str, ...]
    rows: Sequence[Row]


@dataclass(slots=True, kw_only=True)
class Delete:
    """Rows to remove, by the table's first column."""

    table: Table
    keys: Sequence[Any]


@dataclass(slots=True, kw_only=True)
class Execute:
    """Any other statement. Its result is (number of rows touched, rows returned).

    ``must_hit`` makes the unit fail with ``ConflictError(complaint)`` where it touches no row.
    """

    statement: Executable
    must_hit: bool = False
    complaint: str = ""


Op = Insert | Update | Delete | Execute


@dataclass(slots=True)
class Result:
    """What an ``Execute`` did."""

    count: int = 0
    rows: list[Row] = field(default_factory=list)


class Writer(Protocol):
    """The one that writes. All units that wait are written in one transaction."""

    @property
    def waiting(self) -> int:
        """How many units wait."""

    async def write(self, ops: Sequence[Op]) -> list[Result]:
        """Return when durable, with a result for each ``Execute`` among ``ops``.

        Raises ConflictError where a constraint or a guard forbids this unit, OverloadedError where too many wait,
        StoreUnavailableError where the database cannot be written; then nothing of the unit is in it.
        """

    async def close(self) -> None:
        """Write what waits, then stop."""


def merged(groups: Sequence[Sequence[Op]]) -> list[tuple[Op, int]]:
    """The ops of several units in order, neighbours of a kind made one; with each ``Execute`` its unit's index."""
    whole: list[tuple[Op, int]] = []
    ours = False  # Whether the last op of ``whole`` is a copy that may grow.
    for index, ops in enumerate(groups):
        for op in ops:
            if whole and _may_join(whole[-1][0], op):
                if not ours:
                    whole[-1] = (_copy(whole[-1][0]), -1)
                    ours = True
                _extend(whole[-1][0], op)
            else:
                whole.append((op, index))
                ours = False
    return whole


def _may_join(first: Op, second: Op) -> bool:
    match first, second:
        case Insert(), Insert():
            return (
                first.table is second.table
                and first.conflict is second.conflict
                and first.conflict is not Conflict.SAME
                and first.numbered == second.numbered
                and first.keep == second.keep
                and (first.highest, first.lowest) == (second.highest, second.lowest)
            )
        case Update(), Update():
            return first.table is second.table and first.columns == second.columns
        case Delete(), Delete():
            return first.table is second.table
    return False


def _copy(op: Op) -> Op:
    if isinstance(op, Delete):
        return replace(op, keys=list(op.keys))
    if isinstance(op, Execute):
        return op
    return replace(op, rows=list(op.rows))


def _extend(op: Op, more: Op) -> None:
    if isinstance(op, Delete) and isinstance(more, Delete):
        assert isinstance(op.keys, list)
        op.keys.extend(more.keys)
    elif isinstance(op, Insert | Update) and isinstance(more, Insert | Update):
        assert isinstance(op.rows, list)
        op.rows.extend(more.rows)


def distinct(op: Insert | Update) -> list[Row]:
    """The op's rows, the last of each key: one statement may not touch a row twice."""
    if isinstance(op, Insert) and op.conflict is Conflict.FAIL:
        return list(op.rows)
    size = len(op.table.primary_key.columns)
    if isinstance(op, Update):
        return list({row[:size]: row for row in op.rows}.values())
    keys = key_positions(op.table)
    return list({tuple(row[k] for k in keys): row for row in op.rows}.values())


def key_positions(table: Table) -> list[int]:
    """Where a row has the columns of its primary key."""
    names = [column.name for column in table.columns]
    return [names.index(column.name) for column in table.primary_key.columns]


def numbered_rows(rows: Sequence[Row], last: int) -> list[Row]:
    """``rows`` with the numbers that end at ``last`` in their second column."""
    first = last - len(rows) + 1
    return [(row[0], first + index, *row[2:]) for index, row in enumerate(rows)]
