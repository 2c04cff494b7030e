"""What must not bring the pipeline down: a controller that has enough, a store with a full queue."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC

import msgspec
import pytest

from nfvigil.controller.vims.simulated import SimulatedVim
from nfvigil.errors import OverloadedError
from nfvigil.inspector.policy import CompiledPolicy
from nfvigil.inspector.reading import read_policy
from nfvigil.inspector.resource_map import ResourceMap
from nfvigil.inspector.state import PROOF, State
from nfvigil.model.action import Action
from nfvigil.model.alarm import Alarm
from nfvigil.model.change import Change
from nfvigil.model.event import Event
from nfvigil.model.ids import EventIds
from nfvigil.model.resource import Host, MapChange
from nfvigil.pipeline import WAITING_MAX, Pipeline
from nfvigil.southbound.formats.nfvigil import NfvigilFormat
from nfvigil.southbound.intake import Intake
from nfvigil.southbound.limits import Limits

pytestmark = pytest.mark.anyio

POLICY = """
policy: test
rules:
  - {name: host-down, when: {type: compute.host.down}, mark: [force_down]}
"""


def clock() -> int:
    return time.time_ns() // 1000


class Parts:
    """Keeper, writer and controller in one: each can be told to have enough."""

    def __init__(self) -> None:
        self.is_full = False
        self.has_enough = False
        self.changes: list[Change] = []
        self.taken: list[Action] = []

    async def add_events(self, events: Sequence[Event]) -> None:
        await asyncio.sleep(0)

    async def commit(self, change: Change) -> None:
        await asyncio.sleep(0)
        if self.is_full:
            raise OverloadedError("the queue is full")
        self.changes.append(change)

    async def save_actions(self, actions: Sequence[Action]) -> None:
        await asyncio.sleep(0)

    def compose(self, *_: object) -> tuple[list[object], list[object]]:
        return [], []

    compose_single = compose

    def act(self, actions: Sequence[Action]) -> None:
        if self.has_enough:
            raise OverloadedError("enough actions are waiting")
        self.taken.extend(actions)


class World:
    def __init__(self, policy: str = POLICY) -> None:
        self.parts = Parts()
        self.ids = EventIds(clock)
        self.forget: Callable[..., None] = lambda *_names: None
        self.pipeline = Pipeline(
            keeper=self.parts,
            writer=self.parts,  # type: ignore[arg-type]  # it composes nothing
            tell=lambda _items: None,
            act=self.parts.act,
            policy=CompiledPolicy(read_policy(policy, version=1)),
            resource_map=ResourceMap(),
            state=State(),
            ids=self.ids,
            clock=clock,
            forget=lambda *names: self.forget(*names),
        )

    def down(self, host: str, kind: str = "compute.host.down") -> Event:
        now = clock()
        return Event(id=self.ids(), type=kind, resource=f"host/{host}", time_us=now, received_us=now)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[None]]:
        vim = SimulatedVim.from_options("sim", {"hosts": 3, "servers_per_host": 0}, clock)
        await self.pipeline.take_map(await vim.snapshot())
        task = asyncio.create_task(self.pipeline.run())
        try:
            yield task
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await vim.close()


async def until(what: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not what():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.005)


async def test_a_controller_that_has_enough_gets_its_actions_later_and_in_order() -> None:
    world = World()
    async with world.running():
        world.parts.has_enough = True
        await world.pipeline.ask(world.down("compute-1"))
        await world.pipeline.ask(world.down("compute-2"))
        assert world.parts.taken == [], "and yet both were decided and told"
        world.parts.has_enough = False

        await until(lambda: len(world.parts.taken) == 2)

    assert [action.target for action in world.parts.taken] == ["host/compute-1", "host/compute-2"]


async def test_a_decision_waits_for_a_store_with_a_full_queue() -> None:
    world = World()
    async with world.running():
        world.parts.is_full = True
        asking = asyncio.create_task(world.pipeline.ask(world.down("compute-1")))
        await asyncio.sleep(0.05)
        world.parts.is_full = False

        await asyncio.wait_for(asking, 5)

    assert [len(change.decisions) for change in world.parts.changes] == [1]


async def test_our_own_events_are_kept_though_the_bound_is_reached() -> None:
    world = World()
    waiting = [world.down("compute-1")] * WAITING_MAX
    raised = Alarm(id="a", fault_type="x", resource="host/h", event_id=7, event_us=0, raised_us=0)
    world.pipeline.state.put_alarm(raised)

    await world.pipeline.resume(undecided=waiting, actions=[], failed={})

    assert world.pipeline.waiting == WAITING_MAX + 1
    with pytest.raises(OverloadedError):
        await world.pipeline.keep([world.down("compute-1")])


async def test_an_event_that_cannot_be_decided_is_passed_by_and_the_next_one_counts() -> None:
    world = World()
    async with world.running():
        bad = world.pipeline.event("nfvigil.vim.settled", "")  # without its details, as a fault of ours would have it

        assert (await world.pipeline.ask(bad)).verdict.is_empty
        assert (await world.pipeline.ask(world.down("compute-1"))).verdict.faults


async def test_a_fault_that_was_cleared_under_another_name_may_be_reported_again() -> None:
    world = World()
    intake = Intake(keep=world.pipeline.keep, ids=world.ids, clock=clock, zone=UTC, limits=Limits(), recent=())
    world.forget = intake.forget

    async def send(status: str, name: str, **more: str) -> None:
        event = {"type": "compute.host.down", "resource": f"host/{name}", "status": status, **more}
        await intake.take(NfvigilFormat().decode(msgspec.json.encode(event)), "v1")
        await until(lambda: world.pipeline.waiting == 0)

    async with world.running():
        await send("down", "compute-1.example.net", monitor="m", monitor_event_id="1")
        assert len(world.pipeline.state.alarms) == 1
        await send("up", "compute-1")
        assert not world.pipeline.state.alarms

        await send("down", "compute-1.example.net", monitor="m", monitor_event_id="1")

        assert len(world.pipeline.state.alarms) == 1


async def test_another_clouds_host_of_the_same_name_that_reports_voids_no_proof() -> None:
    world = World()
    await world.pipeline.take_map(MapChange(vim="a", put=(Host(id="c1", is_reporting=False),)))
    world.pipeline.state.put_memory(f"{PROOF}host/c1", {"epoch": 1})

    await world.pipeline.take_map(MapChange(vim="b", put=(Host(id="c1"),)))
    assert world.pipeline.doubted == set()

    await world.pipeline.take_map(MapChange(vim="a", put=(Host(id="c1"),)))
    assert world.pipeline.doubted == {"host/c1"}
