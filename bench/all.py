#!/usr/bin/env python3
"""Runs all benches and writes what they found into docs/performance.md, beside what the design asks for.

The rest of that document is written by hand; only what stands between its two marks is replaced.
"""
# ruff: noqa: E402 - the rest can be imported once _start has found it

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import _start

_start.ready()

from _figures import brief, finish, machine, note, options, show
from _start import ROOT

NAMES = ("map", "listing", "poll", "alarms", "match", "ingest", "notify", "storm")
DOCUMENT = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- figures: written by bench/all.py -->", "<!-- end of figures -->"
LIMIT_SECONDS = 1800

Results = dict[str, dict[str, Any]]


class Row(NamedTuple):
    """``least`` and ``most`` are what the design asks for; a row has one of them, or none."""

    what: str
    value: float
    unit: str
    most: float | None = None
    least: float | None = None
    beside: str = ""
    """The spread, or a reference from the same run."""

    @property
    def target(self) -> str:
        if self.most is not None:
            return f"≤ {brief(self.most)} {self.unit}".strip()
        return f"≥ {brief(self.least)} {self.unit}".strip() if self.least is not None else ""

    @property
    def verdict(self) -> str:
        if self.most is None and self.least is None:
            return ""
        held = (self.most is None or self.value <= self.most) and (self.least is None or self.value >= self.least)
        return "held" if held else "**missed**"

    def markdown(self) -> str:
        value = f"{self.value:+.1f} %" if self.unit == "%" else f"{brief(self.value)} {self.unit}".strip()
        return f"| {self.what} | {value} | {self.target} | {self.verdict} | {self.beside} |"


def run(name: str, quick: bool) -> dict[str, Any]:
    """One bench in a process of its own; what it prints is passed on."""
    command = [sys.executable, str(Path(__file__).with_name(f"{name}.py")), "--json"]
    if quick:
        command.append("--quick")
    last = ""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if last:
                    show(last)
                last = line.rstrip("\n")
            status = process.wait(LIMIT_SECONDS)
        except BaseException:
            process.kill()
            raise
    if status:
        raise SystemExit(f"bench/{name}.py ended with status {status}")
    found: dict[str, Any] = json.loads(last)
    return found


def of_notify(found: dict[str, Any]) -> list[Row]:
    targets = {"1": 10.0, "20": 15.0, "50": 20.0, "100": 25.0}
    rows = []
    for size, row in found["servers"].items():
        owners = "1 server of 1 owner" if size == "1" else f"{size} servers of {size} owners"
        beside = (
            f"median {brief(row['p50_ms'])} ms; one after another {brief(row['reference_p50_ms'])} ms, "
            f"with an instant cloud {brief(row['reference_instant_cloud_p50_ms'])} ms"
        )
        what = f"accepted -> last webhook, {owners}, p99"
        rows.append(Row(what, row["p99_ms"], "ms", most=targets[size], beside=beside))
    one = found["one_owner"]["100"]
    what = "accepted -> webhook, 100 servers of 1 owner, p99"
    return [*rows, Row(what, one["p99_ms"], "ms", beside=f"median {brief(one['p50_ms'])} ms")]


def of_storm(found: dict[str, Any]) -> list[Row]:
    spread, changes = found["spread"], found["changes"]

    def of(case: str) -> str:
        return f"{brief(spread[case]['min'])} to {brief(spread[case]['max'])} ms in {found['rounds']} rounds"

    return [
        Row(f"rack of 40 hosts, 2,000 servers, 100 subscriptions ({found['messages']:,} messages): last webhook",
            found["last_ms"], "ms", most=500, beside=of("healthy")),
        Row("the same, VIM at 5 s a call, a tenth of the webhooks hanging: last of the others",
            found["vim_slow_last_ms"], "ms", beside=of("vim_slow")),
        Row("the same, VIM dead", found["vim_dead_last_ms"], "ms", beside=of("vim_dead")),
        Row("p99 of the others, VIM slow, against all well", 100 * changes["vim_slow"], "%", most=10),
        Row("p99 of the others, VIM dead, against all well", 100 * changes["vim_dead"], "%", most=10),
    ]  # fmt: skip


def of_ingest(found: dict[str, Any]) -> list[Row]:
    def speed(kind: str) -> str:
        spread = found[f"{kind}_spread"]
        return (
            f"{brief(spread['min'])} to {brief(spread['max'])}; decided {brief(found[f'{kind}_decided_per_s'])} a "
            f"second, the last {brief(found[f'{kind}_decided_after_s'])} s behind"
        )

    large = f"{brief(found['large_events_per_s'])} a second in requests of 1,000, p99 {brief(found['large_p99_ms'])} ms"
    return [
        Row("durable events/s in bulk (2 x 100 a request)", found["bulk_events_per_s"], "", least=20_000,
            beside=speed("bulk")),
        Row("answer in bulk, p99", found["bulk_p99_ms"], "ms", most=20, beside=large),
        Row("durable events/s, one a request", found["single_events_per_s"], "", least=3_000, beside=speed("single")),
        Row("answer to one, p99", found["single_p99_ms"], "ms", beside=f"median {brief(found['single_p50_ms'])} ms"),
        Row("durable events/s where each raises or clears an alarm", found["changes_events_per_s"], "",
            beside=speed("changes")),
    ]  # fmt: skip


