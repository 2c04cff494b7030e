"""A store of VNF records in memory, which counts what is written and can be away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from nfvigil.errors import ConflictError, StoreUnavailableError
from nfvigil.model.vnf import Vnf
from nfvigil.model.vnf_record import VduChange, VduDetails, VnfRecord

Key = tuple[str, str]


class Shelf:
    def __init__(
        self, *, is_away: Callable[[], bool] = lambda: False, seconds: Callable[[], float] | None = None
    ) -> None:
        self.vnfs: dict[Key, Vnf] = {}
        self.records: dict[Key, VnfRecord] = {}
        self.details: dict[Key, dict[str, VduDetails]] = {}
        self.history: dict[Key, list[VduChange]] = {}
        self.writes = 0
        self.reads = 0
        self.saved: Callable[[VnfRecord, VnfRecord], None] = lambda _before, _after: None
        self._is_away = is_away
        self._seconds = seconds

    async def _work(self) -> None:
        if self._seconds is not None:
            await asyncio.sleep(self._seconds())
        if self._is_away():
            raise StoreUnavailableError("the store is away")

    async def add_vnf(self, vnf: Vnf, record: VnfRecord | None = None) -> None:
        await self._work()
        self.vnfs[vnf.key] = vnf
        if record is not None:
            self.records[vnf.key] = record

    async def change_vnf(self, vnf: Vnf, *, was_us: int, record: VnfRecord | None = None) -> None:
        await self._work()
        if vnf.key not in self.vnfs or self.vnfs[vnf.key].changed_us != was_us:
            raise ConflictError("it was changed meanwhile")
        self.vnfs[vnf.key] = vnf
        if record is not None:
            self.records[vnf.key] = record

    async def remove_vnf(self, project: str, vnf_id: str) -> None:
        await self._work()
        for kept in (self.vnfs, self.records, self.details, self.history):
            kept.pop((project, vnf_id), None)

    async def vnf_records(self) -> Sequence[VnfRecord]:
        return list(self.records.values())

    async def vnf_record(self, project: str, vnf_id: str) -> VnfRecord | None:
        return self.records.get((project, vnf_id))

    async def put_vnf_records(self, records: Sequence[VnfRecord]) -> None:
        self.records.update({record.key: record for record in records})

    async def drop_vnf_records(self, keys: Sequence[Key]) -> None:
        for key in keys:
            self.records.pop(key)

    async def vnf_details(self, project: str, vnf_id: str) -> Mapping[str, VduDetails]:
        await self._work()
        self.reads += 1
        return dict(self.details.get((project, vnf_id), {}))

    async def save_vnf_record(
        self, record: VnfRecord, details: Mapping[str, VduDetails], history: Sequence[VduChange], *, was_us: int
    ) -> None:
        await self._work()
        before = self.records.get(record.key)
        if before is None or before.changed_us != was_us:
            raise ConflictError("it was changed meanwhile")
        self.writes += 1
        self.records[record.key] = record
        kept = self.details.setdefault(record.key, {})
        for vdu, words in details.items():
            old = kept.get(vdu, VduDetails())
            kept[vdu] = VduDetails(
                server=words.server or old.server,
                ports={port: body for port, body in {**old.ports, **words.ports}.items() if body},
            )
        self.history.setdefault(record.key, []).extend(history)
        self.saved(before, record)
