"""Keeping the database small, sound and safe: purge, check, backup."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Table, and_, delete, func, literal_column, or_, select, text, tuple_

from nfvigil.model.ids import event_id_at
from nfvigil.model.vnf import Vnf
from nfvigil.store import backup, rows
from nfvigil.store.delivery_records import DeliveryRecords
from nfvigil.store.event_alarm_records import to_event_alarm
from nfvigil.store.event_alarm_schema import event_alarm_history, event_alarms, fired_events
from nfvigil.store.follow_records import FollowRecords
from nfvigil.store.ops import Conflict, Execute, Insert
from nfvigil.store.schema import (
    DECIDED,
    IS_OPEN,
    IS_PENDING,
    IS_STANDING,
    IS_UNFINISHED,
    actions,
    alarms,
    cursors,
    decisions,
    deliveries,
    events,
    faults,
    forgotten,
    history,
    memory,
    notifications,
    subscriptions,
    vims,
    vnfs,
)
from nfvigil.store.ves_records import to_record as to_ves_config
from nfvigil.store.ves_records import to_state
from nfvigil.store.ves_schema import ves_configs, ves_states
from nfvigil.store.vim_records import to_body
from nfvigil.store.vnf_record_records import VnfRecordRecords, line_number
from nfvigil.store.vnf_record_records import to_record as to_vnf_record
from nfvigil.store.vnf_record_schema import vdu_history, vnf_records

BATCH = 500
"""Keys a step: the writer is held for a few milliseconds, and events come in between."""


class Purged(msgspec.Struct, kw_only=True):
    """How much was removed."""

    alarms: int = 0
    faults: int = 0
    notifications: int = 0
    deliveries: int = 0
    actions: int = 0
    decisions: int = 0
    events: int = 0
    event_alarm_changes: int = 0
    fired_events: int = 0
    vdu_changes: int = 0


class Upkeep(DeliveryRecords, FollowRecords, VnfRecordRecords):
    async def purge(self, before_us: int, alarms_before_us: int | None = None) -> Purged:
        """Remove what is over and older than ``before_us``; cleared alarms by a time of their own, if there is one.

        What stays: open alarms and standing faults with the events, decisions and actions that led to them,
        events that are not decided, pending deliveries, unfinished actions, and each subscription's last
        notification (which says how far its sequence has come).
        """
        purged = Purged()
        purged.alarms = await self._purge_alarms(before_us if alarms_before_us is None else alarms_before_us)
        purged.faults = await self._remove(faults, (faults.c.raised_us, faults.c.id), faults.c.cleared_us < before_us)
        await self._purge_sent(before_us, purged)
        await self._purge_event_alarms(before_us, purged)
        await self._purge_vdu_history(before_us, purged)
        before_id = event_id_at(before_us)
        is_needed = or_(
            actions.c.alarm_id.in_(select(alarms.c.id).where(IS_OPEN)),
            actions.c.event_id.in_(_events_in_use()),
        )
        purged.actions = await self._remove(
            actions,
            (actions.c.event_id, actions.c.id),
            and_(actions.c.event_id < before_id, actions.c.ended_us < before_us, ~is_needed),
        )
        decided = select(cursors.c.value).where(cursors.c.name == DECIDED).scalar_subquery()
        busy = select(actions.c.event_id).where(IS_UNFINISHED)
        purged.decisions = await self._remove(
            decisions,
            (decisions.c.event_id,),
            and_(
                decisions.c.event_id < before_id,
                decisions.c.event_id <= decided,
                decisions.c.event_id.not_in(_events_in_use()),
                decisions.c.event_id.not_in(busy),
            ),
        )
        purged.events = await self._remove(
            events,
            (events.c.id,),
            and_(
                events.c.id < before_id,
                events.c.id <= decided,
                events.c.id.not_in(_events_in_use()),
                events.c.id.not_in(busy),
            ),
        )
        return purged

    async def _purge_event_alarms(self, before_us: int, purged: Purged) -> None:
        """The history of event alarms, and which messages fired one: not the alarms, which are their owners'."""
        changes, fired = event_alarm_history.c, fired_events.c
        key = (changes.alarm_id, changes.at_us, changes.id)
        purged.event_alarm_changes = await self._remove(event_alarm_history, key, changes.at_us < before_us)
        purged.fired_events = await self._remove(fired_events, (fired.id,), fired.at_us < before_us)

    async def _purge_vdu_history(self, before_us: int, purged: Purged) -> None:
        """By time, and of a VDU that changes all the while by number."""
        table = vdu_history.c
        key = (table.project, table.vnf, table.number)
        purged.vdu_changes = await self._remove(vdu_history, key, table.number < line_number(before_us))
        purged.vdu_changes += await self.trim_vdu_history()

    async def _purge_alarms(self, before_us: int) -> int:
        """Cleared alarms, each with its history in the same step."""
        total = 0
        key = (alarms.c.raised_us, alarms.c.id)
        after: tuple[Any, ...] | None = None
        gone_to = await self.forgotten()
        while True:
            columns = (*key, alarms.c.event_id, alarms.c.project, alarms.c.change)
            wanted = select(*columns).where(alarms.c.raised_us < before_us)
            wanted = wanted.where(alarms.c.cleared_us < before_us)
            if after is not None:
                wanted = wanted.where(tuple_(*key) > tuple_(*after))
            found = await self._reader.rows(wanted.order_by(*key).limit(BATCH))
            if not found:
                return total
            after = tuple(found[-1][:2])
            ids = [row[1] for row in found]
            # An id names one alarm of one time, and what is cleared stays so; the guard costs nothing, though.
            gone = delete(alarms).where(alarms.c.id.in_(ids), alarms.c.cleared_us < before_us)
            its_history = delete(history).where(
                tuple_(history.c.raised_by, history.c.alarm_id).in_([(row[2], row[1]) for row in found])
            )
            for row in found:
                gone_to[row[3]] = max(gone_to.get(row[3], 0), row[4])
            # With them: who follows alarms and stands before this may have missed how they ended.
            note = Insert(table=forgotten, rows=sorted(gone_to.items()), conflict=Conflict.REPLACE)
            result = await self._writer.write([Execute(statement=gone), Execute(statement=its_history), note])
            total += result[0].count

    async def _purge_sent(self, before_us: int, purged: Purged) -> None:
        """Notifications of which nothing is pending, with their deliveries; and all of deleted subscriptions."""
        key = (notifications.c.created_us, notifications.c.subscription, notifications.c.seq)
        later = notifications.alias("later")
        is_last = ~(
            select(literal_column("1"))
            .where(later.c.subscription == notifications.c.subscription, later.c.seq > notifications.c.seq)
            .exists()
        )
        is_pending = (
            select(literal_column("1"))
            .where(
                deliveries.c.subscription == notifications.c.subscription,
                deliveries.c.seq == notifications.c.seq,
                IS_PENDING,
            )
            .exists()
        )
        is_orphan = notifications.c.subscription.not_in(select(subscriptions.c.id))
        is_over = or_(is_orphan, and_(notifications.c.created_us < before_us, ~is_last, ~is_pending))
        after: tuple[Any, ...] | None = None
        while True:
            wanted = select(*key).where(notifications.c.created_us < before_us, is_over)
            if after is not None:
                wanted = wanted.where(tuple_(*key) > tuple_(*after))
            found = await self._reader.rows(wanted.order_by(*key).limit(BATCH))
            if not found:
                return
            after = tuple(found[-1])
            keys = [(row[1], row[2]) for row in found]
            # Asked again inside the writer: a replay may have made one of them pending since.
            still = select(notifications.c.subscription, notifications.c.seq).where(
                tuple_(notifications.c.subscription, notifications.c.seq).in_(keys), is_over
            )
            place = tuple_(deliveries.c.subscription, deliveries.c.seq)
            result = await self._writer.write(
                [
                    Execute(statement=delete(deliveries).where(place.in_(keys), place.in_(still))),
                    Execute(
                        statement=delete(notifications).where(
                            tuple_(notifications.c.subscription, notifications.c.seq).in_(keys), is_over
                        )
                    ),
                ]
            )
            purged.deliveries += result[0].count
            purged.notifications += result[1].count

    async def _remove(self, table: Table, key: tuple[Any, ...], condition: ColumnElement[bool]) -> int:
        """Remove what fits, a batch at a time. Reads find the keys; the writer asks again before it removes."""
        total = 0
        after: tuple[Any, ...] | None = None
        while True:
            wanted = select(*key).where(condition)
            if after is not None:
                wanted = wanted.where(tuple_(*key) > tuple_(*after))
            found = await self._reader.rows(wanted.order_by(*key).limit(BATCH))
            if not found:
                return total
            after = tuple(found[-1])
            place = tuple_(*key) if len(key) > 1 else key[0]
            keys = [tuple(row) if len(key) > 1 else row[0] for row in found]
            statement = delete(table).where(place.in_(keys), condition)
            total += (await self._writer.write([Execute(statement=statement)]))[0].count

    async def check(self) -> list[str]:
        """What is wrong with the database, in sentences; nothing where all is well."""
        problems: list[str] = []
        async with self._reader.connection() as connection:
            if self._reader.on_sqlite:
                found = (await connection.execute(text("PRAGMA integrity_check(20)"))).scalars().all()
                problems += [f"SQLite: {line}" for line in found if line != "ok"]
            for table in (deliveries, notifications):
                stray = select(func.count()).where(table.c.subscription.not_in(select(subscriptions.c.id)))
                if count := (await connection.execute(stray.select_from(table))).scalar_one():
                    problems.append(f"{count} {table.name} belong to no subscription ('nfvigil db purge' removes them)")
            lost = select(func.count()).where(
                IS_PENDING,
                tuple_(deliveries.c.subscription, deliveries.c.seq).not_in(
                    select(notifications.c.subscription, notifications.c.seq)
                ),
            )
            if count := (await connection.execute(lost.select_from(deliveries))).scalar_one():
                problems.append(f"{count} deliveries are pending without their notification")
            for name, statement, decode in _READ_AT_START:
                for key, body in (await connection.execute(statement)).all():
                    try:
                        decode(body)
                    except msgspec.MsgspecError as error:
                        problems.append(f"{name} {key} cannot be read: {error}")
        return problems

    async def backup(self, path: str | Path) -> int:
        """Write a copy to ``path``, an SQLite database whatever this one is, as of one instant; returns its bytes."""
        return await backup.copy_to(self._reader.engine, Path(path))


