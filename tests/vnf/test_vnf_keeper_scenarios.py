"""Whatever a cloud's API and our store do: no record says falsely that something is gone, and soon after it all of them
are what the cloud is, with every condition told as it is.

NFVIGIL_TEST_RECORD_SCENARIOS says how many scenarios are tried (1000 before a release), NFVIGIL_TEST_SEED with which
numbers they begin.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from random import Random

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs
from vnf_shelf import Shelf
from vnf_unruly_cloud import UnrulyCloud

from nfvigil.desks.vnfs import VnfDesk
from nfvigil.errors import NotFoundError, RefusedError, StoreUnavailableError, UnavailableError
from nfvigil.inspector.resource_map import ResourceMap
from nfvigil.model.resource import Kind, MapChange, Server, key_of, split_key
from nfvigil.model.vnf import Vnf, Vnfc, VnfSource
from nfvigil.model.vnf_record import Vdu, VduCondition, VduNews, VnfRecord
from nfvigil.southbound.inventory import Inventory
from nfvigil.southbound.timing import Timing
from nfvigil.vnf.keeper import Keeper
from nfvigil.vnf.registry import Registry
from nfvigil.vnf.rules import FINE_PORT, conditions_of, gone_message, is_gone, status_message
from virtual_time import now_us, run_virtually

SCENARIOS = int(os.environ.get("NFVIGIL_TEST_RECORD_SCENARIOS", "100"))
FIRST = int(os.environ.get("NFVIGIL_TEST_SEED", "0"))
BATCH = 50

INTERVAL_SECONDS = 60.0
QUIET_SECONDS = 1.1 * INTERVAL_SECONDS + 10.0
"""A period: the longest interval, and what a listing and its second look take."""
ANCIENT_SECONDS = 150.0
"""A word that something is gone is not older than that: a listing with its second look, and a store that is slow."""
TIMING = Timing(timeout_seconds=20.0, retry_max_seconds=INTERVAL_SECONDS, cliff_least=2, confirm_seconds=20.0)


class Scenario:
    """The whole way from the cloud to the records, with an inspector that only remembers what it is told."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.map = ResourceMap()
        self.cloud = UnrulyCloud(self.chance)
        self.is_deaf = True
        self._rate = self.chance.choice((0.0, 0.0, 0.3))
        self.shelf = Shelf(is_away=self._is_away, seconds=lambda: self.chance.choice((0.0, 0.0, 0.5)))
        self.shelf.saved = self._look_for_lies
        self.registry = Registry()
        self.standing: dict[tuple[str, ...], VduNews] = {}
        self.false: list[str] = []
        self.kills = 0
        self.said: set[tuple[VduCondition, bool]] = set()

    def _is_away(self) -> bool:
        return self.is_deaf and self.chance.random() < self._rate

    async def say(self, news: Sequence[VduNews]) -> None:
        if self._is_away():
            raise StoreUnavailableError("the log is away")
        for one in news:
            self.said.add((one.condition, one.is_on))
            name = (one.project, one.vnf, one.vnfc, one.condition.value, one.port)
            if one.is_on:
                self.standing[name] = one
            else:
                self.standing.pop(name, None)
        if self.is_deaf and self.chance.random() < 0.1:
            raise StoreUnavailableError("the log had it, and the answer was lost")

    def _look_for_lies(self, before: VnfRecord, after: VnfRecord) -> None:
        was = {vdu.id: vdu for vdu in before.vdus}
        for vdu in after.vdus:
            if vdu.is_deleted and not was[vdu.id].is_deleted:
                self._should_be_gone(vdu.server)
            for interface in vdu.interfaces:
                if is_gone(interface):
                    self._should_be_gone(vdu.server, interface.port)

    def _should_be_gone(self, server: str, port: str = "") -> None:
        left_us = self.cloud.left_us.get(f"{server}/{port}" if port else server)
        is_old = left_us is None or left_us < now_us() - ANCIENT_SECONDS * 1e6
        if self.cloud.is_there(server, port) and is_old:
            self.false.append(f"{server} {port}")

    # What the keeper asks of the clouds

    def is_watched(self, vim: str) -> bool:
        return self.inventory.is_watched(vim)

    def vim_of(self, project: str, server: str) -> str:
        record = self.map.get(key_of(Kind.SERVER, server))
        return record.vim if isinstance(record, Server) and record.project == project else ""

    def ports_of(self, server: str) -> list[str]:
        return [split_key(key)[1] for key in self.map.related(key_of(Kind.SERVER, server), "ports")]

    def called(self, _vim: str, host: str) -> str:
        return host

    def is_ours(self, _server: str) -> bool:
        return False

    def refresh(self, vim: str) -> None:
        with suppress(NotFoundError):
            self.inventory.refresh(vim)

    async def _apply(self, change: MapChange) -> None:
        self.map.apply(change)

    async def _begin_keeper(self) -> None:
        self.keeper = Keeper(shelf=self.shelf, say=self.say, clouds=self, clock=now_us)
        await self.keeper.start(self.shelf.vnfs.values(), list(self.standing.values()))
        self.registry = Registry(self.shelf.vnfs.values())
        self.desk = VnfDesk(
            registry=self.registry,
            shelf=self.shelf,
            servers=self.map,
            take_map=self._apply,
            clock=now_us,
            records=self.keeper,
        )
        self.inventory = Inventory(
            vims={"sim": self.cloud},
            known=self.map,
            apply=self._apply,
            intervals={"sim": INTERVAL_SECONDS},
            clock=now_us,
            timing=TIMING,
            chance=self.chance,
            readers=[self.keeper],
        )
        self.running = [asyncio.create_task(self.inventory.run()), asyncio.create_task(self.keeper.run())]

    async def _kill(self) -> None:
        """At whatever it waits for: between the news and the write, or within either."""
        for task in self.running:
            task.cancel()
        await asyncio.wait(self.running)
        self.kills += 1
        self.map = ResourceMap()

    async def run(self) -> None:
        self._tell_at_first()
        await self._begin_keeper()
        for _ in range(self.chance.randint(3, 30)):
            await asyncio.sleep(self.chance.choice((0.0, 0.5, 5.0, 30.0, 70.0)))
            with suppress(UnavailableError, RefusedError):  # the store was away, or the map does not know it yet
                await self._something()
        self.is_deaf = self.cloud.is_unruly = False
        await asyncio.sleep(2 * QUIET_SECONDS)
        assert not any(task.done() for task in self.running)
        self.writes = self.shelf.writes
        self.rounds = self.keeper.rounds
        await asyncio.sleep(2 * QUIET_SECONDS)
        await self._kill()

    async def _something(self) -> None:
        match self.chance.randrange(16):
            case 0:
                await self._kill()
                await self._begin_keeper()
            case 1 if self.chance.random() < 0.15:
                self.cloud.wipe()
            case 2:
                await self.inventory.remove("sim")
                await asyncio.sleep(self.chance.choice((0.0, 30.0)))
                self.inventory.add("sim", self.cloud, interval_seconds=INTERVAL_SECONDS)
            case 3 | 4 | 5:
                await self._tell_of_a_vnf()
            case 6:
                if vnfs := sorted(self.shelf.vnfs):
                    await self.desk.remove(*self.chance.choice(vnfs))
            case 7:
                self.inventory.refresh("sim")
            case _:
                self.cloud.happen()

    def _tell_at_first(self) -> None:
        """VNFs that an older version knew, without records."""
        for project in self.cloud.real.projects.values():
            servers = [one.id for one in self.cloud.servers.values() if one.project == project]
            vnfcs = tuple(Vnfc(id=f"c-{server}", server=server) for server in servers[: self.chance.randint(0, 4)])
            self.shelf.vnfs[project, "a"] = Vnf(id="a", project=project, vnfcs=vnfcs)

    async def _tell_of_a_vnf(self) -> None:
        project = self.chance.choice(sorted(self.cloud.real.projects.values()))
        servers = sorted(one.id for one in self.cloud.servers.values() if one.project == project)
        some = self.chance.sample(servers, min(len(servers), self.chance.randint(1, 4)))
        vnf_id = self.chance.choice(("a", "b"))
        known = self.registry.get(project, vnf_id)
        vnfcs = tuple(Vnfc(id=f"c-{server}", server=server) for server in some)
        if self.chance.random() < 0.3:
            # Whoever registers servers may name one that is not there, or is another's.
            other = self.chance.choice([*sorted(self.cloud.servers), "never-was"])
            await self.desk.add_server(project, "t", other, source=VnfSource.TACKER, by="t")
        elif known is None:
            await self.desk.create(Vnf(id=vnf_id, project=project, vnfcs=vnfcs))
        else:
            await self.desk.replace(replace(known, vnfcs=vnfcs), was_us=known.changed_us)


