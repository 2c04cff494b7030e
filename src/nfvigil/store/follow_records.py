"""Following alarms: the starts of the service on this database, comments, and what was purged beyond a follower.

Every change of an alarm has a number. Whoever knows a number asks for what came after it, and misses nothing: numbers
become visible in their order, and an alarm that changes again only moves on. Two things could break that, and both
are written down here. A database that was put back to an earlier time gives the same numbers to other changes: so each
start notes where the numbers stood, and a place that belongs to a start which this database does not know, or lies
beyond the start after its own, is of another past. And a purge takes alarms away: so it notes how far it went.
"""

from __future__ import annotations

import msgspec
from sqlalchemy import delete, func, insert, select, update

from nfvigil.errors import NotFoundError
from nfvigil.model.alarm import HistoryEntry
from nfvigil.store import rows
from nfvigil.store.access import Access
from nfvigil.store.ops import Conflict, Execute, Insert
from nfvigil.store.schema import ALARM_CHANGE, alarms, cursors, forgotten, history, runs

RUNS_MAX = 1_000
"""Starts that are remembered: a follower that slept through more begins anew."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A start of the service. ``key`` is of the whole generation."""

    name: str
    generation: str
    key: bytes
    began_change: int

    def __repr__(self) -> str:
        return f"Run(name={self.name!r}, generation={self.generation!r})"


class FollowRecords(Access):
    _runs: tuple[Run, ...] = ()

    async def begin_run(self, *, name: str, generation: str, key: bytes) -> None:
        """Note a start. ``generation`` and ``key`` are for a database that has none yet."""
        known = await self._read_runs()
        if known:
            generation, key = known[-1].generation, known[-1].key
        began = select(cursors.c.value).where(cursors.c.name == ALARM_CHANGE).scalar_subquery()
        values = {"name": name, "generation": generation, "key": key, "began_change": began, "began_us": self._clock()}
        oldest = select(func.max(runs.c.id) - RUNS_MAX).scalar_subquery()
        await self._writer.write(
            [
                Execute(statement=insert(runs).values(**values)),
                Execute(statement=delete(runs).where(runs.c.id <= oldest)),
            ]
        )
        self._runs = await self._read_runs()

    async def runs(self) -> tuple[Run, ...]:
        """The starts, oldest first."""
        if not self._runs:
            self._runs = await self._read_runs()
        return self._runs

    async def _read_runs(self) -> tuple[Run, ...]:
        columns = (runs.c.name, runs.c.generation, runs.c.key, runs.c.began_change)
        found = await self._reader.rows(select(*columns).order_by(runs.c.id))
        return tuple(Run(name=row[0], generation=row[1], key=bytes(row[2]), began_change=row[3]) for row in found)

    async def comment(self, entry: HistoryEntry) -> None:
        """Add a line to an alarm's history, as a change of the alarm: whoever follows it hears of it."""
        raised_by = await self._reader.value(select(alarms.c.event_id).where(alarms.c.id == entry.alarm_id))
        if raised_by is None:
            raise NotFoundError("there is no such alarm")
        number = select(cursors.c.value).where(cursors.c.name == ALARM_CHANGE).scalar_subquery()
        await self._writer.write(
            [
                Insert(
                    table=history,
                    rows=rows.history_rows([entry], {entry.alarm_id: raised_by}),
                    conflict=Conflict.IGNORE,
                ),
                Execute(
                    statement=update(cursors).where(cursors.c.name == ALARM_CHANGE).values(value=cursors.c.value + 1)
                ),
                Execute(
                    statement=update(alarms).where(alarms.c.id == entry.alarm_id).values(change=number, news=entry.what)
                ),
            ]
        )

    async def forgotten(self) -> dict[str, int]:
        """How far alarms were purged, by project: the highest number of a change."""
        return {row[0]: row[1] for row in await self._reader.rows(select(forgotten.c.project, forgotten.c.change))}
