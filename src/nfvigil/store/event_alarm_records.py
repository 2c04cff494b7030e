"""Event alarms and their history: what the doors ask for and change, and what is read at the start."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any

import msgspec
from sqlalchemy import Table, delete, select, tuple_

from nfvigil.errors import RefusedError, UnavailableError
from nfvigil.model.event_alarm import AodhSeverity, ChangeType, EventAlarm, EventAlarmChange
from nfvigil.model.subscription import Subscription
from nfvigil.store import rows
from nfvigil.store.access import in_scope
from nfvigil.store.alarm_query import LIMIT_MAX
from nfvigil.store.event_alarm_query import ALARM_FIELDS, CHANGE_FIELDS, EventAlarmQuery, behind, condition
from nfvigil.store.event_alarm_schema import event_alarm_history, event_alarms, fired_events
from nfvigil.store.ops import Conflict, Execute, Insert, Op, Row, Update
from nfvigil.store.schema import subscriptions
from nfvigil.store.subscription_records import SubscriptionRecords

LOAD_PAGE = 20_000
_COLUMNS = tuple(column.name for column in event_alarms.columns)
_NEWEST_FIRST = (("timestamp", True),)

to_event_alarm = msgspec.json.Decoder(EventAlarm).decode


def event_alarm_row(alarm: EventAlarm) -> Row:
    return (
        alarm.id,
        alarm.project,
        alarm.user,
        alarm.name,
        alarm.description,
        int(alarm.enabled),
        alarm.severity.rank,
        int(alarm.repeat_actions),
        alarm.state.value,
        alarm.state_reason,
        alarm.changed_us,
        alarm.state_us,
        rows.encode(alarm),
    )


def change_row(change: EventAlarmChange) -> Row:
    return (
        change.alarm_id,
        change.at_us,
        change.id,
        change.type.value,
        change.project,
        change.user,
        change.on_behalf_of,
        change.severity.rank,
        change.detail,
    )


def fired_ops(
    alarms: Sequence[EventAlarm], changes: Sequence[EventAlarmChange], events: Sequence[tuple[str, int]]
) -> list[Op]:
    """What a change writes of event alarms: one that is deleted by then is not made again."""
    ops: list[Op] = []
    if alarms:
        ops.append(Update(table=event_alarms, columns=_COLUMNS, rows=[event_alarm_row(alarm) for alarm in alarms]))
    if changes:
        ops.append(_history(changes))
    if events:
        ops.append(Insert(table=fired_events, rows=list(events), conflict=Conflict.IGNORE))
    return ops


def _history(changes: Sequence[EventAlarmChange]) -> Insert:
    return Insert(table=event_alarm_history, rows=[change_row(one) for one in changes], conflict=Conflict.IGNORE)


class EventAlarmRecords(SubscriptionRecords):
    async def put_event_alarm(
        self, alarm: EventAlarm, subscription: Subscription, change: EventAlarmChange, *, is_new: bool
    ) -> None:
        """The alarm, what brings its messages on their way, and a line of history, in one."""
        # Its endpoints have neither key nor token, so there is nothing to encrypt.
        way = (subscription.id, subscription.project, subscription.created_us, rows.encode(subscription), b"")
        row = event_alarm_row(alarm)
        mine: Op = Insert(table=event_alarms, rows=[row], conflict=Conflict.FAIL)
        if not is_new:
            mine = Update(table=event_alarms, columns=_COLUMNS, rows=[row])
        await self._writer.write(
            [mine, Insert(table=subscriptions, rows=[way], conflict=Conflict.REPLACE), _history([change])]
        )

    async def delete_event_alarm(self, alarm_id: str) -> None:
        """With its history and all that was to be sent for it."""
        await self._writer.write(
            [
                Execute(statement=delete(event_alarms).where(event_alarms.c.id == alarm_id)),
                Execute(statement=delete(event_alarm_history).where(event_alarm_history.c.alarm_id == alarm_id)),
                Execute(statement=delete(subscriptions).where(subscriptions.c.id == alarm_id)),
            ]
        )
        with suppress(UnavailableError):  # It is gone, whatever becomes of these.
            await self.delete_rows_of(alarm_id)

    async def all_event_alarms(self) -> list[EventAlarm]:
        """Every one, for the start."""
        found: list[EventAlarm] = []
        while True:
            after = found[-1].id if found else ""
            statement = select(event_alarms.c.body).where(event_alarms.c.id > after)
            bodies = await self._reader.values(statement.order_by(event_alarms.c.id).limit(LOAD_PAGE))
            found.extend(map(to_event_alarm, bodies))
            if len(bodies) < LOAD_PAGE:
                return found

    async def fired_events(self, limit: int) -> list[str]:
        """The ids of the last messages from outside that fired something, oldest first."""
        newest = select(fired_events.c.id).order_by(fired_events.c.at_us.desc(), fired_events.c.id.desc())
        return list(reversed(await self._reader.values(newest.limit(limit))))

    async def event_alarm(self, alarm_id: str, project: str | None) -> EventAlarm | None:
        statement = select(event_alarms.c.body).where(event_alarms.c.id == alarm_id)
        body = await self._reader.value(statement.where(*in_scope(event_alarms.c.project, project)))
        return None if body is None else to_event_alarm(body)

    async def event_alarms(self, query: EventAlarmQuery) -> AsyncIterator[list[EventAlarm]]:
        """Page by page, the last changed first unless it says otherwise; it begins behind the alarm ``marker``."""
        async for page in self._pages(event_alarms, event_alarms.c.project, ALARM_FIELDS, query, [event_alarms.c.body]):
            yield [to_event_alarm(row[0]) for row in page]

    async def event_alarm_changes(self, query: EventAlarmQuery) -> AsyncIterator[list[EventAlarmChange]]:
        """History, page by page; ``marker`` is the id of a change."""
        table = event_alarm_history
        async for page in self._pages(table, table.c.on_behalf_of, CHANGE_FIELDS, query, list(table.columns)):
            yield [_to_change(row) for row in page]

    async def _pages(
        self, table: Table, owner: Any, fields: Any, query: EventAlarmQuery, columns: list[Any]
    ) -> AsyncIterator[Sequence[Any]]:
        """Rows that begin with ``columns``. A page is read when it is asked for: nobody holds all of them."""
        sorts = query.sorts or _NEWEST_FIRST
        order = [(fields[name], falls) for name, falls in sorts]
        order.append((table.c.id, sorts[-1][1]))
        at = [column for column, _ in order]
        wanted = select(*columns, *at).where(*in_scope(owner, query.project), condition(query.tree, fields))
        wanted = wanted.order_by(*(column.desc() if falls else column.asc() for column, falls in order))
        place: Sequence[Any] | None = None
        if query.marker is not None:
            places = select(*at).where(*in_scope(owner, query.project), table.c.id == query.marker)
            found = await self._reader.rows(places.limit(1))
            if not found:
                raise RefusedError(f"there is nothing of the id {query.marker} to go on from")
            place = found[0]
        left = query.limit
        while left is None or left > 0:
            size = LIMIT_MAX if left is None else min(left, LIMIT_MAX)
            page = wanted.limit(size)
            if place is not None:
                page = page.where(_older(order, place) if all(falls for _, falls in order) else behind(order, place))
            rows_found = await self._reader.rows(page)
            yield rows_found
            if len(rows_found) < size:
                return
            place = rows_found[-1][len(columns) :]
            left = None if left is None else left - size


def _older(order: Sequence[tuple[Any, bool]], place: Sequence[Any]) -> Any:
    """As ``behind`` where all fall: in the one form for which both databases use the index."""
    return tuple_(*(column for column, _ in order)) < tuple_(*place)


def _to_change(row: Sequence[Any]) -> EventAlarmChange:
    return EventAlarmChange(
        alarm_id=row[0],
        at_us=row[1],
        id=row[2],
        type=ChangeType(row[3]),
        project=row[4],
        user=row[5],
        on_behalf_of=row[6],
        severity=tuple(AodhSeverity)[row[7]],
        detail=row[8],
    )
