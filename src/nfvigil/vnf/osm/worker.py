"""One thread for what blocks: questions to a database are asked in it one after the other."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from nfvigil.errors import OverloadedError, UnavailableError

T = TypeVar("T")
WAITING_MAX = 8
SECONDS = 120.0


class Worker:
    """It ends with the process, even where a call never comes back: nobody waits for it then."""

    def __init__(self, *, name: str, seconds: float = SECONDS, waiting_max: int = WAITING_MAX) -> None:
        self._name = name
        self._seconds = seconds
        self._calls: queue.Queue[Callable[[], None] | None] = queue.Queue(waiting_max)
        self._thread: threading.Thread | None = None

    async def do(self, call: Callable[..., T], *args: Any) -> T:
        """What ``call`` returns or raises. UnavailableError where it takes too long: it is not asked again before it
        is back.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()

        def give(result: T | None, error: BaseException | None) -> None:
            if answer.done():
                return
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(result)  # type: ignore[arg-type]  # there is one where there is no error

        def work() -> None:
            result, problem = None, None
            if not answer.done():  # nobody waits for it any more
                try:
                    result = call(*args)
                except BaseException as error:  # whoever waits for it is told
                    problem = error
            try:
                loop.call_soon_threadsafe(give, result, problem)
            except RuntimeError:
                return  # the loop has ended

        self._start()
        try:
            self._calls.put_nowait(work)
        except queue.Full:
            raise OverloadedError(f"{self._name}: {self._calls.maxsize} calls wait already") from None
        try:
            async with asyncio.timeout(self._seconds):
                return await answer
        except TimeoutError:
            answer.cancel()
            raise UnavailableError(f"{self._name} did not answer within {self._seconds:g} s") from None

    def close(self) -> None:
        """What is being done is not waited for, what waits is not begun."""
        if self._thread is None:
            return
        self._thread = None
        while True:
            try:
                self._calls.get_nowait()
            except queue.Empty:
                break
        self._calls.put_nowait(None)

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            call()
