"""Questions about alarms and faults, and what people write on alarms (acknowledgements, comments)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, func, or_, select, tuple_

from nfvigil.errors import NotFoundError, RefusedError
from nfvigil.model.alarm import Alarm, AlarmState, Audience, HistoryEntry
from nfvigil.model.fault import Fault
from nfvigil.model.resource import Kind, key_of, split_key
from nfvigil.store import rows
from nfvigil.store.access import Access, in_scope, like_any
from nfvigil.store.alarm_query import LIMIT_MAX, AlarmQuery
from nfvigil.store.reading import page_limit
from nfvigil.store.schema import (
    ALARM_CHANGE,
    IS_OF_VNF,
    IS_OPEN,
    IS_STANDING,
    alarms,
    cursors,
    faults,
    forgotten,
    history,
)

SCAN_MAX = 2_000
"""Rows that one question looks at. Where few of them fit, it answers with those and where to go on."""


class AlarmChanges(msgspec.Struct, frozen=True):
    """Alarms in the order in which they changed. Ask again with ``since_change=next_change`` for what is newer."""

    next_change: int
    alarms: tuple[Alarm, ...]
    numbers: tuple[int, ...] = ()
    """Of the change of each."""
    news: tuple[str, ...] = ()
    """What happened to each last."""
    has_more: bool = False
    """There may be more already."""
    last_change: int = 0
    """The number of the last change of any alarm, when this was asked."""
    forgotten: int = 0
    """The highest number of a change, in the reader's scope, that was purged: who stands before it begins anew."""


class AlarmPage(msgspec.Struct, frozen=True):
    """A page of alarms, newest first. ``following`` is the place to go on from, None at the end."""

    alarms: tuple[Alarm, ...]
    following: tuple[int, str] | None
    last_change: int
    """What changed after this is not sure to be in it."""


