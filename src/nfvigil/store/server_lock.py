"""One process at a time serves a PostgreSQL database: a lock that the server lets go of when its holder dies."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import asyncpg  # type: ignore[import-untyped]  # it has no type hints

from nfvigil.errors import StoreUnavailableError
from nfvigil.store.file_lock import InUseError

KEY = 0x4E46_5669_6769_6C  # "NFVigil"
CONNECT_SECONDS = 10.0
_PAUSE_SECONDS = 0.2


class ServerLock:
    """An advisory lock, held by a connection of its own from ``acquire`` to ``release``.

    It is against two services that are set on one database by mistake: each would decide from its own memory. When
    the server itself goes down the lock goes with it, and is not taken again before the next start.
    """

    def __init__(self, *, dsn: str) -> None:
        self._dsn = dsn
        self._connection: asyncpg.Connection | None = None

    async def acquire(self, wait_seconds: float) -> None:
        """Wait a little for a predecessor that is just ending. Raises InUseError where it does not."""
        try:
            self._connection = await asyncpg.connect(self._dsn, timeout=CONNECT_SECONDS)
            deadline = asyncio.get_running_loop().time() + wait_seconds
            while not await self._connection.fetchval("SELECT pg_try_advisory_lock($1)", KEY):
                if asyncio.get_running_loop().time() >= deadline:
                    await self.release()
                    raise InUseError("the database is in use by another process")
                await asyncio.sleep(_PAUSE_SECONDS)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            await self.release()
            raise StoreUnavailableError(f"the database cannot be opened: {error}") from error

    async def release(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(
                asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError
            ):  # It is let go of anyway.
                await connection.close(timeout=2.0)
