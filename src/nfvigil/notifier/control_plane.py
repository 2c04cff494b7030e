"""What we work with and webhooks must not reach: our own door, the database, the clouds' services, the BMCs.

A webhook is a request that a stranger chose and that we send from inside. These places are known by address and port,
so that a VNF manager that lives on the same machine as one of them is still told.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

import structlog

from nfvigil.notifier.resolver import look_up

_log = structlog.get_logger(__name__)

INTERVAL_SECONDS = 15.0
PLACES_MAX = 20_000
_PORTS = {
    "http": 80,
    "https": 443,
    "amqp": 5672,
    "amqps": 5671,
    "postgresql": 5432,
    "ipmi": 623,
    "mongodb": 27017,
}


class ControlPlane:
    """``places`` gives URLs, of which host and port count; they are looked at again every ``interval_seconds``."""

    def __init__(
        self,
        *,
        places: Callable[[], Iterable[str]],
        look_up: Callable[[str], Sequence[str]] = look_up,
        interval_seconds: float = INTERVAL_SECONDS,
    ) -> None:
        self._places = places
        self._look_up = look_up
        self._interval_seconds = interval_seconds
        self._names: frozenset[tuple[str, int]] = frozenset()
        self._known: frozenset[tuple[str, int]] = frozenset()
        self._everywhere: frozenset[int] = frozenset()
        """Ports of this machine's that count at every address that it has: what we reach by loopback often listens on
        the others as well."""

    def covers(self, host: str, port: int) -> bool:
        """``host`` is a name as somebody wrote it, or an address that is about to be connected to."""
        return (
            (host.lower().rstrip("."), port) in self._names
            or (host, port) in self._known
            or (port in self._everywhere and _is_ours(host))
        )

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self._interval_seconds)
            await self.refresh()

    async def refresh(self) -> None:
        """Names that cannot be looked up now stay what they were."""
        names: set[tuple[str, int]] = set()
        everywhere: set[int] = set()
        for place in _first(self._places(), PLACES_MAX):
            found = _host_and_port(place)
            if found is None:
                continue
            if found[0] in ("0.0.0.0", "::"):  # noqa: S104 - compared with, not bound to
                everywhere.add(found[1])
            else:
                names.add(found)
        known = {one for one in names if _is_address(one[0])}
        for host, port in sorted(names - known):
            try:
                addresses = await asyncio.to_thread(self._look_up, host)
            except (OSError, UnicodeError) as error:
                _log.debug("a place of the control plane has no address now", host=host, reason=str(error))
                addresses = [address for address, at in self._known if at == port] if self._was(host, port) else []
            known.update((address, port) for address in addresses)
        everywhere.update(port for host, port in known if ip_address(host.partition("%")[0]).is_loopback)
        _is_ours.cache_clear()  # an address may have moved to this machine
        self._names, self._known, self._everywhere = frozenset(names), frozenset(known), frozenset(everywhere)

    def _was(self, host: str, port: int) -> bool:
        return (host, port) in self._names


def _first(places: Iterable[str], most: int) -> list[str]:
    found = []
    for place in places:
        found.append(place)
        if len(found) >= most:
            _log.error("too many places of the control plane: webhooks could reach the others", most=most)
            break
    return found


def _host_and_port(place: str) -> tuple[str, int] | None:
    try:
        parts = urlsplit(place if "://" in place else f"//{place}")
        port = parts.port or _PORTS.get(parts.scheme.partition("+")[0], 0)
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return None
    return (_plainly(host), port) if host and port else None


def _plainly(host: str) -> str:
    """An address in the one spelling that those are in which are connected to."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return str(getattr(address, "ipv4_mapped", None) or address)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=4096)
def _is_ours(address: str) -> bool:
    """Whether it is this machine's: only then can something be bound to it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True
