"""One listing of a VIM: read, doubted, brought into the map, and handed to all who read it.

That a listing lacks something is only a hint: each thing is asked for by itself before it is believed to be gone, and
what cannot be asked for is kept as it is known.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from nfvigil.controller.vim import listed
from nfvigil.errors import VimUnavailableError
from nfvigil.model.condition import Condition
from nfvigil.model.reading import Reading
from nfvigil.model.resource import CloudRecord, Comparison, Snapshot, key_of_record, split_key
from nfvigil.model.vim_status import Differences, VimStatus
from nfvigil.southbound.conditions import Conditions
from nfvigil.southbound.part_of_map import TOUCHED_MAX, PartOfMap, server_key
from nfvigil.southbound.reach import Reach
from nfvigil.southbound.readers import Hearing, Readers
from nfvigil.southbound.second_look import SecondLook
from nfvigil.southbound.timing import Timing
from nfvigil.southbound.watched import Vim, sentence

replace = msgspec.structs.replace


class Found(NamedTuple):
    """One listing beside what was expected of it."""

    reading: Reading
    hearing: Hearing
    comparison: Comparison
    missing: Mapping[str, str]
    """What it lacks, each with the key of the server that it goes with, or ""."""
    expected: Mapping[str, int]
    """How much of each kind it should have had."""
    seconds: float


class Listing:
    """``want`` asks for another one."""

    def __init__(
        self,
        *,
        vim: Vim,
        part: PartOfMap,
        readers: Readers,
        reach: Reach,
        conditions: Conditions,
        timing: Timing,
        want: Callable[[], None],
    ) -> None:
        self.taken_us: int | None = None
        """When the last one that was believed was begun."""
        self.status = VimStatus()
        self._vim = vim
        self._part = part
        self._readers = readers
        self._reach = reach
        self._conditions = conditions
        self._timing = timing
        self._want = want

    async def read(self) -> None:
        """Read one snapshot, and bring the map in line with it as far as there is proof; then all others hear of it."""
        with self._part.noting() as touched:
            found = await self._find(touched)
            cliff = self._cliff(found.missing, found.expected)
            if cliff:
                self._conditions.put(Condition.CLIFF, True, f"a listing lacks {cliff}: asking again")
                await asyncio.sleep(self._timing.second_look_seconds)
                touched.clear()  # what was told before the second listing began is in it
                found = await self._find(touched)
            look = await self._look_again(found.missing)
            if len(touched) > TOUCHED_MAX:
                raise VimUnavailableError("so much changed while it was listed that the listing is too old")
            async with self._part.turn:
                await self._bring_in_line(found, look, touched)
            found.reading.gone = frozenset(look.gone.keys() - touched)
        self.taken_us = found.reading.taken_us
        self.status = replace(self.status, snapshot_seconds=found.seconds)
        found.hearing.take(found.reading)
        self._readers.end(self._vim.name, found.hearing)

    async def _find(self, touched: set[str]) -> Found:
        hearing = self._readers.begin(self._vim.name)
        snapshot, seconds = await self._list(hearing)
        comparison = await self._part.compare(snapshot)
        missing = _missing(comparison, touched)
        reading = Reading(snapshot)
        # Of a port that a reader misses, its server's end is no proof: it is asked for by itself.
        theirs = {key: "" for key in hearing.missing(reading) if key not in touched}
        known = self._part.counts
        expected = Counter({kind: known[kind] or number for kind, number in comparison.counts.items()})
        expected.update(split_key(key)[0] for key in theirs if key not in missing)
        return Found(reading, hearing, comparison, missing | theirs, expected, seconds)

    async def _list(self, hearing: Hearing) -> tuple[Snapshot, float]:
        loop = asyncio.get_running_loop()
        started = loop.time()
        self._reach.listing()
        try:
            async with asyncio.timeout(self._timing.timeout_seconds):
                snapshot = await listed(self._vim, hearing.details)
        except Exception as error:
            self._reach.not_listed(sentence(error))
            raise
        self._reach.listed()
        return snapshot, loop.time() - started

    def _cliff(self, missing: Iterable[str], expected: Mapping[str, int]) -> str:
        """More has gone at once than operators delete: rather a listing that is not what it seems."""
        numbers = Counter(split_key(key)[0] for key in missing)
        return ", ".join(
            f"{number} of {expected[kind]} {kind}s"
            for kind, number in numbers.items()
            if number > max(self._timing.cliff_least, self._timing.cliff_share * expected[kind])
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

    async def _bring_in_line(self, found: Found, look: SecondLook, touched: set[str]) -> None:
        """Apply what a snapshot and the second look say; of what changed meanwhile the changes know more."""
        told = found.comparison
        added, changed = _without(touched, told.added), _without(touched, told.changed)
        there = [record for key, record in look.there.items() if key not in touched]
        gone = [key for key in look.gone if key not in touched and self._part.mine(key)]
        unknown = [key for key in look.unknown if key not in touched]
        refused = _without(touched, told.refused)
        await self._part.change(put=(*added, *changed, *there, *refused), gone=(*gone, *told.given_up))
        if look.ran_out and look.gone:
            self._want()  # there is more to ask for, and it is getting less
        found_now = Differences(added=len(added), changed=len(changed), gone=len(gone))
        if self.taken_us is None:
            found_now = Differences()  # nothing was known that it could differ from
        self.status = replace(
            self.status,
            differences=found_now,
            differences_total=self.status.differences_total.plus(found_now),
            unconfirmed=len(unknown),
            put_back=len(there),
            put_back_total=self.status.put_back_total + len(there),
        )
        cliff = self._cliff(unknown, found.expected)
        self._conditions.put(Condition.CLIFF, bool(cliff), f"a listing lacks {cliff}, and they cannot be asked for")
        if there or not unknown:
            text = f"its listing lacks {len(there)} that are there, such as {next(iter(look.there), '')}"
            self._conditions.put(Condition.PARTIAL, bool(there), text)

    def put_back(self, number: int) -> None:
        """Changes told as many to be gone that are there."""
        self.status = replace(self.status, put_back_total=self.status.put_back_total + number)


def _missing(found: Comparison, touched: set[str]) -> dict[str, str]:
    missing = ((key_of_record(record), record) for record in found.missing)
    return {key: server_key(record) for key, record in missing if key not in touched}


def _without(touched: set[str], records: Sequence[CloudRecord]) -> Sequence[CloudRecord]:
    return [record for record in records if key_of_record(record) not in touched] if touched else records
