"""Nova's calls, by what they are for. Which microversion each is made with is written here and nowhere else."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from nfvigil.controller.vims.openstack import microversions, wire
from nfvigil.controller.vims.openstack.client import Client, Query, decoded
from nfvigil.controller.vims.openstack.microversions import Dialect, negotiated
from nfvigil.controller.vims.openstack.paging import marker_of
from nfvigil.controller.vims.openstack.reading import COMPUTE, UNKNOWN
from nfvigil.controller.vims.openstack.transport import Answer
from nfvigil.controller.vims.openstack.wire import Page
from nfvigil.errors import NotFoundError, RefusedError, VimUnavailableError

T = TypeVar("T")


class ServicesSeen(msgspec.Struct, frozen=True):
    """The compute services, and Nova's clock when it said so."""

    services: tuple[wire.WireService, ...]
    date_us: int | None


class Nova:
    def __init__(self, *, client: Client) -> None:
        self.name = client.name
        self._client = client
        self._dialect: Dialect | None = None

    async def dialect(self, *, anew: bool = False) -> Dialect:
        """What this Nova speaks; asked once, and ``anew`` where it may have been upgraded."""
        if self._dialect is None or anew:
            answer = await self._client.call("compute", "GET", "/")
            self._dialect = negotiated(decoded(answer, Any, f"Nova of {self.name}"))
        return self._dialect

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        body: Any = None,
        at_most: int = microversions.NEWEST,
    ) -> Answer:
        dialect = await self.dialect()
        version = dialect.version(at_most)
        try:
            return await self._client.call(
                "compute", method, dialect.base + path, query=query, body=body, version=version
            )
        except RefusedError as error:
            if " 406 " in str(error):  # It does not speak this version any more.
                self._dialect = None
                raise VimUnavailableError(str(error)) from error
            raise

    # Lists

    async def server_page(self, limit: int, marker: str | None, query: Query = ()) -> Page[wire.WireServer]:
        page = self._decoded(await self._servers(limit, marker, query), wire.ServerPage)
        return Page(page.servers, marker_of(page.servers_links, "servers"))

    async def server_words(self, limit: int, marker: str | None) -> Page[msgspec.Raw]:
        """The same page, each server in Nova's own words."""
        page = self._decoded(await self._servers(limit, marker), wire.ServerWords)
        return Page(page.servers, marker_of(page.servers_links, "servers"))

    async def _servers(self, limit: int, marker: str | None, query: Query = ()) -> Answer:
        return await self.call(
            "GET",
            "/servers/detail",
            query=[("all_tenants", "1"), *query, *_from(limit, marker)],
            at_most=microversions.LISTED_SERVERS_MAX,
        )

    async def services(self) -> ServicesSeen:
        answer = await self.call("GET", "/os-services", query=[("binary", COMPUTE)])
        services = self._decoded(answer, wire.Services).services
        return ServicesSeen(tuple(each for each in services if each.binary == COMPUTE), answer.date_us)

    async def service(self, host: str) -> tuple[wire.WireService, int | None]:
        """The compute service of this very host name, and Nova's clock. NotFoundError where there is none."""
        answer = await self.call("GET", "/os-services", query=[("binary", COMPUTE), ("host", host)])
        for service in self._decoded(answer, wire.Services).services:
            if service.binary == COMPUTE and service.host == host:
                if service.status == UNKNOWN:
                    raise VimUnavailableError(f"the cell of {host} does not answer")
                return service, answer.date_us
        raise NotFoundError(f"Nova of {self.name} has no compute service on {host}")

    async def hypervisor_page(self, limit: int, marker: str | None) -> Page[wire.WireHypervisor]:
        is_paged = (await self.dialect()).has(microversions.PAGED_HYPERVISORS)
        answer = await self.call(
            "GET",
            "/os-hypervisors/detail",
            query=_from(limit, marker) if is_paged else (),
            at_most=microversions.HYPERVISORS_WITH_SIZES_MAX,
        )
        page = self._decoded(answer, wire.HypervisorPage)
        return Page(page.hypervisors, marker_of(page.hypervisors_links, "hypervisors"), is_whole=not is_paged)

    async def aggregates(self) -> list[wire.WireAggregate]:
        return self._decoded(await self.call("GET", "/os-aggregates"), wire.Aggregates).aggregates

    async def groups(self, limit: int, offset: int) -> list[wire.WireGroup]:
        query = [("all_projects", "True"), ("limit", str(limit)), ("offset", str(offset))]
        return self._decoded(await self.call("GET", "/os-server-groups", query=query), wire.Groups).server_groups

    async def flavor_page(self, limit: int, marker: str | None) -> Page[wire.Flavor]:
        query = [("is_public", "None"), *_from(limit, marker)]
        page = self._decoded(await self.call("GET", "/flavors/detail", query=query), wire.FlavorPage)
        return Page(page.flavors, marker_of(page.flavors_links, "flavors"))

    async def sees_all(self) -> None:
        """Raises where we may not list everybody's servers: then what is not found may be somebody else's."""
        await self.call("GET", "/servers", query=[("all_tenants", "1"), ("limit", "1")])

    # One thing

    async def servers_on(self, host: str, limit: int) -> dict[str, wire.WireServer]:
        """Those on one host, by id; the first ``limit`` of them."""
        page = await self.server_page(limit, None, [("host", host)])
        return {server.id: server for server in page.items}

    async def server(self, server_id: str) -> tuple[wire.WireServer, int | None]:
        """And Nova's clock."""
        answer = await self.call("GET", f"/servers/{server_id}", at_most=microversions.GROUP_IN_SERVER)
        return self._decoded(answer, wire.OneServer).server, answer.date_us

    async def act(self, server_id: str, body: dict[str, Any], at_most: int = microversions.NEWEST) -> str:
        """Asks for an action; the id under which Nova keeps its record of it, or "" if it does not say."""
        answer = await self.call("POST", f"/servers/{server_id}/action", body=body, at_most=at_most)
        return answer.request_id

    async def delete(self, server_id: str) -> str:
        return (await self.call("DELETE", f"/servers/{server_id}")).request_id

    async def actions(self, server_id: str) -> list[wire.InstanceAction]:
        """What was done to it lately, the newest first."""
        answer = await self.call("GET", f"/servers/{server_id}/os-instance-actions")
        return self._decoded(answer, wire.InstanceActions).instanceActions

    async def action(self, server_id: str, request_id: str) -> wire.InstanceAction | None:
        """With its events; None where Nova has no record of it (yet)."""
        try:
            answer = await self.call("GET", f"/servers/{server_id}/os-instance-actions/{request_id}")
        except NotFoundError:
            return None
        return self._decoded(answer, wire.OneInstanceAction).instanceAction

    # Changes of a host's service

    async def set_forced_down(self, service: wire.WireService, forced_down: bool) -> None:
        if (await self.dialect()).has(microversions.SERVICE_BY_ID):
            await self.call("PUT", f"/os-services/{service.id}", body={"forced_down": forced_down})
            return
        body = {"host": service.host, "binary": COMPUTE, "forced_down": forced_down}
        await self.call("PUT", "/os-services/force-down", body=body)

    async def set_enabled(self, service: wire.WireService, enabled: bool, reason: str) -> None:
        if (await self.dialect()).has(microversions.SERVICE_BY_ID):
            body = {"status": "enabled"} if enabled else _disabled(reason) | {"status": "disabled"}
            await self.call("PUT", f"/os-services/{service.id}", body=body)
            return
        whom = {"host": service.host, "binary": COMPUTE}
        if enabled:
            await self.call("PUT", "/os-services/enable", body=whom)
        elif reason:
            await self.call("PUT", "/os-services/disable-log-reason", body=whom | _disabled(reason))
        else:
            await self.call("PUT", "/os-services/disable", body=whom)

    def _decoded(self, answer: Answer, shape: type[T]) -> T:
        return decoded(answer, shape, f"Nova of {self.name}")


def _from(limit: int, marker: str | None) -> list[tuple[str, str]]:
    return [("limit", str(limit)), *([("marker", marker)] if marker is not None else [])]


def _disabled(reason: str) -> dict[str, str]:
    return {"disabled_reason": reason[:255]} if reason else {}
