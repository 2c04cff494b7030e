"""VNF records, the clouds' own words on their VDUs, and the history of these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import delete, func, select, tuple_, update

from nfvigil.model.vnf_record import ChangeKind, VduChange, VduDetails, VnfRecord
from nfvigil.store import rows
from nfvigil.store.access import Access
from nfvigil.store.ops import Conflict, Execute, Insert, Op, Row
from nfvigil.store.reading import page_limit
from nfvigil.store.vnf_record_schema import vdu_history, vnf_details, vnf_records

LOAD_PAGE = 5_000
LINES_MAX = 1_000
"""Of a VDU's history; the oldest go with the next purge."""
PLACE_BITS = 10
"""Of a line's number: what is above them is the time."""

to_record = msgspec.json.Decoder(VnfRecord).decode
to_change = msgspec.json.Decoder(VduChange).decode


def line_number(at_us: int) -> int:
    """No line of this time or a later one has a lower number."""
    return at_us << PLACE_BITS


def record_row(record: VnfRecord) -> Row:
    return (record.project, record.id, record.changed_us, rows.encode(record))


def new_record_op(record: VnfRecord) -> Op:
    return Insert(table=vnf_records, rows=[record_row(record)], conflict=Conflict.REPLACE)


def changed_record_ops(record: VnfRecord) -> list[Op]:
    """The record as its VNF was told anew, and none of what was kept of VDUs that it has not any more."""
    mine = (vnf_details.c.project == record.project, vnf_details.c.vnf == record.id)
    left = vnf_details.c.vdu.not_in([vdu.id for vdu in record.vdus])
    return [new_record_op(record), Execute(statement=delete(vnf_details).where(*mine, left))]


def gone_record_ops(project: str, vnf_id: str) -> list[Op]:
    """All that is kept of a VNF beside what it was told to be."""
    return [
        Execute(statement=delete(vnf_records).where(vnf_records.c.project == project, vnf_records.c.id == vnf_id)),
        Execute(statement=delete(vnf_details).where(vnf_details.c.project == project, vnf_details.c.vnf == vnf_id)),
        Execute(statement=delete(vdu_history).where(vdu_history.c.project == project, vdu_history.c.vnf == vnf_id)),
    ]


