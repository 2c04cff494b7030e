"""Runs one host's blocking calls in a thread, one at a time and each with a deadline."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

from nfvigil.errors import FenceUnavailableError

Answer = TypeVar("Answer")


class OneThread:
    """A blocking call cannot be ended from outside. One that outlives its deadline is left alone; until it ends by
    its own limits, further calls wait for it, so that a BMC that hangs costs one thread and not one for each call.
    """

    def __init__(self, *, name: str) -> None:
        self._name = name
        self._free = asyncio.Lock()

    async def run(self, call: Callable[[], Answer], *, timeout_seconds: float) -> Answer:
        """What the call returns or raises; FenceUnavailableError if it takes too long."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._free.acquire()
                return await self._start(call)
        except TimeoutError as error:
            raise FenceUnavailableError(f"{self._name} did not answer in {timeout_seconds:g} s") from error

    def _start(self, call: Callable[[], Answer]) -> asyncio.Future[Answer]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()

        def finish(result: Answer | None, error: BaseException | None) -> None:
            self._free.release()
            if answer.done():
                return
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(result)  # type: ignore[arg-type]  # None only where that is the answer

        def work() -> None:
            result: Answer | None = None
            failure: BaseException | None = None
            try:
                result = call()
            except BaseException as error:
                failure = error
            try:
                loop.call_soon_threadsafe(finish, result, failure)
            except RuntimeError:
                pass  # The loop was closed meanwhile: nobody waits any more.

        # Not of a pool: the interpreter waits for a pool's threads before it ends, and one may hang for long.
        thread = threading.Thread(target=work, name=f"fence {self._name}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            self._free.release()
            raise FenceUnavailableError(f"{self._name} cannot be asked: {error}") from error
        return answer
