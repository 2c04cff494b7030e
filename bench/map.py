#!/usr/bin/env python3
"""The resource map: 1,000 hosts with 100 servers of 2 ports each, in memory.

How much memory a fresh process has with the map loaded, how long ResourceMap.load takes for a snapshot that is
there already (so beyond the cloud's own time), and how long it takes to find a host's servers, their owners and
their ports. Beside it, as a reference, the same found by looking through all servers and ports one by one.
"""
# ruff: noqa: E402 - the rest can be imported once _start has found it

from __future__ import annotations

import gc
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import _start

_start.ready()

from _figures import finish, options, show, show_machine, spread, table

from nfvigil.controller.vims.layout import SimulatedOptions, everything
from nfvigil.inspector.resource_map import ResourceMap
from nfvigil.model.resource import Host, Network, Port, Server, Snapshot, Volume

HOSTS, SERVERS, PORTS, PROJECTS = 1000, 100, 2, 50


def rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def cloud() -> Snapshot:
    """What a VIM driver hands over."""
    parts: dict[type, list[Any]] = {Host: [], Server: [], Port: [], Volume: [], Network: []}
    chosen = SimulatedOptions(hosts=HOSTS, servers_per_host=SERVERS, ports_per_server=PORTS, projects=PROJECTS)
    for thing in everything("bench", chosen):
        parts[type(thing)].append(thing)
    return Snapshot(
        vim="bench",
        taken_us=0,
        hosts=tuple(parts[Host]),
        servers=tuple(parts[Server]),
        ports=tuple(parts[Port]),
        volumes=tuple(parts[Volume]),
        networks=tuple(parts[Network]),
    )


def fan_out(found: ResourceMap, host: str) -> tuple[int, int, int]:
    """Host -> its servers, their owners, their ports."""
    servers = found.related(host, "servers")
    records = found.records
    owners = {records[server].project for server in servers}
    return len(servers), len(owners), len(found.related(host, "ports"))


def scan(servers: dict[str, dict[str, str]], ports: dict[str, dict[str, str]], host: str) -> tuple[int, int, int]:
    """The same without any index."""
    here = {key for key, server in servers.items() if server["host"] == host}
    owners = {servers[key]["project"] for key in here}
    return len(here), len(owners), len([key for key, port in ports.items() if port["server"] in here])


def in_a_fresh_process() -> None:
    """One measurement; prints it for the process that asked."""
    empty_mb = rss_mb()
    snapshot = cloud()
    gc.collect()
    started = time.perf_counter()
    found = ResourceMap()
    found.load(snapshot)
    load_s = time.perf_counter() - started
    counts = [len(snapshot.hosts), len(snapshot.servers), len(snapshot.ports)]
    started = time.perf_counter()
    found.load(snapshot)
    again_s = time.perf_counter() - started
    del snapshot
    gc.collect()
    gc.freeze()
    loaded_mb = rss_mb()

    fan_out_ms, scan_ms = [], []
    for number in range(1, HOSTS + 1):
        started = time.perf_counter_ns()
        fan_out(found, f"host/compute-{number}")
        fan_out_ms.append((time.perf_counter_ns() - started) / 1e6)
    servers = {r.id: {"host": r.host, "project": r.project} for r in found.records.values() if isinstance(r, Server)}
    ports = {r.id: {"server": r.server} for r in found.records.values() if isinstance(r, Port)}
    for number in range(1, HOSTS + 1, HOSTS // 10):
        started = time.perf_counter_ns()
        expected = scan(servers, ports, f"compute-{number}")
        scan_ms.append((time.perf_counter_ns() - started) / 1e6)
        assert fan_out(found, f"host/compute-{number}") == expected == (SERVERS, PROJECTS, SERVERS * PORTS)
    result = {"empty_mb": empty_mb, "rss_mb": loaded_mb, "load_s": load_s, "again_s": again_s, "counts": counts}
    print(json.dumps(result | {"fan_out_ms": fan_out_ms, "scan_ms": scan_ms}))


def main() -> None:
    chosen = options(__doc__, ["--one"])
    if chosen.one:
        in_a_fresh_process()
        return
    show_machine()
    runs = []
    for _ in range(3 if chosen.quick else 7):
        output = subprocess.run(
            [sys.executable, __file__, "--one", "yes"], check=True, capture_output=True, timeout=120
        ).stdout
        runs.append(json.loads(output))

    rss = spread([run["rss_mb"] for run in runs])
    delta = spread([run["rss_mb"] - run["empty_mb"] for run in runs])
    load = spread([run["load_s"] for run in runs])
    again = spread([run["again_s"] for run in runs])
    fan = spread([value for run in runs for value in run["fan_out_ms"]])
    reference = spread([value for run in runs for value in run["scan_ms"]])
    hosts, servers, ports = runs[0]["counts"]
    show(f"{hosts:,} hosts, {servers:,} servers, {ports:,} ports; {len(runs)} fresh processes")
    head = ["", "median", "min", "p99", "max"]
    rows = [
        ("memory of the process (MB)", rss),
        ("  of that, for the map (MB)", delta),
        ("load (s)", load),
        ("load again, nothing changed (s)", again),
        ("host -> servers, owners, ports (ms)", fan),
        ("reference: looking through all (ms)", reference),
    ]
    table(head, [[name, one["p50"], one["min"], one["p99"], one["max"]] for name, one in rows])
    result = {
        "rss_mb": rss["p50"],
        "map_mb": delta["p50"],
        "load_s": load["p50"],
        "load_unchanged_s": again["p50"],
        "fanout_ms": fan["p50"],
        "fanout_p99_ms": fan["p99"],
        "reference_fanout_ms": reference["p50"],
        "spread": {"rss_mb": rss, "load_s": load, "fanout_ms": fan},
        "rounds": len(runs),
    }
    show(f"The reference takes {reference['p50'] / statistics.median([fan['p50']]):,.0f} times as long.")
    finish(result, chosen.json)


if __name__ == "__main__":
    main()
