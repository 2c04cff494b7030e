"""What a process reads when it starts: the state of the inspector, and everything that is unfinished."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal_column, or_, select, tuple_, update

from nfvigil.model.action import Action
from nfvigil.model.alarm import Alarm
from nfvigil.model.event import Event
from nfvigil.model.fault import Fault
from nfvigil.model.ids import event_id_at
from nfvigil.model.notification import Delivery, Notification
from nfvigil.model.times import SECOND
from nfvigil.store import rows
from nfvigil.store.access import Access, bounded
from nfvigil.store.ops import Conflict, Execute, Insert, Op
from nfvigil.store.schema import (
    DECIDED,
    IS_OPEN,
    IS_PENDING,
    IS_STANDING,
    IS_UNFINISHED,
    actions,
    alarms,
    cursors,
    deliveries,
    events,
    faults,
    memory,
    nodes,
    notifications,
    subscriptions,
)

CLAIM_LOCK = 0x6E66_7669  # "nfvi": one node claims at a time, else two could part an endpoint's queue between them.


class StartUp(Access):
    async def cursor(self) -> int:
        """The last event that is decided; 0 at first."""
        return int(await self._reader.value(select(cursors.c.value).where(cursors.c.name == DECIDED)) or 0)

    async def undecided(self, after: int, limit: int) -> list[Event]:
        """Events after ``after``, oldest first."""
        bodies = await self._reader.values(
            select(events.c.body).where(events.c.id > after).order_by(events.c.id).limit(bounded(limit))
        )
        return [rows.to_event(body) for body in bodies]

    async def recent_events(self, since_us: int, limit: int) -> list[Event]:
        """The last ``limit`` events since then, oldest first: what intake must know to tell repeats."""
        bodies = await self._reader.values(
            select(events.c.body)
            .where(events.c.id >= event_id_at(since_us))
            .order_by(events.c.id.desc())
            .limit(bounded(limit))
        )
        return [rows.to_event(body) for body in reversed(bodies)]

    async def open_alarms(self) -> list[Alarm]:
        bodies = await self._reader.values(
            select(alarms.c.body).where(IS_OPEN).order_by(alarms.c.raised_us, alarms.c.id)
        )
        return [rows.to_alarm(body) for body in bodies]

    async def open_faults(self) -> list[Fault]:
        bodies = await self._reader.values(
            select(faults.c.body).where(IS_STANDING).order_by(faults.c.raised_us, faults.c.id)
        )
        return [rows.to_fault(body) for body in bodies]

    async def memory(self) -> dict[str, Any]:
        found = await self._reader.rows(select(memory.c.key, memory.c.body).order_by(memory.c.key))
        return {key: rows.to_anything(body) for key, body in found}

    async def last_seqs(self) -> dict[str, int]:
        """The last sequence number of each subscription that has had one."""
        last = (
            select(func.max(notifications.c.seq))
            .where(notifications.c.subscription == subscriptions.c.id)
            .scalar_subquery()
        )
        found = await self._reader.rows(select(subscriptions.c.id, last))
        return {subscription: seq for subscription, seq in found if seq is not None}

    async def claim_actions(self, limit: int, after: Action | None = None) -> list[Action]:
        """Take over unfinished actions that nobody else works on, in the order planned; go on after ``after``."""
        at = (actions.c.event_id, actions.c.position, actions.c.id)
        key = (actions.c.event_id, actions.c.id)
        wanted = select(*key).where(IS_UNFINISHED, self._is_free(actions.c.leased_by))
        if after is not None:
            place = select(*at).where(actions.c.event_id == after.event_id, actions.c.id == after.id)
            found = await self._reader.rows(place)
            wanted = wanted.where(tuple_(*at) > tuple_(*found[0])) if found else wanted
        wanted = wanted.order_by(*at).limit(bounded(limit))
        statement = (
            update(actions)
            .where(tuple_(*key).in_(self._skipping_locked(wanted)))
            .values(leased_by=self._node)
            .returning(*at, actions.c.body)
        )
        result = (await self._writer.write([*self._claim_lock(), Execute(statement=statement)]))[-1]
        return [rows.to_action(row[3]) for row in sorted(result.rows, key=lambda row: row[:3])]

    async def claim_deliveries(self, limit: int, after: Delivery | None = None) -> list[tuple[Notification, Delivery]]:
        """Take over pending deliveries that nobody else works on, by (endpoint, seq, part); go on after ``after``.

        What an endpoint has waiting is never parted: behind a row that another live node holds, nothing is taken.
        """
        other = deliveries.alias("other")
        held_before = (
            select(literal_column("1"))
            .where(
                other.c.endpoint == deliveries.c.endpoint,
                other.c.state == literal_column("'pending'"),
                tuple_(other.c.seq, other.c.part) < tuple_(deliveries.c.seq, deliveries.c.part),
                ~self._is_free(other.c.leased_by),
            )
            .exists()
        )
        at = (deliveries.c.endpoint, deliveries.c.seq, deliveries.c.part)
        key = tuple(deliveries.primary_key.columns)
        wanted = select(*key).where(IS_PENDING, self._is_free(deliveries.c.leased_by), ~held_before)
        wanted = wanted.where(deliveries.c.subscription.in_(select(subscriptions.c.id)))
        if after is not None:
            wanted = wanted.where(tuple_(*at) > tuple_(after.endpoint, after.seq, after.part))
        wanted = wanted.order_by(*at).limit(bounded(limit))
        statement = (
            update(deliveries)
            .where(tuple_(*key).in_(self._skipping_locked(wanted)))
            .values(leased_by=self._node)
            .returning(*deliveries.c)
        )
        result = (await self._writer.write([*self._claim_lock(), Execute(statement=statement)]))[-1]
        claimed = sorted(map(rows.to_delivery, result.rows), key=lambda d: (d.endpoint, d.seq, d.part))
        return await self._with_notifications(claimed)

    async def pending_deliveries(
        self, endpoint_id: str, after_seq: int, after_part: int, limit: int
    ) -> list[tuple[Notification, Delivery]]:
        """What still waits for an endpoint behind (``after_seq``, ``after_part``), in order."""
        found = await self._reader.rows(
            select(deliveries)
            .where(
                IS_PENDING,
                deliveries.c.endpoint == endpoint_id,
                tuple_(deliveries.c.seq, deliveries.c.part) > tuple_(after_seq, after_part),
            )
            .order_by(deliveries.c.endpoint, deliveries.c.seq, deliveries.c.part)
            .limit(bounded(limit))
        )
        return await self._with_notifications([rows.to_delivery(row) for row in found])

    async def renew_leases(self, seconds: float) -> None:
        """Hold what this node has claimed or written for ``seconds`` from now."""
        until_us = self._clock() + int(seconds * SECOND)
        await self._writer.write([Insert(table=nodes, rows=[(self._node, until_us)], conflict=Conflict.REPLACE)])

    async def release_leases(self) -> None:
        """Let other nodes take over at once: for an orderly end."""
        await self._writer.write([Insert(table=nodes, rows=[(self._node, 0)], conflict=Conflict.REPLACE)])

    def _is_free(self, leased_by: ColumnElement[str]) -> ColumnElement[bool]:
        """Ours, or of a node whose lease has run out."""
        others = select(nodes.c.node).where(nodes.c.leased_until_us > self._clock(), nodes.c.node != self._node)
        return or_(leased_by == self._node, leased_by.not_in(others))

    def _claim_lock(self) -> list[Op]:
        if self._reader.on_sqlite:
            return []
        return [Execute(statement=select(func.pg_advisory_xact_lock(CLAIM_LOCK)))]

    def _skipping_locked(self, wanted: Select[Any]) -> Select[Any]:
        """A row that is just being written is not waited for (SQLite has one writer and no such words)."""
        return wanted if self._reader.on_sqlite else wanted.with_for_update(skip_locked=True)

    async def _with_notifications(self, found: list[Delivery]) -> list[tuple[Notification, Delivery]]:
        """Each with its notification, which is read and decoded once."""
        keys = sorted({(delivery.subscription, delivery.seq) for delivery in found})
        known: dict[tuple[str, int], Notification] = {}
        for start in range(0, len(keys), 500):
            part = keys[start : start + 500]
            for row in await self._reader.rows(
                select(notifications.c.subscription, notifications.c.seq, notifications.c.body).where(
                    tuple_(notifications.c.subscription, notifications.c.seq).in_(part)
                )
            ):
                known[row[0], row[1]] = rows.to_notification(row[2])
        return [(known[d.subscription, d.seq], d) for d in found if (d.subscription, d.seq) in known]
