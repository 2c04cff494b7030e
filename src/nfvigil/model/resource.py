"""What can fail, and who owns it. A resource is named by its key: ``kind/id``."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec


class Kind(StrEnum):
    # Physical
    HOST = "host"
    NIC = "nic"
    SWITCH = "switch"
    PDU = "pdu"
    DISK = "disk"
    RACK = "rack"
    # Virtual
    SERVER = "server"
    PORT = "port"
    VOLUME = "volume"
    NETWORK = "network"
    GROUP = "group"
    """A server group: the members of a VNF that stand in for one another."""
    # Neither
    ZONE = "zone"
    VIM = "vim"

    @property
    def is_virtual(self) -> bool:
        return self in _VIRTUAL


_VIRTUAL = {Kind.SERVER, Kind.PORT, Kind.VOLUME, Kind.NETWORK, Kind.GROUP}

INFRASTRUCTURE = tuple(kind for kind in Kind if kind not in _VIRTUAL)
"""What the operator has, as against what a project has: hosts and devices, zones, clouds."""


def is_infrastructure(kind: str) -> bool:
    """Whether a resource of this kind is the operator's. Monitors may name kinds that we do not know: those are too."""
    return kind not in _VIRTUAL


class ResourceState(StrEnum):
    """Doctor's VirtualResourceState."""

    NORMAL = "normal"
    MAINTENANCE = "maintenance"
    DOWN = "down"
    ERROR = "error"


BROKEN = (ResourceState.DOWN, ResourceState.ERROR)
"""The states in which a resource does not do what it is for."""


def key_of(kind: Kind | str, name: str) -> str:
    return f"{kind}/{name}"


def split_key(key: str) -> tuple[str, str]:
    """``host/compute-1`` -> (``host``, ``compute-1``)."""
    kind, _, name = key.partition("/")
    return kind, name


DOUBT = "?"
"""At the end of a key that may mean things of several VIMs: no record has it."""


class Record(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """What all resources have. ``project`` is "" for what belongs to the operator."""

    id: str
    name: str = ""
    vim: str = ""
    project: str = ""


class Host(Record, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag="host"):
    """A hypervisor. ``id`` is its canonical name: the one that Nova's compute service has."""

    aliases: tuple[str, ...] = ()
    """Other names for it: FQDN, short name, hypervisor host name, BMC."""
    zone: str = ""
    aggregates: tuple[str, ...] = ()
    """Names of the host aggregates that it is in."""
    service_up: bool = True
    is_reporting: bool = True
    """Whether its compute service has sent its heartbeat in time. Unlike ``service_up`` it does not follow
    ``forced_down``: a host that we forced down and that lives on still reports."""
    service_enabled: bool = True
    disabled_reason: str = ""
    forced_down: bool = False
    vcpus: int = 0
    memory_mb: int = 0
    hypervisor_version: str = ""
    firmware_version: str = ""


class Server(Record, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag="server"):
    """A virtual machine. ``status`` is Nova's: ACTIVE, ERROR, SHUTOFF, SOFT_DELETED, RESIZED ..."""

    host: str = ""
    status: str = "ACTIVE"
    group: str = ""
    """Id of its server group, or ""."""
    vnf: str = ""
    """The VNF it belongs to, by its metadata or by what we were told, or ""."""
    vnfc: str = ""
    """Which of the VNF's components it is, or ""."""
    host_status: str = ""
    """Nova's word on its host: UP, UNKNOWN, DOWN, MAINTENANCE, or "" where there is none or we may not see it."""
    vcpus: int = 0
    memory_mb: int = 0
    volumes: tuple[str, ...] = ()


class Port(Record, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag="port"):
    """A virtual NIC. ``data_plane_status`` is Neutron's: ACTIVE, DOWN or "" where it was never set."""

    server: str = ""
    host: str = ""
    network: str = ""
    status: str = "ACTIVE"
    admin_up: bool = True
    data_plane_status: str = ""


class Volume(Record, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag="volume"):
    """A block device. ``host`` is where its data lies, as Cinder names it, or ""."""

    host: str = ""
    status: str = "in-use"


class Network(Record, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag="network"):
    """A virtual network."""


class Device(Record, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag="device"):
    """What the topology file says of: a switch, PDU, NIC, disk or rack."""

    kind: Kind
    zone: str = ""
    host: str = ""
    """The host it sits in (NIC, disk), or ""."""
    redundant: bool = False
    attributes: dict[str, Any] = {}


CloudRecord = Host | Server | Port | Volume | Network
"""What a cloud has, as against what the topology file says of its hardware."""

_KINDS: dict[type[Record], Kind] = {
    Host: Kind.HOST,
    Server: Kind.SERVER,
    Port: Kind.PORT,
    Volume: Kind.VOLUME,
    Network: Kind.NETWORK,
}


def kind_of_record(record: CloudRecord) -> Kind:
    return _KINDS[type(record)]


def key_of_record(record: CloudRecord) -> str:
    return f"{_KINDS[type(record)]}/{record.id}"


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one VIM has, read in one go. It exists only if every listing was read to its end."""

    vim: str
    taken_us: int
    hosts: tuple[Host, ...] = ()
    servers: tuple[Server, ...] = ()
    ports: tuple[Port, ...] = ()
    volumes: tuple[Volume, ...] = ()
    networks: tuple[Network, ...] = ()


class MapChange(msgspec.Struct, frozen=True, kw_only=True):
    """What became different in a VIM: new or changed records whole, removed ones by key."""

    vim: str
    put: tuple[CloudRecord, ...] = ()
    gone: tuple[str, ...] = ()


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What a snapshot says differently from what is known of its VIM."""

    vim: str
    added: tuple[CloudRecord, ...] = ()
    changed: tuple[CloudRecord, ...] = ()
    missing: tuple[CloudRecord, ...] = ()
    """What is known and not in the snapshot, as it is known."""
    refused: tuple[CloudRecord, ...] = ()
    """What the snapshot has and another VIM has the key of: it is left out."""
    given_up: tuple[str, ...] = ()
    """Keys of what was left out before, and is not in the snapshot any more."""
    counts: dict[str, int] = {}
    """How many the snapshot has, by kind."""
