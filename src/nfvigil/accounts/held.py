"""An account with its open driver, and the driver's words without the account's secrets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import structlog

from nfvigil.controller.plugins import Drivers
from nfvigil.controller.vim import Vim, checked, described
from nfvigil.errors import FieldError, RefusedError, UnavailableError
from nfvigil.model.answers import CheckItem, VimState
from nfvigil.model.secret_fields import hidden, merged, scrubbed, secret_values
from nfvigil.model.vim_account import VimAccount

ITEMS_MAX = 200
TOLD_MAX_BYTES = 64 * 1024
TEXT_MAX = 1000
CLOSE_SECONDS = 10.0

_log = structlog.get_logger(__name__)
replace = msgspec.structs.replace


@dataclass(slots=True, kw_only=True)
class Held:
    """An account and, where it is in use, its open driver."""

    account: VimAccount
    vim: Vim | None = None
    state: VimState = VimState.UNREAD
    error: str = ""
    names: frozenset[str] = frozenset()
    """What its driver calls secret."""
    secrets: frozenset[str] = field(default_factory=frozenset, repr=False)

    @property
    def shown(self) -> VimAccount:
        return replace(self.account, options=hidden(self.account.options, self.names))

    def safe(self, text: str) -> str:
        """What a driver or its cloud said, for others to read."""
        found: str = scrubbed(text, self.secrets)
        return found[:TEXT_MAX]

    async def check(self, seconds: float) -> list[CheckItem]:
        """What could not be looked at in time, or at all, is a result like any other."""
        assert self.vim is not None
        items: Sequence[CheckItem]
        try:
            async with asyncio.timeout(seconds):
                items = await checked(self.vim)
        except TimeoutError:
            items = [CheckItem(what="check", ok=False, detail=f"it did not come to an end within {seconds:g} s")]
        except Exception as error:  # a driver of others may raise anything
            items = [CheckItem(what="check", ok=False, detail=str(error) or type(error).__name__)]
        return [
            CheckItem(
                what=self.safe(item.what), ok=item.ok, detail=self.safe(item.detail), advice=self.safe(item.advice)
            )
            for item in items[:ITEMS_MAX]
        ]

    def told(self) -> dict[str, Any]:
        """What the driver tells of itself."""
        if self.vim is None:
            return {}
        try:
            found = msgspec.json.encode(described(self.vim))
        except Exception as error:  # as above
            return {"error": self.safe(f"the driver could not tell: {error}")}
        if len(found) > TOLD_MAX_BYTES:
            return {"error": "the driver tells more than can be shown"}
        told = hidden(scrubbed(msgspec.json.decode(found), self.secrets), self.names)
        return told if isinstance(told, dict) else {}

    async def close(self) -> None:
        """What goes wrong here is of no use to anybody any more."""
        vim, self.vim = self.vim, None
        if vim is None:
            return
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await vim.close()
        except Exception as error:
            _log.warning("a VIM could not be closed", vim=self.account.name, error=type(error).__name__)


class Opener:
    def __init__(self, *, drivers: Drivers, clock: Callable[[], int]) -> None:
        self._drivers = drivers
        self._clock = clock

    def held(self, account: VimAccount, vim: Vim | None = None) -> Held:
        """``vim`` is open already, or is not to be."""
        names = self._drivers.secret_names(account.driver, account.options)
        return Held(
            account=account,
            vim=vim,
            state=VimState.UNREAD if account.enabled else VimState.DISABLED,
            names=names,
            secrets=secret_values(account.options, names),
        )

    def opened(self, account: VimAccount) -> Held:
        """RefusedError by field of the account, and without a secret in its words."""
        if account.driver not in self._drivers.names:
            known = ", ".join(self._drivers.names)
            raise RefusedError(
                f"the VIM {account.name} cannot be used",
                [FieldError("driver", f"{account.driver!r} is none of: {known}")],
            )
        held = self.held(account)
        # A "***" that stands for nothing is refused; nothing else is changed by it.
        held.account = replace(account, options=merged(account.options, {}, held.names))
        try:
            held.vim = self._drivers.open(
                driver=account.driver,
                name=account.name,
                options=held.account.options,
                clock=self._clock,
                host_suffix=account.host_suffix,
            )
        except RefusedError as error:
            errors = [
                FieldError(f"options.{one.field}".rstrip("."), held.safe(one.reason), one.line) for one in error.errors
            ]
            raise RefusedError(held.safe(error.message), errors) from None
        except UnavailableError as error:
            raise UnavailableError(held.safe(str(error)), error.retry_after_seconds) from None
        except Exception as error:  # a driver of others may raise anything
            reason = held.safe(f"the driver failed: {type(error).__name__}: {error}")
            raise RefusedError(f"the VIM {account.name} cannot be used", [FieldError("options", reason)]) from None
        return held
