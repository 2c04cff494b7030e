"""Signs of life: asks for a heartbeat of each subscription that wants one, as often as it wants it."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable

import structlog

from nfvigil.model.subscription import Subscription

INTERVAL_MIN_SECONDS = 1.0
_AT_ONCE = 100
_log = structlog.get_logger(__name__)


class Heartbeats:
    """``beat`` writes the notification and hands it to the dispatcher, as for any other news.

    One that fails is skipped: the next comes soon enough, and its number shows that none is missing. It is not
    cut off, since a number that was given and not written would be missing; the next waits until it is through.
    """

    def __init__(self, *, beat: Callable[[Subscription], Awaitable[object]]) -> None:
        self._beat = beat
        self._all: dict[str, Subscription] = {}
        self._due: list[tuple[float, int, Subscription]] = []
        self._count = 0
        self._new = asyncio.Event()

    def put(self, subscription: Subscription) -> None:
        """Begin, or go on with another interval; an interval of 0 or a pause ends it."""
        if subscription.heartbeat_seconds <= 0 or subscription.paused:
            self.remove(subscription.id)
            return
        self._all[subscription.id] = subscription
        self._plan(subscription)

    def remove(self, subscription_id: str) -> None:
        self._all.pop(subscription_id, None)

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            self._new.clear()
            now = loop.time()
            due: list[Subscription] = []
            while self._due and self._due[0][0] <= now and len(due) < _AT_ONCE:
                subscription = heapq.heappop(self._due)[2]
                if self._all.get(subscription.id) is subscription:  # Else it was removed or replaced.
                    due.append(subscription)
            if due:
                async with asyncio.TaskGroup() as group:
                    for subscription in due:
                        group.create_task(self._one(subscription))
                for subscription in due:
                    if self._all.get(subscription.id) is subscription:
                        self._plan(subscription)
                continue
            wait = self._due[0][0] - now if self._due else None
            try:
                async with asyncio.timeout(wait):
                    await self._new.wait()
            except TimeoutError:
                continue  # The next one is due.

    def _plan(self, subscription: Subscription) -> None:
        interval = max(INTERVAL_MIN_SECONDS, subscription.heartbeat_seconds)
        self._count += 1  # Breaks ties: subscriptions cannot be compared.
        heapq.heappush(self._due, (asyncio.get_running_loop().time() + interval, self._count, subscription))
        self._new.set()

    async def _one(self, subscription: Subscription) -> None:
        try:
            await self._beat(subscription)
        except Exception as error:
            _log.warning("heartbeat skipped", subscription=subscription.id, reason=str(error) or type(error).__name__)
