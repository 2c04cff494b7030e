"""The writes an event waits for: each is durable when it returns, and those who write at once share a commit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import select

from nfvigil.model.action import Action
from nfvigil.model.change import Change
from nfvigil.model.event import Event
from nfvigil.model.notification import Delivery
from nfvigil.store import rows, schema
from nfvigil.store.access import Access
from nfvigil.store.event_alarm_records import fired_ops
from nfvigil.store.ops import Conflict, Delete, Insert, Op, Update
from nfvigil.store.ves_rows import state_ops


class HotPath(Access):
    async def add_events(self, events: Sequence[Event]) -> None:
        """Keep events. When it returns they are on the disk; when it raises none of them is."""
        if events:
            await self._writer.write([Insert(table=schema.events, rows=rows.event_rows(events))])

    async def commit(self, change: Change) -> None:
        """Keep all of a change or nothing. The same change may be written again: it takes effect once."""
        raised_by = {alarm.id: alarm.event_id for alarm in change.alarms}
        if strangers := {entry.alarm_id for entry in change.history} - raised_by.keys():
            raised_by |= await self._raised_by(strangers)
        ops = self._ops(change, raised_by)
        if ops:
            await self._writer.write(ops)

    async def save_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        """Keep what came of deliveries. One whose subscription was deleted meanwhile stays deleted."""
        if deliveries:
            await self._writer.write(
                [
                    Update(
                        table=schema.deliveries,
                        columns=rows.DELIVERY_RESULT,
                        rows=rows.delivery_result_rows(deliveries),
                    )
                ]
            )

    async def save_actions(self, actions: Sequence[Action]) -> None:
        """Keep what came of actions."""
        if actions:
            await self._writer.write(
                [Update(table=schema.actions, columns=rows.ACTION_RESULT, rows=rows.action_result_rows(actions))]
            )

    async def _raised_by(self, alarm_ids: Iterable[str]) -> dict[str, int]:
        """The raising event of alarms that a change tells the history of, but does not hold."""
        found = dict.fromkeys(alarm_ids, 0)
        ids = list(found)
        for start in range(0, len(ids), 500):
            part = select(schema.alarms.c.id, schema.alarms.c.event_id).where(
                schema.alarms.c.id.in_(ids[start : start + 500])
            )
            found |= {row[0]: row[1] for row in await self._reader.rows(part)}
        return found

    def _ops(self, change: Change, raised_by: Mapping[str, int]) -> list[Op]:
        gone = [key for key, value in change.memory.items() if value is None]
        kept = [(key, rows.encode(value)) for key, value in change.memory.items() if value is not None]
        ops: list[Op] = [
            _replace("decisions", rows.decision_rows(change.decisions)),
            _replace("faults", rows.fault_rows(change.faults)),
            Insert(
                table=schema.alarms,
                rows=rows.alarm_rows(change.alarms, {entry.alarm_id: entry.what for entry in change.history}),
                conflict=Conflict.REPLACE,
                highest=("worst_rank",),
                lowest=("least_rank",),
                numbered=schema.ALARM_CHANGE,
            ),
            Insert(table=schema.history, rows=rows.history_rows(change.history, raised_by), conflict=Conflict.IGNORE),
            _replace("memory", kept),
            # Whose turn an action is, and its place, stay as they were when it was planned.
            Insert(
                table=schema.actions,
                rows=rows.action_rows(change.actions, self._node),
                conflict=Conflict.REPLACE,
                keep=("leased_by", "position"),
            ),
            # A sequence number that another notification has taken already would be a hole at the consumer.
            Insert(
                table=schema.notifications,
                rows=rows.notification_rows(change.notifications),
                conflict=Conflict.SAME,
                same=("id", "event_id", "created_us"),
            ),
            Insert(
                table=schema.deliveries,
                rows=rows.delivery_rows(change.deliveries, self._node),
                conflict=Conflict.IGNORE,
            ),
        ]
        ops.extend(fired_ops(change.event_alarms, change.event_alarm_changes, change.fired_events))
        ops.extend(state_ops(change.ves_states, change.ves_dropped))
        if change.cursor is not None:
            ops.append(_replace("cursors", [(schema.DECIDED, change.cursor)]))
        if gone:
            ops.append(Delete(table=schema.memory, keys=gone))
        return [op for op in ops if not isinstance(op, Insert) or op.rows]


def _replace(name: str, values: Sequence[tuple[object, ...]]) -> Insert:
    return Insert(table=schema.metadata.tables[name], rows=values, conflict=Conflict.REPLACE)
