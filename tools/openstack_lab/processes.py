"""The lab's processes: each is known by its pid and its start time, as a pid alone may be somebody else's by now."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from .layout import Layout
from .waiting import LabError, wait_until

MARK = "NFVIGIL_LAB_PROCESS_OF"
"""In the environment of every process of a lab, and so of its children: names the lab's folder."""
KILL_SECONDS = 10.0


@dataclass(frozen=True, order=True)
class Pid:
    """A process that cannot be mistaken for a later one with its number."""

    number: int
    started: int  # in clock ticks since boot

    @property
    def is_alive(self) -> bool:
        return started_at(self.number) == self.started

    def send(self, signal_number: int) -> None:
        try:
            handle = os.pidfd_open(self.number)
        except ProcessLookupError:
            return
        try:
            # Whatever ends from here on, the handle does not become another process.
            if self.is_alive:
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(handle, signal_number)
        finally:
            os.close(handle)


def started_at(pid: int) -> int | None:
    """None where there is no such process, or it has ended and nobody has asked for its exit code yet."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name before it may hold spaces and brackets.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def all_pids() -> Iterator[Pid]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (started := started_at(int(entry.name))) is not None:
            yield Pid(int(entry.name), started)


def in_session(leader: int) -> list[Pid]:
    """The live processes that ``leader`` started, unless they began a session of their own."""
    found = []
    for pid in all_pids():
        with suppress(ProcessLookupError):
            if os.getsid(pid.number) == leader:
                found.append(pid)
    return found


def marked(root: Path) -> list[Pid]:
    """The live processes of the lab in ``root``, whoever started them."""
    line = f"{MARK}={root}".encode()
    found = []
    for pid in all_pids():
        with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            if line in Path(f"/proc/{pid.number}/environ").read_bytes().split(b"\0"):
                found.append(pid)
    return found


def kill(pids: Iterable[Pid]) -> None:
    """They are gone when this returns."""
    pids = list(pids)
    for pid in pids:
        pid.send(signal.SIGKILL)
    wait_until(
        lambda: not any(pid.is_alive for pid in pids), "killed processes to end", seconds=KILL_SECONDS, every=0.02
    )


def is_listening(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0


@dataclass(frozen=True, kw_only=True)
class Program:
    """What is run under which name. With a port it is ready when that listens."""

    name: str
    argv: Sequence[str | Path]
    port: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


class Daemon:
    """A program that runs on after the command that started it."""

    def __init__(self, *, program: Program, layout: Layout) -> None:
        self.program = program
        self.name = program.name
        self._layout = layout
        self._record = layout.path("run", f"{program.name}.json")
        self._output = layout.log(f"{program.name}.out")

    @property
    def pid(self) -> Pid | None:
        """None unless what we started runs still."""
        recorded = self._recorded()
        return recorded if recorded and recorded.is_alive else None

    def _recorded(self) -> Pid | None:
        try:
            record = json.loads(self._record.read_text())
            return Pid(record["pid"], record["started"])
        except (FileNotFoundError, ValueError):  # a half-written record: the mark finds the process
            return None

    def start(self) -> bool:
        """False if it runs already."""
        if self.pid:
            return False
        port = self.program.port
        if port and is_listening(port):
            raise LabError(f"{self.name}: port {port} is taken by another program: set NFVIGIL_LAB_PORT_BASE")
        with self._output.open("ab") as output:
            process = subprocess.Popen(
                [str(part) for part in self.program.argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self._layout.root,
                env=environment(self._layout, self.program.environment),
                start_new_session=True,
            )
        record = {"pid": process.pid, "started": started_at(process.pid), "at": time.time()}
        self._record.write_text(json.dumps(record))
        return True

    @property
    def start_time(self) -> float:
        """When it was started last, in seconds since the epoch."""
        return float(json.loads(self._record.read_text())["at"])

    def check_alive(self) -> None:
        if not self.pid:
            raise LabError(f"{self.name} has ended: see {self._output} and {self._output.with_suffix('.log')}")

    def wait_ready(self, seconds: float = 180.0) -> None:
        def is_ready() -> bool:
            self.check_alive()
            return self.program.port is None or is_listening(self.program.port)

        wait_until(is_ready, f"{self.name} to listen (see {self._output})", seconds=seconds)

    def signal(self, number: int) -> None:
        if pid := self.pid:
            pid.send(number)

    def wait_ended(self, deadline: float) -> None:
        """What is left of it at the deadline is killed, its children in any case."""
        recorded = self._recorded()
        if recorded is None:
            return
        while recorded.is_alive and time.monotonic() < deadline:
            time.sleep(0.02)
        if recorded.is_alive or started_at(recorded.number) is None:
            # A session keeps its leader's number for as long as it has members: nobody else can have it.
            kill(in_session(recorded.number))
        self._record.unlink(missing_ok=True)

    @property
    def memory_mib(self) -> int:
        """What it and its children take for themselves, with their share of what is shared."""
        kilobytes = 0
        for pid in in_session(self.pid.number) if self.pid else ():
            with suppress(FileNotFoundError, ProcessLookupError):
                for line in Path(f"/proc/{pid.number}/smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        kilobytes += int(line.split()[1])
        return kilobytes // 1024


def stop(daemons: Sequence[Daemon], *, number: int = signal.SIGTERM, grace_seconds: float = 20.0) -> None:
    """All at once; who has not ended after the grace is killed."""
    for daemon in daemons:
        daemon.signal(number)
    deadline = time.monotonic() + grace_seconds
    for daemon in daemons:
        daemon.wait_ended(deadline)


def environment(layout: Layout, more: Mapping[str, str]) -> dict[str, str]:
    """Nothing of the caller's: his proxy, his PYTHONPATH and his OS_CLOUD are not the services'."""
    return {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(layout.path("run")),
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": str(INSIDE),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONWARNINGS": "ignore",
        MARK: str(layout.root),
        **more,
    }


INSIDE = Path(__file__).resolve().parent / "inside"
PYTHON = "/usr/bin/python3"
"""Debian's own, as the services are its packages."""


def run(
    layout: Layout,
    name: str,
    argv: Sequence[str | Path],
    *,
    seconds: float = 600.0,
    more: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """A command that ends. What it says goes to logs/NAME.out."""
    output = layout.log(f"{name}.out")
    with output.open("ab") as file:
        try:
            done = subprocess.run(
                [str(part) for part in argv],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                cwd=layout.root,
                env=environment(layout, more),
                timeout=seconds,
            )
        except subprocess.TimeoutExpired as error:
            raise LabError(f"{name} was not done after {seconds:.0f} s: see {output}") from error
    if done.returncode:
        raise LabError(f"{name} failed with exit code {done.returncode}: see {output}")
