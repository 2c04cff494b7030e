"""Keys that monitors sign with. They come in and go out sealed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import or_, select, update

from nfvigil.errors import NotFoundError
from nfvigil.store.access import Access
from nfvigil.store.ops import Execute, Insert
from nfvigil.store.records import MonitorKeyRecord
from nfvigil.store.schema import monitor_keys


class MonitorKeyRecords(Access):
    async def monitor_keys(self, *, usable_only: bool = False) -> list[MonitorKeyRecord]:
        """All, oldest first; or only those that are neither revoked nor expired."""
        statement = select(monitor_keys).order_by(monitor_keys.c.created_us, monitor_keys.c.id)
        if usable_only:
            statement = statement.where(
                monitor_keys.c.revoked_us.is_(None),
                or_(monitor_keys.c.expires_us.is_(None), monitor_keys.c.expires_us > self._clock()),
            )
        return [_record(row) for row in await self._reader.rows(statement)]

    async def add_monitor_key(self, record: MonitorKeyRecord) -> None:
        row = (
            record.id,
            record.name,
            record.key,
            record.created_us,
            record.created_by,
            record.expires_us,
            record.revoked_us,
        )
        await self._writer.write([Insert(table=monitor_keys, rows=[row])])

    async def revoke_monitor_key(self, key_id: str) -> None:
        """What is revoked is not needed any more: the key itself goes."""
        statement = update(monitor_keys).where(monitor_keys.c.id == key_id, monitor_keys.c.revoked_us.is_(None))
        result = await self._writer.write([Execute(statement=statement.values(revoked_us=self._clock(), key=b""))])
        if not result[0].count:
            raise NotFoundError(f"there is no key {key_id} that could be revoked")


def _record(row: Any) -> MonitorKeyRecord:
    return MonitorKeyRecord(
        id=row[0],
        name=row[1],
        key=bytes(row[2]),
        created_us=row[3],
        created_by=row[4],
        expires_us=row[5],
        revoked_us=row[6],
    )
