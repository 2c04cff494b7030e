"""Writes to PostgreSQL: one task, one connection, and one commit for all who wait.

It keeps the connection for as long as it lasts. When the server goes away those who wait are told so, and it connects
again with the next write, though not more often than a growing pause allows.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it ships no types

from nfvigil.errors import ConflictError, OverloadedError, StoreUnavailableError
from nfvigil.store.ops import (
    Conflict,
    Delete,
    Execute,
    Insert,
    Op,
    Result,
    Row,
    Update,
    distinct,
    merged,
    numbered_rows,
)
from nfvigil.store.statements_postgres import compiled, delete_step, insert_step, update_step

QUEUE_LIMIT = 10_000
GROUP_LIMIT = 1_000
CONNECT_TIMEOUT_SECONDS = 5.0
WRITE_TIMEOUT_SECONDS = 30.0
PAUSE_MIN_SECONDS = 0.1
PAUSE_MAX_SECONDS = 5.0
RETRIES_MAX = 3

_CONNECTION_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # What it says of a connection that went away between two writes.
    OSError,
    TimeoutError,
)
_SERVER_CANNOT = (
    asyncpg.InsufficientResourcesError,  # Disk full, out of memory, too many connections.
    asyncpg.OperatorInterventionError,  # Shutting down.
    asyncpg.PostgresSystemError,  # I/O error.
    asyncpg.ReadOnlySQLTransactionError,  # It has become a standby.
    asyncpg.LockNotAvailableError,
)
_TRY_AGAIN = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


@dataclass(slots=True, eq=False)
class _Unit:
    ops: Sequence[Op]
    future: asyncio.Future[list[Result]]
    error: Exception | None = None
    results: list[Result] | None = None


class PostgresWriter:
    """The group-commit writer. Make it inside the running event loop."""

    def __init__(self, *, dsn: str, queue_limit: int = QUEUE_LIMIT) -> None:
        self._dsn = dsn
        self._queue_limit = queue_limit
        self._waiting: deque[_Unit] = deque()
        self._wake = asyncio.Event()
        self._closing = False
        self._connection: asyncpg.Connection | None = None
        self._pause_seconds = 0.0
        self._not_before = 0.0
        self._task = asyncio.get_running_loop().create_task(self._run(), name="store-writer")

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    async def write(self, ops: Sequence[Op]) -> list[Result]:
        if self._closing:
            raise StoreUnavailableError("the store is closed")
        if len(self._waiting) >= self._queue_limit:
            raise OverloadedError(f"{self._queue_limit} writes wait for the database already")
        unit = _Unit(ops, asyncio.get_running_loop().create_future())
        self._waiting.append(unit)
        self._wake.set()
        return await unit.future

    async def close(self) -> None:
        self._closing = True
        self._wake.set()
        await self._task

    async def _run(self) -> None:
        while not (self._closing and not self._waiting):
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                units = [self._waiting.popleft() for _ in range(min(len(self._waiting), GROUP_LIMIT))]
                await self._write_group(units)
                for unit in units:
                    _settle(unit)
        await self._disconnect()

    async def _write_group(self, units: list[_Unit]) -> None:
        for attempt in range(1, RETRIES_MAX + 1):
            try:
                async with asyncio.timeout(WRITE_TIMEOUT_SECONDS):
                    await self._write_or_part(await self._connect(), units)
                return
            except _TRY_AGAIN as error:
                failure: Exception = error
                if attempt < RETRIES_MAX:
                    continue
            except StoreUnavailableError as error:
                failure = error
            except (*_CONNECTION_LOST, *_SERVER_CANNOT) as error:
                failure = error
                self._give_up()
            except Exception as error:  # Whatever it is, those who wait must hear of it.
                self._give_up()
                for unit in units:
                    unit.error = error
                return
            break
        for unit in units:
            unit.error = _unavailable(failure)

    async def _write_or_part(self, connection: asyncpg.Connection, units: list[_Unit]) -> None:
        """All units in one transaction; where one is at fault, again with a savepoint around each."""
        try:
            async with connection.transaction():
                await _write_together(connection, units)
        except _OURS as error:
            if len(units) == 1:
                units[0].error = _as_ours(error)
                return
            async with connection.transaction():
                for unit in units:
                    await _write_alone(connection, unit)

    async def _connect(self) -> asyncpg.Connection:
        if self._connection is not None and not self._connection.is_closed():
            return self._connection
        now = asyncio.get_running_loop().time()
        if now < self._not_before:
            raise StoreUnavailableError("the database does not answer", self._not_before - now)
        self._pause_seconds = min(max(PAUSE_MIN_SECONDS, self._pause_seconds * 2), PAUSE_MAX_SECONDS)
        try:
            self._connection = await asyncpg.connect(self._dsn, timeout=CONNECT_TIMEOUT_SECONDS)
        except (*_CONNECTION_LOST, asyncpg.PostgresError) as error:
            # Whatever the server says against it: starting, stopping, full, closed, another password.
            self._not_before = asyncio.get_running_loop().time() + self._pause_seconds
            raise StoreUnavailableError(f"the database does not answer: {error}", self._pause_seconds) from error
        self._pause_seconds, self._not_before = 0.0, 0.0
        return self._connection

    def _give_up(self) -> None:
        """Cut the connection: in which state it is nobody can say."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(*_CONNECTION_LOST, asyncpg.PostgresError):  # It is gone, which is what was wanted.
                await connection.close(timeout=1.0)


