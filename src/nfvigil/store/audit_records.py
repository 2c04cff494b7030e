"""The audit log: lines are added, read and checked, never changed. Triggers in the database refuse anything else."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import cached_property

from sqlalchemy import delete, func, or_, select, update

from nfvigil.errors import ConflictError, StoreUnavailableError
from nfvigil.model.audit import AuditQuery, AuditRecord, Checked, Outcome
from nfvigil.store.access import Access, like_any
from nfvigil.store.audit_chain import DROPPED, Chain, chained
from nfvigil.store.ops import Execute, Insert
from nfvigil.store.reading import page_limit
from nfvigil.store.schema import AUDIT_KEPT, audit, cursors

TRIES = 20
"""Another process may add a line at the same moment: its number is taken, ours is then the next."""
PAGE = 1000
_NAMES = AuditRecord.__struct_fields__
_POSITIONS = [_NAMES.index(column.name) for column in audit.columns]
_COLUMNS = [audit.c[name] for name in _NAMES]


class AuditRecords(Access):
    async def audit(self, who: str, what: str, target: str = "", text: str = "", *, via: str = "") -> None:
        """Note what somebody changed by hand, where nothing more is known of it."""
        await self.add_audit(AuditRecord(at_us=self._clock(), who=who, what=what, target=target, text=text, via=via))

    async def add_audit(self, record: AuditRecord) -> None:
        """Durable when it returns. Those that come at once are written together, in one chain."""
        trail = self._trail
        waits = asyncio.get_running_loop().create_future()
        trail.waiting.append((record, waits))
        async with trail.lock:
            if not waits.done():
                batch, trail.waiting = trail.waiting, []
                # Whoever is cancelled meanwhile takes none of the others along.
                await asyncio.shield(asyncio.create_task(self._write_out(batch)))
        await waits

    async def audit_log(
        self, query: AuditQuery | None = None, *, before: int | None = None, limit: int = 100
    ) -> list[AuditRecord]:
        """The audit log, newest first; go on behind the id ``before``."""
        asked = query or AuditQuery(before=before, limit=limit)
        statement = select(*_COLUMNS).order_by(audit.c.id.desc()).limit(page_limit(asked.limit))
        for columns, globs in (
            ((audit.c.who, audit.c.who_id), asked.who),
            ((audit.c.what, audit.c.rule), asked.what),
            ((audit.c.target,), asked.target),
            ((audit.c.request,), asked.request),
        ):
            tests = [like_any(column, globs, on_sqlite=self._reader.on_sqlite) for column in columns]
            if globs:
                statement = statement.where(or_(*(test for test in tests if test is not None)))
        if asked.outcome is not None:
            statement = statement.where(audit.c.outcome == asked.outcome.value)
        if asked.since_us is not None:
            statement = statement.where(audit.c.at_us >= asked.since_us)
        if asked.until_us is not None:
            statement = statement.where(audit.c.at_us < asked.until_us)
        if asked.before is not None:
            statement = statement.where(audit.c.id < asked.before)
        return [_record(row) for row in await self._reader.rows(statement)]

    async def check_audit(self, known: Mapping[int, str] | None = None) -> Checked:
        """Look at the whole chain; ``known``: id -> hash as it was written down elsewhere."""
        said = select(audit.c.target, audit.c.text).where(audit.c.what == DROPPED)
        dropped = {int(row[0]): row[1] for row in await self._reader.rows(said) if str(row[0]).isdecimal()}
        chain = Chain(dropped=dropped, known=dict(known or {}))
        after = -1
        while page := await self._reader.rows(
            select(*_COLUMNS).where(audit.c.id > after).order_by(audit.c.id).limit(PAGE)
        ):
            for row in page:
                chain.take(_record(row))
            after = page[-1][0]
        return chain.result()

    async def drop_audit(self, before_us: int, *, by: str) -> int:
        """Forget the lines that are older, which is itself a line; returns how many. Nothing else removes any."""
        newer = await self._reader.value(select(func.min(audit.c.id)).where(audit.c.at_us >= before_us))
        end = newer if newer is not None else (await self._reader.value(select(func.max(audit.c.id))) or 0) + 1
        last = await self._reader.rows(
            select(audit.c.id, audit.c.hash).where(audit.c.id < end).order_by(audit.c.id.desc()).limit(1)
        )
        if not last:
            return 0
        # The next line hangs on the hash of the last one that goes: so the chain can be checked without it.
        await self.audit(by, DROPPED, str(last[0][0]), last[0][1])
        kept = update(cursors).where(cursors.c.name == AUDIT_KEPT).values(value=last[0][0] + 1)
        gone = await self._writer.write(
            [Execute(statement=kept, must_hit=True), Execute(statement=delete(audit).where(audit.c.id <= last[0][0]))]
        )
        return gone[1].count

    @cached_property
    def _trail(self) -> _Trail:
        return _Trail()

    async def _write_out(self, batch: Sequence[tuple[AuditRecord, asyncio.Future[None]]]) -> None:
        error: Exception | None = None
        try:
            await self._append([record for record, _ in batch])
        except Exception as failure:  # whoever waits has to hear of it
            error = failure
        for _, waits in batch:
            if waits.done():
                continue
            if error is None:
                waits.set_result(None)
            else:
                waits.set_exception(error)

    async def _append(self, records: Sequence[AuditRecord]) -> None:
        trail = self._trail
        for _ in range(TRIES):
            if trail.tail is None:
                found = await self._reader.rows(select(audit.c.id, audit.c.hash).order_by(audit.c.id.desc()).limit(1))
                trail.tail = (found[0][0], found[0][1]) if found else (0, "")
            new = chained(records, *trail.tail)
            trail.tail = None  # until it is written: it may be in the database although we were told that it is not
            try:
                await self._writer.write([Insert(table=audit, rows=[_row(record) for record in new])])
            except ConflictError:
                continue
            trail.tail = (new[-1].id, new[-1].hash)
            return
        raise StoreUnavailableError("the audit log is being written to by too many at once")


class _Trail:
    """Who waits to be written, and where the chain ends: None where that has to be read."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.waiting: list[tuple[AuditRecord, asyncio.Future[None]]] = []
        self.tail: tuple[int, str] | None = None


def _row(record: AuditRecord) -> tuple[object, ...]:
    values = [getattr(record, name) for name in _NAMES]
    return tuple(str(values[at]) if isinstance(values[at], Outcome) else values[at] for at in _POSITIONS)


def _record(row: Sequence[object]) -> AuditRecord:
    values = dict(zip(_NAMES, row, strict=True))
    return AuditRecord(**{**values, "outcome": Outcome(str(values["outcome"]) or "success")})  # type: ignore[arg-type]  # columns in the record's order
