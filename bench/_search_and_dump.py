"""The way VM status was polled before: for comparison with one listing that is matched in linear time.

It is made like the monitor outside of OSM's task engine (feature 10960): servers and ports are listed once a period;
then, for each VM to be looked after, the list of servers is searched for it, for each of its interfaces the list of
ports, and what is found is written out as YAML to see whether it is what the record has. In its favour: the records
are in memory, nothing is asked of a database, and nothing is written.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

Thing = Mapping[str, Any]
HIDDEN = ("user_data", "OS-EXT-SRV-ATTR:user_data")


def dump(thing: Thing) -> str:
    shown = {name: value for name, value in thing.items() if name not in HIDDEN}
    text: str = yaml.safe_dump(shown, default_flow_style=True, width=256)
    return text


def find_server(servers: Sequence[Thing], wanted: str) -> Thing | None:
    for server in servers:
        if server["id"] == wanted:
            return server
    return None


def find_port(ports: Sequence[Thing], wanted: str, server: str) -> Thing | None:
    for port in ports:
        if port["id"] == wanted and port["device_id"] == server:
            return port
    return None


def look_after(record: dict[str, Any], servers: Sequence[Thing], ports: Sequence[Thing]) -> bool:
    """Whether anything of a VM's record became different."""
    server = find_server(servers, record["server"])
    if server is None:
        return False
    new: dict[str, Any] = {"status": server["status"], "name": server["name"], "details": dump(server)}
    for number, interface in enumerate(record["interfaces"]):
        port = find_port(ports, interface, record["server"])
        if port is not None:
            addresses = ";".join(fixed["ip_address"] for fixed in port["fixed_ips"])
            new[f"interface {number}"] = (port["mac_address"], addresses, dump(port), server["OS-EXT-SRV-ATTR:host"])
    changed = any(record.get(name) != value for name, value in new.items())
    record |= new
    return changed


def cpu_seconds(servers: Sequence[Thing], ports: Sequence[Thing], most: int) -> tuple[float, int]:
    """CPU for a round over all servers, measured over at most ``most`` of them that are spread over the whole list and
    scaled; and over how many.
    """
    interfaces: dict[str, list[str]] = {}
    for port in ports:
        interfaces.setdefault(port["device_id"], []).append(port["id"])
    step = max(1, len(servers) // most)
    chosen = servers[step // 2 :: step]
    records = [{"server": one["id"], "interfaces": interfaces.get(one["id"], [])} for one in chosen]
    started = time.process_time()
    for record in records:
        look_after(record, servers, ports)
    return (time.process_time() - started) * len(servers) / len(records), len(records)
