"""SQL for PostgreSQL's writer: many rows in one statement, as one array a column."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Executable, Table
from sqlalchemy.dialects.postgresql import asyncpg as dialects
from sqlalchemy.sql.compiler import SQLCompiler

from nfvigil.store.ops import Delete, Insert, Row, Update, distinct
from nfvigil.store.statements_sqlite import on_conflict

_DIALECT = dialects.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves this one untyped


def insert_step(op: Insert, rows: Sequence[Row]) -> tuple[str, list[Any]]:
    """(SQL, parameters) that insert ``rows``, which have passed ``distinct``."""
    return _insert_sql(op.table, on_conflict(op, "greatest", "least")), list(map(list, zip(*rows, strict=True)))


def update_step(op: Update) -> tuple[str, list[Any]]:
    return _update_sql(op.table, op.columns), list(map(list, zip(*distinct(op), strict=True)))


def delete_step(op: Delete) -> tuple[str, list[Any]]:
    key = next(iter(op.table.columns))
    return f"DELETE FROM {op.table.name} WHERE {key.name} = ANY($1::{_type(op.table, key.name)}[])", [list(op.keys)]  # noqa: S608  # names of our own tables


def compiled(statement: Executable) -> tuple[str, list[Any]]:
    """Any SQLAlchemy statement as asyncpg takes it."""
    result = statement.compile(  # type: ignore[attr-defined]  # every Executable that is a clause compiles
        dialect=_DIALECT, compile_kwargs={"render_postcompile": True}
    )
    assert isinstance(result, SQLCompiler)
    values = result.construct_params()
    return str(result), [values[name] for name in result.positiontup or ()]


@lru_cache(maxsize=64)
def _insert_sql(table: Table, ending: str) -> str:
    names = [column.name for column in table.columns]
    return (
        f"INSERT INTO {table.name} ({','.join(names)}) "  # noqa: S608  # names of our own tables
        f"SELECT * FROM unnest({_arrays(table, names)}){ending}"
    )


@lru_cache(maxsize=64)
def _update_sql(table: Table, columns: tuple[str, ...]) -> str:
    size = len(table.primary_key.columns)
    sets = ",".join(f"{name} = new.{name}" for name in columns[size:])
    where = " AND ".join(f"{table.name}.{name} = new.{name}" for name in columns[:size])
    return (
        f"UPDATE {table.name} SET {sets} FROM unnest({_arrays(table, columns)}) "  # noqa: S608  # as above
        f"AS new ({','.join(columns)}) WHERE {where}"
    )


def _arrays(table: Table, names: Sequence[str]) -> str:
    return ",".join(f"${number}::{_type(table, name)}[]" for number, name in enumerate(names, start=1))


def _type(table: Table, name: str) -> str:
    return str(table.columns[name].type.compile(dialect=_DIALECT))
