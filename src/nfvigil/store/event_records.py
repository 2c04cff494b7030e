"""Questions about events, the decisions on them, and the actions that were decided."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select, tuple_

from nfvigil.errors import NotFoundError, RefusedError
from nfvigil.model.action import Action, ActionState
from nfvigil.model.event import Event
from nfvigil.model.ids import event_id_at
from nfvigil.model.verdict import Decision
from nfvigil.store import rows
from nfvigil.store.access import Access, in_scope, like_any
from nfvigil.store.alarm_query import LIMIT_MAX
from nfvigil.store.reading import page_limit
from nfvigil.store.schema import IS_UNFINISHED, actions, alarms, decisions, events, history


class EventRecords(Access):
    async def event(self, event_id: int) -> Event | None:
        body = await self._reader.value(select(events.c.body).where(events.c.id == event_id))
        return None if body is None else rows.to_event(body)

    async def events(
        self,
        after: int = 0,
        limit: int = 100,
        since_us: int | None = None,
        until_us: int | None = None,
        type: str | None = None,
        *,
        newest_first: bool = False,
    ) -> list[Event]:
        """Events behind the id ``after`` (0: from the end that comes first), by time of receipt.

        ``type`` may be a glob; it is looked at event by event, so a rare one is found slowly.
        """
        statement = select(events.c.body)
        if after:
            statement = statement.where(events.c.id < after if newest_first else events.c.id > after)
        if since_us is not None:
            statement = statement.where(events.c.id >= event_id_at(since_us))
        if until_us is not None:
            statement = statement.where(events.c.id < event_id_at(until_us))
        fits = like_any(events.c.type, (type,) if type else (), on_sqlite=self._reader.on_sqlite)
        if fits is not None:
            statement = statement.where(fits)
        order = events.c.id.desc() if newest_first else events.c.id
        bodies = await self._reader.values(statement.order_by(order).limit(page_limit(limit)))
        return [rows.to_event(body) for body in bodies]

    async def decision(self, event_id: int) -> Decision | None:
        body = await self.decision_bytes(event_id)
        return None if body is None else rows.to_decision(body)

    async def decision_bytes(self, event_id: int) -> bytes | None:
        """The decision exactly as it was recorded."""
        body: bytes | None = await self._reader.value(select(decisions.c.body).where(decisions.c.event_id == event_id))
        return body

    async def decisions(self, after: int = 0, limit: int = 100) -> list[tuple[int, bytes]]:
        """(event id, decision as recorded), in the order of the events."""
        found = await self._reader.rows(
            select(decisions.c.event_id, decisions.c.body)
            .where(decisions.c.event_id > after)
            .order_by(decisions.c.event_id)
            .limit(page_limit(limit))
        )
        return [(event_id, bytes(body)) for event_id, body in found]

    async def actions(
        self,
        *,
        project: str | None,
        event_id: int | None = None,
        alarm_id: str | None = None,
        state: ActionState | None = None,
        instructed: bool = False,
        marker: str | None = None,
        limit: int = 100,
    ) -> list[Action]:
        """Actions in the order planned; go on after ``marker``, the last one's ``action_marker``."""
        at = (actions.c.event_id, actions.c.position, actions.c.id)
        statement = select(actions.c.body).where(*in_scope(actions.c.project, project))
        if event_id is not None:
            statement = statement.where(actions.c.event_id == event_id)
        if alarm_id is not None:
            statement = statement.where(
                actions.c.event_id.in_(await self._events_of(alarm_id)), actions.c.alarm_id == alarm_id
            )
        if instructed:  # What people asked for is done for no alarm.
            statement = statement.where(actions.c.alarm_id == "")
        if state is not None:
            statement = statement.where(actions.c.state == state.value)
            if not state.is_over:
                statement = statement.where(IS_UNFINISHED)
        if marker is not None:
            event_of_marker, id_of_marker = _split_marker(marker)
            place = await self._reader.rows(
                select(*at).where(actions.c.event_id == event_of_marker, actions.c.id == id_of_marker)
            )
            if not place:
                raise NotFoundError(f"there is no action {marker} to go on from")
            statement = statement.where(tuple_(*at) > tuple_(*place[0]))
        statement = statement.order_by(*at).limit(page_limit(limit))
        return [rows.to_action(body) for body in await self._reader.values(statement)]

    async def owned_alarms(self, project: str, alarm_ids: Collection[str]) -> frozenset[str]:
        """Those of a page's alarms that are the project's."""
        wanted = sorted(set(alarm_ids))[:LIMIT_MAX]
        statement = select(alarms.c.id).where(*in_scope(alarms.c.project, project), alarms.c.id.in_(wanted))
        return frozenset(await self._reader.values(statement)) if wanted else frozenset()

    async def _events_of(self, alarm_id: str) -> list[int]:
        """The events that an alarm's own history names: only they can have asked for something on its behalf."""
        raised_by = await self._reader.value(select(alarms.c.event_id).where(alarms.c.id == alarm_id))
        if raised_by is None:
            return []
        bodies = await self._reader.values(
            select(history.c.body).where(history.c.raised_by == raised_by, history.c.alarm_id == alarm_id)
        )
        entries = map(rows.to_history, bodies)
        return sorted({raised_by, *(entry.event_id for entry in entries if entry.event_id is not None)})


def action_marker(action: Action) -> str:
    """Where a page of actions ends: an action's id alone would have to be searched for."""
    return f"{action.event_id}/{action.id}"


def _split_marker(marker: str) -> tuple[int, str]:
    event_id, _, action_id = marker.partition("/")
    if not event_id.isdecimal() or len(event_id) > 19:
        raise RefusedError(f"the marker {marker} does not name an action: write <event id>/<action id>")
    return int(event_id), action_id
