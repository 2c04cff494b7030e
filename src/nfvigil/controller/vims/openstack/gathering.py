"""Reads of single things that are asked for together go to the cloud together.

A host that fails has fifty servers and as many ports, each of which is looked at before it is written to. Asked one by
one they keep a cloud busy for longer than all the writing does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

from nfvigil.errors import NfvigilError

T = TypeVar("T")

AT_ONCE = 50
"""In one call; their ids stand in its URL."""
WINDOW_SECONDS = 0.005
"""How long the first waits for others."""
BUSY_SECONDS = 0.1
"""How long they wait at most for the call before theirs, so that one which hangs holds up nobody."""


class Gathering(Generic[T]):
    """``one`` reads a thing by its id and says what is wrong where it cannot be had; ``many`` reads those it finds.

    What ``many`` does not find, or fails to read, is asked for by itself: absence is never taken from a list.
    """

    def __init__(
        self,
        *,
        one: Callable[[str], Awaitable[T]],
        many: Callable[[Sequence[str]], Awaitable[Mapping[str, T]]],
        at_once: int = AT_ONCE,
    ) -> None:
        self._one = one
        self._many = many
        self._at_once = at_once
        self._waiting: dict[str, list[asyncio.Future[T | None]]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._calls: set[asyncio.Task[None]] = set()

    async def read(self, id: str) -> T:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T | None] = loop.create_future()
        self._waiting.setdefault(id, []).append(future)
        if len(self._waiting) >= self._at_once:
            self._send()
        elif self._timer is None:
            self._timer = loop.call_later(BUSY_SECONDS if self._calls else WINDOW_SECONDS, self._send)
        found = await future
        return found if found is not None else await self._one(id)

    def _send(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        asked, self._waiting = self._waiting, {}
        if len(asked) == 1:
            _answer(asked, {})
        elif asked:
            call = asyncio.create_task(self._call(asked))
            self._calls.add(call)
            call.add_done_callback(self._ended)

    async def _call(self, asked: Mapping[str, list[asyncio.Future[T | None]]]) -> None:
        found: Mapping[str, T] = {}
        try:
            found = await self._many(list(asked))
        except NfvigilError:
            pass  # Whoever asks by itself hears why.
        finally:
            _answer(asked, found)

    def _ended(self, call: asyncio.Task[None]) -> None:
        self._calls.discard(call)
        if not call.cancelled():
            call.exception()
        if self._waiting and not self._calls:
            self._send()


def _answer(asked: Mapping[str, list[asyncio.Future[T | None]]], found: Mapping[str, T]) -> None:
    for id, futures in asked.items():
        for future in futures:
            if not future.done():
                future.set_result(found.get(id))
