"""The way of an event through the pipeline, with a store that can be away and a simulated cloud."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from nfvigil.controller.runner import Controller
from nfvigil.controller.vims.failure import Failure
from nfvigil.controller.vims.simulated import SimulatedVim
from nfvigil.errors import OverloadedError, StoreUnavailableError
from nfvigil.inspector import internal
from nfvigil.inspector.policy import CompiledPolicy
from nfvigil.inspector.reading import read_policy
from nfvigil.inspector.resource_map import ResourceMap
from nfvigil.inspector.state import State
from nfvigil.model.action import Action, ActionState
from nfvigil.model.alarm import Alarm, VimState
from nfvigil.model.change import Change
from nfvigil.model.event import Event, Status
from nfvigil.model.ids import EventIds
from nfvigil.model.notification import Delivery, Notification
from nfvigil.model.subscription import Endpoint, Mode, Subscription
from nfvigil.model.verdict import Decision, News, Verdict
from nfvigil.notifier.channel import load_channels
from nfvigil.notifier.compose import Composer
from nfvigil.notifier.matcher import Matcher
from nfvigil.pipeline import WAITING_MAX, Pipeline, told_together

pytestmark = pytest.mark.anyio

POLICY = """
policy: test
rules:
  - {name: host-down, when: {type: compute.host.down}, mark: [force_down]}
  - {name: fan, when: {type: compute.host.fan}}
  - name: servers
    because: compute.host.down
    to: servers
    raise: compute.instance.down
    mark: [server_error, {port_data_plane_down: ports}]
"""


def clock() -> int:
    return time.time_ns() // 1000


class Memory:
    """A store in memory that can be told to be away."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.changes: list[Change] = []
        self.actions: dict[str, Action] = {}
        self.away = False
        self.refused = 0
        self.full = False
        self.slow: dict[int, asyncio.Event] = {}

    async def add_events(self, events: Sequence[Event]) -> None:
        held = self.slow.get(events[0].id)
        if held:
            await held.wait()
        await asyncio.sleep(0)
        if self.away:
            self.refused += 1
            raise StoreUnavailableError("away")
        self.events.extend(events)

    async def commit(self, change: Change) -> None:
        await asyncio.sleep(0)
        if self.away or self.full:
            raise StoreUnavailableError("away")
        self.changes.append(change)
        self.actions.update({action.id: action for action in change.actions})

    async def save_actions(self, actions: Sequence[Action]) -> None:
        if self.away:
            raise StoreUnavailableError("away")
        self.actions.update({action.id: action for action in actions})


class World:
    def __init__(self) -> None:
        self.store = Memory()
        self.told: list[tuple[Notification, Delivery]] = []
        self.vim = SimulatedVim.from_options(
            "sim", {"hosts": 2, "servers_per_host": 3, "ports_per_server": 2, "projects": 2}, clock
        )
        matcher = Matcher(
            [
                Subscription(
                    id="all",
                    mode=Mode.BOTH,
                    endpoints=(Endpoint(id="e", url="http://127.0.0.1:1/"),),
                )
            ]
        )
        self.ids = EventIds(clock)
        self.pipeline = Pipeline(
            keeper=self.store,
            writer=Composer(matcher=matcher, seqs={}, channels=load_channels()),
            tell=self.told.extend,
            act=lambda actions: self.controller.offer(actions),
            policy=CompiledPolicy(read_policy(POLICY, version=1)),
            resource_map=ResourceMap(),
            state=State(),
            ids=self.ids,
            clock=clock,
        )
        self.controller = Controller(
            vims={"sim": self.vim}, report=self.pipeline.report, clock=clock, backoff_seconds=0.01, attempts_max=2
        )

    def event(self, kind: str, host: str, status: Status = Status.DOWN) -> Event:
        now = clock()
        return Event(id=self.ids(), type=kind, resource=f"host/{host}", time_us=now, received_us=now, status=status)

    def news(self, kind: News) -> set[str]:
        return {alarm.resource for note, _ in self.told if note.news is kind for alarm in note.alarms}


