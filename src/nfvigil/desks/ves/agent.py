"""Looks at listings of clouds as they come, and tells the collectors what became different.

What was found, and the news of it, is one transaction between two turns of the pipeline: killed anywhere, the next
process finds both or neither, and looks again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial

import structlog
from msgspec.structs import replace

from nfvigil.desks.ves.book import Book
from nfvigil.desks.ves.held import HEARTBEATS_MAX, Held
from nfvigil.desks.ves.way import Told
from nfvigil.errors import NfvigilError, RefusedError, UnavailableError
from nfvigil.model.change import Change
from nfvigil.model.reading import Details, Reading
from nfvigil.model.resource import Kind, Server, key_of
from nfvigil.model.times import SECOND
from nfvigil.model.ves import VesBacklog, VesConfig, VesEvent, VesState
from nfvigil.pipeline import Pipeline
from nfvigil.store.ves_records import VesRecord
from nfvigil.ves.backlogs import MAY_APPEAR, reads_listing
from nfvigil.ves.clockwork import next_us
from nfvigil.ves.machine import beat, missing, step
from nfvigil.ves.view import View

IDLE_SECONDS = 3600.0
AT_ONCE = 200
"""Alarms told in one turn of the pipeline: 10,000 servers that fail together must not keep it from all others."""
PAUSE_SECONDS = 1.0
_log = structlog.get_logger(__name__)


class Agent:
    """A reader of listings. ``wanted`` has the configurations that the settings ask for, by VIM: each is put in force
    with the first listing that anything of it can be served from.
    """

    name = "ves"

    def __init__(
        self,
        *,
        book: Book,
        pipeline: Pipeline,
        refresh: Callable[[str], None],
        clock: Callable[[], int],
        wanted: Mapping[str, VesConfig] | None = None,
    ) -> None:
        self._book = book
        self._pipeline = pipeline
        self._refresh = refresh
        self._clock = clock
        self.wanted = dict(wanted or {})
        self._first: dict[str, Reading] = {}
        """Of VIMs whose configuration is wanted."""
        self._views: dict[str, View] = {}
        """Of the listing that is being handed out."""
        self._due: dict[str, None] = {}
        self._is_due = asyncio.Event()
        self._beats_anew = asyncio.Event()
        self._group: asyncio.TaskGroup | None = None
        self._asking: set[str] = set()
        """VIMs whose projects' names are being asked for."""

    # What the inventory calls

    def interval_seconds(self, vim: str) -> float | None:
        held = self._book.held.get(vim)
        return held.interval_seconds if held is not None else None

    def begin(self, vim: str) -> Details | None:
        return None  # all that is told is in the records

    def missing(self, reading: Reading) -> list[str]:
        held = self._book.held.get(reading.vim)
        if held is None:
            return []
        view = View(reading)
        return [
            key
            for backlog in held.backlogs
            if reads_listing(backlog)
            for key in missing(backlog, view=view, states=held.states_of(backlog))
        ]

    def take(self, reading: Reading, details: Details | None) -> None:
        held = self._book.held.get(reading.vim)
        if held is None:
            if reading.vim not in self.wanted:
                return
            self._first[reading.vim] = reading
        else:
            # The store is away for so long that the next one is there: what was gone then is gone.
            earlier = held.reading
            held.reading = reading if earlier is None else Reading(reading.snapshot, reading.gone | earlier.gone)
            held.read_us = reading.taken_us
        self._due[reading.vim] = None
        self._is_due.set()

    def forget(self, vim: str) -> None:
        """It is not watched, perhaps for a moment only; what was told of it stays known."""
        self._first.pop(vim, None)
        held = self._book.held.get(vim)
        if held is not None:
            held.reading = None

    def changed(self, vim: str) -> None:
        """It has another configuration: it is looked at by that as soon as it can be."""
        self.wanted.pop(vim, None)
        self._first.pop(vim, None)
        self._beats_anew.set()
        held = self._book.held.get(vim)
        if held is not None and held.interval_seconds is not None:
            with suppress(RefusedError):  # it is not watched now, and will be listed when it is
                self._refresh(vim)

    # What runs

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            group.create_task(self._look(), name="VES agent")
            group.create_task(self._beat(), name="VES heartbeats")

    async def _look(self) -> None:
        while True:
            await self._is_due.wait()
            self._is_due.clear()
            while self._due:
                vim = next(iter(self._due))
                del self._due[vim]
                try:
                    await self._look_at(vim)
                except NfvigilError as error:
                    # With the next listing it is looked at again: what is told follows from what was told before.
                    _log.warning("not looked at for the VES collector", vim=vim, reason=str(error))
                except Exception:
                    _log.exception("not looked at for the VES collector", vim=vim)

    async def _look_at(self, vim: str) -> None:
        if vim in self._first:
            await self._put_in_force(vim, self._first.pop(vim))
        held = self._book.held.get(vim)
        if held is None or held.reading is None or held.is_leaving:
            return
        if may_grow(held, held.reading):
            try:
                await self._grow(held, held.reading)
            except UnavailableError as error:
                # What is looked at already is no worse for it; the rest comes with a later listing.
                _log.warning("more could be told to the VES collector", vim=vim, reason=str(error))
        await self._pipeline.put(partial(self._found, held))
        if held.reading is not None:
            self._due[vim] = None  # after the other clouds

    async def _put_in_force(self, vim: str, reading: Reading) -> None:
        config = self.wanted[vim]
        self._ask_names(config)
        built = self._book.built(config, reading.snapshot.servers, reading.snapshot.hosts)
        if not built.backlogs:
            _log.warning("nothing of the settings' VES configuration can be served yet", vim=vim)
            return
        async with self._pipeline.between_turns():
            if vim in self._book.held or vim in self._book.removed or vim not in self.wanted:
                return
            now_us = self._clock()
            refusals = tuple((one.field, one.reason) for one in built.refusals)
            record = VesRecord(vim=vim, changed_us=now_us, backlogs=built.backlogs, refusals=refusals)
            held = await self._book.put(record, replace(config, changed_us=now_us), now_us)
            held.reading, held.read_us = reading, reading.taken_us
        self.changed(vim)

    async def _grow(self, held: Held, reading: Reading) -> None:
        """What was asked for may be there by now; what is there once stays, also while its source is away."""
        missing_ones = (
            self._pipeline.map.get(key_of(Kind.SERVER, one.server_id))
            for one in held.backlogs
            if one.server_id and one.type == "vm" and one.server_id not in reading.servers
        )
        servers = [*reading.snapshot.servers, *(one for one in missing_ones if isinstance(one, Server))]
        self._ask_names(held.config)
        built = self._book.built(held.config, servers, reading.snapshot.hosts)
        merged = {one.backlog_uuid: one for one in (*held.backlogs, *built.backlogs)}
        backlogs = tuple(merged.values())
        refusals = tuple((one.field, one.reason) for one in built.refusals)
        if (backlogs, refusals) == (held.record.backlogs, held.record.refusals):
            return
        async with self._pipeline.between_turns():
            if self._book.held.get(held.vim) is held and not held.is_leaving:
                await self._book.extend(held, replace(held.record, backlogs=backlogs, refusals=refusals))

    def _ask_names(self, config: VesConfig) -> None:
        """Beside the looks at other clouds, which do not wait for this one: the next listing is looked at with them."""
        if self._group is not None and config.vim not in self._asking:
            self._asking.add(config.vim)
            self._group.create_task(self._learn_names(config), name=f"VES names {config.vim}")

    async def _learn_names(self, config: VesConfig) -> None:
        try:
            await self._book.names.look(config)
        except Exception:
            _log.exception("the projects' names are not known", vim=config.vim)
        finally:
            self._asking.discard(config.vim)

    def _found(self, held: Held, now_us: int) -> Change | None:
        """What one listing brings, to be written down; it counts as written from then on, as it will be. Of a mass
        failure it is some: the listing stays to be looked at again when others had their turn.
        """
        reading, held.reading = held.reading, None
        if reading is None or self._book.held.get(held.vim) is not held:
            return None
        view = View(reading)
        events: list[VesEvent] = []
        states: list[VesState] = []
        dropped: list[tuple[str, str, str]] = []
        for backlog in held.backlogs:
            if not reads_listing(backlog):
                continue
            if len(events) >= AT_ONCE:
                held.reading = reading
                break
            mine = held.states_of(backlog)
            look = step(
                backlog,
                vim=held.vim,
                view=view,
                states=mine,
                now_us=now_us,
                faults=held.faults,
                most=AT_ONCE - len(events),
            )
            if look.is_partial:
                held.reading = reading
            held.apply(backlog, look)
            if not look.is_quiet:
                events += look.events
                states += look.states
                dropped += ((held.vim, backlog.backlog_uuid, source) for source in look.dropped)
        if not (events or states or dropped):
            return None
        return self._change(held, self._book.told(held, events, now_us), tuple(states), tuple(dropped))

    def _change(
        self,
        held: Held,
        some: Told,
        states: tuple[VesState, ...],
        dropped: tuple[tuple[str, str, str], ...] = (),
    ) -> Change:
        self._book.count(held, some)
        return Change(
            notifications=some.notifications,
            deliveries=some.deliveries,
            ves_states=states,
            ves_dropped=dropped,
        )

    # Signs of life

    async def _beat(self) -> None:
        while True:
            self._beats_anew.clear()
            now_us = self._clock()
            soonest_us = now_us + int(IDLE_SECONDS * SECOND)
            for held in list(self._book.held.values()):
                for backlog in held.backlogs:
                    if reads_listing(backlog):
                        continue
                    if next_us(backlog, held.states_of(backlog).get("")) <= now_us:
                        await self._beat_once(held, backlog)
                    soonest_us = min(soonest_us, next_us(backlog, held.states_of(backlog).get("")))
            wait = max(0.0, (soonest_us - self._clock()) / SECOND)
            try:
                async with asyncio.timeout(wait):
                    await self._beats_anew.wait()
            except TimeoutError:
                continue  # the next one is due

    async def _beat_once(self, held: Held, backlog: VesBacklog) -> None:
        try:
            await self._pipeline.put(partial(self._sign, held, backlog))
        except Exception:
            _log.exception("a VES heartbeat is left out", vim=held.vim)
            await asyncio.sleep(PAUSE_SECONDS)

    def _sign(self, held: Held, backlog: VesBacklog, now_us: int) -> Change | None:
        if self._book.held.get(held.vim) is not held or backlog not in held.backlogs:
            return None
        mine = held.states_of(backlog)
        look = beat(backlog, vim=held.vim, states=mine, now_us=now_us, read_us=held.read_us)
        if not look.events:
            return None
        if held.count_waiting("heartbeat") >= HEARTBEATS_MAX:
            # Nothing was sent, so the sequence stays; only the time has passed.
            held.skipped["heartbeat"] += 1
            (own,) = look.states
            before = mine.get("") or VesState(vim=held.vim, backlog=backlog.backlog_uuid, source="")
            mine[""] = replace(before, collected_us=own.collected_us)
            return None
        held.apply(backlog, look)
        return self._change(held, self._book.told(held, look.events, now_us), look.states)


def may_grow(held: Held, reading: Reading) -> bool:
    """Whether it is worth to look what can be served now: an entry waits for its source, or one's source is away."""
    if any(field.rpartition(".")[2] in MAY_APPEAR for field, _ in held.record.refusals):
        return True
    return any(one.server_id not in reading.servers for one in held.backlogs if one.server_id and one.type == "vm")
