#!/usr/bin/env python3
"""VNF records kept in line with an OpenStack: 1,000, 10,000 and 100,000 servers with 2 ports each, 10 servers a VNF.

A stand-in (tools/openstack_standin.py), another process, answers over HTTP. A fresh process lists it with the real
driver, brings the resource map in line, and the records, which are kept in SQLite: for the first time, again where
nothing changed, and again where 1 % of the servers did. CPU is all of that process's, with HTTP, JSON and database.

Beside it, in the same run, the way it was done before (_search_and_dump.py): the same answers by json.loads, then for
each VM a search through the servers, for each interface one through the ports, and YAML of everything. It is measured
over some VMs that are spread over the list, and scaled to all of them: for 100,000 it would take days.
``--reference NUMBER`` measures over so many.
"""
# ruff: noqa: E402 - the rest can be imported once _start has found it

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import _start

_start.ready()

import _search_and_dump
import aiohttp
import uvloop
from _figures import finish, note, options, show, show_machine, spread, table, workplace
from _standin import control, rss_mb, stand_in

from nfvigil.controller.vims.openstack.vim import OpenStackVim
from nfvigil.inspector.resource_map import ResourceMap
from nfvigil.model.resource import Kind, MapChange, Server, key_of, split_key
from nfvigil.model.vnf import Vnf, Vnfc
from nfvigil.model.vnf_record import VduNews
from nfvigil.southbound.inventory import Inventory
from nfvigil.store import open_store
from nfvigil.vnf.keeper import Keeper

SIZES = (1_000, 10_000, 100_000)
PER_HOST, PORTS, PER_VNF = 100, 2, 10
CHANGED_SHARE = 0.01
REFERENCE_MOST = {1_000: 100, 10_000: 40, 100_000: 10}
"""VMs over which the reference is measured, by how many there are."""
REFERENCE_LEAST = 10
LIMIT_SECONDS = 3600
ROUND_SECONDS = 300
PARTS = (("first", "for the first time"), ("unchanged", "nothing changed"), ("changed", "1 % changed"))


# One measurement, in a process of its own


class Clouds:
    """What the records' keeper asks of the clouds: there is one, and nothing in it is our doing."""

    def __init__(self, there: ResourceMap) -> None:
        self._map = there

    def is_watched(self, vim: str) -> bool:
        return True

    def vim_of(self, project: str, server: str) -> str:
        record = self._map.get(key_of(Kind.SERVER, server))
        return record.vim if isinstance(record, Server) and record.project == project else ""

    def ports_of(self, server: str) -> list[str]:
        return [split_key(key)[1] for key in self._map.related(key_of(Kind.SERVER, server), "ports")]

    def called(self, vim: str, host: str) -> str:
        return host

    def is_ours(self, server: str) -> bool:
        return False

    def refresh(self, vim: str) -> None:
        """The bench says when."""


async def say_nothing(news: Sequence[VduNews]) -> None:
    """The stand-in's servers are stopped and started, which is nobody's alarm."""
    assert not news, news


def vnfs_of(servers: Sequence[Server]) -> Iterator[Vnf]:
    """A project's servers, so many to a VNF."""
    by_project: dict[str, list[Server]] = {}
    for server in servers:
        by_project.setdefault(server.project, []).append(server)
    for project, theirs in by_project.items():
        for first in range(0, len(theirs), PER_VNF):
            some = theirs[first : first + PER_VNF]
            yield Vnf(
                id=f"vnf-{some[0].id}",
                project=project,
                vnfcs=tuple(Vnfc(id=server.id, server=server.id) for server in some),
            )


async def keep_in_line(started: Mapping[str, Any], place: Path) -> dict[str, Any]:
    def clock() -> int:
        return time.time_ns() // 1000

    auth = {name: started[name] for name in ("auth_url", "username", "password", "project_id", "user_domain_id")}
    vim = OpenStackVim.from_options("bench", {"auth": auth}, clock)
    store = await open_store(f"sqlite:///{place}/bench.db", node="bench", clock=clock)
    there = ResourceMap()
    there.load(await vim.snapshot())
    vnfs = list(vnfs_of((await vim.snapshot()).servers))
    for vnf in vnfs:
        await store.add_vnf(vnf)
    keeper = Keeper(shelf=store, say=say_nothing, clouds=Clouds(there), clock=clock)
    await keeper.start(vnfs)

    async def apply(change: MapChange) -> None:
        there.apply(change)

    inventory = Inventory(
        vims={"bench": vim}, known=there, apply=apply, intervals={"bench": -1}, clock=clock, readers=[keeper]
    )
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)  # as the service does it
    result: dict[str, Any] = {"vnfs": len(vnfs), "empty_mb": rss_mb()}
    working = asyncio.create_task(keeper.run())
    watching: asyncio.Task[None] | None = None
    for name, _ in PARTS:
        if name == "changed":
            await asyncio.to_thread(control, started["url"], "change", {"share": CHANGED_SHARE})
        rounds, writes, asked = keeper.rounds, keeper.writes, await asyncio.to_thread(control, started["url"], "asked")
        cpu, begun = time.process_time(), time.perf_counter()
        if watching is None:
            watching = asyncio.create_task(inventory.run())
        else:
            inventory.refresh("bench")
        async with asyncio.timeout(ROUND_SECONDS):
            while keeper.rounds == rounds:
                await asyncio.sleep(0.02)
                ended = [task for task in (watching, working) if task.done()]
                assert not ended, ended
        figures = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - begun}
        asked = await asyncio.to_thread(control, started["url"], "asked")
        lists = [one["url"].partition("?")[0] for one in asked["requests"]]
        counts = {
            "server_pages": lists.count("/compute/v2.1/servers/detail"),
            "port_pages": lists.count("/network/v2.0/ports"),
        }
        counts["single"] = sum(1 for one in lists if "/servers/" in one and not one.endswith("/detail"))
        result[name] = figures | counts | {"writes": keeper.writes - writes, "rss_mb": rss_mb()}
    for task in (watching, working):
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
    await store.close()
    await vim.close()
    return result


