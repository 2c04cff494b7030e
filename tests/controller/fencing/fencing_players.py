"""Fences and BMCs for tests: a scripted fence, time that moves only when told, BMCs that hang."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from nfvigil.controller.fencing.fence import Power
from nfvigil.errors import FenceUnavailableError

NO_ANSWER = FenceUnavailableError("the BMC does not answer")


class Time:
    """Seconds that pass only by sleeping, and 50 ms with each call of a fence."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> float:
        return self.seconds

    def clock(self) -> int:
        return round(self.seconds * 1_000_000)

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


class ScriptedFence:
    """Says what it was told to say, in turn; the last of it for ever."""

    host = "compute-1"
    driver = "scripted"
    is_manual = False

    def __init__(self, time: Time, says: Iterable[Power | Exception], orders: Iterable[Exception | None] = ()) -> None:
        self._time = time
        self._says = list(says)
        self._order_answers = list(orders)
        self.orders = 0
        self.asked_at: list[float] = []

    async def power(self) -> Power:
        self.asked_at.append(self._time.now())
        self._time.seconds += 0.05
        answer = self._says.pop(0) if len(self._says) > 1 else self._says[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def switch_off(self) -> None:
        self.orders += 1
        self._time.seconds += 0.05
        if self._order_answers and (answer := self._order_answers.pop(0)) is not None:
            raise answer

    async def close(self) -> None:
        pass


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def hanging(kind: socket.SocketKind = socket.SOCK_STREAM) -> Iterator[int]:
    """The port of somebody who takes everything and never answers."""
    with socket.socket(socket.AF_INET, kind) as server:
        server.bind(("127.0.0.1", 0))
        if kind is socket.SOCK_STREAM:
            server.listen()
        yield server.getsockname()[1]


def command_lines() -> dict[int, str]:
    """Of every process that can be seen, with its environment beside it where that may be read."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        text = ""
        for name in ("cmdline", "environ"):
            try:
                text += (folder / name).read_bytes().replace(b"\0", b" ").decode(errors="replace") + "\n"
            except OSError:
                pass
        found[int(folder.name)] = text
    return found


async def until(is_so: Callable[[], bool], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not is_so():  # noqa: ASYNC110 - what is waited for is outside of this program
            await asyncio.sleep(0.02)
