"""Writes to SQLite: one thread, one connection, and one commit for all who wait.

    callers ─┐
    callers ─┼─> waiting units ─> writer thread: one transaction, one fsync ─> one wake-up of the event loop
    callers ─┘
While the disk works on one commit the next units gather, so throughput grows with the load and one caller alone waits
for one fsync only.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nfvigil.errors import ConflictError, OverloadedError, StoreUnavailableError
from nfvigil.store.checkpointer import Checkpointer
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
from nfvigil.store.statements_sqlite import compiled, delete_steps, insert_steps, update_steps

QUEUE_LIMIT = 10_000
GROUP_LIMIT = 1_000
BUSY_TIMEOUT_SECONDS = 5.0
CACHE_KIB = 16_000
CHECKPOINT_PAGES = 40_000
"""At 160 MB of log a commit brings the database up to date itself: the checkpointer could not keep up."""

_OURS = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError, OverflowError, ConflictError)
"""Errors that lie in a unit itself and not in the database."""


@dataclass(slots=True, eq=False)
class _Unit:
    ops: Sequence[Op]
    future: asyncio.Future[list[Result]]
    error: Exception | None = None
    results: list[Result] | None = None


class SqliteWriter:
    """The group-commit writer. Make it inside the running event loop."""

    def __init__(
        self, *, path: Path, queue_limit: int = QUEUE_LIMIT, busy_timeout_seconds: float = BUSY_TIMEOUT_SECONDS
    ) -> None:
        self._path = path
        self._queue_limit = queue_limit
        self._busy_timeout_seconds = busy_timeout_seconds
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Unit] = deque()
        self._wake = threading.Event()
        self._closing = False
        self._stopped = self._loop.create_future()
        self._connection: sqlite3.Connection | None = None
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()
        self._checkpointer = Checkpointer(path=path)

    async def write(self, ops: Sequence[Op]) -> list[Result]:
        if self._closing:
            raise StoreUnavailableError("the store is closed")
        if len(self._waiting) >= self._queue_limit:
            raise OverloadedError(f"{self._queue_limit} writes wait for the database already")
        unit = _Unit(ops, self._loop.create_future())
        self._waiting.append(unit)
        self._wake.set()
        return await unit.future

    async def close(self) -> None:
        self._closing = True
        self._wake.set()
        await asyncio.shield(self._stopped)
        self._thread.join()
        await asyncio.to_thread(self._checkpointer.close)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            while self._waiting:
                units = self._take()
                self._write_group(units)
                self._tell(units)
            if self._closing and not self._waiting:
                break
        self._disconnect()
        with suppress(RuntimeError):  # The loop is closed: nobody is left to hear of it.
            self._loop.call_soon_threadsafe(self._say_stopped)

    def _say_stopped(self) -> None:
        if not self._stopped.done():
            self._stopped.set_result(None)

    def _take(self) -> list[_Unit]:
        count = min(len(self._waiting), GROUP_LIMIT)
        return [self._waiting.popleft() for _ in range(count)]

    def _tell(self, units: list[_Unit]) -> None:
        """Wake the loop once for all of them."""
        with suppress(RuntimeError):  # The loop is closed: nobody is left to hear of it.
            self._loop.call_soon_threadsafe(_settle, units)

    def _write_group(self, units: list[_Unit]) -> None:
        try:
            connection = self._connect()
            try:
                self._write_together(connection, units)
            except _OURS as error:
                _roll_back(connection)
                if len(units) == 1:
                    units[0].error = _as_ours(error)
                else:
                    self._write_each(connection, units)
        except (sqlite3.Error, OSError) as error:
            self._recover(error)
            for unit in units:
                unit.error = unavailable(error)
        except Exception as error:  # Whatever it is, those who wait must hear of it
            self._disconnect()
            for unit in units:
                unit.error = error

    def _write_together(self, connection: sqlite3.Connection, units: list[_Unit]) -> None:
        """All units in one transaction; the faults of one are everybody's, so the caller then tries each alone."""
        for unit in units:
            unit.results = []
        ops = merged([unit.ops for unit in units])
        if len(ops) == 1 and (alone := _only_step(ops[0][0])) is not None:
            # A statement by itself is its own transaction: two calls into SQLite less.
            connection.execute(*alone)
            return
        connection.execute("BEGIN IMMEDIATE")
        for op, index in ops:
            if isinstance(op, Execute):
                units[index].results = [*(units[index].results or []), _execute(connection, op)]
            else:
                _write_rows(connection, op)
        connection.execute("COMMIT")

    def _write_each(self, connection: sqlite3.Connection, units: list[_Unit]) -> None:
        """One transaction still, with a savepoint around each unit: only those at fault are left out."""
        connection.execute("BEGIN IMMEDIATE")
        for unit in units:
            connection.execute("SAVEPOINT unit")
            unit.results = []
            try:
                for op in unit.ops:
                    if isinstance(op, Execute):
                        unit.results.append(_execute(connection, op))
                    else:
                        _write_rows(connection, op)
            except _OURS as error:
                unit.error = _as_ours(error)
                connection.execute("ROLLBACK TO unit")
            connection.execute("RELEASE unit")
        connection.execute("COMMIT")

    def _connect(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = connect(self._path, self._busy_timeout_seconds)
        return self._connection

    def _recover(self, error: Exception) -> None:
        """After a full disk or a lock the connection is as good as before; after anything else take a new one."""
        connection = self._connection
        code = getattr(error, "sqlite_errorcode", None)
        if connection is not None and code is not None and code & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY):
            with suppress(sqlite3.Error):  # If even this fails, the connection is dropped below.
                _roll_back(connection)
                return
        self._disconnect()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):  # It is given up, whatever it says.
                connection.close()


