"""Requests that carry a key: each takes effect once, and is answered the same however often it is sent."""

from __future__ import annotations

import msgspec
from sqlalchemy import delete, select, update

from nfvigil.errors import ConflictError, OverloadedError
from nfvigil.model.times import SECOND
from nfvigil.store.access import Access
from nfvigil.store.ops import Conflict, Execute, Insert
from nfvigil.store.schema import requests

KEPT_SECONDS = 24 * 3600
REQUESTS_MAX = 100_000
BATCH = 1_000


class RequestRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a request: a hash of what it asked, and its answer where it has been answered."""

    content: str
    status: int | None
    answer: bytes


class Requests(Access):
    _purged_us = 0

    async def begin_request(self, key: str, content: str) -> RequestRecord | None:
        """Note that it begins, durably; where it has begun before, what is known of it instead."""
        await self._purge_requests()
        try:
            row = (key, content, self._clock(), None, b"")
            await self._writer.write([Insert(table=requests, rows=[row], conflict=Conflict.FAIL)])
        except ConflictError:
            found = await self._reader.rows(
                select(requests.c.content, requests.c.status, requests.c.answer).where(requests.c.key == key)
            )
            if not found:  # It ended without effect just now.
                raise
            return RequestRecord(content=found[0][0], status=found[0][1], answer=bytes(found[0][2]))
        return None

    async def end_request(self, key: str, status: int, answer: bytes) -> None:
        statement = update(requests).where(requests.c.key == key).values(status=status, answer=answer)
        await self._writer.write([Execute(statement=statement)])

    async def forget_request(self, key: str) -> None:
        """It had no effect: the same may be asked again."""
        await self._writer.write([Execute(statement=delete(requests).where(requests.c.key == key))])

    async def _purge_requests(self) -> None:
        """Now and then: what is old goes, and if there are too many all the same, none is taken."""
        now_us = self._clock()
        if 0 <= now_us - self._purged_us < 60 * SECOND:
            return
        self._purged_us = now_us
        old = requests.c.begun_us < now_us - KEPT_SECONDS * SECOND
        count = BATCH
        while count >= BATCH:
            some = select(requests.c.key).where(old).order_by(requests.c.begun_us).limit(BATCH)
            statement = delete(requests).where(requests.c.key.in_(some))
            count = (await self._writer.write([Execute(statement=statement)]))[0].count
        row = select(requests.c.key).order_by(requests.c.begun_us).limit(1).offset(REQUESTS_MAX - 1)
        if await self._reader.value(row) is not None:
            self._purged_us = 0
            raise OverloadedError(f"{REQUESTS_MAX} requests with a key are remembered already", 60.0)
