"""The VES agent at work in a few lines: a store in memory, a pipeline without events, a collector that is told what to
answer, and a clock that moves when it is told.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from nfvigil.desks.ves.agent import Agent
from nfvigil.desks.ves.book import Book
from nfvigil.desks.ves.desk import VesDesk
from nfvigil.desks.ves.names import ProjectNames
from nfvigil.errors import NotFoundError, StoreUnavailableError, VimUnavailableError
from nfvigil.inspector.policy import CompiledPolicy
from nfvigil.inspector.reading import read_policy
from nfvigil.inspector.resource_map import ResourceMap
from nfvigil.inspector.state import State
from nfvigil.model.change import Change
from nfvigil.model.ids import EventIds
from nfvigil.model.notification import Delivery, DeliveryState, Notification
from nfvigil.model.reading import Reading
from nfvigil.model.resource import Host, Server, Snapshot
from nfvigil.model.subscription import Endpoint, Subscription
from nfvigil.model.ves import VesConfig, VesState
from nfvigil.northbound.ves.desk import VesTest
from nfvigil.notifier.channel import load_channels
from nfvigil.notifier.compose import Composer
from nfvigil.notifier.dispatch import Dispatcher, Limits
from nfvigil.notifier.logins import Logins
from nfvigil.notifier.matcher import Matcher
from nfvigil.notifier.memory import MemoryPoster, Posted
from nfvigil.notifier.poster import Answer, Poster
from nfvigil.notifier.retry import Retry
from nfvigil.notifier.safety import Safety
from nfvigil.pipeline import Pipeline
from nfvigil.store.ves_records import VesRecord

VIM = "lab"
START_US = 1_800_000_000_000_000
SECOND = 1_000_000
URL = "http://192.0.2.7:8080/eventListener/v7"
EPC = "11111111-2222-3333-4444-555555555555"
CHANNELS = load_channels()
replace = msgspec.structs.replace


def server(name: str, status: str = "ACTIVE", **more: Any) -> Server:
    return Server(**{"id": f"id-{name}", "name": name, "vim": VIM, "project": EPC, "status": status} | more)


def host(name: str, **more: Any) -> Host:
    return Host(id=name, name=name, vim=VIM, **more)


def document(*entries: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """As ONAP's clients send it."""
    collector = {"endpoint": URL} | more.pop("collector", {})
    return {"vesagent_config": {"ves_subscription": collector, "backlogs": list(entries)} | more}


ALL_OF_EPC = {"domain": "fault", "type": "vm", "tenantid": EPC}
HOSTS = {"domain": "fault", "type": "host"}
BEAT = {"domain": "heartbeat", "poll_interval": 10}
MEASURED = {"domain": "measurement", "type": "vm"}


