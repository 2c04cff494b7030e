"""Hands the cloud's own words on servers and ports to whoever wants them, a page at a time, as they came.

What is not wanted is skipped, not read; so a page of a large cloud costs little more than without.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from nfvigil.controller.vims.openstack import wire
from nfvigil.model.reading import Details


class _RawServers(wire.Wire, frozen=True):
    servers: list[msgspec.Raw]


class _RawPorts(wire.Wire, frozen=True):
    ports: list[msgspec.Raw]


_servers_of = msgspec.json.Decoder(_RawServers)
_ports_of = msgspec.json.Decoder(_RawPorts)


def hand_over_servers(body: bytes, servers: Iterable[wire.WireServer], details: Details) -> None:
    """``servers`` is what was read of this body."""
    raw: list[msgspec.Raw] | None = None
    for index, server in enumerate(servers):
        if details.wants(server.id):
            if raw is None:
                raw = _servers_of.decode(body).servers
            details.put(f"server/{server.id}", memoryview(raw[index]))


def hand_over_ports(body: bytes, ports: Iterable[wire.WirePort], details: Details) -> None:
    """Those of a wanted server: whose a port is, its ``device_id`` says."""
    raw: list[msgspec.Raw] | None = None
    for index, port in enumerate(ports):
        if port.device_id and details.wants(port.device_id):
            if raw is None:
                raw = _ports_of.decode(body).ports
            details.put(f"port/{port.id}", memoryview(raw[index]))
