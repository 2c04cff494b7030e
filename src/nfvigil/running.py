"""A running NFVigil: in which order its parts start and end, and what an earlier process left."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import structlog

from nfvigil.brakes.watch import OutageWatch
from nfvigil.controller.runner import Controller
from nfvigil.desks.event_alarms import EventAlarmDesk
from nfvigil.errors import UnavailableError
from nfvigil.inspector.state import RESTORING, State
from nfvigil.lookout import LookOut
from nfvigil.model.action import Action, ActionState, is_state
from nfvigil.model.alarm import AlarmState
from nfvigil.model.event import Event
from nfvigil.model.notification import Delivery, Notification
from nfvigil.northbound.audit_notes import AuditNotes
from nfvigil.northbound.rules.file import PolicyFile
from nfvigil.notifier.control_plane import ControlPlane
from nfvigil.notifier.dispatch import Dispatcher
from nfvigil.notifier.heartbeat import Heartbeats
from nfvigil.pipeline import Pipeline
from nfvigil.retention import Retention
from nfvigil.settings import Settings
from nfvigil.southbound.inventory import Inventory
from nfvigil.store import Store
from nfvigil.store.alarm_query import LIMIT_MAX
from nfvigil.store.event_records import action_marker

_log = structlog.get_logger("nfvigil")

MAP_WAIT_SECONDS = 10.0
"""How long a start waits for the clouds to be listed. Beyond that we decide with what we know: who owns what a
fault concerns is found out later, but the administrator hears of it at once."""
PAGE = 5_000
DELIVERIES_MAX = 20_000
GRACE_SECONDS = 5.0
LEASE_SECONDS = 30.0


class Service:
    """The parts of a running NFVigil, put together by ``open_service``."""

    def __init__(
        self,
        *,
        settings: Settings,
        store: Store,
        pipeline: Pipeline,
        controller: Controller,
        dispatcher: Dispatcher,
        heartbeats: Heartbeats,
        inventory: Inventory,
        outages: OutageWatch,
        look_out: LookOut,
        control: ControlPlane,
        alarming: EventAlarmDesk,
        retention: Retention,
        permissions: PolicyFile,
        audit_notes: AuditNotes,
        app: Any,
        undecided: list[Event],
        beside: Mapping[str, Callable[[], Coroutine[Any, Any, None]]] | None = None,
    ) -> None:
        self.settings = settings
        self.store = store
        self.pipeline = pipeline
        self.controller = controller
        self.dispatcher = dispatcher
        self.heartbeats = heartbeats
        self.inventory = inventory
        self.outages = outages
        self.look_out = look_out
        self.control = control
        self.alarming = alarming
        self.retention = retention
        self.permissions = permissions
        self.audit_notes = audit_notes
        self.app = app
        self.undecided = undecided
        self.beside = beside or {}
        """What else runs while we serve, by name; each ends when it is cancelled."""

    async def run(self, serve: Callable[[Any], Any]) -> None:
        """Start the parts from the inside out, serve until ``serve`` returns, end them from the outside in."""
        async with asyncio.TaskGroup() as group:
            tell = group.create_task(self.dispatcher.run(), name="dispatcher")
            act = group.create_task(self.controller.run(), name="controller")
            rest = [group.create_task(self.inventory.run(), name="inventory")]
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(MAP_WAIT_SECONDS):
                    await self.inventory.ready.wait()
            _settle_memory()
            # With the map: whether it was a mass failure hangs on how many hosts a zone has.
            self.look_out.resume(self.pipeline.state)
            # What is left comes first: what is decided now is for the same endpoints and VIM states, and after it.
            await self._resume()
            rest.append(group.create_task(self.pipeline.run(), name="pipeline"))
            rest.append(group.create_task(self.alarming.run(), name="event alarms"))
            rest.append(group.create_task(self.outages.run(), name="outages"))
            rest.append(group.create_task(self.heartbeats.run(), name="heartbeats"))
            rest.append(group.create_task(_keep_leases(self.store), name="leases"))
            rest.append(group.create_task(self.retention.run(), name="retention"))
            rest.append(group.create_task(self.control.run(), name="control plane"))
            rest += [group.create_task(run(), name=name) for name, run in self.beside.items()]
            rest.append(group.create_task(self.permissions.run(), name="policy file"))
            rest.append(group.create_task(self.audit_notes.run(), name="audit notes"))
            await serve(self.app)
            for task in rest:
                task.cancel()
            await self.audit_notes.flush()
            await asyncio.gather(self.dispatcher.close(GRACE_SECONDS), self.controller.close(GRACE_SECONDS))
            await asyncio.gather(tell, act, return_exceptions=True)

    async def _resume(self) -> None:
        """Take up what an earlier process left."""
        store = self.store
        undecided, self.undecided = self.undecided, []
        actions: list[Action] = []
        while some := await store.claim_actions(PAGE, after=actions[-1] if actions else None):
            actions.extend(some)
        failed = await failed_actions(store, self.pipeline.state)
        deliveries: list[tuple[Notification, Delivery]] = []
        while more := await store.claim_deliveries(PAGE, after=deliveries[-1][1] if deliveries else None):
            deliveries.extend(more)
            if len(deliveries) >= DELIVERIES_MAX:
                break
        self.dispatcher.offer(deliveries)
        if len(deliveries) >= DELIVERIES_MAX:
            # They come endpoint by endpoint: of the others the dispatcher reads what is left itself.
            last = deliveries[-1][1].endpoint
            for subscription in await store.subscriptions():
                if any(endpoint.id >= last for endpoint in subscription.endpoints):
                    self.dispatcher.rewind(subscription.id, 0)
        self.controller.offer(actions, again=True)
        await self.pipeline.resume(undecided=undecided, actions=actions, failed=failed)
        if undecided or actions or deliveries:
            _log.info("resumed", events=len(undecided), actions=len(actions), deliveries=len(deliveries))


async def _keep_leases(store: Store) -> None:
    """Say now and then that we are alive, so that nobody takes over our rows."""
    while True:
        await asyncio.sleep(LEASE_SECONDS / 3)
        try:
            await store.renew_leases(LEASE_SECONDS)
        except UnavailableError as error:
            _log.warning("leases not renewed", reason=str(error))


async def failed_actions(store: Store, state: State) -> dict[int, set[str]]:
    """The targets of actions that were given up, by event, of the events of which not everything may be over."""
    events = {alarm.event_id for alarm in state.alarms.values() if alarm.state is AlarmState.RAISED}
    events.update(mark.event_id for alarm in state.alarms.values() for mark in alarm.marks)
    events.update(int(name.removeprefix(RESTORING)) for name in state.memory if name.startswith(RESTORING))
    found: dict[int, set[str]] = {}
    for event_id in sorted(events):
        marker = None
        while page := await store.actions(
            project=None, event_id=event_id, state=ActionState.FAILED, marker=marker, limit=LIMIT_MAX
        ):
            found.setdefault(event_id, set()).update(action.target for action in page if is_state(action.kind))
            marker = action_marker(page[-1])
    return found


def _settle_memory() -> None:
    """The map is long-lived: leave it out of the collector's rounds, each of which would stop us for 50 ms."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
