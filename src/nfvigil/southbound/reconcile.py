"""Compares what an Alertmanager has with what we know of it: raises what was missed, clears what vanished.

An Alertmanager that is restarted, or whose message was lost, never says that an alert is over. So it is asked from time
to time. Absence is believed last: only of a complete answer, twice in a row, and of an Alertmanager that has run long
enough to have been told of every alert that fires. One that cannot be asked clears nothing and is an alarm itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec
import structlog

from nfvigil.errors import UnavailableError
from nfvigil.model.event import Receipt
from nfvigil.model.fault import Fault
from nfvigil.model.ids import NODE_BITS
from nfvigil.model.raw import Item, RawEvent
from nfvigil.model.resource import Kind
from nfvigil.model.times import SECOND
from nfvigil.southbound.alertmanager_api import Listing
from nfvigil.southbound.formats.alertmanager import MONITOR, AlertmanagerFormat, fingerprint_of, monitor_of
from nfvigil.southbound.formats.foreign import text
from nfvigil.southbound.limits import EVENTS_MAX

_log = structlog.get_logger("nfvigil.alertmanager")

UNREACHABLE = "monitoring.source.unreachable"
OURSELVES = "nfvigil/alertmanager"
FAILURES = 2
"""So many answers in a row must fail before it is an alarm."""
ROUNDS = 2
"""So many complete answers in a row must lack an alert before it is over."""
TOLD_MAX = 100_000


class Source(Protocol):
    async def listing(self) -> Listing: ...


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that holds up a fault of ours."""

    type: str
    resource: str
    event_id: int

    @property
    def received_us(self) -> int:
        return self.event_id >> NODE_BITS


def words_of(faults: Iterable[Fault], prefix: str) -> dict[str, list[Word]]:
    """By monitor: what stands on the words of those whose name begins with ``prefix``."""
    found: dict[str, list[Word]] = {}
    for fault in faults:
        for word in fault.assertions:
            if word.monitor.startswith(prefix):
                resource = word.named or word.resource
                one = Word(type=word.event_type, resource=resource, event_id=word.event_id)
                found.setdefault(word.monitor, []).append(one)
    return found


def is_for(alert: Mapping[str, Any], receiver: str) -> bool:
    names = alert.get("receivers")
    return isinstance(names, list) and any(isinstance(one, dict) and one.get("name") == receiver for one in names)


def is_firing(alert: Mapping[str, Any]) -> bool:
    """Not silenced, not inhibited: of such ones Alertmanager sends no message either."""
    status = alert.get("status")
    return isinstance(status, dict) and status.get("state") == "active"


def missed(
    listing: Listing, form: AlertmanagerFormat, known: Mapping[str, Sequence[Word]], told: Mapping[str, str]
) -> dict[str, tuple[str, Item]]:
    """By monitor, (when it began, its event) of alerts that fire and of which nothing is known. ``told`` are those that
    were known before, with when they began: an alarm that somebody cleared by hand is not raised again.
    """
    receiver = form.options.receiver
    found: dict[str, tuple[str, Item]] = {}
    for index, alert in enumerate(listing.alerts):
        monitor = monitor_of(receiver, fingerprint_of(alert))
        starts = text(alert.get("startsAt"))
        if is_for(alert, receiver) and is_firing(alert) and monitor not in known and told.get(monitor) != starts:
            item = form.read(f"alerts[{index}]", {**alert, "status": "firing"}, receiver)
            found[monitor] = (starts, item)
    return found


def vanished(listing: Listing, receiver: str, known: Mapping[str, Sequence[Word]], asked_us: int) -> set[str]:
    """The monitors of which the listing has no alert. What came in after we asked could not be in it."""
    there = {monitor_of(receiver, fingerprint_of(alert)) for alert in listing.alerts if is_for(alert, receiver)}
    return {
        monitor
        for monitor, words in known.items()
        if monitor not in there and all(word.received_us < asked_us for word in words)
    }


