"""Runs beside an OSM installation: reads its accounts and tasks, and writes what became of its servers."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec
import structlog

from nfvigil.errors import NfvigilError, RefusedError
from nfvigil.model.vnf_record import VduCondition, VduNews
from nfvigil.vnf.osm.accounts import OPENSTACK, OsmAccount, read_account
from nfvigil.vnf.osm.ciphers import installation_key
from nfvigil.vnf.osm.fleet import Followers
from nfvigil.vnf.osm.news import IN_ERROR, Place, Told, place_of
from nfvigil.vnf.osm.reader import OsmReader
from nfvigil.vnf.osm.records import Plan, Result, Work, planned
from nfvigil.vnf.osm.tasks import Skip, Target, read_tasks
from nfvigil.vnf.osm.worker import Worker

RECORDS_MAX = 50
"""So many records are read, worked out and written in one go."""
TRIES = 4
"""A record that somebody else changes again and again waits for its next turn."""
PAUSE_SECONDS = (1.0, 60.0)
"""Between tries while the database is away: it doubles."""

LOST = (VduCondition.DELETED, VduCondition.INTERFACE_GONE)
"""Conditions that OSM brings about as well when it removes a server: its ports go first."""

Say = Callable[[Sequence[VduNews]], Awaitable[None]]
"""What was said is durable when it returns."""

_log = structlog.get_logger(__name__)


class Database(Protocol):
    def serial(self) -> object: ...
    def accounts(self, types: Sequence[str]) -> list[dict[str, Any]]: ...
    def tasks(self) -> list[dict[str, Any]]: ...
    def tasks_of(self, servers: Sequence[str]) -> list[dict[str, Any]]: ...
    def records(self, ids: Sequence[str]) -> dict[str, dict[str, Any]]: ...
    def change(self, wanted: Mapping[str, Any], sets: Mapping[str, Any]) -> bool: ...


class Installation(msgspec.Struct, frozen=True, kw_only=True):
    """What is read of OSM in one go."""

    accounts: tuple[OsmAccount, ...]
    targets: tuple[Target, ...]
    skipped: Mapping[Skip, int]


class OsmStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How it stands with the installation."""

    error: str = ""
    """Why its database is not read or written, in a sentence."""
    read_us: int | None = None
    accounts: int = 0
    troubles: Mapping[str, str] = {}
    """What is wrong with accounts, by name."""
    without_details: Sequence[str] = ()
    """Clouds whose driver does not hand over the cloud's own words: their records cannot be kept in line."""
    servers: int = 0
    pending: int = 0
    """Servers whose records are still to be looked at."""
    writes: int = 0
    conflicts: int = 0
    """How often somebody else was quicker."""
    refused: int = 0
    """Updates that the database would not take."""
    skipped: Mapping[str, int] = {}


def read_installation(database: Database, *, common_key: str, plugins: Sequence[str]) -> Installation:
    """It blocks. RefusedError where the installation's key cannot be made out."""
    key = installation_key(common_key, database.serial())
    documents = database.accounts(sorted({OPENSTACK, *plugins}))
    accounts = [account for one in documents if (account := read_account(one, key=key, plugins=plugins)) is not None]
    skipped: Counter[Skip] = Counter()
    skipped[Skip.SHAPE] += len(documents) - len(accounts)
    targets = read_tasks(database.tasks(), skipped)
    return Installation(accounts=tuple(accounts), targets=tuple(targets), skipped=+skipped)


