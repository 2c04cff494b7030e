"""Carries out the two deeds that a fence stands behind: switching a host off, and evacuating what was on it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from nfvigil.controller.fencing.fence import Fence
from nfvigil.controller.fencing.proof import Proof, prove_off, still_off
from nfvigil.controller.vim import Vim
from nfvigil.errors import FenceUnavailableError, NotYetError, RefusedError
from nfvigil.model.action import Action, Outcome
from nfvigil.model.resource import split_key
from nfvigil.model.times import SECOND

OPERATOR = "operator"
"""The driver of a proof that a person gave."""
LOOK_HOLDS_SECONDS = 2.0
"""A last look at a host's power holds for all its servers' evacuations that begin within this time."""


class Fencer:
    """``proof`` says what is proven of a host (by key), ``record`` makes a new proof durable, ``void`` takes one back.

    ``fence_for`` finds the fence of (VIM, host name); RefusedError where there is none.
    """

    def __init__(
        self,
        *,
        fence_for: Callable[[str, str], Fence],
        proof: Callable[[str], Mapping[str, Any] | None],
        record: Callable[[str, Proof], Awaitable[None]],
        void: Callable[[str, str], Awaitable[None]],
        clock: Callable[[], int],
        gap_seconds: float = 1.0,
        timeout_seconds: float = 60.0,
    ) -> None:
        self._fence_for = fence_for
        self._proof = proof
        self._record = record
        self._void = void
        self._clock = clock
        self._gap = gap_seconds
        self._timeout = timeout_seconds
        self._looked_us: dict[str, int] = {}

    async def fence(self, vim: Vim, action: Action) -> Outcome:
        """Switch the host off and prove it; the proof is in the log before this returns."""
        known = self._proof(action.target)
        if known is not None:
            return Outcome(changed=False, text=f"{action.target} is proven off already ({known['driver']})")
        host = split_key(action.target)[1]
        fence = self._fence_for(vim.name, host)
        if fence.is_manual:
            raise NotYetError(f"waits for an operator: switch {host} off, then: nfvigil host confirm-off {host}")
        proof = await prove_off(fence, clock=self._clock, gap_seconds=self._gap, timeout_seconds=self._timeout)
        await self._record(action.target, proof)
        how = "was off already" if proof.was_off_already else "was switched off"
        return Outcome(changed=not proof.was_off_already, text=f"{host} {how}; read back {proof.reads} times")

    async def evacuate(self, vim: Vim, action: Action) -> Outcome:
        """Look once more whether the host is off, then have the server started elsewhere."""
        host = str(action.params.get("source", ""))
        key = f"host/{host}"
        known = self._proof(key)
        if known is None or known["epoch"] != action.params.get("fence_epoch"):
            raise NotYetError("waits for the proof that its host is off")
        if not await self._is_still_off(vim.name, host, key, is_own_word=known["driver"] == OPERATOR):
            await self._void(key, f"{host} has power again")
            raise RefusedError(f"not evacuated: {host} has power again")
        return await vim.perform(action)

    async def _is_still_off(self, vim: str, host: str, key: str, *, is_own_word: bool) -> bool:
        """Where an operator has confirmed it, a BMC that answers "on" still counts, one that is away does not."""
        if self._clock() - self._looked_us.get(key, 0) < LOOK_HOLDS_SECONDS * SECOND:
            return True
        try:
            fence = self._fence_for(vim, host)
            is_off = fence.is_manual or await still_off(fence)
        except (FenceUnavailableError, RefusedError):
            if not is_own_word:
                raise
            is_off = True
        if is_off:
            self._looked_us[key] = self._clock()
        return is_off
