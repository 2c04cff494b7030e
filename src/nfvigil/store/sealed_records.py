"""What lies in the database encrypted, whatever it is: read by its owner's name, and sealed anew with other keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import msgspec
from sqlalchemy import Column, Select, Table, select, update

from nfvigil.errors import ConflictError
from nfvigil.sealing.box import Box, LockedError, is_sealed
from nfvigil.sealing.keys import Keys
from nfvigil.store.access import Access
from nfvigil.store.ops import Execute
from nfvigil.store.schema import monitor_keys, subscriptions, vims

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Sealed(NamedTuple):
    """Something of ``owner`` (``vim/lab``, ``subscription/<id>``): encrypted, or JSON from before there was a key."""

    owner: str
    data: bytes


class _Place(NamedTuple):
    table: Table
    key: Column[Any]
    data: Column[Any]


_PLACES = {
    "vim": _Place(vims, vims.c.name, vims.c.options),
    "subscription": _Place(subscriptions, subscriptions.c.id, subscriptions.c.secrets),
    "monitor-key": _Place(monitor_keys, monitor_keys.c.id, monitor_keys.c.key),
}
"""Where it stands, by the first word of its owner."""


class SealedRecords(Access):
    async def sealed(self) -> list[Sealed]:
        """Everything that keys were, or should be, used for."""
        found: list[Sealed] = []
        for word, place in _PLACES.items():
            statement: Select[Any] = select(place.key, place.data).where(place.data.is_not(None), place.data != b"")
            rows = await self._reader.rows(statement.order_by(place.key))
            found.extend(Sealed(f"{word}/{key}", bytes(data)) for key, data in rows)
        return found

    async def sealed_of(self, owner: str) -> Sealed | None:
        place, key = _place_of(owner)
        data = await self._reader.value(select(place.data).where(place.key == key))
        return Sealed(owner, bytes(data)) if data else None

    async def reseal(self, owner: str, *, before: bytes, after: bytes) -> bool:
        """The same content, sealed anew; False where it is not any more what it was."""
        place, key = _place_of(owner)
        statement = update(place.table).where(place.key == key, place.data == before).values({place.data.name: after})
        return bool((await self._writer.write([Execute(statement=statement)]))[0].count)

    async def _seal(self, owner: str, value: Any) -> bytes:
        """JSON where this store was given no keys; else NoKeyError where there are none and none can be made."""
        if self._keys is None:
            return _encode(value)
        return (self._keys.box() or await first_key(self._keys, self)).seal(owner, value)

    def _unseal(self, sealed: Sealed) -> Any:
        """LockedError where it cannot be had."""
        if not is_sealed(sealed.data):
            return _decode(sealed.data)
        box = self._keys.box() if self._keys is not None else None
        if box is None:
            raise LockedError(f"the keys in {self._keys.place if self._keys else 'the key file'} are missing")
        return box.open(sealed.owner, sealed.data)


class Shelf(Protocol):
    """Where all that is sealed lies."""

    async def sealed(self) -> Sequence[Sealed]: ...


async def first_key(keys: Keys, shelf: Shelf) -> Box:
    """Not beside what was sealed with keys that are missing: two sets of keys would be hard to join."""
    if lost := [one for one in await shelf.sealed() if is_sealed(one.data)]:
        raise ConflictError(
            f"the keys in {keys.place} are missing, and {len(lost)} records were encrypted with them, such as "
            f"{lost[0].owner}: put them back, or remove what was encrypted"
        )
    return keys.make()


def _place_of(owner: str) -> tuple[_Place, str]:
    word, _, key = owner.partition("/")
    return _PLACES[word], key
