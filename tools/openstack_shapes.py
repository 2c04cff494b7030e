"""The shapes of a stand-in OpenStack: how a server, port, service and the like look in the answers of the real one.

A record that comes by the thousand is a template, filled in by ``%``; so a page costs little to make.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

MICROVERSION_MAX = (2, 93)
IMAGE = "90873d04-b9ee-4486-90c9-4b73c84e186b"
USER = "ffed8675d4fc4d25bcc214b731cb338a"
SUBNET = "4805fa7e-c1cf-4fc9-a8a2-2e8c6d8307ae"
SECURITY_GROUP = "bdf7c1ea-0533-4961-92c9-7f97f537c377"

Microversion = tuple[int, int]

_SINCE: dict[str, Microversion] = {
    "locked": (2, 9),
    "host_status": (2, 16),
    "description": (2, 19),
    "tags": (2, 26),
    "trusted_image_certificates": (2, 63),
    "locked_reason": (2, 73),
} | dict.fromkeys(
    (
        f"OS-EXT-SRV-ATTR:{name}"
        for name in (
            *("reservation_id", "launch_index", "hostname", "kernel_id", "ramdisk_id", "root_device_name"),
            "user_data",
        )
    ),
    (2, 3),
)
"""From which microversion on a server has what."""

FLAVOR_EMBEDDED = (2, 47)
HYPERVISOR_WITHOUT_SIZE = (2, 88)


def server_template(url: str, microversion: Microversion) -> str:
    """To be filled with id, name, status, project, host and the rest of what differs between servers."""
    embedded: dict[str, Any] = {
        "vcpus": "%(vcpus)d",
        "ram": "%(ram)d",
        "disk": 20,
        "ephemeral": 0,
        "swap": 0,
        "original_name": "%(flavor)s",
        "extra_specs": {"hw:cpu_policy": "dedicated", "hw:mem_page_size": "large"},
    }
    linked = {"id": "%(flavor)s", "links": [{"rel": "bookmark", "href": f"{url}/flavors/%(flavor)s"}]}
    shape: dict[str, Any] = {
        "id": "%(id)s",
        "name": "%(name)s",
        "status": "%(status)s",
        "tenant_id": "%(project)s",
        "user_id": USER,
        "metadata": {"vnf": "%(vnf)s"},
        "hostId": "%(host_id)s",
        "image": {"id": IMAGE, "links": [{"rel": "bookmark", "href": f"{url}/images/{IMAGE}"}]},
        "flavor": embedded if microversion >= FLAVOR_EMBEDDED else linked,
        "created": "2026-11-21T05:34:05Z",
        "updated": "%(updated)s",
        "addresses": {
            "%(network)s": [
                {
                    "version": 4,
                    "addr": "%(address)s",
                    "OS-EXT-IPS:type": "fixed",
                    "OS-EXT-IPS-MAC:mac_addr": "fa:16:3e:%(mac)s",
                }
            ]
        },
        "accessIPv4": "",
        "accessIPv6": "",
        "links": [
            {"rel": "self", "href": f"{url}/v2.1/servers/%(id)s"},
            {"rel": "bookmark", "href": f"{url}/servers/%(id)s"},
        ],
        "OS-DCF:diskConfig": "MANUAL",
        "progress": 0,
        "OS-EXT-AZ:availability_zone": "%(zone)s",
        "config_drive": "",
        "key_name": None,
        "OS-SRV-USG:launched_at": "2026-11-21T05:34:09.000000",
        "OS-SRV-USG:terminated_at": None,
        "OS-EXT-SRV-ATTR:host": "%(host)s",
        "OS-EXT-SRV-ATTR:instance_name": "instance-%(number)08x",
        "OS-EXT-SRV-ATTR:hypervisor_hostname": "%(host)s.example.net",
        "OS-EXT-SRV-ATTR:reservation_id": "r-70us0wy7",
        "OS-EXT-SRV-ATTR:launch_index": 0,
        "OS-EXT-SRV-ATTR:hostname": "%(name)s",
        "OS-EXT-SRV-ATTR:kernel_id": "",
        "OS-EXT-SRV-ATTR:ramdisk_id": "",
        "OS-EXT-SRV-ATTR:root_device_name": "/dev/vda",
        "OS-EXT-SRV-ATTR:user_data": None,
        "OS-EXT-STS:task_state": None,
        "OS-EXT-STS:vm_state": "%(vm_state)s",
        "OS-EXT-STS:power_state": "%(power)d",
        "os-extended-volumes:volumes_attached": [],
        "locked": False,
        "locked_reason": None,
        "description": None,
        "tags": [],
        "trusted_image_certificates": None,
        "host_status": "%(host_status)s",
        "security_groups": [{"name": "default"}],
    }
    return template({key: value for key, value in shape.items() if microversion >= _SINCE.get(key, (2, 1))})


PORT: Mapping[str, Any] = {
    "id": "%(id)s",
    "name": "",
    "network_id": "%(network_id)s",
    "tenant_id": "%(project)s",
    "mac_address": "fa:16:3e:%(mac)s",
    "admin_state_up": True,
    "status": "%(status)s",
    "device_id": "%(server)s",
    "device_owner": "compute:nova",
    "fixed_ips": [{"subnet_id": SUBNET, "ip_address": "%(address)s"}],
    "allowed_address_pairs": [],
    "extra_dhcp_opts": [],
    "security_groups": [SECURITY_GROUP],
    "description": "",
    "binding:vnic_type": "normal",
    "binding:profile": {},
    "binding:host_id": "%(host)s",
    "binding:vif_type": "ovs",
    "binding:vif_details": {"port_filter": True, "connectivity": "l2", "bound_drivers": {"0": "openvswitch"}},
    "port_security_enabled": True,
    "data_plane_status": None,
    "tags": [],
    "created_at": "2026-11-21T05:34:00Z",
    "updated_at": "%(updated)s",
    "revision_number": 3,
    "project_id": "%(project)s",
}

NETWORK: Mapping[str, Any] = {
    "id": "%(id)s",
    "name": "%(name)s",
    "tenant_id": "%(project)s",
    "admin_state_up": True,
    "mtu": 1450,
    "status": "ACTIVE",
    "subnets": [SUBNET],
    "shared": False,
    "availability_zone_hints": [],
    "availability_zones": [],
    "ipv4_address_scope": None,
    "ipv6_address_scope": None,
    "router:external": False,
    "description": "",
    "port_security_enabled": True,
    "tags": [],
    "created_at": "2026-11-21T05:30:00Z",
    "updated_at": "2026-11-21T05:30:00Z",
    "revision_number": 2,
    "project_id": "%(project)s",
}

EXTENSIONS = (
    *("agent", "availability_zone", "binding", "binding-extended", "data-plane-status", "pagination", "port-security"),
    *("project-id", "security-group", "sorting", "standard-attr-tag", "standard-attr-timestamp"),
)


def picked(shape: Mapping[str, Any], fields: tuple[str, ...]) -> str:
    """As Neutron does it: only the ``fields`` that were asked for, all where none were."""
    return template({key: value for key, value in shape.items() if not fields or key in fields})


def template(shape: Mapping[str, Any]) -> str:
    text = json.dumps(shape)
    for number in ("vcpus", "ram", "power"):
        text = text.replace(f'"%({number})d"', f"%({number})d")
    return text


def service(row: Mapping[str, Any], microversion: Microversion) -> dict[str, Any]:
    shape = {
        "binary": row.get("binary", "nova-compute"),
        "host": row["host"],
        "id": row["service"] if microversion >= (2, 53) else row["number"],
        "zone": row["zone"],
        "status": row["status"],
        "state": row["state"],
        "updated_at": "2026-11-21T05:33:54.000000",
        "disabled_reason": row["disabled_reason"],
    }
    return shape | ({"forced_down": row["forced_down"]} if microversion >= (2, 11) else {})


def hypervisor(row: Mapping[str, Any], microversion: Microversion) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "id": row["hypervisor"] if microversion >= (2, 53) else row["number"],
        "hypervisor_hostname": f"{row['host']}.example.net",
        "state": row["state"],
        "status": row["status"],
        "hypervisor_type": "QEMU",
        "hypervisor_version": 8002000,
        "host_ip": "127.0.0.1",
        "service": {
            "id": row["service"] if microversion >= (2, 53) else row["number"],
            "host": row["host"],
            "disabled_reason": row["disabled_reason"],
        },
    }
    if microversion >= HYPERVISOR_WITHOUT_SIZE:
        return shape | {"uptime": "12:00:00 up 1 day,  0:00,  0 users,  load average: 0.00, 0.00, 0.00"}
    cpu = {
        "arch": "x86_64",
        "model": "Icelake-Server",
        "vendor": "Intel",
        "features": ["pge", "clflush", "sep", "syscall", "vme", "dtes64", "msr", "sse4.2", "xsave", "vmx", "avx512f"],
        "topology": {"cells": 2, "cores": 64, "threads": 2, "sockets": 1},
    }
    return shape | {
        "vcpus": row["vcpus"],
        "memory_mb": row["memory_mb"],
        "local_gb": 4096,
        "vcpus_used": 0,
        "memory_mb_used": 512,
        "local_gb_used": 0,
        "free_ram_mb": row["memory_mb"] - 512,
        "free_disk_gb": 4096,
        "current_workload": 0,
        "running_vms": row["servers"],
        "disk_available_least": 0,
        "cpu_info": cpu if microversion >= (2, 28) else json.dumps(cpu),
    }


def version_document(url: str) -> dict[str, Any]:
    newest = f"{MICROVERSION_MAX[0]}.{MICROVERSION_MAX[1]}"
    return {
        "id": "v2.1",
        "status": "CURRENT",
        "version": newest,
        "min_version": "2.1",
        "updated": "2013-07-23T11:33:21Z",
        "links": [{"rel": "self", "href": f"{url}/v2.1/"}],
        "media-types": [
            {"base": "application/json", "type": "application/vnd.openstack.compute+json;version=2.1"},
        ],
    }


def token(url: str, *, issued: str, expires: str, project: str) -> dict[str, Any]:
    """What Keystone answers to a login, with the catalogue."""
    domain = {"id": "default", "name": "Default"}
    catalogue = [("identity", "keystone", "/identity/v3"), ("compute", "nova", "/compute/v2.1")]
    catalogue.append(("network", "neutron", "/network"))
    return {
        "methods": ["password"],
        "user": {"id": USER, "name": "admin", "domain": domain, "password_expires_at": None},
        "audit_ids": ["qQmVbZ4sSgWvHcPzL4OAsA"],
        "expires_at": expires,
        "issued_at": issued,
        "project": {"id": project, "name": "admin", "domain": domain},
        "is_domain": False,
        "roles": [{"id": "0f3b6c4a1f9b4d0f8a5f7f8c4a1d2e3b", "name": "admin"}],
        "catalog": [
            {
                "type": kind,
                "name": name,
                "id": name,
                "endpoints": [
                    {
                        "id": f"{name}-{interface}",
                        "interface": interface,
                        "region": "RegionOne",
                        "region_id": "RegionOne",
                        "url": f"{url}{path}",
                    }
                    for interface in ("public", "internal", "admin")
                ],
            }
            for kind, name, path in catalogue
        ],
    }