def of_map(found: dict[str, Any]) -> list[Row]:
    fan_out = f"p99 {brief(found['fanout_p99_ms'])} ms; looking through all {brief(found['reference_fanout_ms'])} ms"
    return [
        Row("1,000 hosts x 100 servers x 2 ports: memory of the process", found["rss_mb"], "MB", most=250,
            beside=f"of that {brief(found['map_mb'])} MB for the map"),
        Row("load beyond the cloud's own time", found["load_s"], "s", most=3,
            beside=f"{brief(found['load_unchanged_s'])} s where nothing changed"),
        Row("host -> servers, owners, ports", found["fanout_ms"], "ms", most=0.1, beside=fan_out),
    ]  # fmt: skip


def of_listing(found: dict[str, Any]) -> list[Row]:
    """The design allows 0.3 s of CPU for 10,000 servers, and no more than its share for ten times as many."""
    api = f"the API itself {brief(found['raw_s'])} s, {brief(found['raw_cpu_s'])} s CPU of ours"
    sdk = f"openstacksdk {brief(found['reference_sdk_cpu_s'])} s, json.loads {brief(found['reference_json_cpu_s'])} s"
    memory = f"{brief(found['peak_mb'])} MB at the peak; json.loads {brief(found['reference_json_mb'])} MB"
    return [
        Row("OpenStack of 100,000 servers read over HTTP into the map, beyond the API's own time",
            found["first_beyond_api_s"], "s", most=3, beside=api),
        Row("the same, CPU", found["first_cpu_s"], "s", beside=sdk),
        Row("again, nothing changed, CPU", found["unchanged_cpu_s"], "s", most=3,
            beside=f"of that {brief(found['unchanged_load_cpu_s'])} s for the map"),
        Row("again, 1 % of the servers changed, CPU", found["changed_cpu_s"], "s"),
        Row("memory of the process with reader and map", found["kept_mb"], "MB", most=250, beside=memory),
    ]  # fmt: skip


def of_poll(found: dict[str, Any]) -> list[Row]:
    rows = []
    for size, one in found["rounds"].items():
        beside = f"as before {brief(one['reference_cpu_s'])} s; {brief(one['rss_mb'])} MB; {one['writes']:.0f} writes"
        what = f"VNF records of {int(size):,} servers kept in line over HTTP, nothing changed, CPU"
        rows.append(Row(what, one["cpu_s"], "s", most=0.3 if size == "10000" else None, beside=beside))
        changed = one["changed"]
        what = f"the same, 1 % changed ({changed['writes']:.0f} writes), CPU"
        rows.append(Row(what, changed["cpu_s"], "s"))
    ten = found["rounds"]["10000"]
    return [*rows, Row("10,000 unchanged against searching and dumping", ten["times"], "", least=100)]


def of_alarms(found: dict[str, Any]) -> list[Row]:
    beside = f"p99 {brief(found['match_p99_ms'])} ms; asking each {brief(found['reference_match_ms'])} ms"
    return [
        Row("one alarm against 100,000 subscriptions", found["match_ms"], "ms", most=0.1, beside=beside),
        Row("a new subscription entered and found by the next alarm", found["new_ms"], "ms", most=0.1),
    ]


def of_match(found: dict[str, Any]) -> list[Row]:
    beside = f"p99 {brief(found['match_p99_ms'])} ms; looking at each {brief(found['reference_match_ms'])} ms"
    pages = ", ".join(f"{name} {brief(found[f'page_{name}_ms'])} ms" for name in ("first", "middle", "last"))
    return [
        Row("one event against 100,000 event alarms of one project", found["match_ms"], "ms", most=0.1, beside=beside),
        Row("a new event alarm entered and hit by the next event", found["effective_ms"], "ms", most=0.1),
        Row("100 of 100,000 alarms over HTTP, the slowest page", found["page_ms"], "ms",
            beside=f"{pages}; last by offset {brief(found['reference_page_ms'])} ms"),
    ]  # fmt: skip


def text(results: Results, facts: dict[str, Any], quick: bool) -> str:
    commit = facts["commit_ms"]
    lines = [
        f"Measured on {datetime.now(UTC):%Y-%m-%d} with `{'bench/all.py --quick' if quick else 'make bench'}` on "
        f"{facts['cores']} cores ({facts['cpu']}), {facts['memory_mb'] // 1024} GB, Linux {facts['kernel']}, "
        f"Python {facts['python']}, SQLite {facts['sqlite']}. A small durable commit takes {brief(commit['p50'])} ms "
        f"there (p99 {brief(commit['p99'])} ms). Load average before the first bench: {facts['load']:.1f}.",
        "",
        "| what | figure | target | | beside it |",
        "|---|--:|--:|---|---|",
    ]
    rows = [
        *of_notify(results["notify"]),
        *of_storm(results["storm"]),
        *of_ingest(results["ingest"]),
        *of_map(results["map"]),
        *of_listing(results["listing"]),
        *of_poll(results["poll"]),
        *of_alarms(results["alarms"]),
        *of_match(results["match"]),
    ]
    return "\n".join([*lines, *[row.markdown() for row in rows]])


def write(figures: str) -> None:
    old = DOCUMENT.read_text(encoding="utf-8")
    head, begin, rest = old.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"{DOCUMENT.relative_to(ROOT)} lacks the marks {BEGIN} and {END}")
    DOCUMENT.write_text(f"{head}{BEGIN}\n{figures}\n{END}{tail}", encoding="utf-8")


def main() -> None:
    chosen = options(__doc__)
    facts = machine()
    results: Results = {}
    for name in NAMES:
        note(f"bench/{name}.py")
        results[name] = run(name, chosen.quick)
    figures = text(results, facts, chosen.quick)
    write(figures)
    show(figures)
    finish({"machine": facts, **results}, chosen.json)


if __name__ == "__main__":
    main()
