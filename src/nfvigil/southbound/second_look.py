"""The second look: what a listing lacks is asked for by itself, for only the cloud's own "no such thing" is absence."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping

from nfvigil.errors import NotFoundError
from nfvigil.model.resource import CloudRecord, key_of_record

Read = Callable[[str], Awaitable[CloudRecord]]

AT_ONCE = 16
FAILURES_MAX = 32
"""Answers in a row that said nothing: then the cloud is not asked for the rest."""


class SecondLook:
    """What came of asking."""

    def __init__(self) -> None:
        self.gone: dict[str, None] = {}
        self.there: dict[str, CloudRecord] = {}
        self.unknown: dict[str, None] = {}
        """What the cloud did not answer for, or not in time: no reason to believe anything new of it."""
        self.ran_out = False
        self._failures = 0

    async def run(self, keys: Mapping[str, str], *, read: Read, seconds: float, read_seconds: float) -> None:
        """Ask for each key, all within ``seconds``. With it stands the key of the server that it goes with, or "":
        where that is one of them, only the ports of a server that is still there are asked for.
        """
        followers = {key: server for key, server in keys.items() if server in keys}
        try:
            async with asyncio.timeout(seconds):
                await self._ask([key for key in keys if key not in followers], read, read_seconds)
                for key, server in followers.items():
                    if server in self.gone:
                        self.gone[key] = None
                await self._ask([key for key, server in followers.items() if server in self.there], read, read_seconds)
        except TimeoutError:
            self.ran_out = True
        self.unknown = {key: None for key in keys if key not in self.gone and key not in self.there}

    async def _ask(self, keys: Iterable[str], read: Read, read_seconds: float) -> None:
        waiting = iter(keys)
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._ask_one_by_one(waiting, read, read_seconds))

    async def _ask_one_by_one(self, waiting: Iterator[str], read: Read, read_seconds: float) -> None:
        while self._failures < FAILURES_MAX:
            key = next(waiting, None)
            if key is None:
                return
            try:
                async with asyncio.timeout(read_seconds):
                    found = await read(key)
            except NotFoundError:
                self.gone[key] = None
            except Exception:  # a driver may raise anything, and nothing but the above says that there is none
                self._failures += 1
                continue
            else:
                # An answer about something else, such as a host that has this name now, says nothing of this one.
                if key_of_record(found) == key:
                    self.there[key] = found
            self._failures = 0
