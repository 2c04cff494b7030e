"""What the map has of one VIM: changed by one at a time, and it is noted what changed while somebody waited."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

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
from nfvigil.southbound.watched import Apply, Known

TOUCHED_MAX = 20_000
"""Resources that changed while a snapshot was read. With more, that snapshot is too old to be believed."""


class PartOfMap:
    """``turn`` is held by whoever compares or changes. ``counts`` is what is known, by kind."""

    def __init__(self, *, vim: str, known: Known, apply: Apply) -> None:
        self.vim = vim
        self.known = known
        self.turn = asyncio.Lock()
        self.counts: Counter[str] = Counter()
        self._apply = apply
        self._touched: list[set[str]] = []

    @property
    def is_noting(self) -> bool:
        return bool(self._touched)

    def mine(self, key: str) -> Record | None:
        """What is known by this key in this VIM: another's resources are none of its business."""
        record = self.known.get(key)
        return record if record is not None and record.vim == self.vim else None

    def is_left_out(self, key: str) -> bool:
        return key in self.known.names.left_out(self.vim)

    def ports_of(self, gone: Iterable[str]) -> Iterator[str]:
        """Most go with their server, and nobody may tell of them: it is not everywhere that Neutron is heard. One that
        was there before may stay, so each is asked for.
        """
        for key in gone:
            if split_key(key)[0] == "server" and self.mine(key):
                yield from self.known.related(key, "ports")

    async def compare(self, snapshot: Snapshot) -> Comparison:
        async with self.turn:
            found = self.known.compare(snapshot)
            counts = Counter(found.counts)
            counts.subtract(map(kind_of_record, (*found.added, *found.refused)))
            counts.update(map(kind_of_record, found.missing))
            self.counts = counts
        return found

    async def change(self, *, put: Iterable[CloudRecord] = (), gone: Iterable[str] = ()) -> None:
        """Within one's turn."""
        change = MapChange(vim=self.vim, put=tuple(put), gone=tuple(gone))
        if not (change.put or change.gone):
            return
        new = [record for record in change.put if not self.mine(key_of_record(record))]
        old = Counter(split_key(key)[0] for key in change.gone if self.mine(key))
        await self._apply(change)
        self.counts.update(kind_of_record(record) for record in new if self.mine(key_of_record(record)))
        self.counts.subtract(old)

    @contextmanager
    def noting(self) -> Iterator[set[str]]:
        """The resources that are changed by others while we wait for an answer, which may be older."""
        touched: set[str] = set()
        self._touched.append(touched)
        try:
            yield touched
        finally:
            self._touched = [one for one in self._touched if one is not touched]

    def note(self, keys: Iterable[str]) -> None:
        for key in keys:
            for touched in self._touched:
                if len(touched) <= TOUCHED_MAX:
                    touched.add(key)


def server_key(record: Record | None) -> str:
    """The key of the server that a port goes with, or ""."""
    return f"server/{record.server}" if isinstance(record, Port) and record.server else ""
