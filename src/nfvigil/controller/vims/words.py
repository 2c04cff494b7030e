"""What Nova and Neutron would say of the simulated cloud's servers and ports. Pure: it follows from what is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

from nfvigil.model.resource import Port, Server

CREATED_AT = "2026-01-01T00:00:00Z"
IMAGE = "6d1f7c0e-3b52-4c8e-9d0a-2f4b1a7c9e55"
POWER_STATES = {"ACTIVE": 1, "REBOOT": 1, "PAUSED": 3, "SHUTOFF": 4, "ERROR": 0, "BUILD": 0, "SUSPENDED": 4}
VM_STATES = {"SHUTOFF": "stopped", "BUILD": "building", "VERIFY_RESIZE": "resized", "SOFT_DELETED": "soft-delete"}
PCI_SLOTS = 8
VLANS = (100, 3900)


def port_words(port: Port, theirs: Mapping[str, Any]) -> dict[str, Any]:
    """As in Neutron's ``GET /ports``. Every other port is one of a network card's virtual functions, with a VLAN."""
    number = _number(port.id)
    is_direct = number % 2 == 0
    vif_details: dict[str, Any] = {"port_filter": True, "connectivity": "l2"}
    profile: dict[str, Any] = {}
    if is_direct:
        vif_details["vlan"] = str(VLANS[0] + number % VLANS[1])
        slot = f"0000:06:{number // PCI_SLOTS % 32:02x}.{number % PCI_SLOTS}"
        profile = {"pci_vendor_info": "8086:10ed", "pci_slot": slot, "physical_network": "sriov"}
    return {
        "id": port.id,
        "name": port.name,
        "network_id": port.network,
        "tenant_id": port.project,
        "project_id": port.project,
        "mac_address": "fa:16:3e:" + ":".join(f"{byte:02x}" for byte in number.to_bytes(3, "big")),
        "admin_state_up": port.admin_up,
        "status": port.status,
        "device_id": port.server,
        "device_owner": "compute:nova" if port.server else "",
        "fixed_ips": [
            {"subnet_id": f"{port.network}-v4", "ip_address": _ipv4(number)},
            {"subnet_id": f"{port.network}-v6", "ip_address": f"fd00::{number:x}"},
        ],
        "security_groups": [],
        "binding:vnic_type": "direct" if is_direct else "normal",
        "binding:profile": profile,
        "binding:host_id": port.host,
        "binding:vif_type": "hw_veb" if is_direct else "ovs",
        "binding:vif_details": vif_details,
        "data_plane_status": port.data_plane_status or None,
        "created_at": CREATED_AT,
        **theirs,
    }


def server_words(
    server: Server, theirs: Mapping[str, Any], *, ports: Sequence[Mapping[str, Any]], networks: Mapping[str, str]
) -> dict[str, Any]:
    """As in Nova's ``GET /servers/detail``. ``ports`` are its own as Neutron says them, ``networks`` names by id."""
    words: dict[str, Any] = {
        "id": server.id,
        "name": server.name,
        "status": server.status,
        "tenant_id": server.project,
        "user_id": server.project,
        "metadata": {name: value for name, value in (("vnf", server.vnf), ("vnfc", server.vnfc)) if value},
        "hostId": blake2b(f"{server.project} {server.host}".encode(), digest_size=28).hexdigest(),
        "image": {"id": IMAGE},
        "flavor": {
            "vcpus": server.vcpus,
            "ram": server.memory_mb,
            "disk": 20,
            "ephemeral": 0,
            "swap": 0,
            "original_name": f"vnf.{server.vcpus}x{server.memory_mb}",
            "extra_specs": {},
        },
        "created": CREATED_AT,
        "updated": CREATED_AT,
        "addresses": _addresses(ports, networks),
        "OS-EXT-AZ:availability_zone": "nova",
        "key_name": None,
        "OS-SRV-USG:launched_at": "2026-01-01T00:00:00.000000",
        "OS-EXT-SRV-ATTR:host": server.host or None,
        "OS-EXT-SRV-ATTR:hypervisor_hostname": server.host or None,
        "OS-EXT-SRV-ATTR:instance_name": f"instance-{_number(server.id):08x}",
        "OS-EXT-SRV-ATTR:hostname": server.name,
        "OS-EXT-SRV-ATTR:user_data": "I2Nsb3VkLWNvbmZpZwo=",
        "OS-EXT-STS:task_state": None,
        "OS-EXT-STS:vm_state": VM_STATES.get(server.status, server.status.lower()),
        "OS-EXT-STS:power_state": POWER_STATES.get(server.status, 1),
        "os-extended-volumes:volumes_attached": [{"id": volume} for volume in server.volumes],
        "locked": False,
        "description": None,
        "tags": [],
        "host_status": server.host_status or "UP",
    }
    if server.status == "ERROR":
        words["fault"] = {"code": 500, "created": CREATED_AT, "message": "reset to an error"}
    return words | dict(theirs)


def _addresses(ports: Sequence[Mapping[str, Any]], networks: Mapping[str, str]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for port in ports:
        network = str(port.get("network_id", ""))
        for fixed in port.get("fixed_ips") or ():
            address = str(fixed.get("ip_address", ""))
            entry = {
                "version": 6 if ":" in address else 4,
                "addr": address,
                "OS-EXT-IPS:type": "fixed",
                "OS-EXT-IPS-MAC:mac_addr": port.get("mac_address"),
            }
            found.setdefault(networks.get(network, network), []).append(entry)
    return found


def _number(name: str) -> int:
    """Below 2 ** 24. The first day's resources are counted; what came later has whatever its id makes."""
    try:
        return int(name[-6:], 16)
    except ValueError:
        return int.from_bytes(blake2b(name.encode(), digest_size=3).digest(), "big")


def _ipv4(number: int) -> str:
    return f"10.{number // 62_500 % 250}.{number // 250 % 250}.{1 + number % 250}"
