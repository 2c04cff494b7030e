"""What all benches share: options, percentiles, tables, the machine, and the JSON object in the last line."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from typing import Any

from _start import ROOT


def options(text: str | None, extra: Sequence[str] = ()) -> argparse.Namespace:
    """The options of every bench; ``extra`` are hidden switches of its own."""
    parser = argparse.ArgumentParser(description=(text or "").strip(), formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds: ends within 30 seconds")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    for name in extra:
        parser.add_argument(name, help=argparse.SUPPRESS)
    return parser.parse_args()


def percentile(values: Sequence[float], share: float) -> float:
    """Nearest rank: every figure is one that was measured."""
    ordered = sorted(values)
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def spread(values: Sequence[float]) -> dict[str, float]:
    return {
        "p50": statistics.median(values),
        "p99": percentile(values, 0.99),
        "min": min(values),
        "max": max(values),
    }


def brief(value: float) -> str:
    """Three digits that count."""
    if value >= 1000:
        return f"{value:,.0f}"
    if value >= 100:
        return f"{value:.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 0.1 or value == 0 else f"{value:.3g}"


def rounded(value: Any) -> Any:
    """For JSON: four digits that count."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, Mapping):
        return {name: rounded(inner) for name, inner in value.items()}
    return [rounded(inner) for inner in value] if isinstance(value, list | tuple) else value


def show(text: str = "") -> None:
    print(text, flush=True)


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """The first column to the left, figures to the right."""
    cells = [[cell if isinstance(cell, str) else brief(float(str(cell))) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in [list(head), *cells]) for column in range(len(head))]
    for row in [list(head), *cells]:
        first, *rest = [(cell, width) for cell, width in zip(row, widths, strict=True)]
        show("  ".join([first[0].ljust(first[1]), *[cell.rjust(width) for cell, width in rest]]))
    show()


def finish(result: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        show(json.dumps(rounded(result)))


@contextmanager
def workplace() -> Iterator[Path]:
    """A directory for databases, on the project's own disk: a temporary directory in memory would flatter us."""
    place = ROOT / ".cache" / "bench"
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place) as path:
        yield Path(path)


def commit_ms(place: Path, count: int = 200) -> dict[str, float]:
    """What one small durable transaction costs here: SQLite, WAL, synchronous=FULL."""
    times = []
    with sqlite3.connect(place / "commit.db", isolation_level=None) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        database.execute("CREATE TABLE one (id INTEGER PRIMARY KEY, body BLOB)")
        for _ in range(count):
            started = time.perf_counter()
            database.execute("INSERT INTO one (body) VALUES (?)", (b"x" * 500,))
            times.append((time.perf_counter() - started) * 1000)
    database.close()
    return spread(times)


def machine() -> dict[str, Any]:
    """Whose figures these are."""
    model = ""
    memory_mb = 0
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    if Path("/proc/meminfo").exists():
        memory_mb = int(Path("/proc/meminfo").read_text(encoding="utf-8").split()[1]) // 1024
    with workplace() as place:
        commit = commit_ms(place)
    return {
        "cores": len(os.sched_getaffinity(0)),
        "cpu": model or platform.machine(),
        "memory_mb": memory_mb,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "commit_ms": commit,
        "load": os.getloadavg()[0],
    }


def show_machine() -> None:
    facts = machine()
    commit = facts["commit_ms"]
    show(
        f"{facts['cores']} cores ({facts['cpu']}), Linux {facts['kernel']}, Python {facts['python']}, "
        f"SQLite {facts['sqlite']}, a durable commit {brief(commit['p50'])} ms (p99 {brief(commit['p99'])})"
    )
    show()


def note(text: str) -> None:
    """Progress, beside the result."""
    sys.stderr.write(f"  {text}\n")
    sys.stderr.flush()
