"""What a project does not see of its own VNFs: hosts, clouds, and how its ports are bound. Those are the operator's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from nfvigil.model.resource import Kind, key_of
from nfvigil.model.view import veiled
from nfvigil.model.vnf_record import ChangeKind, Interface, Vdu, VduChange, VduDetails, VnfRecord

SERVER_FIELDS = frozenset(
    [
        "id",
        "name",
        "status",
        "tenant_id",
        "project_id",
        "user_id",
        "metadata",
        "image",
        "flavor",
        "created",
        "updated",
        "addresses",
        "accessIPv4",
        "accessIPv6",
        "OS-DCF:diskConfig",
        "progress",
        "OS-EXT-AZ:availability_zone",
        "config_drive",
        "key_name",
        "OS-SRV-USG:launched_at",
        "OS-SRV-USG:terminated_at",
        "OS-EXT-STS:task_state",
        "OS-EXT-STS:vm_state",
        "OS-EXT-STS:power_state",
        "os-extended-volumes:volumes_attached",
        "security_groups",
        "tags",
        "trusted_image_certificates",
        "description",
        "locked",
        "locked_reason",
        "server_groups",
        "fault",
    ]
)
"""Of Nova's words: those that it shows to a server's owner. What is not named here is not shown."""
FAULT_FIELDS = frozenset({"code", "created", "message"})
"""Not its details: a traceback of the host."""
PORT_FIELDS = frozenset(
    [
        "id",
        "name",
        "network_id",
        "tenant_id",
        "project_id",
        "mac_address",
        "admin_state_up",
        "status",
        "device_id",
        "device_owner",
        "fixed_ips",
        "allowed_address_pairs",
        "extra_dhcp_opts",
        "security_groups",
        "description",
        "tags",
        "port_security_enabled",
        "qos_policy_id",
        "qos_network_policy_id",
        "dns_name",
        "dns_domain",
        "dns_assignment",
        "revision_number",
        "created_at",
        "updated_at",
        "trunk_details",
    ]
)
"""The same of Neutron's."""
INTERFACE_FIELDS = frozenset(
    {"", "port", "name", "network", "mac_address", "ip_address", "manages_vdu", "manages_vnf", "message", "status"}
)
"""What a line of the history may be about, of an interface."""
HOST_FIELDS = frozenset({"host", "compute_node"})


def host_id(host: str, project: str) -> str:
    """Tells a project's hosts apart, and is another for each project; "" where there is no host."""
    return veiled(key_of(Kind.HOST, host), project) if host else ""


def veiled_record(record: VnfRecord, project: str) -> VnfRecord:
    return replace(record, vdus=tuple(_vdu(one, project) for one in record.vdus))


def _vdu(vdu: Vdu, project: str) -> Vdu:
    return replace(
        vdu,
        vim=veiled(key_of(Kind.VIM, vdu.vim), project) if vdu.vim else "",
        host=host_id(vdu.host, project),
        interfaces=tuple(_interface(one, project) for one in vdu.interfaces),
        interfaces_backup=tuple(_interface(one, project) for one in vdu.interfaces_backup),
    )


def _interface(interface: Interface, project: str) -> Interface:
    return replace(interface, host=host_id(interface.host, project), pci="", vlan=None)


def without_places(record: VnfRecord) -> VnfRecord:
    """As a project may tell of it. What it says of hosts would come back veiled: it could try names, and see by the id
    which host its server is on. What it got by an export is veiled already, and would be taken for a host's name.
    """
    return replace(record, vdus=tuple(_without_place(one) for one in record.vdus))


def _without_place(vdu: Vdu) -> Vdu:
    return replace(
        vdu,
        host="",
        interfaces=tuple(replace(one, host="", pci="", vlan=None) for one in vdu.interfaces),
        interfaces_backup=tuple(replace(one, host="", pci="", vlan=None) for one in vdu.interfaces_backup),
    )


def veiled_change(change: VduChange, project: str) -> VduChange | None:
    """None where it is all about what a project does not see."""
    if change.kind is ChangeKind.HOST or (change.kind is ChangeKind.INTERFACE and change.field in HOST_FIELDS):
        return replace(change, before=host_id(change.before, project), after=host_id(change.after, project))
    if change.kind is ChangeKind.INTERFACE and change.field not in INTERFACE_FIELDS:
        return None
    return change


def veiled_details(details: VduDetails) -> VduDetails:
    return VduDetails(
        server=_kept(details.server, SERVER_FIELDS),
        ports={port: _kept(body, PORT_FIELDS) for port, body in details.ports.items()},
    )


def _kept(body: bytes, fields: frozenset[str]) -> bytes:
    words: Any = msgspec.json.decode(body) if body else None
    if not isinstance(words, Mapping):
        return b""
    shown = {name: value for name, value in words.items() if name in fields}
    if isinstance(fault := shown.get("fault"), Mapping):
        shown["fault"] = {name: value for name, value in fault.items() if name in FAULT_FIELDS}
    return msgspec.json.encode(shown)