class AlarmRecords(Access):
    async def alarms(self, query: AlarmQuery) -> list[Alarm]:
        """A page of alarms, newest first; with ``since_change`` in the order of their changes."""
        if query.since_change is not None:
            return list((await self.alarm_changes(query)).alarms)
        statement = self._matching(query, alarms.c.body)
        if query.marker is not None:
            raised_us = await self._reader.value(
                select(alarms.c.raised_us).where(alarms.c.id == query.marker, *_visible(query.project))
            )
            if raised_us is None:
                raise NotFoundError(f"there is no alarm {query.marker} to go on from")
            statement = statement.where(tuple_(alarms.c.raised_us, alarms.c.id) < tuple_(raised_us, query.marker))
        statement = statement.order_by(alarms.c.raised_us.desc(), alarms.c.id.desc()).limit(page_limit(query.limit))
        return [rows.to_alarm(body) for body in await self._reader.values(statement)]

    async def alarm_page(self, query: AlarmQuery) -> AlarmPage:
        """A page of alarms, newest first. It looks at ``SCAN_MAX`` rows at most: a short page need not be the last."""
        limit = page_limit(query.limit)
        at = (alarms.c.raised_us, alarms.c.id)
        order = (alarms.c.raised_us.desc(), alarms.c.id.desc())
        statement = self._matching(query, *at, alarms.c.body)
        # The few alarms of a resource are sorted: PostgreSQL would look for them through all alarms by their times.
        its_order = ((alarms.c.raised_us + 0).desc(), alarms.c.id.desc()) if query.resources else order
        beyond = [] if query.place is None else [tuple_(*at) < tuple_(*query.place)]
        async with self._reader.connection() as connection:
            last = (await connection.execute(_LAST_CHANGE)).scalar_one()
            edge = None
            if _narrows(query):
                row = select(*at).where(*_standing(query), *beyond).order_by(*order).limit(1).offset(SCAN_MAX - 1)
                edge = (await connection.execute(row)).first()
            if edge is not None:
                statement = statement.where(tuple_(*at) >= tuple_(*edge))
            found = (await connection.execute(statement.where(*beyond).order_by(*its_order).limit(limit))).all()
        following = (found[-1][0], found[-1][1]) if len(found) == limit else edge and (edge[0], edge[1])
        return AlarmPage(tuple(rows.to_alarm(row[2]) for row in found), following, last)

    async def alarm_changes(self, query: AlarmQuery) -> AlarmChanges:
        """What has changed since ``query.since_change`` (None: ever), oldest change first.

        An alarm counts by every severity that it has had: who was told of it when it was worse hears how it ends.
        """
        since = query.since_change or 0
        limit = page_limit(query.limit)
        is_later = alarms.c.change > since
        statement = self._matching(query, alarms.c.change, alarms.c.news, alarms.c.body, in_its_life=True)
        async with self._reader.connection() as connection:
            # Read first: what changes between the two statements is then seen by this call or the next one.
            last = (await connection.execute(_LAST_CHANGE)).scalar_one()
            row = select(alarms.c.change).where(is_later).order_by(alarms.c.change).limit(1).offset(SCAN_MAX - 1)
            edge = (await connection.execute(row)).scalar()
            if edge is not None:
                statement = statement.where(alarms.c.change <= edge)
            found = (await connection.execute(statement.where(is_later).order_by(alarms.c.change).limit(limit))).all()
            # Read last: what a purge took away before the rows were read is told then.
            purged = select(func.max(forgotten.c.change)).where(*in_scope(forgotten.c.project, query.project))
            gone = (await connection.execute(purged)).scalar()
        next_change = max([last, since, *(row[0] for row in found)])
        if len(found) == limit:
            next_change = found[-1][0]
        elif edge is not None:
            next_change = edge
        return AlarmChanges(
            next_change,
            tuple(rows.to_alarm(row[2]) for row in found),
            tuple(row[0] for row in found),
            tuple(row[1] for row in found),
            len(found) == limit or edge is not None,
            last,
            gone or 0,
        )

    async def last_change(self) -> int:
        """The number of the last change of any alarm."""
        return int(await self._reader.value(_LAST_CHANGE) or 0)

    async def alarm(self, alarm_id: str, project: str | None) -> Alarm | None:
        body = await self._reader.value(select(alarms.c.body).where(alarms.c.id == alarm_id, *_visible(project)))
        return None if body is None else rows.to_alarm(body)

    async def history(self, alarm_id: str, project: str | None = None) -> list[HistoryEntry]:
        """An alarm's life, oldest first; empty where there is no such alarm in the reader's scope."""
        bodies = await self._reader.values(
            select(history.c.body)
            .join(alarms, (alarms.c.event_id == history.c.raised_by) & (alarms.c.id == history.c.alarm_id))
            .where(alarms.c.id == alarm_id, *_visible(project))
            .order_by(history.c.at_us, history.c.position, history.c.what)
            .limit(LIMIT_MAX * 10)
        )
        return [rows.to_history(body) for body in bodies]

    async def faults(
        self,
        *,
        standing_only: bool = False,
        resource: str | None = None,
        type: str | None = None,
        since_us: int | None = None,
        marker: str | None = None,
        limit: int = 100,
    ) -> list[Fault]:
        """Faults, newest first: the administrator's business, as they speak of hosts."""
        statement = select(faults.c.body)
        if standing_only:
            statement = statement.where(IS_STANDING)
        if resource is not None:
            statement = statement.where(faults.c.resource == resource)
        if type is not None:
            statement = statement.where(faults.c.type == type)
        if since_us is not None:
            statement = statement.where(faults.c.raised_us >= since_us)
        if marker is not None:
            raised_us = await self._reader.value(select(faults.c.raised_us).where(faults.c.id == marker))
            if raised_us is None:
                raise NotFoundError(f"there is no fault {marker} to go on from")
            statement = statement.where(tuple_(faults.c.raised_us, faults.c.id) < tuple_(raised_us, marker))
        statement = statement.order_by(faults.c.raised_us.desc(), faults.c.id.desc()).limit(page_limit(limit))
        return [rows.to_fault(body) for body in await self._reader.values(statement)]

    async def fault(self, fault_id: str) -> Fault | None:
        body = await self._reader.value(select(faults.c.body).where(faults.c.id == fault_id))
        return None if body is None else rows.to_fault(body)

    def _matching(self, query: AlarmQuery, *columns: Any, in_its_life: bool = False) -> Select[Any]:
        statement = select(*columns).where(*_visible(query.project), *_standing(query))
        statement = statement.where(*_about_resources(query), *_so_bad(query, in_its_life), *_at_times(query))
        if query.states:
            statement = statement.where(alarms.c.state.in_([state.value for state in query.states]))
        if query.probable_causes:
            statement = statement.where(alarms.c.probable_cause.in_(query.probable_causes))
        types = like_any(alarms.c.fault_type, query.fault_types, on_sqlite=self._reader.on_sqlite)
        if types is not None:
            statement = statement.where(types)
        if query.event_id is not None:
            statement = statement.where(alarms.c.event_id == query.event_id)
        if query.root is not None:
            statement = statement.where(alarms.c.root == query.root)
        if query.is_root_cause is not None:
            statement = statement.where((alarms.c.parent == "") == query.is_root_cause)
        if query.is_acked is not None:
            acked = alarms.c.acked_us.is_not(None)
            statement = statement.where(acked if query.is_acked else ~acked)
        return statement


