"""One process at a time serves an SQLite database: a lock that the kernel lets go of when its holder dies."""

from __future__ import annotations

import asyncio
import fcntl
import os
from contextlib import suppress
from pathlib import Path

from nfvigil.errors import SettingsError

WAIT_SECONDS = 5.0
_PAUSE_SECONDS = 0.05


class InUseError(SettingsError):
    """Another process holds it."""


class FileLock:
    """Held from ``acquire`` to ``release``. It lies in a file of its own beside the database."""

    def __init__(self, *, database: Path) -> None:
        self._database = database
        self._path = database.with_name(database.name + ".lock")
        self._descriptor = -1

    async def acquire(self, wait_seconds: float = WAIT_SECONDS) -> None:
        """Wait a little for a predecessor that is just ending. Raises InUseError where it does not."""
        try:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise SettingsError(f"cannot write beside the database {self._database}: {error}") from error
        deadline = asyncio.get_running_loop().time() + wait_seconds
        while not self._try():
            if asyncio.get_running_loop().time() >= deadline:
                self.release()
                raise InUseError(f"the database {self._database} is in use by another process")
            await asyncio.sleep(_PAUSE_SECONDS)

    def _try(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        """The file stays: removing it could take a lock away that another process has just taken."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            with suppress(OSError):  # Closing lets go of the lock in any case.
                os.close(descriptor)
