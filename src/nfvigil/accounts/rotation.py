"""New keys for what is sealed: the new key is on the disk first, then everything is sealed with it, then old ones go.

Whenever it dies in between, the keys that are there open everything, and the same command goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from nfvigil.accounts.vault import owner_of
from nfvigil.errors import ConflictError
from nfvigil.sealing.box import Box, LockedError, is_sealed
from nfvigil.sealing.keys import Keys, NoKeyError
from nfvigil.store.records import VimRecord

TRIES = 5
"""Somebody may change an account just while it is sealed anew."""


class Shelf(Protocol):
    """What is asked of the store here."""

    async def vims(self) -> Sequence[VimRecord]: ...
    async def vim(self, name: str) -> VimRecord | None: ...
    async def reseal_vim(self, name: str, *, before: bytes, after: bytes) -> bool: ...


class Rotation(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    new_key: bool
    resealed: int
    locked: tuple[str, ...] = ()
    """Accounts that no key opens: they stay as they are."""


async def rotate(shelf: Shelf, keys: Keys) -> Rotation:
    """Seal everything with the newest key, which is made unless an earlier run got no further than that."""
    box = keys.box()
    if box is None:
        raise NoKeyError(f"there are no keys in {keys.place} yet: the first account makes one")
    records = await shelf.vims()
    locked = tuple(record.name for record in records if _is_locked(record, box))
    is_unfinished = any(
        is_sealed(record.options) and record.name not in locked and not _is_done(record, box) for record in records
    )
    makes_key = not keys.are_given and not is_unfinished
    if makes_key:
        box = keys.add()
    resealed = 0
    for record in records:
        if record.name not in locked:
            resealed += await _reseal(shelf, record, box)
    return Rotation(new_key=makes_key, resealed=resealed, locked=locked)


async def drop_old(shelf: Shelf, keys: Keys) -> int:
    """Forget all keys but the newest; how many went. ConflictError while anything needs one. Nobody else may seal
    meanwhile.
    """
    box = keys.box()
    if box is None:
        raise NoKeyError(f"there are no keys in {keys.place}")
    needing = [record.name for record in await shelf.vims() if not _is_done(record, box)]
    if needing:
        raise ConflictError(
            f"old keys are still needed by: {', '.join(needing)}; run 'nfvigil db rotate-key' first, and remove "
            "accounts that are locked"
        )
    return keys.drop_old()


def _is_done(record: VimRecord, box: Box) -> bool:
    return box.is_newest(record.options)


def _is_locked(record: VimRecord, box: Box) -> bool:
    try:
        _options(record, box)
    except LockedError:
        return True
    return False


def _options(record: VimRecord, box: Box) -> object:
    """What was kept before there was a key is sealed on this occasion."""
    if is_sealed(record.options):
        return box.open(owner_of(record.name), record.options)
    try:
        return msgspec.json.decode(record.options)
    except msgspec.MsgspecError as error:
        raise LockedError(f"the options of {record.name} cannot be read") from error


async def _reseal(shelf: Shelf, record: VimRecord, box: Box) -> bool:
    """Whether it was to be done; what somebody changes at the same time is looked at again."""
    found: VimRecord | None = record
    for _ in range(TRIES):
        if found is None or _is_done(found, box):
            return False
        after = box.seal(owner_of(found.name), _options(found, box))
        if await shelf.reseal_vim(found.name, before=found.options, after=after):
            return True
        found = await shelf.vim(record.name)
    raise ConflictError(f"the account {record.name} is being changed again and again: run this once more")