_LAST_CHANGE = select(cursors.c.value).where(cursors.c.name == ALARM_CHANGE)

_BY_AN_INDEX = {"project", "of_project", "open_only", "from_us", "until_us", "since_change", "place", "marker", "limit"}


def _narrows(query: AlarmQuery) -> bool:
    """Whether rows may be looked at that do not fit, and no index leads past them (as one does to a resource's)."""
    if query.resources:
        return False
    asked = {name for name in query.__struct_fields__ if getattr(query, name) not in (None, (), False)}
    return bool(query.project) or not asked <= _BY_AN_INDEX


def _standing(query: AlarmQuery) -> list[ColumnElement[bool]]:
    """The part of a question that an index answers."""
    # A VNF has fewer alarms than its project: put so, no index by projects can be used for it.
    project = alarms.c.project + "" if query.vnfs else alarms.c.project
    conditions = in_scope(project, query.project)
    if query.of_project is not None:
        conditions.append(project == query.of_project)
    if query.vnfs or query.only_vnfs:
        conditions.append(IS_OF_VNF)  # without it no index over these alarms would be used
    if query.vnfs:
        conditions.append(alarms.c.vnf.in_(query.vnfs[:LIMIT_MAX]))
    if query.open_only or (query.states and AlarmState.CLEARED not in query.states):
        conditions.append(IS_OPEN)
    if query.from_us is not None:
        conditions.append(alarms.c.raised_us >= query.from_us)
    if query.until_us is not None:
        conditions.append(alarms.c.raised_us < query.until_us)
    return conditions


def _so_bad(query: AlarmQuery, in_its_life: bool) -> list[ColumnElement[bool]]:
    worst, least = (alarms.c.worst_rank, alarms.c.least_rank) if in_its_life else (alarms.c.severity_rank,) * 2
    conditions = []
    if query.severities:
        conditions.append(or_(*((least <= one.rank) & (worst >= one.rank) for one in query.severities)))
    if query.min_severity is not None:
        conditions.append(worst >= query.min_severity.rank)
    return conditions


def _at_times(query: AlarmQuery) -> list[ColumnElement[bool]]:
    conditions = []
    if query.event_from_us is not None:
        conditions.append(alarms.c.event_us >= query.event_from_us)
    if query.event_until_us is not None:
        conditions.append(alarms.c.event_us < query.event_until_us)
    if query.changed_from_us is not None:
        since = query.changed_from_us
        conditions.append(or_(alarms.c.raised_us >= since, alarms.c.changed_us >= since, alarms.c.cleared_us >= since))
    if query.cleared_from_us is not None:
        conditions.append(alarms.c.cleared_us >= query.cleared_from_us)
    return conditions


def _visible(project: str | None) -> Sequence[ColumnElement[bool]]:
    """A project sees its own alarms, less those that the policy keeps from the owners."""
    if not project:
        return in_scope(alarms.c.project, project)
    return [*in_scope(alarms.c.project, project), alarms.c.audience == Audience.OWNERS.value]


def _about_resources(query: AlarmQuery) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if query.resource_kinds:
        conditions.append(
            or_(*(func.substr(alarms.c.resource, 1, len(kind) + 1) == f"{kind}/" for kind in query.resource_kinds))
        )
    if query.resources:
        if len(query.resources) > LIMIT_MAX:
            raise RefusedError(f"at most {LIMIT_MAX} resources may be asked for at once")
        conditions.append(alarms.c.resource.in_(sorted({key for name in query.resources for key in _keys(name)})))
    return conditions


def _keys(name: str) -> list[str]:
    """A key itself, or the keys that a bare id may stand for."""
    if split_key(name)[0] in Kind._value2member_map_ and "/" in name:
        return [name]
    return [key_of(kind, name) for kind in Kind]
