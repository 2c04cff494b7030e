"""VNFs over a map of a few servers, and a consumer's address that answers as it is told to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nfvigil.errors import FieldError, RefusedError
from nfvigil.model.resource import MapChange, Record, Server
from nfvigil.model.subscription import Endpoint
from nfvigil.model.tacker import TABLE
from nfvigil.model.vnf import Vnf, Vnfc
from nfvigil.model.vnf_record import VnfRecord
from nfvigil.northbound.vnf_desk import VnfParts
from nfvigil.vnf.registry import Registry
from nfvigil.vnf_desk import VnfDesk

VNF_A = Vnf(id="v-a", project="A", name="epc", vnfcs=(Vnfc(id="c-a", server="s-a"),), created_us=7, changed_us=7)
VNF_B = Vnf(id="v-b", project="B", name="ims", vnfcs=(Vnfc(id="c-b", server="s-b"),), created_us=7, changed_us=7)


@dataclass
class Shelf:
    """A store of VNFs in three lines."""

    kept: dict[tuple[str, str], Vnf] = field(default_factory=dict)

    async def add_vnf(self, vnf: Vnf, record: VnfRecord | None = None) -> None:
        self.kept[vnf.key] = vnf

    async def change_vnf(self, vnf: Vnf, *, was_us: int, record: VnfRecord | None = None) -> None:
        assert self.kept[vnf.key].changed_us == was_us
        self.kept[vnf.key] = vnf

    async def remove_vnf(self, project: str, vnf_id: str) -> None:
        self.kept.pop((project, vnf_id), None)


@dataclass
class Servers:
    """The part of the resource map that has servers."""

    records: dict[str, Any]
    registry: Registry

    def get(self, key: str) -> Any:
        return self.records.get(key)

    def vnf_servers(self) -> Iterable[Server]:
        return [one for one in self.records.values() if isinstance(one, Server) and one.vnf]

    async def take(self, change: MapChange) -> None:
        for record in change.put:
            assert isinstance(record, Server)
            self.records[f"server/{record.id}"] = self.registry.annotated(record)

    def project(self, server_id: str) -> str:
        found = self.records.get(f"server/{server_id}")
        return found.project if isinstance(found, Server) else ""


@dataclass
class Callbacks:
    """Whom was asked, and whether they answered."""

    asked: list[Endpoint] = field(default_factory=list)
    refusal: str = ""

    async def __call__(self, endpoint: Endpoint) -> None:
        self.asked.append(endpoint)
        if self.refusal:
            raise RefusedError("the consumer does not answer as one", [FieldError("callbackUri", self.refusal)])


def vnf_parts(records: Mapping[str, Record], now: list[int], callbacks: Callbacks | None = None) -> VnfParts:
    shelf = Shelf({vnf.key: vnf for vnf in (VNF_A, VNF_B)})
    registry = Registry(shelf.kept.values())
    servers = Servers(dict(records), registry)
    desk = VnfDesk(registry=registry, shelf=shelf, servers=servers, take_map=servers.take, clock=lambda: now[0])
    return VnfParts(
        desk=desk,
        try_callback=callbacks or Callbacks(),
        sol_root="",
        tries_callbacks=True,
        tacker_faults=TABLE,
        server_project=servers.project,
    )
