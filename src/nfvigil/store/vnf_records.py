"""VNFs that we were told of, by our API or by their manager."""

from __future__ import annotations

import msgspec
from sqlalchemy import delete, select, update

from nfvigil.errors import ConflictError
from nfvigil.model.vnf import Vnf
from nfvigil.store import rows
from nfvigil.store.access import Access
from nfvigil.store.ops import Conflict, Execute, Insert
from nfvigil.store.schema import vnfs

to_vnf = msgspec.json.Decoder(Vnf).decode


class VnfRecords(Access):
    async def vnfs(self) -> list[Vnf]:
        """All, for the start: they are kept in memory."""
        found = await self._reader.rows(select(vnfs.c.body).order_by(vnfs.c.project, vnfs.c.id))
        return [to_vnf(row[0]) for row in found]

    async def add_vnf(self, vnf: Vnf) -> None:
        """ConflictError where the project has one of this id."""
        row = (vnf.project, vnf.id, vnf.changed_us, rows.encode(vnf))
        try:
            await self._writer.write([Insert(table=vnfs, rows=[row], conflict=Conflict.FAIL)])
        except ConflictError as error:
            raise ConflictError(f"there is a VNF {vnf.id} already") from error

    async def change_vnf(self, vnf: Vnf, *, was_us: int) -> None:
        """ConflictError where it is not any more what it was at ``was_us``, or is gone."""
        statement = update(vnfs).where(vnfs.c.project == vnf.project, vnfs.c.id == vnf.id, vnfs.c.changed_us == was_us)
        values = {"changed_us": vnf.changed_us, "body": rows.encode(vnf)}
        complaint = f"the VNF {vnf.id} was changed meanwhile: read it again"
        await self._writer.write([Execute(statement=statement.values(**values), must_hit=True, complaint=complaint)])

    async def remove_vnf(self, project: str, vnf_id: str) -> None:
        """Nothing happens where there is none."""
        await self._writer.write(
            [Execute(statement=delete(vnfs).where(vnfs.c.project == project, vnfs.c.id == vnf_id))]
        )