_READ_AT_START: tuple[tuple[str, Any, Callable[[bytes], Any]], ...] = (
    ("alarm", select(alarms.c.id, alarms.c.body).where(IS_OPEN), rows.to_alarm),
    ("fault", select(faults.c.id, faults.c.body).where(IS_STANDING), rows.to_fault),
    ("action", select(actions.c.id, actions.c.body).where(IS_UNFINISHED), rows.to_action),
    ("subscription", select(subscriptions.c.id, subscriptions.c.body), rows.to_subscription),
    ("event alarm", select(event_alarms.c.id, event_alarms.c.body), to_event_alarm),
    ("VIM account", select(vims.c.name, vims.c.body), to_body),
    ("VNF", select(vnfs.c.id, vnfs.c.body), msgspec.json.Decoder(Vnf).decode),
    ("VNF record", select(vnf_records.c.id, vnf_records.c.body), to_vnf_record),
    ("VES configuration", select(ves_configs.c.vim, ves_configs.c.body), to_ves_config),
    ("VES state", select(ves_states.c.source, ves_states.c.body), to_state),
    ("memory", select(memory.c.key, memory.c.body), rows.to_anything),
)


def _events_in_use() -> Any:
    """Events that an open alarm or a standing fault goes back to."""
    return select(alarms.c.event_id).where(IS_OPEN).union(select(faults.c.event_id).where(IS_STANDING))
