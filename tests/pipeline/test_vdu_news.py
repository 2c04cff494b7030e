"""What the records of VNFs say of their servers, all the way from the cloud's listing to the owner's webhook."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

import msgspec
import pytest

from nfvigil.controller.runner import Controller
from nfvigil.controller.vims.simulated import SimulatedVim
from nfvigil.errors import StoreUnavailableError
from nfvigil.inspector.policy import CompiledPolicy
from nfvigil.inspector.reading import read_policy
from nfvigil.inspector.resource_map import ResourceMap
from nfvigil.inspector.state import State
from nfvigil.model.action import Action
from nfvigil.model.change import Change
from nfvigil.model.event import Event, Status
from nfvigil.model.ids import EventIds
from nfvigil.model.notification import Delivery, Notification
from nfvigil.model.resource import Port, Server, Snapshot
from nfvigil.model.subscription import Endpoint, Filter, Mode, Subscription
from nfvigil.model.vnf_record import VduCondition, VduNews
from nfvigil.notifier.channel import load_channels
from nfvigil.notifier.compose import Composer
from nfvigil.notifier.dispatch import Dispatcher
from nfvigil.notifier.matcher import Matcher
from nfvigil.notifier.poster import Answer, Target
from nfvigil.pipeline import KEYS_MAX, Pipeline
from nfvigil.policy_start import default_policy
from nfvigil.vdu_news import AT_ONCE, VduTeller, standing_news

pytestmark = pytest.mark.anyio

VNF = "11111111-0000-4000-8000-000000000001"


def clock() -> int:
    return time.time_ns() // 1000


class Rows:
    """A store in memory, which may be away."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.is_away = False

    async def add_events(self, events: Sequence[Event]) -> None:
        if self.is_away:
            raise StoreUnavailableError("away")
        self.events.extend(events)

    async def commit(self, change: Change) -> None:
        await asyncio.sleep(0)

    async def save_actions(self, actions: Sequence[Action]) -> None:
        await asyncio.sleep(0)

    async def save_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        await asyncio.sleep(0)

    async def pending_deliveries(
        self, endpoint_id: str, after_seq: int, after_part: int, limit: int
    ) -> list[tuple[Notification, Delivery]]:
        return []


class Webhooks:
    """Plays the consumers: keeps what is posted to each."""

    def __init__(self) -> None:
        self.got: dict[str, list[tuple[str, str, str]]] = {}

    async def post(self, target: Target, headers: Mapping[str, str], body: bytes, timeout_seconds: float) -> Answer:
        told = json.loads(body)
        news = [
            (told["News"], fault["FaultType"], one["VirtualResourceID"])
            for one in told.get("VirtualResourceInfo", [])
            for fault in one["Faults"]
        ]
        self.got.setdefault(target.head.split()[1].decode().strip("/"), []).extend(news)
        return Answer(204)

    async def close(self) -> None:
        """There is nothing to close."""


class Records:
    """Plays the keeper of VNF records: compares listings of a VNF's servers, and says what begins and ends."""

    def __init__(self, say: Callable[[Sequence[VduNews]], object], vim: str, servers: Mapping[str, Server]) -> None:
        self.say = say
        self.vim = vim
        self.servers = servers
        self.ports: dict[str, set[str]] = {}
        self.on: dict[tuple[VduCondition, str, str], VduNews] = {}

    def news(self, there: Snapshot) -> list[VduNews]:
        found = {server.id: server for server in there.servers}
        ports: dict[str, set[str]] = {}
        for port in there.ports:
            ports.setdefault(port.server, set()).add(port.id)
        now: dict[tuple[VduCondition, str, str], VduNews] = {}
        for name, known in self.servers.items():
            self.ports.setdefault(name, ports.get(name, set()))
            if name not in found:
                now[VduCondition.DELETED, name, ""] = self._one(VduCondition.DELETED, known)
                continue
            if found[name].status == "ERROR":
                now[VduCondition.ERROR, name, ""] = self._one(VduCondition.ERROR, known)
            for gone in sorted(self.ports[name] - ports.get(name, set())):
                now[VduCondition.INTERFACE_GONE, name, gone] = self._one(VduCondition.INTERFACE_GONE, known, gone)
        ended = [msgspec.structs.replace(one, is_on=False) for key, one in self.on.items() if key not in now]
        begun = [one for key, one in now.items() if key not in self.on]
        self.on = now
        return ended + begun

    def _one(self, condition: VduCondition, server: Server, port: str = "") -> VduNews:
        return VduNews(
            condition=condition,
            is_on=True,
            project=server.project,
            vnf=VNF,
            vnfc=f"c-{server.id[-2:]}",
            vim=self.vim,
            server=server.id,
            name=server.name,
            host=server.host,
            port=port,
        )


