"""One round: the host fails, its owners hear, the cloud follows; it is well again, and everything is as it was."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import msgspec

from nfvigil.errors import RefusedError, UnavailableError
from nfvigil.model.subscription import Mode
from nfvigil.verify import checks
from nfvigil.verify.checks import Check, Figures
from nfvigil.verify.cloud import Cloud
from nfvigil.verify.fault import Fault
from nfvigil.verify.plan import Plan
from nfvigil.verify.progress import Progress
from nfvigil.verify.receiver import Receiver
from nfvigil.verify.seen import Seen
from nfvigil.verify.service import Service
from nfvigil.verify.told import News, complete_at, news_of

OURS, OTHERS = "owner", "other"
POLL_SECONDS = 0.25
PROFILE_SECONDS = 10.0
LATE_SECONDS = 0.5
"""What nobody should be told of may come a little later than what they should."""


class Round(msgspec.Struct, frozen=True, kw_only=True):
    servers: int
    number: int
    figures: Figures
    checks: tuple[Check, ...]
    profile: dict[str, Any] | None = None

    @property
    def is_ok(self) -> bool:
        return all(check.is_ok for check in self.checks)


class Measure:
    """``on_fault`` is told before the host may be down because of us, and when it is well again."""

    def __init__(
        self,
        *,
        plan: Plan,
        cloud: Cloud,
        service: Service,
        receiver: Receiver,
        fault: Fault,
        progress: Progress,
        on_fault: Callable[[bool, int], Awaitable[None]],
    ) -> None:
        self._plan = plan
        self._cloud = cloud
        self._service = service
        self._receiver = receiver
        self._fault = fault
        self._progress = progress
        self._on_fault = on_fault
        self._wait_seconds = plan.wanted.wait_seconds

    async def round(self, size: int, number: int) -> Round:
        """``number`` counts all rounds of the run, from 1."""
        host, mode = self._plan.host.name, self._plan.wanted.mode
        where = f"round {number}, {size} servers"
        seen = await self._ready(size)
        servers, ports = frozenset(seen.servers), seen.ports
        found = checks.before(seen, size)
        first = len(self._receiver.messages)

        self._progress.say(f"{where}: {host} fails ...")
        await self._on_fault(True, number)
        began = time.monotonic_ns()
        accepted = await self._fault.begin(number)
        at = {kind: await self._heard(first, kind, servers) for kind in _kinds(mode)}
        await self._until(self._alarms_settled)
        seen = await self._look()
        profile = await self._profile()
        figures = Figures(
            accepted_s=_since(began, accepted),
            raised_s=_since(began, at.get("raised")),
            confirmed_s=_since(began, at.get("confirmed")),
        )
        await anyio.sleep(LATE_SECONDS)
        ours, others = self._news(first, OURS), self._news(first, OTHERS)
        found += checks.limit(figures, mode, self._plan.wanted.limit_seconds)
        found += checks.during(seen, size) + checks.told(ours, others, servers, mode)

        self._progress.say(f"{where}: {_said(figures)}; {host} is well again ...")
        ended = time.monotonic_ns()
        await self._fault.end(number)
        cleared = await self._heard(first, "cleared", servers)

        async def is_as_before() -> bool:
            return checks.settled(await self._look(), ports, size)

        await self._until(is_as_before)
        await anyio.sleep(LATE_SECONDS)
        seen = await self._look()
        found += checks.after(seen, ports, self._news(first, OURS), self._news(first, OTHERS), servers)
        if not seen.forced_down:
            await self._on_fault(False, number)
        figures = msgspec.structs.replace(figures, cleared_s=_since(ended, cleared))
        return Round(servers=size, number=number, figures=figures, checks=tuple(found), profile=profile)

    async def _ready(self, size: int) -> Seen:
        """Nobody else's servers are there, and NFVigil knows ours; what is not so in time shows in the checks."""
        host = self._plan.host.name
        seen = await self._look()
        if seen.foreign > (self._plan.host.foreign or 0) and not self._plan.wanted.allow_shared_host:
            raise RefusedError(f"somebody has put {seen.foreign} servers on {host} meanwhile: it is not made to fail")
        servers = frozenset(seen.servers)
        ports = len(seen.ports or {})

        async def is_known() -> bool:
            well = await self._service.host_is_well(host)
            return well and await self._service.knows(
                host=host, project=self._cloud.project, servers=servers, ports=ports
            )

        if not await self._until(is_known):
            raise UnavailableError(f"NFVigil did not learn of our {size} servers on {host} in time: see --wait")
        return await self._look()

    async def _look(self) -> Seen:
        seen = await self._cloud.look(self._plan.host.name)
        return msgspec.structs.replace(seen, alarms=await self._service.alarms(self._cloud.project))

    async def _alarms_settled(self) -> bool:
        """The cloud was brought in line, or given up."""
        alarms = await self._service.alarms(self._cloud.project)
        return bool(alarms) and all(alarm.vim_state != "pending" for alarm in alarms)

    async def _heard(self, first: int, kind: str, servers: frozenset[str]) -> int | None:
        """When the owner had been told of the last server; None where that did not come in time."""
        deadline = time.monotonic() + self._wait_seconds
        while True:
            at = complete_at(self._news(first, OURS), kind, servers)
            left = deadline - time.monotonic()
            if at is not None or left <= 0:
                return at
            await self._receiver.wait(min(left, 1.0))

    async def _until(self, is_so: Callable[[], Awaitable[bool]]) -> bool:
        deadline = time.monotonic() + self._wait_seconds
        while True:
            try:
                if await is_so():
                    return True
            except UnavailableError:
                if time.monotonic() > deadline:
                    raise
            if time.monotonic() > deadline:
                return False
            await anyio.sleep(POLL_SECONDS)

    async def _profile(self) -> dict[str, Any] | None:
        """Of the fault of the host, once the last checkpoint is in it; as far as it came, else."""
        deadline = time.monotonic() + PROFILE_SECONDS
        found: dict[str, Any] | None = None
        while time.monotonic() < deadline:
            faults = [alarm["fault_id"] for alarm in await self._service.alarms_on_host(self._plan.host.name)]
            if any(faults):
                found = await self._service.profile(next(filter(None, faults)))
                if {"received", "vim_told"} <= {point["name"] for point in found["checkpoints"]}:
                    return found
            await anyio.sleep(POLL_SECONDS)
        return found

    def _news(self, first: int, to: str) -> list[News]:
        return news_of(self._receiver.messages[first:], to)


def _kinds(mode: Mode) -> list[str]:
    return [kind for kind in ("raised", "confirmed") if mode is Mode.BOTH or mode.value == kind]


def _since(began: int, at: int | None) -> float | None:
    return None if at is None else (at - began) / 1e9


def _said(figures: Figures) -> str:
    told = {"raised": figures.raised_s, "confirmed": figures.confirmed_s}
    return ", ".join(f"{kind} after {took:.3f} s" for kind, took in told.items() if took is not None) or "no news came"
