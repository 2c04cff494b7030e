"""Runs what the documents show: a service as a child, commands in a shell, and a loose comparison of what they say.

A fenced block is taken up by the words behind its language:

    ```console run          each line that begins with "$ " is run, what follows it is what it must say
    ```console eventually   the same, asked again for a while until it says so: for what follows a moment later
    ```console serve        the same, but it is the service: it is started beside, and waited for until it is ready
    ```toml file=some.toml  is written to that file first
    ```python file=a.py beside   is started beside, says what it says into a.log, and ends with the document

In what a command must say, a line "..." stands for any number of lines, and "..." inside a line for anything.
The documents' ports are exchanged for private ones, so that nothing on the machine is in the way.
"""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from docs_nursery import SHIM

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"
SETTINGS = "nfvigil.toml"
SERVICE_PORT = "12345"
CONSUMER_PORTS = ("9000", "9001")
READY_SECONDS = 60.0
COMMAND_SECONDS = 30.0
EVENTUALLY_SECONDS = 20.0
PAUSE_SECONDS = 0.1

_BLANKS = re.compile(r"[ \t]+")
_FENCE = re.compile(r"^```(\w+)((?: [\w=./-]+)*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block that is marked to be used."""

    line: int
    language: str
    words: tuple[str, ...]
    text: str

    @property
    def file(self) -> str:
        return next((word.removeprefix("file=") for word in self.words if word.startswith("file=")), "")


@dataclass(frozen=True, slots=True)
class Command:
    line: int
    text: str
    says: str


def blocks(document: Path) -> list[Block]:
    text = document.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        words = tuple(match[2].split())
        if words:
            found.append(Block(text.count("\n", 0, match.start()) + 1, match[1], words, match[3]))
    return found


def commands(block: Block) -> Iterator[Command]:
    """Each "$ " line, with the "> " lines that continue it, and what it must say."""
    current: list[str] = []
    says: list[str] = []
    first = 0
    for number, line in enumerate(block.text.splitlines(), start=block.line + 1):
        if line.startswith("$ "):
            if current:
                yield Command(first, "\n".join(current), "\n".join(says))
            current, says, first = [line[2:]], [], number
        elif line.startswith("> ") and current and not says:
            current.append(line[2:])
        else:
            says.append(line)
    if current:
        yield Command(first, "\n".join(current), "\n".join(says))


def fits(says: str, said: str) -> bool:
    """Whether what was said is what must be said; how many blanks stand between words is no matter."""
    wanted = [_BLANKS.sub(" ", line).rstrip() for line in says.strip("\n").splitlines()]
    pattern = ""
    for line in wanted:
        if line.strip() == "...":
            pattern += r"(?:.*\n)*"
        else:
            pattern += r".*".join(re.escape(part) for part in line.split("...")) + r"[ \t]*\n"
    text = "".join(f"{_BLANKS.sub(' ', line).rstrip()}\n" for line in said.strip("\n").splitlines())
    return re.fullmatch(pattern, text) is not None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Nursery:
    """Where ``nfvigil`` comes from in the documents' commands: see ``docs_nursery``."""

    def __init__(self, directory: Path) -> None:
        self.door = directory / "door"
        self.bin = directory / "bin"
        self.bin.mkdir()
        shim = self.bin / "nfvigil"
        shim.write_text(f"#!{sys.executable} -IS\n{SHIM}", encoding="utf-8")
        shim.chmod(0o755)
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("docs_nursery.py")), str(self.door)],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + READY_SECONDS
        while not self.door.exists() and time.monotonic() < deadline and self._process.poll() is None:
            time.sleep(PAUSE_SECONDS)

    def close(self) -> None:
        _end(self._process)


