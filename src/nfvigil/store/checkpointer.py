"""Brings an SQLite database up to date with its log, beside the writer instead of inside one of its commits.

Left to itself SQLite does that in the commit that fills the log: 16 MB are copied and synced while somebody's alarm
waits. A passive checkpoint on a connection of its own holds nobody up.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing, suppress
from pathlib import Path

LOG_BYTES = 4 << 20
"""From this size of the log on it is worth the while. It stays that large: its room is used again."""
INTERVAL_SECONDS = 1.0


class Checkpointer:
    """A thread that looks at the log's size now and then. What fails is tried again: the writer's own limit remains."""

    def __init__(self, *, path: Path) -> None:
        self._path = path
        self._log = path.with_name(path.name + "-wal")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="store-checkpointer", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(INTERVAL_SECONDS):
            if self._is_due():
                with suppress(sqlite3.Error):  # Full, locked or gone: the writer says so to those who wait for it.
                    self._checkpoint()

    def _is_due(self) -> bool:
        try:
            size = self._log.stat().st_size
        except OSError:  # There is none yet, or none any more.
            return False
        return size >= LOG_BYTES

    def _checkpoint(self) -> None:
        with closing(sqlite3.connect(self._path, timeout=1.0, isolation_level=None)) as connection:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
