"""The wiring of the clouds' accounts: those of the settings, and those that come and go."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import structlog

from nfvigil.accounts.accounts import Accounts
from nfvigil.accounts.vault import Vault
from nfvigil.controller.plugins import Drivers
from nfvigil.controller.runner import Controller
from nfvigil.controller.vim import Vim
from nfvigil.model.vim_account import Source, VimAccount
from nfvigil.pipeline import Pipeline
from nfvigil.sealing.keys import Keys
from nfvigil.settings import Settings
from nfvigil.situation import HostsOfVims
from nfvigil.southbound.inventory import Inventory
from nfvigil.store import Store

_log = structlog.get_logger("nfvigil")


def accounts_of(
    store: Store,
    keys: Keys,
    settings: Settings,
    pipeline: Pipeline,
    *,
    drivers: Drivers,
    vims: Mapping[str, Vim],
    controller: Controller,
    inventory: Inventory,
    clock: Callable[[], int],
    removed: Callable[[str], Awaitable[None]],
) -> Accounts:
    """``vims`` are the open drivers of the settings; ``removed`` hears of each VIM that is taken away."""
    if warning := keys.warning():
        _log.warning(warning)
    given = {
        one.name: VimAccount(
            name=one.name,
            driver=one.driver,
            options=one.options,
            interval_seconds=one.interval_seconds,
            host_suffix=one.host_suffix,
            source=Source.SETTINGS,
        )
        for one in settings.vims
    }
    return Accounts(
        given={name: (account, vims[name]) for name, account in given.items()},
        store=store,
        vault=Vault(keys=keys, shelf=store),
        drivers=drivers,
        controller=controller,
        inventory=inventory,
        take_map=pipeline.take_map,
        hosts=HostsOfVims(state=pipeline.state, resource_map=pipeline.map),
        clock=clock,
        removed=removed,
    )
