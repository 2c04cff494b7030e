#!/usr/bin/env python3
"""A host fails in a real OpenStack: NFVigil beside Aodh's event alarm, on the same cloud and in the same run.

For 1, 10, 25 and 50 servers on one host, in turns:

- NFVigil: Doctor's event compute.host.down is sent; until the owner has the news ("raised", Doctor's shortcut), and
  until the owner has the news that Nova and Neutron say the same ("confirmed", Doctor's conservative). That is more
  than Doctor had: each port's data plane is DOWN too, and every state was read before and after it was written.
- Aodh: as Doctor's sample inspector does it, every server is set to error, all at the same time, and its owner has an
  event alarm on each; until the last alarm's webhook.

Beside them stand the figures that Doctor published; they are from another machine, and say what was thought good.

It takes the cloud that OS_CLOUD names (an administrator's entry of clouds.yaml), BENCH_HOST if it is set, and
the notifications at BENCH_BUS; it needs Aodh there. Nothing is left behind.
"""
# ruff: noqa: E402 - the rest can be imported once _start has found it

from __future__ import annotations

import asyncio
import json
import os
import statistics
import time
from collections.abc import Sequence
from typing import Any

import _start

_start.ready()

from _figures import finish, note, options, show, show_machine, table

from nfvigil.verify.cloud import Cloud
from nfvigil.verify.measure import Round
from nfvigil.verify.plan import Plan, Wanted
from nfvigil.verify.progress import Progress
from nfvigil.verify.run import Stage, opened, tidy

SIZES = (1, 10, 25, 50)
ROUNDS = {1: 3, 10: 2, 25: 1, 50: 1}
DOCTOR_PUBLISHED_SHORTCUT_S = {1: 0.122, 10: 0.201, 25: 0.320, 50: 0.584}
DOCTOR_PUBLISHED_CONSERVATIVE_S = {1: 0.381, 10: 0.658, 25: 0.883, 50: 1.961}
"""With the multi-threaded inspector."""

ALARM_LIST_SECONDS = 2.0
"""The lab's Aodh knows a new alarm after a second; by default it takes a minute."""
AT_ONCE = 32
"""Calls to Nova at a time, as NFVigil has it."""
WAIT_SECONDS = 600.0


class Aodh:
    """One event alarm for each server, as Doctor has them, and the instant at which its webhook came."""

    def __init__(self, *, stage: Stage, cloud: Cloud) -> None:
        self._stage = stage
        self._cloud = cloud

    async def measure(self, servers: Sequence[str]) -> tuple[float, float]:
        """Until the last reset-state was answered, and until the last webhook was complete, in seconds."""
        alarms = await each(servers, self._make)
        try:
            await asyncio.sleep(ALARM_LIST_SECONDS)
            first = len(self._stage.receiver.messages)
            began = time.monotonic_ns()
            await each(servers, lambda server: self._reset(server, "error"))
            answered = time.monotonic_ns()
            last = await self._heard(first, set(alarms))
        finally:
            await each(alarms, self._delete)
            await each(servers, lambda server: self._reset(server, "active"))
        return (answered - began) / 1e9, (last - began) / 1e9

    async def _make(self, server: str) -> str:
        query = [
            {"field": "traits.instance_id", "op": "eq", "type": "string", "value": server},
            {"field": "traits.state", "op": "eq", "type": "string", "value": "error"},
        ]
        alarm = {
            "name": f"nfvigil-bench-{server}",
            "type": "event",
            "event_rule": {"event_type": "compute.instance.update", "query": query},
            "alarm_actions": [self._stage.receiver.url("aodh")],
            "repeat_actions": False,
        }
        answer = await self._cloud.owner.client.call("alarming", "POST", "/v2/alarms", body=alarm)
        return str(json.loads(answer.body)["alarm_id"])

    async def _delete(self, alarm: str) -> None:
        await self._cloud.owner.client.call("alarming", "DELETE", f"/v2/alarms/{alarm}")

    async def _reset(self, server: str, state: str) -> None:
        await self._cloud.admin.nova.act(server, {"os-resetState": {"state": state}})

    async def _heard(self, first: int, alarms: set[str]) -> int:
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            for message in self._stage.receiver.messages[first:]:
                if message.to == "aodh":
                    alarms.discard(json.loads(message.body)["alarm_id"])
                    if not alarms:
                        return message.at_ns
            await self._stage.receiver.wait(1.0)
        raise SystemExit(f"{len(alarms)} of Aodh's webhooks did not come")


