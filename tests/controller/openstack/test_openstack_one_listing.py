"""One listing for everybody: whoever wants the cloud's own words costs it no call more, and none for a server."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from cloud_player import CloudPlayer, raising

from nfvigil.controller.vims.openstack.neutron import PORT_FIELDS
from nfvigil.controller.vims.openstack.options import checked
from nfvigil.controller.vims.openstack.transport import Answer
from nfvigil.controller.vims.openstack.vim import OpenStackVim
from nfvigil.errors import RefusedError
from nfvigil.inspector.resource_map import ResourceMap
from nfvigil.model.reading import ChangedDetails, Details, Reading
from nfvigil.model.resource import MapChange
from nfvigil.southbound.inventory import Inventory
from virtual_time import now_us, run_virtually

INTERVAL_SECONDS = 60.0


class Wanted:
    def __init__(self, *servers: str) -> None:
        self.servers = servers
        self.words: dict[str, bytes] = {}

    def wants(self, server_id: str) -> bool:
        return server_id in self.servers

    def put(self, key: str, body: memoryview) -> None:
        assert body.readonly
        self.words[key] = bytes(body)


class Reader:
    """Wants the words of some servers, and keeps what it was told."""

    def __init__(self, *servers: str) -> None:
        self.servers = servers
        self.taken: list[tuple[Reading, dict[str, bytes]]] = []

    def interval_seconds(self, _vim: str) -> float | None:
        return None

    def begin(self, _vim: str) -> Details | None:
        return Wanted(*self.servers) if self.servers else None

    def missing(self, reading: Reading) -> list[str]:
        return [f"server/{server}" for server in self.servers if server not in reading.servers]

    def take(self, reading: Reading, details: Details | None) -> None:
        self.taken.append((reading, details.words if isinstance(details, Wanted) else {}))

    def forget(self, vim: str) -> None: ...


class Counting:
    """The transport, with every call written down."""

    def __init__(self, cloud: CloudPlayer) -> None:
        self.cloud = cloud
        self.calls: list[tuple[str, Mapping[str, list[str]]]] = []

    async def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        parts = urlsplit(url)
        self.calls.append((f"{method} {parts.path}", parse_qs(parts.query)))
        return await self.cloud(method, url, headers, body)

    def counts(self) -> Counter[str]:
        return Counter(call for call, _ in self.calls)


def counted(cloud: CloudPlayer, **options: Any) -> tuple[OpenStackVim, Counting]:
    transport = Counting(cloud)
    options = {"cloud": "lab", "timeout_seconds": 5, **options}
    vim = cloud.vim()
    return OpenStackVim(
        name="lab",
        options=checked("lab", options),
        clock=lambda: cloud.now_us,
        identity=vim.client._identity,
        transport=transport,
    ), transport


def full_ports(cloud: CloudPlayer) -> None:
    for number, port in enumerate(cloud.ports.values()):
        port |= {"mac_address": f"fa:16:3e:00:00:{number:02x}", "fixed_ips": [{"ip_address": f"10.0.0.{number}"}]}


@pytest.mark.parametrize("page_size", [1, 2, 1000])
def test_what_is_wanted_is_handed_over_as_it_came_whatever_the_pages(page_size: int) -> None:
    async def run() -> None:
        cloud = CloudPlayer(servers=5)
        full_ports(cloud)
        cloud.ports["p-s1"]["device_id"] = "s3"
        cloud.ports["free"] = cloud.ports["p-s2"] | {"id": "free", "device_id": "", "device_owner": ""}
        cloud.ports["router"] = cloud.ports["p-s2"] | {"id": "router", "device_id": None, "device_owner": "network:x"}
        vim, _ = counted(cloud, page_size=page_size)
        wanted = Wanted("s2", "s3", "nowhere")

        snapshot = await vim.detailed_snapshot(wanted)

        assert set(wanted.words) == {"server/s2", "server/s3", "port/p-s2", "port/p-s3", "port/p-s1"}
        for key, body in wanted.words.items():
            kind, _, name = key.partition("/")
            assert body == msgspec.json.encode(
                cloud._shown(cloud.servers[name]) if kind == "server" else cloud._seen(cloud.ports[name])
            )
        assert snapshot == await vim.snapshot()

    run_virtually(run())


def test_of_words_that_are_as_last_time_only_a_digest_is_kept() -> None:
    async def run() -> None:
        cloud = CloudPlayer(servers=3)
        vim, _ = counted(cloud, page_size=2)
        first = ChangedDetails(wants=bool, known={})
        await vim.detailed_snapshot(first)
        cloud.ports["p-s2"]["status"] = "DOWN"

        second = ChangedDetails(wants=bool, known=first.digests)
        await vim.detailed_snapshot(second)

        assert len(first.changed) == len(first.digests) == 6
        assert list(second.changed) == ["port/p-s2"]
        assert msgspec.json.decode(second.changed["port/p-s2"])["status"] == "DOWN"

    run_virtually(run())


def test_a_page_without_a_wanted_server_is_read_once() -> None:
    async def run() -> None:
        cloud = CloudPlayer(servers=4)
        vim, _ = counted(cloud)
        wanted = Wanted()

        await vim.detailed_snapshot(wanted)

        assert wanted.words == {}

    run_virtually(run())


def test_neutron_is_asked_for_everything_only_where_somebody_wants_it() -> None:
    async def run() -> None:
        vim, transport = counted(CloudPlayer())

        await vim.snapshot()
        plain = [query for call, query in transport.calls if call == "GET /network/v2.0/ports"]
        transport.calls.clear()
        await vim.detailed_snapshot(Wanted("s1"))
        detailed = [query for call, query in transport.calls if call == "GET /network/v2.0/ports"]

        assert [tuple(query["fields"]) for query in plain] == [PORT_FIELDS]
        assert detailed == [{name: value for name, value in plain[0].items() if name != "fields"}]

    run_virtually(run())


def test_a_list_that_had_to_be_begun_anew_says_what_it_said_last() -> None:
    async def run() -> None:
        cloud = CloudPlayer(servers=3)
        vim, _ = counted(cloud, page_size=1)
        count = 0

        class Meddling(Wanted):
            def put(self, key: str, body: memoryview) -> None:
                nonlocal count
                count += 1
                if key == "server/s1" and count == 1:
                    cloud.servers["s1"]["name"] = "another"
                    cloud.faults["GET /servers/detail"] = [raising(RefusedError("marker [s1] not found"))]
                super().put(key, body)

        wanted = Meddling("s1")
        await vim.detailed_snapshot(wanted)

        assert count == 3  # its port, and itself twice
        assert msgspec.json.decode(wanted.words["server/s1"])["name"] == "another"

    run_virtually(run())


@pytest.mark.parametrize("number", [0, 1, 3])
def test_two_lists_are_read_a_period_however_many_read_them(number: int) -> None:
    """Paged: ten servers and ports by four make three pages of each, and nothing is asked for by itself."""

    async def run() -> None:
        cloud = CloudPlayer(servers=10)
        full_ports(cloud)
        vim, transport = counted(cloud, page_size=4, services_interval_seconds=3600)
        readers = [Reader(*(f"s{one}" for one in range(1, 11))) for _ in range(number)]
        async with running(vim, readers):
            await asyncio.sleep(5.5 * INTERVAL_SECONDS)

        counts = transport.counts()
        periods = counts["GET /network/v2.0/networks"]
        assert periods in (5, 6, 7)
        lists = {"GET /compute/v2.1/servers/detail", "GET /network/v2.0/ports"}
        assert {call: counts[call] for call in lists} == dict.fromkeys(lists, 3 * periods)
        once = {call: count for call, count in counts.items() if call not in lists}
        assert not [call for call in once if "/servers/" in call or "/ports/" in call]
        assert sum("device_id" in query or "host" in query for _, query in transport.calls) == 0
        for reader in readers:
            assert len(reader.taken) == periods
            assert all(len(words) == 20 and not reading.gone for reading, words in reader.taken)

    run_virtually(run())


class running:
    """An inventory of one cloud, and who reads with it."""

    def __init__(self, vim: OpenStackVim, readers: Sequence[Reader]) -> None:
        self.map = ResourceMap()
        self.inventory = Inventory(
            vims={"lab": vim},
            known=self.map,
            apply=self._apply,
            intervals={"lab": INTERVAL_SECONDS},
            clock=now_us,
            chance=Random(0),
            readers=readers,
        )
        self._vim = vim

    async def _apply(self, change: MapChange) -> None:
        self.map.apply(change)

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self.inventory.run())

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])
        await self._vim.close()
