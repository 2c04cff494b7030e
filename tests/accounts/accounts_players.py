"""A store, a driver, eyes and hands of a few lines each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import msgspec

from nfvigil.accounts.accounts import Accounts
from nfvigil.accounts.vault import Vault
from nfvigil.controller.plugins import Drivers
from nfvigil.errors import (
    ConflictError,
    FieldError,
    NotFoundError,
    RefusedError,
    StoreUnavailableError,
    VimUnavailableError,
)
from nfvigil.model.action import Action, Outcome
from nfvigil.model.answers import CheckItem
from nfvigil.model.resource import CloudRecord, MapChange, Snapshot
from nfvigil.model.vim_account import Source, VimAccount
from nfvigil.model.vim_status import VimStatus
from nfvigil.sealing.keys import Keys
from nfvigil.store.records import VimRecord
from nfvigil.store.sealed_records import Sealed

SECRET = "hunter-two-and-a-half"
NOW = 1_800_000_000_000_000


class Cloud:
    """A driver: it takes ``password``, ``site`` and what says how it shall behave."""

    SECRETS: ClassVar = ("site",)
    opened: ClassVar[list[Cloud]] = []

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        self.name = name
        self.options = dict(options)
        self.is_closed = False
        Cloud.opened.append(self)

    @classmethod
    def from_options(cls, name: str, options: Mapping[str, Any], clock: Callable[[], int]) -> Self:
        if options.get("is_refused"):
            raise RefusedError(f"{name}: no {options['password']}", [FieldError("password", f"not {SECRET}")])
        if options.get("is_full"):
            raise VimUnavailableError(f"no room for {SECRET}")
        if options.get("is_broken"):
            raise ZeroDivisionError(SECRET)
        return cls(name, options)

    async def snapshot(self) -> Snapshot:
        return Snapshot(vim=self.name, taken_us=NOW)

    async def changes(self) -> AsyncIterator[MapChange | None]:
        yield None

    async def perform(self, action: Action) -> Outcome:
        return Outcome(changed=False)

    async def show(self, key: str) -> dict[str, Any]:
        return {}

    async def read(self, key: str) -> CloudRecord:
        raise NotFoundError("there is none")

    async def check(self) -> Sequence[CheckItem]:
        match self.options.get("check"):
            case "raises":
                raise ZeroDivisionError(SECRET)
            case "hangs":
                await asyncio.Event().wait()
        return (CheckItem(what="login", ok=False, detail=f"{SECRET} is wrong", advice=f"not {SECRET}"),)

    def describe(self) -> Mapping[str, Any]:
        match self.options.get("told"):
            case "raises":
                raise ZeroDivisionError(SECRET)
            case "much":
                return {"text": "x" * 100_000}
        return {"address": f"https://me:{SECRET}@host/", "text": f"with {SECRET}", "token": "t"}

    async def close(self) -> None:
        if self.options.get("is_stuck"):
            raise ZeroDivisionError("cannot be closed")
        self.is_closed = True


class Dull(Cloud):
    """It has nothing to tell and nothing to check."""

    check = None  # type: ignore[assignment]  # as if it were not there
    describe = None


@dataclass
class Shelf:
    """A store of accounts that fails when it is told to: before it has kept what it is given, or after."""

    kept: dict[str, VimRecord] = field(default_factory=dict)
    fails: str = ""

    async def vims(self) -> list[VimRecord]:
        return [self.kept[name] for name in sorted(self.kept)]

    async def vim(self, name: str) -> VimRecord | None:
        return self.kept.get(name)

    async def add_vim(self, record: VimRecord) -> None:
        if record.name in self.kept:
            raise ConflictError("there is one already")
        self._write(record)

    async def change_vim(self, record: VimRecord, *, was_us: int) -> None:
        if record.name not in self.kept or self.kept[record.name].changed_us != was_us:
            raise ConflictError("it was changed meanwhile")
        self._write(record)

    async def sealed(self) -> list[Sealed]:
        return [Sealed(f"vim/{record.name}", record.options) for record in await self.vims()]

    async def sealed_of(self, owner: str) -> Sealed | None:
        record = self.kept.get(owner.removeprefix("vim/"))
        return record and Sealed(owner, record.options)

    async def reseal(self, owner: str, *, before: bytes, after: bytes) -> bool:
        name = owner.removeprefix("vim/")
        if name not in self.kept or self.kept[name].options != before:
            return False
        self._write(msgspec.structs.replace(self.kept[name], options=after))
        return True

    async def remove_vim(self, name: str) -> None:
        if name not in self.kept:
            raise NotFoundError("there is none")
        self._fail("before")
        del self.kept[name]
        self._fail("after")

    def _write(self, record: VimRecord) -> None:
        self._fail("before")
        self.kept[record.name] = record
        self._fail("after")

    def _fail(self, when: str) -> None:
        if self.fails == when:
            self.fails = ""
            raise StoreUnavailableError("the store is away")


@dataclass
class Hosts:
    """Those of every cloud, and those that something is remembered of."""

    there: list[str] = field(default_factory=list)
    remembered: list[str] = field(default_factory=list)

    def of(self, vim: str) -> list[str]:
        return self.there

    def spoken_of(self, vim: str) -> list[str]:
        return self.remembered


@dataclass
class Eyes:
    watched: dict[str, tuple[Any, float]] = field(default_factory=dict)
    seen: dict[str, VimStatus] = field(default_factory=dict)
    refreshed: list[str] = field(default_factory=list)

    def add(self, name: str, vim: Any, *, interval_seconds: float) -> None:
        if name in self.watched:
            raise ConflictError("it is watched already")
        self.watched[name] = (vim, interval_seconds)

    async def remove(self, name: str) -> None:
        del self.watched[name]

    def refresh(self, vim: str) -> None:
        self.refreshed.append(vim)

    def status(self) -> dict[str, VimStatus]:
        return {name: self.seen.get(name, VimStatus()) for name in self.watched}


@dataclass
class Hands:
    acts: dict[str, Any] = field(default_factory=dict)
    given_up: list[str] = field(default_factory=list)

    def add_vim(self, name: str, vim: Any) -> None:
        self.acts[name] = vim

    async def remove_vim(self, name: str) -> None:
        self.given_up.append(name)
        del self.acts[name]


class Entries:
    """The entry points that there are."""

    def __init__(self, found: Mapping[str, type]) -> None:
        self._found = dict(found)

    @property
    def names(self) -> set[str]:
        return set(self._found)

    def __getitem__(self, name: str) -> Any:
        class Point:
            load = staticmethod(lambda: self._found[name])

        return Point


@dataclass
class Stage:
    """Everything around the accounts; ``restart`` makes them anew over the same store and keys."""

    keys: Keys
    shelf: Shelf = field(default_factory=Shelf)
    emptied: list[str] = field(default_factory=list)
    changes: list[MapChange] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    hosts: Hosts = field(default_factory=Hosts)
    now: int = NOW
    drivers: dict[str, type] = field(default_factory=lambda: {"cloud": Cloud, "dull": Dull})

    def __post_init__(self) -> None:
        Cloud.opened = []
        self.settings_cloud = Cloud("fixed", {"password": SECRET})
        self.make()

    def make(self) -> None:
        self.eyes, self.hands = Eyes(), Hands()
        self.eyes.add("fixed", self.settings_cloud, interval_seconds=60)
        account = VimAccount(name="fixed", driver="cloud", options=self.settings_cloud.options, source=Source.SETTINGS)
        self.accounts = Accounts(
            given={"fixed": (account, self.settings_cloud)},
            store=self.shelf,
            vault=Vault(keys=self.keys, shelf=self.shelf),
            drivers=Drivers(points=Entries(self.drivers)),
            controller=self.hands,
            inventory=self.eyes,
            take_map=self._take_map,
            hosts=self.hosts,
            clock=self._clock,
            check_seconds=0.05,
            removed=self._removed,
        )

    async def _removed(self, name: str) -> None:
        self.removed.append(name)

    async def restart(self) -> None:
        await self.accounts.close()
        self.make()
        await self.accounts.start()

    async def _take_map(self, news: Snapshot | MapChange) -> None:
        if isinstance(news, MapChange):
            assert news.vim not in self.eyes.watched, "it would be filled again"
            self.changes.append(news)
        else:
            assert not news.hosts
            self.emptied.append(news.vim)

    def _clock(self) -> int:
        return self.now


def account(name: str = "lab", **more: Any) -> VimAccount:
    options = {"password": SECRET, "region": "one", **more.pop("options", {})}
    return VimAccount(**{"name": name, "driver": "cloud", "options": options, "created_by": "me", **more})