async def each(items: Sequence[str], work: Any) -> list[Any]:
    free = asyncio.Semaphore(AT_ONCE)

    async def one(item: str) -> Any:
        async with free:
            return await work(item)

    return await asyncio.gather(*[one(item) for item in items])


async def run(quick: bool) -> dict[str, Any]:
    bus = os.environ.get("BENCH_BUS", "")
    wanted = Wanted(
        cloud=os.environ.get("OS_CLOUD", "admin"),
        host=os.environ.get("BENCH_HOST", ""),
        sizes=SIZES[:2] if quick else SIZES,
        bus=(bus,) if bus else (),
        wait_seconds=WAIT_SECONDS,
    )
    progress = Progress()
    found: dict[str, Any] = {}
    async with opened(wanted, progress) as (cloud, removal):
        await tidy(removal, progress, also_kept=False)
        stage = Stage(wanted=wanted, cloud=cloud, removal=removal, progress=progress)
        plan = await stage.make_plan()
        try:
            await stage.make(plan)
            aodh = Aodh(stage=stage, cloud=cloud)
            for size in wanted.sizes:
                found[str(size)] = await one_size(stage, cloud, aodh, plan, size, 1 if quick else ROUNDS[size])
        finally:
            for left in await stage.clear():
                note(left)
    return {"servers": found, "host": plan.host.name}


async def one_size(stage: Stage, cloud: Cloud, aodh: Aodh, plan: Plan, size: int, rounds: int) -> dict[str, Any]:
    await stage.boot(plan, size)
    ours: list[Round] = []
    theirs: list[tuple[float, float]] = []
    for number in range(rounds):
        ours.append(await stage.round(size))
        note(f"Aodh, round {number + 1} of {rounds}, {size} servers")
        theirs.append(await aodh.measure([server.id for server in await cloud.servers()]))
    wrong = [check.what for each in ours for check in each.checks if not check.is_ok]
    return {
        "raised_s": [each.figures.raised_s for each in ours],
        "servers_in_error_s": [checkpoint_s(each, "servers_set_to_error") for each in ours],
        "confirmed_s": [each.figures.confirmed_s for each in ours],
        "aodh_s": [last for _, last in theirs],
        "aodh_reset_s": [answered for answered, _ in theirs],
        "failed_checks": wrong,
        "rounds": rounds,
    }


def checkpoint_s(measured: Round, name: str) -> float | None:
    """By NFVigil's own profile, since the event's time."""
    points = measured.profile["checkpoints"] if measured.profile else []
    return next((float(point["offset_ms"]) / 1000 for point in points if point["name"] == name), None)


def report(result: dict[str, Any]) -> None:
    show("From detection to the last owner's webhook, in seconds; medians, worst in brackets")
    rows: list[list[object]] = []
    for size, row in result["servers"].items():
        rows.append(
            [
                f"{size} servers, {row['rounds']} rounds",
                *[
                    spread(row[name])
                    for name in ("raised_s", "servers_in_error_s", "confirmed_s", "aodh_s", "aodh_reset_s")
                ],
                f"{DOCTOR_PUBLISHED_SHORTCUT_S[int(size)]:.3f}",
                f"{DOCTOR_PUBLISHED_CONSERVATIVE_S[int(size)]:.3f}",
            ]
        )
    head = ["", "NFVigil shortcut", "(servers in ERROR)", "NFVigil conservative", "Aodh event alarm", "(Nova's part)"]
    table([*head, "Doctor's shortcut", "Doctor's conservative"], rows)
    for size, row in result["servers"].items():
        for what in row["failed_checks"]:
            show(f"{size} servers: FAILED: {what}")


def spread(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return "never"
    return f"{statistics.median(known):.3f} ({max(known):.3f})"


def main() -> None:
    chosen = options(__doc__)
    show_machine()
    result = asyncio.run(run(chosen.quick))
    report(result)
    finish(result, chosen.json)


if __name__ == "__main__":
    main()
