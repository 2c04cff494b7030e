"""The accounts of clouds in a few lines: one of the settings, and what is added."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from nfvigil.errors import ConflictError, FieldError, NotFoundError, RefusedError
from nfvigil.model.answers import CheckItem, VimDetail, VimState
from nfvigil.model.secret_fields import hidden, merged
from nfvigil.model.vim_account import Source, VimAccount, VimChange
from nfvigil.model.vim_status import Differences, ReaderStatus, VimStatus

NOW = 1_700_000_000_000_000
PLANTED = "hunter-two-and-a-half"

replace = msgspec.structs.replace


def first() -> dict[str, VimAccount]:
    options: dict[str, Any] = {"password": PLANTED, "hosts": 3}
    fixed = VimAccount(name="fixed", driver="simulated", options=options, source=Source.SETTINGS)
    times = {"created_us": NOW, "changed_us": NOW, "created_by": "admin"}
    return {"fixed": fixed, "lab": VimAccount(name="lab", driver="cloud", options=options, **times)}


KNOWN = VimStatus(
    snapshot_seconds=0.25,
    period_seconds=10.0,
    attempted_us=NOW,
    is_listing=True,
    failures=2,
    readers=(ReaderStatus(name="records", interval_seconds=10.0, error="KeyError"),),
    differences=Differences(added=1),
    unconfirmed=3,
    put_back=4,
    conditions=("unreachable",),
)


@dataclass
class FakeVims:
    kept: dict[str, VimAccount] = field(default_factory=first)
    refreshed: list[str] = field(default_factory=list)
    changes: list[tuple[str, VimChange, int | None]] = field(default_factory=list)

    def details(self) -> list[VimDetail]:
        return [replace(self.detail(name), told={}) for name in sorted(self.kept)]

    def detail(self, name: str) -> VimDetail:
        account = self._known(name)
        shown = replace(account, options=hidden(account.options))
        if name == "fixed":
            return VimDetail(
                account=shown,
                state=VimState.WATCHED,
                taken_us=NOW,
                age_seconds=1.5,
                counts={"hosts": 3},
                told={"release": "x"},
                status=KNOWN,
            )
        return VimDetail(account=shown, state=VimState.FAILING, error="it does not answer")

    async def add(self, account: VimAccount) -> VimDetail:
        if account.name in self.kept:
            before = self.kept[account.name]
            if not account.request or before.request != account.request:
                raise ConflictError("there is one already", [FieldError("name", "is taken")])
            return self.detail(account.name)
        if account.driver not in ("cloud", "simulated"):
            raise RefusedError("it cannot be used", [FieldError("driver", "is none of cloud, simulated")])
        self.kept[account.name] = replace(account, created_us=NOW, changed_us=NOW)
        return self.detail(account.name)

    async def change(self, name: str, change: VimChange, *, was_us: int | None = None) -> VimDetail:
        account = self._changeable(name)
        self.changes.append((name, change, was_us))
        options = merged(change.options or {}, account.options)
        self.kept[name] = replace(account, options=options, changed_us=account.changed_us + 1)
        return self.detail(name)

    async def remove(self, name: str) -> None:
        del self.kept[self._changeable(name).name]

    def refresh(self, name: str) -> None:
        self.refreshed.append(self._known(name).name)

    async def check(self, name: str) -> list[CheckItem]:
        self._known(name)
        return [
            CheckItem(what="login", ok=True),
            CheckItem(what="role", ok=False, detail="no admin", advice="openstack role add ..."),
        ]

    async def try_out(self, account: VimAccount) -> list[CheckItem]:
        return [CheckItem(what="login", ok=True, detail=account.driver)]

    def _known(self, name: str) -> VimAccount:
        if name not in self.kept:
            raise NotFoundError("there is no VIM of this name")
        return self.kept[name]

    def _changeable(self, name: str) -> VimAccount:
        if self._known(name).source is Source.SETTINGS:
            raise ConflictError("it is in the settings")
        return self.kept[name]
