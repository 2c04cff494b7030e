"""Wakes those who follow alarms, or VNFs. It says "look now" and nothing else: what there is, each reads by itself.

So a reader that is slow has no queue that could overflow, one that missed a word looks again a little later, and a
burst of changes costs one look.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence

from nfvigil.errors import OverloadedError
from nfvigil.model.verdict import Decision

READERS_MAX = 500
PER_CALLER_MAX = 16
AT_ONCE = 2
"""Looks into the store at the same time: the rest of its connections is for others."""
PAUSE_SECONDS = 0.05
"""Between two looks of one reader: what changes together is read together."""


class Reader:
    """One that follows. ``scope`` None hears of every project."""

    def __init__(self, feed: AlarmFeed, caller: str, scope: str | None) -> None:
        self._feed = feed
        self.caller = caller
        self.scope = scope
        self._is_hinted = asyncio.Event()
        self._looked = 0.0

    def hint(self) -> None:
        self._is_hinted.set()

    async def wait(self, seconds: float) -> None:
        """Until there may be something new, but no longer than that."""
        try:
            async with asyncio.timeout(seconds):
                await self._is_hinted.wait()
        except TimeoutError:
            pass  # A look now and then, though nobody hinted.
        now = asyncio.get_running_loop().time()
        if now - self._looked < PAUSE_SECONDS and not self._feed.is_closed:
            await asyncio.sleep(PAUSE_SECONDS - (now - self._looked))
        self._looked = asyncio.get_running_loop().time()
        self._is_hinted.clear()

    def close(self) -> None:
        self._feed.leave(self)


class AlarmFeed:
    """All who follow."""

    def __init__(
        self, *, readers_max: int = READERS_MAX, per_caller_max: int = PER_CALLER_MAX, what: str = "the alarms"
    ) -> None:
        self._what = what
        self._readers_max = readers_max
        self._per_caller_max = per_caller_max
        self._readers: set[Reader] = set()
        self._callers: Counter[str] = Counter()
        self.looking = asyncio.Semaphore(AT_ONCE)
        self.is_closed = False

    def __len__(self) -> int:
        return len(self._readers)

    def join(self, caller: str, scope: str | None) -> Reader:
        """OverloadedError where there are too many already; else ``close`` the reader at its end."""
        if self.is_closed:
            raise OverloadedError("the service is ending", 5.0)
        if len(self._readers) >= self._readers_max:
            raise OverloadedError(f"{len(self._readers)} follow {self._what} already", 10.0)
        if self._callers[caller] >= self._per_caller_max:
            raise OverloadedError(f"you follow {self._what} {self._per_caller_max} times already", 10.0)
        reader = Reader(self, caller, scope)
        self._readers.add(reader)
        self._callers[caller] += 1
        return reader

    def leave(self, reader: Reader) -> None:
        if reader in self._readers:
            self._readers.remove(reader)
            self._callers[reader.caller] -= 1
            self._callers += Counter()  # without those that are at zero

    def hint(self, projects: Iterable[str]) -> None:
        """Alarms of these projects have changed."""
        changed = set(projects)
        for reader in self._readers:
            if reader.scope is None or reader.scope in changed:
                reader.hint()

    def decided(self, decisions: Sequence[Decision]) -> None:
        """For the pipeline: what was decided is durable."""
        if not self._readers:
            return
        changed = {alarm.project for one in decisions for _, alarm in one.verdict.alarms}
        changed.update(alarm.project for one in decisions for alarm in one.verdict.silent)
        if changed:
            self.hint(changed)

    def close(self) -> None:
        """The service ends: so do those who follow, who come back to the next one with where they were."""
        self.is_closed = True
        for reader in self._readers:
            reader.hint()
