"""Event doors that are open for a network: for monitors that can send neither token nor signature."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import msgspec
from starlette.requests import Request

from nfvigil.errors import ForbiddenError
from nfvigil.model.identity import Identity, Role, Via
from nfvigil.northbound.access.settings import OpenDoor


class _Door(msgspec.Struct, frozen=True):
    identity: Identity
    paths: frozenset[str]
    networks: tuple[IPv4Network | IPv6Network, ...]


class OpenDoors:
    def __init__(self, doors: Sequence[OpenDoor]) -> None:
        self._doors = [
            _Door(
                Identity(name=door.name, project=None, role=Role.MONITOR, via=Via.NETWORK),
                frozenset(door.doors),
                tuple(map(ip_network, door.networks)),
            )
            for door in doors
        ]

    def __bool__(self) -> bool:
        return bool(self._doors)

    def identify(self, request: Request) -> Identity | None:
        """By the address that has connected; what a proxy says in a header, anybody can say."""
        path = request.scope["path"]
        for door in self._doors:
            if path in door.paths and request.client is not None:
                address = address_of(request.client.host)
                if address is not None and any(address in network for network in door.networks):
                    if "origin" in request.headers or "sec-fetch-site" in request.headers:
                        # Any page that somebody there has open could send an event.
                        raise ForbiddenError("a door that is open for a network is not open for web pages")
                    return door.identity
        return None


@lru_cache(maxsize=4096)
def address_of(host: str) -> IPv4Address | IPv6Address | None:
    """None where it is none. A socket for both families shows IPv4 addresses wrapped in IPv6."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
