"""VNF records of the real service: killed at any moment, they lose nothing and tell nothing twice.

How often is ``--kills``; a run is repeated with ``--kills-seed``.
"""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Any

import anyio
import msgspec
import pytest
from service_process import MakeService, Service, wait_until

from nfvigil.controller.vims.simulated import SimulatedVim
from nfvigil.model.resource import Port, Server
from nfvigil.model.vnf_record import Vdu, VnfRecord

CLOUD = {"hosts": 3, "servers_per_host": 4, "ports_per_server": 2, "projects": 1}
START_SECONDS = 0.5
"""About what it takes until records are brought in line."""
ERROR, DELETED, GONE = "nfvigil.vdu.error", "nfvigil.vdu.deleted", "nfvigil.vdu.interface-gone"

Change = dict[str, Any]


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    given = request.config.getoption("--kills-seed")
    seed = random.SystemRandom().randrange(1_000_000) if given is None else given
    print(f"--kills-seed={seed}")
    return random.Random(seed)


def change_cloud(service: Service, change: Change) -> None:
    """While no service runs: its next listing is the first to show it."""

    async def run() -> None:
        vim = SimulatedVim.from_options("cloud", service.settings["vims"][0]["options"], time.time_ns)
        vim.change(**change)
        await vim.close()

    anyio.run(run)


def show_cloud(service: Service) -> tuple[dict[str, Server], dict[str, Port]]:
    async def run() -> tuple[dict[str, Server], dict[str, Port]]:
        vim = SimulatedVim.from_options("cloud", service.settings["vims"][0]["options"], time.time_ns)
        found = await vim.snapshot()
        await vim.close()
        return {one.id: one for one in found.servers}, {one.id: one for one in found.ports}

    return anyio.run(run)


def rows(service: Service, question: str) -> list[Any]:
    with closing(sqlite3.connect(f"file:{service.database}?mode=ro", uri=True)) as database:
        return database.execute(question).fetchall()


def vdus(service: Service) -> dict[str, Vdu]:
    records = [msgspec.json.decode(body, type=VnfRecord) for (body,) in rows(service, "SELECT body FROM vnf_records")]
    return {vdu.server: vdu for record in records for vdu in record.vdus}


def alarms(service: Service) -> list[tuple[str, str, bool]]:
    """(fault type, resource, whether it is open) of every alarm that there ever was of a VNF's record."""
    found = rows(service, "SELECT fault_type, resource, cleared_us FROM alarms WHERE fault_type LIKE 'nfvigil.vdu.%'")
    return sorted((kind, resource, cleared_us is None) for kind, resource, cleared_us in found)


def tell_of_vnfs(service: Service) -> None:
    """By their metadata all servers are of VNFs; here somebody tells of the same ones."""
    items = [item["record"] for item in service.api.all("/v1/resources?kind=server")]
    names = sorted({item["vnf"] for item in items})
    for name in names:
        mine = [item for item in items if item["vnf"] == name]
        body = {"id": name, "project": mine[0]["project"], "vnfcs": [{"server": item["id"]} for item in mine]}
        service.api.post("/v1/vnfs", body, expect=201)
    wait_until(lambda: all(vdu.status for vdu in vdus(service).values()), "records are filled at once", 20)


def test_nothing_is_lost_and_nothing_told_twice_when_it_is_killed(
    make_service: MakeService, chance: random.Random, request: pytest.FixtureRequest
) -> None:
    service = make_service(cloud=CLOUD).start()
    tell_of_vnfs(service)
    service.kill()
    there, ports = show_cloud(service)
    assert {vdu.server for vdu in vdus(service).values()} == set(there)
    begins, ends, expected = plan(there, ports, chance)
    kills = max(2, request.config.getoption("--kills") // 9)

    kill_meanwhile(service, begins, kills, chance)

    service.start()
    wait_until(lambda: [one for one in alarms(service) if one[2]] == expected, "what stands is told", 30)
    assert alarms(service) == expected, "one alarm each, whenever it died"
    wait_until_as_the_cloud(service)
    service.kill()

    kill_meanwhile(service, ends, kills, chance)

    service.start()
    wait_until(lambda: not any(is_open for _, _, is_open in alarms(service)), "what is over is told", 30)
    assert alarms(service) == [(kind, resource, False) for kind, resource, _ in expected]
    wait_until_as_the_cloud(service)
    assert all(not vdu.message for vdu in vdus(service).values())


def plan(
    servers: Mapping[str, Server], ports: Mapping[str, Port], chance: random.Random
) -> tuple[list[Change], list[Change], list[tuple[str, str, bool]]]:
    """What goes wrong with the servers one after the other, how that ends, and the alarms of it."""
    begins: list[Change] = []
    ends: list[Change] = []
    expected = []
    for number, server in enumerate(chance.sample(sorted(servers.values(), key=lambda one: one.id), 9)):
        mine = [port for port in ports.values() if port.server == server.id]
        if number % 3 == 0:
            begins.append({"put": (msgspec.structs.replace(server, status="ERROR"),)})
            ends.append({"put": (server,)})
            expected.append((ERROR, f"server/{server.id}", True))
        elif number % 3 == 1:
            begins.append({"gone": (f"server/{server.id}", *(f"port/{port.id}" for port in mine))})
            ends.append({"put": (server, *mine)})
            expected.append((DELETED, f"server/{server.id}", True))
        else:
            begins.append({"gone": (f"port/{mine[0].id}",)})
            ends.append({"put": (mine[0],)})
            expected.append((GONE, f"port/{mine[0].id}", True))
    return begins, ends, sorted(expected)


def kill_meanwhile(service: Service, changes: Iterable[Change], kills: int, chance: random.Random) -> None:
    """Between the kills the cloud changes: each time some of it is found, said, or written down when it dies."""
    left = list(changes)
    for number in range(kills):
        some = left[: -(-len(left) // (kills - number))]
        del left[: len(some)]
        for change in some:
            change_cloud(service, change)
        service.start(is_awaited=False)
        time.sleep(chance.uniform(0.1, 1.6) * START_SECONDS)
        service.kill()


def wait_until_as_the_cloud(service: Service) -> None:
    """The news comes before the record: so an alarm may be there a moment earlier."""
    wait_until(lambda: not differences(service), f"records are as the cloud: {differences(service)}", 10)


def differences(service: Service) -> list[str]:
    there = {item["record"]["id"]: item["record"] for item in service.api.all("/v1/resources?kind=server")}
    listed = {item["record"]["id"]: item["record"] for item in service.api.all("/v1/resources?kind=port")}
    found = []
    for server, vdu in vdus(service).items():
        if vdu.status != (there[server]["status"] if server in there else "DELETED"):
            found.append(f"{server} is {vdu.status}")
        gone = {one.port for one in vdu.interfaces if "deleted externally" in one.message}
        if gone != {one.port for one in vdu.interfaces} - listed.keys():
            found.append(f"of {server} are gone {gone}")
    return found
