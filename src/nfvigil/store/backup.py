"""A copy of the database as of one instant, while it is in use.

It is an SQLite database whatever the original is: one file that ``nfvigil serve`` can open, and that needs no tool of
PostgreSQL's to be made or read. Of a large PostgreSQL its own tools make a faster one.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from secrets import token_bytes, token_hex
from typing import Any

from sqlalchemy import create_engine, event, select, text
from sqlalchemy import exc as sa_exc
from sqlalchemy.ext.asyncio import AsyncEngine

from nfvigil.errors import RefusedError, StoreUnavailableError
from nfvigil.store.migrating import run_revisions
from nfvigil.store.schema import metadata

ROWS = 500


async def copy_to(engine: AsyncEngine, target: Path) -> int:
    """Write the copy beside ``target`` and give it the name when it is whole; returns its bytes."""
    if await asyncio.to_thread(target.exists):
        raise RefusedError(f"there is a file {target} already")
    draft = target.with_name(f".{target.name}.part")
    try:
        await asyncio.to_thread(draft.unlink, missing_ok=True)
        if engine.dialect.name == "sqlite":
            await asyncio.to_thread(_copy_file, str(engine.url.database), draft)
        else:
            await _copy_rows(engine, draft)
        await asyncio.to_thread(_begin_generation, draft)
        return await asyncio.to_thread(_name, draft, target)
    except FileExistsError as error:
        raise RefusedError(f"there is a file {target} already") from error
    except (sqlite3.Error, OSError, sa_exc.DBAPIError) as error:
        with suppress(OSError):  # What is in the way of the backup may be in the way of this, too.
            await asyncio.to_thread(draft.unlink, missing_ok=True)
        raise StoreUnavailableError(f"the backup {target} cannot be written: {error}") from error


def _copy_file(source: str, draft: Path) -> None:
    os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with closing(sqlite3.connect(source)) as original, closing(sqlite3.connect(draft)) as copy:
        # One step: it sees one instant, and WAL lets the writer go on meanwhile.
        original.backup(copy)


async def _copy_rows(engine: AsyncEngine, draft: Path) -> None:
    os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    await asyncio.to_thread(_make_empty, draft)
    with closing(sqlite3.connect(draft, check_same_thread=False)) as copy:
        async with engine.connect() as connection:
            await connection.execution_options(isolation_level="REPEATABLE READ")
            for table in metadata.sorted_tables:
                names = [column.name for column in table.columns]
                values = ",".join("?" * len(names))
                sql = f"INSERT OR REPLACE INTO {table.name} ({','.join(names)}) VALUES ({values})"  # noqa: S608  # ours
                async with connection.stream(select(table)) as result:
                    async for part in result.partitions(ROWS):
                        await asyncio.to_thread(copy.executemany, sql, [tuple(row) for row in part])
        await asyncio.to_thread(copy.commit)


def _make_empty(draft: Path) -> None:
    engine = create_engine(f"sqlite:///{draft}")

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        connection.isolation_level = None

    try:
        with engine.connect() as connection:
            connection.execute(text("BEGIN"))
            run_revisions(connection)
            connection.execute(text("COMMIT"))
    finally:
        engine.dispose()


def _begin_generation(draft: Path) -> None:
    """Put in the place of the original, it goes another way from here: who follows the alarms must know."""
    with closing(sqlite3.connect(draft)) as copy:
        copy.execute(
            "INSERT INTO runs (name, generation, key, began_change, began_us) "
            "SELECT ?, ?, ?, value, 0 FROM cursors WHERE name = 'alarm_change'",
            (token_hex(4), token_hex(6), token_bytes(16)),
        )
        copy.commit()


def _name(draft: Path, target: Path) -> int:
    _sync(draft)
    # Unlike a renaming, a link does not replace what has come to stand there meanwhile.
    os.link(draft, target)
    draft.unlink()
    _sync(target.parent)
    return target.stat().st_size


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
