"""What one VIM tells of its changes. That something is gone is only a hint: it is asked for before it is believed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import structlog

from nfvigil.model.resource import MapChange, key_of_record
from nfvigil.southbound.part_of_map import PartOfMap, server_key
from nfvigil.southbound.reach import Reach
from nfvigil.southbound.second_look import SecondLook
from nfvigil.southbound.timing import Timing
from nfvigil.southbound.watched import Vim, sentence

_log = structlog.get_logger(__name__)

DOUBTS_MAX = 10_000
"""Resources told to be gone that wait to be asked for. Should there be more, the next snapshot follows at once."""


class Hints:
    """``want`` asks for a snapshot, ``pause`` says how long to wait after so many failures, ``put_back`` hears how many
    were told to be gone and are there.
    """

    def __init__(
        self,
        *,
        vim: Vim,
        part: PartOfMap,
        reach: Reach,
        timing: Timing,
        want: Callable[[], None],
        pause: Callable[[int], float],
        put_back: Callable[[int], None],
    ) -> None:
        self.error = ""
        self._vim = vim
        self._part = part
        self._reach = reach
        self._timing = timing
        self._want = want
        self._pause = pause
        self._put_back = put_back
        self._failures = 0
        self._doubts: dict[str, str] = {}
        """What was told to be gone, each with the server that it goes with, or ""."""
        self._is_doubt = asyncio.Event()

    async def follow(self) -> None:
        """Changes as the VIM tells them. When it cannot, the next snapshot has to tell what was missed."""
        while True:
            # Silence is what a calm cloud says, too.
            calm_seconds = self._timing.unreachable_after_seconds / 2
            calm = asyncio.get_running_loop().call_later(calm_seconds, self._well)
            try:
                async for change in self._vim.changes():
                    self._well()
                    await self._take(change)
                self.error = "its changes came to an end"
            except Exception as error:  # anything may come out of a driver
                self.error = sentence(error)
            finally:
                calm.cancel()
            self._failures += 1
            self._reach.changes_failed(self.error)
            self._want()
            _log.info("vim tells no changes, trying again", vim=self._vim.name, error=self.error)
            await asyncio.sleep(self._pause(self._failures))

    def _well(self) -> None:
        if self._failures:
            self._want()  # nobody told what changed since the snapshot that the failure led to
        self._failures, self.error = 0, ""
        self._reach.changes_well()

    async def _take(self, change: MapChange | None) -> None:
        if change is None:
            self._want()
            return
        self._part.note(map(key_of_record, change.put))
        if change.put:
            async with self._part.turn:
                await self._part.change(put=change.put)
        put = {key_of_record(record) for record in change.put}
        doubts = {key: server_key(self._part.mine(key)) for key in change.gone}
        doubts = dict.fromkeys(self._part.ports_of(change.gone), "") | doubts
        for key, server in doubts.items():
            # One that we do not know may still be in the snapshot that is being read.
            if self._part.is_left_out(key):
                self._want()  # it need not be asked for: the map has nothing of it
            elif key not in put and (self._part.is_noting or self._part.mine(key)):
                if len(self._doubts) >= DOUBTS_MAX:
                    self._want()
                    break
                self._doubts[key] = server
                self._is_doubt.set()

    async def settle(self) -> None:
        """What changes told to be gone is asked for: a message may be late, doubled, or not the cloud's at all."""
        while True:
            await self._is_doubt.wait()
            self._is_doubt.clear()
            doubts, self._doubts = self._doubts, {}
            try:
                await self._settle(doubts)
            except Exception:
                self._want()  # nobody else remembers what was told
                raise

    async def _settle(self, doubts: Mapping[str, str]) -> None:
        with self._part.noting() as touched:
            look = SecondLook()
            await look.run(
                doubts,
                read=self._vim.read,
                seconds=self._timing.confirm_seconds,
                read_seconds=self._timing.read_seconds,
            )
            async with self._part.turn:
                there = [record for key, record in look.there.items() if key not in touched and self._part.mine(key)]
                gone = [key for key in look.gone if key not in touched]
                # A snapshot that is being read may be older than what was just asked.
                self._part.note([*gone, *map(key_of_record, there)])
                await self._part.change(put=there, gone=[key for key in gone if self._part.mine(key)])
        self._put_back(len(there))
        if look.unknown:
            self._want()
