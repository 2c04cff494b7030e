"""The service that a command talks to, and the things there by the first characters of their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from nfvigil.cli.options import SHORT, Service
from nfvigil.client.address import place, resource_place
from nfvigil.errors import ConflictError, FieldError, NotFoundError, RefusedError
from nfvigil.model.ids import stable_id

if TYPE_CHECKING:
    from nfvigil.cli.client import Client

PREFIX_MIN = 4
FULL = len(stable_id())
LOOKED_AT_MAX = 20_000


__all__ = ["connect", "full_id", "place", "resource_path", "short"]


def connect(context: typer.Context) -> Client:
    from nfvigil.cli.client import client_of  # who only asks for help does not wait for it

    service = context.find_object(Service)
    assert service is not None  # the root command puts it there
    return client_of(url=service.url, access=service.access(), timeout_seconds=service.timeout_seconds)


def full_id(client: Client, path: str, given: str, **parameters: Any) -> str:
    """The id of the one thing in a list whose id begins with ``given``; a whole one is taken as it is."""
    if len(given) >= FULL or not given:
        return given
    if len(given) < PREFIX_MIN:
        raise RefusedError("the id is too short", [FieldError("id", f"give at least {PREFIX_MIN} characters of it")])
    found = {one["id"] for one in client.items(path, parameters, limit=LOOKED_AT_MAX) if one["id"].startswith(given)}
    if not found:
        raise NotFoundError(f"there is none whose id begins with {given}")
    if len(found) > 1:
        raise ConflictError(f"{len(found)} ids begin with {given}: give more of it", [])
    return str(found.pop())


def short(identifier: str | None) -> str:
    return (identifier or "")[:SHORT]


def resource_path(key: str, under: str = "resources") -> str:
    """``host/compute-1`` -> ``/v1/resources/host/compute-1``."""
    return resource_place(key, under)
