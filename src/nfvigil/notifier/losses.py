"""Consumers that keep a list of alarms of their own, and have lost news on its way: they are told to read it again.

A message that is given up is gone for its endpoint. As soon as something reaches it again, what it remembers is not to
be relied on any more, and it is told so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

import structlog

from nfvigil.errors import NfvigilError
from nfvigil.model.notification import Delivery, DeliveryState, Notification
from nfvigil.model.subscription import Subscription
from nfvigil.model.verdict import News

_log = structlog.get_logger(__name__)

PAUSE_SECONDS = 1.0


class Known(Protocol):
    """Who is subscribed."""

    def get(self, subscription_id: str) -> Subscription | None: ...


class Losses:
    """``lost`` says which subscriptions have messages that were given up, before this process began."""

    def __init__(
        self,
        *,
        known: Known,
        lost: Callable[[], Awaitable[Iterable[str]]],
        notify: Callable[[Subscription, News], Awaitable[object]],
    ) -> None:
        self._known = known
        self._find_lost = lost
        self._notify = notify
        self._lost: set[str] = set()
        self._due: dict[str, None] = {}
        self._is_due = asyncio.Event()

    def observe(self, notification: Notification, delivery: Delivery) -> None:
        """Of every message, after each try."""
        if notification.news is News.REBUILT:
            return  # If even that is given up, there is nothing more to say.
        if delivery.state is DeliveryState.DEAD:
            if self._wants(delivery.subscription) is not None:
                self._lost.add(delivery.subscription)
        elif delivery.state is DeliveryState.DELIVERED and delivery.subscription in self._lost:
            self._lost.discard(delivery.subscription)
            self.rebuilt([delivery.subscription])

    def rebuilt(self, subscription_ids: Iterable[str]) -> None:
        """Tell these to read the list again: also for when the list itself is another one, after a restore."""
        self._due.update(dict.fromkeys(subscription_ids))
        if self._due:
            self._is_due.set()

    async def run(self) -> None:
        try:
            self._lost.update(await self._find_lost())
        except NfvigilError as error:
            _log.warning("who has lost news before is not known", reason=str(error))
        while True:
            await self._is_due.wait()
            self._is_due.clear()
            while self._due:
                subscription_id = next(iter(self._due))
                subscription = self._wants(subscription_id)
                if subscription is not None:
                    try:
                        await self._notify(subscription, News.REBUILT)
                    except NfvigilError as error:
                        _log.warning("a consumer was not told to read again", reason=str(error))
                        await asyncio.sleep(PAUSE_SECONDS)
                        continue
                self._due.pop(subscription_id, None)

    def _wants(self, subscription_id: str) -> Subscription | None:
        found = self._known.get(subscription_id)
        return found if found is not None and News.REBUILT in found.filter.news else None
