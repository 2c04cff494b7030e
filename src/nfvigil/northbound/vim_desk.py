"""What the API asks of those who look after the accounts of clouds. Nothing that is answered holds a secret."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from nfvigil.model.answers import CheckItem, VimDetail
from nfvigil.model.vim_account import VimAccount, VimChange


class VimDesk(Protocol):
    def details(self) -> Sequence[VimDetail]:
        """All, by name."""

    def detail(self, name: str) -> VimDetail:
        """With what its driver tells. NotFoundError where there is none of this name."""

    async def add(self, account: VimAccount) -> VimDetail:
        """Durable and in use at its return. ConflictError where the name is taken."""

    async def change(self, name: str, change: VimChange, *, was_us: int | None = None) -> VimDetail:
        """ConflictError where the settings have it, or it is not any more as it was changed at ``was_us``."""

    async def remove(self, name: str) -> None:
        """ConflictError where the settings have it."""

    def refresh(self, name: str) -> None:
        """ConflictError where it is not watched."""

    async def check(self, name: str) -> Sequence[CheckItem]: ...

    async def try_out(self, account: VimAccount) -> Sequence[CheckItem]:
        """The same for one that is not kept."""
