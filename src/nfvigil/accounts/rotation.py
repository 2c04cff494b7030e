"""New keys for what is sealed: the new key is on the disk first, then everything is sealed with it, then old ones go.

Whenever it dies in between, the keys that are there open everything, and the same command goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from nfvigil.errors import ConflictError
from nfvigil.sealing.box import Box, LockedError, is_sealed
from nfvigil.sealing.keys import Keys, NoKeyError
from nfvigil.store.sealed_records import Sealed

TRIES = 5
"""Somebody may change a record just while it is sealed anew."""


class Shelf(Protocol):
    """What is asked of the store here."""

    async def sealed(self) -> Sequence[Sealed]: ...
    async def sealed_of(self, owner: str, /) -> Sealed | None: ...
    async def reseal(self, owner: str, /, *, before: bytes, after: bytes) -> bool: ...


class Rotation(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    new_key: bool
    resealed: int
    locked: tuple[str, ...] = ()
    """What no key opens (``vim/lab``): it stays as it is."""


async def rotate(shelf: Shelf, keys: Keys) -> Rotation:
    """Seal everything with the newest key, which is made unless an earlier run got no further than that."""
    box = keys.box()
    if box is None:
        raise NoKeyError(f"there are no keys in {keys.place} yet: the first secret makes one")
    records = await shelf.sealed()
    locked = tuple(record.owner for record in records if _is_locked(record, box))
    is_unfinished = any(
        is_sealed(record.data) and record.owner not in locked and not _is_done(record, box) for record in records
    )
    makes_key = not keys.are_given and not is_unfinished
    if makes_key:
        box = keys.add()
    resealed = 0
    for record in records:
        if record.owner not in locked:
            resealed += await _reseal(shelf, record, box)
    return Rotation(new_key=makes_key, resealed=resealed, locked=locked)


async def drop_old(shelf: Shelf, keys: Keys) -> int:
    """Forget all keys but the newest; how many went. ConflictError while anything needs one. Nobody else may seal
    meanwhile.
    """
    box = keys.box()
    if box is None:
        raise NoKeyError(f"there are no keys in {keys.place}")
    needing = [record.owner for record in await shelf.sealed() if not _is_done(record, box)]
    if needing:
        raise ConflictError(
            f"old keys are still needed by: {', '.join(needing)}; run 'nfvigil db rotate-key' first, and remove "
            "what is locked"
        )
    return keys.drop_old()


def _is_done(record: Sealed, box: Box) -> bool:
    return box.is_newest(record.data)


def _is_locked(record: Sealed, box: Box) -> bool:
    try:
        _content(record, box)
    except LockedError:
        return True
    return False


def _content(record: Sealed, box: Box) -> object:
    """What was kept before there was a key is sealed on this occasion."""
    if is_sealed(record.data):
        return box.open(record.owner, record.data)
    try:
        return msgspec.json.decode(record.data)
    except msgspec.MsgspecError as error:
        raise LockedError(f"{record.owner} cannot be read") from error


async def _reseal(shelf: Shelf, record: Sealed, box: Box) -> bool:
    """Whether it was to be done; what somebody changes at the same time is looked at again."""
    found: Sealed | None = record
    for _ in range(TRIES):
        if found is None or _is_done(found, box):
            return False
        after = box.seal(found.owner, _content(found, box))
        if await shelf.reseal(found.owner, before=found.data, after=after):
            return True
        found = await shelf.sealed_of(record.owner)
    raise ConflictError(f"{record.owner} is being changed again and again: run this once more")
