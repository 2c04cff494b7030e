"""Cinder's calls, by what they are for."""

from __future__ import annotations

from nfvigil.controller.vims.openstack import wire
from nfvigil.controller.vims.openstack.client import Client, decoded
from nfvigil.controller.vims.openstack.paging import marker_of
from nfvigil.controller.vims.openstack.wire import Page

SERVICE = "block-storage"


class Cinder:
    """Not every cloud has one: ``is_there`` tells."""

    def __init__(self, *, client: Client) -> None:
        self.name = client.name
        self._client = client

    async def is_there(self) -> bool:
        return await self._client.has(SERVICE)

    async def volume_page(self, limit: int, marker: str | None) -> Page[wire.WireVolume]:
        query = [("all_tenants", "1"), ("limit", str(limit)), *([("marker", marker)] if marker is not None else [])]
        answer = await self._client.call(SERVICE, "GET", "/volumes/detail", query=query)
        page = decoded(answer, wire.VolumePage, f"Cinder of {self.name}")
        return Page(page.volumes, marker_of(page.volumes_links, "volumes"))

    async def volume(self, volume_id: str) -> wire.WireVolume:
        answer = await self._client.call(SERVICE, "GET", f"/volumes/{volume_id}")
        return decoded(answer, wire.OneVolume, f"Cinder of {self.name}").volume

    async def reset_status(self, volume_id: str, status: str) -> None:
        body = {"os-reset_status": {"status": status}}
        await self._client.call(SERVICE, "POST", f"/volumes/{volume_id}/action", body=body)
