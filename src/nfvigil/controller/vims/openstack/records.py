"""One thing at a time, as the cloud says it now."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from nfvigil.controller.vims.openstack import microversions, wire
from nfvigil.controller.vims.openstack.cinder import Cinder
from nfvigil.controller.vims.openstack.gathering import Gathering
from nfvigil.controller.vims.openstack.known import ON_THE_WAY, Known
from nfvigil.controller.vims.openstack.neutron import Neutron
from nfvigil.controller.vims.openstack.nova import Nova
from nfvigil.controller.vims.openstack.options import Options
from nfvigil.controller.vims.openstack.paging import read_pages
from nfvigil.controller.vims.openstack.reading import (
    UNKNOWN,
    facts_of,
    host_of,
    network_of,
    port_of,
    server_of,
    volume_of,
)
from nfvigil.errors import NotFoundError, RefusedError, VimUnavailableError
from nfvigil.model.resource import CloudRecord, Host, Kind, Server, split_key

_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,254}")


def is_id(text: str) -> bool:
    """Whether it may stand in the path of a call; OpenStack's own ids are UUIDs."""
    return _ID.fullmatch(text) is not None


TOGETHER_LEAST = 3
"""So many servers of one host are listed rather than asked for one by one."""


class Records:
    """What is not found is only said to be so after a look whether we still may see what is not ours."""

    def __init__(
        self, *, name: str, options: Options, nova: Nova, neutron: Neutron, cinder: Cinder, known: Known
    ) -> None:
        self.name = name
        self._options = options
        self._nova = nova
        self._neutron = neutron
        self._cinder = cinder
        self._known = known
        self._servers = Gathering(one=self._one_server, many=self._servers_by_host)

    async def read(self, key: str) -> CloudRecord:
        kind, name = split_key(key)
        if kind != Kind.HOST and not is_id(name):
            raise NotFoundError(f"{key} is unknown in {self.name}")
        try:
            match kind:
                case Kind.HOST:
                    return await self.host(name)
                case Kind.SERVER:
                    return await self._server(name)
                case Kind.PORT:
                    return port_of(await self._neutron.port(name), vim=self.name, pool=self._known.pool)
                case Kind.NETWORK:
                    return network_of(await self._neutron.network(name), vim=self.name, pool=self._known.pool)
                case Kind.VOLUME:
                    return volume_of(await self._cinder.volume(name), vim=self.name, pool=self._known.pool)
                case _:
                    raise RefusedError(f"{self.name} has hosts, servers, ports, networks and volumes, not {key}")
        except NotFoundError:
            await self.check_sight(kind)
            raise

    async def look(self, key: str) -> CloudRecord:
        """The same for the map: a server that Nova has deleted, and still shows for a moment, is gone."""
        record = await self.read(key)
        if isinstance(record, Server) and record.status == "DELETED":
            raise NotFoundError(f"Nova of {self.name} says that {key} is deleted")
        return record

    async def ports_with(self, record: CloudRecord) -> list[CloudRecord]:
        """The ports of a server that is new or has moved: Neutron does not tell of a binding that is activated."""
        places = self._known.places
        if not isinstance(record, Server) or places.get(record.id) == record.host:
            return []
        ports = await self._neutron.ports_of(record.id)
        # Before that, its ports may still be made, or bound to where it goes.
        places[record.id] = "" if record.status in ON_THE_WAY else record.host
        return [port_of(port, vim=self.name, pool=self._known.pool) for port in ports]

    async def host_name(self, name: str) -> str:
        """The name of its compute service, by any of its names. NotFoundError where Nova knows none of it."""
        try:
            service, _ = await self._nova.service(name)
        except NotFoundError:
            for host, facts in self._known.facts.items():
                if name in facts.aliases:
                    return host
            await self.learn([])
            for host, facts in self._known.facts.items():
                if name in facts.aliases:
                    return host
            raise
        return service.host

    async def host(self, name: str) -> Host:
        name = await self.host_name(name)
        service, date_us = await self._nova.service(name)
        if name not in self._known.facts:
            await self.learn([name])
        return host_of(
            service,
            self._known.facts[name],
            vim=self.name,
            now_us=date_us,
            heartbeats=self._known.heartbeats,
            heartbeat_seconds=self._options.heartbeat_seconds,
        )

    async def learn(self, hosts: Sequence[str]) -> None:
        """Ask for what does not come with the compute services; afterwards there is something on each of these."""
        hypervisors: list[wire.WireHypervisor] = await self._all(self._nova.hypervisor_page, "hypervisors")
        self._known.facts = facts_of(hosts, hypervisors, await self._nova.aggregates())

    async def show(self, key: str) -> dict[str, Any]:
        """The record, and what else an operator wants to see of it."""
        record = await self.read(key)
        shown: dict[str, Any] = {
            field: msgspec.to_builtins(getattr(record, field)) for field in record.__struct_fields__
        }
        if isinstance(record, Host):
            service, _ = await self._nova.service(record.id)
            shown["heartbeat_at"] = service.updated_at
            page = await self._nova.server_page(self._options.page_size, None, [("host", record.id)])
            shown["servers"] = [server.id for server in page.items]
        elif split_key(key)[0] == Kind.SERVER:
            server, _ = await self._nova.server(record.id)
            shown["task_state"] = server.task_state
            shown["vm_state"] = server.vm_state
            shown["fault"] = server.fault.message if server.fault else None
        return shown

    async def _server(self, server_id: str) -> CloudRecord:
        wire_server = await self._servers.read(server_id)
        flavors = self._known.flavors
        dialect = await self._nova.dialect()
        flavor = wire_server.flavor
        if not dialect.has(microversions.EMBEDDED_FLAVOR) and flavor is not None and flavor.id not in flavors:
            flavors.update({each.id: each for each in await self._all(self._nova.flavor_page, "flavors")})
        return server_of(
            wire_server,
            vim=self.name,
            pool=self._known.pool,
            groups=self._known.groups,
            flavors=flavors,
            vnf_keys=self._options.vnf_keys,
        )

    async def _one_server(self, server_id: str) -> wire.WireServer:
        return (await self._nova.server(server_id))[0]

    async def _servers_by_host(self, ids: Sequence[str]) -> dict[str, wire.WireServer]:
        """Nova lists servers by their host, not by their ids: worth it where several are known to be on one."""
        found: dict[str, wire.WireServer] = {}
        for host, number in Counter(self._known.places.get(id, "") for id in ids).items():
            if host and number >= TOGETHER_LEAST:
                found |= await self._nova.servers_on(host, self._options.page_size)
        # Of a cell that does not answer a list says less than a look at the server itself.
        return {id: server for id, server in found.items() if server.status != UNKNOWN}

    async def _all(self, ask: Any, what: str) -> list[Any]:
        limit = self._options.page_size
        return await read_pages(
            lambda marker: ask(limit, marker),
            id_of=lambda item: str(item.id),
            convert=lambda item: item,
            limit=limit,
            what=f"{what} of {self.name}",
        )

    async def check_sight(self, kind: str) -> None:
        """Who lost its role is told "not found" of what belongs to others: that must not look like their death."""
        try:
            if kind == Kind.HOST:
                return  # Who may not list the services is told so.
            if kind in (Kind.SERVER, Kind.VOLUME) or not await self._neutron.sees_all():
                await self._nova.sees_all()
        except RefusedError as error:
            raise VimUnavailableError(f"{self.name} hides what is not ours: {error}") from error