_OURS = (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError, ConflictError)
"""Errors that lie in a unit itself and not in the database."""


async def _write_together(connection: asyncpg.Connection, units: list[_Unit]) -> None:
    for unit in units:
        unit.results = []
    for op, index in merged([unit.ops for unit in units]):
        if isinstance(op, Execute):
            units[index].results = [*(units[index].results or []), await _execute(connection, op)]
        else:
            await _write_rows(connection, op)


async def _write_alone(connection: asyncpg.Connection, unit: _Unit) -> None:
    unit.results = []
    try:
        async with connection.transaction():
            for op in unit.ops:
                if isinstance(op, Execute):
                    unit.results.append(await _execute(connection, op))
                else:
                    await _write_rows(connection, op)
    except _OURS as error:
        unit.error = _as_ours(error)


async def _write_rows(connection: asyncpg.Connection, op: Insert | Update | Delete) -> None:
    if isinstance(op, Update):
        sql, values = update_step(op)
        await connection.execute(sql, *values)
        return
    if isinstance(op, Delete):
        sql, values = delete_step(op)
        await connection.execute(sql, *values)
        return
    rows = distinct(op)
    if not rows:
        return
    if op.numbered:
        # The row of the counter stays locked until the commit: numbers become visible in their order.
        rows = numbered_rows(rows, await _count_up(connection, op.numbered, len(rows)))
    sql, values = insert_step(op, rows)
    status = await connection.execute(sql, *values)
    if op.conflict is Conflict.SAME and _count_of(status) != len(rows):
        raise ConflictError(f"{op.table.name}: there is another record under this key already")


async def _count_up(connection: asyncpg.Connection, counter: str, count: int) -> int:
    last = await connection.fetchval(
        "UPDATE cursors SET value = value + $1 WHERE name = $2 RETURNING value", count, counter
    )
    if last is None:
        raise ConflictError(f"the counter {counter} is missing in the database")
    return int(last)


async def _execute(connection: asyncpg.Connection, op: Execute) -> Result:
    sql, values = compiled(op.statement)
    statement = await connection.prepare(sql)
    found = await statement.fetch(*values)
    rows: list[Row] = [tuple(record) for record in found]
    result = Result(max(_count_of(statement.get_statusmsg()), len(rows)), rows)
    if op.must_hit and not result.count:
        raise ConflictError(op.complaint or "it was changed meanwhile")
    return result


def _count_of(status: str) -> int:
    """``INSERT 0 3`` -> 3."""
    last = status.rpartition(" ")[2]
    return int(last) if last.isdecimal() else 0


def _settle(unit: _Unit) -> None:
    if unit.future.done():  # Its caller has gone.
        return
    if unit.error is not None:
        unit.future.set_exception(unit.error)
    else:
        unit.future.set_result(unit.results or [])


def _as_ours(error: Exception) -> Exception:
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        conflict = ConflictError(str(error))
        conflict.__cause__ = error
        return conflict
    return error


def _unavailable(error: Any) -> StoreUnavailableError:
    if isinstance(error, StoreUnavailableError):
        return StoreUnavailableError(str(error), error.retry_after_seconds)
    failure = StoreUnavailableError(f"the database cannot be written: {error or type(error).__name__}")
    failure.__cause__ = error
    return failure