def connect(path: Path, busy_timeout_seconds: float) -> sqlite3.Connection:
    """A connection on which a commit is durable when it returns."""
    connection = sqlite3.connect(
        path, timeout=busy_timeout_seconds, isolation_level=None, check_same_thread=False, cached_statements=512
    )
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _settle(units: list[_Unit]) -> None:
    for unit in units:
        if unit.future.done():  # Its caller has gone.
            continue
        if unit.error is not None:
            unit.future.set_exception(unit.error)
        else:
            unit.future.set_result(unit.results or [])


def _only_step(op: Op) -> tuple[str, list[Any]] | None:
    """The one statement that does all of ``op``, where there is one."""
    if isinstance(op, Execute) or (isinstance(op, Insert) and (op.numbered or op.conflict is Conflict.SAME)):
        return None
    steps = _steps(op)
    first = next(steps, None)
    return first if first is not None and next(steps, None) is None else None


def _steps(op: Insert | Update | Delete) -> Iterator[tuple[str, list[Any]]]:
    if isinstance(op, Insert):
        return insert_steps(op, distinct(op))
    if isinstance(op, Update):
        return update_steps(op)
    return delete_steps(op)


def _write_rows(connection: sqlite3.Connection, op: Insert | Update | Delete) -> None:
    if not isinstance(op, Insert):
        for sql, values in _steps(op):
            connection.execute(sql, values)
        return
    rows = distinct(op)
    if op.numbered and rows:
        rows = numbered_rows(rows, _count_up(connection, op.numbered, len(rows)))
    hit = sum(connection.execute(sql, values).rowcount for sql, values in insert_steps(op, rows))
    if op.conflict is Conflict.SAME and hit != len(rows):
        raise ConflictError(f"{op.table.name}: there is another record under this key already")


def _count_up(connection: sqlite3.Connection, counter: str, count: int) -> int:
    found: Row | None = connection.execute(
        "UPDATE cursors SET value = value + ? WHERE name = ? RETURNING value", (count, counter)
    ).fetchone()
    if found is None:
        raise ConflictError(f"the counter {counter} is missing in the database")
    return int(found[0])


def _execute(connection: sqlite3.Connection, op: Execute) -> Result:
    cursor = connection.execute(*compiled(op.statement))
    rows: list[Row] = cursor.fetchall()
    result = Result(max(cursor.rowcount, len(rows)), rows)
    if op.must_hit and not result.count:
        raise ConflictError(op.complaint or "it was changed meanwhile")
    return result


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _as_ours(error: Exception) -> Exception:
    if isinstance(error, sqlite3.IntegrityError):
        conflict = ConflictError(str(error))
        conflict.__cause__ = error
        return conflict
    return error


def unavailable(error: Exception) -> StoreUnavailableError:
    """What to tell those whose write did not come about."""
    failure = StoreUnavailableError(f"the database cannot be written: {error}")
    failure.__cause__ = error
    return failure
