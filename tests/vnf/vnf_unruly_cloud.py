"""A simulated cloud whose listings fail, end early, lie and take their time, while things happen in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import msgspec
from msgspec.structs import replace

from nfvigil.controller.vims.layout import SimulatedOptions
from nfvigil.controller.vims.simulated import SimulatedVim
from nfvigil.errors import NotFoundError, VimUnavailableError
from nfvigil.model.reading import Details
from nfvigil.model.resource import CloudRecord, MapChange, Port, Server, Snapshot
from virtual_time import now_us

STATUSES = ("ACTIVE", "ACTIVE", "ERROR", "SHUTOFF", "PAUSED", "VERIFY_RESIZE")
PORT_STATUSES = ("ACTIVE", "ACTIVE", "DOWN", "BUILD")
HANGS_SECONDS = 30.0


class UnrulyCloud:
    name = "sim"

    def __init__(self, chance: Random) -> None:
        self.is_unruly = True
        self.left_us: dict[str, int] = {}
        """When a server, or a server's port (``server/port``), went last."""
        self.real = SimulatedVim(
            name=self.name,
            options=SimulatedOptions(
                hosts=chance.randint(1, 3), servers_per_host=chance.randint(1, 5), ports_per_server=2, projects=2
            ),
            clock=now_us,
        )
        self._chance = chance
        self._fails = chance.choice((0.0, 0.1, 0.4))
        self._lies = chance.choice((0.0, 0.2, 0.6))
        self._slow_seconds = chance.choice((0.0, 0.5, 5.0))
        self._made = 0

    # What is really there

    @property
    def servers(self) -> dict[str, Server]:
        return {server.id: server for server in self.real._cloud.snapshot(0).servers}

    def words_of_ports(self, server: str) -> dict[str, dict[str, Any]]:
        return self.real._cloud.words_of_ports(server)

    def words_of_server(self, server: Server) -> dict[str, Any]:
        return self.real._cloud.words_of_server(server, self.words_of_ports(server.id).values())

    # As a VIM

    async def snapshot(self) -> Snapshot:
        raise AssertionError("there are readers")

    async def detailed_snapshot(self, details: Details) -> Snapshot:
        await self._call()
        taken_us = now_us()
        listing = await self.real.snapshot()
        await self._pass()
        ports = self.real._cloud.snapshot(0).ports  # at another time than the servers
        servers = listing.servers
        if self.is_unruly and self._chance.random() < self._lies:
            share = self._chance.choice((0.2, 0.7, 1.0))
            servers = tuple(one for one in servers if self._chance.random() >= share)
            ports = tuple(one for one in ports if self._chance.random() >= share)
        for server in servers:
            if details.wants(server.id):
                details.put(f"server/{server.id}", memoryview(_json(self.words_of_server(server))))
        for port in ports:
            if details.wants(port.server):
                words = self.words_of_ports(port.server).get(port.id)
                if words is not None and words["device_id"] == port.server:
                    details.put(f"port/{port.id}", memoryview(_json(words)))
        await self._call()  # it may fail with all that was handed over
        return replace(listing, taken_us=taken_us, servers=servers, ports=ports)

    def changes(self) -> AsyncIterator[MapChange | None]:
        return self.real.changes()

    async def read(self, key: str) -> CloudRecord:
        await self._call()
        return await self.real.read(key)

    async def _pass(self) -> None:
        if self._slow_seconds:
            await asyncio.sleep(self._chance.uniform(0, self._slow_seconds))

    async def _call(self) -> None:
        await self._pass()
        if self.is_unruly and self._chance.random() < self._fails:
            if self._chance.random() < 0.1:
                await asyncio.sleep(HANGS_SECONDS)
            raise self._chance.choice((VimUnavailableError("503"), TimeoutError(), KeyError("servers")))

    # What happens in it

    def happen(self) -> None:
        servers = sorted(self.servers.values(), key=lambda one: one.id)
        if not servers:
            self._create()
            return
        server = self._chance.choice(servers)
        ports = [port for port in self.real._cloud.snapshot(0).ports if port.server == server.id]
        port = self._chance.choice(ports) if ports else None
        what = self._chance.choice(
            ("create", "delete", "status", "status", "move", "name", "attach", "detach", "drop", "port", "address")
        )
        if what == "create":
            self._create()
        elif what == "delete":
            self._leave(server.id, *(f"{server.id}/{one.id}" for one in ports))
            self.real.change(gone=(f"server/{server.id}", *(f"port/{one.id}" for one in ports)))
        elif what == "status":
            self.real.change(put=(replace(server, status=self._chance.choice(STATUSES)),))
        elif what == "move":
            host = self._chance.choice(self.real._cloud.snapshot(0).hosts).id
            self.real.change(put=(replace(server, host=host), *(replace(one, host=host) for one in ports)))
        elif what == "name":
            self.real.change(put=(replace(server, name=f"renamed-{self._next()}"),))
        elif what == "attach":
            self._attach(server)
        elif port is not None:
            self._happen_to(port, server, what)

    def _happen_to(self, port: Port, server: Server, what: str) -> None:
        if what == "detach":
            self._leave(f"{server.id}/{port.id}")
            self.real.change(put=(replace(port, server="", host=""),))
        elif what == "drop":
            self._leave(f"{server.id}/{port.id}")
            self.real.change(gone=(f"port/{port.id}",))
        elif what == "port":
            self.real.change(put=(replace(port, status=self._chance.choice(PORT_STATUSES)),))
        else:
            address = f"198.51.100.{self._chance.randint(1, 250)}"
            fields = {"fixed_ips": [{"ip_address": address}, {"ip_address": "2001:db8::7"}]}
            self.real.change(put=(port,), details={f"port/{port.id}": fields})

    def wipe(self) -> None:
        """All at once, as a listing that lies would have it; but it is true."""
        listing = self.real._cloud.snapshot(0)
        self._leave(*(one.id for one in listing.servers), *(f"{one.server}/{one.id}" for one in listing.ports))
        gone = [f"server/{one.id}" for one in listing.servers] + [f"port/{one.id}" for one in listing.ports]
        self.real.change(gone=gone)

    def _create(self) -> None:
        projects = sorted(self.real.projects.values())
        server = Server(
            id=f"new-{self._next()}",
            name="new",
            vim=self.name,
            project=self._chance.choice(projects),
            host=self.real._cloud.snapshot(0).hosts[0].id,
        )
        self.real.change(put=(server,))
        self._attach(server)

    def _attach(self, server: Server) -> None:
        """A new port, or one that was detached, perhaps of this very server."""
        free = [one for one in self.real._cloud.snapshot(0).ports if not one.server]
        if free and self._chance.random() < 0.7:
            port = self._chance.choice(free)
        else:
            port = Port(id=f"port-{self._next()}", vim=self.name, project=server.project, network="n")
        self.real.change(put=(replace(port, server=server.id, host=server.host),))

    def is_there(self, server: str, port: str = "") -> bool:
        try:
            found = self.real._cloud.find(f"port/{port}" if port else f"server/{server}")
        except NotFoundError:
            return False
        return not isinstance(found, Port) or found.server == server

    def _leave(self, *names: str) -> None:
        self.left_us.update(dict.fromkeys(names, now_us()))

    def _next(self) -> int:
        self._made += 1
        return self._made


def _json(words: dict[str, Any]) -> bytes:
    return msgspec.json.encode(words)
