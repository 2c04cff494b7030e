"""Reads: SQLAlchemy statements over a pool of connections of their own, beside the writer's."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it ships no types
from sqlalchemy import Select
from sqlalchemy import exc as sa_exc
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from nfvigil.errors import RefusedError, StoreUnavailableError
from nfvigil.store.alarm_query import LIMIT_MAX

READ_TIMEOUT_SECONDS = 30.0


CANNOT_READ = (
    sa_exc.DBAPIError,
    sa_exc.TimeoutError,
    sqlite3.Error,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # What asyncpg says, past SQLAlchemy, of a connection that went away unnoticed.
    OSError,
)


class Reader:
    """Runs queries. Each may take ``READ_TIMEOUT_SECONDS`` at most."""

    def __init__(self, *, engine: AsyncEngine) -> None:
        self.engine = engine

    @property
    def on_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    async def rows(self, statement: Select[Any]) -> Sequence[Any]:
        async with self.connection() as connection:
            found: Sequence[Any] = (await connection.execute(statement)).all()
        return found

    async def values(self, statement: Select[Any]) -> Sequence[Any]:
        """The first column of each row."""
        async with self.connection() as connection:
            found: Sequence[Any] = (await connection.execute(statement)).scalars().all()
        return found

    async def value(self, statement: Select[Any]) -> Any:
        """The first column of the first row, or None."""
        async with self.connection() as connection:
            return (await connection.execute(statement)).scalar()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """One connection, for what must be seen at one instant. Errors come out as ours."""
        try:
            async with asyncio.timeout(READ_TIMEOUT_SECONDS), self.engine.connect() as connection:
                yield connection
        except CANNOT_READ as error:
            raise StoreUnavailableError(f"the database cannot be read: {error}") from error


def page_limit(limit: int) -> int:
    """A page has between 1 and ``LIMIT_MAX`` rows."""
    if not 1 <= limit <= LIMIT_MAX:
        raise RefusedError(f"limit must lie between 1 and {LIMIT_MAX}, not {limit}")
    return limit
