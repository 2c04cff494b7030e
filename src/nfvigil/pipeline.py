"""The way of an event, written once.

    keep    durable in the log, then the sender has its 2xx
    decide  pure, in the order of the log
    commit  decisions, alarms, actions and notifications in one transaction
    tell    the consumers hear "raised" at once ...
    act     ... while the cloud is brought in line; when it is, that is an event too, and "confirmed" goes out

Nothing is done that was not written down before. After a crash, ``resume`` finds what is left.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec
import structlog

from nfvigil.errors import OverloadedError, UnavailableError
from nfvigil.inspector import internal
from nfvigil.inspector.decide import decide
from nfvigil.inspector.happenings import happenings_of
from nfvigil.inspector.policy import CompiledPolicy
from nfvigil.inspector.resource_map import ResourceMap
from nfvigil.inspector.state import RESTORING, State
from nfvigil.model.action import Action, ActionState, is_state
from nfvigil.model.alarm import Alarm, AlarmState, HistoryEntry
from nfvigil.model.change import Change
from nfvigil.model.event import Event, Status
from nfvigil.model.event_alarm import Fired
from nfvigil.model.fault import Fault
from nfvigil.model.happening import Happening
from nfvigil.model.ids import EventIds
from nfvigil.model.notification import Delivery, Notification
from nfvigil.model.resource import Host, Kind, MapChange, Snapshot, key_of
from nfvigil.model.subscription import Subscription
from nfvigil.model.verdict import Decision, News, Verdict

_log = structlog.get_logger(__name__)

BATCH_MAX = 256
"""Events decided in one transaction: enough to amortise it, few enough that the first need not wait for the last."""
WAITING_MAX = 100_000
"""Events kept and not decided; beyond that senders are told to come back later."""
DEEDS_MAX = 200
"""Deeds whose end is told with one event."""
KEYS_MAX = 500
"""Resources named in one event about a changed map."""

TURN_SECONDS = 5.0
"""How long one waits for the end of a turn."""
RETRY_SECONDS = 0.5
"""How long actions wait before they are offered again to a controller that has enough of them."""


class Keeper(Protocol):
    """What the pipeline needs of the store."""

    async def add_events(self, events: Sequence[Event]) -> None: ...

    async def commit(self, change: Change) -> None: ...

    async def save_actions(self, actions: Sequence[Action]) -> None: ...


class Writer(Protocol):
    """What the pipeline needs of whoever composes notifications."""

    def compose(
        self, news: Sequence[tuple[News, Alarm]], event_id: int, now_us: int
    ) -> tuple[list[Notification], list[Delivery]]: ...

    def compose_happening(
        self, happening: Happening, event_id: int, now_us: int
    ) -> tuple[list[Notification], list[Delivery]]: ...

    def compose_single(
        self, subscription: Subscription, news: News, alarms: Sequence[Alarm], now_us: int
    ) -> tuple[list[Notification], list[Delivery]]: ...


class EventAlarms(Protocol):
    """What the pipeline needs of whoever evaluates event alarms."""

    def decided(self, decisions: Sequence[Decision], now_us: int) -> Fired:
        """What decisions fire. It counts as written from then on, as it will be."""

    def told(self, fired: Fired) -> None:
        """It is written, and on its way."""


class NoEventAlarms:
    """There are none."""

    def decided(self, decisions: Sequence[Decision], now_us: int) -> Fired:
        return Fired()

    def told(self, fired: Fired) -> None:
        """Nothing was fired."""


Tell = Callable[[Sequence[tuple[Notification, Delivery]]], None]
Act = Callable[[Sequence[Action]], None]
Observe = Callable[[str, float], None]
"""Metrics: (stage, seconds)."""


class _Slot:
    """Events on their way into the log: they are decided in the order in which they were handed in."""

    __slots__ = ("done", "events", "is_durable", "waits")

    def __init__(self, events: Sequence[Event], waits: asyncio.Future[list[Decision]] | None) -> None:
        self.events = events
        self.waits = waits
        self.done = False
        self.is_durable = False


async def _at_once() -> None:
    """Nothing to wait for."""


class Pipeline:
    """Moves events along the way.

    ``state`` and ``map`` change in here and nowhere else. ``sent`` waits, for a moment at most, until what was told is
    on its way. ``decided`` sees every decision when it is durable and told, before anything of it is done.
    """

    def __init__(
        self,
        *,
        keeper: Keeper,
        writer: Writer,
        tell: Tell,
        act: Act,
        sent: Callable[[], Awaitable[None]] = _at_once,
        policy: CompiledPolicy,
        resource_map: ResourceMap,
        state: State,
        ids: EventIds,
        clock: Callable[[], int],
        event_alarms: EventAlarms | None = None,
        forget: Callable[..., None] = lambda *_names: None,
        decided: Callable[[Sequence[Decision]], None] = lambda _decisions: None,
        observe: Observe = lambda _stage, _seconds: None,
    ) -> None:
        self.policy = policy
        self.map = resource_map
        self.map.is_free = state.is_free
        self._names_version = -1
        self.state = state
        self._keeper = keeper
        self._writer = writer
        self._tell = tell
        self._act = act
        self._sent = sent
        self._ids = ids
        self._clock = clock
        self._event_alarms = event_alarms or NoEventAlarms()
        self._forget = forget
        self._after = decided
        self._observe = observe
        self._slots: deque[_Slot] = deque()
        self._waiting = 0
        self._wake = asyncio.Event()
        self._writing = asyncio.Lock()
        self._untaken: deque[Sequence[Action]] = deque()
        self._is_untaken = asyncio.Event()
        self._unfinished: dict[int, set[str]] = {}
        self._failed: dict[int, set[str]] = {}
        self._found: dict[int, dict[str, str]] = {}
        self._touched: dict[str, None] = {}
        self._returned: dict[str, None] = {}
        self._still: dict[str, None] = {}
        self.doubted: set[str] = set()
        """Keys of hosts whose proof is void as soon as that is decided."""
        self._is_touched = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Events that are kept, or being kept, and not decided."""
        return self._waiting

    async def keep(self, events: Sequence[Event]) -> None:
        """Make events durable; they are decided right after, without anybody waiting for it.

        Raises StoreUnavailableError or OverloadedError: then none of them is kept.
        """
        if self._waiting + len(events) > WAITING_MAX:
            raise OverloadedError(f"{self._waiting} events are waiting to be decided")
        await self._keep(_Slot(events, None))

    async def ask(self, event: Event) -> Decision:
        """Keep one event and wait until what was decided about it is durable."""
        slot = _Slot((event,), asyncio.get_running_loop().create_future())
        await self._keep(slot)
        assert slot.waits is not None
        return (await slot.waits)[0]

    def event(self, kind: str, resource: str, status: Status = Status.DOWN, **details: Any) -> Event:
        """An event of our own; hand it to ``keep`` or ``ask`` at once, for its id counts from now."""
        return internal.internal_event(self._ids(), kind, resource, self._clock(), status, details)

    def preview(self, event: Event) -> Decision:
        """What would be decided about an event now; nothing is kept."""
        return decide(event, self.policy, self.map, self.state)

    @property
    def writing(self) -> asyncio.Lock:
        """Held from composing what is told until it is written down."""
        return self._writing

    def now(self) -> int:
        return self._clock()

    async def _keep(self, slot: _Slot) -> None:
        self._slots.append(slot)
        self._waiting += len(slot.events)
        started = self._clock()
        try:
            await self._keeper.add_events(slot.events)
            slot.is_durable = True
        finally:
            if not slot.is_durable:
                self._waiting -= len(slot.events)
            slot.done = True
            self._wake.set()
        self._observe("keep", (self._clock() - started) / 1e6)

    async def run(self) -> None:
        """Decide about whatever is kept, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch_map(), name="map changes")
            group.create_task(self._hand_over_all(), name="actions that wait")
            while True:
                await self._wake.wait()
                self._wake.clear()
                while batch := self._next():
                    await self._turn(batch)

    def _next(self) -> list[_Slot]:
        """What is to be decided next, in the order of the log; nothing behind what is not yet durable."""
        batch: list[_Slot] = []
        size = 0
        while self._slots and self._slots[0].done and size < BATCH_MAX:
            slot = self._slots.popleft()
            if slot.is_durable:
                batch.append(slot)
                size += len(slot.events)
        return batch

    async def _turn(self, batch: Sequence[_Slot]) -> None:
        """Decide, write down, tell, act."""
        started = self._clock()
        decisions: list[Decision] = []
        for slot in batch:
            for event in slot.events:
                decided = self._decided(event)
                self.state.apply(decided.verdict)
                decisions.append(msgspec.structs.replace(decided, decided_us=self._clock()))
                if len(decisions) % 64 == 0:
                    await asyncio.sleep(0)  # let senders in between: a storm is no reason to keep them waiting
        decided_us = self._clock()
        self._observe("decide", (decided_us - started) / 1e6)
        async with self._writing:
            fired = self._event_alarms.decided(decisions, decided_us)
            change = _with_fired(self._change(decisions, decided_us), fired)
            await self._commit(change)
            self._observe("commit", (self._clock() - decided_us) / 1e6)
            self._tell(_paired(change.notifications, change.deliveries))
            self._event_alarms.told(fired)
        for decision in decisions:
            if self.doubted and decision.event.type == internal.MAP_CHANGED:
                self.doubted.difference_update(decision.event.details.get("returned", ()))
        self._waiting -= len(decisions)
        self._look_out(decisions)  # before anything of it begins: the brakes must know of a mass failure by then
        self._take_on(change.actions)
        for fault in change.faults:
            if fault.cleared_us is not None:
                self._forget(*self._names_of(fault))
        first = 0
        for slot in batch:
            last = first + len(slot.events)
            if slot.waits is not None and not slot.waits.done():
                slot.waits.set_result(decisions[first:last])
            first = last

    def _look_out(self, decisions: Sequence[Decision]) -> None:
        try:
            self._after(decisions)
        except Exception:
            # It is decided, kept and told: whoever looks on must not end the way for all that comes after.
            _log.exception("the look-out failed", events=[decision.event.id for decision in decisions[:5]])

    def _names_of(self, fault: Fault) -> set[str]:
        """What monitors may have called what was ill: cleared by any of them, the same report counts again."""
        names = {fault.resource}
        for word in fault.assertions:
            names.update((word.resource, word.named or word.resource))
        for key in tuple(names):
            record = self.map.get(key)
            if isinstance(record, Host):
                names.update(f"host/{other}" for other in (record.name, *record.aliases) if other)
        return names

    def _decided(self, event: Event) -> Decision:
        """The decision; none where it fails, which leaves the state as it was. It stays in the log, and would end
        this process and every one after it, all other alarms with it.
        """
        try:
            return decide(event, self.policy, self.map, self.state)
        except Exception:
            _log.exception("an event could not be decided and is passed by", event_id=event.id, type=event.type)
            return Decision(event=event, verdict=Verdict(event_id=event.id, policy=self.policy.label))

    def _change(self, decisions: Sequence[Decision], now_us: int) -> Change:
        notifications: list[Notification] = []
        deliveries: list[Delivery] = []
        alarms: dict[str, Alarm] = {}
        history: list[HistoryEntry] = []
        memory: dict[str, Any] = {}
        together = told_together(decisions)
        for group in together:
            news = [one for decision in group for one in decision.verdict.alarms]
            if news:
                some, their = self._writer.compose(news, group[0].event.id, now_us)
                notifications.extend(some)
                deliveries.extend(their)
        for decision in decisions:
            for happening in happenings_of(decision, self.map):
                some, their = self._writer.compose_happening(happening, decision.event.id, now_us)
                notifications.extend(some)
                deliveries.extend(their)
            verdict = decision.verdict
            for _, alarm in verdict.alarms:
                alarms[alarm.id] = alarm
            for alarm in verdict.silent:
                alarms[alarm.id] = alarm
            memory.update(verdict.memory)
            history.extend(_history(decision))
        return Change(
            # What changed nothing is not kept: made again on the same state it would change nothing again.
            decisions=tuple(
                msgspec.structs.replace(decision, told_with=group[0].event.id)
                for group in together
                for decision in group
                if not decision.verdict.is_empty
            ),
            faults=tuple({fault.id: fault for one in decisions for fault in one.verdict.faults}.values()),
            alarms=tuple(alarms.values()),
            history=tuple(history),
            actions=tuple(action for one in decisions for action in one.verdict.actions),
            memory=memory,
            notifications=tuple(notifications),
            deliveries=tuple(deliveries),
            cursor=decisions[-1].event.id,
        )

    async def _commit(self, change: Change) -> None:
        """Write it down, however long the store is away: our state is ahead of it, and nothing may overtake it."""
        pause = 0.1
        while True:
            try:
                await self._keeper.commit(change)
                return
            except UnavailableError as error:
                _log.error("decisions wait for the store", reason=str(error), events=len(change.decisions))
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)

    # What is done in the VIM

    def _take_on(self, actions: Sequence[Action]) -> None:
        if actions:
            self._await_states(actions)
            self._untaken.append(actions)
            self._is_untaken.set()

    def _await_states(self, actions: Sequence[Action]) -> None:
        """An event's alarms are confirmed when its states are set; what is done once may take much longer."""
        for action in actions:
            if is_state(action.kind):
                self._unfinished.setdefault(action.event_id, set()).add(action.id)

    def _hand_over(self) -> None:
        """Actions go to the controller in their order, as far as it takes them: news must not wait for a dead VIM."""
        while self._untaken:
            try:
                self._act(self._untaken[0])
            except OverloadedError as error:
                _log.warning("actions wait for the controller", reason=str(error))
                return
            self._untaken.popleft()
        self._is_untaken.clear()

    async def _hand_over_all(self) -> None:
        """Behind the messages: a rack's 4,000 actions would hold them up by what it takes to begin them."""
        while True:
            await self._is_untaken.wait()
            await self._sent()
            self._hand_over()
            if self._untaken:
                await asyncio.sleep(RETRY_SECONDS)

    async def report(self, actions: Sequence[Action]) -> None:
        """The controller says how actions went. When an event's last one is over, its alarms are confirmed."""
        # How a deed ended is in the log before its row says so: killed in between, it is told twice rather than never.
        await self._tell_of_deeds([action for action in actions if action.state.is_over and not is_state(action.kind)])
        await self._keeper.save_actions(actions)
        for action in actions:
            if action.state.is_over:
                if action.state is ActionState.FAILED and is_state(action.kind) and action.event_id in self._unfinished:
                    self._failed.setdefault(action.event_id, set()).add(action.target)
                if action.found is not None and action.event_id in self._unfinished:
                    self._found.setdefault(action.event_id, {})[action.mark] = action.found
                left = self._unfinished.get(action.event_id)
                if left is not None:
                    left.discard(action.id)
                    if not left:
                        await self._settled(action.event_id)

    async def _tell_of_deeds(self, deeds: Sequence[Action]) -> None:
        for first in range(0, len(deeds), DEEDS_MAX):
            told = [
                [deed.id, deed.kind, deed.target, deed.vim, deed.project, deed.state.value, deed.result]
                for deed in deeds[first : first + DEEDS_MAX]
            ]
            await self._keep(_Slot([self.event(internal.DEEDS_OVER, "", deeds=told)], None))

    async def _settled(self, event_id: int) -> None:
        failed = sorted(self._failed.get(event_id, ()))
        # Past the bound: what we began must come to its end, and a start with a full log must not fail for it.
        found = self._found.get(event_id, {})
        settled = self.event(internal.VIM_SETTLED, "", event_id=event_id, failed=failed, found=found)
        await self._keep(_Slot([settled], None))
        self._unfinished.pop(event_id, None)
        self._failed.pop(event_id, None)
        self._found.pop(event_id, None)

    # What else comes in

    async def take_map(self, news: Snapshot | MapChange) -> None:
        """The VIM's resources have changed. Whom it concerns is worked out anew where alarms stand."""
        returning = self._returning(news)
        self._returned.update(dict.fromkeys(returning))
        self.doubted.update(returning)
        touched = self.map.load(news) if isinstance(news, Snapshot) else self.map.apply(news)
        concerned = [key for key in touched if key in self.state.alarms_on or key in self.state.faults_on]
        if self._names_version != self.map.names.version:
            self._names_version = self.map.names.version
            # Names that monitors used and the map did not know may be known now.
            unknown = {fault.resource for fault in self.state.faults.values() if self.map.get(fault.resource) is None}
            concerned.extend(key for key in unknown if self.map.resolve(key))
        self._touched.update(dict.fromkeys(sorted(concerned)))
        if isinstance(news, Snapshot) and self.state.held:
            free = self.state.free_since(news.vim, news.taken_us)
            self._still.update((key, None) for key in free if getattr(self.map.get(key), "status", "") == "ERROR")
        if self._touched or self._returned or self._still:
            self._is_touched.set()

    def _returning(self, news: Snapshot | MapChange) -> list[str]:
        """Hosts that were proven off and report: the proof is void. Those that were known to report all the while are
        not among them, as a host's last heartbeat holds for a minute after its power went. One that was not known
        before (we were away ourselves) may have come back meanwhile.
        """
        hosts = news.hosts if isinstance(news, Snapshot) else [one for one in news.put if isinstance(one, Host)]
        found = []
        for host in hosts if self.state.proofs else ():
            key = key_of(Kind.HOST, host.id)
            before = self.map.get(key)
            if before is not None and before.vim != news.vim:
                continue  # another cloud's host of the same name
            was_reporting = isinstance(before, Host) and before.is_reporting
            if key in self.state.proofs and host.is_reporting and not was_reporting:
                found.append(key)
        return found

    async def _watch_map(self) -> None:
        """Gather for a moment what changes together: an evacuation moves a hundred servers."""
        while True:
            await self._is_touched.wait()
            await asyncio.sleep(0.02)
            self._is_touched.clear()
            keys, self._touched = list(self._touched), {}
            returned, self._returned = list(self._returned), {}
            for first in range(0, max(len(keys), bool(returned)), KEYS_MAX):
                some = keys[first : first + KEYS_MAX]
                gone = [key for key in some if self.map.get(key) is None]
                event = self.event(internal.MAP_CHANGED, "", keys=some, gone=gone, returned=returned)
                try:
                    await self.keep([event])
                except UnavailableError:
                    self._touched.update(dict.fromkeys(event.details["keys"]))
                    self._returned.update(dict.fromkeys(returned))
                    self._is_touched.set()
                    await asyncio.sleep(1.0)
            await self._tell_of_still()

    async def _tell_of_still(self) -> None:
        """Where the store is away, the next listing finds them again."""
        keys, self._still = list(self._still), {}
        with contextlib.suppress(UnavailableError):
            for first in range(0, len(keys), KEYS_MAX):
                await self.keep([self.event(internal.VDU_STILL, "", keys=keys[first : first + KEYS_MAX])])

    async def notify(self, subscription: Subscription, news: News, alarms: Sequence[Alarm] = ()) -> list[Notification]:
        """Send one subscription something that no event caused: a heartbeat, a test, a summary."""
        async with self._writing:
            notifications, deliveries = self._writer.compose_single(subscription, news, alarms, self._clock())
            await self._commit(Change(notifications=tuple(notifications), deliveries=tuple(deliveries)))
            self._tell(_paired(notifications, deliveries))
        return notifications

    @contextlib.asynccontextmanager
    async def between_turns(self, seconds: float = TURN_SECONDS) -> AsyncIterator[None]:
        """While nothing is decided or told: for who changes what decisions are told by. UnavailableError where it
        takes too long to get there, as when what was decided waits for the store.
        """
        try:
            async with asyncio.timeout(seconds):
                await self._writing.acquire()
        except TimeoutError as error:
            raise OverloadedError("what was decided is still being written down") from error
        try:
            yield
        finally:
            self._writing.release()

    async def fire(self, make: Callable[[int], Fired]) -> Fired:
        """Write down and tell what ``make`` finds to have fired by nothing that was decided. It gets the time."""
        async with self._writing:
            fired = make(self._clock())
            if not fired.is_empty:
                await self._commit(_with_fired(Change(), fired))
                self._tell(_paired(fired.notifications, fired.deliveries))
                self._event_alarms.told(fired)
        return fired

    async def put(self, make: Callable[[int], Change | None]) -> None:
        """Write down and tell what ``make`` finds to be told, by nothing that was decided. It gets the time, is called
        between two turns, and what it returns is durable when this returns.
        """
        async with self._writing:
            change = make(self._clock())
            if change is not None:
                await self._commit(change)
                self._tell(_paired(change.notifications, change.deliveries))

    # After a restart

    async def resume(
        self,
        *,
        undecided: Sequence[Event],
        actions: Sequence[Action],
        failed: Mapping[int, set[str]],
    ) -> None:
        """Take up what an earlier process left: events to decide, actions to finish, alarms to confirm.

        ``failed`` has the targets of actions that were given up, for events that may not have been settled.
        """
        for start in range(0, len(undecided), BATCH_MAX):
            slot = _Slot(undecided[start : start + BATCH_MAX], None)
            slot.done = slot.is_durable = True
            self._slots.append(slot)
            self._waiting += len(slot.events)
        self._wake.set()
        self._await_states(actions)
        self._failed = {event_id: set(targets) for event_id, targets in failed.items()}
        open_events = {alarm.event_id for alarm in self.state.alarms.values() if alarm.state is AlarmState.RAISED}
        open_events.update(
            int(name.removeprefix(RESTORING)) for name in self.state.memory if name.startswith(RESTORING)
        )
        for event_id in sorted(open_events - self._unfinished.keys()):
            await self._settled(event_id)


