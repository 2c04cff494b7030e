"""The driver against a real OpenStack: what it lists, reads and shows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from driver_players import clock, driver, driver_of_an_old_nova
from openstack_players import Client, Lab

from nfvigil.controller.plugins import open_vim
from nfvigil.controller.vims.openstack.checking import check
from nfvigil.errors import NotFoundError, RefusedError, VimUnavailableError
from nfvigil.model.resource import Host, Port, Server

pytestmark = pytest.mark.anyio
Boot = Callable[..., dict[str, Any]]


async def test_a_snapshot_has_hosts_servers_ports_and_networks(clouds_yaml: Path, boot: Boot) -> None:
    made = boot("openstack-helper-listed", host="compute-2")

    async with driver(clouds_yaml) as vim:
        snapshot = await vim.snapshot()

    server = next(server for server in snapshot.servers if server.id == made["id"])
    port = next(port for port in snapshot.ports if port.server == made["id"])
    assert (server.host, server.status, server.host_status) == ("compute-2", "ACTIVE", "UP")
    assert (server.vcpus, server.memory_mb, server.project) == (1, 512, made["tenant_id"])
    assert (port.host, port.status, port.data_plane_status) == ("compute-2", "ACTIVE", "")
    assert port.network in {network.id for network in snapshot.networks}
    host = next(host for host in snapshot.hosts if host.id == "compute-2")
    assert (host.service_up, host.is_reporting, host.vcpus, host.memory_mb) == (True, True, 64, 262144)


async def test_small_pages_and_old_microversions_give_the_same(clouds_yaml: Path, boot: Boot) -> None:
    made = {boot(f"openstack-helper-page-{number}", host="compute-2")["id"] for number in range(3)}

    async with driver(clouds_yaml) as vim, driver(clouds_yaml, page_size=1) as small:
        whole, paged = await vim.snapshot(), await small.snapshot()
    async with driver_of_an_old_nova(clouds_yaml, "2.16") as old:
        before_embedded_flavors = await old.snapshot()

    for other in (paged, before_embedded_flavors):
        ours = {server for server in other.servers if server.id in made}
        assert ours == {server for server in whole.servers if server.id in made}
        assert {port for port in other.ports if port.server in made} == {
            port for port in whole.ports if port.server in made
        }
        assert {(host.id, host.vcpus) for host in other.hosts} == {(host.id, host.vcpus) for host in whole.hosts}


async def test_single_things_are_read_and_shown(clouds_yaml: Path, boot: Boot) -> None:
    made = boot("openstack-helper-read", host="compute-2")

    async with driver(clouds_yaml) as vim:
        server = await vim.read(f"server/{made['id']}")
        host = await vim.read("host/compute-2")
        snapshot = await vim.snapshot()
        port = next(port for port in snapshot.ports if port.server == made["id"])
        network = next(network for network in snapshot.networks if network.id == port.network)

        assert isinstance(server, Server)
        assert server in snapshot.servers
        assert isinstance(host, Host)
        assert await vim.read(f"port/{port.id}") == port
        assert isinstance(port, Port)
        assert await vim.read(f"network/{network.id}") == network
        assert made["id"] in (await vim.show("host/compute-2"))["servers"]
        assert (await vim.show(f"server/{made['id']}"))["vm_state"] == "active"


@pytest.mark.parametrize(
    "key",
    [
        "host/nobody",
        "server/11111111-2222-3333-4444-555555555555",
        "port/11111111-2222-3333-4444-555555555555",
        "network/11111111-2222-3333-4444-555555555555",
    ],
)
async def test_what_is_not_there_is_said_to_be_so(clouds_yaml: Path, key: str) -> None:
    async with driver(clouds_yaml) as vim:
        with pytest.raises(NotFoundError):
            await vim.read(key)


async def test_who_may_not_see_everything_gets_no_snapshot_and_nothing_is_gone(
    clouds_yaml: Path, boot: Boot, openstack_admin: Client
) -> None:
    made = boot("openstack-helper-hidden", host="compute-2")
    port = openstack_admin.ports_of(made["id"])[0]["id"]

    async with driver(clouds_yaml, cloud="tenant-b") as vim:
        with pytest.raises(VimUnavailableError, match="to be performed"):
            await vim.snapshot()
        with pytest.raises(VimUnavailableError, match="not ours"):
            await vim.read(f"server/{made['id']}")
        with pytest.raises(VimUnavailableError, match="not ours"):
            await vim.read(f"port/{port}")
        report = await check(vim)

    assert not all(item.ok for item in report)
    assert "give the user the role admin" in next(
        item.advice for item in report if item.what == "servers of all projects"
    )


async def test_a_check_of_an_administrator_finds_everything_in_order(clouds_yaml: Path, boot: Boot) -> None:
    boot("openstack-helper-checked", host="compute-2")

    async with driver(clouds_yaml) as vim:
        report = await check(vim)

    assert [item for item in report if not item.ok] == []


async def test_a_keystone_that_is_away_is_unavailable_and_wrong_credentials_are_refused(openstack_lab: Lab) -> None:
    auth = {
        "auth_url": openstack_lab.auth_url,
        "username": "admin",
        "password": "wrong",
        "project_name": "admin",
        "user_domain_name": "Default",
        "project_domain_name": "Default",
    }
    refused = open_vim(driver="openstack", name="lab", options={"auth": auth}, clock=clock)
    away = open_vim(
        driver="openstack", name="lab", options={"auth": auth | {"auth_url": "http://127.0.0.1:9/v3"}}, clock=clock
    )

    with pytest.raises(RefusedError, match="requires authentication"):
        await refused.read("host/compute-1")
    with pytest.raises(VimUnavailableError, match="Keystone"):
        await away.read("host/compute-1")
    await refused.close()
    await away.close()
