"""What is configured at run time: a value of JSON by its name, in place of a setting."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import select

from nfvigil.store import rows
from nfvigil.store.access import Access
from nfvigil.store.ops import Conflict, Insert
from nfvigil.store.schema import configuration


class ConfigurationRecords(Access):
    async def configuration(self, name: str) -> dict[str, Any] | None:
        body = await self._reader.value(select(configuration.c.body).where(configuration.c.name == name))
        return None if body is None else msgspec.json.decode(body, type=dict[str, Any])

    async def put_configuration(self, name: str, value: dict[str, Any]) -> None:
        row = (name, self._clock(), rows.encode(value))
        await self._writer.write([Insert(table=configuration, rows=[row], conflict=Conflict.REPLACE)])