def told_together(decisions: Sequence[Decision]) -> list[list[Decision]]:
    """Neighbours whose news goes out in one notification for each who hears of it: a storm is told in few messages.

    Only what is raised (or confirmed) is put together, or only what is cleared: in a notification's order of news a
    clear could otherwise change places with a raise of the same.
    """
    groups: list[list[Decision]] = []
    last: frozenset[News] = frozenset()
    for decision in decisions:
        kinds = frozenset(news for news, _ in decision.verdict.alarms)
        way = next((way for way in ONE_WAY if kinds and kinds <= way), frozenset[News]())
        if groups and (not kinds or (way and way == last)):
            groups[-1].append(decision)
        else:
            groups.append([decision])
            last = way
    return groups


ONE_WAY = (frozenset({News.RAISED, News.CONFIRMED}), frozenset({News.CLEARED}))


def _with_fired(change: Change, fired: Fired) -> Change:
    if fired.is_empty:
        return change
    return msgspec.structs.replace(
        change,
        notifications=change.notifications + fired.notifications,
        deliveries=change.deliveries + fired.deliveries,
        event_alarms=fired.alarms,
        event_alarm_changes=fired.changes,
        fired_events=fired.events,
    )


def _history(decision: Decision) -> Iterable[HistoryEntry]:
    event = decision.event
    by = str(event.details.get("by", "")) if event.door == internal.DOOR else event.monitor
    for news, alarm in decision.verdict.alarms:
        what = news.value
        if event.type == internal.ALARM_ACKED and event.door == internal.DOOR:
            what = "acknowledged" if alarm.acked_us else "unacknowledged"
        yield HistoryEntry(
            alarm_id=alarm.id, at_us=event.received_us, what=what, by=by, event_id=event.id, text=alarm.text
        )


def _paired(
    notifications: Sequence[Notification], deliveries: Sequence[Delivery]
) -> list[tuple[Notification, Delivery]]:
    by_id = {notification.id: notification for notification in notifications}
    return [(by_id[delivery.notification], delivery) for delivery in deliveries]
