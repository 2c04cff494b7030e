"""Seals values with the newest key and opens what any key has sealed; each value is bound to its owner.

The name of the owner (``vim/lab``, for another thing ``subscription/<id>``) goes into what is encrypted and is compared
when it is opened: who can write to the database cannot hand one's secrets to another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from nfvigil.errors import ConflictError, FieldError, RefusedError

FRONT = b"gAAAA"
"""What everything that is sealed begins with (Fernet's version, and a time before the year 3000)."""

_encode = msgspec.json.Encoder().encode


class LockedError(ConflictError):
    """It is sealed, and we cannot open it."""


class _Content(msgspec.Struct, frozen=True):
    owner: str
    value: Any


_decoder = msgspec.json.Decoder(_Content)


class Box:
    """``keys`` are Fernet keys (32 bytes in URL-safe base64), the newest first. They are never printed."""

    def __init__(self, *, keys: Sequence[str]) -> None:
        wrong = [index for index, key in enumerate(keys, start=1) if not is_key(key)]
        if wrong or not keys:
            # Which one, and never how it reads.
            errors = [FieldError(f"key {index}", "is not 32 bytes in URL-safe base64") for index in wrong]
            raise RefusedError("the keys cannot be used" if keys else "there are no keys", errors)
        self._newest = Fernet(keys[0])
        self._any = MultiFernet([Fernet(key) for key in keys])
        self._count = len(keys)

    def __repr__(self) -> str:
        return f"Box({self._count} keys)"

    def seal(self, owner: str, value: Any) -> bytes:
        return self._newest.encrypt(_encode(_Content(owner, value)))

    def open(self, owner: str, sealed: bytes) -> Any:
        """LockedError where no key opens it, or where it is somebody else's."""
        try:
            content = _decoder.decode(self._any.decrypt(sealed))
        except (InvalidToken, msgspec.MsgspecError):
            raise LockedError(
                f"{owner} cannot be decrypted: none of the keys is the one it was encrypted with"
            ) from None
        if content.owner != owner:
            raise LockedError(f"{owner} cannot be decrypted: what stands in the database belongs to another")
        return content.value

    def is_newest(self, sealed: bytes) -> bool:
        """Whether the newest key opens it, so that it needs no other."""
        try:
            self._newest.decrypt(sealed)
        except InvalidToken:
            return False
        return True


def is_key(text: str) -> bool:
    try:
        Fernet(text)
    except ValueError:  # also what base64 raises
        return False
    return True


def is_sealed(data: bytes) -> bool:
    return data.startswith(FRONT)
