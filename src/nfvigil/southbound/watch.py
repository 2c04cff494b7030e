"""One VIM: when it is listed, what it tells of its changes, and how well it is known."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from itertools import islice

import msgspec
import structlog

from nfvigil.model.condition import Condition
from nfvigil.model.times import SECOND
from nfvigil.model.vim_status import VimStatus
from nfvigil.southbound.clashes import NAMED_MAX, text_of_clashes
from nfvigil.southbound.conditions import Conditions, Say
from nfvigil.southbound.hints import Hints
from nfvigil.southbound.listing import Listing
from nfvigil.southbound.part_of_map import PartOfMap
from nfvigil.southbound.reach import Reach
from nfvigil.southbound.readers import Readers
from nfvigil.southbound.timing import Timing
from nfvigil.southbound.watched import Apply, Known, Vim, sentence

_log = structlog.get_logger(__name__)


class Watch:
    """``interval_seconds`` below 0: there is a snapshot at the start, and then only when one is wanted."""

    def __init__(
        self,
        *,
        vim: Vim,
        known: Known,
        apply: Apply,
        interval_seconds: float,
        clock: Callable[[], int],
        timing: Timing,
        chance: random.Random,
        say: Say,
        on_read: Callable[[], None],
        readers: Readers | None = None,
    ) -> None:
        self.conditions = Conditions(vim=vim.name, say=say)
        self._vim = vim
        self._known = known
        self._interval_seconds = interval_seconds
        self._clock = clock
        self._timing = timing
        self._chance = chance
        self._on_read = on_read
        self._readers = readers or Readers()
        self._reach = Reach(
            seconds=timing.unreachable_after_seconds,
            failures_max=timing.unreachable_failures,
            put=lambda is_on, text: self.conditions.put(Condition.UNREACHABLE, is_on, text),
        )
        self._wanted = asyncio.Event()
        self._asked = asyncio.Event()
        """Somebody is waiting: it is not held up by failures either."""
        self._part = PartOfMap(vim=vim.name, known=known, apply=apply)
        self._listing = Listing(
            vim=vim,
            part=self._part,
            readers=self._readers,
            reach=self._reach,
            conditions=self.conditions,
            timing=timing,
            want=self.want,
        )
        self._hints = Hints(
            vim=vim,
            part=self._part,
            reach=self._reach,
            timing=timing,
            want=self.want,
            pause=self._pause,
            put_back=self._listing.put_back,
        )
        self._attempted_us: int | None = None
        self._is_listing = False
        self._failures = 0
        self._error = ""
        self._names_version = -1
        self._left_out = self._mistakable = 0

    @property
    def taken_us(self) -> int | None:
        return self._listing.taken_us

    @property
    def period_seconds(self) -> float | None:
        """The time between two listings: the VIM's own, or that of the reader who needs them most often. None: off."""
        if self._interval_seconds < 0:
            return None
        wish = self._readers.interval_seconds(self._vim.name)
        period = self._interval_seconds if wish is None else min(self._interval_seconds, wish)
        return max(period, self._timing.gap_seconds)

    def want(self) -> None:
        """A snapshot is due as soon as there is one to be had."""
        self._wanted.set()

    def ask(self) -> None:
        """The same, without waiting until it is time to try again."""
        self._wanted.set()
        self._asked.set()

    def status(self, now_us: int) -> VimStatus:
        return msgspec.structs.replace(
            self._listing.status,
            taken_us=self.taken_us,
            age_seconds=None if self.taken_us is None else max(0, now_us - self.taken_us) / SECOND,
            period_seconds=self.period_seconds,
            attempted_us=self._attempted_us,
            is_listing=self._is_listing,
            failures=self._failures,
            error=self._error or self._hints.error,
            readers=self._readers.status(self._vim.name),
            servers=self._part.counts["server"],
            hosts=self._part.counts["host"],
            left_out=self._left_out,
            mistakable=self._mistakable,
            conditions=self.conditions.on,
        )

    def look_at_names(self, *, all_are_read: bool) -> None:
        """The map has changed, by whomever: can what is here still be told from what others have?"""
        names = self._known.names
        if self._names_version == names.version:
            return
        left_out, mistakable = names.left_out(self._vim.name), names.mistakable(self._vim.name)
        has_clashes = bool(left_out or mistakable)
        self._left_out, self._mistakable = len(left_out), len(mistakable)
        if not (has_clashes or all_are_read or self.conditions.is_on(Condition.NAMES)):
            return  # after a start, what an earlier process said is not over before all that it saw was seen again
        self._names_version = names.version
        holders = {key: record.vim if (record := self._known.get(key)) else "" for key in islice(left_out, NAMED_MAX)}
        self.conditions.put(Condition.NAMES, has_clashes, text_of_clashes(holders, len(left_out), mistakable))

    def freed(self, keys: Iterable[str]) -> None:
        """Something of another VIM's is gone: what is here under the same key may be taken into the map."""
        left_out = self._known.names.left_out(self._vim.name)
        if left_out and any(key in left_out for key in keys):
            self.want()

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for work in (self._look, self._hints.follow, self._hints.settle, self.conditions.run):
                group.create_task(self._outlive(work))

    async def close(self) -> None:
        """After ``run`` has ended: it is not watched any more."""
        self._reach.close()
        self._readers.forget(self._vim.name)
        await self.conditions.close()

    async def _outlive(self, work: Callable[[], Awaitable[None]]) -> None:
        """A bug, of a driver's or ours, ends neither this VIM's watch nor another's."""
        while True:
            try:
                await work()
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                _log.warning("vim's driver was cancelled, watching it anew", vim=self._vim.name)
            except Exception:
                _log.exception("the watch of a vim broke, beginning it anew", vim=self._vim.name)
            await asyncio.sleep(self._pause(1))

    async def _look(self) -> None:
        """Snapshots: at the start, when one is wanted, and from time to time."""
        self._failures = 0
        while True:
            self._wanted.clear()
            self._asked.clear()
            try:
                await self._list()
            except Exception as error:  # a driver may raise anything
                self._fail(error)
                await self._rest(self._pause(self._failures), self._asked)
                continue
            if self._error:
                _log.info("vim is back", vim=self._vim.name)
            self._failures, self._error = 0, ""
            self._on_read()
            await self._rest(self._until_next(), self._wanted)

    def _until_next(self) -> float | None:
        """Jitter, so that several processes or VIMs of one cloud do not list in step."""
        period_seconds = self.period_seconds
        if period_seconds is None:
            return None
        return max(self._timing.gap_seconds, period_seconds * self._chance.uniform(0.9, 1.1))

    async def _list(self) -> None:
        self._attempted_us, self._is_listing = self._clock(), True
        try:
            await self._listing.read()
        finally:
            self._is_listing = False

    async def _rest(self, seconds: float | None, until: asyncio.Event) -> None:
        """For so long, or until that is set; None is as long as it takes."""
        gap_seconds = self._timing.gap_seconds if seconds is None else min(self._timing.gap_seconds, seconds)
        await asyncio.sleep(gap_seconds)
        with suppress(TimeoutError):  # nobody asked: it is time anyway
            async with asyncio.timeout(None if seconds is None else seconds - gap_seconds):
                await until.wait()

    def _fail(self, error: Exception) -> None:
        self._failures += 1
        text = sentence(error)
        if text != self._error:
            _log.warning("vim cannot be read", vim=self._vim.name, error=text)
        self._error = text

    def _pause(self, failures: int) -> float:
        most = min(self._timing.retry_max_seconds, self._timing.retry_min_seconds * 2 ** min(failures, 20))
        return self._chance.uniform(self._timing.retry_min_seconds / 2, most)
