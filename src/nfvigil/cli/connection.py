"""Things of the service by what people type: the first characters of an id, or ``kind/id`` of a resource."""

from __future__ import annotations

from typing import Any

from nfvigil.cli.client import Client, place
from nfvigil.errors import FieldError, NotFoundError, RefusedError

SHORT = 8
"""How much of an id is shown in tables."""
FULL = 32
PREFIX_MIN = 4
LOOKED_AT_MAX = 20_000


def short(identifier: str | None) -> str:
    return (identifier or "")[:SHORT]


def full_id(client: Client, path: str, given: str, **query: Any) -> str:
    """The id of the one thing in a list whose id begins with ``given``; a whole one is taken as it is."""
    if not PREFIX_MIN <= len(given) < FULL:
        return given
    found = {one["id"] for one in client.pages(path, count=LOOKED_AT_MAX, **query) if one["id"].startswith(given)}
    if not found:
        raise NotFoundError(f"there is none whose id begins with {given}")
    if len(found) > 1:
        raise RefusedError(f"{len(found)} ids begin with {given}", [FieldError("id", "give more of it")])
    return str(found.pop())


def resource_path(key: str) -> str:
    """``host/compute-1`` -> ``/v1/resources/host/compute-1``."""
    kind, _, name = key.partition("/")
    if not kind or not name:
        raise RefusedError("the resource is wrong", [FieldError("resource", "must be kind/id, such as host/compute-1")])
    return place("v1", "resources", kind, name)
