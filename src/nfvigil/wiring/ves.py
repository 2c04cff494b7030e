"""The wiring of the VES agent: what looks at listings, what is asked for, what /metrics shows of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import structlog

from nfvigil.accounts.accounts import Accounts
from nfvigil.controller.vim import names_of
from nfvigil.desks.ves.agent import Agent
from nfvigil.desks.ves.book import Book
from nfvigil.desks.ves.collector_test import CollectorTest
from nfvigil.desks.ves.desk import VesDesk
from nfvigil.desks.ves.names import ProjectNames
from nfvigil.desks.ves.way import FORMAT
from nfvigil.errors import FieldError, RefusedError, SettingsError
from nfvigil.model.times import SECOND
from nfvigil.model.ves import VesConfig
from nfvigil.northbound.metrics import Metrics
from nfvigil.northbound.ves.settings import document_of
from nfvigil.notifier.channel import Channel
from nfvigil.pipeline import Pipeline
from nfvigil.settings import Settings
from nfvigil.southbound.inventory import Inventory
from nfvigil.store import Store
from nfvigil.ves.config import read_config
from nfvigil.wiring.tellers import Tellers

_log = structlog.get_logger("nfvigil")


class Ves(NamedTuple):
    book: Book
    agent: Agent
    desk: VesDesk

    async def start(self, accounts: Accounts) -> None:
        """Take up what an earlier process left, when it is known which VIMs there are."""
        for vim in await self.book.load(accounts.names()):
            _log.info("the VIM is there no more: what was told of it to a VES collector goes", vim=vim)
        for vim in (*self.book.held, *self.book.removed):
            self.agent.wanted.pop(vim, None)


def put_ves_together(
    settings: Settings,
    pipeline: Pipeline,
    store: Store,
    tellers: Tellers,
    *,
    inventory: Callable[[], Inventory],
    accounts: Callable[[], Accounts],
    agent: str,
    clock: Callable[[], int],
) -> Ves:
    """Before the inventory, which the agent reads listings of."""
    stored = stored_documents(settings)

    async def names(vim: str) -> Mapping[str, str]:
        driver = accounts().vim(vim)
        return await names_of(driver) if driver is not None else {}

    by_vim = {vim: name for name, vim in settings.ves.regions.items()}
    book = Book(
        store=store,
        matcher=tellers.matcher,
        dispatcher=tellers.dispatcher,
        composer=tellers.composer,
        names=ProjectNames(ask=names, clock=clock),
        reporting=lambda vim: by_vim.get(vim, vim),
    )
    reader = Agent(
        book=book,
        pipeline=pipeline,
        refresh=lambda vim: inventory().refresh(vim),
        clock=clock,
        wanted=wanted_configs(stored),
    )
    desk = VesDesk(
        book=book,
        pipeline=pipeline,
        store=store,
        safety=tellers.safety,
        stats=tellers.dispatcher.stats,
        try_out=CollectorTest(fetcher=tellers.poster, logins=tellers.logins, agent=agent, clock=clock),
        changed=reader.changed,
        vims=lambda: accounts().names(),
        taken_us=lambda: {name: status.taken_us for name, status in inventory().status().items()},
        stored=stored,
        regions=settings.ves.regions,
        clock=clock,
    )
    return Ves(book, reader, desk)


def stored_documents(settings: Settings) -> dict[str, Any]:
    """What the settings have for each VIM, as ONAP's clients would send it."""
    return {
        vim.name: document_of(vim.ves, f"vims.{number}.ves")
        for number, vim in enumerate(settings.vims)
        if vim.ves is not None
    }


def wanted_configs(stored: Mapping[str, Any]) -> dict[str, VesConfig]:
    found = {}
    for vim, document in stored.items():
        try:
            found[vim] = read_config(vim, document, by="settings")
        except RefusedError as error:
            flaws = [
                FieldError(one.field.replace("vesagent_config", f"vims.{vim}.ves", 1), one.reason)
                for one in error.errors
            ]
            raise SettingsError("the settings are wrong", flaws) from error
    return found


def chosen(channels: Mapping[str, Channel]) -> dict[str, Channel]:
    """Those that a subscription may have: the VES agent makes its own."""
    return {name: channel for name, channel in channels.items() if name != FORMAT}


GAUGES = {
    "ves_pending": "notifications that a VES collector has not taken yet",
    "ves_delivered_age_seconds": "since a VES collector took something",
    "ves_sources_raised": "sources whose alarm stands at a VES collector",
}
EVENTS = {
    "ves_events": "events made for a VES collector",
    "ves_events_skipped": "events that were not made because enough of their kind were waiting",
}


def show_ves(metrics: Metrics, book: Book, clock: Callable[[], int]) -> None:
    def look() -> Iterator[tuple[tuple[str], dict[str, float | None]]]:
        for vim, held in book.held.items():
            age = None if held.delivered_us is None else max(0.0, (clock() - held.delivered_us) / SECOND)
            raised = sum(one.is_raised for states in held.states.values() for one in states.values())
            yield (vim,), dict(zip(GAUGES, (float(len(held.waiting)), age, float(raised)), strict=True))

    def events() -> Iterator[tuple[tuple[str, str], dict[str, float | None]]]:
        for vim, held in book.held.items():
            for domain in sorted({*held.told, *held.skipped}):
                values = (float(held.told[domain]), float(held.skipped[domain]))
                yield (vim, domain), dict(zip(EVENTS, values, strict=True))

    metrics.gauges(GAUGES, ("vim",), look)
    metrics.gauges(EVENTS, ("vim", "domain"), events)
