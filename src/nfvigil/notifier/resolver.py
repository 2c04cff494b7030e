"""Host names to addresses that may be connected to: looked up in threads of its own, remembered for a while.

A name server that hangs must not hold up those whose address is known: an address that was good lately is used
at once, and looked up again beside it. Every address is checked at each use.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

from nfvigil.errors import RefusedError, UnavailableError
from nfvigil.notifier.safety import Safety

_NAMES_MAX = 20_000


class _Known(NamedTuple):
    addresses: tuple[str, ...]
    at: float


def look_up(host: str) -> tuple[str, ...]:
    """Ask the system: blocks, and raises OSError where there is no such name."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


class Resolver:
    """``fresh_seconds`` long an answer is taken as it is, ``stale_seconds`` long it is used while asking again."""

    def __init__(
        self,
        *,
        safety: Safety,
        look_up: Callable[[str], Sequence[str]] = look_up,
        fresh_seconds: float = 30.0,
        stale_seconds: float = 3600.0,
        threads: int = 16,
    ) -> None:
        self._safety = safety
        self._look_up = look_up
        self._fresh = fresh_seconds
        self._stale = stale_seconds
        self._threads = threads
        self._known: dict[str, _Known] = {}
        self._asking: dict[str, asyncio.Future[Sequence[str]]] = {}
        self._executor: ThreadPoolExecutor | None = None

    async def resolve(self, host: str, port: int = 0) -> list[str]:
        """Addresses of the host that may be connected to at this port, at least one.

        Raises RefusedError where it leads to forbidden ones only, UnavailableError where it leads nowhere.
        """
        if self._is_literal(host):
            addresses: Sequence[str] = (host,)
        else:
            addresses = await self._addresses(host)
        reasons = [self._safety.refusal(address, port) for address in addresses]
        allowed = [address for address, reason in zip(addresses, reasons, strict=True) if not reason]
        if not allowed:
            raise RefusedError(f"{host} leads to an address that is refused: {reasons[0]}")
        return allowed

    def close(self) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)
            self._executor = None

    @staticmethod
    def _is_literal(host: str) -> bool:
        # Only what is surely an address skips the lookup; odd spellings (0x7f.1, 2130706433) are
        # left to the system, whose answer is then checked.
        return ":" in host or (host.count(".") == 3 and all(part.isdigit() for part in host.split(".")))

    async def _addresses(self, host: str) -> Sequence[str]:
        loop = asyncio.get_running_loop()
        known = self._known.get(host)
        age = loop.time() - known.at if known is not None else self._stale
        if known is not None and age < self._fresh:
            return known.addresses
        asking = self._asking.get(host) or self._ask(loop, host)
        if known is not None and age < self._stale:
            return known.addresses
        try:
            # Shielded: one who stops waiting does not take the answer from the others.
            addresses = await asyncio.shield(asking)
        except OSError as error:
            raise UnavailableError(f"{host}: {error.strerror or error}") from error
        except UnicodeError as error:
            raise RefusedError(f"{host[:80]} is not a host name") from error
        if not addresses:
            raise UnavailableError(f"{host} has no address")
        return addresses

    def _ask(self, loop: asyncio.AbstractEventLoop, host: str) -> asyncio.Future[Sequence[str]]:
        if self._executor is None:
            self._executor = ThreadPoolExecutor(max_workers=self._threads, thread_name_prefix="nfvigil-dns")
        asking = loop.run_in_executor(self._executor, self._look_up, host)
        self._asking[host] = asking
        asking.add_done_callback(partial(self._answered, loop, host))
        return asking

    def _answered(self, loop: asyncio.AbstractEventLoop, host: str, asking: asyncio.Future[Sequence[str]]) -> None:
        self._asking.pop(host, None)
        if asking.cancelled() or asking.exception() is not None or not asking.result():
            return  # What was known stays good until it is stale.
        if len(self._known) >= _NAMES_MAX:
            self._known.pop(next(iter(self._known)))
        self._known[host] = _Known(tuple(asking.result()), loop.time())
