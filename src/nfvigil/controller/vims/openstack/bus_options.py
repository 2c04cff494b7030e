"""What the consumer of a cloud's notifications may be told, checked: all that is wrong is named at once."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from yarl import URL

from nfvigil.errors import FieldError, RefusedError

EXCHANGES = ("nova", "neutron", "cinder")
TOPICS = ("notifications", "versioned_notifications")

_SCHEMES = {"amqp": "amqp", "amqps": "amqps", "rabbit": "amqp"}
"""``rabbit`` is how OpenStack's own ``transport_url`` begins."""

_PORTS = {"amqp": 5672, "amqps": 5671}
_NAME_MAX = 200  # RabbitMQ allows 255 bytes, and the names of the companions are longer

_Name = Annotated[str, Meta(pattern=r"\A[0-9A-Za-z_.:-]{1,200}\Z")]
_Names = Annotated[tuple[_Name, ...], Meta(min_length=1, max_length=32)]


@dataclass(frozen=True, kw_only=True)
class Address:
    """One RabbitMQ. ``url`` holds the password, so only ``where`` is ever printed."""

    where: str
    url: URL = field(repr=False)

    def __str__(self) -> str:
        return self.where

    def without_secrets(self, text: str) -> str:
        for secret in (self.url.password, self.url.raw_password):
            text = text.replace(secret or "***", "***")
        return text


class BusOptions(msgspec.Struct, frozen=True, kw_only=True):
    """``queue`` is ours alone: the services' own queues feed others, and each message goes to one reader only."""

    addresses: tuple[Address, ...]
    queue: str
    exchanges: tuple[str, ...] = EXCHANGES
    topics: tuple[str, ...] = TOPICS
    cacert: str = ""
    queue_type: str = "classic"
    prefetch: int = 500
    expires_seconds: int = 86_400
    """A queue that nobody has read for that long is deleted, so that a dead installation leaves none behind."""
    length_max: int = 100_000
    """Messages kept while we are away. Beyond them the oldest go, and a snapshot is asked for."""
    bytes_max: int = 256 << 20


class _Given(msgspec.Struct, frozen=True, kw_only=True):
    urls: str | Annotated[list[str], Meta(min_length=1, max_length=32)]
    queue: _Name | None = None
    exchanges: _Names = EXCHANGES
    topics: _Names = TOPICS
    cacert: Annotated[str, Meta(min_length=1)] | None = None
    queue_type: Literal["classic", "quorum"] = "classic"
    prefetch: Annotated[int, Meta(ge=1, le=10_000)] = 500
    expires_seconds: Annotated[int, Meta(ge=60, le=2_000_000)] = 86_400
    length_max: Annotated[int, Meta(ge=100, le=10_000_000)] = 100_000
    bytes_max: Annotated[int, Meta(ge=1 << 20, le=64 << 30)] = 256 << 20


def checked_bus(*, vim: str, node: str, options: Mapping[str, Any]) -> BusOptions:
    """RefusedError names every option that is unknown or wrong, without its value: a URL holds a password."""
    fields = {each.name: each.type for each in msgspec.structs.fields(_Given)}
    errors: list[FieldError] = []
    good: dict[str, Any] = {}
    for option, value in options.items():
        if option not in fields:
            errors.append(FieldError(option, f"is not an option; there are {', '.join(fields)}"))
            continue
        try:
            good[option] = msgspec.convert(value, fields[option])
        except msgspec.ValidationError as error:
            errors.append(FieldError(option, str(error)))
    if "urls" not in options:
        errors.append(FieldError("urls", "is needed: where RabbitMQ is"))
    addresses, wrong = addresses_of(good.pop("urls", ()))
    errors += wrong
    if "cacert" in good and any(address.url.scheme != "amqps" for address in addresses):
        errors.append(FieldError("cacert", "is for amqps:// only, and not every URL begins so"))
    if errors:
        raise RefusedError(f"the options of the notifications of {vim} are wrong", errors)
    for option in ("exchanges", "topics"):
        if option in good:
            good[option] = tuple(dict.fromkeys(good[option]))
    queue = good.pop("queue", None) or f"nfvigil.{_plain(vim)}.{_plain(node)}"[:_NAME_MAX]
    return BusOptions(addresses=addresses, queue=queue, **good)


def _plain(name: str) -> str:
    return re.sub(r"[^0-9A-Za-z_:-]", "_", name)


def addresses_of(urls: str | Sequence[str]) -> tuple[tuple[Address, ...], list[FieldError]]:
    """The hosts that URLs name, and what is wrong with which, never showing it."""
    found: list[Address] = []
    errors: list[FieldError] = []
    for number, url in enumerate([urls] if isinstance(urls, str) else urls):
        place = "urls" if isinstance(urls, str) else f"urls[{number}]"
        try:
            found += _hosts(url)
        except ValueError as error:
            errors.append(FieldError(place, str(error)))
    return tuple(found), errors


def _hosts(url: str) -> list[Address]:
    """One URL may name several hosts, as OpenStack's ``transport_url`` does: ``rabbit://u:p@a:5672,u:p@b:5672/``.

    A host without a user has that of the one before it. ValueError says what is wrong, never what the text was.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in _SCHEMES:
        raise ValueError(f"begins with one of {', '.join(f'{each}://' for each in _SCHEMES)}")
    if "?" in rest or "#" in rest:
        raise ValueError("has parameters: what can be set is an option here")
    netloc, _, vhost = rest.partition("/")
    found: list[Address] = []
    login = ""
    for part in netloc.split(","):
        before, at, host = part.rpartition("@")
        login = before if at else login
        # No path at all is the virtual host "/", as it is for OpenStack's services.
        found.append(_address(_SCHEMES[scheme], login, host, vhost))
    return found


def _address(scheme: str, login: str, host: str, vhost: str) -> Address:
    user, _, password = login.partition(":")
    if not user or not password:
        raise ValueError("has no user and password")
    try:
        url = URL(f"{scheme}://{login}@{host}/{vhost}")
        url = url.with_port(url.explicit_port or _PORTS[scheme])
    except (ValueError, TypeError):
        raise ValueError("is not a URL") from None
    if not url.host:
        raise ValueError("names no host")
    return Address(where=f"[{url.host}]:{url.port}" if ":" in url.host else f"{url.host}:{url.port}", url=url)