class Shelf:
    """The store, in memory: all of a unit or nothing."""

    def __init__(self) -> None:
        self.records: dict[str, VesRecord] = {}
        self.states: dict[tuple[str, str, str], VesState] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self.notifications: dict[str, Notification] = {}
        self.deliveries: dict[str, Delivery] = {}
        self.is_away = False
        self.commits = 0
        self.puts = 0

    async def _reached(self) -> None:
        await asyncio.sleep(0)
        if self.is_away:
            raise StoreUnavailableError("disk full", retry_after_seconds=0.05)

    async def commit(self, change: Change) -> None:
        await self._reached()
        self.commits += 1
        self._write(change)

    def _write(self, change: Change) -> None:
        for key in change.ves_dropped:
            self.states.pop(key, None)
        self.states.update(((one.vim, one.backlog, one.source), one) for one in change.ves_states)
        self.notifications.update((one.id, one) for one in change.notifications)
        self.deliveries.update((one.id, one) for one in change.deliveries)

    async def add_events(self, events: Sequence[Any]) -> None: ...
    async def save_actions(self, actions: Sequence[Any]) -> None: ...

    async def ves_records(self) -> list[VesRecord]:
        return list(self.records.values())

    async def ves_states(self) -> list[VesState]:
        return list(self.states.values())

    async def put_ves(
        self, record: VesRecord, subscription: Subscription | None = None, change: Change | None = None
    ) -> None:
        await self._reached()
        self.puts += 1
        self.records[record.vim] = record
        if subscription is not None:
            self.subscriptions[subscription.id] = subscription
        self._write(change or Change())
        kept = {one.backlog_uuid for one in record.backlogs}
        self.states = {key: one for key, one in self.states.items() if key[0] != record.vim or key[1] in kept}

    async def remove_ves(self, vim: str, subscription_id: str, left: VesRecord | None = None) -> None:
        await self._reached()
        self.records.pop(vim, None)
        if left is not None:
            self.records[vim] = left
        self.states = {key: one for key, one in self.states.items() if key[0] != vim}
        self.subscriptions.pop(subscription_id, None)
        self.deliveries = {key: one for key, one in self.deliveries.items() if one.subscription != subscription_id}

    async def subscription(self, subscription_id: str) -> Subscription | None:
        return self.subscriptions.get(subscription_id)

    async def save_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        await self._reached()
        self.deliveries.update((one.id, one) for one in deliveries if one.id in self.deliveries)

    async def pending_deliveries(
        self, endpoint_id: str, after_seq: int, after_part: int, limit: int
    ) -> list[tuple[Notification, Delivery]]:
        await self._reached()
        found = sorted(
            (one for one in self.deliveries.values() if one.endpoint == endpoint_id and one.seq > after_seq),
            key=lambda one: one.seq,
        )
        pending = [one for one in found if one.state is DeliveryState.PENDING]
        return [(self.notifications[one.notification], one) for one in pending[:limit]]

    async def delivery_counts(self, subscription_id: str) -> dict[str, int]:
        found: dict[str, int] = {}
        for one in self.deliveries.values():
            if one.subscription == subscription_id:
                found[one.state.value] = found.get(one.state.value, 0) + 1
        return found


