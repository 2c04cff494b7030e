"""Where every event comes in: normalised, told from its repeats, kept durably, and answered one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import tzinfo

from nfvigil.errors import FieldError, RefusedError, UnavailableError
from nfvigil.model.event import Event, Receipt, ReceiptState
from nfvigil.model.ids import EventIds
from nfvigil.model.raw import Ignored, Item, Refusal
from nfvigil.model.times import SECOND
from nfvigil.southbound.formats.nfvigil import NfvigilFormat
from nfvigil.southbound.limits import Limits, TooLargeError
from nfvigil.southbound.normalise import Normaliser
from nfvigil.southbound.repeats import Repeats


class Intake:
    """``keep`` returns when the events are durable, and raises UnavailableError when none of them is."""

    def __init__(
        self,
        *,
        keep: Callable[[Sequence[Event]], Awaitable[None]],
        ids: EventIds,
        clock: Callable[[], int],
        zone: tzinfo,
        limits: Limits | None = None,
        recent: Iterable[Event] = (),
    ) -> None:
        self.limits = limits or Limits()
        self._keep = keep
        self._ids = ids
        self._clock = clock
        self._normalise = Normaliser(ids=ids, zone=zone, limits=self.limits)
        self._repeats = Repeats(
            window_us=int(self.limits.repeat_window_seconds * SECOND),
            size_max=self.limits.repeats_max,
            recent=recent,
        )

    async def take(self, raws: Sequence[Item], door: str, sender: str = "") -> list[Receipt]:
        """A receipt for each, in order. When it returns, what was accepted is durable; when it raises
        UnavailableError, the sender must send all of it again (what was kept nevertheless is then a repeat).
        """
        if len(raws) > self.limits.events_max:
            reason = f"must be at most {self.limits.events_max}, not {len(raws)}"
            raise TooLargeError("too many events in one message", [FieldError("events", reason)])
        now_us = self._clock()
        receipts: list[Receipt] = []
        fresh: list[Event] = []
        waits: set[asyncio.Future[bool]] = set()
        kept: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        for raw in raws:
            if isinstance(raw, Refusal):
                receipts.append(Receipt(state=ReceiptState.REFUSED, errors=raw.errors))
                continue
            if isinstance(raw, Ignored):
                why = ((raw.path, raw.reason),)
                receipts.append(Receipt(state=ReceiptState.IGNORED, errors=why, number=raw.number, word=raw.word))
                continue
            event = self._normalise(raw, now_us, door, sender)
            if isinstance(event, list):
                receipts.append(Receipt(state=ReceiptState.REFUSED, errors=tuple(event)))
                continue
            seen = self._repeats.find(event)
            if seen is None:
                self._repeats.add(event, kept)
                fresh.append(event)
                receipts.append(Receipt(state=ReceiptState.ACCEPTED, id=event.id, flags=event.flags))
            else:
                if seen.kept is not None and seen.kept is not kept:
                    waits.add(seen.kept)
                receipts.append(Receipt(state=ReceiptState.REPEAT, id=seen.id, flags=event.flags))
        if fresh:
            await self._keep_all(fresh, kept)
        if waits:
            await _wait_for_others(waits)
        return receipts

    def read(self, body: bytes) -> Event:
        """One event in our own form, as ``take`` would see it, but not kept: for a dry run.

        Raises RefusedError with every error.
        """
        raws = NfvigilFormat().decode(body)
        if len(raws) != 1:
            raise RefusedError("one event is wanted", [FieldError("event", f"must be one, not {len(raws)}")])
        raw = raws[0]
        event = raw.errors if isinstance(raw, Refusal) else self._normalise(raw, self._clock(), "dry-run")
        if isinstance(event, Event):
            return event
        raise RefusedError("the event has errors", [FieldError(field, reason) for field, reason in event])

    def forget(self, *resources: str) -> None:
        """What was ill is well again: the next event about it counts, even if its monitor repeats itself.

        Name every name of the resource that monitors may use: what was seen is remembered by theirs.
        """
        before_id = self._ids()
        for resource in resources:
            self._repeats.forget(resource, before_id)

    async def _keep_all(self, fresh: Sequence[Event], kept: asyncio.Future[bool]) -> None:
        arrived = False
        try:
            await self._keep(fresh)
            arrived = True
        finally:
            # Also when we are cancelled: nobody may take these for kept who does not know that they are.
            self._repeats.settle(fresh, kept=arrived)
            if not kept.done():
                kept.set_result(arrived)


async def _wait_for_others(waits: Iterable[asyncio.Future[bool]]) -> None:
    """A repeat may only be confirmed once the first of its kind is durable. That wait is as long as ``keep``'s."""
    for wait in waits:
        if not await asyncio.shield(wait):
            raise UnavailableError("the event that this one repeats could not be kept")