async def answers(started: Mapping[str, Any]) -> tuple[list[Any], list[Any], float]:
    """All servers and ports as json.loads makes them, and what that took of CPU."""
    identity = {
        "methods": ["password"],
        "password": {
            "user": {"name": started["username"], "domain": {"id": "default"}, "password": started["password"]}
        },
    }
    scope = {"project": {"id": started["project_id"]}}
    found: dict[str, list[Any]] = {"servers": [], "ports": []}
    cpu = time.process_time()
    async with aiohttp.ClientSession(started["url"]) as session:
        body = {"auth": {"identity": identity, "scope": scope}}
        async with session.post("/identity/v3/auth/tokens", json=body) as answer:
            headers = {"X-Auth-Token": answer.headers["X-Subject-Token"], "OpenStack-API-Version": "compute 2.88"}
        for kind, url in (
            ("servers", "/compute/v2.1/servers/detail?all_tenants=1&limit=1000"),
            ("ports", "/network/v2.0/ports?limit=1000"),
        ):
            more: str | None = url
            while more:
                async with session.get(more, headers=headers) as answer:
                    page = json.loads(await answer.read())
                found[kind] += page[kind]
                links = page.get(f"{kind}_links", [])
                more = next((link["href"].removeprefix(started["url"]) for link in links), None)
    return found["servers"], found["ports"], time.process_time() - cpu


def as_before(started: Mapping[str, Any], most: int) -> dict[str, Any]:
    servers, ports, listing = uvloop.run(answers(started))
    cpu, number = _search_and_dump.cpu_seconds(servers, ports, most)
    return {"cpu_s": listing + cpu, "listing_cpu_s": listing, "of": number, "rss_mb": rss_mb()}


def in_a_fresh_process(task: str) -> None:
    """Does one thing and prints what it took, for the process that asked."""
    given = json.load(sys.stdin)
    if task == "ours":
        with workplace() as place:
            found = uvloop.run(keep_in_line(given["started"], place))
    else:
        found = as_before(given["started"], given["most"])
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


def measured(size: int, count: int, most: int) -> dict[str, Any]:
    ours, before = [], []
    with stand_in(hosts=size // PER_HOST, per_host=PER_HOST, ports=PORTS, projects=10) as started:
        for number in range(count):
            note(f"{size:,} servers, round {number + 1} of {count}")
            ours.append(run("ours", started=started))
            before.append(run("before", started=started, most=most))

    def of(part: str, value: str) -> float:
        return spread([one[part][value] for one in ours])["p50"]

    reference = spread([one["cpu_s"] for one in before])["p50"]
    result: dict[str, Any] = {
        "cpu_s": of("unchanged", "cpu_s"),
        "writes": max(one["unchanged"]["writes"] for one in ours),
    }
    result |= {"rss_mb": of("changed", "rss_mb"), "reference_cpu_s": reference, "reference_of": before[0]["of"]}
    result["reference_rss_mb"] = spread([one["rss_mb"] for one in before])["p50"]
    result["times"] = reference / result["cpu_s"]
    for part, _ in PARTS:
        values = ("cpu_s", "wall_s", "writes", "server_pages", "port_pages", "single")
        result[part] = {value: of(part, value) for value in values}
    return result | {"vnfs": ours[0]["vnfs"], "spread_cpu_s": spread([one["unchanged"]["cpu_s"] for one in ours])}


def show_result(found: Mapping[str, Mapping[str, Any]]) -> None:
    rows: list[list[object]] = []
    for size, one in found.items():
        for part, text in PARTS:
            ratio = f"{one['reference_cpu_s'] / one[part]['cpu_s']:,.0f}"
            rows.append([f"{int(size):,} servers, {text}", one[part]["cpu_s"], one[part]["wall_s"]])
            rows[-1] += [one[part]["writes"], one["rss_mb"], one["reference_cpu_s"], ratio]
    table(["", "CPU (s)", "wall (s)", "writes", "memory (MB)", "reference CPU (s)", "times"], rows)
    for size, one in found.items():
        pages = (
            f"{one['unchanged']['server_pages']:.0f} pages of servers, {one['unchanged']['port_pages']:.0f} of ports"
        )
        show(
            f"{int(size):,}: {pages}, {one['unchanged']['single']:.0f} calls for a single server; {one['vnfs']:,} VNFs;"
            f" reference over {one['reference_of']:,} VMs, scaled"
        )


def main() -> None:
    chosen = options(__doc__, ["--one", "--sizes", "--reference"])
    if chosen.one:
        in_a_fresh_process(chosen.one)
        return
    show_machine()
    sizes = [int(size) for size in chosen.sizes.split(",")] if chosen.sizes else SIZES[: 2 if chosen.quick else 3]
    found = {}
    for size in sizes:
        count = 1 if chosen.quick or size > 10_000 else 5
        most = int(chosen.reference) if chosen.reference else REFERENCE_MOST.get(size, REFERENCE_LEAST)
        found[str(size)] = measured(size, count, most)
    show_result(found)
    finish({"rounds": found}, chosen.json)


if __name__ == "__main__":
    main()
