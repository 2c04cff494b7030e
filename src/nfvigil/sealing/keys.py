"""Where the keys are: in the environment, or in a file, one a line, the newest first.

The file is read whenever it is needed, so that keys may be changed beside a running service. It is never changed in
place: a new one takes its name when it is whole and on the disk, so that a crash leaves the old one or the new one.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from cryptography.fernet import Fernet

from nfvigil.errors import ConflictError, FieldError, RefusedError, UnavailableError
from nfvigil.sealing.box import Box, LockedError, is_key

FILE_MAX_BYTES = 64 * 1024
KEYS_MAX = 100


class NoKeyError(RefusedError):
    """Something is to be encrypted, and there is nothing to do it with."""


class Keys:
    """``given`` are those of the environment: they win, and we cannot change them. ``path`` is the file, if any."""

    def __init__(self, *, given: str = "", path: Path | None = None) -> None:
        self._given = tuple(given.replace(",", " ").split())
        self._path = path

    def __repr__(self) -> str:
        return f"Keys({self.place})"

    @property
    def place(self) -> str:
        """Where to look, for people."""
        if self._given:
            return "NFVIGIL_SECRETS__KEYS"
        return str(self._path) if self._path is not None else "nowhere"

    @property
    def are_given(self) -> bool:
        """By the environment."""
        return bool(self._given)

    @property
    def can_make(self) -> bool:
        return not self._given and self._path is not None

    def warning(self) -> str:
        """What is not as it should be with the file, in a sentence; "" where all is well."""
        try:
            mode = self._path.stat().st_mode if self._path is not None and not self._given else 0
        except OSError:
            return ""
        return f"others on this machine can read the keys in {self._path}: chmod 600" if mode & 0o007 else ""

    def box(self) -> Box | None:
        """None where there are no keys yet. LockedError says what is wrong with those that there are."""
        try:
            keys = self._read()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise LockedError(f"the key file {self._path} cannot be used: {reason}") from error
        if not keys:
            return None
        try:
            return Box(keys=keys)
        except RefusedError as error:
            raise LockedError(f"{self.place}: {error}") from error

    def make(self) -> Box:
        """The first key. NoKeyError where there is no place for it."""
        if self._path is None:
            raise NoKeyError(
                "there is no key to encrypt with",
                [FieldError("secrets.key_file", "name a file in the settings, or set NFVIGIL_SECRETS__KEYS")],
            )
        key = _new_key()
        try:
            draft = _draft(self._path, [key])
            try:
                os.link(draft, self._path)  # unlike a renaming, it replaces no keys that somebody has just put there
            finally:
                draft.unlink()
            _sync(self._path.parent)
        except FileExistsError as error:
            raise ConflictError(f"there is a key file {self._path} already") from error
        except OSError as error:
            raise UnavailableError(f"the key file {self._path} cannot be written: {error.strerror}") from error
        return Box(keys=[key])

    def add(self) -> Box:
        """A new key, before those that there are. On the disk when it returns, and nothing is sealed with it yet."""
        keys = self._own("add a key")
        if len(keys) >= KEYS_MAX:
            raise ConflictError(f"there are {KEYS_MAX} keys already: drop old ones first")
        return self._put([_new_key(), *keys])

    def drop_old(self) -> int:
        """Keep the newest only; how many went. See first that nothing needs them."""
        keys = self._own("drop keys")
        if len(keys) > 1:
            self._put(keys[:1])
        return len(keys) - 1

    def _own(self, what: str) -> Sequence[str]:
        if self._given:
            raise ConflictError(f"cannot {what}: the keys are in the variable NFVIGIL_SECRETS__KEYS, which is yours")
        if self.box() is None:
            raise NoKeyError(f"cannot {what}: there are none in {self.place}")
        return self._read()

    def _put(self, keys: Sequence[str]) -> Box:
        assert self._path is not None
        try:
            path = self._path.resolve()  # what a link leads to is replaced, not the link
            draft = _draft(path, keys)
            _let_the_same_read(draft, path)
            os.replace(draft, path)
            _sync(path.parent)
        except OSError as error:
            raise UnavailableError(f"the key file {self._path} cannot be written: {error.strerror}") from error
        return Box(keys=keys)

    def _read(self) -> Sequence[str]:
        if self._given or self._path is None:
            return self._given
        try:
            with self._path.open("rb") as file:
                text = file.read(FILE_MAX_BYTES + 1)
        except FileNotFoundError:
            return ()
        if len(text) > FILE_MAX_BYTES:
            raise ValueError("it is too large to hold keys")
        try:
            lines = text.decode("ascii").split("\n")
        except UnicodeDecodeError:
            raise ValueError("it holds no keys") from None
        keys = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
        if not keys:
            raise ValueError("it is empty")
        wrong = [
            number for number, line in enumerate(lines, start=1) if line.strip() in keys and not is_key(line.strip())
        ]
        if wrong:
            raise ValueError(f"line {wrong[0]} is not 32 bytes in URL-safe base64")
        return keys


def _new_key() -> str:
    return Fernet.generate_key().decode()


def _draft(path: Path, keys: Sequence[str]) -> Path:
    """A whole file beside it, readable by its owner only, and on the disk."""
    draft = path.with_name(f".{path.name}.part")
    with suppress(FileNotFoundError):
        draft.unlink()  # what a crash left
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="ascii") as file:
        file.write("".join(f"{key}\n" for key in keys))
        file.flush()
        os.fsync(descriptor)
    return draft


def _let_the_same_read(draft: Path, path: Path) -> None:
    """Root may change the keys of a service that is another user."""
    before = path.stat()
    with suppress(PermissionError):  # then we are that user already
        os.chown(draft, before.st_uid, before.st_gid)
    draft.chmod(before.st_mode & 0o640)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
