"""The accounts of clouds while the service runs: those of the settings, and those that are added, changed and removed.

What is asked for is in the store first, then it is done: the driver is open by then, so that a wrong account never gets
that far. After a crash in between, the next start does what the store says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Protocol

import msgspec
import structlog

from nfvigil.accounts.detail import detail_of
from nfvigil.accounts.held import Held, Opener
from nfvigil.accounts.vault import Vault, account_of
from nfvigil.controller.plugins import Drivers
from nfvigil.controller.vim import Vim
from nfvigil.errors import (
    ConflictError,
    FieldError,
    NfvigilError,
    NotFoundError,
    OverloadedError,
    UnavailableError,
)
from nfvigil.model.answers import CheckItem, VimDetail, VimState
from nfvigil.model.resource import MapChange, Snapshot
from nfvigil.model.secret_fields import merged
from nfvigil.model.vim_account import Source, VimAccount, VimChange
from nfvigil.model.vim_status import VimStatus
from nfvigil.sealing.box import LockedError
from nfvigil.store.records import VimRecord

CHECK_SECONDS = 60.0
CHECKS_MAX = 4
"""Checks at once: each has connections of its own."""
NAMED_MAX = 5
"""Hosts named in a refusal."""

_log = structlog.get_logger(__name__)
replace = msgspec.structs.replace


class Shelf(Protocol):
    """What is asked of the store."""

    async def vims(self) -> Sequence[VimRecord]: ...
    async def vim(self, name: str) -> VimRecord | None: ...
    async def add_vim(self, record: VimRecord) -> None: ...
    async def change_vim(self, record: VimRecord, *, was_us: int) -> None: ...
    async def remove_vim(self, name: str) -> None: ...


class Hands(Protocol):
    """Who does things in clouds: the controller."""

    def add_vim(self, name: str, vim: Vim) -> None:
        """Another one of its name gives way; what waits for it is done by the new one."""

    async def remove_vim(self, name: str) -> None:
        """What waits or is under way there is given up."""


class Eyes(Protocol):
    """Who watches clouds: the inventory. When ``remove`` is back, it brings nothing of that cloud any more."""

    def add(self, name: str, vim: Vim, *, interval_seconds: float) -> None: ...
    async def remove(self, name: str) -> None: ...
    def refresh(self, vim: str) -> None: ...
    def status(self) -> Mapping[str, VimStatus]: ...


class Hosts(Protocol):
    """Which hosts a cloud has in the map, and of which of them something is remembered."""

    def of(self, vim: str) -> Sequence[str]: ...
    def spoken_of(self, vim: str) -> Sequence[str]: ...


async def _nobody_asks(_name: str) -> None:
    """Nothing else hangs on a VIM."""


class Accounts:
    """One method a wish. Each is durable and in effect when it returns, and raises a RefusedError that says what is
    wrong. ``given`` are those of the settings, with their open drivers, which are watched already.
    """

    def __init__(
        self,
        *,
        given: Mapping[str, tuple[VimAccount, Vim]],
        store: Shelf,
        vault: Vault,
        drivers: Drivers,
        controller: Hands,
        inventory: Eyes,
        take_map: Callable[[Snapshot | MapChange], Awaitable[None]],
        hosts: Hosts,
        clock: Callable[[], int],
        check_seconds: float = CHECK_SECONDS,
        removed: Callable[[str], Awaitable[None]] = _nobody_asks,
    ) -> None:
        """``removed`` is told of each that is taken away."""
        self._removed = removed
        self._store = store
        self._vault = vault
        self._opener = Opener(drivers=drivers, clock=clock)
        self._controller = controller
        self._inventory = inventory
        self._take_map = take_map
        self._hosts = hosts
        self._clock = clock
        self._check_seconds = check_seconds
        self._checks = 0
        self._held = {name: self._opener.held(account, vim) for name, (account, vim) in given.items()}
        self._changing = asyncio.Lock()
        """Held while the store and what we have of it differ."""

    async def start(self) -> None:
        """Take on those that are in the store. One that cannot be used is shown as such, and harms no other."""
        for record in await self._store.vims():
            if record.name in self._held:
                _log.warning("an account is passed by: the settings have a VIM of its name", vim=record.name)
                continue
            self._adopt(record)

    async def close(self) -> None:
        """Let go of what was opened here; those of the settings are closed by whoever opened them."""
        for held in self._held.values():
            if held.account.source is not Source.SETTINGS:
                await held.close()

    # Looking

    def details(self) -> list[VimDetail]:
        """All, by name, without what their drivers tell."""
        seen = self._inventory.status()
        return [detail_of(self._held[name], seen.get(name)) for name in sorted(self._held)]

    def detail(self, name: str) -> VimDetail:
        held = self._known(name)
        return replace(detail_of(held, self._inventory.status().get(name)), told=held.told())

    def troubles(self) -> dict[str, str]:
        """Why an account is not watched although it should be, by its name."""
        return {name: held.error for name, held in self._held.items() if held.error}

    def open_vims(self) -> list[Vim]:
        return [held.vim for held in self._held.values() if held.vim is not None]

    def vim(self, name: str) -> Vim | None:
        """Its driver, while it is watched."""
        return self._held[name].vim if name in self._held else None

    def names(self) -> list[str]:
        return sorted(self._held)

    def was_added(self, name: str) -> bool:
        """At run time, as against those that the settings have."""
        return name in self._held and self._held[name].account.source is not Source.SETTINGS

    def _known(self, name: str) -> Held:
        found = self._held.get(name)
        if found is None:
            raise NotFoundError("there is no VIM of this name")
        return found

    def _changeable(self, name: str) -> Held:
        found = self._known(name)
        if found.account.source is Source.SETTINGS:
            raise ConflictError(f"the VIM {name} is in the settings: change it there, and start the service again")
        if found.account.source is Source.OSM:
            raise ConflictError(f"the VIM {name} comes from OSM: change its account there")
        return found

    # Changing

    async def add(self, account: VimAccount) -> VimDetail:
        """The same request sent again (``account.request``) finds that it was done already."""
        async with self._changing:
            before = self._held.get(account.name)
            if before is not None:
                return self._same_as_before(before, account)
            now_us = self._clock()
            held = self._opener.opened(replace(account, source=Source.API, created_us=now_us, changed_us=now_us))
            try:
                record = await self._vault.closed(held.account, held.names)
                await self._store.add_vim(record)
            except BaseException as error:
                await held.close()
                # A try that was told of as failed may have been kept all the same.
                kept = await self._store.vim(account.name) if isinstance(error, ConflictError) else None
                if kept is None:
                    raise
                return self._same_as_before(self._adopt(kept), account)
            self._held[account.name] = held
            if held.account.enabled:
                self._use(held)
            else:
                await held.close()
        return self.detail(account.name)

    def _same_as_before(self, before: Held, account: VimAccount) -> VimDetail:
        there = before.account
        if not account.request or there.request != account.request:
            raise ConflictError(
                f"there is a VIM {account.name} already",
                [FieldError("name", "is taken: change that VIM, or remove it")],
            )
        if _content(there) != _content(replace(account, options=merged(account.options, {}, before.names))):
            raise ConflictError("this key was used for another VIM", [FieldError("Idempotency-Key", "was used before")])
        return self.detail(account.name)

    async def change(self, name: str, change: VimChange, *, was_us: int | None = None) -> VimDetail:
        """``was_us``: ConflictError unless it is still as it was changed then."""
        async with self._changing:
            old = self._changeable(name)
            if was_us is not None and old.account.changed_us != was_us:
                raise ConflictError("it was changed since you have seen it: read it again")
            if old.state is VimState.LOCKED:
                raise ConflictError(f"the VIM is locked: {old.error}")
            account = _changed(old, change, max(self._clock(), old.account.changed_us + 1))
            is_renamed = account.host_suffix != old.account.host_suffix
            if is_renamed:
                self._must_be_silent(name)
            # One that is only switched off need not be usable.
            is_other = is_renamed or account.options != old.account.options
            is_opened = is_other or (account.enabled and old.vim is None)
            new = self._opener.opened(account) if is_opened else self._opener.held(account, old.vim)
            try:
                record = await self._vault.closed(account, new.names)
                await self._store.change_vim(record, was_us=old.account.changed_us)
            except BaseException as error:
                if is_opened:
                    await new.close()
                if isinstance(error, ConflictError):
                    await self._read_again(name)
                raise
            self._held[name] = new
            await self._exchange(old, new)
        return self.detail(name)

    def _must_be_silent(self, name: str) -> None:
        """What is remembered of hosts is remembered by their names: it would be lost, or another's."""
        spoken_of = self._hosts.spoken_of(name)
        if spoken_of:
            shown = ", ".join(spoken_of[:NAMED_MAX]) + (" ..." if len(spoken_of) > NAMED_MAX else "")
            raise ConflictError(
                "hosts keep their names while there are alarms, maintenance, proofs or states to restore on them",
                [FieldError("host_suffix", f"cannot be changed now: {shown}")],
            )

    async def remove(self, name: str) -> None:
        """Nobody watches it any more, and the map has nothing of it. The alarms of what it had follow from that."""
        async with self._changing:
            held = self._changeable(name)
            with suppress(NotFoundError):  # an earlier try got as far as the store
                await self._store.remove_vim(name)
            del self._held[name]
            await self._take_out(held, forget=True)
        await self._removed(name)

    async def _read_again(self, name: str) -> None:
        """Where the store has another account than we do: a change that was told of as failed was kept all the same."""
        with suppress(UnavailableError):
            old, record = self._held[name], await self._store.vim(name)
            if record is not None and record.changed_us == old.account.changed_us:
                return
            await self._take_out(old, forget=record is None)
            del self._held[name]
            if record is not None:
                self._adopt(record)

    def _adopt(self, record: VimRecord) -> Held:
        """Take on what the store has."""
        held = self._held[record.name] = self._recalled(record)
        if held.error:
            _log.error("a VIM cannot be used", vim=record.name, state=held.state.value, reason=held.error)
        if held.vim is not None:
            self._use(held)
        return held

    def _recalled(self, record: VimRecord) -> Held:
        try:
            account = self._vault.opened(record)
        except LockedError as error:
            return Held(account=account_of(record, {}), state=VimState.LOCKED, error=error.message)
        return self._ready(account, "") if account.enabled else self._opener.held(account)

    # Led from outside: nothing of these is kept

    def own(self) -> list[VimAccount]:
        """All others, with their secrets."""
        return [held.account for held in self._held.values() if held.account.source is not Source.OSM]

    def failing(self, name: str) -> bool:
        """Whether it is used, and cannot be read."""
        held, seen = self._held.get(name), self._inventory.status().get(name)
        return held is not None and (held.vim is None or (seen is not None and bool(seen.error)))

    async def lead(self, account: VimAccount, *, error: str = "") -> None:
        """Have it as it is now where it is looked after. One that cannot be used, or comes with an ``error``, is shown
        as such. ConflictError where the name is one of the others'.
        """
        async with self._changing:
            old = self._held.get(account.name)
            if old is not None and old.account.source is not Source.OSM:
                raise ConflictError(f"there is a VIM {account.name} already", [FieldError("name", "is taken")])
            now_us = self._clock()
            created_us = old.account.created_us if old is not None else now_us
            new = self._ready(replace(account, created_us=created_us, changed_us=now_us), error)
            self._held[account.name] = new
            if new.error:
                _log.error("a VIM cannot be used", vim=account.name, reason=new.error)
            if old is None:
                if new.vim is not None:
                    self._use(new)
            elif new.vim is None:
                # What is known of it stays: a wrong password is no reason to think that it is empty.
                await self._take_out(old, forget=False)
            else:
                await self._exchange(old, new)

    def _ready(self, account: VimAccount, error: str) -> Held:
        try:
            if not error:
                return self._opener.opened(account)
        except NfvigilError as refused:
            error = str(refused)
        held = self._opener.held(account)
        held.state, held.error = VimState.UNUSABLE, held.safe(error)
        return held

    async def release(self, name: str) -> None:
        """As ``remove``, for one that is led."""
        async with self._changing:
            held = self._held.get(name)
            if held is not None and held.account.source is Source.OSM:
                del self._held[name]
                await self._take_out(held, forget=True)

    # Putting to use

    def _use(self, held: Held) -> None:
        assert held.vim is not None
        self._controller.add_vim(held.account.name, held.vim)
        self._inventory.add(held.account.name, held.vim, interval_seconds=held.account.interval_seconds)

    async def _exchange(self, old: Held, new: Held) -> None:
        """The map keeps what it has: the new driver's first listing brings it in line."""
        if not new.account.enabled:
            await self._take_out(old, forget=True)
            await new.close()
        elif old.vim is None:
            self._use(new)
        else:
            await self._inventory.remove(new.account.name)
            if new.account.host_suffix != old.account.host_suffix:
                # By their old names nobody would find them, and the next listing would look like a mass death.
                gone = tuple(self._hosts.of(new.account.name))
                await self._take_map(MapChange(vim=new.account.name, gone=gone))
            # Not removed before: a new password is no reason to give up what waits to be done there.
            self._use(new)
            if new.vim is not old.vim:
                await old.close()

    async def _take_out(self, held: Held, *, forget: bool) -> None:
        """Nobody brings news of it when the map is emptied: it would be filled again."""
        name = held.account.name
        if held.vim is not None:
            await self._inventory.remove(name)
            await self._controller.remove_vim(name)
            await held.close()
        if forget:
            await self._take_map(Snapshot(vim=name, taken_us=self._clock()))
            # A host's name in another cloud may have been the same, and went with it.
            for other in self._inventory.status():
                self._inventory.refresh(other)

    # Asking

    def refresh(self, name: str) -> None:
        """Its listing is read soon."""
        held = self._known(name)
        if held.vim is None:
            because = [FieldError("error", held.error)] if held.error else []
            raise ConflictError(f"the VIM is {held.state.value}, and so it is not read", because)
        self._inventory.refresh(name)

    async def check(self, name: str) -> list[CheckItem]:
        """What its driver finds when it looks whether the cloud will do what it is going to be asked for."""
        held = self._known(name)
        if held.vim is not None:
            return await self._checked(held)
        if held.state is VimState.LOCKED:
            advice = "put the keys back that it was encrypted with, or remove the account and add it again"
            return [CheckItem(what="options", ok=False, detail=held.error, advice=advice)]
        return await self.try_out(held.account)

    async def try_out(self, account: VimAccount) -> list[CheckItem]:
        """The same for one that is not kept, or not in use. Nothing of it stays."""
        held = self._opener.opened(account)
        try:
            return await self._checked(held)
        finally:
            await held.close()

    async def _checked(self, held: Held) -> list[CheckItem]:
        if self._checks >= CHECKS_MAX:
            raise OverloadedError(f"{self._checks} checks are under way already", retry_after_seconds=5)
        self._checks += 1
        try:
            return await held.check(self._check_seconds)
        finally:
            self._checks -= 1


def _content(account: VimAccount) -> tuple[object, ...]:
    return account.driver, account.options, account.interval_seconds, account.enabled, account.host_suffix


def _changed(old: Held, change: VimChange, now_us: int) -> VimAccount:
    account = replace(old.account, changed_us=now_us)
    if change.options is not None:
        account = replace(account, options=merged(change.options, account.options, old.names))
    if change.interval_seconds is not None:
        account = replace(account, interval_seconds=change.interval_seconds)
    if change.enabled is not None:
        account = replace(account, enabled=change.enabled)
    if change.host_suffix is not None:
        account = replace(account, host_suffix=change.host_suffix)
    return account