class World:
    def __init__(self) -> None:
        self.rows = Rows()
        self.webhooks = Webhooks()
        self.vim = SimulatedVim.from_options(
            "sim", {"hosts": 2, "servers_per_host": 2, "ports_per_server": 2, "projects": 2}, clock
        )
        self.map = ResourceMap()
        self.ids = EventIds(clock)

    async def begin(self) -> None:
        there = await self.vim.snapshot()
        self.server = next(server for server in there.servers if server.host == "compute-1")
        self.map.annotated = self._annotated
        self.port = next(port for port in there.ports if port.server == self.server.id)
        subscriptions = [
            _subscription("owner", self.server.project, Filter(vnfs=(VNF,))),
            _subscription("admin", "", Filter(fault_types=("nfvigil.*",))),
            _subscription("other", next(one.project for one in there.servers if one.project != self.server.project)),
        ]
        self.dispatcher = Dispatcher(
            channels=load_channels(), outbox=self.rows, poster=self.webhooks, clock=clock, source="test"
        )
        for one in subscriptions:
            self.dispatcher.put_subscription(one)
        self.pipeline = Pipeline(
            keeper=self.rows,
            writer=Composer(matcher=Matcher(subscriptions), seqs={}, channels=load_channels()),
            tell=self.dispatcher.offer,
            act=lambda actions: self.controller.offer(actions),
            policy=CompiledPolicy(read_policy(default_policy(), version=1)),
            resource_map=self.map,
            state=State(),
            ids=self.ids,
            clock=clock,
        )
        self.controller = Controller(vims={"sim": self.vim}, report=self.pipeline.report, clock=clock)
        self.teller = VduTeller(self.pipeline)
        self.records = Records(self.teller.say, "sim", {self.server.id: self.server})
        await self.read()

    def _annotated(self, server: Server) -> Server:
        return msgspec.structs.replace(server, vnf=VNF, vnfc="c") if server.id == self.server.id else server

    async def read(self) -> list[VduNews]:
        """One listing, for the map and then for the records."""
        there = await self.vim.snapshot()
        await self.pipeline.take_map(there)
        news = self.records.news(there)
        await self.teller.say(news)
        return news

    async def hears(self, *told: tuple[str, str, str], who: str = "owner") -> None:
        """Wait until the webhook has got exactly these next."""
        got = self.webhooks.got.setdefault(who, [])
        async with asyncio.timeout(5):
            while len(got) < len(told):  # noqa: ASYNC110 - what is posted has no event of its own
                await asyncio.sleep(0.002)
        assert got == list(told)
        got.clear()

    async def decided(self) -> None:
        async with asyncio.timeout(5):
            while self.pipeline.waiting:  # noqa: ASYNC110 - see above
                await asyncio.sleep(0.002)


def _subscription(name: str, project: str, chosen: Filter | None = None) -> Subscription:
    endpoint = Endpoint(id=name, url=f"http://127.0.0.1:1/{name}")
    return Subscription(id=name, project=project, filter=chosen or Filter(), mode=Mode.BOTH, endpoints=(endpoint,))


@pytest.fixture
async def world() -> AsyncIterator[World]:
    there = World()
    await there.begin()
    async with contextlib.AsyncExitStack() as stack:
        for work in (there.pipeline.run(), there.controller.run(), there.dispatcher.run()):
            stack.push_async_callback(_end, asyncio.ensure_future(work))
        yield there


