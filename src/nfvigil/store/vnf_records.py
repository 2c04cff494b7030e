"""VNFs that we were told of, by our API or by their manager."""

from __future__ import annotations

import msgspec
from sqlalchemy import delete, select, update

from nfvigil.errors import ConflictError
from nfvigil.model.vnf import Vnf
from nfvigil.model.vnf_record import VnfRecord
from nfvigil.store import rows
from nfvigil.store.access import Access
from nfvigil.store.ops import Conflict, Execute, Insert, Op
from nfvigil.store.schema import vnfs
from nfvigil.store.vnf_record_records import changed_record_ops, gone_record_ops, new_record_op

to_vnf = msgspec.json.Decoder(Vnf).decode


class VnfRecords(Access):
    async def vnfs(self) -> list[Vnf]:
        """All, for the start: they are kept in memory."""
        found = await self._reader.rows(select(vnfs.c.body).order_by(vnfs.c.project, vnfs.c.id))
        return [to_vnf(row[0]) for row in found]

    async def add_vnf(self, vnf: Vnf, record: VnfRecord | None = None) -> None:
        """With the record that its own begins as. ConflictError where the project has one of this id."""
        row = (vnf.project, vnf.id, vnf.changed_us, rows.encode(vnf))
        ops: list[Op] = [Insert(table=vnfs, rows=[row], conflict=Conflict.FAIL)]
        if record is not None:
            ops.append(new_record_op(record))
        try:
            await self._writer.write(ops)
        except ConflictError as error:
            raise ConflictError(f"there is a VNF {vnf.id} already") from error

    async def change_vnf(self, vnf: Vnf, *, was_us: int, record: VnfRecord | None = None) -> None:
        """With its record. ConflictError where it is not any more what it was at ``was_us``, or is gone."""
        statement = update(vnfs).where(vnfs.c.project == vnf.project, vnfs.c.id == vnf.id, vnfs.c.changed_us == was_us)
        values = {"changed_us": vnf.changed_us, "body": rows.encode(vnf)}
        complaint = f"the VNF {vnf.id} was changed meanwhile: read it again"
        ops: list[Op] = [Execute(statement=statement.values(**values), must_hit=True, complaint=complaint)]
        await self._writer.write(ops + (changed_record_ops(record) if record is not None else []))

    async def remove_vnf(self, project: str, vnf_id: str) -> None:
        """With all that is kept of it. Nothing happens where there is none."""
        gone = Execute(statement=delete(vnfs).where(vnfs.c.project == project, vnfs.c.id == vnf_id))
        await self._writer.write([gone, *gone_record_ops(project, vnf_id)])
