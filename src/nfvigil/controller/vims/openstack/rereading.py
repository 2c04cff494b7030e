"""Lists that are read again and again: an item of the same words as last time is what was made of it then.

Most of a cloud is as it was a minute ago. To see that costs a third of what it costs to read it. On the way, the
words are handed to whoever wants them, a page at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

import msgspec

from nfvigil.errors import VimUnavailableError
from nfvigil.model.reading import Details
from nfvigil.model.resource import Port, Server

R = TypeVar("R", Server, Port)
W = TypeVar("W")


class Item(NamedTuple, Generic[R]):
    server: str
    """Whose words these are: the server's, or those of a port that its ``device_id`` says to be the server's; or ""."""
    record: R


class Rereading(Generic[W, R]):
    """``shape`` is what of an item is read, ``whose`` the server that it counts with. One list is read at a time."""

    def __init__(self, *, what: str, kind: str, shape: type[W], whose: Callable[[W], str | None]) -> None:
        self._what = what
        self._kind = kind
        self._decode = msgspec.json.Decoder(shape).decode
        self._whose = whose
        self._before: dict[int, Item[R]] = {}
        self._now: dict[int, Item[R]] = {}

    def begin(self, *, anew: bool = False) -> None:
        """``anew``: what follows from an item hangs on something that is another now."""
        self._now = {}
        if anew:
            self._before = {}

    def end(self) -> None:
        """The list was read to its end."""
        self._before, self._now = self._now, {}

    def read(self, page: Sequence[msgspec.Raw], make: Callable[[W], R], details: Details | None) -> list[Item[R]]:
        """VimUnavailableError where an item is not what it should be."""
        before, now = self._before, self._now
        items: list[Item[R]] = []
        for raw in page:
            body = bytes(raw)
            digest = hash(body)
            item = before.get(digest)
            # Two whose digests are the same by chance are told apart by their ids.
            if item is None or item.record.id.encode() not in body:
                item = self._item(body, make)
            now[digest] = item
            items.append(item)
            if details is not None and item.server and details.wants(item.server):
                details.put(f"{self._kind}/{item.record.id}", memoryview(body))
        return items

    def _item(self, body: bytes, make: Callable[[W], R]) -> Item[R]:
        try:
            wire = self._decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise VimUnavailableError(f"{self._what}: the answer is not what it should be: {error}") from error
        return Item(self._whose(wire) or "", make(wire))
