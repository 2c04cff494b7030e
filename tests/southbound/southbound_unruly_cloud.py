"""A simulated cloud whose API fails, whose lists lie and whose messages come late, twice, forged or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from random import Random

import msgspec

from nfvigil.controller.vims.layout import SimulatedOptions
from nfvigil.controller.vims.simulated import SimulatedVim
from nfvigil.errors import NotFoundError, UnknownCallerError, VimUnavailableError
from nfvigil.model.reading import Details
from nfvigil.model.resource import CloudRecord, Host, MapChange, Port, Server, Snapshot, Volume, key_of_record
from virtual_time import now_us

LATE_MAX_SECONDS = 40.0
HANGS_SECONDS = 15.0
GROUPS = ("hosts", "servers", "ports", "volumes", "networks")


class UnrulyCloud:
    """What is really there is asked of ``is_there`` and ``truth``; only ``read`` never lies."""

    name = "sim"

    def __init__(self, chance: Random) -> None:
        self.is_unruly = True
        self._chance = chance
        self._real = SimulatedVim(
            name=self.name,
            options=SimulatedOptions(
                hosts=chance.randint(1, 3),
                servers_per_host=chance.randint(0, 8),
                volumes_per_server=chance.randint(0, 1),
            ),
            clock=now_us,
        )
        # How unruly it is differs from cloud to cloud, so that some fail in one thing only.
        self.is_orderly = chance.random() < 0.15
        rates = (0.0,) if self.is_orderly else (0.0, 0.1, 0.5)
        self._fails, self._lies, self._meddles = (chance.choice(rates) for _ in range(3))
        self._slow_seconds = chance.choice((0.0, 0.1, 3.0))
        self._dead_until = 0.0
        self._made = 0
        self._told: asyncio.Queue[MapChange | Exception | None] = asyncio.Queue()
        self._late: set[asyncio.TimerHandle] = set()

    # What is really there

    def truth(self) -> dict[str, CloudRecord]:
        listing = self._real._cloud.snapshot(0)
        return {key_of_record(record): record for group in GROUPS for record in getattr(listing, group)}

    def is_there(self, key: str) -> bool:
        try:
            self._real._cloud.find(key)
        except NotFoundError:
            return False
        return True

    def behave(self) -> None:
        """No failures from now on, and nothing is still under way."""
        self.is_unruly = False
        self._dead_until = 0.0
        for timer in self._late:
            timer.cancel()

    def die(self) -> None:
        if self.is_orderly:
            return
        self._dead_until = asyncio.get_running_loop().time() + self._chance.uniform(1, 90)

    # As a VIM

    async def snapshot(self) -> Snapshot:
        await self._call()
        # Each kind is listed at its own time.
        listing = self._real._cloud.snapshot(now_us())
        groups = {}
        for name in GROUPS:
            groups[name] = getattr(self._real._cloud.snapshot(0), name)
            await self._pass()
        if self.is_unruly and self._chance.random() < self._lies:
            share = self._chance.choice((0.1, 0.6, 1.0))
            for name in self._chance.sample(GROUPS, self._chance.randint(1, len(GROUPS))):
                groups[name] = tuple(one for one in groups[name] if self._chance.random() >= share)
        await self._call()
        return msgspec.structs.replace(listing, **groups)

    async def detailed_snapshot(self, details: Details) -> Snapshot:
        """The words on a thing are its record; a page may be the last that is had."""
        listing = await self.snapshot()
        for record in (*listing.servers, *listing.ports):
            if self.is_unruly and self._chance.random() < self._fails / 20:
                await self._call()
            if details.wants(record.server if isinstance(record, Port) else record.id):
                details.put(key_of_record(record), memoryview(msgspec.json.encode(record)))
        return listing

    async def changes(self) -> AsyncIterator[MapChange | None]:
        self._told = asyncio.Queue()  # what was told while nobody listened is lost
        if self._slow_seconds and not self.is_orderly:
            await self._call()
            self._told = asyncio.Queue()
            yield None
        while True:
            told = await self._told.get()
            if isinstance(told, Exception):
                raise told
            yield told

    async def read(self, key: str) -> CloudRecord:
        await self._call()
        found = self._real._cloud.find(key)
        await self._call()
        return found

    async def _pass(self) -> None:
        if self._slow_seconds:
            await asyncio.sleep(self._chance.uniform(0, self._slow_seconds))

    async def _call(self) -> None:
        await self._pass()
        if not self.is_unruly:
            return
        if asyncio.get_running_loop().time() < self._dead_until:
            raise VimUnavailableError("connection refused")
        if self._chance.random() < self._fails:
            fault = self._chance.randrange(6)
            if fault == 0:
                await asyncio.sleep(HANGS_SECONDS)
            if fault <= 1:
                raise TimeoutError
            if fault == 5:
                raise asyncio.CancelledError
            raise (VimUnavailableError("503"), UnknownCallerError("401"), KeyError("servers"))[fault - 2]

    # What happens in it

    def happen(self) -> None:
        """Something changes, and that is told well or badly."""
        real = self._real._cloud
        listing = real.snapshot(0)
        servers, hosts = listing.servers, listing.hosts
        what = self._chance.choice(("create", "create", "delete", "delete", "move", "move", "state", "host", "wipe"))
        if what == "create" or not servers:
            self._made += 1
            server = Server(id=f"new-{self._made}", vim=self.name, host=self._host(hosts))
            self._change(put=(server, Port(id=f"new-{self._made}", vim=self.name, server=server.id, host=server.host)))
        elif what == "delete":
            self._delete(self._chance.choice(servers))
        elif what == "move":
            server, host = self._chance.choice(servers), self._host(hosts)
            ports = [port for port in listing.ports if port.server == server.id]
            moved = [msgspec.structs.replace(one, host=host) for one in (server, *ports)]
            self._change(put=tuple(moved))
        elif what == "state":
            server = self._chance.choice(servers)
            self._change(put=(msgspec.structs.replace(server, status=self._chance.choice(("ACTIVE", "ERROR"))),))
        elif what == "host":
            used = {server.host for server in servers}
            unused = [host for host in hosts if host.id not in used]
            if unused and len(hosts) > 1:
                self._change(gone=(key_of_record(unused[0]),))
            else:
                self._made += 1
                self._change(put=(Host(id=f"new-{self._made}", name=f"new-{self._made}", vim=self.name),))
        elif self._chance.random() < 0.3:
            for server in servers:
                self._delete(server)

    def _host(self, hosts: tuple[Host, ...]) -> str:
        return self._chance.choice(hosts).id

    def _delete(self, server: Server) -> None:
        ports = [key_of_record(port) for port in self._real._cloud.snapshot(0).ports if port.server == server.id]
        volumes = [f"volume/{volume}" for volume in server.volumes if self._chance.random() < 0.5]
        self._change(gone=(key_of_record(server), *ports, *volumes))

    def _change(self, *, put: tuple[Server | Port | Volume | Host, ...] = (), gone: tuple[str, ...] = ()) -> None:
        self._real.change(put=put, gone=gone)
        self._tell(MapChange(vim=self.name, put=put, gone=gone))

    def _tell(self, change: MapChange) -> None:
        if not self.is_unruly or self._chance.random() >= self._meddles:
            self._told.put_nowait(change)
            return
        fault = self._chance.choice(("lost", "late", "twice", "missed", "away"))
        if fault in ("late", "twice"):
            self._later(change)
        if fault == "twice":
            self._told.put_nowait(change)
        if fault == "missed":
            self._told.put_nowait(None)
        if fault == "away":
            self._told.put_nowait(VimUnavailableError("the bus is away"))

    def forge(self) -> None:
        """A message about something that never happened."""
        if self._chance.random() >= self._meddles:
            return
        truth = self.truth()
        keys = [self._chance.choice(sorted(truth)) for _ in range(self._chance.randint(1, 3))] if truth else []
        some = [truth[key] for key in keys]
        match self._chance.randrange(3):
            case 0:
                self._told.put_nowait(MapChange(vim=self.name, gone=(*keys, "server/never-was")))
            case 1:
                self._told.put_nowait(MapChange(vim=self.name, put=(Server(id="ghost", host="nowhere"), *some)))
            case _:
                wrong = [msgspec.structs.replace(one, host="nowhere") for one in some if hasattr(one, "host")]
                self._told.put_nowait(MapChange(vim=self.name, put=tuple(wrong), gone=tuple(keys)))

    def _later(self, change: MapChange) -> None:
        loop = asyncio.get_running_loop()
        seconds = self._chance.uniform(0, LATE_MAX_SECONDS)
        self._late.add(loop.call_later(seconds, lambda: self._told.put_nowait(change)))
