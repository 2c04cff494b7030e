"""Reads everything that the cloud has, in parallel, and completely or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import msgspec

from nfvigil.controller.vims.openstack import microversions, wire
from nfvigil.controller.vims.openstack.cinder import Cinder
from nfvigil.controller.vims.openstack.known import ON_THE_WAY, Known
from nfvigil.controller.vims.openstack.neutron import Neutron
from nfvigil.controller.vims.openstack.nova import Nova, ServicesSeen
from nfvigil.controller.vims.openstack.options import Options
from nfvigil.controller.vims.openstack.paging import PAGES_MAX, read_pages
from nfvigil.controller.vims.openstack.reading import (
    UNKNOWN,
    HostFacts,
    Pool,
    facts_of,
    groups_of,
    host_of,
    network_of,
    now_at,
    port_of,
    server_of,
    volume_of,
)
from nfvigil.controller.vims.openstack.rereading import Item, Rereading
from nfvigil.errors import RefusedError, VimUnavailableError
from nfvigil.model.reading import Details
from nfvigil.model.resource import Host, Kind, Network, Port, Server, Snapshot, Volume

T = TypeVar("T")


class Listing:
    def __init__(
        self,
        *,
        name: str,
        options: Options,
        nova: Nova,
        neutron: Neutron,
        cinder: Cinder,
        known: Known,
        clock: Callable[[], int],
    ) -> None:
        self._name = name
        self._options = options
        self._nova = nova
        self._neutron = neutron
        self._cinder = cinder
        self._known = known
        self._clock = clock
        self._server_list: Rereading[wire.WireServer, Server] = Rereading(
            what=f"Nova of {name}", kind=Kind.SERVER, shape=wire.WireServer, whose=lambda server: server.id
        )
        self._port_list: Rereading[wire.WirePort, Port] = Rereading(
            what=f"Neutron of {name}", kind=Kind.PORT, shape=wire.WirePort, whose=lambda port: port.device_id
        )

    async def snapshot(self, details: Details | None = None) -> Snapshot:
        taken_us = self._clock()
        try:
            return await self._read(taken_us, details)
        except RefusedError as error:
            raise VimUnavailableError(f"{self._name} cannot be listed: {error}", retry_after_seconds=5) from error

    async def _read(self, taken_us: int, details: Details | None) -> Snapshot:
        dialect = await self._nova.dialect(anew=True)
        pool = Pool()
        flavors = {} if dialect.has(microversions.EMBEDDED_FLAVOR) else await self._flavors()
        async with _Together() as together:
            seen = together.do(self._services())
            hypervisors = together.do(self._hypervisors())
            aggregates = together.do(self._nova.aggregates())
            groups = together.do(self._groups())
            servers = together.do(self._servers(pool, flavors, details))
            ports = together.do(self._ports(pool, details))
            networks = together.do(self._networks(pool))
            volumes = together.do(self._volumes(pool))
        # A cell that stopped answering while its servers were listed has left them out without a word.
        await self._services()
        services = seen.result()
        names = [service.host for service in services.services]
        self._known.facts = facts_of(names, hypervisors.result(), aggregates.result())
        self._known.flavors = flavors
        self._known.groups = groups_of(groups.result())
        self._known.pool = pool
        hosts = self.hosts(services)
        self._known.hosts = {host.id: host for host in hosts}
        self._known.heartbeats.forget(set(names))
        # A server that is just being made may be listed before its ports are: they are asked for with its next change.
        with_ports = {port.server for port in ports.result()}
        self._known.places = {
            server.id: server.host if server.id in with_ports and server.status not in ON_THE_WAY else ""
            for server in servers.result()
        }
        return Snapshot(
            vim=self._name,
            taken_us=taken_us,
            hosts=hosts,
            servers=self._with_groups(servers.result()),
            ports=tuple(ports.result()),
            volumes=tuple(volumes.result()),
            networks=tuple(networks.result()),
        )

    def hosts(self, seen: ServicesSeen) -> tuple[Host, ...]:
        """By what is known of them beside their services; those of a cell that does not answer are left out."""
        now_us = now_at(seen.services, seen.date_us)
        return tuple(
            host_of(
                service,
                self._known.facts.get(service.host, HostFacts()),
                vim=self._name,
                now_us=now_us,
                heartbeats=self._known.heartbeats,
                heartbeat_seconds=self._options.heartbeat_seconds,
            )
            for service in seen.services
            if service.status != UNKNOWN
        )

    def _with_groups(self, servers: list[Server]) -> tuple[Server, ...]:
        """The lists are read side by side: which server is in which group is known afterwards only."""
        groups = self._known.groups
        if not groups:
            return tuple(servers)
        return tuple(
            msgspec.structs.replace(server, group=groups[server.id]) if server.id in groups else server
            for server in servers
        )

    async def _services(self) -> ServicesSeen:
        seen = await self._nova.services()
        unknown = sorted(service.host for service in seen.services if service.status == UNKNOWN)
        if unknown and self._options.down_cells != "skip":
            raise VimUnavailableError(
                f"Nova of {self._name} says UNKNOWN of {', '.join(unknown[:5])}: a cell does not answer, and a list"
                " without its servers would look as if they were gone (option down_cells)"
            )
        return seen

    async def _hypervisors(self) -> list[wire.WireHypervisor]:
        return await self._pages(
            self._nova.hypervisor_page, lambda item: str(item.id), lambda item: item, "hypervisors"
        )

    async def _servers(self, pool: Pool, flavors: dict[str, wire.Flavor], details: Details | None) -> list[Server]:
        def convert(item: wire.WireServer) -> Server:
            return server_of(
                item, vim=self._name, pool=pool, groups={}, flavors=flavors, vnf_keys=self._options.vnf_keys
            )

        async def ask(limit: int, marker: str | None) -> wire.Page[Item[Server]]:
            page = await self._nova.server_words(limit, marker)
            return wire.Page(self._server_list.read(page.items, convert, details), page.marker)

        self._server_list.begin(anew=flavors != self._known.flavors)
        servers = await self._pages(ask, lambda item: item.record.id, lambda item: item.record, "servers")
        self._server_list.end()
        return servers

    async def _ports(self, pool: Pool, details: Details | None) -> list[Port]:
        def convert(item: wire.WirePort) -> Port:
            return port_of(item, vim=self._name, pool=pool)

        async def ask(limit: int, marker: str | None) -> wire.Page[Item[Port]]:
            page = await self._neutron.port_words(limit, marker, whole=details is not None)
            return wire.Page(self._port_list.read(page.items, convert, details), page.marker)

        self._port_list.begin()
        ports = await self._pages(ask, lambda item: item.record.id, lambda item: item.record, "ports")
        self._port_list.end()
        return ports

    async def _networks(self, pool: Pool) -> list[Network]:
        def convert(item: wire.WireNetwork) -> Network:
            return network_of(item, vim=self._name, pool=pool)

        return await self._pages(self._neutron.network_page, lambda item: item.id, convert, "networks")

    async def _volumes(self, pool: Pool) -> list[Volume]:
        if not await self._cinder.is_there():
            return []

        def convert(item: wire.WireVolume) -> Volume:
            return volume_of(item, vim=self._name, pool=pool)

        return await self._pages(self._cinder.volume_page, lambda item: item.id, convert, "volumes")

    async def _flavors(self) -> dict[str, wire.Flavor]:
        read = await self._pages(self._nova.flavor_page, lambda item: item.id, lambda item: item, "flavors")
        return {flavor.id: flavor for flavor in read}

    async def _groups(self) -> list[wire.WireGroup]:
        """By offset: one that comes or goes meanwhile shifts the pages, so the same one twice is no fault."""
        found: dict[str, wire.WireGroup] = {}
        offset = 0
        for _ in range(PAGES_MAX):
            page = await self._nova.groups(self._options.page_size, offset)
            if not page or all(group.id in found for group in page):
                return list(found.values())
            found.update({group.id: group for group in page})
            offset += len(page)
        raise VimUnavailableError(f"the list of server groups has more than {PAGES_MAX} pages")

    async def _pages(self, ask: Any, id_of: Callable[[Any], str], convert: Callable[[Any], T], what: str) -> list[T]:
        limit = self._options.page_size

        async def page(marker: str | None) -> wire.Page[Any]:
            found: wire.Page[Any] = await ask(limit, marker)
            return found

        return await read_pages(page, id_of=id_of, convert=convert, limit=limit, what=f"{what} of {self._name}")


class _Together:
    """A task group that raises what went wrong first by itself, not wrapped in a group."""

    def __init__(self) -> None:
        self._group = asyncio.TaskGroup()

    def do(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        return self._group.create_task(work)

    async def __aenter__(self) -> _Together:
        await self._group.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        try:
            await self._group.__aexit__(*error)
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None
