#!/usr/bin/env python3
"""How many events a second are durable: one a request, and in bulk.

An answer means that the events are on disk (SQLite, synchronous=FULL). Single: 32 kept-alive connections, each
sending its next event when the one before is answered. Bulk: two connections with 100 events a request. Who sends
1,000 events a request on four connections has 4,000 of them on their way and waits for an answer accordingly; that
is shown as well.

The events are what a monitoring system sends in a bad hour: ten monitors report failing disks on 1,000 hosts again
and again. All match a rule of the policy and name a host of the map; the first about each host raises an alarm, the
others are further words for a fault that is known. None is a repeat that could be thrown away: each has an id of
its own. Deciding goes on behind the answers, so it is also said when the last event was decided. The last row is
heavier: every event raises or clears an alarm.
"""
# ruff: noqa: E402 - the rest can be imported once _start has found it

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Any, NamedTuple

import _start

_start.ready()

import msgspec
import uvloop
from _client import Answer, BenchError, Connection
from _figures import finish, note, options, show, show_machine, spread, table, workplace
from _service import Service

HOSTS, SERVERS = 1000, 10

_encode = msgspec.json.Encoder().encode
MakeEvent = Callable[[int], dict[str, Any]]


def further_word(number: int) -> dict[str, Any]:
    """The next monitor's word on the next host's disk."""
    return {
        "type": "compute.host.disk",
        "resource": f"host/compute-{number % HOSTS + 1}",
        "status": "down",
        "severity": "warning",
        "monitor": f"monitor-{number // HOSTS % 10}",
        "monitor_event_id": f"word-{number}",
        "details": {"disk": f"sd{number % 7}", "reallocated_sectors": number % 100, "smart": "FAILING_NOW"},
    }


def raise_or_clear(number: int) -> dict[str, Any]:
    """A server's process fails, and is well again with the next event."""
    server, clear = divmod(number, 2)
    return {
        "type": "storage.volume.error",
        "resource": f"volume/lun-{server}",
        "status": "up" if clear else "down",
        "monitor": "monitor-1",
        "monitor_event_id": f"change-{number}",
    }


class Kind(NamedTuple):
    """A way of sending. ``most_per_s`` bounds what is made ready to be sent."""

    name: str
    connections: int
    each: int
    make: MakeEvent
    most_per_s: int

    def body(self, numbers: count[int]) -> bytes:
        events = [self.make(next(numbers)) for _ in range(self.each)]
        return _encode(events[0] if self.each == 1 else {"events": events})


KINDS = {
    "single": Kind("single, 32 connections", 32, 1, further_word, 6_000),
    "bulk": Kind("bulk, 2 x 100 a request", 2, 100, further_word, 40_000),
    "large": Kind("bulk, 4 x 1,000 a request", 4, 1000, further_word, 40_000),
    "changes": Kind("each a change, 2 x 100", 2, 100, raise_or_clear, 15_000),
}


class Found(NamedTuple):
    events: int
    seconds: float
    answers_ms: list[float]
    decided_s: float
    """From the first event sent until the last one was decided."""
    busy: int
    """Answers that said "come back later"."""

    @property
    def per_second(self) -> float:
        return self.events / self.seconds


async def send(service: Service, kind: Kind, numbers: count[int], seconds: float) -> Found:
    """As fast as answers come, for a time. The messages are written beforehand: that is no time of the service's."""
    bodies = deque(kind.body(numbers) for _ in range(int(kind.most_per_s * seconds) // kind.each))
    answers: list[float] = []
    busy = 0
    lines = [await Connection.open(service.port) for _ in range(kind.connections)]
    started = time.monotonic()

    async def one(connection: Connection) -> None:
        nonlocal busy
        while bodies and time.monotonic() - started < seconds:
            body = bodies.popleft()
            answer = await connection.start("POST", "/v1/events", body)
            if answer.status == 503:
                busy += 1
                bodies.appendleft(body)
                await asyncio.sleep(0.1)
                continue
            check(answer)
            answers.append((answer.answered_ns - answer.sent_ns) / 1e6)

    try:
        await asyncio.gather(*[one(line) for line in lines])
        took = time.monotonic() - started
        await service.decided()
        decided = time.monotonic() - started
    finally:
        for line in lines:
            line.close()
    return Found(len(answers) * kind.each, took, answers, decided, busy)


def check(answer: Answer) -> None:
    if answer.status != 200:
        raise BenchError(f"an event was answered {answer.status}: {answer.body[:500].decode(errors='replace')}")


async def run(quick: bool) -> dict[str, list[Found]]:
    """All kinds in turns, several times: the spread tells how steady the machine is."""
    found: dict[str, list[Found]] = {name: [] for name in KINDS}
    turns, seconds = (2, 1.5) if quick else (7, 3.0)
    numbers = count()
    with workplace() as place:
        cloud = {"hosts": HOSTS, "servers_per_host": SERVERS}
        service = await Service.start(place, [{"name": "bench", "options": cloud}])
        try:
            await send(service, KINDS["large"], numbers, 0.5)  # now the alarms stand and the code is warm
            for turn in range(turns):
                note(f"turn {turn + 1} of {turns}")
                for name, kind in KINDS.items():
                    found[name].append(await send(service, kind, numbers, seconds))
        finally:
            await service.close()
    return found


def main() -> None:
    chosen = options(__doc__)
    show_machine()
    found = uvloop.run(run(chosen.quick))
    result: dict[str, Any] = {}
    rows = []
    for kind, how in KINDS.items():
        speed = spread([one.per_second for one in found[kind]])
        answer = spread([value for one in found[kind] for value in one.answers_ms])
        decided = spread([one.events / one.decided_s for one in found[kind]])
        result |= {
            f"{kind}_events_per_s": speed["p50"],
            f"{kind}_p50_ms": answer["p50"],
            f"{kind}_p99_ms": answer["p99"],
            f"{kind}_decided_per_s": decided["p50"],
            f"{kind}_decided_after_s": max(one.decided_s - one.seconds for one in found[kind]),
            f"{kind}_busy_answers": sum(one.busy for one in found[kind]),
            f"{kind}_spread": speed,
        }
        rows.append(
            [how.name, speed["p50"], speed["min"], speed["max"], answer["p50"], answer["p99"], decided["p50"],
             result[f"{kind}_decided_after_s"]]
        )  # fmt: skip
    table(["", "events/s", "min", "max", "answer p50 (ms)", "p99 (ms)", "decided/s", "all decided after (s)"], rows)
    show('"All decided after" is how long the last event waited for its decision when no more came.')
    finish(result | {"rounds": len(found["single"])}, chosen.json)


if __name__ == "__main__":
    main()
