"""Masakari's notifications, read from the log of events, and what was decided and done about each."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import select

from nfvigil.model.action import Action
from nfvigil.model.event import Event
from nfvigil.model.ids import ID_MAX, NODE_BITS, event_id_at
from nfvigil.model.instance_ha import DOOR, FOLLOWERS_MAX, time_of_uuid
from nfvigil.model.verdict import Decision
from nfvigil.store import rows
from nfvigil.store.access import Access
from nfvigil.store.reading import page_limit
from nfvigil.store.schema import DECIDED, IS_HA_NOTIFICATION, actions, cursors, decisions, events

NEAR = 1000
"""So many notifications at most are looked at to find one by its UUID, which tells its time to the millisecond."""

LAST_US = (ID_MAX >> NODE_BITS) - 1
"""No event has a later time: others cannot even be asked for."""


class HaCase(msgspec.Struct, frozen=True, kw_only=True):
    """A notification with all that followed from it."""

    record: Event
    followers: tuple[Event, ...] = ()
    decisions: tuple[Decision, ...] = ()
    actions: tuple[Action, ...] = ()
    decided_to: int = 0
    """The last event that was decided: what changes nothing has no decision that is kept."""


class InstanceHaRecords(Access):
    async def ha_notifications(self, *, before: int = 0, since_us: int | None = None, limit: int = 100) -> list[Event]:
        """Those taken in before the one of the id ``before`` (0: all), the newest first."""
        statement = select(events.c.body).where(IS_HA_NOTIFICATION)
        if before:
            statement = statement.where(events.c.id < before)
        if since_us is not None:
            statement = statement.where(events.c.id >= event_id_at(since_us))
        bodies = await self._reader.values(statement.order_by(events.c.id.desc()).limit(page_limit(limit)))
        return [event for event in map(rows.to_event, bodies) if event.door == DOOR]

    async def ha_notification(self, uuid: str) -> Event | None:
        """By its UUID, or by the number that is shown as its id: OpenStack's SDK goes on in a list by that one."""
        is_number = uuid.isdecimal() and uuid.isascii() and len(uuid) < 20
        at_us = int(uuid) if is_number else time_of_uuid(uuid)
        if at_us is None or at_us > LAST_US:
            return None
        if is_number:
            return await self._by_number(at_us)
        statement = select(events.c.body).where(IS_HA_NOTIFICATION, events.c.id >= event_id_at(at_us))
        bodies = await self._reader.values(statement.order_by(events.c.id).limit(NEAR))
        found = (event for event in map(rows.to_event, bodies) if event.door == DOOR)
        return next((event for event in found if event.monitor_event_id == uuid), None)

    async def _by_number(self, number: int) -> Event | None:
        statement = select(events.c.body).where(
            IS_HA_NOTIFICATION, events.c.id >= event_id_at(number), events.c.id < event_id_at(number + 1)
        )
        found = map(rows.to_event, await self._reader.values(statement.order_by(events.c.id).limit(1)))
        return next((event for event in found if event.door == DOOR), None)

    async def ha_cases(self, records: Sequence[Event]) -> list[HaCase]:
        """The notifications with what followed from each."""
        followers = {record.id: await self._followers(record) for record in records}
        ids = [event.id for record in records for event in (record, *followers[record.id])]
        # Before the decisions are read: what is decided in between is not taken for what came to nothing.
        cursor = await self._reader.value(select(cursors.c.value).where(cursors.c.name == DECIDED))
        decided = await self._reader.values(select(decisions.c.body).where(decisions.c.event_id.in_(ids)))
        done = await self._reader.values(
            select(actions.c.body).where(actions.c.event_id.in_(ids)).order_by(actions.c.event_id, actions.c.position)
        )
        found_decisions = [rows.to_decision(body) for body in decided]
        found_actions = [rows.to_action(body) for body in done]
        cases = []
        for record in records:
            own = {record.id, *(event.id for event in followers[record.id])}
            cases.append(
                HaCase(
                    record=record,
                    followers=followers[record.id],
                    decisions=tuple(one for one in found_decisions if one.event.id in own),
                    actions=tuple(one for one in found_actions if one.event_id in own),
                    decided_to=int(cursor or 0),
                )
            )
        return cases

    async def _followers(self, record: Event) -> tuple[Event, ...]:
        """They were kept with it, and stand right behind it."""
        statement = select(events.c.body).where(events.c.id > record.id).order_by(events.c.id).limit(FOLLOWERS_MAX)
        found = map(rows.to_event, await self._reader.values(statement))
        return tuple(event for event in found if record.monitor_event_id in event.related_to)