class VnfRecordRecords(Access):
    async def vnf_records(self) -> list[VnfRecord]:
        """All, for the start: they are kept in memory."""
        found: list[VnfRecord] = []
        place = tuple_(vnf_records.c.project, vnf_records.c.id)
        while True:
            wanted = select(vnf_records.c.body).order_by(vnf_records.c.project, vnf_records.c.id).limit(LOAD_PAGE)
            if found:
                wanted = wanted.where(place > tuple_(*found[-1].key))
            page = await self._reader.values(wanted)
            found.extend(map(to_record, page))
            if len(page) < LOAD_PAGE:
                return found

    async def vnf_record(self, project: str, vnf_id: str) -> VnfRecord | None:
        body = await self._reader.value(
            select(vnf_records.c.body).where(vnf_records.c.project == project, vnf_records.c.id == vnf_id)
        )
        return None if body is None else to_record(body)

    async def put_vnf_records(self, records: Sequence[VnfRecord]) -> None:
        """New ones, or in the place of what they were."""
        if records:
            some = [record_row(record) for record in records]
            await self._writer.write([Insert(table=vnf_records, rows=some, conflict=Conflict.REPLACE)])

    async def drop_vnf_records(self, keys: Sequence[tuple[str, str]]) -> None:
        """Records, by (project, id), of VNFs that there are not."""
        for project, vnf_id in keys:
            await self._writer.write(gone_record_ops(project, vnf_id))

    async def save_vnf_record(
        self,
        record: VnfRecord,
        details: Mapping[str, VduDetails],
        history: Sequence[VduChange],
        *,
        was_us: int,
    ) -> None:
        """The record with what is new about it, all or nothing. ConflictError where it is not any more what it was at
        ``was_us``, or is gone.

        ``details`` are by VDU and hold what is other words now: what is left out stays, a port of no words goes.
        """
        mine = (vnf_records.c.project == record.project, vnf_records.c.id == record.id)
        statement = update(vnf_records).where(*mine, vnf_records.c.changed_us == was_us)
        values = {"changed_us": record.changed_us, "body": rows.encode(record)}
        complaint = f"the record of the VNF {record.id} was changed meanwhile"
        ops: list[Op] = [Execute(statement=statement.values(**values), must_hit=True, complaint=complaint)]
        ops += _details_ops(record, details)
        if history:
            ops.append(Insert(table=vdu_history, rows=_history_rows(record, history), conflict=Conflict.IGNORE))
        await self._writer.write(ops)

    async def vnf_details(self, project: str, vnf_id: str) -> dict[str, VduDetails]:
        """By VDU; none of those that no cloud has shown."""
        table = vnf_details.c
        wanted = select(table.vdu, table.port, table.body).where(table.project == project, table.vnf == vnf_id)
        servers: dict[str, bytes] = {}
        ports: dict[str, dict[str, bytes]] = {}
        for vdu, port, body in await self._reader.rows(wanted):
            if port:
                ports.setdefault(vdu, {})[port] = bytes(body)
            else:
                servers[vdu] = bytes(body)
        return {
            vdu: VduDetails(server=servers.get(vdu, b""), ports=ports.get(vdu, {}))
            for vdu in sorted({*servers, *ports})
        }

    async def vdu_history(
        self,
        project: str,
        vnf_id: str,
        *,
        vdu: str | None = None,
        kinds: Sequence[ChangeKind] = (),
        since_us: int | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> list[tuple[int, VduChange]]:
        """Lines with their numbers, oldest first, behind the line ``after``."""
        table = vdu_history.c
        first = after if since_us is None else max(after, line_number(since_us) - 1)
        wanted = select(table.number, table.body).where(table.project == project, table.vnf == vnf_id)
        wanted = wanted.where(table.number > first).order_by(table.number).limit(page_limit(limit))
        if vdu is not None:
            wanted = wanted.where(table.vdu == vdu)
        if kinds:
            wanted = wanted.where(table.kind.in_([kind.value for kind in kinds]))
        return [(number, to_change(body)) for number, body in await self._reader.rows(wanted)]

    async def trim_vdu_history(self, lines_max: int = LINES_MAX) -> int:
        """Remove the oldest lines of VDUs that have more than so many; returns how many went."""
        table = vdu_history.c
        place = (table.project, table.vnf, table.vdu)
        many = select(*place).group_by(*place).having(func.count() > lines_max)
        total = 0
        for project, vnf_id, vdu in await self._reader.rows(many):
            mine = (table.project == project, table.vnf == vnf_id, table.vdu == vdu)
            last = select(table.number).where(*mine).order_by(table.number.desc()).offset(lines_max).limit(1)
            if (number := await self._reader.value(last)) is not None:
                gone = Execute(statement=delete(vdu_history).where(*mine, table.number <= number))
                total += (await self._writer.write([gone]))[0].count
        return total


def _details_ops(record: VnfRecord, details: Mapping[str, VduDetails]) -> list[Op]:
    put: list[Row] = []
    gone: list[tuple[str, str]] = []
    for vdu, words in details.items():
        if words.server:
            put.append((record.project, record.id, vdu, "", words.server))
        for port, body in words.ports.items():
            if body:
                put.append((record.project, record.id, vdu, port, body))
            else:
                gone.append((vdu, port))
    ops: list[Op] = []
    if put:
        ops.append(Insert(table=vnf_details, rows=put, conflict=Conflict.REPLACE))
    if gone:
        mine = (vnf_details.c.project == record.project, vnf_details.c.vnf == record.id)
        place: Any = tuple_(vnf_details.c.vdu, vnf_details.c.port)
        ops.append(Execute(statement=delete(vnf_details).where(*mine, place.in_(gone))))
    return ops


def _history_rows(record: VnfRecord, history: Sequence[VduChange]) -> list[Row]:
    """Numbered by time, in their order; more than fit into a microsecond go on in the next."""
    found: list[Row] = []
    number = 0
    for line in history:
        number = max(number + 1, line_number(line.at_us))
        found.append((record.project, record.id, number, line.vdu, line.kind.value, rows.encode(line)))
    return found
