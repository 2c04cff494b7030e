"""Carries out the two deeds that a fence stands behind: switching a host off, and evacuating what was on it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from nfvigil.controller.fencing.fence import Fence
from nfvigil.controller.fencing.proof import Proof, prove_off, still_off
from nfvigil.controller.vim import Vim
from nfvigil.errors import FenceUnavailableError, NotYetError, RefusedError
from nfvigil.model.action import Action, Outcome
from nfvigil.model.resource import split_key

OPERATOR = "operator"
"""The driver of a proof that a person gave."""


class Fencer:
    """``proof`` says what is proven of a host (by key), ``record`` makes a new proof durable, ``void`` takes one back.

    ``may_switch_off`` says why not, or "", right before an order. ``fence_for`` finds the fence of (VIM, host name);
    RefusedError where there is none.
    """

    def __init__(
        self,
        *,
        fence_for: Callable[[str, str], Fence],
        may_switch_off: Callable[[Action], str],
        proof: Callable[[str], Mapping[str, Any] | None],
        record: Callable[[str, Proof], Awaitable[None]],
        void: Callable[[str, str], Awaitable[None]],
        clock: Callable[[], int],
        gap_seconds: float = 1.0,
        timeout_seconds: float = 60.0,
    ) -> None:
        self._fence_for = fence_for
        self._may_switch_off = may_switch_off
        self._proof = proof
        self._record = record
        self._void = void
        self._clock = clock
        self._gap = gap_seconds
        self._timeout = timeout_seconds
        self._looks: dict[str, _Look] = {}

    async def fence(self, vim: Vim, action: Action) -> Outcome:
        """Switch the host off and prove it; the proof is in the log before this returns."""
        known = self._proof(action.target)
        if known is not None:
            return Outcome(changed=False, text=f"{action.target} is proven off already ({known['driver']})")
        host = split_key(action.target)[1]
        fence = self._fence_for(vim.name, host)
        if fence.is_manual:
            raise NotYetError(f"waits for an operator: switch {host} off, then: nfvigil host confirm-off {host}")
        proof = await prove_off(
            _Guarded(fence, lambda: self._may_switch_off(action)),
            clock=self._clock,
            gap_seconds=self._gap,
            timeout_seconds=self._timeout,
            now=asyncio.get_running_loop().time,
        )
        await self._record(action.target, proof)
        how = "was off already" if proof.was_off_already else "was switched off"
        return Outcome(changed=not proof.was_off_already, text=f"{host} {how}; read back {proof.reads} times")

    async def evacuate(self, vim: Vim, action: Action) -> Outcome:
        """Look once more whether the host is off, then have the server started elsewhere."""
        host = str(action.params.get("source", ""))
        key = f"host/{host}"
        known = self._proof(key)
        if "fence_epoch" not in action.params and action.attempts > 1:
            return await vim.perform(action)  # to hear how it went: without a proof no cloud begins one
        if known is None or known["epoch"] != action.params.get("fence_epoch"):
            raise NotYetError("waits for the proof that its host is off")
        if not await self._is_still_off(vim.name, host, key, is_own_word=known["driver"] == OPERATOR):
            await self._void(key, f"{host} has power again")
            raise RefusedError(f"not evacuated: {host} has power again")
        return await vim.perform(action)

    async def _is_still_off(self, vim: str, host: str, key: str, *, is_own_word: bool) -> bool:
        """Where an operator has confirmed it, a BMC that answers "on" still counts, one that is away does not."""
        try:
            fence = self._fence_for(vim, host)
            if fence.is_manual:
                return True
            look = self._looks.setdefault(key, _Look())
            try:
                return await look.at(fence)
            finally:
                if not look.waiting:
                    self._looks.pop(key, None)
        except (FenceUnavailableError, RefusedError):
            if not is_own_word:
                raise
            return True


class _Guarded:
    """A fence that asks before each order whether it is still to be given."""

    def __init__(self, fence: Fence, why_not: Callable[[], str]) -> None:
        self.host = fence.host
        self.driver = fence.driver
        self.is_manual = fence.is_manual
        self.power = fence.power
        self.close = fence.close
        self._fence = fence
        self._why_not = why_not

    async def switch_off(self) -> None:
        reason = self._why_not()
        if reason:
            raise NotYetError(reason)
        await self._fence.switch_off()


class _Look:
    """Looks at one host's power for all who ask: a look counts for those who asked before it began, and no others."""

    def __init__(self) -> None:
        self.waiting = 0
        self._turn = asyncio.Lock()
        self._asked = 0
        self._answers: tuple[int, bool] = (0, False)
        """Up to which question the last look answers, and what it saw."""

    async def at(self, fence: Fence) -> bool:
        self._asked += 1
        mine = self._asked
        self.waiting += 1
        try:
            async with self._turn:
                if self._answers[0] < mine:
                    upto = self._asked
                    self._answers = (upto, await still_off(fence))
                return self._answers[1]
        finally:
            self.waiting -= 1