class World:
    """One process, over a shelf that outlives it."""

    def __init__(
        self,
        shelf: Shelf | None = None,
        *,
        clock: Callable[[], int] | None = None,
        answer: Callable[[Posted], Answer] = lambda _posted: Answer(202),
        poster: Poster | None = None,
        stored: Mapping[str, Any] | None = None,
        wanted: Mapping[str, VesConfig] | None = None,
        regions: Mapping[str, str] | None = None,
        vims: Sequence[str] = (VIM, "other"),
        safety: Safety | None = None,
        retry: Retry | None = None,
        farewell_seconds: float = 5.0,
    ) -> None:
        self.shelf = shelf or Shelf()
        self.us = START_US
        self.clock = clock or (lambda: self.us)
        self.poster = poster or MemoryPoster(answer)
        self.vims = list(vims)
        self.taken_us: dict[str, int | None] = dict.fromkeys(vims, START_US)
        self.refreshed: list[str] = []
        self.projects = {EPC: "epc"}
        self.asked: list[str] = []
        """VIMs whose projects' names were asked for."""
        self.cloud_is_away = False
        self.matcher = Matcher()
        self.composer = Composer(matcher=self.matcher, seqs=self._seqs(), channels=CHANNELS)
        self.dispatcher = Dispatcher(
            channels=CHANNELS,
            outbox=self.shelf,
            poster=self.poster,
            clock=self.clock,
            source="nfvigil",
            limits=Limits(timeout_seconds=5),
            retry=retry or Retry(first_seconds=0.01, max_seconds=0.02),
            logins=Logins(fetcher=self.poster, clock=self.clock),
            observe=lambda *told: self.book.observe(*told),
        )
        self.pipeline = Pipeline(
            keeper=self.shelf,
            writer=self.composer,
            tell=self.dispatcher.offer,
            act=lambda _actions: None,
            policy=CompiledPolicy(read_policy("policy: none\nrules: []\n")),
            resource_map=ResourceMap(),
            state=State(),
            ids=EventIds(self.clock),
            clock=self.clock,
        )
        self.book = Book(
            store=self.shelf,
            matcher=self.matcher,
            dispatcher=self.dispatcher,
            composer=self.composer,
            names=ProjectNames(ask=self._projects, clock=self.clock),
            reporting=lambda vim: {value: key for key, value in (regions or {}).items()}.get(vim, vim),
        )
        self.agent = Agent(
            book=self.book, pipeline=self.pipeline, refresh=self._refresh, clock=self.clock, wanted=wanted
        )
        self.tested: list[tuple[Endpoint, str, float]] = []
        self.desk = VesDesk(
            book=self.book,
            pipeline=self.pipeline,
            store=self.shelf,
            safety=safety or Safety(allow_loopback=True),
            stats=self.dispatcher.stats,
            try_out=self._test,
            changed=self.agent.changed,
            vims=lambda: self.vims,
            taken_us=lambda: self.taken_us,
            stored=stored or {},
            regions=regions or {},
            clock=self.clock,
            farewell_seconds=farewell_seconds,
        )

    def _seqs(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for one in self.shelf.notifications.values():
            found[one.subscription] = max(found.get(one.subscription, 0), one.seq)
        return found

    async def _projects(self, vim: str) -> dict[str, str]:
        self.asked.append(vim)
        if self.cloud_is_away:
            raise VimUnavailableError("no answer")
        return dict(self.projects)

    def _refresh(self, vim: str) -> None:
        if vim not in self.vims:
            raise NotFoundError(vim)
        self.refreshed.append(vim)

    async def _test(self, endpoint: Endpoint, vim: str, interval_seconds: float) -> VesTest:
        self.tested.append((endpoint, vim, interval_seconds))
        return VesTest(ok=True, endpoint=endpoint.url, status=202, detail="", seconds=0.01)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[World]:
        """As at a start: what is left is taken up first."""
        for subscription in self.shelf.subscriptions.values():
            self.matcher.put(subscription)
            self.dispatcher.put_subscription(subscription, self._seqs().get(subscription.id, 0))
        await self.book.load(self.vims)
        for subscription in self.shelf.subscriptions.values():
            self.dispatcher.rewind(subscription.id, 0)
        works = [asyncio.create_task(work()) for work in (self.dispatcher.run, self.agent.run)]
        try:
            yield self
        finally:
            for work in works:
                work.cancel()
            await asyncio.gather(*works, return_exceptions=True)

    def know(self, *records: Server | Host) -> None:
        """What the map has."""
        self.pipeline.map.load(_snapshot(records, self.clock()))

    async def read(self, *records: Server | Host, gone: Sequence[str] = (), seconds: float = 10) -> None:
        """One listing, some seconds after the last; until everything that it brings is written."""
        self.us += int(seconds * SECOND)
        snapshot = _snapshot(records, self.clock())
        self.pipeline.map.load(snapshot)
        self.agent.take(Reading(snapshot, frozenset(gone)), None)
        await until(lambda: self.is_settled)

    @property
    def is_settled(self) -> bool:
        waits = any(one.reading is not None for one in self.book.held.values())
        return not (waits or self.agent._due or self.agent._first or self.pipeline.writing.locked())

    async def delivered(self, number: int) -> list[dict[str, Any]]:
        await until(lambda: len(self.sent) >= number)
        return self.sent

    @property
    def sent(self) -> list[dict[str, Any]]:
        """Every event that was sent, in order, and whether it was taken or not."""
        assert isinstance(self.poster, MemoryPoster)
        return [event for posted in self.poster.posted for event in events_in(posted)]

    def states(self) -> list[str]:
        return [one.state.value for one in sorted(self.shelf.deliveries.values(), key=lambda one: one.seq)]


def events_in(posted: Posted) -> list[dict[str, Any]]:
    body = json.loads(posted.body)
    return [body["event"]] if "event" in body else list(body["eventList"])


def path_of(posted: Posted) -> str:
    return posted.target.head.split(b" ")[1].decode()


def told(event: Mapping[str, Any]) -> tuple[str, str, int]:
    """Whom an event is about, how bad, and which of its alarm's it is."""
    header = event["commonEventHeader"]
    return header["sourceName"], event["faultFields"]["eventSeverity"], header["sequence"]


def _snapshot(records: Sequence[Server | Host], at_us: int) -> Snapshot:
    return Snapshot(
        vim=VIM,
        taken_us=at_us,
        servers=tuple(one for one in records if isinstance(one, Server)),
        hosts=tuple(one for one in records if isinstance(one, Host)),
    )


async def until(condition: Callable[[], bool], turns: int = 20_000) -> None:
    """Lets everything else run until it is so."""
    for _ in range(turns):
        if condition():
            return
        await asyncio.sleep(0)
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("not within its time")
