"""Follows a list from page to page, and believes it only if every page is what it should be. The rules are pure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

from nfvigil.controller.vims.openstack.wire import Link, Page
from nfvigil.errors import RefusedError, VimUnavailableError

PAGES_MAX = 10_000
RESTARTS = 2
"""What the marker names may be deleted while we read; then the list begins anew."""

T = TypeVar("T")
R = TypeVar("R")


class Paging:
    """What is known of one list while it is read."""

    def __init__(self, *, what: str, limit: int) -> None:
        self._what = what
        self._limit = limit
        self._size: int | None = None
        """Of a full page: the service's own bound may be below what we asked for."""
        self._seen: set[str] = set()
        self._pages = 0

    def take(self, ids: Sequence[str], marker: str | None) -> str | None:
        """The next marker, or None where the list has come to its end."""
        self._pages += 1
        if self._pages > PAGES_MAX:
            raise self._odd(f"has more than {PAGES_MAX} pages")
        before = len(self._seen)
        self._seen.update(ids)
        if len(self._seen) - before != len(ids):
            raise self._odd("has the same entry twice")
        full = self._size if self._size is not None else self._limit
        if self._size is not None and len(ids) > self._size:
            raise self._odd(f"has a page of {len(ids)} behind one of {self._size}")
        if marker is not None:
            return self._goes_on(ids, marker)
        # A full page that names no next one may have lost it on the way: asking behind it tells.
        return ids[-1] if ids and len(ids) == full else None

    def _goes_on(self, ids: Sequence[str], marker: str) -> str:
        if not ids:
            raise self._odd("goes on behind an empty page")
        if marker != ids[-1]:
            raise self._odd(f"goes on behind {marker}, which is not the last of its page")
        if len(ids) > self._limit or (self._size is not None and len(ids) != self._size):
            raise self._odd(f"has a page of {len(ids)} that is not the last")
        self._size = len(ids)
        return marker

    def _odd(self, text: str) -> VimUnavailableError:
        return VimUnavailableError(f"the list of {self._what} {text}: it is not believed")


def marker_of(links: Iterable[Link], what: str) -> str | None:
    """Of the link to the next page. Its address is not followed: it may be one that only the cloud itself reaches."""
    for link in links:
        if link.rel == "next":
            markers = parse_qs(urlsplit(link.href).query).get("marker")
            if not markers:
                raise VimUnavailableError(f"the list of {what} goes on, but does not say where")
            return markers[0]
    return None


async def read_pages(
    ask: Callable[[str | None], Awaitable[Page[T]]],
    *,
    id_of: Callable[[T], str],
    convert: Callable[[T], R],
    limit: int,
    what: str,
) -> list[R]:
    """The complete list, converted page by page. One that cannot be completed is VimUnavailableError."""
    for restarts_left in range(RESTARTS, -1, -1):
        paging, marker = Paging(what=what, limit=limit), None
        read: list[R] = []
        while True:
            try:
                page = await ask(marker)
            except RefusedError as error:
                if marker is not None and restarts_left:
                    break
                raise VimUnavailableError(f"the list of {what} is refused: {error}") from error
            read += [convert(item) for item in page.items]
            marker = paging.take([id_of(item) for item in page.items], page.marker)
            if marker is None or page.is_whole:
                return read
    raise AssertionError  # The last round returns or raises.
