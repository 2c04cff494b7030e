"""Messages that wait in a directory until the service takes them: in order, each a file, and never without bound."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nfvigil.errors import RefusedError

FILES_MAX = 1_000
BYTES_MAX = 16 << 20
_WAITING = ".json"


class SpoolFullError(RefusedError):
    """No more is kept: what waits already is older, and comes first."""


class Spool:
    """Any number of processes may put something in; one at a time takes it out."""

    def __init__(self, folder: Path, *, files_max: int = FILES_MAX, bytes_max: int = BYTES_MAX) -> None:
        self._folder = folder
        self._files_max = files_max
        self._bytes_max = bytes_max

    def put(self, body: bytes) -> Path:
        """Keep it: when this returns it is on the disk. Raises SpoolFullError, and OSError where it cannot be."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        waiting = self.waiting()
        size = sum(_size(path) for path in waiting)
        if len(waiting) >= self._files_max or size + len(body) > self._bytes_max:
            raise SpoolFullError(f"{self._folder} is full: {len(waiting)} messages wait, {size} bytes")
        path = self._folder / f"{time.time_ns():020d}-{os.getpid()}{_WAITING}"
        draft = path.with_suffix(".part")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return path

    def waiting(self) -> list[Path]:
        """The oldest first."""
        return sorted(self._folder.glob(f"*{_WAITING}"))

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether we are the one that takes out, until the end of the block; it does not wait for another."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self._folder / "lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):  # it was sent just now
        return path.stat().st_size
    return 0
