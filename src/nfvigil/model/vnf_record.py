"""The record of a VNF: what its servers and their interfaces are now, by the cloud's own word.

Fields follow OSM's VNF record (``vdur``, ``interfaces``, ``vim_info``), in our spelling.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

DELETED = "DELETED"
"""The status of a server that is gone."""


class Interface(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One of a VDU's, by its port (OSM's ``vim_interface_id``)."""

    port: str
    name: str = ""
    network: str = ""
    """OSM's ``vim_net_id``."""
    mac_address: str = ""
    ip_address: str = ""
    """Several fixed addresses are joined with ``;``, in the port's order."""
    host: str = ""
    """OSM's ``compute_node``."""
    pci: str = ""
    vlan: int | None = None
    manages_vdu: bool = False
    """Its address is the VDU's management address."""
    manages_vnf: bool = False
    """Its address is the VNF's management address."""
    message: str = ""
    """What is wrong with it: that it was deleted externally, or its status."""


class Vdu(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A server of the VNF. ``status`` is Nova's, ``DELETED``, or "" before the first listing."""

    id: str
    """The component's id, as in ``Vnfc.id``."""
    server: str
    vim: str = ""
    vdu: str = ""
    """The unit of the descriptor that it was made from."""
    name: str = ""
    status: str = ""
    message: str = ""
    """What is wrong, in the words of OSM's ``vim_message``; "" where nothing is."""
    host: str = ""
    ip_address: str = ""
    interfaces: tuple[Interface, ...] = ()
    interfaces_backup: tuple[Interface, ...] = ()
    """The last good ones of a server that was deleted."""
    changed_us: int = 0

    @property
    def is_deleted(self) -> bool:
        return self.status == DELETED


class VnfRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``project`` and ``id`` are those of the ``Vnf`` that it is the record of."""

    project: str
    id: str
    ip_address: str = ""
    """The VNF's management address."""
    vdus: tuple[Vdu, ...] = ()
    changed_us: int = 0

    @property
    def key(self) -> tuple[str, str]:
        return self.project, self.id


class ChangeKind(StrEnum):
    """What a line of a VDU's history is about."""

    STATUS = "status"
    NAME = "name"
    HOST = "host"
    MESSAGE = "message"
    ADDRESS = "address"
    """Of the VDU's or the VNF's management."""
    INTERFACE = "interface"
    """Something of one of its interfaces, or that it came or went."""
    DELETED = "deleted"
    RETURNED = "returned"
    """It had been recorded as deleted, and is there."""


class VduChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a VDU's history."""

    vdu: str
    kind: ChangeKind
    field: str = ""
    """Which one, where ``kind`` leaves it open: ``mac_address``, ``ip_address``, ``vlan`` ..."""
    interface: str = ""
    """The port, where it is about one."""
    before: str = ""
    after: str = ""
    at_us: int = 0


class VduDetails(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The cloud's own words on a VDU, as JSON. Without ``user_data``, which may hold secrets."""

    server: bytes = b""
    ports: dict[str, bytes] = {}
    """By port id."""


class VduCondition(StrEnum):
    """What of a VDU raises and clears an alarm. The value is the fault type's end."""

    ERROR = "error"
    """The cloud says that the server is in ERROR, and it was not us who set that."""
    DELETED = "deleted"
    """The server was deleted externally."""
    INTERFACE_GONE = "interface-gone"
    """An interface of it was deleted externally."""


class VduNews(msgspec.Struct, frozen=True, kw_only=True):
    """A condition begins or ends. It is made an event before the record says so: killed in between, it is told again,
    and is known already.
    """

    condition: VduCondition
    is_on: bool
    project: str
    vnf: str
    vnfc: str
    vim: str
    server: str
    name: str = ""
    """Of the server, for people."""
    host: str = ""
    """Where the server was when it was last seen, as the resource map calls it; "" where that is not known. What
    follows from a host's failure is told as that."""
    port: str = ""
    """The interface's, where it is about one."""
    text: str = ""
