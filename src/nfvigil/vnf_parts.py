"""The wiring of what VNFs and their managers need: the registry, ETSI SOL's callbacks, Tacker's table."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from nfvigil.model.notification import Delivery, DeliveryState, Notification
from nfvigil.model.resource import Kind, Server, key_of
from nfvigil.model.tacker import FaultRow
from nfvigil.model.verdict import News
from nfvigil.northbound.vnf_desk import VnfParts
from nfvigil.notifier.callback_test import CallbackTest
from nfvigil.notifier.logins import Logins
from nfvigil.notifier.losses import Losses
from nfvigil.notifier.matcher import Matcher
from nfvigil.notifier.poster import HttpPoster
from nfvigil.pipeline import Pipeline
from nfvigil.settings import Settings
from nfvigil.store import Store
from nfvigil.vnf.registry import Registry
from nfvigil.vnf_desk import VnfDesk


class Vnfs(NamedTuple):
    parts: VnfParts
    losses: Losses


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

    desk = VnfDesk(registry=registry, shelf=store, servers=pipeline.map, take_map=pipeline.take_map, clock=clock)
    parts = VnfParts(
        desk=desk,
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


Observe = Callable[[Notification, Delivery], None]


def both(first: Observe, second: Observe) -> Observe:
    """One who sees what two want to see."""

    def observe(notification: Notification, delivery: Delivery) -> None:
        first(notification, delivery)
        second(notification, delivery)

    return observe
