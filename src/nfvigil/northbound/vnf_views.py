"""How a VNF looks to its reader: what was said of it, and beside it what its servers are now."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from nfvigil.model.times import SECOND, iso, iso_or_none
from nfvigil.model.vnf import Vnf, Vnfc, VnfSource
from nfvigil.model.vnf_answers import Freshness, VnfStanding
from nfvigil.model.vnf_record import ChangeKind, Interface, Vdu, VduChange
from nfvigil.northbound.fields import Shape
from nfvigil.northbound.shapes import Id, Time
from nfvigil.northbound.vnf_veil import veiled_record


class VnfcInterfaceShape(Shape):
    port: Id
    name: str
    manages_vdu: bool
    manages_vnf: bool


class VnfcShape(Shape):
    id: Id
    server_id: Id
    vdu: str
    interfaces: list[VnfcInterfaceShape]
    """Those that its user named. What all of them are now stands in the record."""


class InterfaceShape(Shape):
    """An interface, by its port. `host`, `pci` and `vlan` are for those who see all projects."""

    port: Id
    name: str
    network: str
    mac_address: str
    ip_address: str
    """Several fixed addresses are joined with `;`."""
    manages_vdu: bool
    """Its address is the component's management address."""
    manages_vnf: bool
    """Its address is the VNF's management address."""
    message: str
    """What is wrong with it; empty where nothing is."""
    host: str = ""
    pci: str = ""
    vlan: int | None = None


class ComponentShape(Shape):
    """A component as it is now. `vim` and `host` are for those who see all projects; others have `host_id`."""

    id: Id
    server_id: Id
    vdu: str
    source: Annotated[str, Field(json_schema_extra={"enum": ["record", "map"]})]
    """`map`: no record is kept, only status and host are known."""
    status: str
    """Nova's, or `DELETED`; empty before the first listing."""
    message: str
    """What is wrong with it; empty where nothing is."""
    name: str
    ip_address: str
    """Its management address."""
    interfaces: list[InterfaceShape]
    interfaces_backup: list[InterfaceShape]
    """The last good ones of a server that was deleted."""
    changed_time: Time | None
    read_time: Time | None
    """When the listing that this is from was begun."""
    age_seconds: float | None
    stale: bool
    """Its cloud cannot be read just now: this may be over."""
    vim: str = ""
    host: str = ""
    host_id: str = ""
    """Tells a project's hosts apart."""


class RecordShape(Shape):
    """What the servers of a VNF are now. It changes by itself, and is no part of the VNF's ETag."""

    source: Annotated[str, Field(json_schema_extra={"enum": ["record", "map"]})]
    ip_address: str
    """The VNF's management address."""
    changed_time: Time | None
    read_time: Time | None
    """The oldest of its clouds' listings."""
    age_seconds: float | None
    stale: bool
    components: list[ComponentShape]


class VnfShape(Shape):
    id: Id
    project_id: str
    name: str
    vnfcs: list[VnfcShape]
    source: VnfSource
    created_time: Time | None
    """Null for one that is known by its servers' metadata only."""
    changed_time: Time | None
    """When what was said of it was changed."""
    created_by: str
    record: RecordShape


class LineShape(Shape):
    """A line of a component's history."""

    time: Time
    component_id: Id
    kind: ChangeKind
    field: str
    interface: str
    """The port, where it is about one."""
    before: str
    after: str


def told_view(vnf: Vnf) -> dict[str, Any]:
    """What was said of it: what can be changed, and so what an ETag is of."""
    return {
        "id": vnf.id,
        "project_id": vnf.project,
        "name": vnf.name,
        "vnfcs": [_vnfc_view(one) for one in vnf.vnfcs],
        "source": vnf.source.value,
        "created_time": iso(vnf.created_us) if vnf.created_us else None,
        "changed_time": iso(vnf.changed_us) if vnf.changed_us else None,
        "created_by": vnf.created_by,
    }


def _vnfc_view(vnfc: Vnfc) -> dict[str, Any]:
    return {
        "id": vnfc.id,
        "server_id": vnfc.server,
        "vdu": vnfc.vdu,
        "interfaces": [
            {"port": one.port, "name": one.name, "manages_vdu": one.manages_vdu, "manages_vnf": one.manages_vnf}
            for one in vnfc.interfaces
        ],
    }


def vnf_view(standing: VnfStanding, project: str | None, now_us: int) -> dict[str, Any]:
    """``project`` is the reader's, None for one who sees all."""
    return told_view(standing.vnf) | {"record": record_view(standing, project, now_us)}


def record_view(standing: VnfStanding, project: str | None, now_us: int) -> dict[str, Any]:
    record = standing.record
    shown = record if project is None else veiled_record(record, project)
    read_us = standing.read_us
    return {
        "source": "record" if standing.recorded else "map",
        "ip_address": record.ip_address,
        "changed_time": iso_or_none(record.changed_us or None),
        "read_time": iso_or_none(read_us),
        "age_seconds": _age(read_us, now_us),
        "stale": standing.is_stale,
        "components": [
            _component_view(
                vdu, vdu.id in standing.recorded, standing.vims.get(known.vim, Freshness()), project is None, now_us
            )
            for vdu, known in zip(shown.vdus, record.vdus, strict=True)
        ],
    }


def _component_view(vdu: Vdu, is_recorded: bool, freshness: Freshness, sees_all: bool, now_us: int) -> dict[str, Any]:
    view: dict[str, Any] = {
        "id": vdu.id,
        "server_id": vdu.server,
        "vdu": vdu.vdu,
        "source": "record" if is_recorded else "map",
        "status": vdu.status,
        "message": vdu.message,
        "name": vdu.name,
        "ip_address": vdu.ip_address,
        "interfaces": [_interface_view(one, sees_all) for one in vdu.interfaces],
        "interfaces_backup": [_interface_view(one, sees_all) for one in vdu.interfaces_backup],
        "changed_time": iso_or_none(vdu.changed_us or None),
        "read_time": iso_or_none(freshness.read_us),
        "age_seconds": _age(freshness.read_us, now_us),
        "stale": freshness.is_stale,
    }
    return view | ({"vim": vdu.vim, "host": vdu.host} if sees_all else {"host_id": vdu.host})


def _interface_view(interface: Interface, sees_all: bool) -> dict[str, Any]:
    view: dict[str, Any] = {
        "port": interface.port,
        "name": interface.name,
        "network": interface.network,
        "mac_address": interface.mac_address,
        "ip_address": interface.ip_address,
        "manages_vdu": interface.manages_vdu,
        "manages_vnf": interface.manages_vnf,
        "message": interface.message,
    }
    return view | ({"host": interface.host, "pci": interface.pci, "vlan": interface.vlan} if sees_all else {})


def line_view(change: VduChange) -> dict[str, Any]:
    return {
        "time": iso(change.at_us),
        "component_id": change.vdu,
        "kind": change.kind.value,
        "field": change.field,
        "interface": change.interface,
        "before": change.before,
        "after": change.after,
    }


def _age(read_us: int | None, now_us: int) -> float | None:
    return None if read_us is None else max(0, now_us - read_us) / SECOND
