"""One VIM: its snapshots, its changes, and what we believe of them.

What says that something is gone is only a hint, whether it is a listing that lacks it or a change: each thing is
asked for by itself before the map forgets it, and what cannot be asked for is kept as it is known.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Protocol

import msgspec
import structlog

from nfvigil.errors import VimUnavailableError
from nfvigil.model.condition import Condition
from nfvigil.model.resource import (
    CloudRecord,
    Comparison,
    MapChange,
    Port,
    Record,
    Snapshot,
    key_of_record,
    kind_of_record,
    split_key,
)
from nfvigil.model.times import SECOND
from nfvigil.southbound.clashes import NAMED_MAX, text_of_clashes
from nfvigil.southbound.conditions import Conditions, Say
from nfvigil.southbound.reach import Reach
from nfvigil.southbound.second_look import SecondLook
from nfvigil.southbound.timing import Timing
from nfvigil.southbound.vim_status import Differences, VimStatus

_log = structlog.get_logger(__name__)

DOUBTS_MAX = 10_000
"""Resources told to be gone that wait to be asked for. Should there be more, the next snapshot follows at once."""
TOUCHED_MAX = 20_000
"""Resources that changed while a snapshot was read. With more, that snapshot is too old to be believed."""


class Vim(Protocol):
    """What a driver needs for its cloud to be watched."""

    @property
    def name(self) -> str: ...

    async def snapshot(self) -> Snapshot:
        """Everything, or VimUnavailableError: there is no such thing as half a snapshot."""

    def changes(self) -> AsyncIterator[MapChange | None]:
        """What becomes different, in order. None says that something was missed: a snapshot is due."""

    async def read(self, key: str) -> CloudRecord:
        """One resource by itself. NotFoundError only where the cloud says that there is no such thing."""


class Names(Protocol):
    """Which keys and names more than one VIM has."""

    @property
    def version(self) -> int:
        """Another one whenever any of the answers may be."""

    def complete(self) -> None:
        """Every VIM has been read."""

    def left_out(self, vim: str) -> Mapping[str, None]: ...

    def mistakable(self, vim: str) -> Mapping[str, str]: ...


class Known(Protocol):
    """The map, as far as the inventory asks it."""

    @property
    def names(self) -> Names: ...

    def get(self, key: str) -> Record | None: ...

    def related(self, key: str, relation: str) -> Sequence[str]: ...

    def compare(self, snapshot: Snapshot) -> Comparison: ...


Apply = Callable[[MapChange], Awaitable[None]]


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
    ) -> None:
        self.taken_us: int | None = None
        self.conditions = Conditions(vim=vim.name, say=say)
        self._vim = vim
        self._known = known
        self._apply = apply
        self._interval_seconds = interval_seconds
        self._clock = clock
        self._timing = timing
        self._chance = chance
        self._on_read = on_read
        self._reach = Reach(
            seconds=timing.unreachable_after_seconds,
            failures_max=timing.unreachable_failures,
            put=lambda is_on, text: self.conditions.put(Condition.UNREACHABLE, is_on, text),
        )
        self._wanted = asyncio.Event()
        self._turn = asyncio.Lock()
        self._touched: list[set[str]] = []
        self._doubts: dict[str, str] = {}
        """What was told to be gone, each with the server that it goes with, or ""."""
        self._is_doubt = asyncio.Event()
        self._changes_failures = 0
        self._counts: Counter[str] = Counter()
        self._status = VimStatus()
        self._names_version = -1
        self._error = ""
        self._changes_error = ""

    def want(self) -> None:
        self._wanted.set()

    def status(self, now_us: int) -> VimStatus:
        return msgspec.structs.replace(
            self._status,
            taken_us=self.taken_us,
            age_seconds=None if self.taken_us is None else max(0, now_us - self.taken_us) / SECOND,
            error=self._error or self._changes_error,
            servers=self._counts["server"],
            hosts=self._counts["host"],
            conditions=self.conditions.on,
        )

    def look_at_names(self, *, all_are_read: bool) -> None:
        """The map has changed, by whomever: can what is here still be told from what others have?"""
        names = self._known.names
        if self._names_version == names.version:
            return
        left_out, mistakable = names.left_out(self._vim.name), names.mistakable(self._vim.name)
        has_clashes = bool(left_out or mistakable)
        self._status = msgspec.structs.replace(self._status, left_out=len(left_out), mistakable=len(mistakable))
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
            for work in (self._look, self._follow, self._settle_doubts, self.conditions.run):
                group.create_task(self._outlive(work))

    async def close(self) -> None:
        """After ``run`` has ended: it is not watched any more."""
        self._reach.close()
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

    # Snapshots

    async def _look(self) -> None:
        """Snapshots: at the start, when one is wanted, and from time to time."""
        failures = 0
        while True:
            self._wanted.clear()
            try:
                await self._read()
            except Exception as error:  # a driver may raise anything
                failures += 1
                self._fail(error)
                await asyncio.sleep(self._pause(failures))
                continue
            if self._error:
                _log.info("vim is back", vim=self._vim.name)
            failures, self._error = 0, ""
            self._on_read()
            await asyncio.sleep(self._timing.gap_seconds)
            # Jitter, so that several processes or VIMs of one cloud do not list in step.
            wait = self._interval_seconds * self._chance.uniform(0.9, 1.1) if self._interval_seconds >= 0 else None
            with suppress(TimeoutError):  # nobody asked: it is time anyway
                async with asyncio.timeout(wait):
                    await self._wanted.wait()

    async def _read(self) -> None:
        """Read one snapshot, and bring the map in line with it as far as there is proof."""
        with self._noting() as touched:
            snapshot, seconds = await self._list()
            found = await self._compare(snapshot)
            missing = _missing(found, touched)
            cliff = self._cliff(missing)
            if cliff:
                self.conditions.put(Condition.CLIFF, True, f"a listing lacks {cliff}: asking again")
                await asyncio.sleep(self._timing.second_look_seconds)
                touched.clear()  # what was told before the second listing began is in it
                snapshot, seconds = await self._list()
                found = await self._compare(snapshot)
                missing = _missing(found, touched)
            look = await self._look_again(missing)
            if len(touched) > TOUCHED_MAX:
                raise VimUnavailableError("so much changed while it was listed that the listing is too old")
            async with self._turn:
                await self._bring_in_line(found, look, touched)
        self.taken_us = snapshot.taken_us
        self._status = msgspec.structs.replace(self._status, snapshot_seconds=seconds)

    async def _list(self) -> tuple[Snapshot, float]:
        loop = asyncio.get_running_loop()
        started = loop.time()
        self._reach.listing()
        try:
            async with asyncio.timeout(self._timing.timeout_seconds):
                snapshot = await self._vim.snapshot()
        except Exception as error:
            self._reach.not_listed(_sentence(error))
            raise
        self._reach.listed()
        return snapshot, loop.time() - started

    async def _compare(self, snapshot: Snapshot) -> Comparison:
        async with self._turn:
            found = self._known.compare(snapshot)
            counts = Counter(found.counts)
            counts.subtract(map(kind_of_record, (*found.added, *found.refused)))
            counts.update(map(kind_of_record, found.missing))
            self._counts = counts
        return found

    def _cliff(self, missing: Iterable[str]) -> str:
        """More has gone at once than operators delete: rather a listing that is not what it seems."""
        numbers = Counter(split_key(key)[0] for key in missing)
        return ", ".join(
            f"{number} of {self._counts[kind]} {kind}s"
            for kind, number in numbers.items()
            if number > max(self._timing.cliff_least, self._timing.cliff_share * self._counts[kind])
        )

    async def _look_again(self, missing: Mapping[str, str]) -> SecondLook:
        look = SecondLook()
        if missing:
            await look.run(
                missing,
                read=self._vim.read,
                seconds=self._timing.confirm_seconds,
                read_seconds=self._timing.read_seconds,
            )
        return look

    async def _bring_in_line(self, found: Comparison, look: SecondLook, touched: set[str]) -> None:
        """Apply what a snapshot and the second look say; of what changed meanwhile the changes know more."""
        added, changed = _without(touched, found.added), _without(touched, found.changed)
        there = [record for key, record in look.there.items() if key not in touched]
        gone = [key for key in look.gone if key not in touched]
        unknown = [key for key in look.unknown if key not in touched]
        refused = _without(touched, found.refused)
        await self._change(put=(*added, *changed, *there, *refused), gone=(*gone, *found.given_up))
        if look.ran_out and look.gone:
            self.want()  # there is more to ask for, and it is getting less
        found_now = Differences(added=len(added), changed=len(changed), gone=len(gone))
        if self.taken_us is None:
            found_now = Differences()  # nothing was known that it could differ from
        self._status = msgspec.structs.replace(
            self._status,
            differences=found_now,
            differences_total=self._status.differences_total.plus(found_now),
            unconfirmed=len(unknown),
            put_back=len(there),
            put_back_total=self._status.put_back_total + len(there),
        )
        cliff = self._cliff(unknown)
        self.conditions.put(Condition.CLIFF, bool(cliff), f"a listing lacks {cliff}, and they cannot be asked for")
        if there or not unknown:
            text = f"its listing lacks {len(there)} that are there, such as {next(iter(look.there), '')}"
            self.conditions.put(Condition.PARTIAL, bool(there), text)

    # Changes

    async def _follow(self) -> None:
        """Changes as the VIM tells them. When it cannot, the next snapshot has to tell what was missed."""
        while True:
            # Silence is what a calm cloud says, too.
            calm_seconds = self._timing.unreachable_after_seconds / 2
            calm = asyncio.get_running_loop().call_later(calm_seconds, self._changes_well)
            try:
                async for change in self._vim.changes():
                    self._changes_well()
                    await self._take(change)
                self._changes_error = "its changes came to an end"
            except Exception as error:  # as in _look: anything may come out of a driver
                self._changes_error = _sentence(error)
            finally:
                calm.cancel()
            self._changes_failures += 1
            self._reach.changes_failed(self._changes_error)
            self._wanted.set()
            _log.info("vim tells no changes, trying again", vim=self._vim.name, error=self._changes_error)
            await asyncio.sleep(self._pause(self._changes_failures))

    def _changes_well(self) -> None:
        if self._changes_failures:
            self._wanted.set()  # nobody told what changed since the snapshot that the failure led to
        self._changes_failures, self._changes_error = 0, ""
        self._reach.changes_well()

    async def _take(self, change: MapChange | None) -> None:
        if change is None:
            self._wanted.set()
            return
        self._note(map(key_of_record, change.put))
        if change.put:
            async with self._turn:
                await self._change(put=change.put)
        put = {key_of_record(record) for record in change.put}
        doubts = {key: _server_of(self._mine(key)) for key in change.gone}
        doubts = dict.fromkeys(self._ports_of(change.gone), "") | doubts
        for key, server in doubts.items():
            # One that we do not know may still be in the snapshot that is being read.
            if key in self._known.names.left_out(self._vim.name):
                self._wanted.set()  # it need not be asked for: the map has nothing of it
            elif key not in put and (self._touched or self._mine(key)):
                if len(self._doubts) >= DOUBTS_MAX:
                    self._wanted.set()
                    break
                self._doubts[key] = server
                self._is_doubt.set()

    def _ports_of(self, gone: Iterable[str]) -> Iterator[str]:
        """Most go with their server, and nobody may tell of them: it is not everywhere that Neutron is heard. One that
        was there before may stay, so each is asked for.
        """
        for key in gone:
            if split_key(key)[0] == "server" and self._mine(key):
                yield from self._known.related(key, "ports")

    async def _settle_doubts(self) -> None:
        """What changes told to be gone is asked for: a message may be late, doubled, or not the cloud's at all."""
        while True:
            await self._is_doubt.wait()
            self._is_doubt.clear()
            doubts, self._doubts = self._doubts, {}
            try:
                await self._settle(doubts)
            except Exception:
                self._wanted.set()  # nobody else remembers what was told
                raise

    async def _settle(self, doubts: Mapping[str, str]) -> None:
        with self._noting() as touched:
            look = await self._look_again(doubts)
            async with self._turn:
                there = [record for key, record in look.there.items() if key not in touched and self._mine(key)]
                gone = [key for key in look.gone if key not in touched]
                # A snapshot that is being read may be older than what was just asked.
                self._note([*gone, *map(key_of_record, there)])
                await self._change(put=there, gone=[key for key in gone if self._mine(key)])
        self._status = msgspec.structs.replace(self._status, put_back_total=self._status.put_back_total + len(there))
        if look.unknown:
            self._wanted.set()

    # The map

    async def _change(self, *, put: Iterable[CloudRecord] = (), gone: Iterable[str] = ()) -> None:
        change = MapChange(vim=self._vim.name, put=tuple(put), gone=tuple(gone))
        if not (change.put or change.gone):
            return
        new = [record for record in change.put if not self._mine(key_of_record(record))]
        old = Counter(split_key(key)[0] for key in change.gone if self._mine(key))
        await self._apply(change)
        self._counts.update(kind_of_record(record) for record in new if self._mine(key_of_record(record)))
        self._counts.subtract(old)

    def _mine(self, key: str) -> Record | None:
        """What is known by this key in this VIM: another's resources are none of its business."""
        record = self._known.get(key)
        return record if record is not None and record.vim == self._vim.name else None

    @contextmanager
    def _noting(self) -> Iterator[set[str]]:
        """The resources that are changed by others while we wait for an answer, which may be older."""
        touched: set[str] = set()
        self._touched.append(touched)
        try:
            yield touched
        finally:
            self._touched = [one for one in self._touched if one is not touched]

    def _note(self, keys: Iterable[str]) -> None:
        for key in keys:
            for touched in self._touched:
                if len(touched) <= TOUCHED_MAX:
                    touched.add(key)

    # Failures

    def _fail(self, error: Exception) -> None:
        text = _sentence(error)
        if text != self._error:
            _log.warning("vim cannot be read", vim=self._vim.name, error=text)
        self._error = text

    def _pause(self, failures: int) -> float:
        most = min(self._timing.retry_max_seconds, self._timing.retry_min_seconds * 2 ** min(failures, 20))
        return self._chance.uniform(self._timing.retry_min_seconds / 2, most)


def _missing(found: Comparison, touched: set[str]) -> dict[str, str]:
    """The keys of what a snapshot lacks, each with that of the server that it goes with, or ""."""
    missing = ((key_of_record(record), record) for record in found.missing)
    return {key: _server_of(record) for key, record in missing if key not in touched}


def _without(touched: set[str], records: Sequence[CloudRecord]) -> Sequence[CloudRecord]:
    return [record for record in records if key_of_record(record) not in touched] if touched else records


def _server_of(record: Record | None) -> str:
    return f"server/{record.server}" if isinstance(record, Port) and record.server else ""


def _sentence(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    return str(error)[:500] or type(error).__name__