class Reconciler:
    """``take`` is intake's; ``faults`` are those that stand now."""

    def __init__(
        self,
        *,
        form: AlertmanagerFormat,
        source: Source,
        take: Callable[[Sequence[Item], str], Awaitable[Sequence[Receipt]]],
        faults: Callable[[], Iterable[Fault]],
        clock: Callable[[], int],
        count: Callable[[str, str, int], None] = lambda door, outcome, number: None,
    ) -> None:
        self._form = form
        self._source = source
        self._take = take
        self._faults = faults
        self._clock = clock
        self._count = count
        self._failures = 0
        self._absent: dict[str, int] = {}
        self._told: dict[str, str] = {}
        self.answered_us: int | None = None
        """When the last complete answer came."""

    async def run(self) -> None:
        while True:
            try:
                await self.turn()
            except UnavailableError as error:
                _log.warning("what Alertmanager has was not taken over", reason=str(error))
            except Exception:
                # It runs beside all else, which would end with it.
                _log.exception("what Alertmanager has was not taken over")
            await asyncio.sleep(self._form.options.poll_seconds)

    async def turn(self) -> None:
        """Ask once, and take over what differs. Raises UnavailableError only where our own database is away."""
        asked_us = self._clock()
        try:
            listing = await self._source.listing()
        except UnavailableError as error:
            self._failures += 1
            self._absent.clear()
            self._count(MONITOR, "unreachable", 1)
            _log.warning("Alertmanager cannot be asked", reason=str(error), failures=self._failures)
            if self._failures >= FAILURES:
                await self._say(is_away=True, text=str(error))
            return
        self._failures = 0
        self.answered_us = self._clock()
        await self._say(is_away=False, text="")
        known = words_of(self._faults(), f"{MONITOR}/{self._form.options.receiver}/")
        await self._raise(listing, known)
        await self._clear(listing, known, asked_us)

    async def _raise(self, listing: Listing, known: Mapping[str, Sequence[Word]]) -> None:
        found = missed(listing, self._form, known, self._told)
        await self._send([item for _, item in found.values()], "missed")
        there = {
            monitor_of(self._form.options.receiver, fingerprint_of(alert)): text(alert.get("startsAt"))
            for alert in listing.alerts[:TOLD_MAX]
        }
        self._told = {
            monitor: starts
            for monitor, starts in there.items()
            if monitor in known or monitor in found or self._told.get(monitor) == starts
        }

    async def _clear(self, listing: Listing, known: Mapping[str, Sequence[Word]], asked_us: int) -> None:
        if asked_us - listing.since_us < self._form.options.settle_seconds * SECOND:
            self._absent.clear()
            return
        gone = vanished(listing, self._form.options.receiver, known, asked_us)
        self._absent = {monitor: self._absent.get(monitor, 0) + 1 for monitor in gone}
        over = [monitor for monitor, rounds in self._absent.items() if rounds >= ROUNDS]
        events = [
            RawEvent(
                path=monitor,
                type=word.type,
                resource=word.resource,
                status="up",
                source=self._form.options.receiver,
                cause="Alertmanager does not have the alert any more",
                monitor=monitor,
                monitor_event_id=f"vanished/{word.event_id}",
            )
            for monitor in over
            for word in known[monitor]
        ]
        await self._send(events, "vanished")

    async def _send(self, items: Sequence[Item], word: str) -> None:
        for start in range(0, len(items), EVENTS_MAX):
            some = items[start : start + EVENTS_MAX]
            await self._take(some, self._form.name)
            self._count(MONITOR, word, len(some))

    async def _say(self, *, is_away: bool, text: str) -> None:
        is_said = bool(words_of(self._faults(), OURSELVES))
        if is_said is is_away:
            return
        event = RawEvent(
            type=UNREACHABLE,
            resource={"kind": Kind.GROUP, "id": MONITOR},
            status="down" if is_away else "up",
            source=OURSELVES,
            cause=text[:1000] or None,
            monitor=OURSELVES,
        )
        await self._take([event], self._form.name)
