"""The whole way with its recovery on a simulated cloud and a clock that jumps: what may go wrong is told to it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

import msgspec

from nfvigil.controller.fencing.registry import read_fences
from nfvigil.controller.fencing.simulated import FenceFailure, SimulatedFences
from nfvigil.controller.runner import Controller
from nfvigil.controller.vims.simulated import SimulatedVim
from nfvigil.errors import ConflictError, RefusedError, UnavailableError
from nfvigil.inspector.policy import CompiledPolicy
from nfvigil.inspector.reading import read_policy
from nfvigil.inspector.resource_map import ResourceMap
from nfvigil.inspector.state import PROOF, State
from nfvigil.model.action import Action, ActionKind, Outcome, is_state
from nfvigil.model.change import Change
from nfvigil.model.event import Event, Status
from nfvigil.model.identity import Identity, Role
from nfvigil.model.ids import EventIds
from nfvigil.model.notification import Delivery, Notification
from nfvigil.model.subscription import Endpoint, Mode, Subscription
from nfvigil.model.verdict import News
from nfvigil.notifier.channel import load_channels
from nfvigil.notifier.compose import Composer
from nfvigil.notifier.matcher import Matcher
from nfvigil.pipeline import Pipeline
from nfvigil.settings import Settings
from nfvigil.wiring.recovery import put_recovery_together
from virtual_time import now_us

OPERATOR = Identity(name="ann", project=None, role=Role.ADMIN)
START_US = 1_700_000_000_000_000
POLICY = """
policy: test
rules:
  - {name: host-down, when: {type: compute.host.down}, mark: [force_down]%s}
  - name: servers
    because: compute.host.down
    to: servers
    raise: compute.instance.down
    mark: [server_error]
"""
BY_ITSELF = ", do: [{evacuate: servers}]"
PATHS = {"net": ["ping*"], "oob": ["bmc"]}


def clock() -> int:
    return START_US + now_us()


class Memory:
    """A store that outlives the parts: what is in it was durable."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.changes: list[Change] = []
        self.rows: dict[str, Action] = {}
        self.cursor = 0

    async def add_events(self, events: Sequence[Event]) -> None:
        await asyncio.sleep(0)
        self.events.extend(events)

    async def commit(self, change: Change) -> None:
        await asyncio.sleep(0)
        self.changes.append(change)
        self.rows.update({action.id: action for action in change.actions})
        self.cursor = change.cursor or self.cursor

    async def save_actions(self, actions: Sequence[Action]) -> None:
        await asyncio.sleep(0)
        self.rows.update({action.id: action for action in actions})

    async def actions(
        self,
        *,
        project: str | None,
        event_id: int | None = None,
        instructed: bool = False,
        marker: str | None = None,
        limit: int = 100,
    ) -> list[Action]:
        found = [one for one in self.rows.values() if event_id in (None, one.event_id)]
        return [one for one in found if not instructed or not one.alarm_id]

    async def audit(self, who: str, what: str, target: str = "", text: str = "") -> None:
        """Not asked about here."""

    def state(self) -> State:
        state = State()
        for change in self.changes:
            for decision in change.decisions:
                state.apply(decision.verdict)
        return state


class WatchedVim:
    """The simulated cloud, and what must never be done to it: each violation is a sentence."""

    def __init__(self, world: World, vim: SimulatedVim) -> None:
        self.name = vim.name
        self.vim = vim
        self.evacuated: list[str] = []
        self._world = world
        self.snapshot, self.changes, self.show, self.read, self.close = (
            vim.snapshot,
            vim.changes,
            vim.show,
            vim.read,
            vim.close,
        )

    async def perform(self, action: Action) -> Outcome:
        server = self.vim._cloud.find(action.target) if action.kind == ActionKind.EVACUATE else None
        outcome = await self.vim.perform(action)
        if server is not None and outcome.changed:
            self._world.note_evacuation(action, server.host)
            self.evacuated.append(server.id)
        return outcome


