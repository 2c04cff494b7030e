"""Makes, lists and revokes what callers show: local tokens, and the keys that monitors sign with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from nfvigil.errors import ConflictError, FieldError, NotFoundError, RefusedError
from nfvigil.model.identity import Role
from nfvigil.northbound.access.local import create_token
from nfvigil.northbound.access.monitor_keys import create_key, sealed
from nfvigil.sealing.keys import Keys
from nfvigil.store.records import MonitorKeyRecord, TokenRecord
from nfvigil.store.sealed_records import Sealed

MONITOR_KEYS_MAX = 100
"""In use. A signature says not by which key it was made, so all of them may have to be tried."""

NEEDS_PROJECT = frozenset({Role.MEMBER, Role.MANAGER})
HAS_NO_PROJECT = frozenset({Role.ADMIN, Role.MONITOR})


class CredentialStore(Protocol):
    async def tokens(self) -> Sequence[TokenRecord]: ...
    async def add_token(self, token: TokenRecord) -> None: ...
    async def revoke_token(self, token_id: str) -> None: ...
    async def monitor_keys(self, *, usable_only: bool = False) -> Sequence[MonitorKeyRecord]: ...
    async def add_monitor_key(self, record: MonitorKeyRecord) -> None: ...
    async def revoke_monitor_key(self, key_id: str) -> None: ...
    async def sealed(self) -> Sequence[Sealed]: ...


class Credentials:
    """``forget_token`` and ``forget_keys`` tell whoever believes them that something has changed."""

    def __init__(
        self,
        *,
        store: CredentialStore,
        keys: Keys,
        clock: Callable[[], int],
        new_id: Callable[[], str],
        forget_token: Callable[[str], None] = lambda hashed: None,
        forget_keys: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock
        self._new_id = new_id
        self._forget_token = forget_token
        self._forget_keys = forget_keys

    async def tokens(self) -> Sequence[TokenRecord]:
        return await self._store.tokens()

    async def create_token(
        self, *, role: Role, project: str | None, name: str = "", expires_us: int | None = None
    ) -> tuple[TokenRecord, str]:
        """The record, and the token itself, which is not kept."""
        now_us = self._clock()
        errors = [*_of_project(role, project), *_of_names(name, project or ""), *_of_end(expires_us, now_us)]
        if errors:
            raise RefusedError("the token is wrong", errors)
        token, hashed = create_token()
        record = TokenRecord(
            id=self._new_id(),
            hash=hashed,
            name=name or role.value,
            project=project or None,
            role=role,
            created_us=now_us,
            expires_us=expires_us,
        )
        await self._store.add_token(record)
        return record, token

    async def revoke_token(self, token_id: str) -> TokenRecord:
        """NotFoundError where there is none that could be revoked."""
        found = next((one for one in await self._store.tokens() if one.id == token_id), None)
        if found is None:
            raise NotFoundError(f"there is no token {token_id}")
        await self._store.revoke_token(token_id)
        self._forget_token(found.hash)
        return found

    async def monitor_keys(self) -> Sequence[MonitorKeyRecord]:
        return await self._store.monitor_keys()

    async def create_monitor_key(
        self, *, name: str, by: str = "", expires_us: int | None = None
    ) -> tuple[MonitorKeyRecord, str]:
        """The record, and the key itself, which is kept sealed and not shown again."""
        now_us = self._clock()
        errors = [*_of_names(name), *_of_end(expires_us, now_us)]
        if not name:
            errors.append(FieldError("name", "is needed: who signs with it"))
        if errors:
            raise RefusedError("the key is wrong", errors)
        if len(await self._store.monitor_keys(usable_only=True)) >= MONITOR_KEYS_MAX:
            raise ConflictError(f"there are {MONITOR_KEYS_MAX} keys already: revoke some first")
        key, key_id = create_key(), self._new_id()
        record = MonitorKeyRecord(
            id=key_id,
            name=name,
            key=await sealed(self._store, self._keys, key_id, key),
            created_us=now_us,
            created_by=by,
            expires_us=expires_us,
        )
        await self._store.add_monitor_key(record)
        self._forget_keys()
        return record, key

    async def revoke_monitor_key(self, key_id: str) -> None:
        await self._store.revoke_monitor_key(key_id)
        self._forget_keys()


def _of_project(role: Role, project: str | None) -> list[FieldError]:
    if role in NEEDS_PROJECT and not project:
        return [FieldError("project", f"a {role.value} speaks for a project")]
    if role in HAS_NO_PROJECT and project:
        return [FieldError("project", f"the role {role.value} speaks for none")]
    return []


def _of_names(name: str, project: str = "") -> list[FieldError]:
    given = {"name": name, "project": project}
    wrong = {field: text for field, text in given.items() if not text.isprintable() or len(text) > 255}
    return [FieldError(field, "is text of at most 255 characters") for field in wrong]


def _of_end(expires_us: int | None, now_us: int) -> list[FieldError]:
    return [FieldError("expires", "is over already")] if expires_us is not None and expires_us <= now_us else []
