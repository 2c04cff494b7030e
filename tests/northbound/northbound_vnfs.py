"""VNFs over a map of a few servers, and a consumer's address that answers as it is told to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from nfvigil.desks.vnf_records import VnfRecordDesk
from nfvigil.desks.vnfs import VnfDesk
from nfvigil.errors import FieldError, RefusedError
from nfvigil.model.resource import MapChange, Record, Server
from nfvigil.model.subscription import Endpoint
from nfvigil.model.tacker import TABLE
from nfvigil.model.vnf import Vnf, Vnfc
from nfvigil.model.vnf_answers import Freshness
from nfvigil.model.vnf_record import ChangeKind, Interface, Vdu, VduChange, VduDetails, VnfRecord
from nfvigil.northbound.vnf_desk import VnfParts
from nfvigil.northbound.vnf_feed import VnfFeed
from nfvigil.vnf.registry import Registry

VNF_A = Vnf(id="v-a", project="A", name="epc", vnfcs=(Vnfc(id="c-a", server="s-a"),), created_us=7, changed_us=7)
VNF_B = Vnf(id="v-b", project="B", name="ims", vnfcs=(Vnfc(id="c-b", server="s-b"),), created_us=7, changed_us=7)


CHANGED_US = 1_699_999_990_000_000
READ_US = 1_699_999_995_000_000
PORT_A = Interface(
    port="p-a",
    name="oam",
    network="n-a",
    mac_address="fa:16:3e:00:00:01",
    ip_address="10.0.0.5;2001:db8::5",
    host="compute-1",
    pci="0000:05:00.1",
    vlan=1234,
    manages_vdu=True,
    manages_vnf=True,
)
RECORD_A = VnfRecord(
    project="A",
    id="v-a",
    ip_address="10.0.0.5;2001:db8::5",
    changed_us=CHANGED_US,
    vdus=(
        Vdu(
            id="c-a",
            server="s-a",
            vim="cloud",
            name="vm-a",
            status="ERROR",
            message="VIM status reported ERROR",
            host="compute-1",
            ip_address="10.0.0.5;2001:db8::5",
            interfaces=(PORT_A,),
            changed_us=CHANGED_US,
        ),
    ),
)
DETAILS_A = VduDetails(
    server=b'{"id":"s-a","status":"ERROR","hostId":"h1","OS-EXT-SRV-ATTR:host":"compute-1","host_status":"UP",'
    b'"fault":{"code":500,"message":"it broke","details":"on compute-1"}}',
    ports={"p-a": b'{"id":"p-a","status":"ACTIVE","binding:host_id":"compute-1","binding:profile":{"pci_slot":"x"}}'},
)
LINES_A = (
    VduChange(vdu="c-a", kind=ChangeKind.STATUS, before="ACTIVE", after="ERROR", at_us=CHANGED_US),
    VduChange(vdu="c-a", kind=ChangeKind.HOST, before="compute-2", after="compute-1", at_us=CHANGED_US + 1),
    VduChange(
        vdu="c-a", kind=ChangeKind.INTERFACE, field="vlan", interface="p-a", before="7", after="1234",
        at_us=CHANGED_US + 2,
    ),
    VduChange(
        vdu="c-a", kind=ChangeKind.INTERFACE, field="host", interface="p-a", after="compute-1", at_us=CHANGED_US + 3
    ),
    VduChange(
        vdu="c-a", kind=ChangeKind.INTERFACE, field="port", interface="p-a", after="p-a", at_us=CHANGED_US + 3
    ),
    VduChange(vdu="c-b", kind=ChangeKind.NAME, before="vm-b", after="vm-b2", at_us=CHANGED_US + 4),
)  # fmt: skip


@dataclass
class FakeRecords:
    """Who keeps the records, without a cloud."""

    feed: VnfFeed
    kept: dict[tuple[str, str], VnfRecord] = field(default_factory=lambda: {RECORD_A.key: RECORD_A})

    @asynccontextmanager
    async def putting(
        self, vnf: Vnf, given: VnfRecord | None = None, *, lets_go: bool = False
    ) -> AsyncIterator[VnfRecord | None]:
        yield given
        if given is not None:
            self.kept[vnf.key] = given
        self.feed.changed(*vnf.key)

    @asynccontextmanager
    async def removing(self, project: str, vnf_id: str) -> AsyncIterator[None]:
        yield
        self.kept.pop((project, vnf_id), None)
        self.feed.removed(project, vnf_id)

    def record(self, project: str, vnf_id: str) -> VnfRecord | None:
        return self.kept.get((project, vnf_id))


@dataclass
class Shelf:
    """A store of VNFs in three lines."""

    kept: dict[tuple[str, str], Vnf] = field(default_factory=dict)
    details: dict[tuple[str, str], dict[str, VduDetails]] = field(
        default_factory=lambda: {("A", "v-a"): {"c-a": DETAILS_A}}
    )

    async def vnf_details(self, project: str, vnf_id: str) -> dict[str, VduDetails]:
        return self.details.get((project, vnf_id), {})

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
        lines = enumerate(LINES_A if (project, vnf_id) == ("A", "v-a") else (), start=1)
        return [
            (number, line)
            for number, line in lines
            if number > after
            and vdu in (None, line.vdu)
            and (not kinds or line.kind in kinds)
            and line.at_us >= (since_us or 0)
        ][:limit]

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
    feed = VnfFeed()
    kept = FakeRecords(feed)
    desk = VnfDesk(
        registry=registry,
        shelf=shelf,
        servers=servers,
        take_map=servers.take,
        clock=lambda: now[0],
        records=kept,
    )
    records = VnfRecordDesk(
        told=desk,
        records=kept,
        shelf=shelf,
        servers=servers,
        freshness=lambda vim: Freshness(read_us=READ_US, is_stale=False) if vim == "cloud" else Freshness(),
    )
    return VnfParts(
        desk=desk,
        records=records,
        feed=feed,
        try_callback=callbacks or Callbacks(),
        sol_root="",
        tries_callbacks=True,
        tacker_faults=TABLE,
        server_project=servers.project,
    )
