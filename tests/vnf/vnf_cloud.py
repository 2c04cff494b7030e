"""Servers and ports in the words of Nova and Neutron, as a listing hands them over."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from nfvigil.model.vnf_record import Interface, Vdu
from nfvigil.vnf.rules import Followed, follow
from nfvigil.vnf.words import SeenPort, seen_port, seen_server

SERVER = "s-1"
AT_US = 1_767_323_045_000_000


def server_words(server: str = SERVER, **fields: Any) -> bytes:
    words = {
        "id": server,
        "name": "mme-1",
        "status": "ACTIVE",
        "OS-EXT-SRV-ATTR:host": "compute-1",
        "OS-EXT-SRV-ATTR:user_data": "IyEvYmluL3No",
        "user_data": "IyEvYmluL3No",
        "flavor": {"original_name": "m1.tiny", "vcpus": 1, "ram": 512},
        "metadata": {"vnf": "epc"},
    }
    return json.dumps(
        words | {name.replace("host", "OS-EXT-SRV-ATTR:host"): value for name, value in fields.items()}
    ).encode()


def port_words(port: str, *addresses: str, **fields: Any) -> bytes:
    words = {
        "id": port,
        "status": "ACTIVE",
        "device_id": SERVER,
        "network_id": "net-1",
        "mac_address": f"fa:16:3e:00:00:{sum(port.encode()) % 100:02}",
        "fixed_ips": [{"subnet_id": "sub", "ip_address": one} for one in addresses or ("10.0.0.1",)],
        "binding:host_id": "compute-1",
        "binding:profile": {},
        "binding:vif_details": {"port_filter": True},
    }
    renamed = {"profile": "binding:profile", "vif_details": "binding:vif_details"}
    return json.dumps(words | {renamed.get(name, name): value for name, value in fields.items()}).encode()


def ports(*bodies: bytes, gone: Sequence[str] = ()) -> dict[str, SeenPort | None]:
    """As ``follow`` takes them: those that were seen, and those that are known to be gone."""
    seen = map(seen_port, bodies)
    return {one.id: one for one in seen} | dict.fromkeys(gone)


def vdu(*interfaces: Interface | str, **fields: Any) -> Vdu:
    """A record that is in line with ``server_words`` and, for interfaces named by their ports, ``port_words``."""
    return Vdu(
        **{"id": "v-1", "server": SERVER, "vim": "lab", "name": "mme-1", "status": "ACTIVE", "host": "compute-1"}
        | fields,
        interfaces=tuple(interface(one) if isinstance(one, str) else one for one in interfaces),
    )


def interface(port: str, **fields: Any) -> Interface:
    seen = seen_port(port_words(port))
    known = {"network": "net-1", "mac_address": seen.mac_address, "ip_address": "10.0.0.1", "host": "compute-1"}
    return Interface(port=port, **known | fields)


def followed(
    record: Vdu, server: bytes, seen: dict[str, SeenPort | None], *, adopts: bool = False, at_us: int = AT_US
) -> Followed:
    return follow(record, seen_server(server), seen, at_us=at_us, adopts=adopts)
