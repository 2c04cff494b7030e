#!/usr/bin/env python3
"""An event against 100,000 event alarms of Aodh's kind, and pages of a list of 100,000 alarms.

As with OPNFV Doctor, each alarm names a server and the state "error"; some ask by a glob of event types, or by order.
Measured is one event against all of them; that a new alarm is hit by the next event, and what entering it costs. Once
they are of 1,000 projects, and once all of one. The reference is what Aodh does: it looks at every alarm of the event's
project, one after another.

The pages are asked of the real service over HTTP, from a database with 100,000 alarms: the first 100, 100 from the
middle, the last 100. The reference is the same list by offset, asked of the same database.
"""
# ruff: noqa: E402 - the rest can be imported once _start has found it

from __future__ import annotations

import gc
import sqlite3
import time
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from random import Random
from typing import Any

import _start

_start.ready()

import uvloop
from _figures import finish, options, show, show_machine, spread, table, workplace
from _service import Service

from nfvigil.model.alarm import Alarm, AlarmState
from nfvigil.model.change import Change
from nfvigil.model.event_alarm import CloudEvent, Condition, EventAlarm
from nfvigil.model.ids import stable_id
from nfvigil.model.severity import Severity
from nfvigil.notifier.event_index import EventIndex
from nfvigil.notifier.event_values import Test, comparison, holds, values_of
from nfvigil.store import open_store

ALARMS, PROJECTS, PAGE = 100_000, 1000, 100
START_US = 1_780_000_000_000_000
UPDATE = "compute.instance.update"


def server(number: int) -> str:
    return stable_id("server", number)


def wish(number: int, project: str) -> EventAlarm:
    """Nine in ten as Doctor makes them."""
    query = [Condition("traits.instance_id", "eq", server(number)), Condition("traits.state", "eq", "error")]
    kind = UPDATE
    if number % 20 == 0:
        kind, query = "compute.instance.*", query[:1]
    elif number % 20 == 10:
        query = [query[0], Condition("traits.vcpus", "gt", "1", "integer")]
    return EventAlarm(id=stable_id("alarm", number), name=f"doctor_alarm{number}", project=project, event_type=kind,
                      query=tuple(query))  # fmt: skip


def many(projects: int) -> Iterator[EventAlarm]:
    return (wish(number, f"p-{number % projects}") for number in range(ALARMS))


def happened(number: int, projects: int) -> CloudEvent:
    project = f"p-{number % projects}"
    texts = {
        "service": "compute",
        "request_id": f"req-{number}",
        "project_id": project,
        "tenant_id": project,
        "instance_id": server(number),
        "resource_id": server(number),
        "display_name": f"vm-{number}",
        "state": "error",
        "old_state": "active",
        "nfvigil_fault_type": "compute.instance.down",
    }
    traits = tuple((name, 1, value) for name, value in texts.items())
    return CloudEvent(
        message_id=stable_id("event", number),
        event_type=UPDATE,
        generated_us=START_US,
        project=project,
        traits=(*traits, ("vcpus", 2, 2)),
        physical=(("host", 1, "compute-1"),),
    )


Prepared = tuple[EventAlarm, list[Test]]


def one_by_one(of_project: Sequence[Prepared], event: CloudEvent) -> list[str]:
    """The reference: every alarm of the project, its query read beforehand."""
    values = values_of(event.traits)
    return [
        alarm.id
        for alarm, tests in of_project
        if fnmatchcase(event.event_type, alarm.event_type) and all(holds(test, values) for test in tests)
    ]


def matching(projects: int, rounds: int, references: int, random: Random) -> dict[str, Any]:
    """Events against the index, a new alarm and the next event, and the reference."""
    alarms = list(many(projects))
    started = time.perf_counter()
    index = EventIndex(alarms)
    load_s = time.perf_counter() - started
    gc.collect()
    gc.freeze()  # as the service does it
    victims = [random.randrange(ALARMS) for _ in range(rounds)]
    match, fresh, reference = [], [], []
    for victim in victims:
        event = happened(victim, projects)
        started_ns = time.perf_counter_ns()
        found = index.match(event)
        match.append((time.perf_counter_ns() - started_ns) / 1e6)
        assert [one.id for one in found] == [stable_id("alarm", victim)]
    for number in range(500):
        new, event = wish(ALARMS + number, f"p-{number % projects}"), happened(ALARMS + number, projects)
        started_ns = time.perf_counter_ns()
        index.put(new)
        found = index.match(event)
        fresh.append((time.perf_counter_ns() - started_ns) / 1e6)
        assert new in found, "a new alarm was not hit by the next event"
        index.remove(new.id)
        assert new not in index.match(event), "a removed alarm was still hit"
    prepared = [(alarm, [comparison(condition) for condition in alarm.query]) for alarm in alarms]
    for victim in victims[:references]:
        event = happened(victim, projects)
        mine = [one for one in prepared if one[0].project == event.project]
        started_ns = time.perf_counter_ns()
        expected = one_by_one(mine, event)
        reference.append((time.perf_counter_ns() - started_ns) / 1e6)
        assert sorted(expected) == sorted(one.id for one in index.match(event))
    gc.unfreeze()
    return {"match": spread(match), "fresh": spread(fresh), "reference": spread(reference), "load_s": load_s}