@dataclass
class Stage:
    """One document's place to run in: a directory, private ports, a shell, and what runs beside it."""

    directory: Path
    nursery: Nursery | None = None
    ports: dict[str, str] = field(default_factory=dict)
    shell: subprocess.Popen[bytes] | None = None
    beside: list[subprocess.Popen[bytes]] = field(default_factory=list)
    count: int = 0

    def __enter__(self) -> Stage:
        for block in blocks(TUTORIAL):
            if block.file == SETTINGS:  # The other documents go on from there.
                (self.directory / SETTINGS).write_text(block.text, encoding="utf-8")
        self.ports = {port: str(free_port()) for port in (SERVICE_PORT, *CONSUMER_PORTS)}
        self.shell = subprocess.Popen(
            ["sh"],
            cwd=self.directory,
            env=self._environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        processes = [*self.beside, *([self.shell] if self.shell else [])]
        for process in processes:
            _end(process)

    def private(self, text: str) -> str:
        """The same text with our ports in place of the document's."""
        for port, ours in self.ports.items():
            text = re.sub(rf"\b{port}\b", ours, text)
        return text

    def public(self, text: str) -> str:
        for port, ours in self.ports.items():
            text = re.sub(rf"\b{ours}\b", port, text)
        return text

    def play(self, block: Block) -> list[str]:
        """Use a block; returns what went otherwise than the document says."""
        if block.file:
            path = self.directory / block.file
            path.write_text(self.private(block.text), encoding="utf-8")
            if "beside" in block.words:
                self._start([sys.executable, path.name], f"{path.stem}.log")
                self._wait_for_port(self.ports[CONSUMER_PORTS[0]])
            return []
        if "serve" in block.words:
            for command in commands(block):
                self._start(["sh", "-c", f"exec {self.private(command.text)}"], "service.log")
            return self._wait_until_ready(block.line)
        if "run" in block.words:
            return [flaw for command in commands(block) for flaw in self._run(command)]
        if "eventually" in block.words:
            return [flaw for command in commands(block) for flaw in self._run_until(command)]
        return [f"line {block.line}: nobody knows what to do with {' '.join(block.words)}"]

    def _run_until(self, command: Command) -> list[str]:
        deadline = time.monotonic() + EVENTUALLY_SECONDS
        while (flaws := self._run(command)) and time.monotonic() < deadline:
            time.sleep(PAUSE_SECONDS)
        return flaws

    def _run(self, command: Command) -> list[str]:
        said, status = self._ask(self.private(command.text))
        said = self.public(said)
        says = re.sub(r"^\[exit (\d+)\]$", "", command.says, flags=re.MULTILINE).strip("\n")
        wanted = re.search(r"^\[exit (\d+)\]$", command.says, re.MULTILINE)
        place = f"line {command.line}: {command.text}"
        flaws = []
        if status != (int(wanted[1]) if wanted else 0):
            flaws.append(f"{place}\n  ended with status {status}, and said:\n{said}")
        elif not fits(says, said):
            flaws.append(f"{place}\n  must say:\n{says}\n  said:\n{said}")
        return flaws

    def _ask(self, command: str) -> tuple[str, int]:
        """What the shell says to a command, and its status."""
        assert self.shell is not None
        assert self.shell.stdin is not None
        assert self.shell.stdout is not None
        self.count += 1
        mark = f"--- end of command {self.count}: "
        self.shell.stdin.write(f"{command}\nprintf '\\n%s%s\\n' '{mark}' $?\n".encode())
        self.shell.stdin.flush()
        said = b""
        deadline = time.monotonic() + COMMAND_SECONDS
        found = re.compile(re.escape(mark.encode()) + rb"(\d+)\n")
        while (match := found.search(said)) is None:
            ready, _, _ = select.select([self.shell.stdout], [], [], max(0.0, deadline - time.monotonic()))
            piece = os.read(self.shell.stdout.fileno(), 65536) if ready else b""
            if not piece:
                return f"{said.decode(errors='replace')}\n(no end within {COMMAND_SECONDS:g} s)", -1
            said += piece
        return said[: match.start()].decode(errors="replace").strip("\n"), int(match[1])

    def _start(self, arguments: list[str], log: str) -> None:
        with (self.directory / log).open("wb") as file:
            process = subprocess.Popen(
                arguments,
                cwd=self.directory,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.beside.append(process)

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("NFVIGIL_")}
        port = self.ports[SERVICE_PORT]
        if self.nursery is not None:
            kept["DOCS_NURSERY"] = str(self.nursery.door)
        return kept | {
            "PATH": ":".join(
                [*([str(self.nursery.bin)] if self.nursery else []), str(Path(sys.executable).parent), kept["PATH"]]
            ),
            "NFVIGIL_PORT": port,
            "NFVIGIL_URL": f"http://127.0.0.1:{port}",
            "NO_COLOR": "1",
            "COLUMNS": "160",
            "TERM": "dumb",
            "TZ": "UTC",
            "LC_ALL": "C.UTF-8",
            "no_proxy": "127.0.0.1,localhost",
        }

    def _wait_until_ready(self, line: int) -> list[str]:
        url = f"http://127.0.0.1:{self.ports[SERVICE_PORT]}/readyz"
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline and self.beside[-1].poll() is None:
            try:
                with urllib.request.urlopen(url, timeout=2) as answer:
                    if answer.status == 200:
                        return []
            except (urllib.error.URLError, OSError):
                time.sleep(PAUSE_SECONDS)  # it is starting
        log = (self.directory / "service.log").read_text(encoding="utf-8", errors="replace")
        return [f"line {line}: the service is not ready:\n{log[-4000:]}"]

    def _wait_for_port(self, port: str) -> None:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", int(port))) == 0:
                    return
            time.sleep(PAUSE_SECONDS)


def _end(process: subprocess.Popen[bytes]) -> None:
    """It and what it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(5)
            break
        except subprocess.TimeoutExpired:
            continue
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
