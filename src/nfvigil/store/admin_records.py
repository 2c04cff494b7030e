"""Policies, tokens, and how much waits where."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, func, insert, literal, or_, select, update

from nfvigil.errors import NotFoundError
from nfvigil.model.identity import Role
from nfvigil.store.access import Access
from nfvigil.store.ops import Execute, Insert
from nfvigil.store.records import PolicyRecord, QueueDepths, TokenRecord
from nfvigil.store.schema import (
    DECIDED,
    IS_DEAD,
    IS_OPEN,
    IS_PENDING,
    IS_UNFINISHED,
    actions,
    alarms,
    cursors,
    deliveries,
    events,
    policies,
    tokens,
)


class AdminRecords(Access):
    async def policies(self, *, active_only: bool = False) -> list[PolicyRecord]:
        """All versions of all policies, by name, newest version first."""
        statement = select(policies).order_by(policies.c.name, policies.c.version.desc())
        if active_only:
            statement = statement.where(policies.c.activated_us.is_not(None))
        return [_policy(row) for row in await self._reader.rows(statement)]

    async def policy(self, name: str, version: int | None = None) -> PolicyRecord | None:
        """One version, or the newest."""
        statement = select(policies).where(policies.c.name == name)
        if version is not None:
            statement = statement.where(policies.c.version == version)
        found = await self._reader.rows(statement.order_by(policies.c.version.desc()).limit(1))
        return _policy(found[0]) if found else None

    async def add_policy(self, name: str, text: str, *, by: str = "", note: str = "") -> PolicyRecord:
        """Keep a new version of a policy, not active yet."""
        last = select(func.coalesce(func.max(policies.c.version), 0)).where(policies.c.name == name).scalar_subquery()
        columns = ["name", "version", "text", "note", "created_us", "created_by"]
        values = select(literal(name), last + 1, literal(text), literal(note), literal(self._clock()), literal(by))
        statement = insert(policies).from_select(columns, values).returning(*policies.c)
        return _policy((await self._writer.write([Execute(statement=statement)]))[0].rows[0])

    async def activate_policy(self, name: str, version: int) -> PolicyRecord:
        """Make one version the active one of its name (to roll back: an older one)."""
        rest = update(policies).where(policies.c.name == name, policies.c.activated_us.is_not(None))
        this = update(policies).where(policies.c.name == name, policies.c.version == version)
        if await self.policy(name, version) is None:
            raise NotFoundError(f"there is no version {version} of the policy {name}")
        result = await self._writer.write(
            [
                Execute(statement=rest.values(activated_us=None)),
                Execute(
                    statement=this.values(activated_us=self._clock()).returning(*policies.c),
                    must_hit=True,
                    complaint=f"there is no version {version} of the policy {name}",
                ),
            ]
        )
        return _policy(result[1].rows[0])

    async def deactivate_policy(self, name: str) -> None:
        """No version of this name is active any more."""
        await self._writer.write(
            [Execute(statement=update(policies).where(policies.c.name == name).values(activated_us=None))]
        )

    async def add_token(self, token: TokenRecord) -> None:
        row = (
            token.id,
            token.hash,
            token.name,
            token.project,
            token.role.value,
            token.created_us,
            token.expires_us,
            token.revoked_us,
        )
        await self._writer.write([Insert(table=tokens, rows=[row])])

    async def revoke_token(self, token_id: str) -> None:
        result = await self._writer.write(
            [
                Execute(
                    statement=update(tokens)
                    .where(tokens.c.id == token_id, tokens.c.revoked_us.is_(None))
                    .values(revoked_us=self._clock())
                )
            ]
        )
        if not result[0].count:
            raise NotFoundError(f"there is no token {token_id} that could be revoked")

    async def find_token(self, hash: str) -> TokenRecord | None:
        """The token with this hash, if it is neither revoked nor expired."""
        found = await self._reader.rows(
            select(tokens).where(
                tokens.c.hash == hash,
                tokens.c.revoked_us.is_(None),
                or_(tokens.c.expires_us.is_(None), tokens.c.expires_us > self._clock()),
            )
        )
        return _token(found[0]) if found else None

    async def tokens(self) -> list[TokenRecord]:
        """All tokens, oldest first."""
        found = await self._reader.rows(select(tokens).order_by(tokens.c.created_us, tokens.c.id))
        return [_token(row) for row in found]

    async def queue_depths(self) -> QueueDepths:
        """How much waits at each stage; each count reads only what waits."""
        cursor = select(cursors.c.value).where(cursors.c.name == DECIDED).scalar_subquery()
        counts: list[Select[Any]] = [
            select(func.count()).select_from(events).where(events.c.id > cursor),
            select(func.count()).select_from(actions).where(IS_UNFINISHED),
            select(func.count()).select_from(deliveries).where(IS_PENDING),
            select(func.count()).select_from(deliveries).where(IS_DEAD),
            select(func.count()).select_from(alarms).where(IS_OPEN),
        ]
        row = (await self._reader.rows(select(*(count.scalar_subquery() for count in counts))))[0]
        return QueueDepths(
            undecided_events=row[0],
            unfinished_actions=row[1],
            pending_deliveries=row[2],
            dead_deliveries=row[3],
            open_alarms=row[4],
            waiting_writes=self._writer.waiting,
        )


def _policy(row: Any) -> PolicyRecord:
    return PolicyRecord(
        name=row[0],
        version=row[1],
        text=row[2],
        note=row[3],
        created_us=row[4],
        created_by=row[5],
        activated_us=row[6],
    )


def _token(row: Any) -> TokenRecord:
    return TokenRecord(
        id=row[0],
        hash=row[1],
        name=row[2],
        project=row[3],
        role=Role(row[4]),
        created_us=row[5],
        expires_us=row[6],
        revoked_us=row[7],
    )
