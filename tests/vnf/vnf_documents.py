"""A VNF record of OSM's, as its database has it."""

from __future__ import annotations

from typing import Any

ACCOUNT = "a1b2c3d4-vim"
KEY = f"vim:{ACCOUNT}"


def document() -> dict[str, Any]:
    return {
        "_id": "0c1d2e3f-vnf",
        "id": "0c1d2e3f-vnf",
        "nsr-id-ref": "9f8e7d6c-ns",
        "member-vnf-index-ref": "vnf1",
        "vnfd-ref": "epc_vnfd",
        "vnfd-id": "5a5b5c5d-vnfd",
        "vim-account-id": ACCOUNT,
        "ip-address": "10.0.0.1",
        "additionalParamsForVnf": {"apn": "internet"},
        "connection-point": [{"name": "mgmt", "connection-point-id": "mgmt"}],
        "vdur": [vdur()],
        "_admin": {"projects_read": ["p"], "projects_write": ["p"], "nsState": "INSTANTIATED", "created": 1.5},
    }


def vdur(number: int = 0, **fields: Any) -> dict[str, Any]:
    return {
        "_id": f"vdur-{number}",
        "id": f"vdur-{number}",
        "count-index": number,
        "vdu-id-ref": "mme",
        "vdu-name": "mme",
        "name": f"mme-{number}",
        "status": "ACTIVE",
        "vim-id": f"s-{number}",
        "ip-address": "10.0.0.1",
        "pdu-type": None,
        "interfaces": [
            {
                "name": "eth0",
                "type": "VIRTIO",
                "ip-address": "10.0.0.1",
                "mac-address": "fa:16:3e:00:00:01",
                "mgmt-interface": True,
                "mgmt-vnf": True,
                "ns-vld-id": "mgmtnet",
                "compute_node": "compute-1",
                "pci": None,
                "vlan": None,
            },
            {
                "name": "xe0",
                "type": "SR-IOV",
                "ip-address": "10.1.0.1;2001:db8::7",
                "mac-address": "fa:16:3e:00:00:02",
                "mgmt-interface": False,
                "vnf-vld-id": "internal",
                "compute_node": "compute-1",
                "pci": "0000:03:10.1",
                "vlan": 100,
            },
        ],
        "vim_info": {KEY: info(number)},
    } | fields


def info(number: int = 0, **fields: Any) -> dict[str, Any]:
    return {
        "vim_id": f"s-{number}",
        "vim_name": f"mme-{number}",
        "vim_status": "ACTIVE",
        "vim_message": None,
        "vim_details": "{id: s-0, status: ACTIVE}",
        "vim_flavor_id": "m1.tiny",
        "refresh_at": -1,
        "interfaces": [
            {
                "vim_interface_id": f"p-{number}-0",
                "vim_net_id": "net-mgmt",
                "mac_address": "fa:16:3e:00:00:01",
                "ip_address": "10.0.0.1",
                "compute_node": "compute-1",
                "pci": None,
                "vlan": None,
                "vim_info": "{id: p-0-0, status: ACTIVE}",
                "mgmt_vnf_interface": True,
                "mgmt_vdu_interface": True,
                "position": 1,
            },
            {
                "vim_interface_id": f"p-{number}-1",
                "vim_net_id": "net-internal",
                "mac_address": "fa:16:3e:00:00:02",
                "ip_address": "10.1.0.1;2001:db8::7",
                "compute_node": "compute-1",
                "pci": "0000:03:10.1",
                "vlan": "100",
                "vim_info": None,
            },
        ],
    } | fields