def differences(scenario: Scenario) -> list[str]:
    """How the records differ from what the cloud is."""
    found = []
    servers = scenario.cloud.servers
    for record in scenario.shelf.records.values():
        for vdu in record.vdus:
            server = servers.get(vdu.server)
            if server is not None and server.project != record.project:
                server = None
            if server is not None:
                found += [f"{vdu.server}: {text}" for text in _wrong(vdu, server, scenario.cloud)]
            elif vdu.status not in ("DELETED", ""):
                found.append(f"{vdu.server} is gone, and its record says {vdu.status}")
            elif vdu.status == "" and (vdu.vim or vdu.interfaces):
                found.append(f"{vdu.server} was seen and is gone, and its record does not say so")
    return found


def _wrong(vdu: Vdu, server: Server, cloud: UnrulyCloud) -> list[str]:
    found = []
    if (vdu.status, vdu.host, vdu.name, vdu.vim) != (server.status, server.host, server.name, "sim"):
        found.append(f"{vdu.status} {vdu.host} {vdu.name} {vdu.vim} is not {server}")
    ports = cloud.words_of_ports(server.id)
    interfaces = {one.port: one for one in vdu.interfaces}
    if missing := ports.keys() - interfaces.keys():
        found.append(f"has no interfaces {missing}")
    for port, interface in interfaces.items():
        words = ports.get(port)
        if words is None:
            expected = gone_message(port)
        elif words["status"] not in FINE_PORT:
            expected = status_message(port, words["status"])
        else:
            expected = ""
            address = ";".join(one["ip_address"] for one in words["fixed_ips"])
            told = (interface.ip_address, interface.mac_address, interface.network, interface.host)
            if told != (address, words["mac_address"], words["network_id"], server.host):
                found.append(f"{port}: {told} is not {words}")
        if interface.message != expected:
            found.append(f"{port}: {interface.message!r} is not {expected!r}")
    return found


