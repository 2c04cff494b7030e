#!/usr/bin/env python3
"""From the event to the last owner: how long until all owners of a failed host's servers have the news.

The worst case: each of the 1, 20, 50 or 100 servers belongs to another project, and each project has a
subscription and a webhook of its own, so that as many messages leave for as many addresses. The service runs as
it would in earnest, with SQLite on disk; event and webhooks are HTTP on loopback; the consumers are a process of
their own. The clock starts when the sender of the event has its 2xx, and stops when the last webhook is complete.
Every call to the (simulated) cloud takes 10 ms, and hosts fail and come back in turns; each round starts when
nothing is left of the one before.

The reference does in the same run, for the same owners, what inspectors did before: one server after the other
(see bench/_old_way.py). It is given once a cloud that takes 10 ms a call as ours does, once one that takes no time.
"""
# ruff: noqa: E402 - the rest can be imported once _start has found it

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import _start

_start.ready()

import uvloop
from _client import BenchError, Connection
from _consumer import Arrival, Consumers
from _figures import finish, note, options, show, show_machine, spread, table, workplace
from _old_way import OldWay
from _service import Service, stage_means_ms

from nfvigil.controller.vims.layout import SimulatedOptions, project_ids

SIZES = (1, 20, 50, 100)
TARGETS_MS = {1: 10, 20: 15, 50: 20, 100: 25}
HOSTS = 30
CLOUD_SECONDS = 0.01


class Limit(NamedTuple):
    """Whichever comes first."""

    rounds: int
    seconds: float


class Round(NamedTuple):
    last_ms: float
    """Accepted -> last webhook."""
    first_ms: float
    answer_ms: float
    """Sent -> accepted."""


def vims() -> list[dict[str, Any]]:
    """A cloud for each size where every server has another owner, and one where a single project owns all 100."""
    layouts = [(f"n{size}", size, size) for size in SIZES] + [("one", 100, 1)]
    return [
        {
            "name": name,
            "options": {
                "hosts": HOSTS,
                "servers_per_host": servers,
                "projects": projects,
                "host_prefix": f"{name}-",
                "latency_seconds": CLOUD_SECONDS,
            },
        }
        for name, servers, projects in layouts
    ]


async def one_round(
    sender: Connection, consumers: Consumers, hostname: str, status: str, owners: int, mark: str
) -> Round:
    event = {
        "type": "compute.host.down",
        "details": {"hostname": hostname, "status": status, "monitor": "bench", "monitor_event_id": mark},
    }
    answer = await sender.ask("PUT", "/events", [event])
    news = "raised" if status == "down" else "cleared"
    arrived = [one for one in await consumers.wait(owners, news=news) if one.news == news]
    check(arrived, owners, hostname)
    times = [(one.at_ns - answer.answered_ns) / 1e6 for one in arrived]
    return Round(max(times), min(times), (answer.answered_ns - answer.sent_ns) / 1e6)


def check(arrived: Sequence[Arrival], owners: int, hostname: str) -> None:
    heard = {one.endpoint for one in arrived}
    if len(heard) != owners:
        raise BenchError(f"{hostname}: {len(heard)} owners heard of it, not {owners}")


async def measure(
    service: Service, sender: Connection, consumers: Consumers, name: str, owners: int, limit: Limit
) -> tuple[list[Round], dict[str, float]]:
    """Hosts of one cloud fail and come back; the first three rounds open connections and do not count."""
    before: dict[str, tuple[float, int]] = {}
    found = []
    started = time.monotonic()
    for number in range(-3, limit.rounds):
        if number == 0:
            before = await service.stages()
        if time.monotonic() - started > limit.seconds and number >= 5:
            break
        host = f"{name}-{number % HOSTS + 1}"
        # The stages' averages are to be those of the raise: what an event of the clear takes is about the same.
        found.append(await one_round(sender, consumers, host, "down", owners, f"{number} down"))
        await service.idle()
        await consumers.wait(0)
        await one_round(sender, consumers, host, "up", owners, f"{number} up")
        await service.idle()
        await consumers.wait(0)
    return found[3:], stage_means_ms(before, await service.stages())


async def reference(consumers: Consumers, nova: int, owners: int, rounds: int, seconds: float) -> list[float]:
    await consumers.delay(nova, seconds)
    old = await OldWay.start(consumers.ports[nova], consumers.ports[:owners])
    times = []
    try:
        async with await Connection.open(old.port) as sender:
            event = {"type": "compute.host.down", "details": {"hostname": "compute-1", "status": "down"}}
            for number in range(-1, rounds):
                answer = await sender.ask("PUT", "/events", [event])
                arrived = await consumers.wait(owners, news="raised", among=[*range(owners)])
                arrived = [one for one in arrived if one.endpoint != nova]
                check(arrived, owners, "compute-1")
                if number >= 0:
                    times.append((max(one.at_ns for one in arrived) - answer.answered_ns) / 1e6)
    finally:
        await old.close()
    return times


