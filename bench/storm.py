#!/usr/bin/env python3
"""A rack goes down: 40 hosts with 50 servers each, 100 subscriptions, all in one message.

Each of 50 projects owns one server on every host, and has two subscriptions with a webhook each. The events of the
40 hosts come in one request; the clock starts when its sender has the 2xx, and stops when the last webhook is
complete: every owner's notifications about all 40 hosts. The three cases take turns in one run:

  healthy   every call to the cloud takes 10 ms
  VIM slow  every call takes 5 s, and every tenth webhook accepts messages and never answers
  VIM dead  no call is answered at all (each ends after 5 s), and every tenth webhook never answers

For the last two, what counts is what the other nine tenths of the webhooks notice: "change" compares the p99 over
their messages with the same webhooks' p99 when all was well.
"""
# ruff: noqa: E402 - the rest can be imported once _start has found it

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import _start

_start.ready()

import uvloop
from _client import BenchError, Connection
from _consumer import Arrival, Consumers
from _figures import finish, note, options, percentile, show, show_machine, spread, table, workplace
from _service import Service

from nfvigil.controller.vims.layout import SimulatedOptions, project_ids

HOSTS, SERVERS, SUBSCRIPTIONS = 40, 50, 100
PROJECTS = SERVERS
HANGING = range(0, SUBSCRIPTIONS, 10)
OTHERS = [endpoint for endpoint in range(SUBSCRIPTIONS) if endpoint not in HANGING]
CLOUD_SECONDS = 0.01
SLOW_SECONDS = 5.0
TARGET_MS, TARGET_CHANGE = 500, 0.10
CASES = ("healthy", "vim_slow", "vim_dead")


class Round(NamedTuple):
    last_ms: float
    """Accepted -> last webhook, over all who answer."""
    others_last_ms: float
    others_p99_ms: float
    others_p50_ms: float
    messages: int
    answer_ms: float


def events(prefix: str, hosts: int) -> list[dict[str, Any]]:
    return [
        {
            "type": "compute.host.down",
            "resource": f"host/{prefix}-{number}",
            "status": "down",
            "monitor": "bench",
            "monitor_event_id": f"{prefix} {number}",
        }
        for number in range(1, hosts + 1)
    ]


def complete(arrived: Sequence[Arrival], endpoints: Sequence[int]) -> None:
    """Every one of them heard of each of its servers: a project has one a host."""
    alarms = dict.fromkeys(endpoints, 0)
    for one in arrived:
        if one.endpoint in alarms:
            alarms[one.endpoint] += one.alarms
    short = {endpoint: number for endpoint, number in alarms.items() if number != HOSTS}
    if short:
        raise BenchError(f"these webhooks did not hear of {HOSTS} servers each: {short}")


async def gather(consumers: Consumers, endpoints: Sequence[int], seconds: float) -> list[Arrival]:
    """Until each has heard of all its servers. How many messages that takes is not for us to say."""
    deadline = time.monotonic() + seconds
    arrived: list[Arrival] = []
    left = HOSTS * len(endpoints)
    wanted = set(endpoints)
    while left > 0 and time.monotonic() < deadline:
        await asyncio.sleep(0.2)  # reading what came in is work for the consumers: not too often
        new = [one for one in await consumers.wait(0) if one.news == "raised"]
        arrived.extend(new)
        left -= sum(one.alarms for one in new if one.endpoint in wanted)
    complete(arrived, endpoints)
    return arrived


async def one_round(consumers: Consumers, case: str) -> Round:
    """A new service each time, so that no case inherits what another has left in queues, caches or the database."""
    with workplace() as place:
        service = await Service.start(place, clouds())
        try:
            projects = [*project_ids(SimulatedOptions(projects=PROJECTS)).values()]
            for endpoint in range(SUBSCRIPTIONS):
                await service.subscribe(consumers.url(endpoint), projects[endpoint % PROJECTS], str(endpoint))
            async with await Connection.open(service.port) as sender:
                await sender.ask("POST", "/v1/events", {"events": events("warm-up", 1)})  # opens all connections
                await consumers.wait(SUBSCRIPTIONS, news="raised")
                await service.idle()
                if case == "vim_slow":
                    await service.fail("slow", latency_seconds=SLOW_SECONDS)
                elif case == "vim_dead":
                    await service.fail("dead", timeout_seconds=SLOW_SECONDS)
                if case != "healthy":
                    await consumers.hang(HANGING)
                return await the_rack(sender, consumers, OTHERS if case != "healthy" else range(SUBSCRIPTIONS))
        finally:
            await service.close(at_once=True)
            await consumers.release()
            await consumers.wait(0)


