"""Gets deliveries to their endpoints: at least once, in order for each endpoint, none delaying another.

Each endpoint has a lane, and a task only while there is something to send: not while it is idle, and not while it
waits to try again. The rows in the store are the real queue; what is held here is only the part that is next.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

import msgspec
import structlog
from msgspec.structs import replace

from nfvigil.errors import NfvigilError, RefusedError, UnavailableError
from nfvigil.model.notification import Delivery, DeliveryState, Notification
from nfvigil.model.subscription import Endpoint, EndpointAuth, Subscription
from nfvigil.model.times import SECOND
from nfvigil.notifier.channel import Channel, PatientChannel
from nfvigil.notifier.lane import PART_MAX, EndpointStats, Item, Lane
from nfvigil.notifier.poster import Answer, Poster, Target, target_of
from nfvigil.notifier.results import Results
from nfvigil.notifier.retry import Retry, is_refusal, is_success, retry_after_seconds

_ERROR_LENGTH_MAX = 300
_NOT_BELIEVED = 401
_TURN_MAX = 32
"""Messages that a lane sends before those who wait for a place come first."""
_log = structlog.get_logger(__name__)


SLICE = 8
"""Lanes started in one turn of the event loop. What is written in a turn leaves at its end: in slices the first
consumers read while the messages for the others are still being made."""


class Outbox(Protocol):
    """The store's side of deliveries."""

    async def save_deliveries(self, deliveries: Sequence[Delivery]) -> None: ...

    async def pending_deliveries(
        self, endpoint_id: str, after_seq: int, after_part: int, limit: int
    ) -> list[tuple[Notification, Delivery]]:
        """The endpoint's pending ones behind (seq, part), in that order."""
        ...