async def until(what: Callable[[], object], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not what():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.005)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    there = World()
    await there.pipeline.take_map(await there.vim.snapshot())
    async with contextlib.AsyncExitStack() as stack:
        for work in (there.pipeline.run(), there.controller.run(), _follow(there)):
            task = asyncio.ensure_future(work)
            stack.push_async_callback(_end, task)
        yield there


async def _follow(there: World) -> None:
    async for change in there.vim.changes():
        if change is not None:
            await there.pipeline.take_map(change)


async def _end(task: asyncio.Future[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_a_host_fails_its_owners_hear_and_the_cloud_is_corrected(world: World) -> None:
    await world.pipeline.keep([world.event("compute.host.down", "compute-1")])

    await until(lambda: world.news(News.CONFIRMED))
    assert len(world.news(News.RAISED)) == 4
    assert world.news(News.CONFIRMED) == world.news(News.RAISED)
    assert (await world.vim.show("host/compute-1"))["forced_down"] is True
    assert {alarm.vim_state for alarm in world.pipeline.state.alarms.values()} == {VimState.CONSISTENT}


async def test_raised_does_not_wait_for_the_cloud_but_confirmed_does(world: World) -> None:
    world.vim.inject(Failure(latency_seconds=0.3))

    await world.pipeline.keep([world.event("compute.host.down", "compute-1")])

    await until(lambda: world.news(News.RAISED))
    assert not world.news(News.CONFIRMED)
    await until(lambda: world.news(News.CONFIRMED))


async def test_what_the_cloud_refuses_is_said_with_the_confirmation(world: World) -> None:
    world.vim.inject(Failure(calls=("force_down",), refuse=True))

    await world.pipeline.keep([world.event("compute.host.down", "compute-1")])

    await until(lambda: world.news(News.CONFIRMED))
    states = {alarm.resource: alarm.vim_state for alarm in world.pipeline.state.alarms.values()}
    assert states.pop("host/compute-1") is VimState.INCONSISTENT
    assert set(states.values()) == {VimState.CONSISTENT}


async def test_when_the_fault_is_gone_the_cloud_is_as_it_was(world: World) -> None:
    before = await world.vim.snapshot()
    await world.pipeline.keep([world.event("compute.host.down", "compute-1")])
    await until(lambda: world.news(News.CONFIRMED))

    await world.pipeline.keep([world.event("compute.host.down", "compute-1", Status.UP)])

    await until(lambda: world.news(News.CLEARED))
    await until(lambda: all(action.state.is_over for action in world.store.actions.values()))
    after = await world.vim.snapshot()
    assert (after.hosts, after.servers, after.ports) == (before.hosts, before.servers, before.ports)


async def test_events_are_decided_in_the_order_of_the_log_even_if_an_earlier_one_is_kept_later(world: World) -> None:
    first, second = world.event("compute.host.fan", "compute-1"), world.event("compute.host.fan", "compute-2")
    world.store.slow[first.id] = asyncio.Event()
    keeping = asyncio.ensure_future(world.pipeline.keep([first]))
    await asyncio.sleep(0)

    await world.pipeline.keep([second])
    await asyncio.sleep(0.05)
    assert not world.told, "nothing overtakes what is not durable yet"
    world.store.slow[first.id].set()
    await keeping

    await until(lambda: len(world.news(News.RAISED)) == 2)
    assert [change.cursor for change in world.store.changes if change.cursor][-1] == second.id


async def test_an_event_that_could_not_be_kept_is_refused_and_holds_nobody_up(world: World) -> None:
    world.store.away = True
    with pytest.raises(StoreUnavailableError):
        await world.pipeline.keep([world.event("compute.host.fan", "compute-1")])
    world.store.away = False

    await world.pipeline.keep([world.event("compute.host.fan", "compute-2")])

    await until(lambda: world.news(News.RAISED))
    assert world.news(News.RAISED) == {"host/compute-2"} | {
        alarm.resource for alarm in world.pipeline.state.alarms.values()
    }
    assert world.pipeline.waiting == 0


async def test_a_decision_waits_for_a_store_that_is_away_and_is_told_once_it_is_back(world: World) -> None:
    world.store.full = True
    await world.pipeline.keep([world.event("compute.host.fan", "compute-1")])
    await asyncio.sleep(0.15)
    told_while_away = list(world.told)
    world.store.full = False

    await until(lambda: world.news(News.RAISED))
    assert told_while_away == [], "nothing is told that is not written down"
    assert world.pipeline.waiting == 0


async def test_more_than_can_wait_is_refused(world: World) -> None:
    event = world.event("compute.host.fan", "compute-1")

    with pytest.raises(OverloadedError):
        await world.pipeline.keep([event] * (WAITING_MAX + 1))


async def test_a_server_that_moves_off_the_failed_host_is_well_again(world: World) -> None:
    await world.pipeline.keep([world.event("compute.host.down", "compute-1")])
    await until(lambda: world.news(News.CONFIRMED))
    server = next(key for key in world.news(News.RAISED) if key.startswith("server/"))
    evacuate = Action(id="x", kind="evacuate", target=server, vim="sim", event_id=1, params={"proof_us": 1})

    await world.vim.perform(evacuate)

    await until(lambda: server in world.news(News.CLEARED))
    assert "host/compute-1" not in world.news(News.CLEARED)


async def test_after_a_restart_what_was_left_is_taken_up(world: World) -> None:
    await world.pipeline.keep([world.event("compute.host.down", "compute-1")])
    await until(lambda: world.news(News.RAISED))
    undecided = world.event("compute.host.fan", "compute-2")
    again = World()
    again.pipeline.map = world.pipeline.map
    raised = world.store.changes[0]
    again.pipeline.state = State(faults=raised.faults, alarms=raised.alarms)
    left = [action for action in raised.actions if action.kind == "force_down"]

    running = [asyncio.ensure_future(again.pipeline.run()), asyncio.ensure_future(again.controller.run())]
    await again.pipeline.resume(undecided=[undecided], actions=left, failed={})
    again.controller.offer(left, again=True)

    await until(lambda: "host/compute-2" in again.news(News.RAISED))
    await until(lambda: "host/compute-1" in again.news(News.CONFIRMED))
    assert again.store.actions[left[0].id].state in (ActionState.DONE, ActionState.SKIPPED)
    for task in running:
        await _end(task)


async def test_alarms_whose_actions_were_over_before_the_restart_are_confirmed(world: World) -> None:
    await world.pipeline.keep([world.event("compute.host.down", "compute-1")])
    await until(lambda: world.news(News.RAISED))
    again = World()
    raised = world.store.changes[0]
    again.pipeline.state = State(faults=raised.faults, alarms=raised.alarms)
    running = asyncio.ensure_future(again.pipeline.run())
    failed = next(action for action in raised.actions if action.kind == "force_down")

    await again.pipeline.resume(undecided=[], actions=[], failed={failed.event_id: {failed.target}})

    await until(lambda: len(again.news(News.CONFIRMED)) == 4)
    states = {alarm.resource: alarm.vim_state for alarm in again.pipeline.state.alarms.values()}
    assert states["host/compute-1"] is VimState.INCONSISTENT
    await _end(running)


async def test_acknowledging_is_an_event_like_any_other(world: World) -> None:
    await world.pipeline.keep([world.event("compute.host.fan", "compute-1")])
    await until(lambda: world.news(News.RAISED))
    alarm_id = next(iter(world.pipeline.state.alarms))

    await world.pipeline.ask(world.pipeline.event(internal.ALARM_ACKED, "host/compute-1", alarm_id=alarm_id, by="anna"))

    assert world.pipeline.state.alarms[alarm_id].acked_by == "anna"
    assert world.store.changes[-1].history[0].what == "acknowledged"
    assert world.store.changes[-1].history[0].by == "anna"


async def test_two_pieces_of_news_to_one_subscription_are_numbered_without_a_gap(world: World) -> None:
    subscription = Subscription(id="all", endpoints=(Endpoint(id="e", url="http://127.0.0.1:1/"),))

    await asyncio.gather(
        *(world.pipeline.notify(subscription, News.HEARTBEAT) for _ in range(5)),
        *(world.pipeline.keep([world.event("compute.host.fan", f"compute-{n % 2 + 1}")]) for n in range(5)),
    )

    await until(lambda: world.pipeline.waiting == 0)
    assert [note.seq for note, _ in world.told] == list(range(1, len(world.told) + 1))


@pytest.mark.parametrize("name", ["compute-1", "COMPUTE-1.example.net"])
async def test_owners_hear_of_a_fault_that_came_before_the_cloud_was_known(name: str) -> None:
    world = World()
    tasks = [asyncio.ensure_future(world.pipeline.run()), asyncio.ensure_future(world.controller.run())]
    await world.pipeline.keep([world.event("compute.host.down", name)])
    await until(lambda: world.news(News.RAISED))
    before = world.news(News.RAISED)

    await world.pipeline.take_map(await world.vim.snapshot())

    await until(lambda: len([key for key in world.news(News.RAISED) if key.startswith("server/")]) == 3)
    await until(lambda: world.pipeline.state.alarms and world.store.actions)
    await until(lambda: all(action.state.is_over for action in world.store.actions.values()))
    assert before == {f"host/{name}"}
    assert (await world.vim.show("host/compute-1"))["forced_down"] is True
    assert set(world.pipeline.state.alarms_on) >= {"host/compute-1"}
    for task in tasks:
        await _end(task)


async def test_a_storm_is_told_in_one_message_and_each_event_knows_with_which(world: World) -> None:
    events = [world.event("compute.host.down", f"compute-{number}") for number in (1, 2)]

    await world.pipeline.keep(events)

    await until(lambda: len(world.news(News.CONFIRMED)) == 8)
    raised = [note for note, _ in world.told if note.news is News.RAISED]
    assert len(raised) == 1
    assert raised[0].event_id == events[0].id
    decided = {one.event.id: one.told_with for change in world.store.changes for one in change.decisions}
    assert [decided[event.id] for event in events] == [events[0].id, events[0].id]


@pytest.mark.parametrize(
    ("kinds", "groups"),
    [
        ([{News.RAISED}, {News.RAISED}], [2]),
        ([{News.RAISED, News.CONFIRMED}, {News.CONFIRMED}, {News.RAISED}], [3]),
        ([{News.CLEARED}, {News.CLEARED}], [2]),
        ([{News.RAISED}, {News.CLEARED}], [1, 1]),
        ([{News.CLEARED}, {News.RAISED}], [1, 1]),
        ([{News.RAISED, News.CLEARED}, {News.RAISED, News.CLEARED}], [1, 1]),
        ([{News.CHANGED}, {News.CHANGED}], [1, 1]),
        ([{News.RAISED}, set(), {News.RAISED}], [3]),
        ([set(), {News.RAISED}], [1, 1]),
    ],
    ids=range(9),
)
async def test_only_what_cannot_change_places_is_told_together(kinds: list[set[News]], groups: list[int]) -> None:
    alarm = Alarm(id="a", fault_type="f", resource="host/h", event_id=1, event_us=1, raised_us=1, root="a")
    decisions = [
        Decision(
            event=Event(id=number, type="t", resource="host/h", time_us=1, received_us=1),
            verdict=Verdict(event_id=number, alarms=tuple((news, alarm) for news in sorted(some))),
        )
        for number, some in enumerate(kinds, 1)
    ]

    assert [len(group) for group in told_together(decisions)] == groups


async def test_whoever_looks_on_and_fails_ends_nothing(world: World) -> None:
    def fail(_decisions: Sequence[Decision]) -> None:
        raise RuntimeError("a bug")

    world.pipeline._after = fail

    await world.pipeline.keep([world.event("compute.host.down", "compute-1")])

    await until(lambda: world.news(News.CONFIRMED))
    assert "host/compute-1" in world.news(News.RAISED)


async def test_a_map_that_changed_while_the_store_was_away_is_told_when_it_is_back(world: World) -> None:
    await world.pipeline.keep([world.event("compute.host.down", "compute-1")])
    await until(lambda: world.news(News.CONFIRMED))
    server = next(one for one in (await world.vim.snapshot()).servers if one.host == "compute-1")
    world.store.away = True
    world.vim.change(gone=[f"server/{server.id}"])
    await until(lambda: world.store.refused)
    assert f"server/{server.id}" not in world.news(News.CLEARED)

    world.store.away = False

    await until(lambda: f"server/{server.id}" in world.news(News.CLEARED))
