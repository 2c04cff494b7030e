"""Addresses: where a service listens, the path of a thing, and the query of a question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from nfvigil.errors import FieldError, RefusedError

VERSION_PATH = "/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A service's, taken apart."""

    url: str
    is_secure: bool
    host: str
    port: int | None
    base: str
    """The path before ours."""


def address_of(url: str) -> Address:
    """RefusedError where it is none. A catalogue may name it with the version behind it: that is taken off."""
    url = url.rstrip("/")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise RefusedError("the address is wrong", [FieldError("url", str(error))]) from error
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise RefusedError("the address is wrong", [FieldError("url", "must be such as http://127.0.0.1:12345")])
    if parts.username is not None:
        raise RefusedError("the address is wrong", [FieldError("url", "must hold no user and password")])
    return Address(
        url=url.removesuffix(VERSION_PATH),
        is_secure=parts.scheme == "https",
        host=parts.hostname,
        port=port,
        base=parts.path.removesuffix(VERSION_PATH),
    )


def place(*parts: str) -> str:
    """A path of an address from its parts, each of which may hold anything."""
    return "/" + "/".join(quote(part, safe="") for part in parts)


def resource_place(key: str, under: str = "resources", *more: str) -> str:
    """``host/compute-1`` -> ``/v1/resources/host/compute-1``."""
    kind, slash, name = key.partition("/")
    if not slash or not kind or not name:
        raise RefusedError("the resource is wrong", [FieldError("resource", "must be kind/id, such as host/compute-1")])
    return place("v1", under, kind, name, *more)


def query(parameters: Mapping[str, Any] | None) -> str:
    """What is None is left out, a list is repeated."""
    pairs = [
        (name, _word(one))
        for name, value in (parameters or {}).items()
        for one in (value if isinstance(value, list | tuple | set | frozenset) else (value,))
        if one is not None
    ]
    return "?" + urlencode(pairs) if pairs else ""


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise RefusedError("the time is wrong", [FieldError("time", "must name its zone")])
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value)
