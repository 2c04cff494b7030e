"""The profiler: every fault's checkpoints, read from what was kept of it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import func, select

from nfvigil.model.action import ActionKind, ActionState, is_state
from nfvigil.model.checkpoints import Checkpoint, Profile
from nfvigil.model.event import Event
from nfvigil.model.fault import Fault
from nfvigil.model.verdict import News
from nfvigil.store import rows
from nfvigil.store.access import Access
from nfvigil.store.reading import page_limit
from nfvigil.store.schema import actions, alarms, decisions, deliveries, events, faults, notifications

_FIRST_NEWS = (News.RAISED, News.CONFIRMED, News.CHANGED)

Times = dict[int, int]
"""A time, or a count, by event."""


class _Facts(msgspec.Struct):
    """What is known of the events of some faults."""

    events: dict[int, Event]
    decided_us: Times
    ended_us: dict[str, Times]
    """When the last action of a kind was done."""
    acted: Times
    first_sent_us: dict[str, Times]
    delivered_us: dict[str, Times]
    """By the sort of news."""
    notified: Times
    handled_us: Times


class Profiles(Access):
    async def profile(self, fault_id: str) -> Profile | None:
        body = await self._reader.value(select(faults.c.body).where(faults.c.id == fault_id))
        return None if body is None else (await self._profiles([rows.to_fault(body)]))[0]

    async def profiles(self, since_us: int = 0, limit: int = 100) -> list[Profile]:
        """The last ``limit`` faults raised since then, newest first."""
        bodies = await self._reader.values(
            select(faults.c.body)
            .where(faults.c.raised_us >= since_us)
            .order_by(faults.c.raised_us.desc(), faults.c.id.desc())
            .limit(page_limit(limit))
        )
        return await self._profiles([rows.to_fault(body) for body in bodies])

    async def _profiles(self, found: Sequence[Fault]) -> list[Profile]:
        ids = sorted({fault.event_id for fault in found})
        facts = _Facts(
            events={
                row[0]: rows.to_event(row[1])
                for row in await self._reader.rows(select(events.c.id, events.c.body).where(events.c.id.in_(ids)))
            },
            decided_us={
                row[0]: row[1]
                for row in await self._reader.rows(
                    select(decisions.c.event_id, decisions.c.decided_us).where(decisions.c.event_id.in_(ids))
                )
            },
            ended_us={},
            acted={},
            first_sent_us={},
            delivered_us={},
            notified={},
            handled_us={
                row[0]: row[1]
                for row in await self._reader.rows(
                    select(alarms.c.event_id, func.min(alarms.c.acked_us))
                    .where(alarms.c.event_id.in_(ids), alarms.c.acked_us.is_not(None))
                    .group_by(alarms.c.event_id)
                )
            },
        )
        await self._read_actions(ids, facts)
        await self._read_deliveries(ids, facts)
        return [_profile(fault, facts) for fault in found]

    async def _read_actions(self, ids: list[int], facts: _Facts) -> None:
        for event_id, kind, state, ended_us, count in await self._reader.rows(
            select(actions.c.event_id, actions.c.kind, actions.c.state, func.max(actions.c.ended_us), func.count())
            .where(actions.c.event_id.in_(ids), actions.c.ended_us.is_not(None))
            .group_by(actions.c.event_id, actions.c.kind, actions.c.state)
        ):
            facts.acted[event_id] = facts.acted.get(event_id, 0) + count
            if state == ActionState.DONE:
                facts.ended_us.setdefault(kind, {})[event_id] = ended_us

    async def _read_deliveries(self, ids: list[int], facts: _Facts) -> None:
        for event_id, news, first_sent_us, delivered_us, count in await self._reader.rows(
            select(
                decisions.c.event_id,
                notifications.c.news,
                func.min(deliveries.c.first_sent_us),
                func.max(deliveries.c.delivered_us),
                func.count(deliveries.c.delivered_us),
            )
            .join(
                deliveries,
                (deliveries.c.subscription == notifications.c.subscription) & (deliveries.c.seq == notifications.c.seq),
            )
            .join(decisions, decisions.c.told_with == notifications.c.event_id)
            .where(decisions.c.event_id.in_(ids))
            .group_by(decisions.c.event_id, notifications.c.news)
        ):
            facts.notified[event_id] = facts.notified.get(event_id, 0) + count
            if first_sent_us is not None:
                facts.first_sent_us.setdefault(news, {})[event_id] = first_sent_us
            if delivered_us is not None:
                facts.delivered_us.setdefault(news, {})[event_id] = delivered_us


def _profile(fault: Fault, facts: _Facts) -> Profile:
    event_id = fault.event_id
    event = facts.events.get(event_id)
    decided_us = facts.decided_us.get(event_id)
    states = [kind for kind in facts.ended_us if is_state(kind) and event_id in facts.ended_us[kind]]
    # Where nobody takes the first piece of news, the one that comes with the VIM's states is the first.
    news = next((news for news in _FIRST_NEWS if event_id in facts.first_sent_us.get(news, {})), News.RAISED)
    points: dict[Checkpoint, int | None] = {
        Checkpoint.HAPPENED: event.happened_us if event else None,
        Checkpoint.DETECTED: event.time_us if event else None,
        Checkpoint.AFFECTED_FOUND: decided_us,
        Checkpoint.HOST_MARKED_DOWN: facts.ended_us.get(ActionKind.FORCE_DOWN, {}).get(event_id),
        Checkpoint.SERVERS_SET_TO_ERROR: facts.ended_us.get(ActionKind.SERVER_ERROR, {}).get(event_id),
        Checkpoint.VIM_TOLD: max((facts.ended_us[kind][event_id] for kind in states), default=None),
        Checkpoint.TRANSFORMED: decided_us,
        Checkpoint.EVALUATED: decided_us,
        Checkpoint.FIRED: facts.first_sent_us.get(news, {}).get(event_id),
        Checkpoint.RECEIVED: facts.delivered_us.get(news, {}).get(event_id),
        Checkpoint.HANDLED: facts.handled_us.get(event_id),
    }
    return Profile(
        fault=fault.id,
        type=fault.type,
        resource=fault.resource,
        event_id=event_id,
        received_us=event.received_us if event else fault.raised_us,
        checkpoints={point: at_us for point, at_us in points.items() if at_us is not None},
        notified=facts.notified.get(event_id, 0),
        acted=facts.acted.get(event_id, 0),
    )
