"""What the parts of the client share: ask for one thing, for a page, for all of a list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nfvigil.client.answers import Answer, Page, T, read
from nfvigil.client.connection import Connection

Match = Answer | str | None
"""What was seen of a thing (or its ETag), so that nothing is changed that somebody else has changed meanwhile."""


def matching(seen: Match, header: str = "If-Match") -> dict[str, str]:
    etag = seen.etag if isinstance(seen, Answer) else seen
    return {header: etag} if etag else {}


def keyed(key: str | None) -> dict[str, str]:
    """With a key of the caller's a request may be repeated, and takes effect once."""
    return {} if key is None else {"Idempotency-Key": key}


class Part:
    """A part of the API: ``client.alarms``, ``client.events`` and so on."""

    def __init__(self, http: Connection) -> None:
        self._http = http

    def _one(
        self,
        kind: type[T],
        method: str,
        path: str,
        *,
        parameters: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> T:
        reply = self._http.ask(method, path, parameters=parameters, body=body, headers=headers)
        return read(kind, reply.value(), reply.etag)

    def _again(self, kind: type[T], path: str, seen: T) -> T:
        """It as it is now; the very same where it has not changed."""
        headers = matching(seen, "If-None-Match")
        reply = self._http.ask("GET", path, headers=headers, accept=frozenset({304}))
        return seen if reply.status == 304 else read(kind, reply.value(), reply.etag)

    def _all(
        self, kind: type[T], path: str, parameters: Mapping[str, Any], limit: int | None, marker: str | None = None
    ) -> Iterator[T]:
        for one in self._http.items(path, {**parameters, "marker": marker}, limit=limit):
            yield read(kind, one)

    def _page(
        self, kind: type[T], path: str, parameters: Mapping[str, Any], limit: int | None, marker: str | None
    ) -> Page[T]:
        items, following = self._http.page(path, {**parameters, "limit": limit, "marker": marker})
        return Page(items=tuple(read(kind, one) for one in items), next=following)
