"""The real service in a process of its own: on loopback, with SQLite on the project's disk and simulated clouds."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from _client import BenchError, Connection

READY_SECONDS = 60.0
IDLE_SECONDS = 120.0
_STAGE = re.compile(r'^nfvigil_stage_seconds_(sum|count)\{stage="([^"]+)"\} ([0-9.e+-]+)$', re.MULTILINE)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _toml(settings: Mapping[str, Any]) -> str:
    """Enough TOML for our settings: JSON's scalars and lists are TOML's."""
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items() if name != "vims"]
    for vim in settings["vims"]:
        lines += ["", "[[vims]]"]
        lines += [f"{name} = {json.dumps(value)}" for name, value in vim.items() if name != "options"]
        lines += ["[vims.options]", *[f"{name} = {json.dumps(value)}" for name, value in vim["options"].items()]]
    return "\n".join(lines) + "\n"


def _command(path: Path) -> list[str]:
    return [sys.executable, "-m", "nfvigil.cli.main", "serve", "--config", str(path)]


def _spawn(command: Sequence[str], log: Path, place: Path) -> subprocess.Popen[bytes]:
    """Its settings are ours alone. Byte code is kept from run to run, also where Python is told to write none."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NFVIGIL_")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment["PYTHONPYCACHEPREFIX"] = str(place.parent / "bytecode")
    with log.open("wb") as output:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, cwd=place
        )


class Service:
    """``web`` is a connection for management; make others for load."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.port = port
        self.start_s = 0.0
        self.web = Connection(port)
        self._process = process
        self._log = log

    @classmethod
    async def start(cls, place: Path, vims: Sequence[Mapping[str, Any]]) -> Self:
        """``vims``: name, and options of the simulated cloud."""
        port = free_port()
        settings = {
            "port": port,
            "dev": True,
            "database_url": f"sqlite:///{place / 'bench.db'}",
            "log_level": "warning",
            "vims": [{"interval_seconds": 3600, **vim} for vim in vims],
        }
        path = place / "bench.toml"
        path.write_text(_toml(settings), encoding="utf-8")
        log = place / "service.log"
        service = cls(_spawn(_command(path), log, place), port, log)
        try:
            await service._ready()
        except BaseException:
            await service.close()
            raise
        return service

    @property
    def pid(self) -> int:
        return self._process.pid

    async def _ready(self) -> None:
        started = time.monotonic()
        while time.monotonic() - started < READY_SECONDS:
            if self._process.poll() is not None:
                raise BenchError(f"the service ended with {self._process.returncode}:\n{self.said()}")
            try:
                connection = await Connection.open(self.port)
                answer = await connection.ask("GET", "/readyz", expect=(200, 503))
            except (OSError, BenchError):
                await asyncio.sleep(0.02)
                continue
            if answer.status == 200:
                self.web = connection
                self.start_s = time.monotonic() - started
                return
            connection.close()
            await asyncio.sleep(0.02)
        raise BenchError(f"the service was not ready after {READY_SECONDS:g} s:\n{self.said()}")

    def said(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")[-4000:]

    async def subscribe(self, url: str, project: str | None, name: str = "", **more: Any) -> str:
        body = {"name": name, "project": project, "endpoints": [{"url": url}], **more}
        return str((await self.web.ask("POST", "/v1/subscriptions", body, expect=(201,))).json["id"])

    async def fail(self, kind: str, **more: Any) -> None:
        """Make the first simulated cloud fail like this; ``none`` heals it."""
        await self.web.ask("PUT", "/v1/simulation", {"failure": {"kind": kind, **more}})

    async def idle(self, *, deliveries: bool = True) -> None:
        """Wait until nothing waits: decided, told (unless not asked for) and done."""
        deadline = time.monotonic() + IDLE_SECONDS
        quiet = 0
        details: dict[str, Any] = {}
        while time.monotonic() < deadline:
            details = (await self.web.ask("GET", "/readyz", expect=(200, 503))).json["details"]
            waiting = details["events_undecided"] + sum(details["actions_waiting"].values())
            if deliveries:
                waiting += details["deliveries_queued"]
            quiet = 0 if waiting else quiet + 1
            if quiet == 3:  # once may be between two steps
                return
            await asyncio.sleep(0.01)
        raise BenchError(f"the service had not finished after {IDLE_SECONDS:g} s: {details}")

    async def decided(self) -> None:
        """Wait until every event is decided."""
        deadline = time.monotonic() + IDLE_SECONDS
        while (await self.web.ask("GET", "/readyz", expect=(200, 503))).json["details"]["events_undecided"]:
            if time.monotonic() > deadline:
                raise BenchError(f"events were not decided after {IDLE_SECONDS:g} s")
            await asyncio.sleep(0.01)

    async def stages(self) -> dict[str, tuple[float, int]]:
        """Stage -> (seconds in all, how often), since the start."""
        found: dict[str, dict[str, float]] = {}
        for what, stage, value in _STAGE.findall((await self.web.ask("GET", "/metrics")).body.decode()):
            found.setdefault(stage, {})[what] = float(value)
        return {stage: (values["sum"], int(values["count"])) for stage, values in found.items()}

    def rss_mb(self) -> float:
        pages = int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    async def close(self, *, at_once: bool = False) -> None:
        """End it by its process id, gently at first: it finishes what it is doing, unless it need not."""
        self.web.close()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL if at_once else signal.SIGTERM)
            try:
                await asyncio.to_thread(self._process.wait, 15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                await asyncio.to_thread(self._process.wait, 5)


def stage_means_ms(before: Mapping[str, tuple[float, int]], after: Mapping[str, tuple[float, int]]) -> dict[str, float]:
    """What each stage took on average between two looks."""
    means = {}
    for stage, (seconds, count) in after.items():
        seconds_before, count_before = before.get(stage, (0.0, 0))
        if count > count_before:
            means[stage] = (seconds - seconds_before) / (count - count_before) * 1000
    return means