class World:
    def __init__(
        self,
        *,
        options: Mapping[str, Any],
        policy: str = POLICY % "",
        brakes: Mapping[str, Any] | None = None,
        fences: str = "fences: {'*': {driver: simulated}}\n",
    ) -> None:
        self.store = Memory()
        self.told: list[Notification] = []
        self.violations: list[str] = []
        self.promised: set[str] = set()
        """Hosts of which an operator has said that they are off and will stay so."""
        self.switched_off: list[tuple[int, str]] = []
        self.evacuations: list[tuple[int, str]] = []
        """(when, host)"""
        self.sim = SimulatedVim.from_options("sim", options, clock)
        self.vim = WatchedVim(self, self.sim)
        self.switches = SimulatedFences(power=self.sim.is_powered, switch=self._switch_off)
        self.settings = Settings.model_validate({"brakes": {"paths": PATHS, **(brakes or {})}})
        self._fences = fences
        self._policy = CompiledPolicy(read_policy(policy, version=1))
        everybody = Subscription(id="all", mode=Mode.BOTH, endpoints=(Endpoint(id="e", url="http://127.0.0.1:1/"),))
        self._writer = Composer(matcher=Matcher([everybody]), seqs={}, channels=load_channels())
        self._tasks: list[asyncio.Task[Any]] = []
        self._ids = EventIds(clock)

    # Life and death

    async def start(self) -> None:
        state = self.store.state()
        self.pipeline = Pipeline(
            keeper=self.store,
            writer=self._writer,
            tell=self._take_news,
            act=lambda actions: self.controller.offer(actions),
            policy=self._policy,
            resource_map=ResourceMap(),
            state=state,
            ids=self._ids,
            clock=clock,
            decided=lambda decisions: self.recovery.look_out(decisions),
        )
        fences = read_fences(self._fences, clock=clock, drivers={"simulated": self.switches})
        self.recovery = put_recovery_together(
            self.settings, self.pipeline, self.store, fences, controller=lambda: self.controller, clock=clock
        )
        self.desk = self.recovery.desk
        self.controller = Controller(
            vims={"sim": self.vim},
            report=self.pipeline.report,
            clock=clock,
            gate=self.recovery.gate,
            plugins={
                ActionKind.FENCE: self.recovery.fencer.fence,
                ActionKind.EVACUATE: self.recovery.fencer.evacuate,
            },
        )
        changes = self.vim.changes()
        await self.pipeline.take_map(self.sim._cloud.snapshot(clock()))
        self.recovery.look_out.resume(state)
        unfinished = [action for action in self.store.rows.values() if not action.state.is_over]
        self._spawn(self._follow(changes), self.controller.run(), self.pipeline.run(), self.recovery.watch.run())
        self.controller.offer(unfinished, again=True)
        undecided = [event for event in self.store.events if event.id > self.store.cursor]
        await self.pipeline.resume(undecided=undecided, actions=unfinished, failed={})

    def _spawn(self, *work: Coroutine[Any, Any, Any]) -> None:
        self._tasks += [asyncio.get_running_loop().create_task(one) for one in work]

    async def kill(self) -> None:
        """Everything that only the process knew is gone."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, changes: Any) -> None:
        async for change in changes:
            news = self.sim._cloud.snapshot(clock()) if change is None else change
            await self.pipeline.take_map(news)

    # What is told to it

    async def say(
        self,
        monitor: str,
        host: str,
        status: Status = Status.DOWN,
        *,
        kind: str = "compute.host.down",
        sender: str = "",
    ) -> None:
        now = clock()
        event = Event(
            id=self._ids(),
            type=kind,
            resource=f"host/{host}",
            time_us=now,
            received_us=now,
            status=status,
            monitor=monitor,
            sender=sender,
        )
        await self.pipeline.keep([event])

    async def down(self, *hosts: str) -> None:
        """They die, and two independent monitors say so."""
        for host in hosts:
            self.sim.power(host, False)
            self.sim.change(put=[msgspec.structs.replace(self.sim._cloud.host(host), is_reporting=False)])
        for host in hosts:
            await self.say("ping", host)
            await self.say("bmc", host)

    def power_back_in_silence(self, host: str) -> None:
        """Its compute service takes its time to report, or never will."""
        self.sim._cloud.off.discard(host)

    async def confirm_off(self, host: str) -> None:
        with contextlib.suppress(RefusedError):
            await self.desk.confirm_off(host, by="ann", text="seen")
            self.promised.add(host)

    async def instruct(self, kind: str, target: str, who: Identity = OPERATOR, **params: Any) -> Action | None:
        try:
            return await self.desk.instruct(who, kind, target, params)
        except (RefusedError, ConflictError):
            return None

    # What came of it

    def _take_news(self, news: Sequence[tuple[Notification, Delivery]]) -> None:
        self.told.extend(notification for notification, _ in news)

    def heard(self, *kinds: News) -> list[str]:
        return [alarm.resource for note in self.told if note.news in kinds for alarm in note.alarms]

    def actions(self, kind: str) -> list[Action]:
        return [action for action in self.store.rows.values() if action.kind == kind and not action.undo_of]

    def _switch_off(self, host: str) -> None:
        witnesses = self._true_witnesses(host)
        if len(witnesses) < 2:
            self.violations.append(f"{host} was switched off, of which only {witnesses} spoke")
        self.switched_off.append((clock(), host))
        self.sim.power(host, False)

    def _true_witnesses(self, host: str) -> set[str]:
        words = {
            word.monitor
            for fault in self.pipeline.state.faults.values()
            if fault.resource == f"host/{host}"
            for word in fault.assertions
        }
        found = {
            name for name, globs in PATHS.items() if any(w.startswith(g.rstrip("*")) for w in words for g in globs)
        }
        if words and not found:
            found.add("monitors")
        record = self.pipeline.map.get(f"host/{host}")
        if record is not None and not record.is_reporting:
            found.add("vim")
        if any(a.origin == "operator" and a.target == f"host/{host}" for a in self.actions(ActionKind.FENCE)):
            found.add("operator")
        return found

    def note_evacuation(self, action: Action, host: str) -> None:
        self.evacuations.append((clock(), host))
        if self.sim.is_powered(host):
            self.violations.append(f"a second copy of {action.target}: {host} has power")
        proof = self.pipeline.state.memory.get(f"{PROOF}host/{host}")
        if proof is None or proof["epoch"] != action.params.get("fence_epoch"):
            self.violations.append(f"{action.target} was evacuated from {host} without a proof that holds")

    def fence_fails(self, host: str, failure: FenceFailure | None) -> None:
        if failure is None:
            self.switches.failures.pop(host, None)
        else:
            self.switches.failures[host] = failure

    async def rest(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def unfinished(self, *, states: bool) -> list[Action]:
        return [row for row in self.store.rows.values() if not row.state.is_over and is_state(row.kind) is states]


__all__ = ["BY_ITSELF", "OPERATOR", "POLICY", "UnavailableError", "World", "clock"]