class Logins(Protocol):
    """Says who we are to endpoints that ask for it."""

    async def headers(self, auth: EndpointAuth) -> Mapping[str, str]:
        """Raise UnavailableError where a token cannot be had now, RefusedError where it cannot be fetched at all."""
        ...

    def refused(self, auth: EndpointAuth) -> None:
        """The endpoint did not believe it: a token that is known is not used again."""
        ...


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The bounds of sending."""

    timeout_seconds: float = 10.0
    """For one try, from the connection to the end of the answer."""
    tasks_max: int = 500
    """Endpoints that are sent to at the same time; those that failed last time get half of the places at most."""
    queue_max: int = 256
    """Messages held in memory for one endpoint; the others are read from the store when their turn comes."""
    page: int = 100


class Dispatcher:
    """``poster`` is for webhooks; ``posters`` are for endpoints whose URL has another scheme, by that scheme.

    ``observe`` is called with each delivery after a try: delivered, dead or to be tried again (for metrics).
    """

    def __init__(
        self,
        *,
        channels: Mapping[str, Channel],
        outbox: Outbox,
        poster: Poster,
        posters: Mapping[str, Poster] | None = None,
        clock: Callable[[], int],
        source: str,
        agent: str = "nfvigil",
        limits: Limits | None = None,
        retry: Retry | None = None,
        jitter: Callable[[], float] = random.random,
        observe: Callable[[Notification, Delivery], None] | None = None,
        logins: Logins | None = None,
    ) -> None:
        self._channels = channels
        self._logins = logins
        self._outbox = outbox
        self._poster = poster
        self._posters = posters or {}
        self._clock = clock
        self._source = source
        self._agent = agent
        self._limits = limits or Limits()
        self._retry = retry or Retry()
        self._jitter = jitter
        self.observe = observe
        self._results = Results(save=outbox.save_deliveries)
        self._subscriptions: dict[str, tuple[Subscription, int]] = {}
        """With the last number that each had when it was put here."""
        self._lanes: dict[str, dict[str, Lane]] = {}
        self._ready: deque[Lane] = deque()
        self._ready_suspects: deque[Lane] = deque()
        self._slice_left = SLICE
        self._active = 0
        self._active_suspects = 0
        self._group: asyncio.TaskGroup | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closing = False
        self._is_idle = asyncio.Event()
        self._stop = asyncio.Event()
        self.unknown = 0
        """Deliveries offered for an endpoint that is not there: its subscription was deleted meanwhile."""

    # Subscriptions

    def put_subscription(self, subscription: Subscription, last_seq: int = 0) -> None:
        """Make its endpoints known, or take over what was changed in them (also a pause).

        ``last_seq`` is the last number that it was given (0 for a new one). A wrong one costs a look into the
        store, not a message.
        """
        _, known_seq = self._subscriptions.get(subscription.id, (subscription, 0))
        self._subscriptions[subscription.id] = (subscription, max(last_seq, known_seq))
        # Lanes are opened by the first message: most of a hundred thousand subscriptions are silent for months.
        if subscription.id in self._lanes:
            self._open(subscription.id)

    def _open(self, subscription_id: str) -> dict[str, Lane]:
        """The subscription's lanes, as it is now; none if there is no such subscription."""
        entry = self._subscriptions.get(subscription_id)
        if entry is None:
            return {}
        subscription, last_seq = entry
        known = self._lanes.get(subscription.id, {})
        last = max([(last_seq, PART_MAX), *(lane.last for lane in known.values())])
        lanes: dict[str, Lane] = {}
        for endpoint in subscription.endpoints:
            lane = known.get(endpoint.id)
            if lane is None or lane.endpoint != endpoint:
                fresh = self._lane(subscription, endpoint, last)
                if lane is not None:
                    fresh.keeps_plan = False  # What the old address did says nothing about the new one.
                    fresh.stats = lane.stats
                    fresh.rewind(lane.done)
                    self._retire(lane)
                lane = fresh
            lane.subscription = subscription
            lanes[endpoint.id] = lane
        for endpoint_id, lane in known.items():
            if endpoint_id not in lanes:
                self._retire(lane)
        self._lanes[subscription.id] = lanes
        for lane in lanes.values():
            self._kick(lane)
        return lanes

    def remove_subscription(self, subscription_id: str) -> None:
        """Forget it. A message that is under way arrives; what comes of it is not recorded."""
        self._subscriptions.pop(subscription_id, None)
        for lane in self._lanes.pop(subscription_id, {}).values():
            self._retire(lane)

    def pause(self, subscription_id: str, paused: bool) -> None:
        """Hold back what is for this subscription, or let it go again: it is sent then, in order."""
        entry = self._subscriptions.get(subscription_id)
        if entry is not None:
            self.put_subscription(replace(entry[0], paused=paused))

    def rewind(self, subscription_id: str, after_seq: int) -> None:
        """Look through the rows behind ``after_seq`` again: for a replay, once they are pending again.

        Call ``flush`` before they are made so, lest a result that is on its way overwrites that.
        """
        for lane in (self._lanes.get(subscription_id) or self._open(subscription_id)).values():
            lane.rewind((after_seq, PART_MAX))
            lane.stop_timer()
            self._kick(lane)

    # Deliveries

    def offer(self, items: Iterable[Item]) -> None:
        """Send these, which are durable. It takes no time, never fails and never waits."""
        for item in items:
            delivery = item[1]
            lanes = self._lanes.get(delivery.subscription) or self._open(delivery.subscription)
            lane = lanes.get(delivery.endpoint)
            if lane is None:
                self.unknown += 1
                continue
            lane.offer(item)
            if not lane.is_active and not lane.is_ready and lane.timer is None:
                self._kick(lane)

    async def sent(self, seconds: float = 0.05) -> None:
        """Wait until every message that can be sent at once is on its way, but no longer than that."""
        end = self._clock() + int(seconds * SECOND)
        while self._ready and self._clock() < end:  # noqa: ASYNC110 - an event would be set for every message
            await asyncio.sleep(0.001)

    async def flush(self) -> None:
        """Write down every result there is. Raises UnavailableError where the store is away."""
        await self._results.flush()

    def stats(self) -> dict[str, EndpointStats]:
        """Counters by endpoint id, of those that were sent to or will be."""
        found: dict[str, EndpointStats] = {}
        for lanes in self._lanes.values():
            for endpoint_id, lane in lanes.items():
                lane.stats.queued = len(lane.queue)
                lane.stats.is_behind = lane.is_behind
                lane.stats.is_failing = lane.failing_since_us is not None
                found[endpoint_id] = lane.stats
        return found

    @property
    def queued(self) -> int:
        """Messages in memory that wait to be sent."""
        return sum(len(lane.queue) for lanes in self._lanes.values() for lane in lanes.values())

    @property
    def unsaved(self) -> int:
        """Results that are not yet in the store."""
        return len(self._results)

    # Life

    async def run(self) -> None:
        """Send until ``close`` is called (or the task is cancelled)."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                saver = group.create_task(self._results.run())
                self._fill_places()
                try:
                    await self._stop.wait()
                finally:
                    self._is_closing = True
                    for task in self._tasks:
                        task.cancel()
                    saver.cancel()
        finally:
            self._group = None
            for poster in (self._poster, *self._posters.values()):
                await poster.close()

    async def close(self, grace_seconds: float = 5.0) -> None:
        """Let what is under way end, write down the results, and end ``run``. What is left is in the rows."""
        self._is_closing = True
        for lanes in self._lanes.values():
            for lane in lanes.values():
                lane.stop_timer()
        with suppress(TimeoutError):  # Then the rest is cut off, and sent again after the restart.
            async with asyncio.timeout(grace_seconds):
                while self._active:
                    self._is_idle.clear()
                    await self._is_idle.wait()
        try:
            async with asyncio.timeout(max(1.0, grace_seconds)):
                await self._results.flush()
        except (UnavailableError, TimeoutError) as error:
            _log.warning("results not saved: these are sent again", count=len(self._results), reason=str(error))
        self._stop.set()

    # Places: who may run

    def _lane(self, subscription: Subscription, endpoint: Endpoint, last: tuple[int, int]) -> Lane:
        channel = self._channels.get(endpoint.format)
        if channel is None:
            _log.error("no such channel: its messages wait", endpoint=endpoint.id, format=endpoint.format)
        target = Target("", 0, False, b"")
        scheme, _, place = endpoint.url.partition("://")
        poster = self._posters.get(scheme)
        try:
            target = Target(place, 0, False, b"") if poster is not None else self._target(endpoint)
        except (RefusedError, ValueError) as error:
            # A row that an older version let in must not keep the process from starting.
            _log.error("endpoint cannot be used: its messages wait", endpoint=endpoint.id, reason=str(error))
            channel = None
        if endpoint.locked:
            _log.error("endpoint's secrets cannot be decrypted: its messages wait", endpoint=endpoint.id)
            channel = None
        return Lane(
            subscription=subscription,
            endpoint=endpoint,
            channel=channel,
            target=target,
            poster=poster or self._poster,
            queue_max=self._limits.queue_max,
            last=last,
        )

    def _target(self, endpoint: Endpoint, path: str = "") -> Target:
        headers = {"User-Agent": self._agent}
        if endpoint.token:
            headers["X-Auth-Token"] = endpoint.token
        return target_of(endpoint.url, headers, tls=endpoint.tls, path=path)

    def _retire(self, lane: Lane) -> None:
        lane.is_removed = True
        lane.stop_timer()
        lane.queue.clear()
        lane.is_behind = False
        lane.epoch += 1

    def _may_send(self, lane: Lane) -> bool:
        return (
            lane.has_work
            and lane.channel is not None
            and not (lane.subscription.paused or lane.is_removed or self._is_closing)
        )

    def _kick(self, lane: Lane) -> None:
        """Let it run as soon as there is a place, if it has something to do and is not waiting for its time."""
        if lane.is_active or lane.is_ready or lane.timer is not None or not self._may_send(lane):
            return
        lane.is_ready = True
        (self._ready_suspects if lane.failing_since_us is not None else self._ready).append(lane)
        self._fill_places()

    def _fill_places(self) -> None:
        if self._group is None or self._is_closing:
            return
        while self._active < self._limits.tasks_max:
            if not self._slice_left:
                return
            if self._ready:
                lane = self._ready.popleft()
            elif self._ready_suspects and self._active_suspects < max(1, self._limits.tasks_max // 2):
                lane = self._ready_suspects.popleft()
            else:
                return
            if self._slice_left == SLICE:
                asyncio.get_running_loop().call_soon(self._next_slice)
            self._slice_left -= 1
            lane.is_ready = False
            lane.is_active = True
            lane.is_suspect = lane.failing_since_us is not None
            self._active += 1
            self._active_suspects += lane.is_suspect
            task = self._group.create_task(self._serve(lane))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _next_slice(self) -> None:
        self._slice_left = SLICE
        self._fill_places()

    async def _serve(self, lane: Lane) -> None:
        """Send what the lane has until it is empty, must wait, or has had its turn."""
        try:
            for _ in range(_TURN_MAX):
                if not self._may_send(lane) or not await self._next(lane):
                    break
        except Exception as error:
            # A fault of ours in one lane: it tries again, and its neighbours never know.
            _log.exception("sending failed", endpoint=lane.endpoint.id, reason=str(error))
            self._wait(lane, self._retry.max_seconds)
        finally:
            lane.is_active = False
            self._active -= 1
            self._active_suspects -= lane.is_suspect
            self._is_idle.set()
            self._kick(lane)
            self._fill_places()

    def _wait(self, lane: Lane, seconds: float) -> None:
        """Run again after a while; the place is free meanwhile."""
        lane.stop_timer()
        if not lane.is_removed and not self._is_closing:
            lane.timer = asyncio.get_running_loop().call_later(seconds, self._wake, lane)

    def _wake(self, lane: Lane) -> None:
        lane.timer = None
        self._kick(lane)

    # Sending

    async def _next(self, lane: Lane) -> bool:
        """One step: read rows or send one message. Says whether the lane may go on at once."""
        if not lane.queue:
            return await self._read(lane)
        notification, delivery = lane.queue[0]
        if lane.keeps_plan:
            lane.keeps_plan = False
            due_us = delivery.next_us - self._clock()
            if due_us > 0:
                # If our clock jumped back since it was planned, the bound ends the wait.
                self._wait(lane, min(due_us / SECOND, self._retry.retry_after_max_seconds))
                return False
        return await self._send(lane, notification, delivery)

    async def _read(self, lane: Lane) -> bool:
        """Fetch the next page of rows, after the results that are not in them yet."""
        epoch = lane.epoch
        lane.has_more = False
        try:
            await self._results.flush()
            rows = await self._outbox.pending_deliveries(lane.endpoint.id, *lane.done, self._limits.page)
        except UnavailableError as error:
            lane.has_more = True
            self._wait(lane, min(max(error.retry_after_seconds, 0.1), 10.0))
            return False
        if epoch != lane.epoch:
            return True
        for item in rows:
            delivery = item[1]
            key = (delivery.seq, delivery.part)
            if delivery.subscription == lane.subscription.id and key > lane.done:
                lane.queue.append(item)
                lane.last = max(lane.last, key)
        if len(rows) < self._limits.page and not lane.has_more:
            lane.is_behind = False
        return True

    async def _send(self, lane: Lane, notification: Notification, delivery: Delivery) -> bool:
        epoch = lane.epoch
        started_us = self._clock()
        first_us = delivery.first_sent_us or started_us
        attempts = delivery.attempts + 1
        error = ""
        was_refused = False
        answer = Answer(0)
        try:
            target, headers, body = self._render(lane, notification, delivery, started_us)
        except Exception as failure:
            # Rendering is deterministic: another try would end the same way and hold up all that follows.
            if not isinstance(failure, RefusedError):  # That one is said below: a storm of tracebacks stops everything.
                _log.exception("cannot be rendered", delivery=delivery.id, format=lane.endpoint.format)
            error = f"cannot be written as {lane.endpoint.format}: {type(failure).__name__}: {failure}"
            tried = replace(
                delivery, state=DeliveryState.DEAD, attempts=attempts, first_sent_us=first_us, error=_short(error)
            )
            return self._bury(lane, notification, tried, epoch)
        try:
            login = await self._login(lane)
            answer = await lane.poster.post(target, {**headers, **login}, body, self._limits.timeout_seconds)
            if answer.status == _NOT_BELIEVED and lane.endpoint.auth is not None and self._logins is not None:
                self._logins.refused(lane.endpoint.auth)
        except RefusedError as failure:
            error, was_refused = str(failure), True
        except NfvigilError as failure:
            error = str(failure)
        now_us = self._clock()
        if is_success(answer.status):
            tried = replace(
                delivery,
                state=DeliveryState.DELIVERED,
                attempts=attempts,
                next_us=0,
                first_sent_us=first_us,
                delivered_us=now_us,
                status=answer.status,
                error="",
            )
            self._delivered(lane, notification, tried, epoch)
            return True
        tried = replace(
            delivery,
            attempts=attempts,
            first_sent_us=first_us,
            status=answer.status,
            error=_short(error or f"the endpoint answered {answer.status}"),
        )
        if lane.failing_since_us is None:
            # Before a restart it may have been failing for long; a message that is replayed begins anew.
            lane.failing_since_us = first_us if delivery.attempts else started_us
            _log.warning("endpoint fails", endpoint=lane.endpoint.id, reason=tried.error)
        return self._failed(lane, notification, tried, epoch, answer.retry_after, was_refused)

    async def _login(self, lane: Lane) -> Mapping[str, str]:
        if lane.endpoint.auth is None:
            return {}
        if self._logins is None:
            raise RefusedError("nobody here can say to the endpoint who we are")
        return await self._logins.headers(lane.endpoint.auth)

    def _render(
        self, lane: Lane, notification: Notification, delivery: Delivery, now_us: int
    ) -> tuple[Target, dict[str, str], bytes]:
        assert lane.channel is not None
        message = lane.channel.render(notification, lane.subscription, lane.endpoint, delivery.part, self._source)
        headers = {
            **message.headers,
            "X-NFVigil-Notification-Id": notification.id,
            "X-NFVigil-Delivery-Id": delivery.id,
            "X-NFVigil-Sequence": str(notification.seq),
        }
        if lane.stamper is not None:
            headers.update(lane.stamper.stamp(message, delivery.id, lane.endpoint, now_us))
        target = lane.target
        if message.url:
            target = self._target(replace(lane.endpoint, url=message.url))
        elif message.path:
            target = self._target(lane.endpoint, message.path)
        return target, headers, message.body

    def _delivered(self, lane: Lane, notification: Notification, tried: Delivery, epoch: int) -> None:
        if lane.failing_since_us is not None:
            _log.info("endpoint is back", endpoint=lane.endpoint.id, after_tries=lane.tries)
            lane.failing_since_us = None
            lane.tries = 0
        lane.stats.sent += 1
        lane.stats.last_status = tried.status
        lane.stats.last_error = ""
        lane.stats.last_latency_us = (tried.delivered_us or 0) - notification.created_us
        lane.finish_head(tried, epoch)
        self._record(lane, notification, tried)

    def _failed(
        self, lane: Lane, notification: Notification, tried: Delivery, epoch: int, retry_after: str, was_refused: bool
    ) -> bool:
        """Plan the next try, or give the message up. Says whether the lane may go on at once."""
        now_us = self._clock()
        lane.tries += 1
        # A login that is not believed says nothing about the message: it is set right, and the message still counts.
        is_login = tried.status == _NOT_BELIEVED and lane.endpoint.auth is not None
        blames_it = lane.channel.is_refusal if isinstance(lane.channel, PatientChannel) else is_refusal
        refused = was_refused or (blames_it(tried.status) and not is_login)
        lane.refusals += refused
        lane.stats.failed += 1
        lane.stats.last_status = tried.status
        lane.stats.last_error = tried.error
        since_us = lane.failing_since_us or now_us
        made_us = notification.created_us if notification.created_us <= now_us else 0  # our clock jumped back
        if self._retry.is_over(
            status=tried.status,
            is_refusal=refused,
            refusals=lane.refusals,
            failing_us=now_us - max(since_us, made_us),
        ):
            return self._bury(lane, notification, replace(tried, state=DeliveryState.DEAD, next_us=0), epoch)
        pause = self._retry.delay_seconds(lane.tries, self._jitter(), retry_after_seconds(retry_after, now_us))
        again = replace(tried, next_us=now_us + int(pause * SECOND))
        lane.keep_head(notification, again, epoch)
        self._wait(lane, pause)
        self._record(lane, notification, again)
        return False

    def _bury(self, lane: Lane, notification: Notification, dead: Delivery, epoch: int) -> bool:
        """Give it up, visibly; the next one goes on."""
        lane.stats.dead += 1
        lane.stats.last_error = dead.error
        _log.error("given up", delivery=dead.id, endpoint=lane.endpoint.id, seq=dead.seq, reason=dead.error)
        lane.finish_head(dead, epoch)
        self._record(lane, notification, dead)
        return True

    def _record(self, lane: Lane, notification: Notification, tried: Delivery) -> None:
        if not lane.is_removed:
            self._results.add(tried)
        if self.observe is not None:
            try:
                self.observe(notification, tried)
            except Exception:
                _log.exception("the observer of deliveries failed")


def _short(text: str) -> str:
    return text if len(text) <= _ERROR_LENGTH_MAX else text[: _ERROR_LENGTH_MAX - 1] + "…"


def overview(dispatcher: Dispatcher) -> dict[str, Any]:
    """The dispatcher's totals, for metrics and health."""
    stats = dispatcher.stats().values()
    return {
        "endpoints": len(stats),
        "failing": sum(entry.is_failing for entry in stats),
        "queued": dispatcher.queued,
        "unsaved": dispatcher.unsaved,
        "sent": sum(entry.sent for entry in stats),
        "failed": sum(entry.failed for entry in stats),
        "dead": sum(entry.dead for entry in stats),
        "unknown": dispatcher.unknown,
    }
