"""Accounts of clouds that were added at run time. Their options come in and go out sealed."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import delete, select, update

from nfvigil.errors import ConflictError, NotFoundError
from nfvigil.store import rows
from nfvigil.store.access import Access
from nfvigil.store.ops import Conflict, Execute, Insert
from nfvigil.store.records import VimRecord
from nfvigil.store.schema import vims


class _Body(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What stands in ``body``: the record without its options."""

    driver: str
    interval_seconds: float
    enabled: bool
    created_us: int
    created_by: str = ""
    request: str = ""
    host_suffix: str = ""


to_body = msgspec.json.Decoder(_Body).decode


class VimRecords(Access):
    async def vims(self) -> list[VimRecord]:
        """All, by name."""
        return [_record(row) for row in await self._reader.rows(select(vims).order_by(vims.c.name))]

    async def vim(self, name: str) -> VimRecord | None:
        found = await self._reader.rows(select(vims).where(vims.c.name == name))
        return _record(found[0]) if found else None

    async def add_vim(self, record: VimRecord) -> None:
        """ConflictError where there is one of this name."""
        row = (record.name, record.changed_us, _body(record), record.options)
        try:
            await self._writer.write([Insert(table=vims, rows=[row], conflict=Conflict.FAIL)])
        except ConflictError as error:
            raise ConflictError(f"there is a VIM {record.name} already") from error

    async def change_vim(self, record: VimRecord, *, was_us: int) -> None:
        """ConflictError where it is not any more what it was at ``was_us``, or is gone."""
        statement = update(vims).where(vims.c.name == record.name, vims.c.changed_us == was_us)
        values = {"changed_us": record.changed_us, "body": _body(record), "options": record.options}
        complaint = f"the VIM {record.name} was changed meanwhile: read it again"
        await self._writer.write([Execute(statement=statement.values(**values), must_hit=True, complaint=complaint)])

    async def remove_vim(self, name: str) -> None:
        result = await self._writer.write([Execute(statement=delete(vims).where(vims.c.name == name))])
        if not result[0].count:
            raise NotFoundError(f"there is no VIM {name} that was added")


def _body(record: VimRecord) -> bytes:
    return rows.encode(
        _Body(
            driver=record.driver,
            interval_seconds=record.interval_seconds,
            enabled=record.enabled,
            created_us=record.created_us,
            created_by=record.created_by,
            request=record.request,
            host_suffix=record.host_suffix,
        )
    )


def _record(row: Any) -> VimRecord:
    body = to_body(row[2])
    return VimRecord(
        name=row[0],
        driver=body.driver,
        interval_seconds=body.interval_seconds,
        enabled=body.enabled,
        created_us=body.created_us,
        changed_us=row[1],
        created_by=body.created_by,
        request=body.request,
        host_suffix=body.host_suffix,
        options=bytes(row[3]),
    )
