"""Keeps VNF records in line with what the clouds' listings say of their servers.

A listing is taken into a slot, of which each cloud has one, and worked off by a task of its own:

    what changed, was lost or is looked at again  ->  rules  ->  say the news (durable)  ->  one write a changed VNF

Killed in between, the news is said again, and is known already. Where the store is away nothing is lost either: what
could not be written is wanted anew with the next listing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import structlog

from nfvigil.errors import UnavailableError
from nfvigil.model.reading import Details, Reading
from nfvigil.model.vnf import Vnf
from nfvigil.model.vnf_record import Vdu, VduNews, VnfRecord
from nfvigil.vnf import scribe
from nfvigil.vnf.aligned import aligned
from nfvigil.vnf.attention import SERVERS_MAX, chunks, fill_in, lost, of_unlisted, touched
from nfvigil.vnf.draft import Draft
from nfvigil.vnf.records import PORT, SERVER, Key, Records
from nfvigil.vnf.rules import ERROR
from nfvigil.vnf.scribe import Feed, NoFeed, Say, Scribe
from nfvigil.vnf.sight import Hearing, Sight
from nfvigil.vnf.told import IN_ERROR, Conditions, Told, to_tell

_log = structlog.get_logger(__name__)

SLICE = 40
"""VDUs after which others have their turn."""
RETRY_SECONDS = 5.0
"""After a write that failed: then the cloud is listed again, however long its period is."""


class Shelf(scribe.Shelf, Protocol):
    """What it needs of the store."""

    async def vnf_records(self) -> Sequence[VnfRecord]: ...
    async def put_vnf_records(self, records: Sequence[VnfRecord]) -> None: ...
    async def drop_vnf_records(self, keys: Sequence[Key]) -> None: ...


class Clouds(Protocol):
    """What it needs to know of the clouds, from memory."""

    def is_watched(self, vim: str) -> bool: ...

    def vim_of(self, project: str, server: str) -> str:
        """In which cloud the project's server is known to be, or ""."""

    def ports_of(self, server: str) -> Iterable[str]:
        """The ids of the ports that it is known to have."""

    def called(self, vim: str, host: str) -> str:
        """What the resource map calls a host of the cloud's."""

    def is_ours(self, server: str) -> bool:
        """Whether it is in ERROR because we set that."""

    def refresh(self, vim: str) -> None:
        """It is to be listed soon. Nothing happens where it is not watched."""


@dataclass
class _Cloud:
    digests: dict[str, int] = field(default_factory=dict)
    """Of the words that were worked off last."""
    slot: tuple[Reading, Hearing] | None = None
    at_work: Hearing | None = None
    hearing: Hearing | None = None
    """Of the listing that was begun last."""
    read_us: int | None = None

    def known(self) -> dict[str, int]:
        """What need not be handed over. By the time that the next listing is looked at, one that waits now may have
        been worked off or not: only what is the same either way is known.
        """
        known = self.digests
        for waiting in (self.at_work, self.slot[1] if self.slot is not None else None):
            if waiting is not None:
                known = dict(known.items() & waiting.digests.items())
        return known


