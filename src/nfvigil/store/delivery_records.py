"""Notifications, and the way of each to its endpoints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, literal_column, select, tuple_, update

from nfvigil.errors import RefusedError
from nfvigil.model.notification import Delivery, DeliveryState, Notification
from nfvigil.store import rows
from nfvigil.store.access import Access, in_scope
from nfvigil.store.ops import Execute
from nfvigil.store.reading import page_limit
from nfvigil.store.schema import IS_DEAD, IS_PENDING, decisions, deliveries, notifications, subscriptions


class DeliveryRecords(Access):
    async def deliveries(
        self,
        subscription_id: str,
        state: DeliveryState | None = None,
        marker: str | None = None,
        limit: int = 100,
        *,
        project: str | None = None,
    ) -> list[Delivery]:
        """Deliveries by (seq, part, endpoint), behind ``marker``, the last one's ``delivery_marker``."""
        at = (deliveries.c.subscription, deliveries.c.seq, deliveries.c.part, deliveries.c.endpoint)
        statement = select(deliveries).where(deliveries.c.subscription == subscription_id)
        statement = statement.where(*_of_project(deliveries.c.subscription, project))
        if state is DeliveryState.PENDING:
            statement = statement.where(IS_PENDING)
        elif state is DeliveryState.DEAD:
            statement = statement.where(IS_DEAD)
        elif state is not None:
            statement = statement.where(deliveries.c.state == state.value)
        if marker is not None:
            statement = statement.where(tuple_(*at) > tuple_(subscription_id, *_split_marker(marker)))
        found = await self._reader.rows(statement.order_by(*at).limit(page_limit(limit)))
        return [rows.to_delivery(row) for row in found]

    async def deliveries_of(
        self,
        project: str | None,
        *,
        subscription: str | None = None,
        state: DeliveryState | None = None,
        after: Sequence[str | int] | None = None,
        limit: int = 100,
    ) -> list[Delivery]:
        """Deliveries of all that a project subscribes to, behind ``after`` (the last one's ``place_of`` in this order):
        what waits by endpoint, the rest by subscription.
        """
        key = (deliveries.c.subscription, deliveries.c.seq, deliveries.c.part, deliveries.c.endpoint)
        at: tuple[ColumnElement[Any], ...] = key
        statement = select(deliveries).where(*_of_project(deliveries.c.subscription, project))
        if subscription is not None:
            statement = statement.where(deliveries.c.subscription == subscription)
        if state is DeliveryState.PENDING:
            statement = statement.where(IS_PENDING)
            at = (deliveries.c.endpoint, deliveries.c.seq, deliveries.c.part, deliveries.c.subscription)
        elif state is DeliveryState.DEAD:
            statement = statement.where(IS_DEAD)
        elif state is not None:
            statement = statement.where(deliveries.c.state == state.value)
        if after is not None:
            statement = statement.where(tuple_(*at) > tuple_(*after))
        found = await self._reader.rows(statement.order_by(*at).limit(page_limit(limit)))
        return [rows.to_delivery(row) for row in found]

    async def delivery(self, subscription_id: str, seq: int, part: int, endpoint: str) -> Delivery | None:
        found = await self._reader.rows(
            select(deliveries).where(
                deliveries.c.subscription == subscription_id,
                deliveries.c.seq == seq,
                deliveries.c.part == part,
                deliveries.c.endpoint == endpoint,
            )
        )
        return rows.to_delivery(found[0]) if found else None

    async def requeue_delivery(self, delivery: Delivery) -> None:
        """One that was given up is pending again. ConflictError where it is not dead (any more)."""
        statement = update(deliveries).where(
            deliveries.c.subscription == delivery.subscription,
            deliveries.c.seq == delivery.seq,
            deliveries.c.part == delivery.part,
            deliveries.c.endpoint == delivery.endpoint,
            IS_DEAD,
        )
        complaint = "it was not given up: it was delivered, or is on its way"
        await self._writer.write(
            [Execute(statement=statement.values(**self._pending()), must_hit=True, complaint=complaint)]
        )

    def _pending(self) -> dict[str, Any]:
        return {
            "state": DeliveryState.PENDING.value,
            "attempts": 0,
            "next_us": 0,
            "delivered_us": None,
            "status": 0,
            "error": "",
            "leased_by": self._node,
        }

    async def deliveries_of_event(self, event_id: int, limit: int = 1000) -> list[Delivery]:
        """What was sent because of an event, to whomever: the administrator's business."""
        same = (deliveries.c.subscription == notifications.c.subscription) & (deliveries.c.seq == notifications.c.seq)
        found = await self._reader.rows(
            select(deliveries)
            .join(notifications, same)
            .join(decisions, decisions.c.told_with == notifications.c.event_id)
            .where(decisions.c.event_id == event_id)
            .order_by(deliveries.c.subscription, deliveries.c.seq, deliveries.c.part, deliveries.c.endpoint)
            .limit(page_limit(limit))
        )
        return [rows.to_delivery(row) for row in found]

    async def notifications(
        self, subscription_id: str, after_seq: int = 0, limit: int = 100, *, project: str | None = None
    ) -> list[Notification]:
        """Notifications behind ``after_seq``, in order."""
        bodies = await self._reader.values(
            select(notifications.c.body)
            .where(
                notifications.c.subscription == subscription_id,
                notifications.c.seq > after_seq,
                *_of_project(notifications.c.subscription, project),
            )
            .order_by(notifications.c.subscription, notifications.c.seq)
            .limit(page_limit(limit))
        )
        return [rows.to_notification(body) for body in bodies]

    async def requeue_deliveries(self, subscription_id: str, after_seq: int) -> int:
        """Replay: what was delivered or given up behind ``after_seq`` is pending again, with the same ids."""
        statement = (
            update(deliveries)
            .where(
                deliveries.c.subscription == subscription_id,
                deliveries.c.seq > after_seq,
                deliveries.c.state != literal_column("'pending'"),
            )
            .values(**self._pending())
        )
        return (await self._writer.write([Execute(statement=statement)]))[0].count


def delivery_marker(delivery: Delivery) -> str:
    """Where a page of deliveries ends."""
    return f"{delivery.seq}/{delivery.part}/{delivery.endpoint}"


def _split_marker(marker: str) -> tuple[int, int, str]:
    seq, _, rest = marker.partition("/")
    part, _, endpoint = rest.partition("/")
    if not (seq.isdecimal() and part.isdecimal() and len(seq) < 19 and len(part) < 10):
        raise RefusedError(f"the marker {marker} does not name a delivery: write <seq>/<part>/<endpoint>")
    return int(seq), int(part), endpoint


def _of_project(column: ColumnElement[str], project: str | None) -> list[ColumnElement[bool]]:
    """Rows of a subscription belong to whom the subscription belongs to."""
    if project is None:
        return []
    return [column.in_(select(subscriptions.c.id).where(*in_scope(subscriptions.c.project, project)))]
