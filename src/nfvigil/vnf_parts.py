"""The wiring of what VNFs and their managers need: the registry, ETSI SOL's callbacks, Tacker's table."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from nfvigil.model.condition import Condition
from nfvigil.model.notification import Delivery, DeliveryState, Notification
from nfvigil.model.resource import Kind, Server, key_of
from nfvigil.model.tacker import FaultRow
from nfvigil.model.verdict import News
from nfvigil.model.vnf_answers import Freshness
from nfvigil.model.vnf_record import VnfRecord
from nfvigil.northbound.vnf_desk import VnfParts
from nfvigil.northbound.vnf_feed import VnfFeed
from nfvigil.notifier.callback_test import CallbackTest
from nfvigil.notifier.logins import Logins
from nfvigil.notifier.losses import Losses
from nfvigil.notifier.matcher import Matcher
from nfvigil.notifier.poster import HttpPoster
from nfvigil.pipeline import Pipeline
from nfvigil.settings import Settings
from nfvigil.southbound.vim_status import VimStatus
from nfvigil.store import Store
from nfvigil.vnf.registry import Registry
from nfvigil.vnf_desk import VnfDesk
from nfvigil.vnf_record_desk import Records, VnfRecordDesk


class Vnfs(NamedTuple):
    parts: VnfParts
    losses: Losses


class NoRecords:
    """Nobody keeps records: of every VNF the map alone says something."""

    def record(self, project: str, vnf_id: str) -> VnfRecord | None:
        return None


def put_vnfs_together(
    settings: Settings,
    *,
    registry: Registry,
    pipeline: Pipeline,
    store: Store,
    matcher: Matcher,
    poster: HttpPoster,
    logins: Logins,
    agent: str,
    clock: Callable[[], int],
    status: Callable[[str], VimStatus],
    records: Records,
    feed: VnfFeed,
) -> Vnfs:
    """Before the clouds are listed: servers enter the map with their VNFs."""
    pipeline.map.annotated = registry.annotated

    def server_project(server_id: str) -> str:
        server = pipeline.map.get(key_of(Kind.SERVER, server_id))
        return server.project if isinstance(server, Server) else ""

    async def with_losses() -> list[str]:
        """Those with messages that were given up, of the ones that want to hear of it."""
        wanting = [one.id for one in await store.subscriptions() if News.REBUILT in one.filter.news]
        return [one for one in wanting if await store.deliveries(one, state=DeliveryState.DEAD, limit=1)]

    desk = VnfDesk(
        registry=registry,
        shelf=store,
        servers=pipeline.map,
        take_map=pipeline.take_map,
        clock=clock,
        followers=feed,
    )
    parts = VnfParts(
        desk=desk,
        records=VnfRecordDesk(
            told=desk,
            records=records,
            shelf=store,
            servers=pipeline.map,
            freshness=lambda vim: freshness_of(status(vim)),
        ),
        feed=feed,
        try_callback=CallbackTest(fetcher=poster, logins=logins, agent=agent),
        sol_root=settings.sol.api_root,
        tries_callbacks=settings.sol.test_callbacks,
        tacker_faults=tuple(
            FaultRow(fault_id=row.fault_id, fault_type=row.fault_type, faults=tuple(row.faults))
            for row in settings.tacker.faults
        ),
        server_project=server_project,
    )
    return Vnfs(parts, Losses(known=matcher, lost=with_losses, notify=pipeline.notify))


STALE = (Condition.UNREACHABLE, Condition.CLIFF)
"""What is wrong with our view of a cloud where it may not be as it was last read."""


def freshness_of(status: VimStatus) -> Freshness:
    is_stale = status.taken_us is None or any(one in status.conditions for one in STALE)
    return Freshness(read_us=status.taken_us, is_stale=is_stale)


Observe = Callable[[Notification, Delivery], None]


def both(first: Observe, second: Observe) -> Observe:
    """One who sees what two want to see."""

    def observe(notification: Notification, delivery: Delivery) -> None:
        first(notification, delivery)
        second(notification, delivery)

    return observe
