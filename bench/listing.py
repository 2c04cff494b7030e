#!/usr/bin/env python3
"""Reading a large OpenStack: 1,000 hosts with 100 servers of 2 ports each, over HTTP from a stand-in on this machine.

The stand-in (tools/openstack_standin.py) is another process, and its answers are made beforehand; but both share the
machine, so that on two cores the time of either is a little of the other's. A fresh process reads everything for the
first time, again where nothing changed, and again where 1 % of the servers did; each time into the resource map.

Beside it, in the same run: the same requests without looking at the answers (the API's own time); the same answers as
json.loads makes them; and openstacksdk, the usual way, for some of the servers and ports, scaled to all of them.
"""
# ruff: noqa: E402 - the rest can be imported once _start has found it

from __future__ import annotations

import asyncio
import gc
import json
import resource
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import _start

_start.ready()

import aiohttp
import uvloop
from _figures import finish, note, options, show, show_machine, spread, table
from _standin import control, rss_mb, stand_in

from nfvigil.controller.vims.openstack.vim import OpenStackVim
from nfvigil.inspector.resource_map import ResourceMap

HOSTS, SERVERS, PORTS, PROJECTS = 1000, 100, 2, 50
CHANGED_SHARE = 0.01
SDK_ITEMS = 500
"""Of each kind, for openstacksdk: it takes minutes for all."""
LIMIT_SECONDS = 600
TICK_SECONDS = 0.001


# One measurement, in a process of its own


