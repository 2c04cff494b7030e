"""The few fields of OpenStack's answers that are of use here. What is not named is not even decoded.

A field without a default must be there: an answer that lacks it is not believed.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

T = TypeVar("T")


class Wire(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    pass


class Link(Wire, frozen=True):
    rel: str
    href: str


class Id(Wire, frozen=True):
    id: str


class WireFlavor(Wire, frozen=True):
    """Embedded from 2.47 on; before, only its id."""

    id: str = ""
    vcpus: int = 0
    ram: int = 0


class WireFault(Wire, frozen=True):
    message: str = ""
    details: str = ""


class WireServer(Wire, frozen=True):
    id: str
    status: str
    tenant_id: str
    name: str | None = ""
    host: str | UnsetType | None = msgspec.field(name="OS-EXT-SRV-ATTR:host", default=UNSET)
    """Administrators see it; where it is missing, we are none."""
    host_status: str = ""
    metadata: dict[str, str] = {}
    flavor: WireFlavor | None = None
    volumes: list[Id] = msgspec.field(name="os-extended-volumes:volumes_attached", default_factory=list)
    task_state: str | None = msgspec.field(name="OS-EXT-STS:task_state", default=None)
    vm_state: str | None = msgspec.field(name="OS-EXT-STS:vm_state", default=None)
    fault: WireFault | None = None
    image: Any = None
    server_groups: list[str] | UnsetType = UNSET


class ServerPage(Wire, frozen=True):
    servers: list[WireServer]
    servers_links: list[Link] = []


class ServerWords(Wire, frozen=True):
    servers: list[msgspec.Raw]
    servers_links: list[Link] = []


class OneServer(Wire, frozen=True):
    server: WireServer


class WirePort(Wire, frozen=True):
    id: str
    status: str
    network_id: str
    admin_state_up: bool
    device_id: str | None
    device_owner: str | None
    name: str | None = ""
    project_id: str = ""
    tenant_id: str = ""
    host: str | UnsetType | None = msgspec.field(name="binding:host_id", default=UNSET)
    """Administrators see it; where it is missing, we are none, and see our own ports only."""
    data_plane_status: str | UnsetType | None = UNSET


class PortPage(Wire, frozen=True):
    ports: list[WirePort]
    ports_links: list[Link] = []


class PortWords(Wire, frozen=True):
    ports: list[msgspec.Raw]
    ports_links: list[Link] = []


class OnePort(Wire, frozen=True):
    port: WirePort


class WireNetwork(Wire, frozen=True):
    id: str
    name: str | None = ""
    project_id: str = ""
    tenant_id: str = ""


class NetworkPage(Wire, frozen=True):
    networks: list[WireNetwork]
    networks_links: list[Link] = []


class OneNetwork(Wire, frozen=True):
    network: WireNetwork


class WireVolume(Wire, frozen=True):
    id: str
    status: str
    name: str | None = ""
    project_id: str = msgspec.field(name="os-vol-tenant-attr:tenant_id", default="")
    host: str | None = msgspec.field(name="os-vol-host-attr:host", default=None)


class VolumePage(Wire, frozen=True):
    volumes: list[WireVolume]
    volumes_links: list[Link] = []


class OneVolume(Wire, frozen=True):
    volume: WireVolume


class WireService(Wire, frozen=True):
    """``status`` is UNKNOWN, and little else is there, where the service's cell does not answer."""

    binary: str
    host: str
    status: str
    id: str | int = ""
    zone: str = ""
    state: str = ""
    updated_at: str | None = None
    disabled_reason: str | None = None
    forced_down: bool = False


class Services(Wire, frozen=True):
    services: list[WireService]


class HypervisorService(Wire, frozen=True):
    host: str


class WireHypervisor(Wire, frozen=True):
    id: str | int
    hypervisor_hostname: str
    service: HypervisorService
    vcpus: int | None = 0
    memory_mb: int | None = 0
    hypervisor_type: str | None = ""
    hypervisor_version: str | int | None = ""


class HypervisorPage(Wire, frozen=True):
    hypervisors: list[WireHypervisor]
    hypervisors_links: list[Link] = []


class WireAggregate(Wire, frozen=True):
    name: str
    hosts: list[str]


class Aggregates(Wire, frozen=True):
    aggregates: list[WireAggregate]


class WireGroup(Wire, frozen=True):
    id: str
    members: list[str]


class Groups(Wire, frozen=True):
    server_groups: list[WireGroup]


class Flavor(Wire, frozen=True):
    id: str
    vcpus: int
    ram: int


class FlavorPage(Wire, frozen=True):
    flavors: list[Flavor]
    flavors_links: list[Link] = []


class ActionEvent(Wire, frozen=True):
    event: str
    result: str | None = None
    finish_time: str | None = None
    details: str | None = None
    traceback: str | None = None


class InstanceAction(Wire, frozen=True):
    action: str
    request_id: str
    start_time: str
    message: str | None = None
    events: list[ActionEvent] = []


class InstanceActions(Wire, frozen=True):
    instanceActions: list[InstanceAction]


class OneInstanceAction(Wire, frozen=True):
    instanceAction: InstanceAction


class Page(msgspec.Struct, Generic[T], frozen=True):
    """A part of a list, and the marker of what is behind it: None where it is the last."""

    items: list[T]
    marker: str | None = None
    is_whole: bool = False
    """The call knows no pages: these are all there are."""