def clouds() -> list[dict[str, Any]]:
    """The rack, and one more host on which everybody has a server too."""
    layout = {"servers_per_host": SERVERS, "projects": PROJECTS, "latency_seconds": CLOUD_SECONDS}
    return [
        {"name": "rack", "options": {**layout, "hosts": HOSTS, "host_prefix": "rack-"}},
        {"name": "other", "options": {**layout, "hosts": 1, "host_prefix": "warm-up-"}},
    ]


async def the_rack(sender: Connection, consumers: Consumers, listening: Sequence[int]) -> Round:
    """``listening`` are the webhooks that answer."""
    answer = await sender.ask("POST", "/v1/events", {"events": events("rack", HOSTS)})
    arrived = await gather(consumers, listening, 60)
    times: dict[int, list[float]] = {endpoint: [] for endpoint in listening}
    for one in arrived:
        if one.endpoint in times:
            times[one.endpoint].append((one.at_ns - answer.answered_ns) / 1e6)
    others = [value for endpoint in OTHERS for value in times[endpoint]]
    return Round(
        last_ms=max(max(values) for values in times.values()),
        others_last_ms=max(others),
        others_p99_ms=percentile(others, 0.99),
        others_p50_ms=statistics.median(others),
        messages=sum(len(values) for values in times.values()),
        answer_ms=(answer.answered_ns - answer.sent_ns) / 1e6,
    )


async def run(quick: bool) -> dict[str, list[Round]]:
    seconds, rounds = (25.0, 5) if quick else (240.0, 12)
    found: dict[str, list[Round]] = {case: [] for case in CASES}
    consumers = await Consumers.start(SUBSCRIPTIONS)
    started = time.monotonic()
    try:
        for number in range(rounds):
            for case in CASES if number % 2 else reversed(CASES):
                found[case].append(await one_round(consumers, case))
                note(f"round {number + 1}, {case}: last after {found[case][-1].others_last_ms:.0f} ms")
            so_far = time.monotonic() - started
            if so_far + so_far / (number + 1) > seconds:  # another round would take us beyond
                break
    finally:
        await consumers.close()
    return found


def change(found: dict[str, list[Round]], case: str) -> float:
    """How much longer the p99 of the webhooks that answer is than when all is well; the middle of all rounds."""
    usual = statistics.median([one.others_p99_ms for one in found["healthy"]])
    return statistics.median([one.others_p99_ms for one in found[case]]) / usual - 1


def main() -> None:
    chosen = options(__doc__)
    show_machine()
    found = uvloop.run(run(chosen.quick))
    changes = {case: change(found, case) for case in CASES[1:]}
    result: dict[str, Any] = {
        "last_ms": statistics.median([one.last_ms for one in found["healthy"]]),
        "vim_slow_last_ms": statistics.median([one.others_last_ms for one in found["vim_slow"]]),
        "vim_dead_last_ms": statistics.median([one.others_last_ms for one in found["vim_dead"]]),
        "healthy_p99_change": max(changes.values()),
        "changes": changes,
        "messages": found["healthy"][0].messages,
        "rounds": len(found["healthy"]),
        "spread": {case: spread([one.others_last_ms for one in found[case]]) for case in CASES},
    }
    show(
        f"{HOSTS} hosts, {HOSTS * SERVERS:,} servers, {SUBSCRIPTIONS} subscriptions, "
        f"{result['messages']:,} messages; {result['rounds']} rounds"
    )
    rows = []
    for case in CASES:
        last = spread([one.others_last_ms for one in found[case]])
        p99 = statistics.median([one.others_p99_ms for one in found[case]])
        p50 = statistics.median([one.others_p50_ms for one in found[case]])
        rows.append(
            [
                case.replace("_", " "),
                last["p50"],
                last["min"],
                last["max"],
                p50,
                p99,
                f"{changes[case]:+.1%}" if case in changes else "",
            ]
        )
    table(["accepted -> webhook (ms)", "last, median", "min", "max", "p50", "p99", "p99 change"], rows)
    show(f"Targets: last of all <= {TARGET_MS} ms (here {result['last_ms']:.0f}), change <= {TARGET_CHANGE:.0%}.")
    finish(result, chosen.json)


if __name__ == "__main__":
    main()