class Meter:
    """What a stretch of work took: time, our CPU, the stand-in's CPU, and how long it held up the event loop."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def __call__(self, work: Callable[[], Awaitable[Any]]) -> tuple[dict[str, float], Any]:
        theirs = (await self._asked())["cpu_seconds"]
        self._ticker = asyncio.create_task(self._tick())
        await asyncio.sleep(0)
        self._stall = 0.0
        cpu, started = time.process_time(), time.perf_counter()
        found = await work()
        wall, cpu = time.perf_counter() - started, time.process_time() - cpu
        self._ticker.cancel()
        self.asked = await self._asked()
        figures = {"wall_s": wall, "cpu_s": cpu, "standin_cpu_s": self.asked["cpu_seconds"] - theirs}
        return figures | {"stall_ms": self._stall * 1000}, found

    def pause(self) -> None:
        """From here on it is not counted how long the loop is held up."""
        self._ticker.cancel()

    async def _asked(self) -> dict[str, Any]:
        return await asyncio.to_thread(control, self._url, "asked")

    async def _tick(self) -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(TICK_SECONDS)
            self._stall = max(self._stall, time.perf_counter() - before - TICK_SECONDS)


async def read_with_driver(started: Mapping[str, Any], parts: Sequence[str]) -> dict[str, Any]:
    """Snapshots, each taken into the map."""
    auth = {name: started[name] for name in ("auth_url", "username", "password", "project_id", "user_domain_id")}
    vim = OpenStackVim.from_options("bench", {"auth": auth}, lambda: time.time_ns() // 1000)
    meter, there = Meter(started["url"]), ResourceMap()
    result: dict[str, Any] = {}
    await vim.nova.dialect()  # the login and what it imports is not the listing's
    result["empty_mb"] = rss_mb()

    async def take() -> tuple[int, int]:
        snapshot = await vim.snapshot()
        # The map is loaded in one go: what that takes is no news about the reader.
        meter.pause()
        loading, cpu = time.perf_counter(), time.process_time()
        there.load(snapshot)
        figures["load_s"], figures["load_cpu_s"] = time.perf_counter() - loading, time.process_time() - cpu
        return len(snapshot.servers), len(snapshot.ports)

    for name in parts:
        if name == "changed":
            await asyncio.to_thread(control, started["url"], "change", {"share": CHANGED_SHARE})
        figures: dict[str, float] = {}
        measured, counts = await meter(take)
        result[name] = measured | figures | {"rss_mb": rss_mb()}
        assert counts == (started["servers"], started["ports"]), counts
        if name == "first":
            result["requests"] = meter.asked["requests"]
            gc.collect()
            gc.freeze()
            gc.set_threshold(20_000, 20, 50)  # as the service does it
            result["kept_mb"] = rss_mb()
    result["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    await vim.close()
    return result


async def read_again(
    started: Mapping[str, Any], requests: list[dict[str, Any]], keep: Callable[[bytes], Any]
) -> dict[str, Any]:
    """The same requests, list beside list as the driver does it, page after page; ``keep`` gets each answer."""
    login = {
        "identity": {
            "methods": ["password"],
            "password": {
                "user": {"name": started["username"], "domain": {"id": "default"}, "password": started["password"]}
            },
        },
        "scope": {"project": {"id": started["project_id"]}},
    }
    lists: dict[str, list[dict[str, Any]]] = {}
    for one in requests:
        if one["method"] == "GET":
            lists.setdefault(one["url"].partition("?")[0], []).append(one)
    async with aiohttp.ClientSession(started["url"]) as session:
        async with session.post("/identity/v3/auth/tokens", json={"auth": login}) as answer:
            token = answer.headers["X-Subject-Token"]

        async def read(pages: list[dict[str, Any]]) -> list[Any]:
            kept = []
            for page in pages:
                headers = {"X-Auth-Token": token, "OpenStack-API-Version": page["microversion"]}
                async with session.get(page["url"], headers=headers) as answer:
                    kept.append(keep(await answer.read()))
            return kept

        async def all_lists() -> list[Any]:
            return await asyncio.gather(*(read(pages) for pages in lists.values()))

        before = rss_mb()
        measured, kept = await Meter(started["url"])(all_lists)
        result = measured | {"rss_mb": rss_mb(), "more_mb": rss_mb() - before, "lists": len(kept)}
    return result | {"bytes": sum(one["bytes"] for one in requests), "requests": len(requests)}


def read_with_sdk(started: Mapping[str, Any]) -> dict[str, float]:
    """Some servers and some ports the usual way, scaled to all."""
    import openstack

    auth = {name: started[name] for name in ("auth_url", "username", "password", "project_id", "user_domain_id")}
    cloud = openstack.connect(**auth, region_name="RegionOne", load_yaml_config=False, load_envvars=False)
    cloud.session.session.trust_env = False
    list(cloud.network.networks())  # finds the services first
    next(cloud.compute.servers(details=True, all_projects=True, limit=1))
    result = {"wall_s": 0.0, "cpu_s": 0.0}
    for total, items in (
        (started["servers"], cloud.compute.servers(details=True, all_projects=True, limit=SDK_ITEMS)),
        (started["ports"], cloud.network.ports(limit=SDK_ITEMS)),
    ):
        cpu, begun = time.process_time(), time.perf_counter()
        for _ in range(SDK_ITEMS):
            next(items)
        result["wall_s"] += (time.perf_counter() - begun) * total / SDK_ITEMS
        result["cpu_s"] += (time.process_time() - cpu) * total / SDK_ITEMS
    return result


def in_a_fresh_process(task: str) -> None:
    """Does one thing and prints what it took, for the process that asked."""
    given = json.load(sys.stdin)
    match task:
        case "driver":
            found = uvloop.run(read_with_driver(given["started"], given["parts"]))
        case "raw":
            found = uvloop.run(read_again(given["started"], given["requests"], len))
        case "json":
            found = uvloop.run(read_again(given["started"], given["requests"], json.loads))
        case _:
            found = read_with_sdk(given["started"])
    print(json.dumps(found))


def run(task: str, **given: Any) -> dict[str, Any]:
    output = subprocess.run(
        [sys.executable, "-W", "ignore", __file__, "--one", task],
        input=json.dumps(given).encode(),
        stdout=subprocess.PIPE,
        check=True,
        timeout=LIMIT_SECONDS,
    ).stdout
    found: dict[str, Any] = json.loads(output)
    return found


Runs = dict[str, list[dict[str, Any]]]


def rounds(count: int) -> Runs:
    runs: Runs = {"driver": [], "raw": [], "json": [], "sdk": []}
    with stand_in(hosts=HOSTS, per_host=SERVERS, ports=PORTS, projects=PROJECTS) as started:
        note("the stand-in makes its pages")
        requests = run("driver", started=started, parts=["first"])["requests"]
        for number in range(count):
            note(f"round {number + 1} of {count}")
            runs["driver"].append(run("driver", started=started, parts=[part for part, _ in TIMES]))
            for task in ("raw", "json"):
                runs[task].append(run(task, started=started, requests=requests))
            if number < 3:
                runs["sdk"].append(run("sdk", started=started))
    return runs


TIMES = (
    ("first", "read for the first time"),
    ("unchanged", "again, nothing changed"),
    ("changed", "again, 1 % changed"),
)


def of(runs: Runs, task: str, value: str, part: str = "") -> dict[str, float]:
    return spread([(one[part] if part else one)[value] for one in runs[task]])


def result_of(runs: Runs) -> dict[str, Any]:
    """Medians, and the spread of what the design has a word about."""
    driver, raw = runs["driver"], runs["raw"]
    beyond = spread([one["first"]["wall_s"] - other["wall_s"] for one, other in zip(driver, raw, strict=True)])
    result: dict[str, Any] = {"first_beyond_api_s": beyond["p50"]}
    for part, _ in TIMES:
        result[f"{part}_s"] = of(runs, "driver", "wall_s", part)["p50"]
        result[f"{part}_cpu_s"] = of(runs, "driver", "cpu_s", part)["p50"]
        result[f"{part}_load_cpu_s"] = of(runs, "driver", "load_cpu_s", part)["p50"]
        result[f"{part}_stall_ms"] = of(runs, "driver", "stall_ms", part)["p50"]
    for value in ("empty_mb", "kept_mb", "peak_mb"):
        result[value] = of(runs, "driver", value)["p50"]
    for name, task in (("raw", "raw"), ("reference_json", "json"), ("reference_sdk", "sdk")):
        result[f"{name}_s"] = of(runs, task, "wall_s")["p50"]
        result[f"{name}_cpu_s"] = of(runs, task, "cpu_s")["p50"]
    result["standin_cpu_s"] = of(runs, "raw", "standin_cpu_s")["p50"]
    result["reference_json_mb"] = of(runs, "json", "more_mb")["p50"]
    result["spread"] = {f"{part}_s": of(runs, "driver", "wall_s", part) for part, _ in TIMES}
    result["spread"] |= {"first_beyond_api_s": beyond, "raw_s": of(runs, "raw", "wall_s")}
    return result | {"requests": raw[0]["requests"], "bytes": raw[0]["bytes"], "rounds": len(driver)}


def show_result(runs: Runs, result: dict[str, Any]) -> None:
    show(
        f"{HOSTS:,} hosts, {HOSTS * SERVERS:,} servers, {HOSTS * SERVERS * PORTS:,} ports;"
        f" {result['requests']} requests, {result['bytes'] / 1e6:,.0f} MB;"
        f" medians of {result['rounds']} fresh processes"
    )
    rows: list[list[object]] = []
    for part, text in TIMES:
        values = ("wall_s", "cpu_s", "load_cpu_s", "stall_ms", "rss_mb")
        rows.append([text, *(of(runs, "driver", value, part)["p50"] for value in values)])
    for task, text in (("raw", "the same requests, answers not looked at"), ("json", "the same answers by json.loads")):
        figures = [of(runs, task, value)["p50"] for value in ("wall_s", "cpu_s", "stall_ms", "rss_mb")]
        rows.append([text, *figures[:2], "", *figures[2:]])
    rows.append([f"openstacksdk, from {SDK_ITEMS:,} of each", result["reference_sdk_s"], result["reference_sdk_cpu_s"]])
    rows[-1] += ["", "", ""]
    table(["", "wall (s)", "CPU (s)", "of it the map (s)", "loop held up (ms)", "memory (MB)"], rows)
    times = result["reference_sdk_cpu_s"] / result["first_cpu_s"]
    show(
        f"{result['first_beyond_api_s']:.2f} s beyond the API's own time, of which the stand-in takes"
        f" {result['standin_cpu_s']:.2f} s of CPU. {result['kept_mb']:.0f} MB stay, {result['peak_mb']:.0f} MB at the"
        f" peak. openstacksdk takes {times:.0f} times the CPU, without any map."
    )


def main() -> None:
    chosen = options(__doc__, ["--one"])
    if chosen.one:
        in_a_fresh_process(chosen.one)
        return
    show_machine()
    runs = rounds(1 if chosen.quick else 5)
    result = result_of(runs)
    show_result(runs, result)
    finish(result, chosen.json)


if __name__ == "__main__":
    main()
