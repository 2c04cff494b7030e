"""Follows VNFs: what became different of each, over breaks and starts of the service, and what was missed by them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from nfvigil.client.problems import TooOldError
from nfvigil.client.vnf_differences import Difference, differences
from nfvigil.client.vnf_shapes import Vnf, VnfChanges
from nfvigil.errors import UnavailableError

PAUSE_SECONDS = 1.0
PAUSE_MAX_SECONDS = 30.0
FAILURES_MAX = 10

A = TypeVar("A")
T = TypeVar("T")


class NewsKind(StrEnum):
    NEW = "new"
    CHANGED = "changed"
    REMOVED = "removed"
    """Nobody tells of it any more."""
    RESYNC = "resync"
    """The service was started anew: what changed meanwhile follows, as it is by now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VnfNews:
    kind: NewsKind
    vnf: Vnf | None = None
    """As it is now, or as it was last seen; None where the news is not of one."""
    differences: tuple[Difference, ...] = ()
    was_missed: bool = False
    """Found by comparing, since nobody was there to tell it when it happened."""


@dataclass(kw_only=True)
class VnfWatch:
    """``changes(after)`` is answered when there is something, or its wait is over; ``everything`` lists."""

    changes: Callable[[str | None], VnfChanges]
    everything: Callable[[], Iterator[Vnf]]
    is_wanted: Callable[[Vnf], bool]
    sleep: Callable[[float], None]
    clock: Callable[[], float]
    lost: Callable[[Exception], None] = lambda _: None
    failures_max: int = FAILURES_MAX
    known: dict[tuple[str, str], Vnf] = field(default_factory=dict)
    _failures: int = 0

    def __iter__(self) -> Iterator[VnfNews]:
        """Until the service cannot be had ``failures_max`` times in a row."""
        cursor = self._tried(self._begin, self.known)
        while True:
            begun = self.clock()
            try:
                found = self._tried(self.changes, cursor)
            except TooOldError:
                yield VnfNews(kind=NewsKind.RESYNC)
                seen: dict[tuple[str, str], Vnf] = {}
                cursor = self._tried(self._begin, seen)
                yield from self._compared(seen)
                continue
            cursor = found.cursor
            for vnf in found.items:
                if self.is_wanted(vnf):
                    yield from self._put(vnf, was_missed=False)
            for gone in found.removed:
                yield from self._take(gone.project_id, gone.id, was_missed=False)
            if not found.items and not found.removed and self.clock() - begun < PAUSE_SECONDS:
                self.sleep(PAUSE_SECONDS)  # A service that ends answers at once, again and again.

    def _begin(self, into: dict[tuple[str, str], Vnf]) -> str:
        """The place comes before the list: what changes between the two is told, and found to be known."""
        into.clear()
        cursor = self.changes(None).cursor
        into.update({one.key: one for one in self.everything() if self.is_wanted(one)})
        return cursor

    def _compared(self, seen: dict[tuple[str, str], Vnf]) -> Iterator[VnfNews]:
        for vnf in seen.values():
            yield from self._put(vnf, was_missed=True)
        for project, vnf_id in self.known.keys() - seen.keys():
            yield from self._take(project, vnf_id, was_missed=True)

    def _put(self, vnf: Vnf, *, was_missed: bool) -> Iterator[VnfNews]:
        before = self.known.get(vnf.key)
        self.known[vnf.key] = vnf
        if before is None:
            yield VnfNews(kind=NewsKind.NEW, vnf=vnf, was_missed=was_missed)
        elif found := differences(before, vnf):
            yield VnfNews(kind=NewsKind.CHANGED, vnf=vnf, differences=found, was_missed=was_missed)

    def _take(self, project: str, vnf_id: str, *, was_missed: bool) -> Iterator[VnfNews]:
        before = self.known.pop((project, vnf_id), None)
        if before is not None:
            yield VnfNews(kind=NewsKind.REMOVED, vnf=before, was_missed=was_missed)

    def _tried(self, ask: Callable[[A], T], what: A) -> T:
        while True:
            try:
                answer = ask(what)
            except UnavailableError as error:
                self._failures += 1
                if self._failures >= self.failures_max:
                    raise
                self.lost(error)
                pause = PAUSE_SECONDS * float(2 ** min(self._failures - 1, 10))
                self.sleep(min(max(pause, error.retry_after_seconds), PAUSE_MAX_SECONDS))
            else:
                self._failures = 0
                return answer
