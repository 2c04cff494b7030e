"""Neutron's calls, by what they are for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from nfvigil.controller.vims.openstack import wire
from nfvigil.controller.vims.openstack.client import Client, decoded
from nfvigil.controller.vims.openstack.gathering import Gathering
from nfvigil.controller.vims.openstack.paging import marker_of
from nfvigil.controller.vims.openstack.wire import Page
from nfvigil.errors import ForbiddenError

PORT_FIELDS = (
    "id",
    "name",
    "status",
    "network_id",
    "admin_state_up",
    "device_id",
    "device_owner",
    "project_id",
    "tenant_id",
    "binding:host_id",
    "data_plane_status",
)
NETWORK_FIELDS = ("id", "name", "project_id", "tenant_id")


class Neutron:
    def __init__(self, *, client: Client) -> None:
        self.name = client.name
        self._client = client
        self._ports = Gathering(one=self._port, many=self._some_ports)

    async def port_page(self, limit: int, marker: str | None) -> Page[wire.WirePort]:
        answer = await self._client.call("network", "GET", "/v2.0/ports", query=_query(PORT_FIELDS, limit, marker))
        page = decoded(answer, wire.PortPage, f"Neutron of {self.name}")
        return Page(page.ports, marker_of(page.ports_links, "ports"))

    async def port_words(self, limit: int, marker: str | None, *, whole: bool) -> Page[msgspec.Raw]:
        """The same page, each port in Neutron's own words; ``whole``: with all that Neutron has of it."""
        query = _query(() if whole else PORT_FIELDS, limit, marker)
        answer = await self._client.call("network", "GET", "/v2.0/ports", query=query)
        page = decoded(answer, wire.PortWords, f"Neutron of {self.name}")
        return Page(page.ports, marker_of(page.ports_links, "ports"))

    async def ports_of(self, server_id: str) -> list[wire.WirePort]:
        query = [*(("fields", field) for field in PORT_FIELDS), ("device_id", server_id)]
        answer = await self._client.call("network", "GET", "/v2.0/ports", query=query)
        return list(decoded(answer, wire.PortPage, f"Neutron of {self.name}").ports)

    async def network_page(self, limit: int, marker: str | None) -> Page[wire.WireNetwork]:
        answer = await self._client.call(
            "network", "GET", "/v2.0/networks", query=_query(NETWORK_FIELDS, limit, marker)
        )
        page = decoded(answer, wire.NetworkPage, f"Neutron of {self.name}")
        return Page(page.networks, marker_of(page.networks_links, "networks"))

    async def port(self, port_id: str) -> wire.WirePort:
        return await self._ports.read(port_id)

    async def _some_ports(self, ids: Sequence[str]) -> dict[str, wire.WirePort]:
        query = [*(("fields", field) for field in PORT_FIELDS), *(("id", port_id) for port_id in ids)]
        answer = await self._client.call("network", "GET", "/v2.0/ports", query=query)
        return {port.id: port for port in decoded(answer, wire.PortPage, f"Neutron of {self.name}").ports}

    async def _port(self, port_id: str) -> wire.WirePort:
        query = [("fields", field) for field in PORT_FIELDS]
        answer = await self._client.call("network", "GET", f"/v2.0/ports/{port_id}", query=query)
        return decoded(answer, wire.OnePort, f"Neutron of {self.name}").port

    async def network(self, network_id: str) -> wire.WireNetwork:
        query = [("fields", field) for field in NETWORK_FIELDS]
        answer = await self._client.call("network", "GET", f"/v2.0/networks/{network_id}", query=query)
        return decoded(answer, wire.OneNetwork, f"Neutron of {self.name}").network

    async def set_port(self, port_id: str, fields: dict[str, Any]) -> wire.WirePort:
        """The port as Neutron has it now."""
        answer = await self._client.call("network", "PUT", f"/v2.0/ports/{port_id}", body={"port": fields})
        return decoded(answer, wire.OnePort, f"Neutron of {self.name}").port

    async def extensions(self) -> set[str]:
        answer = await self._client.call("network", "GET", "/v2.0/extensions", query=[("fields", "alias")])
        listed = decoded(answer, dict[str, list[dict[str, Any]]], f"Neutron of {self.name}").get("extensions", [])
        return {str(extension.get("alias")) for extension in listed}

    async def sees_all(self) -> bool:
        """Raises where we may not see everybody's ports: then what is not found may be somebody else's.

        False where there is no port that would show it.
        """
        ports = (await self.port_page(1, None)).items
        if any(not isinstance(port.host, str | None) for port in ports):
            raise ForbiddenError(f"Neutron of {self.name} does not show binding:host_id to us")
        return bool(ports)


def _query(fields: tuple[str, ...], limit: int, marker: str | None) -> list[tuple[str, str]]:
    query = [("fields", field) for field in fields]
    # By id, so that what comes and goes meanwhile does not shift the pages.
    query += [("sort_key", "id"), ("sort_dir", "asc"), ("limit", str(limit))]
    return query if marker is None else [*query, ("marker", marker)]