class Adapter:
    """``reader`` hears the listings, ``followers`` have the clouds watched, ``say`` tells what went wrong and right.

    ``is_ours`` says whether we set a server to ERROR; ``standing`` are conditions of OSM's VDUs that stand as faults,
    ``undecided`` what was said of them and has not come to anything yet.
    """

    def __init__(
        self,
        *,
        database: Database,
        worker: Worker,
        reader: OsmReader,
        followers: Followers,
        say: Say,
        clock: Callable[[], int],
        common_key: str,
        plugins: Sequence[str],
        refresh_seconds: float,
        is_ours: Callable[[str], bool] = lambda _: False,
        standing: Iterable[VduNews] = (),
        undecided: Iterable[VduNews] = (),
        pause_seconds: tuple[float, float] = PAUSE_SECONDS,
    ) -> None:
        self._database = database
        self._worker = worker
        self._reader = reader
        self._followers = followers
        self._say = say
        self._clock = clock
        self._common_key = common_key
        self._plugins = plugins
        self._refresh_seconds = refresh_seconds
        self._pause_seconds = pause_seconds
        self._told = Told(standing, undecided)
        self._is_ours = is_ours
        self._held: set[tuple[str, str]] = set()
        """Servers in ERROR by our own doing, by VIM: not told of while that is so."""
        self._wake = asyncio.Event()
        self._errors = {"read": "", "written": ""}
        self._read_us: int | None = None
        self._accounts = 0
        self._skipped: Mapping[Skip, int] = {}
        self._skips: dict[Place, Skip] = {}
        """Records that are passed by, now."""
        self._said: set[Skip] = set()
        self._counts: Counter[str] = Counter()

    def wake(self) -> None:
        self._wake.set()

    def status(self) -> OsmStatus:
        skipped = Counter(self._skipped)
        skipped.update(self._skips.values())
        return OsmStatus(
            error="; ".join(filter(None, dict.fromkeys(self._errors.values()))),
            read_us=self._read_us,
            accounts=self._accounts,
            troubles=dict(self._followers.troubles),
            without_details=self._reader.blind(),
            servers=sum(self._reader.monitored().values()),
            pending=self._reader.pending,
            writes=self._counts["writes"],
            conflicts=self._counts["conflicts"],
            refused=self._counts["refused"],
            skipped={skip.value: number for skip, number in sorted(skipped.items())},
        )

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._outlive("read", self._read_on))
            group.create_task(self._outlive("written", self._write_on))

    async def _outlive(self, what: str, turn: Callable[[], Awaitable[None]]) -> None:
        """What goes wrong is tried again: the next round does what this one could not."""
        least, most = self._pause_seconds
        pause = least
        while True:
            try:
                await turn()
                error, pause = "", least
            except NfvigilError as problem:
                error = str(problem)
            except Exception as problem:  # a bug must not end the adapter for good
                _log.exception("the adapter of OSM broke")
                error = f"{type(problem).__name__}"
            if error != self._errors[what]:
                _log.warning(f"OSM cannot be {what}" if error else "OSM is back", error=error)
            self._errors[what] = error
            if error:
                await asyncio.sleep(pause)
                pause = min(pause * 2, most)

    # Reading

    async def _read_on(self) -> None:
        await self.read()
        await asyncio.sleep(self._refresh_seconds)

    async def read(self) -> None:
        """Once: which accounts there are, and what is to be monitored."""

        def ask() -> Installation:
            return read_installation(self._database, common_key=self._common_key, plugins=self._plugins)

        found = await self._worker.do(ask)
        await self._followers.take(found.accounts)
        await self._take_targets(found)
        self._accounts, self._read_us = len(found.accounts), self._clock()

    async def _take_targets(self, found: Installation) -> None:
        skipped = Counter(found.skipped)
        by_vim: dict[str, list[Target]] = {}
        for target in found.targets:
            if (vim := self._followers.vim_of.get(target.account)) is None:
                skipped[Skip.UNKNOWN_VIM] += 1
            else:
                by_vim.setdefault(vim, []).append(target)
        for skip in skipped.keys() - self._skipped.keys():
            _log.warning("tasks of OSM's are passed by", reason=skip.value, number=skipped[skip])
        self._skipped = skipped
        for vim in self._reader.monitor(by_vim):
            self._followers.refresh(vim)
        places = {(vim, one.server, *one.place) for vim, targets in by_vim.items() for one in targets}
        self._skips = {place: skip for place, skip in self._skips.items() if place in places}
        await self._end_what_left(places)
        for vim, server in [one for one in self._held if not self._is_ours(one[1])]:
            self._held.discard((vim, server))
            self._reader.look_again(vim, server)

    async def _end_what_left(self, places: set[Place]) -> None:
        left, vnfrs = self._told.left(places), {place[2] for place in places}
        if news := [*self._told.news(left), *self._told.strange(vnfrs)]:
            self._told.doubt(left)
            await self._say(news)
            self._told.remember(left)
            self._told.forget_strange(vnfrs)

    def _to_tell(self, result: Result) -> Result:
        """Without an ERROR that we set, unless it was there before."""
        if IN_ERROR not in result.conditions or IN_ERROR in self._told.of(result):
            return result
        if not self._is_ours(result.work.target.server):
            return result
        self._held.add((result.work.vim, result.work.target.server))
        return result._replace(conditions=result.conditions - {IN_ERROR})

    # Writing

    async def _write_on(self) -> None:
        await self._wake.wait()
        self._wake.clear()
        try:
            await self.write()
        except BaseException:
            self._wake.set()  # what waits is still to be done
            raise

    async def write(self) -> None:
        """Everything that waits. UnavailableError where that is not possible now: it waits on."""
        while works := self._reader.works(RECORDS_MAX):
            late = await self._bring_in_line(works)
            for work in late:
                self._reader.postpone(work)
                self._wake.set()
            if len(late) == len(works):
                await asyncio.sleep(self._pause_seconds[0])
                return

    async def _bring_in_line(self, works: Sequence[Work]) -> list[Work]:
        """Those that somebody else was quicker with every time."""
        left = list(works)
        done: list[Result] = []
        for _ in range(TRIES):
            plans = await self._worker.do(self._plan, left)
            results = [self._to_tell(result) for plan in plans for result in plan.results]
            news = self._told.news(results)
            if news:
                # First told, then written: killed in between, it is told again, and is known already.
                self._told.doubt(results)
                await self._say(news)
            self._told.remember(results)
            missed = await self._worker.do(self._change, plans)
            done += [result for plan in plans if plan.vnfr not in missed for result in plan.results]
            left = [result.work for plan in plans if plan.vnfr in missed for result in plan.results]
            if not left:
                break
        self._settle(done, {(work.vim, work.target.server) for work in left})
        return left

    def _settle(self, done: Sequence[Result], late: set[tuple[str, str]]) -> None:
        for result in done:
            self._note_skip(result)
            if (result.work.vim, result.work.target.server) not in late:
                self._reader.settled(result.work, result.ports if result.skip is None else None)

    def _note_skip(self, result: Result) -> None:
        place = place_of(result)
        if result.skip is None:
            self._skips.pop(place, None)
            return
        if result.skip not in self._said:
            self._said.add(result.skip)
            target = result.work.target
            _log.warning(
                "a record of OSM's is passed by", reason=result.skip.value, vnfr=target.vnfr, vdu=target.number
            )
        self._skips[place] = result.skip

    # In the worker

    def _plan(self, works: Sequence[Work]) -> list[Plan]:
        by_record: dict[str, list[Work]] = {}
        for work in works:
            by_record.setdefault(work.target.vnfr, []).append(work)
        documents = self._database.records(list(by_record))

        def plans(leaving: Collection[Target]) -> list[Plan]:
            return [
                planned(vnfr, documents.get(vnfr), sorted(mine, key=lambda one: one.target.number), leaving=leaving)
                for vnfr, mine in by_record.items()
            ]

        found = plans(())
        leaving = self._leaving(result for plan in found for result in plan.results)
        return plans(leaving) if leaving else found

    def _leaving(self, results: Iterable[Result]) -> set[Target]:
        """Of what is gone: that which OSM is removing itself. It may have begun since its tasks were read."""
        lost = {result.work.target for result in results if any(one in LOST for one, _ in result.conditions)}
        if not lost:
            return set()
        tasks = read_tasks(self._database.tasks_of(sorted({target.server for target in lost})), Counter())
        kept = {(task.server, task.place) for task in tasks}
        return {target for target in lost if (target.server, target.place) not in kept}

    def _change(self, plans: Sequence[Plan]) -> set[str]:
        """The records that were not as they had been read."""
        missed = set()
        for plan in plans:
            if not plan.sets:
                continue
            try:
                is_done = self._database.change(plan.filter, plan.sets)
            except RefusedError as error:
                self._counts["refused"] += 1
                _log.error("a record of OSM's cannot be written", vnfr=plan.vnfr, error=str(error))
                continue
            self._counts["writes" if is_done else "conflicts"] += 1
            if not is_done:
                missed.add(plan.vnfr)
        return missed
