"""The stand-in OpenStack (tools/openstack_standin.py) as the benches use it: started, told things, ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

from _start import ROOT

LIMIT_SECONDS = 600

_opener = build_opener(ProxyHandler({}))


def rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def control(url: str, wish: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Tell the stand-in something, or ask it."""
    data = json.dumps(body).encode() if body is not None else None
    with _opener.open(Request(f"{url}/standin/{wish}", data=data), timeout=LIMIT_SECONDS) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


@contextmanager
def stand_in(*, hosts: int, per_host: int, ports: int, projects: int) -> Iterator[dict[str, Any]]:
    """Its address and how to log in."""
    size = ("--hosts", hosts, "--servers-per-host", per_host, "--ports-per-server", ports, "--projects", projects)
    command = [sys.executable, str(ROOT / "tools" / "openstack_standin.py"), *map(str, size)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()
            process.wait(10)
