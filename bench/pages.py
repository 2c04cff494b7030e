#!/usr/bin/env python3
"""Pages of a list of 100,000 alarms: the first, the one in the middle and the last, for every filter that a list has.

Over a database of its own on SQLite, or over the one of NFVIGIL_DATABASE_URL, which must be empty:

    python tools/postgres.py run -- python bench/pages.py

No page may take longer for standing far behind, and none may look at all rows because few of them fit.
"""
# ruff: noqa: E402 - the rest can be imported once _start has found it

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from statistics import median
from typing import Any

import _start

_start.ready()

import msgspec
from _figures import finish, options, show, show_machine, table, workplace
from sqlalchemy import text

from nfvigil.model.alarm import Alarm, AlarmState
from nfvigil.model.change import Change
from nfvigil.model.ids import event_id_at, stable_id
from nfvigil.model.resource import Kind
from nfvigil.model.severity import Severity
from nfvigil.store import AlarmQuery, Store, open_store

ALARMS, PROJECTS, ROUNDS = 100_000, 100, 7
START_US = 1_800_000_000_000_000
NOW_US = START_US + ALARMS * 1_000
ALL = AlarmQuery(project=None)
FILTERS: dict[str, dict[str, Any]] = {
    "all": {},
    "open": {"open_only": True},
    "a project's": {"project": "p-7"},
    "a project's open": {"project": "p-7", "open_only": True},
    "the administrator's look at a project": {"of_project": "p-7"},
    "severity": {"severities": (Severity.MINOR,)},
    "severity that none has": {"severities": (Severity.INDETERMINATE,)},
    "min severity, open": {"min_severity": Severity.MAJOR, "open_only": True},
    "type": {"fault_types": ("compute.nic.*",)},
    "type that none has": {"fault_types": ("storage.*",)},
    "probable cause that none has": {"probable_causes": ("fire",)},
    "kind": {"resource_kinds": (Kind.PORT,)},
    "resource": {"resources": ("server/s-77",)},
    "resource by its bare id": {"resources": ("s-77",)},
    "raised in a second": {"from_us": START_US + 50_000_000, "until_us": START_US + 51_000_000},
    "event in a second": {"event_from_us": START_US + 50_000_000, "event_until_us": START_US + 51_000_000},
    "cleared": {"states": (AlarmState.CLEARED,)},
    "confirmed, a project's": {"states": (AlarmState.CONFIRMED,), "project": "p-7"},
    "acknowledged": {"is_acked": True},
    "changed since": {"changed_from_us": NOW_US - 1_000_000},
    "cleared since": {"cleared_from_us": NOW_US - 1_000_000},
    "root causes": {"is_root_cause": True},
}


def alarms() -> Iterator[Alarm]:
    for number in range(ALARMS):
        at_us = START_US + number * 1_000
        is_open = number % 10 == 0
        yield Alarm(
            id=stable_id("alarm", number),
            fault_type="compute.nic.down" if number % 50 == 0 else "compute.instance.down",
            resource=f"{'port' if number % 50 == 0 else 'server'}/s-{number % 1_000}",
            project=f"p-{number % PROJECTS}",
            severity=Severity.MINOR if number % 4 == 0 else Severity.CRITICAL,
            event_id=event_id_at(at_us),
            event_us=at_us - 500,
            raised_us=at_us,
            changed_us=at_us + 200,
            state=AlarmState.CONFIRMED if is_open else AlarmState.CLEARED,
            cleared_us=None if is_open else at_us + 200,
            acked_us=at_us + 100 if number % 1_000 == 0 else None,
            parent="" if number % 20 == 0 else "root",
            root="root",
            text="what is wrong, in a sentence of usual length for such a text",
        )


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Store]:
    store = await open_store(url, node="bench", clock=lambda: NOW_US)
    try:
        every = list(alarms())
        for start in range(0, ALARMS, 2_000):
            await store.commit(Change(alarms=tuple(every[start : start + 2_000])))
        async with store._reader.engine.connect() as connection:
            # On PostgreSQL its autovacuum does that within the minute.
            await connection.execute(text("ANALYZE"))
            await connection.commit()
        yield store
    finally:
        await store.close()


async def page_ms(store: Store, query: AlarmQuery) -> float:
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter_ns()
        await store.alarm_page(query)
        times.append((time.perf_counter_ns() - started) / 1e6)
    return median(times)


async def changes_ms(store: Store, query: AlarmQuery) -> float:
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter_ns()
        await store.alarm_changes(query)
        times.append((time.perf_counter_ns() - started) / 1e6)
    return median(times)


async def measure(url: str) -> dict[str, dict[str, float]]:
    middle, last = (START_US + ALARMS * 500, "~"), (START_US + 110_000, "~")
    found = {}
    async with opened(url) as store:
        for name, wanted in FILTERS.items():
            query = msgspec.structs.replace(ALL, **wanted)
            at = msgspec.structs.replace
            found[name] = {
                "first": await page_ms(store, query),
                "middle": await page_ms(store, at(query, place=middle)),
                "last": await page_ms(store, at(query, place=last)),
                "changes": await changes_ms(store, at(query, since_change=ALARMS // 2)),
            }
    return found


def main() -> None:
    chosen = options(__doc__)
    show_machine()
    with workplace() as place:
        url = os.environ.get("NFVIGIL_DATABASE_URL") or f"sqlite:///{place}/pages.db"
        found = asyncio.run(measure(url))
    head = ["a page of 100 in ms", "first", "middle", "last", "changes"]
    table(head, [[name, *row.values()] for name, row in found.items()])
    worst = max(value for row in found.values() for value in row.values())
    show(f"{ALARMS:,} alarms on {url.partition(':')[0]}. The slowest took {worst:.1f} ms.")
    finish({"page_ms": found["all"], "worst_ms": worst, "alarms": ALARMS}, chosen.json)


if __name__ == "__main__":
    main()
