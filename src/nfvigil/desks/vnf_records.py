"""What VNFs' servers are now, beside what was said of the VNFs; what became of them; OSM's records in and out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from msgspec.structs import replace

from nfvigil.errors import FieldError, RefusedError
from nfvigil.inspector.resource_map import AnyRecord
from nfvigil.model.resource import Kind, Server, key_of
from nfvigil.model.vnf import Vnf, Vnfc
from nfvigil.model.vnf_answers import (
    Freshness,
    HistoryLine,
    HistoryPage,
    HistoryQuery,
    Imported,
    VnfFilter,
    VnfPage,
    VnfStanding,
)
from nfvigil.model.vnf_record import ChangeKind, Vdu, VduChange, VduDetails, VnfRecord
from nfvigil.vnf.named import said_of
from nfvigil.vnf.vnfr import vnfr_of
from nfvigil.vnf.vnfr_reading import vnf_of_vnfr

LOOKED_AT_MAX = 2_000
"""VNFs that a page looks at before it says where to go on."""
COMPONENTS_MAX = 5_000
"""On a page, so that an answer has an end. One VNF is shown whole."""
AT_ONCE = 250
"""Components after which others have their turn."""


class Told(Protocol):
    """What it needs of who knows what was said of VNFs."""

    def vnfs(self, project: str | None, after: str, limit: int) -> Sequence[Vnf]: ...
    def check(self, vnf: Vnf, *, may_name_unknown: bool) -> None: ...
    async def create(self, vnf: Vnf, record: VnfRecord | None = None, *, may_name_unknown: bool = False) -> Vnf: ...


class Records(Protocol):
    """What it needs of who keeps the records, and keeps them in line with the clouds."""

    def record(self, project: str, vnf_id: str) -> VnfRecord | None: ...


class Shelf(Protocol):
    """What it needs of the store."""

    async def vnf_details(self, project: str, vnf_id: str) -> Mapping[str, VduDetails]: ...
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
    ) -> Sequence[tuple[int, VduChange]]: ...


class Servers(Protocol):
    """What it needs of the resource map."""

    def get(self, key: str) -> AnyRecord | None: ...


class VnfRecordDesk:
    def __init__(
        self,
        *,
        told: Told,
        records: Records,
        shelf: Shelf,
        servers: Servers,
        freshness: Callable[[str], Freshness],
    ) -> None:
        self._told = told
        self._records = records
        self._shelf = shelf
        self._servers = servers
        self._freshness = freshness

    # Asking

    def standing(self, vnf: Vnf) -> VnfStanding:
        kept = self._records.record(vnf.project, vnf.id)
        by_id = {vdu.id: vdu for vdu in kept.vdus} if kept is not None else {}
        recorded: set[str] = set()
        vdus: list[Vdu] = []
        for one in vnf.vnfcs:
            vdu = by_id.get(one.id)
            if vdu is not None and vdu.server == one.server and vdu.status:
                recorded.add(one.id)
                vdus.append(vdu)
            else:
                vdus.append(self._of_map(vnf, one, vdu))
        record = kept or VnfRecord(project=vnf.project, id=vnf.id)
        return VnfStanding(
            vnf=vnf,
            record=replace(record, vdus=tuple(vdus)),
            recorded=frozenset(recorded),
            vims={vim: self._freshness(vim) for vim in {vdu.vim for vdu in vdus if vdu.vim}},
        )

    def _of_map(self, vnf: Vnf, vnfc: Vnfc, kept: Vdu | None) -> Vdu:
        """What the map says of a component of which no record is kept, or of which no listing has told yet."""
        vdu = kept if kept is not None and kept.server == vnfc.server else Vdu(id=vnfc.id, server=vnfc.server)
        vdu = replace(vdu, vdu=vnfc.vdu)
        server = self._server(vnfc.server)
        if server is None or server.project != vnf.project:
            return vdu
        return replace(vdu, vim=server.vim, name=server.name, status=server.status, host=server.host)

    def _server(self, server_id: str) -> Server | None:
        found = self._servers.get(key_of(Kind.SERVER, server_id))
        return found if isinstance(found, Server) else None

    async def page(self, project: str | None, wanted: VnfFilter, after: str, limit: int) -> VnfPage:
        items: list[VnfStanding] = []
        components = in_one_go = 0
        last = ""
        looked_at = self._told.vnfs(project, after, LOOKED_AT_MAX)
        for vnf in looked_at:
            if items and components + len(vnf.vnfcs) > COMPONENTS_MAX:
                return VnfPage(items=tuple(items), following=last)
            last = f"{vnf.project}/{vnf.id}"
            if wanted.names and vnf.name not in wanted.names:
                continue
            in_one_go += 1 + len(vnf.vnfcs)
            if in_one_go > AT_ONCE:
                in_one_go = 0
                await asyncio.sleep(0)
            standing = self.standing(vnf)
            if not _fits(wanted, standing.record.vdus):
                continue
            items.append(standing)
            components += len(vnf.vnfcs)
            if len(items) >= limit:
                return VnfPage(items=tuple(items), following=last)
        return VnfPage(items=tuple(items), following=last if len(looked_at) >= LOOKED_AT_MAX else None)

    async def history(self, vnf: Vnf, wanted: HistoryQuery) -> HistoryPage:
        found = await self._shelf.vdu_history(
            vnf.project,
            vnf.id,
            vdu=wanted.component,
            kinds=wanted.kinds,
            since_us=wanted.since_us,
            after=wanted.after,
            limit=wanted.limit,
        )
        return HistoryPage(
            lines=tuple(HistoryLine(number=number, change=change) for number, change in found),
            following=found[-1][0] if len(found) >= wanted.limit else None,
        )

    async def details(self, vnf: Vnf) -> Mapping[str, VduDetails]:
        """Of those components that it has now."""
        ids = {one.id for one in vnf.vnfcs}
        known = await self._shelf.vnf_details(vnf.project, vnf.id)
        return {component: details for component, details in known.items() if component in ids}

    # OSM's records

    def read(
        self, document: Mapping[str, Any], *, project: str, vims: Mapping[str, str], by: str, may_name_unknown: bool
    ) -> Imported:
        def vim_of_server(server_id: str) -> str | None:
            server = self._server(server_id)
            return server.vim if server is not None and server.project == project else None

        try:
            vnf, record = vnf_of_vnfr(document, project=project, vim_of=vims, vim_of_server=vim_of_server)
        except RefusedError as error:
            flaws = [FieldError(f"vnfr.{one.field}".rstrip("."), one.reason) for one in error.errors]
            raise RefusedError(error.message, flaws) from error
        said = {vdu.id: said_of(vdu) for vdu in record.vdus}
        vnfcs = tuple(replace(one, interfaces=said.get(one.id, ())) for one in vnf.vnfcs)
        vnf = replace(vnf, vnfcs=vnfcs, created_by=by)
        self._told.check(vnf, may_name_unknown=may_name_unknown)
        notes = [
            f"component {one.id}: no cloud has told of its server {one.server} yet"
            for one in vnf.vnfcs
            if self._server(one.server) is None
        ]
        return Imported(vnf=vnf, record=record, notes=tuple(notes))

    async def keep(self, found: Imported) -> Vnf:
        """Whoever may name servers that no cloud has told of was asked when it was read."""
        return await self._told.create(found.vnf, found.record, may_name_unknown=True)

    def export(self, vnf: Vnf, record: VnfRecord, details: Mapping[str, VduDetails]) -> dict[str, Any]:
        return vnfr_of(vnf, record, details)


def _fits(wanted: VnfFilter, vdus: Iterable[Vdu]) -> bool:
    every = tuple(vdus)
    return (not wanted.statuses or any(one.status in wanted.statuses for one in every)) and (
        not wanted.vims or any(one.vim in wanted.vims for one in every)
    )
