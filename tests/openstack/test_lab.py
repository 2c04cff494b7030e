"""The lab is a cloud that can be trusted to behave like one, and leaves nothing behind."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import pytest
from openstack_players import Client, Lab, open_bus, wait_for

Boot = Callable[..., dict[str, Any]]


def test_what_is_up_is_left_alone_by_up(openstack_lab: Lab) -> None:
    before = openstack_lab.command("status").stdout

    openstack_lab.command("up")

    pids = [line.split()[:2] for line in before.splitlines()]
    assert [line.split()[:2] for line in openstack_lab.command("status").stdout.splitlines()[:-1]] == pids[:-1]


def test_a_server_boots_on_the_host_it_asks_for_and_its_port_is_active(
    openstack_lab: Lab, openstack_admin: Client, boot: Boot
) -> None:
    host = openstack_lab.computes[-1]

    server = boot("wanted-there", host=host)

    assert (server["status"], server["OS-EXT-SRV-ATTR:host"]) == ("ACTIVE", host)
    ports = openstack_admin.ports_of(server["id"])
    assert [(port["status"], port["binding:host_id"]) for port in ports] == [("ACTIVE", host)]


def test_a_port_is_made_and_deleted(openstack_tenant: Client) -> None:
    port = openstack_tenant.make_port("by-itself")

    openstack_tenant.delete_port(port["id"])

    left = openstack_tenant.request("GET", "network", "/v2.0/ports?name=by-itself")["ports"]
    assert left == []


def test_a_host_that_is_forced_down_is_down_for_the_owner_at_once(
    openstack_admin: Client, openstack_tenant: Client, boot: Boot, doomed_host: str
) -> None:
    server = boot("forced-down", host=doomed_host)

    openstack_admin.force_down(doomed_host)

    assert openstack_admin.compute_service(doomed_host)["state"] == "down"
    assert openstack_tenant.server(server["id"])["host_status"] == "DOWN"


def test_a_server_is_evacuated_from_a_host_that_is_down(
    openstack_lab: Lab, openstack_admin: Client, boot: Boot, doomed_host: str
) -> None:
    target = openstack_lab.computes[-1]
    server = boot("evacuated", host=doomed_host)
    openstack_lab.crash(doomed_host)
    openstack_admin.force_down(doomed_host)

    openstack_admin.action(server["id"], "evacuate", {"host": target})

    openstack_admin.wait_for_server(server["id"], status="ACTIVE", host=target)
    assert [port["binding:host_id"] for port in openstack_admin.ports_of(server["id"])] == [target]


def test_a_nova_compute_that_crashed_is_seen_as_down_and_knows_its_guests_again(
    openstack_lab: Lab, openstack_admin: Client, boot: Boot, doomed_host: str
) -> None:
    server = boot("survivor", host=doomed_host)

    openstack_lab.crash(doomed_host)

    assert doomed_host not in openstack_lab.running()
    wait_for(lambda: openstack_admin.compute_service(doomed_host)["state"] == "down", f"{doomed_host} to be down")
    openstack_admin.revive(doomed_host)
    openstack_admin.action(server["id"], "os-stop")
    openstack_admin.wait_for_server(server["id"], status="SHUTOFF")


@pytest.mark.anyio
async def test_each_format_of_notification_arrives(amqp_url: str, boot: Boot) -> None:
    async with open_bus(amqp_url) as bus:
        server = await anyio.to_thread.run_sync(boot, "heard-of")

        legacy = await bus.wait_for(
            exchange="nova", routing_key="notifications.info", event_type="compute.instance.create.end"
        )
        versioned = await bus.wait_for(
            exchange="nova", routing_key="versioned_notifications.info", event_type="instance.create.end"
        )
        port = await bus.wait_for(exchange="neutron", routing_key="notifications.info", event_type="port.create.end")

    assert legacy.message["payload"]["instance_id"] == server["id"]
    assert versioned.message["payload"]["nova_object.data"]["uuid"] == server["id"]
    assert port.message["payload"]["port"]["device_id"] == server["id"]


def test_down_leaves_no_process_and_no_open_port(openstack_lab: Lab) -> None:
    folder = openstack_lab.layout.root
    ports = [openstack_lab.layout.settings.port_base + offset for offset in range(20)]
    assert processes_in(folder)
    assert open_ports(ports)

    try:
        openstack_lab.command("down")

        assert processes_in(folder) == []
        assert open_ports(ports) == []
    finally:
        openstack_lab.command("up")


def processes_in(folder: Path) -> list[str]:
    """The command lines of all that work in the folder, or name it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if str(folder) in command or (process / "cwd").readlink().is_relative_to(folder):
                found.append(command)
    return found


def open_ports(ports: list[int]) -> list[int]:
    found = []
    for port in ports:
        for address in ("127.0.0.1", "::1"):
            with suppress(OSError), socket.create_connection((address, port), timeout=1):
                found.append(port)
    return found
