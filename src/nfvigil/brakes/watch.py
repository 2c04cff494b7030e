"""Watches for a mass failure, or for our own view being cut off, and calls HOLD before anything of it is done."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping

import structlog

from nfvigil.brakes.limits import Limits
from nfvigil.brakes.outage import SHARE_OF_AT_LEAST, Failed, outage
from nfvigil.errors import UnavailableError
from nfvigil.model.times import SECOND

_log = structlog.get_logger(__name__)

RECENT_MAX = 10_000
RETRY_SECONDS = 0.5

Domains = Callable[[str], Mapping[str, Collection[str]]]
Keep = Callable[[str, str, tuple[str, ...]], Awaitable[None]]
"""Make a HOLD durable: (VIM, reason, hosts). UnavailableError: try again."""


class OutageWatch:
    """``failed`` and ``unreachable`` are called with what was decided; a HOLD that follows counts at once, before it is
    in the log. It ends by ``released`` only.
    """

    def __init__(self, *, domains: Domains, keep: Keep, limits: Limits) -> None:
        self._domains = domains
        self._keep = keep
        self._limits = limits
        self._recent: dict[str, deque[Failed]] = {}
        self._cut_off: set[str] = set()
        self._called: dict[str, str] = {}
        self._unkept: dict[str, tuple[str, tuple[str, ...]]] = {}
        self._is_unkept = asyncio.Event()

    def reason(self, vim: str) -> str:
        """Why the VIM is on HOLD, where we called it and nobody has released it; else ""."""
        return self._called.get(vim, "")

    def failed(self, vim: str, host: str, at_us: int) -> None:
        """A host was found to have failed."""
        recent = self._recent.setdefault(vim, deque(maxlen=RECENT_MAX))
        recent.append(Failed(host, at_us))
        self._forget_old(recent, at_us)
        self._look(vim)

    def _forget_old(self, recent: deque[Failed], at_us: int) -> None:
        while recent and at_us - recent[0].at_us > self._limits.outage_seconds * SECOND:
            recent.popleft()

    def unreachable(self, vim: str, is_so: bool, at_us: int) -> None:
        """The VIM cannot be reached, or can again."""
        if is_so:
            self._cut_off.add(vim)
            self._forget_old(self._recent.setdefault(vim, deque(maxlen=RECENT_MAX)), at_us)
            self._look(vim)
        else:
            self._cut_off.discard(vim)

    def released(self, vim: str) -> None:
        """An operator takes the responsibility: what has failed so far is no reason any more."""
        self._recent.pop(vim, None)
        self._called.pop(vim, None)
        self._unkept.pop(vim, None)

    def held(self, vim: str, reason: str) -> None:
        """It is in the log that the VIM is on HOLD: by us, or by an operator."""
        self._called[vim] = reason

    def _look(self, vim: str) -> None:
        if vim in self._called:
            return
        recent = self._recent.get(vim, ())
        if vim in self._cut_off and recent:
            # A host is reported down while we cannot see its cloud: it may be us who are cut off.
            hosts = tuple(sorted({one.host for one in recent}))
            self._call(vim, f"the VIM cannot be reached while {', '.join(hosts[:5])} failed", hosts)
            return
        if len(recent) < SHARE_OF_AT_LEAST:
            return
        found = outage(recent, self._domains(vim), self._limits)
        if found is not None:
            self._call(vim, found.reason, found.hosts)

    def _call(self, vim: str, reason: str, hosts: tuple[str, ...]) -> None:
        _log.warning("HOLD: nothing destructive is done until it is released", vim=vim, reason=reason)
        self._called[vim] = reason
        self._unkept[vim] = (reason, hosts)
        self._is_unkept.set()

    async def run(self) -> None:
        """Make the HOLDs durable, until cancelled."""
        while True:
            await self._is_unkept.wait()
            self._is_unkept.clear()
            for vim, (reason, hosts) in list(self._unkept.items()):
                try:
                    await self._keep(vim, reason, hosts)
                except UnavailableError as error:
                    _log.warning("a HOLD counts but is not kept yet", vim=vim, reason=str(error))
                    self._is_unkept.set()
                    await asyncio.sleep(RETRY_SECONDS)
                    continue
                self._unkept.pop(vim, None)
