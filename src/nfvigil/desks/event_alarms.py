"""What people ask for about event alarms, and the events of the cloud's own bus that pass by.

Who changes an alarm does it between two turns of the pipeline: nothing is evaluated while the store and what is known
here differ.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import structlog
from msgspec.structs import replace

from nfvigil.errors import FieldError, ForbiddenError, NotFoundError, RefusedError, UnavailableError
from nfvigil.model.event_alarm import (
    AodhState,
    ChangeType,
    CloudEvent,
    EventAlarm,
    EventAlarmChange,
    Fired,
)
from nfvigil.model.secret_fields import hidden
from nfvigil.model.subscription import Subscription
from nfvigil.notifier.compose import Composer
from nfvigil.notifier.dispatch import Dispatcher
from nfvigil.notifier.event_alarms import EventAlarms, is_local, query_view, subscription_of
from nfvigil.notifier.event_query import flaws
from nfvigil.notifier.matcher import Matcher
from nfvigil.notifier.safety import Safety
from nfvigil.pipeline import Pipeline
from nfvigil.store import Store
from nfvigil.store.event_alarm_query import EventAlarmQuery

_log = structlog.get_logger(__name__)

WAITING_MAX = 10_000
"""Events of the bus that wait to be evaluated; beyond that the newest are dropped, and counted."""
BATCH_MAX = 256
KEPT_SECONDS = 5.0
"""How long a reader of the bus waits at most until what it handed over is written."""
STATE_SECONDS = 10.0
ACTIONS_MAX = 16
TEXT_MAX = 255
_SENT = ("http", "https")
_NOT_HERE: Mapping[str, str] = {
    "trust+http": "a trust of Keystone's would be needed, and none is made here",
    "trust+https": "a trust of Keystone's would be needed, and none is made here",
    "trust+heat": "Heat is not called here: give its signal URL, which is https",
    "zaqar": "Zaqar is not written to here",
    "trust+zaqar": "Zaqar is not written to here",
}


class EventAlarmDesk:
    """One method a wish. Each is durable when it returns, and raises a RefusedError that says what is wrong."""

    def __init__(
        self,
        *,
        alarms: EventAlarms,
        pipeline: Pipeline,
        store: Store,
        matcher: Matcher,
        dispatcher: Dispatcher,
        composer: Composer,
        safety: Safety,
        clock: Callable[[], int],
        new_id: Callable[[], str],
        quota: int,
        own_publishers: Collection[str] = (),
    ) -> None:
        """``own_publishers`` are the names under which we publish to buses ourselves."""
        self._alarms = alarms
        self._pipeline = pipeline
        self._store = store
        self._matcher = matcher
        self._dispatcher = dispatcher
        self._composer = composer
        self._safety = safety
        self._clock = clock
        self._new_id = new_id
        self.quota = quota
        self.counts: Counter[str] = Counter()
        """What became of the bus's events: ``taken``, ``dropped``, ``fired``; ``own`` were told by us."""
        self._own_publishers = frozenset(own_publishers)
        self._waiting: deque[CloudEvent] = deque()
        self._arrived = asyncio.Event()
        self._settled = asyncio.Event()
        self._settled.set()

    @property
    def count(self) -> int:
        """How many alarms there are."""
        return len(self._alarms.index)

    # Alarms

    async def create(self, alarm: EventAlarm, *, by: tuple[str, str]) -> EventAlarm:
        """``by`` is who does it: his project and his name."""
        self._check(alarm)
        now_us = self._clock()
        alarm = replace(
            alarm,
            created_us=now_us,
            changed_us=now_us,
            state_us=now_us,
            evaluated_us=now_us,
            state_reason="Not evaluated yet",
        )
        change = self._change(alarm, ChangeType.CREATION, definition(alarm), by)
        if self._alarms.index.count(alarm.project) >= self.quota:
            raise ForbiddenError(f"Alarm quota exceeded for user {alarm.user} on project {alarm.project}")
        self._alarms.index.check_room(alarm)
        way = subscription_of(alarm)
        await self._store.put_event_alarm(alarm, way, change, is_new=True)
        self._put(alarm, way)  # Nobody can have changed it before: it is not known to anybody yet.
        return alarm

    async def change(
        self, alarm_id: str, project: str | None, make: Callable[[EventAlarm], EventAlarm], *, by: tuple[str, str]
    ) -> EventAlarm:
        """``make`` gives what it is to be, from what it is."""
        async with self._pipeline.between_turns():
            before = self._known(alarm_id, project)
            now_us = self._clock()
            after = replace(make(before), id=before.id, created_us=before.created_us, changed_us=now_us)
            if after.state is not before.state:
                after = replace(after, state_us=now_us, fired_for="", state_reason="Manually set via API")
            self._check(after)
            if after.project != before.project and self._alarms.index.count(after.project) >= self.quota:
                raise ForbiddenError(f"Alarm quota exceeded for user {after.user} on project {after.project}")
            self._alarms.index.check_room(after)
            old, new = definition(before), definition(after)
            different = {name: value for name, value in new.items() if old[name] != value}
            way = subscription_of(after, self._matcher.get(alarm_id))
            change = self._change(after, ChangeType.RULE, different, by)
            await self._store.put_event_alarm(after, way, change, is_new=False)
            self._put(after, way)
        return after

    async def delete(self, alarm_id: str, project: str | None) -> None:
        async with self._pipeline.between_turns():
            self._known(alarm_id, project)
            await self._store.delete_event_alarm(alarm_id)
            self._alarms.index.remove(alarm_id)
            self._matcher.remove(alarm_id)
            self._dispatcher.remove_subscription(alarm_id)
            self._composer.forget(alarm_id)

    async def set_state(self, alarm_id: str, project: str | None, state: AodhState, *, by: tuple[str, str]) -> None:
        """And do what is to be done when it gets into that state."""
        self._known(alarm_id, project)

        def make(now_us: int) -> Fired:
            alarm = self._known(alarm_id, project)
            return self._alarms.put_state(alarm, state, by, now_us)

        # Whoever asks may have gone by then; what has begun is written down all the same.
        writing = asyncio.ensure_future(self._pipeline.fire(make))
        try:
            async with asyncio.timeout(STATE_SECONDS):
                await asyncio.shield(writing)
        except TimeoutError as error:
            writing.add_done_callback(_seen)
            raise UnavailableError("the state is set as soon as the store can be written", STATE_SECONDS) from error

    async def set_auto_ok(
        self, alarm_id: str, project: str | None, auto_ok: bool | None, *, by: tuple[str, str]
    ) -> None:
        """Whether it returns to ok by itself; None: as the settings say. Aodh has no word for it."""
        async with self._pipeline.between_turns():
            after = replace(self._known(alarm_id, project), auto_ok=auto_ok)
            way = subscription_of(after, self._matcher.get(alarm_id))
            change = self._change(after, ChangeType.RULE, {"auto_ok": auto_ok}, by)
            await self._store.put_event_alarm(after, way, change, is_new=False)
            self._put(after, way)

    async def show(self, alarm_id: str, project: str | None) -> EventAlarm:
        found = await self._store.event_alarm(alarm_id, project)
        if found is None:
            raise _not_found(alarm_id, project)
        return found

    def alarms(self, query: EventAlarmQuery) -> AsyncIterator[Sequence[EventAlarm]]:
        return self._store.event_alarms(query)

    def changes(self, query: EventAlarmQuery) -> AsyncIterator[Sequence[EventAlarmChange]]:
        return self._store.event_alarm_changes(query)

    def _known(self, alarm_id: str, project: str | None) -> EventAlarm:
        alarm = self._alarms.index.get(alarm_id)
        if alarm is None or (project is not None and alarm.project != project):
            raise _not_found(alarm_id, project)
        return alarm

    def _put(self, alarm: EventAlarm, way: Subscription) -> None:
        self._alarms.index.put(alarm)
        self._matcher.put(way)
        self._dispatcher.put_subscription(way)

    def _change(
        self, alarm: EventAlarm, kind: ChangeType, detail: Mapping[str, Any], by: tuple[str, str]
    ) -> EventAlarmChange:
        return EventAlarmChange(
            id=self._new_id(),
            alarm_id=alarm.id,
            at_us=self._clock(),
            type=kind,
            detail=json.dumps(detail),
            project=by[0],
            user=by[1],
            on_behalf_of=alarm.project,
            severity=alarm.severity,
        )

    def _check(self, alarm: EventAlarm) -> None:
        errors = flaws(alarm)
        for field in ("alarm_actions", "ok_actions", "insufficient_data_actions"):
            urls: Sequence[str] = getattr(alarm, field)
            if len(urls) > ACTIONS_MAX:
                errors.append(FieldError(field, f"count exceeds maximum value {ACTIONS_MAX}"))
            errors.extend(
                FieldError(f"{field}[{number}]", reason)
                for number, url in enumerate(urls[:ACTIONS_MAX])
                if (reason := self._refusal(url))
            )
        if errors:
            raise RefusedError("the alarm is refused", errors)

    def _refusal(self, url: str) -> str:
        """Why this cannot be done, or ""."""
        try:
            scheme = urlsplit(url).scheme.lower()
        except ValueError:
            return "Unable to parse action"
        if is_local(url):
            return ""
        if scheme not in _SENT:
            return (
                f"Unsupported action {hidden(url)[:TEXT_MAX]}: {_NOT_HERE.get(scheme, 'http, https, log and test are')}"
            )
        try:
            self._safety.check_url(url)
        except RefusedError as error:
            return "; ".join(one.reason for one in error.errors) or error.message
        return ""

    # The cloud's own bus

    def wants(self, event_type: str) -> bool:
        """Whether anybody waits for events of this type."""
        return self._alarms.index.is_watched(event_type)

    def take(self, event: CloudEvent) -> None:
        """An event passed by. It is evaluated right after; too many are dropped."""
        if event.nfvigil and event.nfvigil in self._own_publishers:
            # It fired what it could when it was decided; as another message it would fire all of it again.
            self.counts["own"] += 1
            return
        if len(self._waiting) >= WAITING_MAX:
            self.counts["dropped"] += 1
            return
        self.counts["taken"] += 1
        self._waiting.append(event if event.generated_us else replace(event, generated_us=self._clock()))
        self._settled.clear()
        self._arrived.set()

    async def kept(self) -> None:
        """Wait until what was taken is written, or for some seconds: only then the bus is told that we have it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(KEPT_SECONDS):
                await self._settled.wait()

    async def run(self) -> None:
        """Evaluate what passes by, until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), BATCH_MAX))]
                try:
                    await self._pipeline.fire(partial(self._heard, batch))
                except Exception:
                    _log.exception("events of the bus could not be evaluated", events=len(batch))
            self._settled.set()

    def _heard(self, events: Sequence[CloudEvent], now_us: int) -> Fired:
        fired = self._alarms.heard(events, now_us)
        self.counts["fired"] += len(fired.events)
        return fired


def _not_found(alarm_id: str, project: str | None) -> NotFoundError:
    return NotFoundError(f"Alarm {alarm_id} not found" + (f" in project {project}" if project else ""))


def definition(alarm: EventAlarm) -> dict[str, Any]:
    """What its owner says of it, for the history."""
    return {
        "alarm_id": alarm.id,
        "name": alarm.name,
        "description": alarm.description,
        "type": "event",
        "enabled": alarm.enabled,
        "state": alarm.state.value,
        "severity": alarm.severity.value,
        "repeat_actions": alarm.repeat_actions,
        "rule": {"event_type": alarm.event_type, "query": query_view(alarm)},
        "alarm_actions": list(alarm.alarm_actions),
        "ok_actions": list(alarm.ok_actions),
        "insufficient_data_actions": list(alarm.insufficient_data_actions),
        "time_constraints": [],
        "project_id": alarm.project,
        "user_id": alarm.user,
    }


def _seen(done: asyncio.Future[Fired]) -> None:
    """Its error is nobody's any more; the next reader sees how it is."""
    if not done.cancelled():
        done.exception()
