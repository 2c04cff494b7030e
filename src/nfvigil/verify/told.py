"""What owners were told, from the messages that came in: which servers, by which news, how often, since when. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One that came in. ``at_ns`` is by the receiver's steady clock, when the last byte was there."""

    to: str
    """Which of our endpoints."""
    at_ns: int
    body: bytes


class News(msgspec.Struct, frozen=True, kw_only=True):
    at_ns: int
    id: str
    kind: str
    servers: tuple[str, ...]


class _Resource(msgspec.Struct):
    VirtualResourceID: str
    VirtualResourceType: str


class _Body(msgspec.Struct):
    NotificationID: str
    News: str
    VirtualResourceInfo: list[_Resource] = []


def news_of(messages: Iterable[Message], to: str) -> list[News]:
    """What came for one endpoint, in order; a message that came again with its id counts once."""
    found: dict[str, News] = {}
    for message in messages:
        if message.to != to:
            continue
        try:
            body = msgspec.json.decode(message.body, type=_Body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            # It is kept, as something that nobody should have been told.
            body = _Body(NotificationID=f"unreadable-{message.at_ns}", News="unreadable")
        servers = tuple(each.VirtualResourceID for each in body.VirtualResourceInfo)
        news = News(at_ns=message.at_ns, id=body.NotificationID, kind=body.News, servers=servers)
        found.setdefault(news.id, news)
    return list(found.values())


def counts(news: Iterable[News], kind: str) -> Counter[str]:
    """How often each server was told of so."""
    return Counter(server for each in news if each.kind == kind for server in each.servers)


def complete_at(news: Iterable[News], kind: str, servers: frozenset[str]) -> int | None:
    """When the last of these servers was told of so, in ns; None while one is missing."""
    missing = set(servers)
    for each in news:
        if each.kind == kind:
            missing.difference_update(each.servers)
            if not missing:
                return each.at_ns
    return None
