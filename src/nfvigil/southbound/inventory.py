"""Keeps the resource map up to date: a snapshot of each VIM now and then, and what changes in between.

Each VIM is watched by itself, so that one which is slow, dead or wrong touches no other. VIMs come and go at run time.
One listing is for all who want to read it: the map, and the readers.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence

from nfvigil.errors import ConflictError, NotFoundError
from nfvigil.model.reading import Reader
from nfvigil.model.resource import MapChange, Snapshot, key_of_record
from nfvigil.model.vim_status import VimStatus
from nfvigil.southbound.conditions import Say, say_nothing
from nfvigil.southbound.readers import Readers
from nfvigil.southbound.timing import Timing
from nfvigil.southbound.watch import Watch
from nfvigil.southbound.watched import Apply, Known, Vim

INTERVAL_SECONDS = 60.0


class Inventory:
    """``ready`` is set while every VIM has been read at least once. ``intervals`` are the times between snapshots by
    VIM; below 0 there are none but the first, and those that something asks for. Each of ``readers`` hears of every
    snapshot after the map, and may need them more often.
    """

    def __init__(
        self,
        *,
        vims: Mapping[str, Vim],
        known: Known,
        apply: Apply,
        intervals: Mapping[str, float],
        clock: Callable[[], int],
        say: Say = say_nothing,
        timing: Timing | None = None,
        chance: random.Random | None = None,
        readers: Sequence[Reader] = (),
    ) -> None:
        self.ready = asyncio.Event()
        self._known = known
        self._apply = apply
        self._clock = clock
        self._say = say
        self._timing = timing or Timing()
        self._chance = chance or random.Random()  # noqa: S311  # no secret depends on it
        self._readers = Readers(readers)
        self._group: asyncio.TaskGroup | None = None
        self._watches: dict[str, Watch] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        for name, vim in vims.items():
            self.add(name, vim, interval_seconds=intervals.get(name, INTERVAL_SECONDS))
        self._note()

    async def run(self) -> None:
        """Watch all VIMs, also those to come, until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                for name in self._watches:
                    self._start(name)
                await asyncio.Event().wait()
            finally:
                self._group = None

    def add(self, name: str, vim: Vim, *, interval_seconds: float = INTERVAL_SECONDS) -> None:
        """Watch one more. ConflictError if one of this name is watched."""
        if name in self._watches:
            raise ConflictError(f"a VIM {name} is watched already")
        self._watches[name] = Watch(
            vim=vim,
            known=self._known,
            apply=self._take,
            interval_seconds=interval_seconds,
            clock=self._clock,
            timing=self._timing,
            chance=self._chance,
            say=self._say,
            on_read=self._note,
            readers=self._readers,
        )
        self.ready.clear()
        if self._group is not None:
            self._start(name)

    async def remove(self, name: str, *, forget: bool = False) -> None:
        """Watch it no longer; what is wrong with our view of it is over. NotFoundError if it is not watched.

        Its resources stay in the map as they are known, for somebody who adds it again with another password; with
        ``forget`` they are taken out.
        """
        watch = self._watch(name)
        del self._watches[name]
        task = self._tasks.pop(name, None)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        await watch.close()
        if forget:
            known = self._known.compare(Snapshot(vim=name, taken_us=self._clock())).missing
            gone = (*map(key_of_record, known), *self._known.names.left_out(name))
            await self._take(MapChange(vim=name, gone=gone))
        self._note()

    def refresh(self, vim: str) -> None:
        """Take a snapshot at once: somebody has reason to doubt what we know. NotFoundError if it is not watched."""
        self._watch(vim).ask()

    def status(self) -> dict[str, VimStatus]:
        now_us = self._clock()
        return {name: watch.status(now_us) for name, watch in self._watches.items()}

    async def _take(self, change: MapChange) -> None:
        """One VIM's change may free a name for another's, or be the end of its being told apart."""
        await self._apply(change)
        if change.gone:
            for name, watch in self._watches.items():
                if name != change.vim:
                    watch.freed(change.gone)
        self._look_at_names()

    def _look_at_names(self) -> None:
        for watch in self._watches.values():
            watch.look_at_names(all_are_read=self.ready.is_set())

    def _watch(self, name: str) -> Watch:
        if name not in self._watches:
            raise NotFoundError(f"there is no VIM {name}")
        return self._watches[name]

    def _start(self, name: str) -> None:
        assert self._group is not None
        self._tasks[name] = self._group.create_task(self._watches[name].run(), name=f"inventory {name}")

    def _note(self) -> None:
        if all(watch.taken_us is not None for watch in self._watches.values()):
            self.ready.set()
            self._known.names.complete()
            self._look_at_names()
