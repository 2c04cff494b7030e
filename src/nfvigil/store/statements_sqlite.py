"""SQL for SQLite's writer: many rows in one statement.

A statement is one call into SQLite, for which Python lets go of its global lock once. ``executemany`` would do so once
a row, and with a busy event loop beside it would wait up to a switch interval (5 ms) each time: 1,000 rows take 1.3 s
then, against 50 ms so. Rows go in chunks of a few fixed sizes, so that the prepared statements are found again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import Executable, Table
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.compiler import SQLCompiler

from nfvigil.store.ops import Conflict, Delete, Insert, Row, Update, distinct

CHUNKS = (256, 64, 16, 4, 1)
_DIALECT = sqlite.dialect(paramstyle="qmark")


def chunks(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    start = 0
    for size in CHUNKS:
        while len(rows) - start >= size:
            yield rows[start : start + size]
            start += size


def insert_steps(op: Insert, rows: Sequence[Row]) -> Iterator[tuple[str, list[Any]]]:
    """(SQL, parameters) that insert ``rows``, which have passed ``distinct``."""
    for part in chunks(rows):
        yield _insert_sql(op.table, on_conflict(op, "max", "min"), len(part)), list(chain.from_iterable(part))


def update_steps(op: Update) -> Iterator[tuple[str, list[Any]]]:
    for part in chunks(distinct(op)):
        yield _update_sql(op.table, op.columns, len(part)), list(chain.from_iterable(part))


def delete_steps(op: Delete) -> Iterator[tuple[str, list[Any]]]:
    for part in chunks(op.keys):
        yield _delete_sql(op.table, len(part)), list(part)


def compiled(statement: Executable) -> tuple[str, list[Any]]:
    """Any SQLAlchemy statement as SQLite takes it."""
    result = statement.compile(  # type: ignore[attr-defined]  # every Executable that is a clause compiles
        dialect=_DIALECT, compile_kwargs={"render_postcompile": True}
    )
    assert isinstance(result, SQLCompiler)
    values = result.construct_params()
    return str(result), [values[name] for name in result.positiontup or ()]


@lru_cache(maxsize=256)
def _insert_sql(table: Table, ending: str, count: int) -> str:
    names = [column.name for column in table.columns]
    row = "(" + ",".join("?" * len(names)) + ")"
    values = ",".join([row] * count)
    return f"INSERT INTO {table.name} ({','.join(names)}) VALUES {values}{ending}"  # noqa: S608  # names of our own tables


def on_conflict(op: Insert, greatest: str, least: str) -> str:
    """The ON CONFLICT clause; SQLite and PostgreSQL spell it alike but for the higher and the lower of two."""
    return _on_conflict(op.table, op.conflict, op.same, (op.keep, op.highest, op.lowest), greatest, least)


@lru_cache(maxsize=256)
def _on_conflict(
    table: Table,
    conflict: Conflict,
    same: tuple[str, ...],
    special: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]],
    greatest: str,
    least: str,
) -> str:
    if conflict is Conflict.FAIL:
        return ""
    keys = [column.name for column in table.primary_key.columns]
    target = f" ON CONFLICT ({','.join(keys)}) DO "
    if conflict is Conflict.IGNORE:
        return target + "NOTHING"
    if conflict is Conflict.SAME:
        where = " AND ".join(f"{table.name}.{name} = excluded.{name}" for name in same)
        return f"{target}UPDATE SET {same[0]} = excluded.{same[0]} WHERE {where}"
    keep, highest, lowest = special
    ways = dict.fromkeys(highest, greatest) | dict.fromkeys(lowest, least)
    sets = []
    for name in (column.name for column in table.columns if column.name not in (*keys, *keep)):
        value = f"{ways[name]}({table.name}.{name}, excluded.{name})" if name in ways else f"excluded.{name}"
        sets.append(f"{name} = {value}")
    return target + "UPDATE SET " + ",".join(sets)


@lru_cache(maxsize=256)
def _update_sql(table: Table, columns: tuple[str, ...], count: int) -> str:
    row = "(" + ",".join("?" * len(columns)) + ")"
    values = ",".join([row] * count)
    size = len(table.primary_key.columns)
    sets = ",".join(f"{name} = new.{name}" for name in columns[size:])
    where = " AND ".join(f"{table.name}.{name} = new.{name}" for name in columns[:size])
    return (
        f"WITH new ({','.join(columns)}) AS (VALUES {values}) "  # noqa: S608  # names of our own tables
        f"UPDATE {table.name} SET {sets} FROM new WHERE {where}"
    )


@lru_cache(maxsize=64)
def _delete_sql(table: Table, count: int) -> str:
    key = next(iter(table.columns)).name
    return f"DELETE FROM {table.name} WHERE {key} IN ({','.join('?' * count)})"  # noqa: S608  # names of our own tables
