"""The proof that a host is off: ordered if need be, and read until nothing else was seen for a while.

A single "off" proves little: BMCs answer from a cache, report the state that was ordered, and hosts are switched on
again by somebody else. So a host counts as off when the last so many answers said it, with a gap between them and
nothing else in between. Whatever cannot be known (no answer, an answer that is not understood) is never "off".
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import msgspec

from nfvigil.controller.fencing.fence import Fence, Power
from nfvigil.errors import FenceUnavailableError, UnavailableError

REORDER_SECONDS = 5.0
"""How long an order is given to take effect before it is given again."""

_TEXT_MAX = 300

Answer = TypeVar("Answer")


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """That a host was off."""

    host: str
    driver: str
    at_us: int
    """When the last reading was asked for: what happened later is not covered by it."""
    reads: int
    was_off_already: bool
    """Whether no order was given."""


class Sight(StrEnum):
    ON = "on"
    OFF = "off"
    UNKNOWN = "unknown"
    """There was no answer, or none that is understood."""
    ORDERED = "ordered"
    """Off was ordered; whether the order was taken is not known from this."""


class Step(StrEnum):
    LOOK = "look"
    ORDER = "order"
    PROVEN = "proven"


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """One thing that was seen or done, from when it was asked to when it was answered, in seconds."""

    what: Sight
    asked: float
    answered: float


def next_step(
    seen: Sequence[Seen], *, reads: int, gap_seconds: float, reorder_seconds: float = REORDER_SECONDS
) -> Step:
    """What follows from all that was seen so far, oldest first."""
    if not seen:
        return Step.LOOK
    if seen[-1].what is Sight.ON:
        return Step.ORDER if _wants_order(seen, reorder_seconds) else Step.LOOK
    return Step.PROVEN if offs_at_end(seen, gap_seconds) >= reads else Step.LOOK


def offs_at_end(seen: Sequence[Seen], gap_seconds: float) -> int:
    """How many readings at the end were OFF with nothing else between; those too close to each other count once."""
    first = len(seen)
    while first and seen[first - 1].what is Sight.OFF:
        first -= 1
    count, free_from = 0, float("-inf")
    for one in seen[first:]:
        if one.asked >= free_from:
            count, free_from = count + 1, one.answered + gap_seconds
    return count


def _wants_order(seen: Sequence[Seen], reorder_seconds: float) -> bool:
    """The last reading is ON. An order that is still taking effect is given its time, unless it had effect already."""
    for one in reversed(seen):
        if one.what is Sight.ORDERED:
            return seen[-1].asked - one.answered >= reorder_seconds
        if one.what is Sight.OFF:
            return True
    return True


async def prove_off(
    fence: Fence,
    *,
    clock: Callable[[], int],
    reads: int = 2,
    gap_seconds: float = 1.0,
    timeout_seconds: float = 30.0,
    reorder_seconds: float = REORDER_SECONDS,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Proof:
    """Make sure that the host is off, and prove it.

    UnavailableError: it is still on when the time is over; FenceUnavailableError: its state is not known for sure.
    Both may be tried again. RefusedError of the fence goes through: that will not get better.
    """
    if reads < 1 or gap_seconds <= 0:
        raise ValueError("a proof needs at least one reading, and a gap between readings")
    if fence.is_manual:
        await fence.switch_off()
        raise FenceUnavailableError(f"{fence.host} is switched off by an operator, and nobody can be asked for a proof")
    attempt = _Attempt(fence=fence, clock=clock, now=now, deadline=now() + timeout_seconds)
    while True:
        step = next_step(attempt.seen, reads=reads, gap_seconds=gap_seconds, reorder_seconds=reorder_seconds)
        if step is Step.PROVEN:
            return Proof(
                host=fence.host,
                driver=fence.driver,
                at_us=attempt.asked_us,
                reads=offs_at_end(attempt.seen, gap_seconds),
                was_off_already=all(one.what is not Sight.ORDERED for one in attempt.seen),
            )
        if step is Step.ORDER:
            await attempt.order()
        wait = gap_seconds if attempt.seen and attempt.seen[-1].what is not Sight.ORDERED else 0.0
        if now() + wait >= attempt.deadline:
            raise _no_proof(attempt, reads, gap_seconds, timeout_seconds)
        await sleep(wait)
        await attempt.look()


@dataclass(kw_only=True)
class _Attempt:
    """What was seen and done so far, and the calls themselves, each within what is left of the time."""

    fence: Fence
    clock: Callable[[], int]
    now: Callable[[], float]
    deadline: float
    asked_us: int = 0
    trouble: str = ""

    def __post_init__(self) -> None:
        self.seen: list[Seen] = []

    async def look(self) -> None:
        asked, self.asked_us = self.now(), self.clock()
        power = await self._within(self.fence.power())
        what = Sight.UNKNOWN if power is None else Sight(power)
        self.seen.append(Seen(what=what, asked=asked, answered=self.now()))

    async def order(self) -> None:
        asked = self.now()
        try:
            await self._within(self.fence.switch_off())
        finally:
            # Also where the answer was lost: the order may have been taken.
            self.seen.append(Seen(what=Sight.ORDERED, asked=asked, answered=self.now()))

    async def _within(self, call: Awaitable[Answer]) -> Answer | None:
        try:
            async with asyncio.timeout(max(0.0, self.deadline - self.now())):
                return await call
        except FenceUnavailableError as error:
            self.trouble = str(error)[:_TEXT_MAX]
        except TimeoutError:
            self.trouble = "there was no answer in time"
        return None


def _no_proof(attempt: _Attempt, reads: int, gap_seconds: float, timeout_seconds: float) -> UnavailableError:
    host, seconds = attempt.fence.host, f"{timeout_seconds:g} s"
    readings = [one.what for one in attempt.seen if one.what is not Sight.ORDERED]
    last = readings[-1] if readings else Sight.UNKNOWN
    because = f"; last trouble: {attempt.trouble}" if attempt.trouble else ""
    if last is Sight.ON:
        return UnavailableError(f"{host} is still on {seconds} after it was to be switched off{because}")
    if last is Sight.OFF:
        count = offs_at_end(attempt.seen, gap_seconds)
        return FenceUnavailableError(f"{host} was seen off {count} of {reads} times in {seconds}{because}")
    return FenceUnavailableError(f"whether {host} is off is not known after {seconds}{because}")


async def still_off(fence: Fence, *, timeout_seconds: float = 10.0) -> bool:
    """One last look. FenceUnavailableError where it cannot be known, which is not "yes"."""
    try:
        async with asyncio.timeout(timeout_seconds):
            return await fence.power() is Power.OFF
    except TimeoutError:
        raise FenceUnavailableError(f"{fence.host}: there was no answer in {timeout_seconds:g} s") from None
