"""State that outlives the process: a file of JSON lines, one a change, read again at the next start.

The first line says whose state it is. A process that is killed in the middle of a write leaves a torn last line:
that change was never answered, so it is dropped. At the start, and when it has grown long, the file is written anew
with only what still differs from the first day.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from nfvigil.controller.vims.delta import Delta
from nfvigil.errors import FieldError, RefusedError, VimUnavailableError

VERSION = 1
LINES_MAX = 100_000

_delta_from = msgspec.json.Decoder(Delta)
_to_json = msgspec.json.Encoder()


class Journal:
    """One process at a time: the file is locked as long as it is open."""

    def __init__(self, path: Path, *, owner: dict[str, Any]) -> None:
        self._path = path
        self._head = {"nfvigil_simulated_cloud": VERSION, "layout": owner}
        self._fd = -1
        self._size = 0
        self.lines = 0

    def open(self) -> list[Delta]:
        """Lock the file, or make it; what was written into it."""
        try:
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _refused(f"{self._path} cannot be opened: {error.strerror}") from error
        try:
            return self._locked_read()
        except BaseException:
            self.close()
            raise

    def _locked_read(self) -> list[Delta]:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _refused(f"{self._path} is in use by another process") from error
        if os.fstat(self._fd).st_ino != os.stat(self._path).st_ino:
            # Between our opening and locking it, its owner replaced the file by a compacted one.
            raise _refused(f"{self._path} is in use by another process")
        return list(self._read())

    def _read(self) -> Iterator[Delta]:
        *lines, torn = self._path.read_bytes().split(b"\n")
        self._size = sum(len(line) + 1 for line in lines)
        self.lines = len(lines)
        if torn:
            os.ftruncate(self._fd, self._size)
        os.lseek(self._fd, self._size, os.SEEK_SET)
        if not lines:
            self.append(self._head)
            return
        for number, line in enumerate(lines, 1):
            try:
                if number > 1:
                    yield _delta_from.decode(line)
                elif msgspec.json.decode(line) != self._head:
                    raise _refused(f"{self._path} belongs to a cloud of another layout or version")
            except msgspec.DecodeError as error:
                raise _refused(f"{self._path} is damaged: {error}", line=number) from error

    def append(self, line: Delta | dict[str, Any]) -> None:
        """Write one line whole, or raise VimUnavailableError and leave the file as it was.

        It is with the operating system then, which is enough to survive our own death.
        """
        data = _to_json.encode(line) + b"\n"
        try:
            if os.write(self._fd, data) < len(data):
                raise OSError("the disk is full")
        except OSError as error:
            # A line cut short would swallow the next one. If even this fails, the size is wrong on disk only.
            with suppress(OSError):
                os.ftruncate(self._fd, self._size)
                os.lseek(self._fd, self._size, os.SEEK_SET)
            raise VimUnavailableError(f"{self._path} cannot be written: {error}") from error
        self._size += len(data)
        self.lines += 1

    def rewrite(self, deltas: Iterable[Delta]) -> None:
        """Replace the file by one that holds only these; a crash leaves either the old one or the new one."""
        data = b"".join(_to_json.encode(line) + b"\n" for line in (self._head, *deltas))
        new_path = self._path.with_name(self._path.name + ".new")
        try:
            new_fd = os.open(new_path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(new_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                with open(new_fd, "wb", closefd=False) as file:
                    file.write(data)
                os.fsync(new_fd)
                os.replace(new_path, self._path)
            except BaseException:
                os.close(new_fd)
                raise
        except OSError as error:
            raise VimUnavailableError(f"{new_path} cannot be written: {error}") from error
        self.close()
        self._fd, self._size, self.lines = new_fd, len(data), data.count(b"\n")

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _refused(reason: str, line: int = 0) -> RefusedError:
    return RefusedError("the simulated cloud's state cannot be used", [FieldError("state_path", reason, line)])
