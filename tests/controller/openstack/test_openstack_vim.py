"""The driver as a VIM, over an OpenStack in memory: snapshots, single looks, changes, and checks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
import pytest
from cloud_player import CloudPlayer, IdentityPlayer, new_action, raising

from nfvigil.controller.vim import Vim
from nfvigil.controller.vims.openstack.checking import check
from nfvigil.controller.vims.openstack.hints import Hint, NoHints
from nfvigil.controller.vims.openstack.options import checked
from nfvigil.controller.vims.openstack.transport import Answer
from nfvigil.controller.vims.openstack.vim import OpenStackVim
from nfvigil.errors import NotFoundError, RefusedError, VimUnavailableError
from nfvigil.model.action import ActionKind
from nfvigil.model.resource import CloudRecord, Host, Kind, MapChange, Network, Server, key_of_record

pytestmark = pytest.mark.anyio


async def test_it_is_a_vim() -> None:
    vim: Vim = CloudPlayer().vim()

    assert vim.name == "lab"
    await vim.close()


@pytest.mark.parametrize("newest", ["2.11", "2.16", "2.46", "2.47", "2.93"])
@pytest.mark.parametrize("page_size", [1, 2, 3, 1000])
async def test_a_snapshot_is_complete_whatever_the_pages_and_versions(newest: str, page_size: int) -> None:
    cloud = CloudPlayer(newest=newest, servers=6)
    cloud.groups = [{"id": f"g{number}", "members": [f"s{number}"]} for number in range(1, 4)]

    snapshot = await cloud.vim(page_size=page_size).snapshot()

    assert (snapshot.vim, snapshot.taken_us) == ("lab", cloud.now_us)
    assert {host.id for host in snapshot.hosts} == set(cloud.services)
    assert {server.id for server in snapshot.servers} == set(cloud.servers)
    assert {port.id for port in snapshot.ports} == set(cloud.ports)
    assert {volume.id for volume in snapshot.volumes} == set(cloud.volumes)
    assert snapshot.networks == (Network(id="n1", name="net", vim="lab", project="p1"),)
    assert {server.id: server.group for server in snapshot.servers if server.group} == {
        "s1": "g1",
        "s2": "g2",
        "s3": "g3",
    }
    sizes = (2, 2048) if int(newest[2:]) < 47 else (1, 512)
    assert {(server.vcpus, server.memory_mb) for server in snapshot.servers} == {sizes}
    first = next(server for server in snapshot.servers if server.id == "s1")
    assert first.host_status == ("UP" if int(newest[2:]) >= 16 else "")
    assert (first.vnf, first.volumes) == ("epc", ("v-s1",))
    host = next(host for host in snapshot.hosts if host.id == "host-1")
    assert (host.aliases, host.aggregates, host.zone) == (("host-1.example.org",), ("fast",), "z1")
    assert (host.vcpus, host.memory_mb, host.hypervisor_version) == (8, 1024, "QEMU 6002000")


async def test_a_cloud_without_block_storage_has_no_volumes() -> None:
    cloud = CloudPlayer()
    vim = cloud.vim(
        IdentityPlayer(endpoints={"compute": "http://cloud/compute/v2.1", "network": "http://cloud/network"})
    )

    assert (await vim.snapshot()).volumes == ()
    assert all(item.ok for item in await check(vim))
    with pytest.raises(RefusedError, match="block-storage"):
        await vim.read("volume/v-s1")


def page_of(cloud: CloudPlayer, **more: Any) -> Answer:
    servers = [cloud._shown(each) for each in cloud.servers.values()]
    return cloud.answer({"servers": servers[:2]} | more)


LINK = {"rel": "next", "href": "http://inside?marker="}
LISTS = [
    "/servers/detail",
    "/ports",
    "/os-services",
    "/os-hypervisors",
    "/os-aggregates",
    "/os-server-groups",
    "/networks",
    "/volumes",
]


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(lambda cloud: raising(TimeoutError()), id="no answer"),
        pytest.param(lambda cloud: lambda: cloud.answer({}, 500), id="an error"),
        pytest.param(lambda cloud: lambda: cloud.answer({}, 503, retry_after="9"), id="not now"),
        pytest.param(lambda cloud: lambda: cloud.answer({}, 429), id="too often"),
        pytest.param(lambda cloud: lambda: cloud.answer({"forbidden": {"message": "no"}}, 403), id="forbidden"),
        pytest.param(lambda cloud: lambda: cloud.answer({"badRequest": {"message": "no"}}, 400), id="refused"),
        pytest.param(lambda cloud: lambda: Answer(status=200, headers={}, body=b'{"servers": [{"id"'), id="cut off"),
        pytest.param(lambda cloud: lambda: cloud.answer({"something": []}), id="something else"),
    ],
)
async def test_a_list_that_fails_is_no_snapshot(path: str, fault: Any) -> None:
    cloud = CloudPlayer()
    cloud.faults[f"GET {path}"] = [fault(cloud)] * 9

    with pytest.raises(VimUnavailableError):
        await cloud.vim().snapshot()


@pytest.mark.parametrize(
    "links",
    [
        pytest.param([LINK | {"href": "http://inside?marker=s1"}], id="a marker from the middle"),
        pytest.param([LINK | {"href": "http://inside"}], id="no marker"),
    ],
)
async def test_a_page_that_goes_on_strangely_is_no_snapshot(links: Any) -> None:
    cloud = CloudPlayer()
    cloud.faults["GET /servers/detail"] = [lambda: page_of(cloud, servers_links=links)]

    with pytest.raises(VimUnavailableError):
        await cloud.vim(page_size=2).snapshot()


async def test_a_page_that_comes_again_is_no_snapshot() -> None:
    cloud = CloudPlayer()
    again = [lambda: page_of(cloud, servers_links=[LINK | {"href": "http://inside?marker=s2"}])] * 2
    cloud.faults["GET /servers/detail"] = again

    with pytest.raises(VimUnavailableError, match="twice"):
        await cloud.vim(page_size=2).snapshot()


async def test_a_full_page_that_lost_its_link_is_followed_all_the_same() -> None:
    cloud = CloudPlayer()
    cloud.faults["GET /servers/detail"] = [lambda: page_of(cloud)]

    assert len((await cloud.vim(page_size=2).snapshot()).servers) == 4


async def test_a_cell_that_does_not_answer_is_no_snapshot_unless_told_otherwise() -> None:
    cloud = CloudPlayer()
    cloud.down_cell = {"host-1"}

    with pytest.raises(VimUnavailableError, match="UNKNOWN of host-1"):
        await cloud.vim().snapshot()
    with pytest.raises(VimUnavailableError, match="cell"):
        await cloud.vim().read("server/s1")
    with pytest.raises(VimUnavailableError, match="cell"):
        await cloud.vim().read("host/host-1")

    snapshot = await cloud.vim(down_cells="skip").snapshot()
    assert {host.id for host in snapshot.hosts} == {"host-2", "host-3"}


async def test_a_cell_that_goes_away_while_its_servers_are_listed_is_noticed() -> None:
    cloud = CloudPlayer()

    def goes() -> Answer:
        cloud.down_cell = {"host-1"}
        return cloud.answer({"servers": [cloud._shown(cloud.servers["s2"])]})

    cloud.faults["GET /servers/detail"] = [goes]

    with pytest.raises(VimUnavailableError, match="UNKNOWN"):
        await cloud.vim().snapshot()


async def test_who_lost_its_role_sees_nobody_die() -> None:
    cloud = CloudPlayer()
    cloud.is_admin = False
    vim = cloud.vim()

    with pytest.raises(VimUnavailableError):
        await vim.snapshot()
    for key in ("server/nobody", "port/nobody", "network/nobody"):
        with pytest.raises(VimUnavailableError, match="hides"):
            await vim.read(key)


async def test_everything_can_be_read_by_itself() -> None:
    cloud = CloudPlayer()
    vim = cloud.vim()
    snapshot = await vim.snapshot()

    for kind, records in (
        ("host", snapshot.hosts),
        ("server", snapshot.servers),
        ("port", snapshot.ports),
        ("network", snapshot.networks),
        ("volume", snapshot.volumes),
    ):
        for record in records:
            assert await vim.read(f"{kind}/{record.id}") == record
    assert await cloud.vim().read("host/host-1") == snapshot.hosts[0]


@pytest.mark.parametrize("newest", ["2.46", "2.93"])
async def test_a_server_is_read_before_any_snapshot(newest: str) -> None:
    cloud = CloudPlayer(newest=newest)

    server = await cloud.vim().read("server/s1")

    assert isinstance(server, Server)
    assert server.vcpus == (2 if newest == "2.46" else 1)


async def test_a_host_is_found_by_any_of_its_names() -> None:
    cloud = CloudPlayer()
    vim = cloud.vim()

    before = await vim.read("host/host-2.example.org")
    await vim.snapshot()
    after = await vim.read("host/host-2.example.org")

    assert before.id == after.id == "host-2"


@pytest.mark.parametrize(
    "key",
    [
        "host/nobody",
        "server/nobody",
        "port/nobody",
        "network/nobody",
        "volume/nobody",
        "server/",
        "server/a/b",
        "server/a?b",
    ],
)
async def test_what_is_not_there_is_not_found(key: str) -> None:
    with pytest.raises(NotFoundError):
        await CloudPlayer().vim().read(key)


async def test_a_port_of_a_cloud_without_ports_is_not_found() -> None:
    cloud = CloudPlayer(servers=0)

    with pytest.raises(NotFoundError):
        await cloud.vim().read("port/nobody")
    cloud.is_admin = False
    with pytest.raises(VimUnavailableError, match="hides"):
        await cloud.vim().read("port/nobody")


async def test_a_server_that_nova_has_deleted_and_still_shows_is_gone() -> None:
    cloud = CloudPlayer()
    cloud.servers["s1"]["status"] = "DELETED"

    with pytest.raises(NotFoundError, match="deleted"):
        await cloud.vim().read("server/s1")


async def test_a_kind_that_clouds_do_not_have_is_refused() -> None:
    with pytest.raises(RefusedError, match="not switch/s1"):
        await CloudPlayer().vim().read("switch/s1")


async def test_showing_says_more_than_the_record() -> None:
    vim = CloudPlayer().vim()

    assert (await vim.show("host/host-1"))["servers"] == ["s1", "s4"]
    assert (await vim.show("server/s1"))["vm_state"] == "active"
    assert (await vim.show("port/p-s1"))["server"] == "s1"


async def test_a_nova_that_was_taken_back_to_an_older_version_is_asked_anew() -> None:
    cloud = CloudPlayer()
    vim = cloud.vim()
    await vim.read("server/s1")
    cloud.newest = "2.20"
    cloud.faults["GET /servers/s1"] = [lambda: cloud.answer({"computeFault": {"message": "Version 2.71"}}, 406)]

    with pytest.raises(VimUnavailableError, match="406"):
        await vim.read("server/s1")
    await vim.read("server/s1")

    assert cloud.headers[-1]["OpenStack-API-Version"] == "compute 2.20"


async def test_a_nova_that_is_too_old_is_refused_in_a_sentence() -> None:
    with pytest.raises(RefusedError, match=r"it must be 2\.11"):
        await CloudPlayer(newest="2.10").vim().read("server/s1")


# What becomes different


class AHint(msgspec.Struct, frozen=True):
    kind: Kind
    id: str


class HintsPlayer(NoHints):
    def __init__(self) -> None:
        self.said: asyncio.Queue[Sequence[Hint] | Exception | None] = asyncio.Queue()

    async def listen(self) -> AsyncIterator[Sequence[Hint] | None]:
        while True:
            said = await self.said.get()
            if isinstance(said, Exception):
                raise said
            yield said

    async def check(self) -> str:
        return "nobody there"


def watching(cloud: CloudPlayer, hints: HintsPlayer | None = None, **options: Any) -> OpenStackVim:
    given = {"cloud": "lab", "services_interval_seconds": 0.1} | options
    return OpenStackVim(
        name="lab",
        options=checked("lab", given),
        clock=lambda: cloud.now_us,
        identity=IdentityPlayer(),
        transport=cloud,
        hints=hints,
    )


async def following(changes: AsyncIterator[MapChange | None]) -> MapChange | None:
    async with asyncio.timeout(30):
        return await anext(changes)


async def test_a_host_that_changes_is_told_of_at_once_with_all_that_is_known_of_it() -> None:
    cloud = CloudPlayer()
    vim = watching(cloud)
    snapshot = await vim.snapshot()
    changes = vim.changes()

    cloud.services["host-1"]["state"] = "down"
    change = await following(changes)

    assert change is not None
    expected = msgspec.structs.replace(snapshot.hosts[0], service_up=False, is_reporting=False)
    assert change.put == (expected,)
    cloud.services["host-1"].update(status="disabled", disabled_reason="x")
    change = await following(changes)
    assert change is not None
    assert isinstance(change.put[0], Host)
    assert change.put[0].disabled_reason == "x"
    await vim.close()


async def test_a_host_that_no_snapshot_told_of_is_read_whole() -> None:
    cloud = CloudPlayer(hosts=1)
    vim = watching(cloud)
    changes = vim.changes()

    first = await following(changes)
    cloud.add_host("host-9")
    second = await following(changes)

    assert first is not None
    assert second is not None
    assert isinstance(second.put[0], Host)
    assert (first.put[0].id, second.put[0].id, second.put[0].vcpus) == ("host-1", "host-9", 8)
    await vim.close()


async def test_polling_goes_on_after_failures() -> None:
    cloud = CloudPlayer()
    vim = watching(cloud)
    await vim.snapshot()
    cloud.faults["GET /os-services"] = [
        lambda: cloud.answer({}, 500),
        lambda: cloud.answer({}, 500),
        raising(KeyError("odd")),
    ]
    changes = vim.changes()
    cloud.services["host-2"]["forced_down"] = True

    missed = await following(changes)
    change = await following(changes)

    assert missed is None, "whether the cloud is away is for a listing to say, once, and now"
    assert change is not None
    assert change.put[0].id == "host-2"
    await vim.close()


async def test_what_the_bus_hints_at_is_looked_up() -> None:
    cloud, hints = CloudPlayer(), HintsPlayer()
    vim = watching(cloud, hints)
    await vim.snapshot()
    changes = vim.changes()
    cloud.servers["s1"]["status"] = "ERROR"
    del cloud.servers["s2"]

    hints.said.put_nowait([AHint(Kind.SERVER, "s1"), AHint(Kind.SERVER, "s1")])
    change = await following(changes)
    hints.said.put_nowait([AHint(Kind.SERVER, "s2")])
    gone = await following(changes)
    hints.said.put_nowait(None)
    missed = await following(changes)
    hints.said.put_nowait(OSError("the bus is away"))
    broken = await following(changes)

    assert change is not None
    assert isinstance(change.put[0], Server)
    assert change.put[0].status == "ERROR"
    assert gone == MapChange(vim="lab", gone=("server/s2",))
    assert missed is None
    assert broken is None
    await vim.close()


async def test_the_ports_of_a_server_that_was_listed_before_they_were_made_are_looked_up_with_its_next_change() -> None:
    cloud, hints = CloudPlayer(), HintsPlayer()
    cloud.add_server("early", host="host-1", status="BUILD")
    port = cloud.ports.pop("p-early")
    vim = watching(cloud, hints)
    await vim.snapshot()
    changes = vim.changes()
    cloud.ports["p-early"] = port
    cloud.servers["early"]["status"] = "ACTIVE"

    hints.said.put_nowait([AHint(Kind.SERVER, "early")])
    found: set[str] = set()
    while "port/p-early" not in found:
        change = await following(changes)
        assert change is not None
        found |= {key_of_record(record) for record in change.put}
    await vim.close()

    assert found == {"server/early", "port/p-early"}


async def test_the_ports_of_a_server_that_is_new_or_has_moved_are_looked_up_with_it() -> None:
    cloud, hints = CloudPlayer(), HintsPlayer()
    vim = watching(cloud, hints)
    await vim.snapshot()
    changes = vim.changes()

    async def told_of(server: str, number: int) -> dict[str, CloudRecord]:
        hints.said.put_nowait([AHint(Kind.SERVER, server)])
        found: dict[str, CloudRecord] = {}
        while len(found) < number:
            change = await following(changes)
            assert change is not None
            found |= {key_of_record(record): record for record in change.put}
        return found

    await told_of("s1", 1)
    asked = len(cloud.requests)
    await told_of("s1", 1)
    assert not [one for one in cloud.requests[asked:] if "ports" in one[1]], "it is where it was"
    cloud.servers["s1"]["OS-EXT-SRV-ATTR:host"] = cloud.ports["p-s1"]["binding:host_id"] = "host-2"
    moved = await told_of("s1", 2)
    cloud.add_server("new", host="host-1", status="BUILD")
    port = cloud.ports.pop("p-new")
    await told_of("new", 1)
    cloud.ports["p-new"] = port
    cloud.servers["new"]["status"] = "ACTIVE"
    new = await told_of("new", 2)
    await vim.close()

    assert {key: getattr(record, "host", "") for key, record in (moved | new).items()} == {
        "server/s1": "host-2",
        "port/p-s1": "host-2",
        "server/new": "host-1",
        "port/p-new": "host-1",
    }


async def test_readers_share_one_watch() -> None:
    cloud = CloudPlayer()
    vim = watching(cloud, services_interval_seconds=1000)
    await vim.snapshot()
    readers = [vim.changes() for _ in range(3)]
    cloud.services["host-1"]["state"] = "down"

    for reader in readers:
        assert await following(reader)

    assert cloud.called("GET /os-services") == 3  # two of the snapshot
    await vim.close()


async def test_without_a_bus_nobody_tells() -> None:
    nobody = NoHints()

    assert await nobody.check() == "no bus is configured"
    listening = asyncio.ensure_future(anext(nobody.listen()))
    await asyncio.sleep(0)
    assert not listening.done()
    listening.cancel()
    await nobody.close()


# Checks


async def test_a_check_says_what_to_do() -> None:
    cloud = CloudPlayer()
    cloud.is_admin = False
    vim = OpenStackVim(
        name="lab",
        options=checked("lab", {"cloud": "lab", "bus": "amqp://x"}),
        clock=lambda: 0,
        identity=IdentityPlayer(roles=("member",)),
        transport=cloud,
        hints=HintsPlayer(),
    )

    report = await check(vim)

    bad = {item.what: item for item in report if not item.ok}
    assert not all(item.ok for item in report)
    assert "servers:detail:get_all_tenants" in bad["servers of all projects"].advice
    assert "os-services:update" in bad["force a host down"].advice
    assert "member" in bad["reset a server's state"].detail
    assert "binding:host_id" in bad["ports of all projects"].detail
    assert bad["message bus"].detail == "nobody there"
    assert not [each for each in cloud.requests if each[0] == "PUT" and not each[1].startswith("/os-services/")]


@pytest.mark.parametrize("newest", ["2.11", "2.93"])
async def test_a_check_changes_nothing(newest: str) -> None:
    cloud = CloudPlayer(newest=newest)
    before = msgspec.json.encode([cloud.services, cloud.servers, cloud.ports, cloud.volumes])

    report = await check(cloud.vim())

    assert msgspec.json.encode([cloud.services, cloud.servers, cloud.ports, cloud.volumes]) == before
    assert [item.what for item in report if not item.ok] == ([] if newest == "2.93" else ["hosts of servers"])


async def test_a_check_of_a_cloud_that_lacks_things_says_so() -> None:
    cloud = CloudPlayer(hosts=1, servers=1)
    cloud.services.clear()
    cloud.faults["GET /extensions"] = [lambda: cloud.answer({"extensions": []})]
    cloud.faults["GET /os-aggregates"] = [lambda: cloud.answer({}, 503)]

    bad = {item.what: item for item in await check(cloud.vim()) if not item.ok}

    assert set(bad) == {"compute services", "aggregates", "data plane status of ports"}
    assert "try again" in bad["aggregates"].advice


async def test_a_check_of_a_nova_that_hides_things_says_which_policy() -> None:
    cloud = CloudPlayer(servers=0)
    cloud.add_server("s1", host="host-1")
    del cloud.servers["s1"]["OS-EXT-SRV-ATTR:host"]
    cloud._is_wanted = lambda server, query: True
    cloud._shown = lambda server: server
    cloud.faults["PUT /os-services"] = [lambda: cloud.answer({"badRequest": {"message": "no such id"}}, 400)]

    report = await check(cloud.vim())

    bad = {item.what: item for item in report if not item.ok}
    assert set(bad) == {"hosts of servers"}
    assert "os-extended-server-attributes" in bad["hosts of servers"].advice


async def test_a_check_of_an_empty_cloud_has_nothing_to_look_at() -> None:
    report = await check(CloudPlayer(servers=0).vim())

    assert all(item.ok for item in report)
    assert "there is no server to look at" in {item.detail for item in report}


async def test_a_check_of_a_cloud_that_cannot_be_logged_in_to_ends_there() -> None:
    class Nobody(IdentityPlayer):
        async def login(self, refused: Any = None) -> Any:
            raise RefusedError("wrong password")

    report = await check(CloudPlayer().vim(Nobody()))

    assert [(item.what, item.ok) for item in report] == [("log in", False)]
    assert "credentials" in report[0].advice


async def test_a_check_names_the_endpoints_that_are_missing() -> None:
    vim = CloudPlayer().vim(IdentityPlayer(endpoints={"compute": "http://cloud/compute/v2.1"}))

    bad = {item.what: item for item in await check(vim) if not item.ok}

    assert "lacks network" in bad["endpoints"].detail


async def test_a_kind_of_action_that_it_does_not_know_is_refused() -> None:
    vim = CloudPlayer().vim()

    with pytest.raises(RefusedError, match="does not know how to do fence"):
        await vim.perform(new_action(ActionKind.FENCE, "host/host-1"))
