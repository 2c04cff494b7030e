"""Hints that something in the cloud may have changed: what it was must be asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

import msgspec

from nfvigil.controller.vim import Tap
from nfvigil.model.resource import Kind


class Hint(msgspec.Struct, frozen=True):
    """``kind`` is server, port, host, volume or network; ``id`` as the cloud names it."""

    kind: Kind
    id: str


class Hints(Protocol):
    """Who hears of changes, such as a reader of OpenStack's message bus."""

    def listen(self) -> AsyncIterator[Sequence[Hint] | None]:
        """What may have changed from now on, some at a time. None says that something may have been missed.

        It never ends by itself, and takes care of its own connection.
        """

    def tap(self, tap: Tap) -> None:
        """Let ``tap`` hear all that is heard."""

    async def check(self) -> str:
        """ "" where it can be reached, otherwise why not."""

    def places(self) -> Sequence[str]:
        """The addresses that it connects to, as URLs without credentials."""

    async def close(self) -> None:
        """Let go of connections."""


class NoHints:
    """Nobody tells: snapshots and the services' heartbeats are all there is."""

    async def listen(self) -> AsyncIterator[Sequence[Hint] | None]:
        await asyncio.Event().wait()
        yield None

    def tap(self, tap: Tap) -> None:
        """There is nothing to hear."""

    async def check(self) -> str:
        return "no bus is configured"

    def places(self) -> Sequence[str]:
        return ()

    async def close(self) -> None:
        pass
