"""Tells what is wrong with our view of a VIM, when it begins and when it ends, until it was heard."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from nfvigil.errors import UnavailableError
from nfvigil.model.condition import Condition

_log = structlog.get_logger(__name__)

Say = Callable[[str, Condition, bool, str], Awaitable[None]]
"""(vim, condition, whether it holds, text)."""

PAUSE_MAX_SECONDS = 30.0
LAST_WORDS_SECONDS = 5.0


async def say_nothing(_vim: str, _condition: Condition, _is_on: bool, _text: str) -> None:
    """For those whom nobody listens to."""


class Conditions:
    """The conditions of one VIM.

    Whether one holds is told when it is first known, even if it does not: an earlier process may have said otherwise.
    After that it is told only when it is different.
    """

    def __init__(self, *, vim: str, say: Say) -> None:
        self._vim = vim
        self._say = say
        self._true: dict[Condition, tuple[bool, str]] = {}
        self._told: dict[Condition, bool] = {}
        self._news = asyncio.Event()

    @property
    def on(self) -> tuple[str, ...]:
        return tuple(condition.value for condition, (is_on, _) in self._true.items() if is_on)

    def is_on(self, condition: Condition) -> bool:
        return self._true.get(condition, (False, ""))[0]

    def put(self, condition: Condition, is_on: bool, text: str = "") -> None:
        before = self._true.get(condition)
        if before is not None and before[0] == is_on:
            return
        self._true[condition] = (is_on, text)
        self._news.set()
        if is_on:
            _log.warning("vim condition", vim=self._vim, condition=condition.value, text=text)
        elif before is not None:
            _log.info("vim condition is over", vim=self._vim, condition=condition.value)

    async def run(self) -> None:
        failures = 0
        self._news.set()  # it may be begun anew
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self._tell()
                failures = 0
            except UnavailableError as error:
                failures += 1
                _log.info("vim condition is not heard", vim=self._vim, error=str(error))
                self._news.set()
                await asyncio.sleep(min(PAUSE_MAX_SECONDS, max(0.1, error.retry_after_seconds) * failures))

    async def close(self) -> None:
        """The VIM is watched no longer, so nothing can be wrong with our view of it."""
        for condition in Condition:
            if condition in self._told or condition in self._true:
                self.put(condition, False, "it is not watched any more")
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                await self._last_words()

    async def _last_words(self) -> None:
        while True:
            try:
                await self._tell()
                return
            except UnavailableError as error:
                await asyncio.sleep(max(0.1, error.retry_after_seconds))
            except Exception:
                _log.exception("vim condition could not be said to be over", vim=self._vim)
                return

    async def _tell(self) -> None:
        for condition in Condition:
            is_on, text = self._true.get(condition, (None, ""))
            if is_on is not None and self._told.get(condition) is not is_on:
                await self._say(self._vim, condition, is_on, text)
                self._told[condition] = is_on
