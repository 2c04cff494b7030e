"""Accounts to records and back: the options are sealed on the way into the store and opened on the way out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from nfvigil.model.secret_fields import secret_values
from nfvigil.model.vim_account import VimAccount
from nfvigil.sealing.box import LockedError, is_sealed
from nfvigil.sealing.keys import Keys
from nfvigil.store.address import parse
from nfvigil.store.records import VimRecord
from nfvigil.store.sealed_records import Shelf, first_key

_decode = msgspec.json.Decoder(dict[str, Any]).decode


def keys_of(*, given: str, key_file: Path | None, database_url: str) -> Keys:
    """The keys that the settings name; without any, in a file beside an SQLite database."""
    address = parse(database_url)
    if key_file is None and address.is_sqlite:
        key_file = address.path.with_name(f"{address.path.name}.keys")
    return Keys(given=given, path=key_file)


def owner_of(name: str) -> str:
    """Whose options they are, for the seal."""
    return f"vim/{name}"


class Vault:
    def __init__(self, *, keys: Keys, shelf: Shelf) -> None:
        self._keys = keys
        self._shelf = shelf

    async def closed(self, account: VimAccount, names: frozenset[str]) -> VimRecord:
        """NoKeyError where there is a secret (``names`` has the driver's) and nothing to seal it with."""
        box = self._keys.box()
        if box is None and (self._keys.can_make or secret_values(account.options, names)):
            box = await first_key(self._keys, self._shelf)
        options = msgspec.json.encode(account.options)
        return VimRecord(
            name=account.name,
            driver=account.driver,
            interval_seconds=account.interval_seconds,
            enabled=account.enabled,
            created_us=account.created_us,
            changed_us=account.changed_us,
            created_by=account.created_by,
            request=account.request,
            host_suffix=account.host_suffix,
            options=box.seal(owner_of(account.name), account.options) if box is not None else options,
        )

    def opened(self, record: VimRecord) -> VimAccount:
        """LockedError where the options cannot be had."""
        return account_of(record, self._options(record))

    def _options(self, record: VimRecord) -> dict[str, Any]:
        if not is_sealed(record.options):
            try:
                return _decode(record.options)
            except msgspec.MsgspecError as error:
                raise LockedError(f"the options of {record.name} cannot be read") from error
        box = self._keys.box()
        if box is None:
            raise LockedError(f"the keys in {self._keys.place} are missing")
        found = box.open(owner_of(record.name), record.options)
        return found if isinstance(found, dict) else {}


def account_of(record: VimRecord, options: dict[str, Any]) -> VimAccount:
    return VimAccount(
        name=record.name,
        driver=record.driver,
        options=options,
        interval_seconds=record.interval_seconds,
        enabled=record.enabled,
        created_us=record.created_us,
        changed_us=record.changed_us,
        created_by=record.created_by,
        request=record.request,
        host_suffix=record.host_suffix,
    )
