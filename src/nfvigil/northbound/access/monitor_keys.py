"""Monitors' keys: sealed in the store, opened here, and read again every few seconds.

A key is kept as it is and not as a hash, because a signature can only be checked with the key itself.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Callable, Sequence
from secrets import token_bytes
from typing import Protocol

import structlog

from nfvigil.model.secret import Secret
from nfvigil.model.times import SECOND
from nfvigil.northbound.access.signatures import KEY_PREFIX, MonitorKey
from nfvigil.sealing.box import Box, LockedError
from nfvigil.sealing.keys import Keys
from nfvigil.store.records import MonitorKeyRecord
from nfvigil.store.sealed_records import Shelf, first_key

_log = structlog.get_logger("nfvigil")

READ_EVERY_US = 5 * SECOND
READ_AGAIN_US = SECOND
"""A signature that no key fits may be of a key that was just made."""
KEY_BYTES = 32


class KeyStore(Protocol):
    async def monitor_keys(self, *, usable_only: bool = False) -> Sequence[MonitorKeyRecord]: ...


def owner_of(key_id: str) -> str:
    """Whose key it is, for the seal."""
    return f"monitor-key/{key_id}"


def create_key() -> str:
    return KEY_PREFIX + b64encode(token_bytes(KEY_BYTES)).decode()


async def sealed(store: Shelf, keys: Keys, key_id: str, key: str) -> bytes:
    """NoKeyError where there is nothing to seal it with."""
    return (keys.box() or await first_key(keys, store)).seal(owner_of(key_id), key)


class OpenKeys:
    """The keys that are good now."""

    def __init__(self, *, store: KeyStore, keys: Keys, clock: Callable[[], int]) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock
        self._open: Sequence[MonitorKey] = ()
        self._read_us: int | None = None
        self._reading = asyncio.Lock()
        self._locked: frozenset[str] = frozenset()
        self._changes = 0

    async def keys(self) -> Sequence[MonitorKey]:
        return await self._read_if_older(READ_EVERY_US)

    async def newer(self) -> Sequence[MonitorKey] | None:
        before_us = self._read_us
        keys = await self._read_if_older(READ_AGAIN_US)
        return None if self._read_us == before_us else keys

    def forget(self) -> None:
        """One was made or revoked just now: what is being read may be older than that."""
        self._changes += 1
        self._read_us = None

    async def _read_if_older(self, age_us: int) -> Sequence[MonitorKey]:
        if self._is_fresh(age_us):
            return self._open
        async with self._reading:
            if not self._is_fresh(age_us):
                now_us, changes = self._clock(), self._changes
                records = await self._store.monitor_keys(usable_only=True)
                self._open = self._opened(records)
                self._read_us = now_us if changes == self._changes else None
        return self._open

    def _is_fresh(self, age_us: int) -> bool:
        return self._read_us is not None and self._clock() - self._read_us < age_us

    def _opened(self, records: Sequence[MonitorKeyRecord]) -> list[MonitorKey]:
        if not records:
            return []
        found, locked = [], {}
        try:
            box = self._keys.box()
        except LockedError as error:
            box = None
            locked = {record.name: str(error) for record in records}
        for record in records:
            try:
                found.append(_opened(record, box, self._keys.place))
            except LockedError as error:
                locked.setdefault(record.name, str(error))
        if locked and frozenset(locked) != self._locked:
            _log.error("keys of monitors cannot be used", monitors=sorted(locked), reason=next(iter(locked.values())))
        self._locked = frozenset(locked)
        return found


def _opened(record: MonitorKeyRecord, box: Box | None, place: str) -> MonitorKey:
    if box is None:
        raise LockedError(f"the keys in {place} are missing")
    key = box.open(owner_of(record.id), record.key)
    return MonitorKey(id=record.id, name=record.name, key=Secret(str(key)), expires_us=record.expires_us)
