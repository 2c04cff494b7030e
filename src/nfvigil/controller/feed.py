"""Hands every change of a cloud to every reader, without any of them holding up the cloud."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from weakref import WeakSet

from nfvigil.model.resource import MapChange

RECORDS_MAX_PER_CHANGE = 1_000


class Reader(AsyncIterator[MapChange | None]):
    """One reader's own bounded queue. It overflows to None: "you missed something: take a snapshot"."""

    def __init__(self, *, bound: int) -> None:
        self._bound = bound
        self._queue: deque[MapChange | None] = deque()
        self._arrived = asyncio.Event()

    def put(self, change: MapChange | None) -> None:
        if len(self._queue) >= self._bound:
            # What is in the queue is of no use once something after it is missing: the snapshot has it all.
            self._queue.clear()
            self._queue.append(None)
        if change is not None or not self._queue or self._queue[-1] is not None:
            self._queue.append(change)
        self._arrived.set()

    async def __anext__(self) -> MapChange | None:
        while not self._queue:
            self._arrived.clear()
            await self._arrived.wait()
        first = self._queue.popleft()
        return first if first is None or first.gone else self._joined(first)

    def _joined(self, first: MapChange) -> MapChange:
        """Takes what else waits along: a storm becomes a few large changes instead of thousands of small ones.

        A change in which something is gone stays alone, so that the order of "put" and "gone" is never in doubt.
        """
        put = list(first.put)
        while self._queue and len(put) < RECORDS_MAX_PER_CHANGE:
            following = self._queue[0]
            if following is None or following.gone:
                break
            put += following.put
            self._queue.popleft()
        return MapChange(vim=first.vim, put=tuple(put))


class Feed:
    """Where a driver publishes. A reader that nobody holds any more is forgotten."""

    def __init__(self, *, bound: int = 10_000) -> None:
        self._bound = bound
        self._readers: WeakSet[Reader] = WeakSet()

    def publish(self, change: MapChange | None) -> None:
        """None says that something was missed."""
        for reader in self._readers:
            reader.put(change)

    def read(self) -> Reader:
        """A reader that gets everything published from now on."""
        reader = Reader(bound=self._bound)
        self._readers.add(reader)
        return reader
