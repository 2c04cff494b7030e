"""Keeps what is told of which cloud to which VES collector, in memory as in the store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from msgspec.structs import replace

from nfvigil.desks.ves.held import Held
from nfvigil.desks.ves.names import ProjectNames
from nfvigil.desks.ves.way import Told, bare, subscription_of, told, whole
from nfvigil.model.change import Change
from nfvigil.model.notification import Delivery, Notification
from nfvigil.model.resource import Host, Server
from nfvigil.model.subscription import Subscription
from nfvigil.model.ves import VesBacklog, VesConfig, VesEvent, VesState
from nfvigil.notifier.compose import Composer
from nfvigil.notifier.dispatch import Dispatcher
from nfvigil.notifier.matcher import Matcher
from nfvigil.store.ves_records import VesRecord
from nfvigil.ves.backlogs import Built, build
from nfvigil.ves.machine import farewell

PAGE = 1_000


class Shelf(Protocol):
    """What it needs of the store."""

    async def ves_records(self) -> Sequence[VesRecord]: ...
    async def ves_states(self) -> Sequence[VesState]: ...
    async def put_ves(
        self, record: VesRecord, subscription: Subscription | None = None, change: Change | None = None
    ) -> None: ...
    async def remove_ves(self, vim: str, subscription_id: str, left: VesRecord | None = None) -> None: ...
    async def subscription(self, subscription_id: str) -> Subscription | None: ...
    async def pending_deliveries(
        self, endpoint_id: str, after_seq: int, after_part: int, limit: int
    ) -> Sequence[tuple[Notification, Delivery]]: ...


class Book:
    """Whoever changes anything does so between two turns of the pipeline. ``names`` knows what projects are called;
    ``reporting`` is how a VIM calls itself to its collector.
    """

    def __init__(
        self,
        *,
        store: Shelf,
        matcher: Matcher,
        dispatcher: Dispatcher,
        composer: Composer,
        names: ProjectNames,
        reporting: Callable[[str], str] = lambda vim: vim,
    ) -> None:
        self._store = store
        self._matcher = matcher
        self._dispatcher = dispatcher
        self._composer = composer
        self.names = names
        self._reporting = reporting
        self.held: dict[str, Held] = {}
        """By VIM."""
        self._by_subscription: dict[str, Held] = {}
        self.removed: set[str] = set()
        """VIMs whose configuration was taken away: the settings' one does not come back by itself."""

    async def load(self, vims: Iterable[str]) -> list[str]:
        """As an earlier process left it; returns the VIMs that are not there any more, whose part is removed."""
        there = set(vims)
        states: dict[str, list[VesState]] = {}
        for state in await self._store.ves_states():
            states.setdefault(state.vim, []).append(state)
        gone = []
        for record in await self._store.ves_records():
            if record.vim not in there:
                gone.append(record.vim)
                await self._store.remove_ves(record.vim, record.subscription)
                self._matcher.remove(record.subscription)
                self._dispatcher.remove_subscription(record.subscription)
            elif record.config is None:
                self.removed.add(record.vim)
            else:
                await self._take_up(record, record.config, states.get(record.vim, ()))
        return gone

    async def _take_up(self, record: VesRecord, config: VesConfig, states: Iterable[VesState]) -> None:
        way = await self._store.subscription(record.subscription)
        if way is None:
            way = subscription_of(config, record.created_us)
        held = Held(record, whole(config, way), way)
        kept = {one.backlog_uuid for one in record.backlogs}
        held.remember(state for state in states if state.backlog in kept)
        self._enter(held)
        (endpoint,) = way.endpoints
        after = (0, 0)
        while rows := await self._store.pending_deliveries(endpoint.id, *after, PAGE):
            for notification, delivery in rows:
                held.observe(notification, delivery)
                after = (delivery.seq, delivery.part)

    def _enter(self, held: Held) -> None:
        self.held[held.vim] = held
        self._by_subscription[held.subscription.id] = held

    # Changing

    async def put(self, record: VesRecord, config: VesConfig, now_us: int) -> Held:
        """In force from now on. What stands of backlogs that are no more is cleared: nobody else ever would."""
        held = self.held.get(record.vim)
        way = subscription_of(config, now_us, self.way_of(held) if held is not None else None)
        record = replace(record, config=bare(config), subscription=way.id, created_us=way.created_us)
        last = Told()
        if held is not None:
            last = self.told(held, self._farewells(held, record.backlogs, now_us), now_us)
        change = Change(notifications=last.notifications, deliveries=last.deliveries)
        await self._store.put_ves(record, way, change)
        if held is None:
            held = Held(record, config, way)
        held.become(record, config, way)
        self._enter(held)
        self.removed.discard(record.vim)
        self._matcher.put(way)
        self._dispatcher.put_subscription(way)
        self.send(held, last)
        return held

    async def extend(self, held: Held, record: VesRecord) -> None:
        """More of what was asked for can be served."""
        await self._store.put_ves(record)
        held.become(record, held.config, held.subscription)

    async def silence(self, held: Held, now_us: int) -> None:
        """Look at nothing any more, and clear whatever stands."""
        record = replace(held.record, backlogs=(), refusals=())
        last = self.told(held, self._farewells(held, (), now_us), now_us)
        change = Change(notifications=last.notifications, deliveries=last.deliveries)
        await self._store.put_ves(record, change=change)
        held.become(record, held.config, self.way_of(held))
        held.is_leaving = True
        held.reading = None
        self.send(held, last)

    async def remove(self, vim: str, left: VesRecord | None = None) -> bool:
        """With its states and all that waits; whether there was anything."""
        held = self.held.get(vim)
        if held is None and vim not in self.removed and left is None:
            return False
        await self._store.remove_ves(vim, held.subscription.id if held is not None else "", left)
        self.removed.discard(vim)
        if left is not None:
            self.removed.add(vim)
        if held is None:
            return False
        del self.held[vim]
        self._by_subscription.pop(held.subscription.id, None)
        self._matcher.remove(held.subscription.id)
        self._dispatcher.remove_subscription(held.subscription.id)
        self._composer.forget(held.subscription.id)
        return True

    def _farewells(self, held: Held, backlogs: Sequence[VesBacklog], now_us: int) -> list[VesEvent]:
        kept = {one.backlog_uuid for one in backlogs}
        return [
            event
            for backlog in held.backlogs
            if backlog.backlog_uuid not in kept
            for event in farewell(backlog, states=held.states_of(backlog), now_us=now_us).events
        ]

    def built(self, config: VesConfig, servers: Iterable[Server], hosts: Iterable[Host]) -> Built:
        return build(config, servers=servers, hosts=hosts, projects=self.names.of(config.vim))

    # Telling

    def told(self, held: Held, events: Sequence[VesEvent], now_us: int) -> Told:
        name = self._reporting(held.vim)
        named = [replace(one, reporting=name) for one in held.may_tell(events)]
        return told(named, held.subscription, number=self._composer.number, now_us=now_us)

    def send(self, held: Held, some: Told) -> None:
        """It is written down."""
        self.count(held, some)
        self._dispatcher.offer(some.items)

    def count(self, held: Held, some: Told) -> None:
        for notification, delivery in some.items:
            held.observe(notification, delivery)
            payload = (notification.event or {})["payload"]
            held.told[payload["domain"]] += len(payload["events"])

    def observe(self, notification: Notification, delivery: Delivery) -> None:
        """Of every message, after each try."""
        held = self._by_subscription.get(delivery.subscription)
        if held is not None:
            held.observe(notification, delivery)

    def way_of(self, held: Held) -> Subscription:
        """As it is now: it may have been paused."""
        return self._matcher.get(held.subscription.id) or held.subscription
