"""Brings the clouds that we watch in line with OSM's accounts: they come, change and go while both run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from nfvigil.errors import RefusedError
from nfvigil.model.vim_account import Source, VimAccount
from nfvigil.vnf.osm.accounts import OPENSTACK, Cloud, OsmAccount, address_of, clouds_of

ABSENCES = 2
"""So many times in a row an account is not there before its cloud is let go: a database may just be restored."""
FAILURES = 3
"""After so many rounds without an answer, another account of the same cloud is tried."""

_log = structlog.get_logger(__name__)


class Fleet(Protocol):
    """Who holds the accounts of clouds."""

    def own(self) -> Sequence[VimAccount]:
        """Those that are not led from outside, with their options."""

    def failing(self, name: str) -> bool:
        """Whether this cloud cannot be read."""

    def refresh(self, name: str) -> None:
        """Have it listed soon. RefusedError where it is not watched."""

    async def lead(self, account: VimAccount, *, error: str = "") -> None:
        """Have this account, in the place of the one of its name that was led before. One that cannot be used, or comes
        with an ``error``, is shown as such. ConflictError where the name is somebody else's.
        """

    async def release(self, name: str) -> None:
        """Not watched any more, and the map has nothing of it. Nothing happens where it is not led."""


@dataclass(slots=True)
class _Led:
    account: VimAccount
    error: str
    absences: int = 0
    failures: int = 0
    choice: int = 0


class Followers:
    """``given`` leads from OSM's accounts, by id or name, to clouds that we have anyway."""

    def __init__(self, *, fleet: Fleet, given: Mapping[str, str], interval_seconds: float) -> None:
        self._fleet = fleet
        self._given = given
        self._interval_seconds = interval_seconds
        self._led: dict[str, _Led] = {}
        self.vim_of: dict[str, str] = {}
        """By OSM's id of an account."""
        self.troubles: dict[str, str] = {}
        """What is wrong with an account, by its name."""

    async def take(self, accounts: Iterable[OsmAccount]) -> None:
        """All that there are now."""
        found = list(accounts)
        clouds = clouds_of(
            found, given=self._given, known=places_in(self._fleet.own()), interval_seconds=self._interval_seconds
        )
        for name in self._led.keys() - {cloud.vim for cloud in clouds}:
            await self._miss(name)
        refused: dict[str, str] = {}
        vim_of: dict[str, str] = {}
        for cloud in clouds:
            try:
                if cloud.choices or cloud.error:
                    await self._lead(cloud)
                vim_of |= dict.fromkeys(cloud.accounts, cloud.vim)
            except RefusedError as error:  # it is tried again, and the others are no worse for it
                refused |= dict.fromkeys(cloud.accounts, str(error))
        self._note_troubles(found, refused)
        self.vim_of = vim_of

    def refresh(self, vim: str) -> None:
        """There is something new in it."""
        with suppress(RefusedError):  # it will be listed when it can be
            self._fleet.refresh(vim)

    def _note_troubles(self, accounts: Iterable[OsmAccount], refused: Mapping[str, str]) -> None:
        """``refused`` is by account's id."""
        troubles = {one.name: error for one in accounts if (error := one.error or refused.get(one.id, ""))}
        for name, error in troubles.items():
            if self.troubles.get(name) != error:
                _log.warning("an account of OSM's cannot be used", account=name, reason=error)
        self.troubles = troubles

    async def _miss(self, name: str) -> None:
        led = self._led[name]
        led.absences += 1
        if led.absences >= ABSENCES:
            await self._fleet.release(name)
            del self._led[name]
            _log.info("a cloud is not in OSM any more", vim=name)

    async def _lead(self, cloud: Cloud) -> None:
        led = self._led.get(cloud.vim)
        choice = self._choice(cloud, led)
        shell = VimAccount(name=cloud.vim, driver=OPENSTACK, source=Source.OSM)
        account = cloud.choices[choice] if cloud.choices else shell
        error = "" if cloud.choices else cloud.error
        if led is not None:
            led.absences, led.choice = 0, choice
            if (led.account, led.error) == (account, error):
                return
        await self._fleet.lead(account, error=error)
        self._led[cloud.vim] = _Led(account=account, error=error, choice=choice)

    def _choice(self, cloud: Cloud, led: _Led | None) -> int:
        """Which of its accounts: the one that it is, unless that fails and there are others."""
        if led is None or len(cloud.choices) < 2:
            return 0
        choice = led.choice % len(cloud.choices)
        led.failures = led.failures + 1 if self._fleet.failing(cloud.vim) else 0
        if led.failures < FAILURES:
            return choice
        led.failures = 0
        return (choice + 1) % len(cloud.choices)


def places_in(accounts: Iterable[VimAccount]) -> dict[tuple[str, str], str]:
    """Where the clouds are that we have anyway, as far as their options say it."""
    found = {}
    for account in accounts:
        auth: Any = account.options.get("auth")
        url = auth.get("auth_url") if isinstance(auth, Mapping) else None
        if account.driver == OPENSTACK and account.enabled and isinstance(url, str) and (address := address_of(url)):
            found[address, str(account.options.get("region") or "")] = account.name
    return found
