"""The keeper of VNF records with its surroundings: two clouds, a store, a log; and what it may ask is said here."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec.structs import replace
from vnf_shelf import Shelf

from nfvigil.errors import StoreUnavailableError
from nfvigil.model.reading import Reading
from nfvigil.model.resource import Port, Server, Snapshot
from nfvigil.model.vnf import Vnf, Vnfc
from nfvigil.model.vnf_record import Vdu, VduCondition, VduNews
from nfvigil.vnf.keeper import Keeper

EPC = Vnf(id="epc", project="blue", vnfcs=(Vnfc(id="mme", server="s1"), Vnfc(id="sgw", server="s2")), changed_us=1)
IMS = Vnf(id="ims", project="blue", vnfcs=(Vnfc(id="cscf", server="s3"),), changed_us=1)


class World:
    def __init__(self, *vnfs: Vnf) -> None:
        self.now_us = 1_000_000
        self.servers: dict[str, Server] = {}
        self.ports: dict[str, Port] = {}
        self.words: dict[str, Any] = {}
        self.is_away = False
        self.is_mute = False
        self.mute_times = 0
        self.shelf = Shelf(is_away=lambda: self.is_away)
        self.shelf.vnfs = {vnf.key: vnf for vnf in vnfs}
        self.said: list[VduNews] = []
        self.ours: set[str] = set()
        self.watched = {"sim", "other"}
        self.vims: dict[str, str] = {}
        self.refreshed: list[str] = []
        self.fed: list[tuple[str, str]] = []
        self.told: list[tuple[str, int]] = []
        self.log: list[str] = []

    async def __aenter__(self) -> World:
        self.keeper = Keeper(shelf=self.shelf, say=self.say, clouds=self, clock=lambda: self.now_us, feed=self)
        await self.keeper.start(self.shelf.vnfs.values(), ())
        self._task = asyncio.create_task(self.keeper.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])

    async def again(self, standing: Sequence[VduNews] = (), undecided: Sequence[VduNews] = ()) -> None:
        """The service is started anew."""
        await self.__aexit__()
        self.keeper = Keeper(shelf=self.shelf, say=self.say, clouds=self, clock=lambda: self.now_us, feed=self)
        await self.keeper.start(self.shelf.vnfs.values(), standing, undecided)
        self._task = asyncio.create_task(self.keeper.run())

    async def say(self, news: Sequence[VduNews]) -> None:
        self.log.append("say")
        if self.is_mute or self.mute_times > 0:
            self.mute_times -= 1
            raise StoreUnavailableError("the log is away")
        self.said += news

    def changed(self, project: str, vnf_id: str) -> None:
        self.fed.append((project, vnf_id))

    def removed(self, project: str, vnf_id: str) -> None:
        self.fed.append((project, f"-{vnf_id}"))

    def is_watched(self, vim: str) -> bool:
        return vim in self.watched

    def vim_of(self, _project: str, server: str) -> str:
        return self.vims.get(server, "")

    def ports_of(self, server: str) -> list[str]:
        return [port.id for port in self.ports.values() if port.server == server]

    def called(self, _vim: str, host: str) -> str:
        return f"{host}@east"

    def is_ours(self, server: str) -> bool:
        return server in self.ours

    def refresh(self, vim: str) -> None:
        self.refreshed.append(vim)

    # The cloud

    def has(self, *servers: str, project: str = "blue", **more: Any) -> None:
        for name in servers:
            status, host = more.get("status", "ACTIVE"), more.get("host", "h1")
            self.servers[name] = Server(id=name, name=name, project=project, status=status, host=f"{host}@east")
            self.words[f"server/{name}"] = {
                "id": name,
                "name": name,
                "status": status,
                "OS-EXT-SRV-ATTR:host": host,
                "user_data": "c2VjcmV0",
            }

    def has_port(self, name: str, server: str, address: str = "192.0.2.1", status: str = "ACTIVE") -> None:
        self.ports[name] = Port(id=name, server=server, project="blue", status=status)
        self.words[f"port/{name}"] = {
            "id": name,
            "status": status,
            "device_id": server,
            "fixed_ips": [{"ip_address": address}],
        }

    def lacks(self, *keys: str) -> None:
        for key in keys:
            kind, _, name = key.partition("/")
            (self.servers if kind == "server" else self.ports).pop(name, None)

    def read(self, *, vim: str = "sim", gone: Sequence[str] = (), is_plain: bool = False) -> list[str]:
        """A listing, up to its being handed over; returns what the keeper had asked for by itself."""
        self.now_us += 60_000_000
        hearing = self.keeper.begin(vim)
        assert hearing is not None
        if not is_plain:
            for name in self.servers:
                if hearing.wants(name):
                    hearing.put(f"server/{name}", view(self.words[f"server/{name}"]))
            for port in self.ports.values():
                if hearing.wants(port.server):
                    hearing.put(f"port/{port.id}", view(self.words[f"port/{port.id}"]))
        snapshot = Snapshot(
            vim=vim,
            taken_us=self.now_us,
            servers=tuple(replace(one, vim=vim) for one in self.servers.values()),
            ports=tuple(replace(one, vim=vim) for one in self.ports.values()),
        )
        missing = self.keeper.missing(Reading(snapshot))
        self.keeper.take(Reading(snapshot, frozenset(gone)), hearing)
        return missing

    async def listed(self, **more: Any) -> list[str]:
        """A listing, and all that follows from it."""
        missing = self.read(**more)
        await self.settled()
        return missing

    async def settled(self, turns_max: int = 200) -> None:
        """What was handed over is worked off: nothing in here waits for anything but its turn."""
        for _ in range(turns_max):
            await asyncio.sleep(0)

    def vdu(self, name: str, vnf: Vnf = EPC) -> Vdu:
        record = self.keeper.record(*vnf.key)
        assert record == self.shelf.records[vnf.key], "what is known is what is kept"
        return next(vdu for vdu in record.vdus if vdu.id == name)

    def news(self) -> list[tuple[VduCondition, bool, str]]:
        said, self.said = self.said, []
        return [(one.condition, one.is_on, one.port or one.server) for one in said]


def view(words: Any) -> memoryview:
    return memoryview(msgspec.json.encode(words))