class Keeper:
    """Plays ``Reader`` for the inventory."""

    name = "vnf-records"

    def __init__(
        self, *, shelf: Shelf, say: Say, clouds: Clouds, clock: Callable[[], int], feed: Feed | None = None
    ) -> None:
        self.records = Records()
        self.rounds = self.unreadable = 0
        self._shelf = shelf
        self._say = say
        self._map = clouds
        self._clock = clock
        self._feed = feed or NoFeed()
        self._told = Told()
        self._clouds: dict[str, _Cloud] = {}
        self._left_us: dict[str, int] = {}
        """Of clouds that are not watched any more: when the last listing of theirs was begun."""
        self._fresh: set[str] = set()
        """Servers whose words are wanted whole with the next listing."""
        self._held: set[str] = set()
        """Servers whose ERROR is not told, because it is our doing."""
        self._scribe = Scribe(
            shelf=shelf,
            say=self._say_after_ends,
            records=self.records,
            told=self._told,
            feed=self._feed,
            fresh=self._fresh,
        )
        self._unsaid: list[VduNews] = []
        self._changing = asyncio.Lock()
        """Held while the records and the store differ."""
        self._wake = asyncio.Event()

    # Asking

    def record(self, project: str, vnf_id: str) -> VnfRecord | None:
        return self.records.get((project, vnf_id))

    def read_us(self, vim: str) -> int | None:
        """When the last listing that is in the records was begun."""
        cloud = self._clouds.get(vim)
        return self._left_us.get(vim) if cloud is None or cloud.read_us is None else cloud.read_us

    @property
    def writes(self) -> int:
        """Records that were written because a cloud said something else of them."""
        return self._scribe.writes

    @property
    def conflicts(self) -> int:
        return self._scribe.conflicts

    def ages_seconds(self) -> dict[str, float]:
        """How old what the records say is, by cloud; of those that were read, and that records are still of."""
        now_us = self._clock()
        left = [vim for vim in self._left_us if self.records.expected(vim)]
        read = {vim: self.read_us(vim) for vim in (*left, *self._clouds)}
        return {vim: max(0, now_us - at_us) / 1e6 for vim, at_us in read.items() if at_us is not None}

    # As a reader

    def interval_seconds(self, vim: str) -> float | None:
        """Records are as fresh as the map is."""
        return None

    def begin(self, vim: str) -> Details | None:
        cloud = self._clouds.setdefault(vim, _Cloud())
        for server in self._fresh:
            cloud.digests.pop(SERVER + server, None)
            for port in self._map.ports_of(server):
                cloud.digests.pop(PORT + port, None)
        cloud.hearing = Hearing(
            wants=self.records.has_server,
            known=cloud.known(),
            fresh=frozenset(self._fresh),
            is_ours=self._map.is_ours,
            held=frozenset(self._held),
        )
        return cloud.hearing

    def missing(self, reading: Reading) -> list[str]:
        cloud = self._clouds.get(reading.vim)
        if cloud is None or cloud.hearing is None:
            return []
        away = lost(self.records, reading, cloud.hearing)
        expected = self.records.expected(reading.vim)
        return [key for key in away if key.startswith(SERVER) or SERVER + expected[key] not in away]

    def take(self, reading: Reading, details: Details | None) -> None:
        cloud = self._clouds.get(reading.vim)
        if cloud is not None and isinstance(details, Hearing):
            # One that was not worked off goes: what changed since the last that was is in this one too.
            cloud.slot = (reading, details)
            self._wake.set()

    def forget(self, vim: str) -> None:
        """Its servers stay as they are known; another cloud may have them."""
        if (read_us := self.read_us(vim)) is not None:
            self._left_us[vim] = read_us
        self._clouds.pop(vim, None)
        for cloud in self._clouds.values():
            expected = self.records.expected(vim)
            self._fresh.update(expected[key] for key in expected.keys() & cloud.digests.keys())

    # Told of VNFs

    async def start(
        self, vnfs: Iterable[Vnf], standing: Iterable[VduNews] = (), undecided: Iterable[VduNews] = ()
    ) -> None:
        """Before anything else: read what is kept, and bring it in line with the VNFs that there are. ``standing``:
        what stands as a fault; ``undecided``: what was said, and nothing has come of it yet.
        """
        known = {record.key: record for record in await self._shelf.vnf_records()}
        changed = []
        for vnf in vnfs:
            before = known.pop(vnf.key, None)
            record = aligned(vnf, before, vim_of=self._map.vim_of, at_us=self._next_us(before))
            self.records.put(record)
            if record is not before:
                changed.append(record)
        for some in _batches(changed, SERVERS_MAX):
            await self._shelf.put_vnf_records(some)
        await self._shelf.drop_vnf_records(list(known))
        self._unsaid += self._told.begin(self.records, standing, undecided)
        self._held = {
            vdu.server
            for record in self.records
            for vdu in record.vdus
            if vdu.status == ERROR and IN_ERROR not in self._told.of(record.key, vdu.id)
        }
        self._wake.set()

    @asynccontextmanager
    async def putting(
        self, vnf: Vnf, given: VnfRecord | None = None, *, lets_go: bool = False
    ) -> AsyncIterator[VnfRecord]:
        """A VNF is told of, or told anew: its record, for whoever writes down both. It counts when that is done.
        ``given``: what a document says of its servers. ``lets_go``: of interfaces that are gone and not named.
        """
        async with self._changing:
            before = self.records.get(vnf.key)
            at_us = self._next_us(before)
            record = aligned(vnf, before, given, vim_of=self._map.vim_of, at_us=at_us, lets_go=lets_go)
            yield record
            self.records.put(record)
        self._feed.changed(*record.key)
        known = {vdu.server: vdu for vdu in before.vdus} if before is not None else {}
        kept = {(vdu.id, vdu.server) for vdu in record.vdus}
        if before is not None:
            dropped = [vdu for vdu in before.vdus if (vdu.id, vdu.server) not in kept]
            self._end([*self._told.ends(before, dropped), *self._let_go(record, known)])
        new = [vdu for vdu in record.vdus if known.get(vdu.server) is not vdu]
        self._fresh.update(vdu.server for vdu in new)
        for vim in sorted({vdu.vim for vdu in new if vdu.vim}):
            self._map.refresh(vim)

    def _let_go(self, record: VnfRecord, known: Mapping[str, Vdu]) -> Iterator[VduNews]:
        for vdu in record.vdus:
            before = known.get(vdu.server, vdu)
            if before is not vdu:
                ports = {one.port for one in before.interfaces} - {one.port for one in vdu.interfaces}
                yield from self._told.let_go(record, vdu, ports)

    @asynccontextmanager
    async def removing(self, project: str, vnf_id: str) -> AsyncIterator[None]:
        """A VNF goes, when whoever removes it has done so. What stands of it is ended."""
        async with self._changing:
            yield
            before = self.records.remove((project, vnf_id))
        if before is not None:
            self._end(self._told.ends(before, before.vdus))
            self._fresh.difference_update(vdu.server for vdu in before.vdus if not self.records.of(vdu.server))
            self._held.difference_update(vdu.server for vdu in before.vdus if not self.records.of(vdu.server))
        self._feed.removed(project, vnf_id)

    def _end(self, news: Sequence[VduNews]) -> None:
        if news:
            self._unsaid += news
            self._wake.set()

    def _next_us(self, before: VnfRecord | None) -> int:
        return max(self._clock(), before.changed_us + 1 if before is not None else 0)

    # Working off

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            is_done = await self._guarded("what stood of removed VNFs", self._say_ends)
            for vim, cloud in list(self._clouds.items()):
                slot, cloud.slot = cloud.slot, None
                if slot is not None and not await self._guarded(vim, partial(self._round, cloud, *slot)):
                    is_done = False
                    self._later(partial(self._map.refresh, vim))
            if not is_done:
                self._later(self._wake.set)

    def _later(self, what: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_later(RETRY_SECONDS, what)

    async def _guarded(self, what: str, work: Callable[[], Awaitable[None]]) -> bool:
        """Whether it was done. A bug with one cloud's records must not end the others'."""
        try:
            await work()
        except UnavailableError as error:
            _log.warning("vnf records are written later", what=what, reason=str(error))
            return False
        except Exception:
            _log.exception("vnf records could not be brought in line", what=what)
            return False
        return True

    async def _say_ends(self) -> None:
        while some := self._unsaid[:SERVERS_MAX]:
            await self._say(some)
            del self._unsaid[: len(some)]

    async def _say_after_ends(self, news: Sequence[VduNews]) -> None:
        """An end that is said late would end what was told of the same component since."""
        await self._say_ends()
        await self._say(news)

    async def _round(self, cloud: _Cloud, reading: Reading, hearing: Hearing) -> None:
        left: dict[Key, list[str]] = {}
        cloud.at_work = hearing
        try:
            if not hearing.digests:
                await fill_in(self.records, reading, hearing)
            ports, servers = await touched(self.records, self._held, reading, hearing)
            for words in of_unlisted(ports, reading):
                del hearing.digests[words]  # nobody has entered them: they are handed over again with their server
            sight = Sight(reading=reading, hearing=hearing, ports=ports, is_watched=self._map.is_watched)
            for server in servers:
                for key in self.records.of(server):
                    left.setdefault(key, []).append(server)
            self._fresh -= {one for one in hearing.fresh if SERVER + one in hearing.digests}
            for keys in chunks(left):
                async with self._changing:
                    await self._bring_in_line(sight, {key: left[key] for key in keys})
                for key in keys:
                    del left[key]
            self.unreadable += sight.unreadable
            cloud.read_us = reading.taken_us
            self.rounds += 1
        finally:
            # Whatever was not written is handed over anew: so nothing is lost where this is the last that is heard.
            self._fresh.update(server for servers in left.values() for server in servers)
            cloud.digests = hearing.digests
            cloud.at_work = None

    async def _bring_in_line(self, sight: Sight, touched: Mapping[Key, Sequence[str]]) -> None:
        drafts: list[Draft] = []
        looked_at = 0
        for key, servers in touched.items():
            before = self.records.get(key)
            if before is None:
                continue
            draft = Draft(before, servers=servers, at_us=self._next_us(before))
            wanted = set(servers)
            for place, vdu in enumerate(before.vdus):
                if vdu.server not in wanted:
                    continue
                followed = sight.followed(before.project, vdu, at_us=draft.at_us)
                if followed is not None:
                    after = draft.enter(place, followed, sight)
                    self._look_for_news(draft, after, followed.conditions, sight)
                looked_at += 1
                if looked_at % SLICE == 0:
                    await asyncio.sleep(0)
            await self._scribe.leave_out_known(draft, sight.hearing)
            drafts.append(draft)
        await self._scribe.write(drafts)

    def _look_for_news(self, draft: Draft, vdu: Vdu, conditions: Conditions, sight: Sight) -> None:
        told = self._told.of(draft.before.key, vdu.id)
        is_ours = vdu.server in sight.hearing.ours or self._map.is_ours(vdu.server)
        now = to_tell(conditions, told, is_ours=is_ours)
        if now == conditions:
            self._held.discard(vdu.server)
        else:
            self._held.add(vdu.server)
        if not self._told.is_so(draft.before.key, vdu.id, now):
            listed = sight.server(vdu.server)
            host = listed.host if listed is not None else self._map.called(vdu.vim, vdu.host)
            draft.news += self._told.news(draft.before, vdu, now, host)
            draft.told.append((vdu.id, now))


def _batches(items: Sequence[VnfRecord], size: int) -> Iterator[Sequence[VnfRecord]]:
    for first in range(0, len(items), size):
        yield items[first : first + size]
