"""Writes down what a listing made of VNF records: first the news, then the records.

Killed in between, the same news is said again, and is known by then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import structlog

from nfvigil.errors import ConflictError
from nfvigil.model.vnf_record import VduChange, VduDetails, VduNews, VnfRecord
from nfvigil.vnf.draft import Draft
from nfvigil.vnf.records import Records
from nfvigil.vnf.sight import Hearing
from nfvigil.vnf.told import Told

_log = structlog.get_logger(__name__)


class Shelf(Protocol):
    """What it needs of the store."""

    async def vnf_record(self, project: str, vnf_id: str) -> VnfRecord | None: ...
    async def vnf_details(self, project: str, vnf_id: str) -> Mapping[str, VduDetails]: ...
    async def save_vnf_record(
        self, record: VnfRecord, details: Mapping[str, VduDetails], history: Sequence[VduChange], *, was_us: int
    ) -> None: ...


class Feed(Protocol):
    """Who wants to know which records changed."""

    def changed(self, project: str, vnf_id: str) -> None: ...
    def removed(self, project: str, vnf_id: str) -> None: ...


class NoFeed:
    def changed(self, project: str, vnf_id: str) -> None: ...
    def removed(self, project: str, vnf_id: str) -> None: ...


Say = Callable[[Sequence[VduNews]], Awaitable[None]]
"""Durable at return."""


class Scribe:
    """``fresh``: servers whose words are wanted whole with the next listing, whoever puts them there."""

    def __init__(self, *, shelf: Shelf, say: Say, records: Records, told: Told, feed: Feed, fresh: set[str]) -> None:
        self.writes = self.conflicts = 0
        self._shelf = shelf
        self._say = say
        self._records = records
        self._told = told
        self._feed = feed
        self._fresh = fresh

    async def leave_out_known(self, draft: Draft, hearing: Hearing) -> None:
        doubted = draft.doubted(hearing)
        if doubted:
            draft.leave_out(doubted, await self._shelf.vnf_details(*draft.before.key))

    async def write(self, drafts: Sequence[Draft]) -> None:
        """An UnavailableError where some of it is not written; the rest is."""
        news = [one for draft in drafts for one in draft.news]
        told = [(draft.before.key, vdu, conditions) for draft in drafts for vdu, conditions in draft.told]
        if news:
            for one in told:
                self._told.doubt(*one)
            await self._say(news)
        for one in told:
            self._told.put(*one)
        changed = [
            (draft, record) for draft in drafts if (record := draft.record()) is not draft.before or draft.details
        ]
        # Each is written whole or not at all; those of one round share a commit.
        results = await asyncio.gather(
            *(
                self._shelf.save_vnf_record(record, draft.details, draft.changes, was_us=draft.before.changed_us)
                for draft, record in changed
            ),
            return_exceptions=True,
        )
        failure: BaseException | None = None
        for (draft, record), result in zip(changed, results, strict=True):
            if result is None:
                self.writes += 1
                self._records.put(record)
                if record is not draft.before:
                    self._feed.changed(*record.key)
            elif isinstance(result, ConflictError):
                await self._read_again(draft)
            else:
                failure = result
        if failure is not None:
            raise failure

    async def _read_again(self, draft: Draft) -> None:
        """Somebody else has changed it in the database, or taken it out: it is what stands there."""
        self.conflicts += 1
        project, vnf_id = draft.before.key
        _log.warning("a vnf record was changed by somebody else", project=project, vnf=vnf_id)
        record = await self._shelf.vnf_record(project, vnf_id)
        if record is None:
            self._records.remove(draft.before.key)
        else:
            self._records.put(record)
        self._fresh.update(draft.servers)