def conditions(scenario: Scenario) -> set[tuple[str, ...]]:
    return {
        (record.project, record.id, vdu.id, condition.value, port)
        for record in scenario.shelf.records.values()
        for vdu in record.vdus
        for condition, port in conditions_of(vdu)
    }


def check(seed: int) -> Scenario:
    scenario = Scenario(seed)
    run_virtually(scenario.run())

    assert scenario.false == [], f"seed {seed}: recorded as gone although they are there"
    assert differences(scenario) == [], f"seed {seed}: the records are not what the cloud is"
    assert scenario.standing.keys() == conditions(scenario), f"seed {seed}: told otherwise than it is"
    assert scenario.keeper.rounds > scenario.rounds, f"seed {seed}: nothing was read"
    assert scenario.shelf.writes == scenario.writes, f"seed {seed}: written although nothing changed"
    assert set(scenario.shelf.records) == set(scenario.shelf.vnfs), f"seed {seed}: a record without its VNF"
    for record in scenario.shelf.records.values():
        assert scenario.keeper.record(*record.key) == record, f"seed {seed}: not what is kept"
        details = scenario.shelf.details.get(record.key, {})
        for vdu in record.vdus:
            assert bool(vdu.status in ("", "DELETED")) or vdu.id in details, f"seed {seed}: the cloud's words are lost"
    for lines in scenario.shelf.history.values():
        assert all(one.at_us <= other.at_us for one, other in pairwise(lines)), f"seed {seed}: out of order"
    return scenario


@pytest.mark.parametrize("first", range(FIRST, FIRST + SCENARIOS, BATCH))
def test_nothing_is_falsely_gone_and_soon_the_records_are_what_the_cloud_is(first: int) -> None:
    for seed in range(first, min(first + BATCH, FIRST + SCENARIOS)):
        with capture_logs():
            check(seed)


def test_conditions_and_kills_are_among_what_is_tried() -> None:
    seen: set[tuple[VduCondition, bool]] = set()
    kills = 0
    for seed in range(40):
        with capture_logs():
            scenario = check(seed)
        kills += scenario.kills - 1
        seen |= scenario.said
    assert kills > 5
    assert seen == {(condition, is_on) for condition in VduCondition for is_on in (False, True)}
