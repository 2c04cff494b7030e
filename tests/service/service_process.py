"""The real service as a process of its own: started, killed, ended, started again."""

from __future__ import annotations

import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from service_api import Api

START_SECONDS = 90.0
RUN = (
    "from nfvigil.app import serve; from nfvigil.settings import load; import sys, json; "
    "sys.exit(serve(load(None, json.loads(sys.argv[1]))))"
)
CLOUD: dict[str, Any] = {"hosts": 8, "servers_per_host": 4, "projects": 3}


def wait_until(is_so: Callable[[], Any], what: str, seconds: float = 15.0, pause: float = 0.02) -> Any:
    """What ``is_so`` says once it is true; AssertionError if it is not in time."""
    deadline = time.monotonic() + seconds
    while not (found := is_so()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        time.sleep(pause)
    return found


def free_port() -> int:
    """A port that no outgoing connection takes while the service is down: below the system's range for those."""
    chance = random.SystemRandom()
    while True:
        port = chance.randrange(12_000, 32_000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class Nursery:
    """Where services are forked from; one a test session."""

    def __init__(self) -> None:
        path = Path(__file__).with_name("service_nursery.py")
        self._process = subprocess.Popen(
            [sys.executable, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self._answer(START_SECONDS)

    def start(self, settings: Mapping[str, Any], log: Path, file_size_max: int | None) -> int:
        order = {"start": dict(settings), "log": str(log), "file_size_max": file_size_max}
        return int(self._ask(order, START_SECONDS)["pid"])

    def wait(self, pid: int, seconds: float) -> int:
        """The exit code; minus the signal where it was one."""
        return int(self._ask({"wait": pid}, seconds)["status"])

    def _ask(self, order: dict[str, Any], seconds: float) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self._answer(seconds)

    def _answer(self, seconds: float) -> Any:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], seconds)
        assert ready, f"no answer within {seconds:g} s"
        line = self._process.stdout.readline()
        assert line, "the nursery has ended: see its error above"
        return json.loads(line)

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


class Service:
    """One service with a database, a simulated cloud that outlives it, and a port that stays the same."""

    def __init__(
        self,
        *,
        directory: Path,
        nursery: Nursery | None = None,
        cloud: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
        file_size_max: int | None = None,
    ) -> None:
        self.directory = directory
        self.port = free_port()
        self.state_path = directory / "cloud.jsonl"
        self.database = directory / "nfvigil.db"
        self.cloud = {**CLOUD, **(cloud or {})}
        options = {**self.cloud, "state_path": str(self.state_path)}
        self.settings: dict[str, Any] = {
            "port": self.port,
            "dev": True,
            "database_url": f"sqlite:///{self.database}",
            "vims": [{"name": "cloud", "driver": "simulated", "options": options}],
            **(settings or {}),
        }
        self.file_size_max = file_size_max
        self.log = directory / "service.log"
        self.api = Api(port=self.port)
        self.pid: int | None = None
        self.starts = 0
        self._nursery = nursery
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, is_awaited: bool = True) -> Service:
        assert self.pid is None, "it runs already"
        if self._nursery is not None:
            self.pid = self._nursery.start(self.settings, self.log, self.file_size_max)
        else:
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-c", RUN, json.dumps(self.settings)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            self.pid = self._process.pid
        self.starts += 1
        if is_awaited:
            self.wait_ready()
        return self

    def wait_ready(self, seconds: float = START_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while True:
            answer = self.api.try_once("GET", "/readyz")
            if answer is not None and answer.status == 200:
                return
            assert self.is_alive(), f"it ended at its start:\n{self.tail()}"
            assert time.monotonic() < deadline, f"not ready within {seconds:g} s:\n{self.tail()}"
            time.sleep(0.01)

    def is_alive(self) -> bool:
        if self.pid is None:
            return False
        state = Path(f"/proc/{self.pid}/stat")
        try:
            return state.read_text().rpartition(")")[2].split()[0] != "Z"
        except FileNotFoundError:
            return False

    def kill(self) -> None:
        """As if its power was cut: no chance to write anything down."""
        assert self.pid is not None
        os.kill(self.pid, signal.SIGKILL)
        assert self._wait(10) == -signal.SIGKILL, f"it had ended by itself:\n{self.tail()}"

    def stop(self, seconds: float = 20.0) -> int:
        """End it in an orderly way; its exit code."""
        assert self.pid is not None
        os.kill(self.pid, signal.SIGTERM)
        return self._wait(seconds)

    def exit_code(self, seconds: float = START_SECONDS) -> int:
        """Wait for it to end by itself."""
        return self._wait(seconds)

    def restart(self) -> None:
        assert self.stop() == 0, self.tail()
        self.start()

    def close(self) -> None:
        self.api.close()
        if self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)
            self._wait(10)

    def tail(self, lines: int = 40) -> str:
        if not self.log.exists():
            return "(no log)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def memory_mb(self) -> float:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise AssertionError("the kernel does not say")

    def _wait(self, seconds: float) -> int:
        pid, self.pid = self.pid, None
        assert pid is not None
        self.api.close()
        if self._nursery is not None:
            return self._nursery.wait(pid, seconds)
        assert self._process is not None
        return self._process.wait(seconds)

    def wait_quiet(self, seconds: float = 30.0) -> None:
        """Until nothing is under way: every event decided, every action over, every message delivered."""
        wait_until(self._is_quiet, f"quiet; the log:\n{self.tail()}", seconds, pause=0.05)

    def _is_quiet(self) -> bool:
        details = self.api.get("/readyz")["details"]
        if details["events_undecided"] or details["deliveries_queued"]:
            return False
        for state in ("planned", "running"):
            if self.api.get(f"/v1/actions?state={state}&limit=1")["items"]:
                return False
        for subscription in self.api.all("/v1/subscriptions"):
            path = f"/v1/subscriptions/{subscription['id']}/deliveries?state=pending&limit=1"
            if not subscription["paused"] and self.api.get(path)["items"]:
                return False
        # What was settled in between has been decided only if nothing waits now, too.
        return not self.api.get("/readyz")["details"]["events_undecided"]


MakeService = Callable[..., Service]
"""Makes services that are ended with the test; ``directory`` where there is more than one."""
