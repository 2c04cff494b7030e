"""What the service answers about VNFs, typed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from nfvigil.client.answers import Answer


class VnfInterface(msgspec.Struct, frozen=True, kw_only=True):
    """``host``, ``pci`` and ``vlan`` are told to those who see all projects only."""

    port: str = ""
    name: str = ""
    network: str = ""
    mac_address: str = ""
    ip_address: str = ""
    host: str = ""
    pci: str = ""
    vlan: int | None = None
    manages_vdu: bool = False
    manages_vnf: bool = False
    message: str = ""


class VnfComponent(Answer, frozen=True, kw_only=True):
    """A component as it is now. A project is told ``host_id`` in place of ``vim`` and ``host``."""

    id: str
    server_id: str = ""
    vdu: str = ""
    source: str = ""
    status: str = ""
    message: str = ""
    name: str = ""
    ip_address: str = ""
    interfaces: tuple[VnfInterface, ...] = ()
    interfaces_backup: tuple[VnfInterface, ...] = ()
    changed_time: str | None = None
    read_time: str | None = None
    age_seconds: float | None = None
    stale: bool = False
    vim: str = ""
    host: str = ""
    host_id: str = ""


class VnfRecord(Answer, frozen=True, kw_only=True):
    """What the servers of a VNF are now."""

    source: str = ""
    ip_address: str = ""
    changed_time: str | None = None
    read_time: str | None = None
    age_seconds: float | None = None
    stale: bool = False
    components: tuple[VnfComponent, ...] = ()


class Vnfc(msgspec.Struct, frozen=True, kw_only=True):
    """A component as it was told."""

    id: str = ""
    server_id: str = ""
    vdu: str = ""
    interfaces: tuple[VnfInterface, ...] = ()


class Vnf(Answer, frozen=True, kw_only=True):
    id: str
    project_id: str = ""
    name: str = ""
    vnfcs: tuple[Vnfc, ...] = ()
    source: str = ""
    created_time: str | None = None
    changed_time: str | None = None
    created_by: str = ""
    record: VnfRecord = msgspec.field(default_factory=VnfRecord)

    @property
    def key(self) -> tuple[str, str]:
        return self.project_id, self.id

    @property
    def statuses(self) -> dict[str, int]:
        """How many of its components have which status."""
        found: dict[str, int] = {}
        for one in self.record.components:
            found[one.status or "UNKNOWN"] = found.get(one.status or "UNKNOWN", 0) + 1
        return found


class VnfLine(Answer, frozen=True, kw_only=True):
    """A line of a component's history."""

    time: str = ""
    component_id: str = ""
    kind: str = ""
    field: str = ""
    interface: str = ""
    before: str = ""
    after: str = ""


class VnfDetails(Answer, frozen=True, kw_only=True):
    """The cloud's own words on a component."""

    component_id: str
    server: Mapping[str, Any] | None = None
    ports: Mapping[str, Mapping[str, Any]] = {}


class VnfRef(Answer, frozen=True, kw_only=True):
    id: str
    project_id: str = ""


class VnfChanges(Answer, frozen=True, kw_only=True):
    """What changed since a cursor; go on with ``cursor``, at once if ``more``."""

    items: tuple[Vnf, ...] = ()
    removed: tuple[VnfRef, ...] = ()
    cursor: str = ""
    more: bool = False


class ImportedVnf(Answer, frozen=True, kw_only=True):
    vnf: Vnf
    notes: tuple[str, ...] = ()
