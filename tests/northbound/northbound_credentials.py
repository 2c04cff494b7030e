"""Tokens and monitors' keys in a few lines, beside the tokens that the guard asks for."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
from cryptography.fernet import Fernet

from nfvigil.errors import NotFoundError
from nfvigil.northbound.access.credentials import Credentials
from nfvigil.sealing.keys import Keys
from nfvigil.store.records import MonitorKeyRecord, TokenRecord
from nfvigil.store.sealed_records import Sealed

NOW = 1_700_000_000_000_000
FERNET = Fernet.generate_key().decode()


def first_keys() -> dict[str, MonitorKeyRecord]:
    return {"k-1": MonitorKeyRecord(id="k-1", name="ping", key=b"gAAAA", created_us=NOW, created_by="alice")}


@dataclass
class FakeCredentials:
    by_hash: dict[str, TokenRecord]
    kept_keys: dict[str, MonitorKeyRecord] = field(default_factory=first_keys)

    async def tokens(self) -> list[TokenRecord]:
        return [*self.by_hash.values()]

    async def add_token(self, token: TokenRecord) -> None:
        self.by_hash[token.hash] = token

    async def revoke_token(self, token_id: str) -> None:
        found = next((one for one in self.by_hash.values() if one.id == token_id and one.revoked_us is None), None)
        if found is None:
            raise NotFoundError("there is none that could be revoked")
        self.by_hash[found.hash] = msgspec.structs.replace(found, revoked_us=NOW)

    async def monitor_keys(self, *, usable_only: bool = False) -> list[MonitorKeyRecord]:
        return [one for one in self.kept_keys.values() if not usable_only or one.revoked_us is None]

    async def add_monitor_key(self, record: MonitorKeyRecord) -> None:
        self.kept_keys[record.id] = record

    async def revoke_monitor_key(self, key_id: str) -> None:
        if key_id not in self.kept_keys or self.kept_keys[key_id].revoked_us is not None:
            raise NotFoundError("there is none that could be revoked")
        self.kept_keys[key_id] = msgspec.structs.replace(self.kept_keys[key_id], revoked_us=NOW, key=b"")

    async def sealed(self) -> list[Sealed]:
        return [Sealed(f"monitor-key/{one.id}", one.key) for one in self.kept_keys.values() if one.key]


def make_credentials(
    by_hash: dict[str, TokenRecord],
    clock: Callable[[], int],
    forget_token: Callable[[str], None] = lambda hashed: None,
) -> Credentials:
    numbers = itertools.count(1)
    return Credentials(
        store=FakeCredentials(by_hash),
        keys=Keys(given=FERNET),
        clock=clock,
        new_id=lambda: f"made-{next(numbers)}",
        forget_token=forget_token,
    )