def past_alarm(number: int) -> Alarm:
    at_us = START_US + number * 1000
    return Alarm(
        id=stable_id("past", number),
        fault_type="compute.instance.down",
        resource=f"server/{server(number)}",
        project=f"p-{number % 50}",
        severity=Severity.CRITICAL,
        event_id=number,
        event_us=at_us,
        raised_us=at_us,
        cleared_us=at_us + 500,
        state=AlarmState.CLEARED,
        root=stable_id("past", number),
        text="the host of this server is down",
    )


async def fill(path: Path) -> None:
    store = await open_store(f"sqlite:///{path}", node="bench", clock=lambda: START_US)
    for first in range(0, ALARMS, 1000):
        await store.commit(Change(alarms=tuple(past_alarm(number) for number in range(first, first + 1000))))
    await store.close()


async def paging(rounds: int) -> dict[str, Any]:
    """Milliseconds for a page of the whole list, and of one project's, over HTTP."""
    with workplace() as place:
        await fill(place / "bench.db")
        service = await Service.start(place, [{"name": "cloud", "options": {"hosts": 2, "servers_per_host": 2}}])
        try:
            # Newest first, a thousand at a time: the marker of each place is what the page before it gave.
            places = {"first": 0, "middle": ALARMS // 2, "last": ALARMS - 1000}
            figures: dict[str, Any] = {}
            marker, number = "", 0
            for name, wanted in places.items():
                while number < wanted:
                    answer = await service.web.ask("GET", f"/v1/alarms?state=all&limit=1000{marker}")
                    marker = f"&marker={answer.json['next']}"
                    number += len(answer.json["items"])
                times = []
                for _ in range(rounds):
                    answer = await service.web.ask("GET", f"/v1/alarms?state=all&limit={PAGE}{marker}")
                    times.append((answer.answered_ns - answer.sent_ns) / 1e6)
                    assert len(answer.json["items"]) == PAGE
                figures[name] = spread(times)
        finally:
            await service.close()
        figures["reference"] = spread(by_offset(place / "bench.db", rounds))
    return figures


def by_offset(path: Path, rounds: int) -> list[float]:
    """The usual way, for the last page, in the database alone."""
    times = []
    with sqlite3.connect(path) as database:
        for _ in range(rounds):
            started = time.perf_counter()
            statement = "SELECT body FROM alarms ORDER BY raised_us DESC, id DESC LIMIT ? OFFSET ?"
            found = database.execute(statement, (PAGE, ALARMS - PAGE)).fetchall()
            times.append((time.perf_counter() - started) * 1000)
            assert len(found) == PAGE
    database.close()
    return times


def main() -> None:
    chosen = options(__doc__)
    show_machine()
    random = Random(1)
    rounds, references = (2_000, 5) if chosen.quick else (20_000, 20)
    spreadout = matching(PROJECTS, rounds, references * 10, random)
    alone = matching(1, rounds, references, random)
    pages = uvloop.run(paging(20 if chosen.quick else 100))

    show(f"{ALARMS:,} event alarms, {rounds:,} events. Entering all alarms takes {spreadout['load_s']:.2f} s.")
    rows = [
        (f"of {PROJECTS:,} projects: match one event (ms)", spreadout["match"]),
        ("enter a new one and match (ms)", spreadout["fresh"]),
        ("reference: each of the project's 100 (ms)", spreadout["reference"]),
        ("of one project: match one event (ms)", alone["match"]),
        ("enter a new one and match (ms)", alone["fresh"]),
        ("reference: each of 100,000 (ms)", alone["reference"]),
        ("first 100 of 100,000 alarms, over HTTP (ms)", pages["first"]),
        ("100 from the middle (ms)", pages["middle"]),
        ("last 100 (ms)", pages["last"]),
        ("reference: last 100 by offset, no HTTP (ms)", pages["reference"]),
    ]
    table(
        ["", "median", "min", "p99", "max"],
        [[name, row["p50"], row["min"], row["p99"], row["max"]] for name, row in rows],
    )
    ratio = alone["reference"]["p50"] / alone["match"]["p50"]
    show(f"Looking at each alarm of the one project takes {ratio:,.0f} times as long.")
    page_ms = {name: pages[name]["p50"] for name in ("first", "middle", "last")}
    show(f"The last page takes {page_ms['last'] / page_ms['first']:.2f} times as long as the first.")
    result = {
        "match_ms": alone["match"]["p50"],
        "match_p99_ms": alone["match"]["p99"],
        "effective_ms": alone["fresh"]["p50"],
        "page_ms": max(page_ms.values()),
        "match_many_projects_ms": spreadout["match"]["p50"],
        "effective_many_projects_ms": spreadout["fresh"]["p50"],
        "reference_match_ms": alone["reference"]["p50"],
        "reference_ratio": ratio,
        "page_first_ms": page_ms["first"],
        "page_middle_ms": page_ms["middle"],
        "page_last_ms": page_ms["last"],
        "page_last_to_first": page_ms["last"] / page_ms["first"],
        "reference_page_ms": pages["reference"]["p50"],
        "load_s": alone["load_s"],
        "alarms": ALARMS,
        "rounds": rounds,
        "spread": {"match_ms": alone["match"], "page_ms": pages},
    }
    finish(result, chosen.json)


if __name__ == "__main__":
    main()