async def run(quick: bool) -> dict[str, Any]:
    consumers = await Consumers.start(max(SIZES) + 1)
    nova = max(SIZES)
    result: dict[str, Any] = {"servers": {}, "one_owner": {}, "cloud_ms": CLOUD_SECONDS * 1000}
    try:
        with workplace() as place:
            service = await Service.start(place, vims())
            try:
                note(f"ready after {service.start_s:.1f} s with {service.rss_mb():.0f} MB")
                projects = project_ids(SimulatedOptions(projects=max(SIZES)))
                for endpoint, (name, project) in enumerate(projects.items()):
                    await service.subscribe(consumers.url(endpoint), project, name)
                async with await Connection.open(service.port) as sender:
                    for size in SIZES:
                        note(f"{size} servers of {size} owners")
                        limit = Limit(100, 3.5) if quick else Limit(400, 60)
                        found, stages = await measure(service, sender, consumers, f"n{size}", size, limit)
                        result["servers"][str(size)] = figures(found, stages)
                    note("100 servers of one owner")
                    found, stages = await measure(service, sender, consumers, "one", 1, Limit(100, 1 if quick else 60))
                    result["one_owner"]["100"] = figures(found, stages)
            finally:
                await service.close()
        for size in SIZES:
            note(f"one after another, {size}")
            slow = await reference(consumers, nova, size, 1 if quick else 10, CLOUD_SECONDS)
            fast = await reference(consumers, nova, size, 3 if quick else 50, 0.0)
            result["servers"][str(size)] |= {
                "reference_p50_ms": statistics.median(slow),
                "reference_instant_cloud_p50_ms": statistics.median(fast),
            }
    finally:
        await consumers.close()
    return result


def figures(rounds: Sequence[Round], stages: dict[str, float]) -> dict[str, Any]:
    last = spread([one.last_ms for one in rounds])
    return {
        "p50_ms": last["p50"],
        "p99_ms": last["p99"],
        "min_ms": last["min"],
        "max_ms": last["max"],
        "first_p50_ms": statistics.median([one.first_ms for one in rounds]),
        "sent_to_accepted_p50_ms": statistics.median([one.answer_ms for one in rounds]),
        "sent_to_last_p50_ms": statistics.median([one.last_ms + one.answer_ms for one in rounds]),
        "stages_mean_ms": stages,
        "rounds": len(rounds),
    }


def report(result: dict[str, Any]) -> None:
    show(f"Event accepted -> last owner has the webhook (ms); every call to the cloud takes {result['cloud_ms']:g} ms")
    rows: list[list[object]] = []
    for size, row in result["servers"].items():
        rows.append(
            [f"{size} servers, {size} owners", row["p50_ms"], row["min_ms"], row["p99_ms"], row["max_ms"],
             TARGETS_MS[int(size)], row["reference_p50_ms"], row["reference_instant_cloud_p50_ms"]]
        )  # fmt: skip
    row = result["one_owner"]["100"]
    rows.append(["100 servers, 1 owner", row["p50_ms"], row["min_ms"], row["p99_ms"], row["max_ms"], "", "", ""])
    table(["", "median", "min", "p99", "max", "target p99", "one by one", "same, instant cloud"], rows)

    show("Where the time goes (ms); stages are means over raise and clear, their own events included")
    stages = sorted({stage for row in result["servers"].values() for stage in row["stages_mean_ms"]})
    rows = []
    for size, row in [*result["servers"].items(), ("100, 1 owner", result["one_owner"]["100"])]:
        means = row["stages_mean_ms"]
        rows.append(
            [size, row["sent_to_accepted_p50_ms"], row["first_p50_ms"], row["p50_ms"], row["sent_to_last_p50_ms"]]
            + [means.get(stage, "") for stage in stages]
        )
    head = ["servers", "sent-accepted", "accepted-first", "accepted-last", "sent-last"]
    table([*head, *[f"stage {stage}" for stage in stages]], rows)


def main() -> None:
    chosen = options(__doc__)
    show_machine()
    result = uvloop.run(run(chosen.quick))
    report(result)
    finish(result, chosen.json)


if __name__ == "__main__":
    main()
