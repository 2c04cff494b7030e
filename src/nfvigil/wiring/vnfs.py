"""The wiring of what VNFs and their managers need: the registry, records, ETSI SOL's callbacks, Tacker's table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import NamedTuple

from nfvigil.controller.vim import Vim
from nfvigil.controller.vims.suffixed import SuffixedVim
from nfvigil.desks.vnf_records import VnfRecordDesk
from nfvigil.desks.vnfs import VnfDesk
from nfvigil.errors import NotFoundError
from nfvigil.model.action import ActionKind
from nfvigil.model.condition import Condition
from nfvigil.model.event import Event
from nfvigil.model.notification import Delivery, DeliveryState, Notification
from nfvigil.model.resource import Kind, Server, key_of, split_key
from nfvigil.model.tacker import FaultRow
from nfvigil.model.verdict import News
from nfvigil.model.vim_status import VimStatus
from nfvigil.model.vnf_answers import Freshness
from nfvigil.model.vnf_record import VduNews
from nfvigil.northbound.metrics import Metrics
from nfvigil.northbound.vnf_desk import VnfParts
from nfvigil.northbound.vnf_feed import VnfFeed
from nfvigil.notifier.callback_test import CallbackTest
from nfvigil.notifier.logins import Logins
from nfvigil.notifier.losses import Losses
from nfvigil.notifier.matcher import Matcher
from nfvigil.notifier.poster import HttpPoster
from nfvigil.pipeline import Pipeline
from nfvigil.settings import Settings
from nfvigil.southbound.inventory import Inventory
from nfvigil.store import Store
from nfvigil.vdu_news import VduTeller, standing_news, undecided_news
from nfvigil.vnf.keeper import Keeper
from nfvigil.vnf.registry import Registry


class Vnfs(NamedTuple):
    parts: VnfParts
    losses: Losses


class KnownClouds:
    """What the keeper of VNF records may ask of the clouds: the map, the inspector's state, the inventory."""

    def __init__(
        self, *, pipeline: Pipeline, inventory: Callable[[], Inventory], open_vims: Callable[[], Iterable[Vim]]
    ) -> None:
        self._map = pipeline.map
        self._state = pipeline.state
        self._inventory = inventory
        self._open_vims = open_vims

    def is_watched(self, vim: str) -> bool:
        return self._inventory().is_watched(vim)

    def vim_of(self, project: str, server: str) -> str:
        record = self._map.get(key_of(Kind.SERVER, server))
        return record.vim if isinstance(record, Server) and record.project == project else ""

    def ports_of(self, server: str) -> Iterable[str]:
        return [split_key(key)[1] for key in self._map.related(key_of(Kind.SERVER, server), "ports")]

    def called(self, vim: str, host: str) -> str:
        suffixes = (one.suffix for one in self._open_vims() if isinstance(one, SuffixedVim) and one.name == vim)
        return host + next(suffixes, "") if host else ""

    def is_ours(self, server: str) -> bool:
        return self._state.before(f"{ActionKind.SERVER_ERROR} {key_of(Kind.SERVER, server)}") is not None

    def refresh(self, vim: str) -> None:
        with suppress(NotFoundError):
            self._inventory().refresh(vim)


async def keep_records(
    store: Store,
    pipeline: Pipeline,
    registry: Registry,
    *,
    inventory: Callable[[], Inventory],
    open_vims: Callable[[], Iterable[Vim]],
    undecided: Iterable[Event],
    clock: Callable[[], int],
    feed: VnfFeed,
    is_theirs: Callable[[VduNews, Registry], bool],
) -> Keeper:
    """Before the clouds are listed. It has to run beside, and to read what the inventory does. ``is_theirs``: what
    stands as a fault and is of records that somebody else keeps.
    """
    clouds = KnownClouds(pipeline=pipeline, inventory=inventory, open_vims=open_vims)
    keeper = Keeper(shelf=store, say=VduTeller(pipeline).say, clouds=clouds, clock=clock, feed=feed)
    standing, said = (
        [one for one in found if not is_theirs(one, registry)]
        for found in (standing_news(pipeline.state), undecided_news(undecided))
    )
    await keeper.start(registry.each(None), standing, said)
    return keeper


def show_records(metrics: Metrics, keeper: Keeper) -> None:
    for name, (text, value) in {
        "vnf_records": ("VNFs of which a record is kept", lambda: len(keeper.records)),
        "vnf_record_vdus": ("components in them", lambda: sum(len(one.vdus) for one in keeper.records)),
        "vnf_record_vdus_deleted": (
            "components that were deleted externally",
            lambda: sum(vdu.is_deleted for one in keeper.records for vdu in one.vdus),
        ),
        "vnf_record_rounds": ("listings that records were brought in line with", lambda: keeper.rounds),
        "vnf_record_writes": ("records written because a cloud said something else", lambda: keeper.writes),
        "vnf_record_conflicts": ("records that somebody else had changed", lambda: keeper.conflicts),
        "vnf_record_unreadable": ("the cloud's words that could not be read", lambda: keeper.unreadable),
    }.items():
        metrics.gauge(name, value, text)
    metrics.gauges(
        {"vnf_record_age_seconds": "since the listing that the records of this VIM's servers are in line with"},
        ("vim",),
        lambda: (((vim,), {"vnf_record_age_seconds": age}) for vim, age in keeper.ages_seconds().items()),
    )


def put_vnfs_together(
    settings: Settings,
    *,
    registry: Registry,
    keeper: Keeper,
    pipeline: Pipeline,
    store: Store,
    matcher: Matcher,
    poster: HttpPoster,
    logins: Logins,
    agent: str,
    clock: Callable[[], int],
    status: Callable[[str], VimStatus],
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
        records=keeper,
    )
    parts = VnfParts(
        desk=desk,
        records=VnfRecordDesk(
            told=desk,
            records=keeper,
            shelf=store,
            servers=pipeline.map,
            freshness=lambda vim: freshness_of(status(vim), keeper.read_us(vim)),
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


IN_DOUBT = (Condition.UNREACHABLE, Condition.CLIFF)
"""What is wrong with our view of a cloud where it may not be as it was last read."""
PERIODS = 3.0
"""Without a listing, after which what is known is stale."""


def freshness_of(status: VimStatus, recorded_us: int | None) -> Freshness:
    """``recorded_us``: of the listing that is in the records; without one, what is shown is from the map."""
    is_late = status.period_seconds is not None and (status.age_seconds or 0.0) > PERIODS * status.period_seconds
    return Freshness(
        read_us=status.taken_us if recorded_us is None else recorded_us,
        is_stale=status.taken_us is None or is_late or any(one in status.conditions for one in IN_DOUBT),
    )


Observe = Callable[[Notification, Delivery], None]


def both(first: Observe, second: Observe) -> Observe:
    """One who sees what two want to see."""

    def observe(notification: Notification, delivery: Delivery) -> None:
        first(notification, delivery)
        second(notification, delivery)

    return observe
