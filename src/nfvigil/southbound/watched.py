"""What the inventory asks of a cloud that it watches, and of the map that it keeps in line."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from nfvigil.model.resource import CloudRecord, Comparison, MapChange, Record, Snapshot


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


def sentence(error: BaseException) -> str:
    """What to say of a failure: anything may come out of a driver."""
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    return str(error)[:500] or type(error).__name__
