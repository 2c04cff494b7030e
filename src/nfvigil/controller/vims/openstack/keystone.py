"""Keystone's calls, beside logging in: what its projects are called."""

from __future__ import annotations

import msgspec

from nfvigil.controller.vims.openstack.client import Client, decoded
from nfvigil.errors import ForbiddenError

SERVICE = "identity"


class _Project(msgspec.Struct, frozen=True):
    id: str
    name: str = ""


class _Projects(msgspec.Struct, frozen=True):
    projects: list[_Project]


class Keystone:
    def __init__(self, *, client: Client) -> None:
        self._client = client

    async def projects(self) -> dict[str, str]:
        """Their names by id: all of them, or those that our account has a part in where it may not see all."""
        try:
            answer = await self._client.call(SERVICE, "GET", "/v3/projects")
        except ForbiddenError:
            answer = await self._client.call(SERVICE, "GET", "/v3/auth/projects")
        found = decoded(answer, _Projects, f"Keystone of {self._client.name}")
        return {one.id: one.name for one in found.projects}
