"""What the API asks about recovery: instructions, what is defined beforehand, and the brakes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from nfvigil.model.action import Action
from nfvigil.model.identity import Identity
from nfvigil.model.recovery import BrakesView, ProofView, RecoveryView


class Recovery(Protocol):
    """``project`` is None for an administrator."""

    async def instruct(
        self,
        caller: Identity,
        kind: str,
        target: str,
        params: Mapping[str, Any],
        *,
        key: str = "",
        dry_run: bool = False,
    ) -> Action: ...

    async def instructions(self, project: str | None, marker: str | None, limit: int) -> list[Action]: ...

    async def instruction(self, instruction_id: str, project: str | None) -> Action: ...

    async def define_recovery(self, caller: Identity, key: str, do: Mapping[str, Any]) -> RecoveryView: ...

    async def forget_recovery(self, caller: Identity, key: str) -> None: ...

    def recovery(self, key: str, project: str | None) -> RecoveryView: ...

    def recoveries(self, project: str | None, after: str, limit: int) -> list[RecoveryView]: ...

    def brakes(self) -> BrakesView: ...

    async def hold(self, vim: str, *, by: str, text: str) -> None: ...

    async def release(self, vim: str, *, by: str, text: str) -> None: ...

    async def switch_automation(self, on: bool, *, by: str, text: str) -> None: ...

    async def confirm_off(self, host: str, *, by: str, text: str) -> ProofView: ...

    async def look(self, host: str) -> str: ...
