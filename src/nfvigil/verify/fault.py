"""How the host is made to fail and to be well again: by a monitor that we play, or by the operator's own commands."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import time
from typing import Protocol

from nfvigil.errors import RefusedError, UnavailableError
from nfvigil.model.times import iso
from nfvigil.verify.plan import Plan
from nfvigil.verify.service import Service

OUTPUT_MAX = 2000


class Fault(Protocol):
    async def begin(self, number: int) -> int | None:
        """When NFVigil had accepted the event, in steady ns; None where we cannot know."""

    async def end(self, number: int) -> None:
        """Of the same ``number``. Harmless where it had not begun, and where it is over."""


class PlayedMonitor:
    """Sends Doctor's event, as a monitor that has just seen the host fail."""

    def __init__(self, *, service: Service, plan: Plan) -> None:
        self._service = service
        self._plan = plan

    async def begin(self, number: int) -> int | None:
        await self._send("down", number)
        return time.monotonic_ns()

    async def end(self, number: int) -> None:
        await self._send("up", number)

    async def _send(self, status: str, number: int) -> None:
        await self._service.send(
            host=self._plan.host.name,
            status=status,
            time=iso(time.time_ns() // 1000),
            monitor=self._plan.name,
            event_id=f"{self._plan.run}-{number}",
        )


class Commands:
    """Somebody else's monitor sees what they do, and tells NFVigil."""

    def __init__(self, *, inject: str, restore: str, host: str, seconds: float) -> None:
        self._inject = inject
        self._restore = restore
        self._host = host
        self._seconds = seconds
        self._running: asyncio.Task[None] | None = None

    async def begin(self, number: int) -> int | None:
        """It runs on while news is waited for; ``end`` says if it failed."""
        self._running = asyncio.create_task(self._run(self._inject))
        return None

    async def end(self, number: int) -> None:
        """The command to restore is run in any case, also where that to inject failed."""
        running, self._running = self._running, None
        failed: RefusedError | UnavailableError | None = None
        if running is not None:
            try:
                await running
            except (RefusedError, UnavailableError) as error:
                failed = error
        await self._run(self._restore)
        if failed is not None:
            raise failed

    async def _run(self, command: str) -> None:
        # It is the operator's own command line, and meant for a shell; the name of the host is quoted for it.
        process = await asyncio.create_subprocess_shell(
            command.replace("{host}", shlex.quote(self._host)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            output, _ = await asyncio.wait_for(process.communicate(), self._seconds)
        except TimeoutError as error:
            raise UnavailableError(f"{command!r} did not end within {self._seconds:g} s") from error
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)  # a shell and what it started
                await process.wait()
        if process.returncode:
            said = output[-OUTPUT_MAX:].decode("utf-8", "replace").strip()
            raise RefusedError(f"{command!r} ended with {process.returncode}: {said}")