async def _end(task: asyncio.Future[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_its_owner_hears_of_a_server_in_error_and_when_it_is_well_again(world: World) -> None:
    error = ("nfvigil.vdu.error", world.server.id)
    world.vim.change(put=[msgspec.structs.replace(world.server, status="ERROR")])
    await world.read()
    await world.hears(("raised", *error), ("confirmed", *error))

    world.vim.change(put=[world.server])
    await world.read()
    await world.hears(("cleared", *error))
    assert world.webhooks.got.get("other", []) == []
    await world.hears(*[(news, *error) for news in ("raised", "confirmed", "cleared")], who="admin")


async def test_its_owner_hears_of_a_deletion_and_that_it_was_not_true(world: World) -> None:
    deleted = ("nfvigil.vdu.deleted", world.server.id)
    ports = [port for port in (await world.vim.snapshot()).ports if port.server == world.server.id]
    world.vim.change(gone=[f"server/{world.server.id}", *(f"port/{port.id}" for port in ports)])
    await world.read()
    await world.hears(("raised", *deleted), ("confirmed", *deleted))

    assert await world.read() == []
    world.vim.change(put=[world.server, *ports])
    await world.read()
    await world.hears(("cleared", *deleted))
    assert world.webhooks.got.get("other", []) == []


async def test_its_owner_hears_of_an_interface_that_is_gone(world: World) -> None:
    gone = ("nfvigil.vdu.interface-gone", world.port.id)
    world.vim.change(gone=[f"port/{world.port.id}"])
    await world.read()
    await world.hears(("raised", *gone), ("confirmed", *gone))

    back: Port = world.port
    world.vim.change(put=[back])
    await world.read()
    await world.hears(("cleared", *gone))


async def test_a_host_that_fails_is_told_once_and_a_server_that_stays_in_error_when_it_is_over(world: World) -> None:
    host, down = "host/compute-1", ("compute.instance.down", world.server.id)
    await world.pipeline.keep([_host_down(world, host, Status.DOWN)])
    await world.hears(("raised", *down), ("confirmed", *down))
    assert [one.condition for one in await world.read()] == [VduCondition.ERROR], "the mark of our own"
    await world.decided()

    await world.pipeline.keep([_host_down(world, host, Status.UP)])
    await world.hears(("cleared", *down))
    await _until(lambda: not world.pipeline.state.restoring)
    world.vim.change(put=[msgspec.structs.replace(world.server, status="ERROR")])
    assert await world.read() == []
    error = ("nfvigil.vdu.error", world.server.id)
    await world.hears(("raised", *error), ("confirmed", *error))


async def test_a_host_that_fails_and_is_well_again_says_nothing_of_its_own_marks(world: World) -> None:
    host, down = "host/compute-1", ("compute.instance.down", world.server.id)
    await world.pipeline.keep([_host_down(world, host, Status.DOWN)])
    await world.hears(("raised", *down), ("confirmed", *down))
    await world.read()
    await world.pipeline.keep([_host_down(world, host, Status.UP)])
    await world.hears(("cleared", *down))
    await _until(lambda: not world.pipeline.state.restoring)

    assert [one.is_on for one in await world.read()] == [False]
    await world.decided()

    assert world.pipeline.state.held == set()
    assert world.webhooks.got["owner"] == []
    assert world.webhooks.got.get("admin", []) == []


async def test_news_that_are_said_again_after_a_crash_change_nothing(world: World) -> None:
    world.vim.change(put=[msgspec.structs.replace(world.server, status="ERROR")])
    news = await world.read()
    error = ("nfvigil.vdu.error", world.server.id)
    await world.hears(("raised", *error), ("confirmed", *error))

    await world.teller.say(news)
    await world.decided()

    assert world.webhooks.got["owner"] == []


async def test_what_a_store_that_is_away_did_not_keep_is_said_again(world: World) -> None:
    world.vim.change(gone=[f"port/{world.port.id}"])
    world.rows.is_away = True
    with pytest.raises(StoreUnavailableError):
        await world.read()

    world.rows.is_away = False
    await world.teller.say(list(world.records.on.values()))

    gone = ("nfvigil.vdu.interface-gone", world.port.id)
    await world.hears(("raised", *gone), ("confirmed", *gone))


async def test_what_is_still_in_error_waits_for_the_next_listing_while_the_store_is_away(world: World) -> None:
    _hold(world, 1)
    world.rows.is_away = True
    await world.pipeline.take_map(await world.vim.snapshot())
    await asyncio.sleep(0.05)
    assert world.rows.events == []

    world.rows.is_away = False
    await world.pipeline.take_map(await world.vim.snapshot())
    error = ("nfvigil.vdu.error", world.server.id)
    await world.hears(("raised", *error), ("confirmed", *error))


async def test_news_of_a_whole_cloud_are_written_down_in_parts(world: World) -> None:
    one = world.records._one(VduCondition.DELETED, world.server)
    many = [msgspec.structs.replace(one, server=f"s{number}") for number in range(AT_ONCE + 1)]

    await world.teller.say(many)
    await world.decided()

    assert [event.resource for event in world.rows.events] == [f"server/s{number}" for number in range(AT_ONCE + 1)]
    assert len(world.pipeline.state.alarms) == AT_ONCE + 1
    assert KEYS_MAX >= AT_ONCE


def _hold(world: World, free_us: int) -> None:
    """As after a restart: the ERROR of the server was held for something that is over."""
    world.vim.change(put=[msgspec.structs.replace(world.server, status="ERROR")])
    details = {"project": world.server.project, "vnf": VNF, "vnfc": "c", "vim": "sim", "name": world.server.name}
    key = f"server/{world.server.id}"
    world.pipeline.state.put_memory(
        f"held {key}", {"details": details, "words": [f"{world.server.project}/{VNF}/c"], "free_us": free_us}
    )


def _host_down(world: World, host: str, status: Status) -> Event:
    now = clock()
    return Event(id=world.ids(), type="compute.host.down", resource=host, status=status, time_us=now, received_us=now)


async def _until(what: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not what():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.002)


async def test_what_stands_is_known_after_a_restart_as_the_records_said_it(world: World) -> None:
    world.vim.change(gone=[f"port/{world.port.id}"])
    await world.read()
    _hold(world, 1)
    await world.decided()

    found = {(one.condition, one.server, one.port, one.project, one.vnf) for one in standing_news(world.pipeline.state)}

    owner = world.server.project
    assert found == {
        (VduCondition.INTERFACE_GONE, "", world.port.id, owner, VNF),
        (VduCondition.ERROR, world.server.id, "", owner, VNF),
    }
    for one in standing_news(world.pipeline.state):  # and takes it back
        await world.teller.say([msgspec.structs.replace(one, is_on=False)])
    await world.decided()
    assert (world.pipeline.state.faults, world.pipeline.state.held) == ({}, set())
