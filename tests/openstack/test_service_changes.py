"""The service on a real OpenStack: what others do is known at once, without anybody listing the cloud."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from openstack_players import Client, Lab
from service_players import LabService, MakeLabService, wait_until

Boot = Callable[..., dict[str, Any]]

WITHIN_SECONDS = 2.0
"""How much later than the cloud itself shows it."""


def servers(service: LabService) -> dict[str, dict[str, Any]]:
    return {one["key"]: one["record"] for one in service.api.all("/v1/resources?kind=server")}


def wait_seen(service: LabService, server: str, is_so: Callable[[dict[str, Any] | None], bool], what: str) -> float:
    begun = time.monotonic()
    wait_until(lambda: is_so(servers(service).get(f"server/{server}")), what, WITHIN_SECONDS)
    return time.monotonic() - begun


@pytest.mark.parametrize(
    "topics",
    [["notifications", "versioned_notifications"], ["versioned_notifications"], ["notifications"]],
    ids=["both formats", "versioned", "legacy"],
)
def test_what_a_tenant_does_is_seen_within_two_seconds(
    topics: list[str],
    make_lab_service: MakeLabService,
    openstack_lab: Lab,
    openstack_admin: Client,
    openstack_tenant: Client,
) -> None:
    service = make_lab_service(bus={"topics": topics}).start()
    source, target = openstack_lab.computes[1:3]
    late = {}

    server = openstack_tenant.make_server("service-seen", host=source)
    try:
        openstack_admin.wait_for_boot(server)
        late["booted"] = wait_seen(service, server, lambda one: bool(one and one["status"] == "ACTIVE"), "it is there")
        port = openstack_admin.ports_of(server)[0]["id"]
        wait_until(lambda: (service.record(f"port/{port}") or {}).get("server") == server, "its port", WITHIN_SECONDS)
        taken = service.api.get("/readyz")["details"]["vims"]["lab"]["taken_us"]
        openstack_tenant.action(server, "os-stop")
        openstack_admin.wait_for_server(server, status="SHUTOFF")
        late["stopped"] = wait_seen(service, server, lambda one: bool(one and one["status"] == "SHUTOFF"), "stopped")
        openstack_tenant.action(server, "os-start")
        openstack_admin.wait_for_server(server, status="ACTIVE")
        late["started"] = wait_seen(service, server, lambda one: bool(one and one["status"] == "ACTIVE"), "started")
        openstack_admin.action(server, "os-migrateLive", {"host": target, "block_migration": "auto"})
        openstack_admin.wait_for_server(server, status="ACTIVE", host=target)
        late["moved"] = wait_seen(service, server, lambda one: bool(one and one["host"] == target), "moved")
        wait_until(lambda: (service.record(f"port/{port}") or {})["host"] == target, "its port moved", WITHIN_SECONDS)
    finally:
        openstack_admin.delete_server(server)
    late["gone"] = wait_seen(service, server, lambda one: one is None, "gone")
    wait_until(lambda: service.record(f"port/{port}") is None, "its port is gone", WITHIN_SECONDS)

    print(topics, {what: f"{seconds * 1e3:.0f} ms" for what, seconds in late.items()})
    assert service.api.get("/readyz")["details"]["vims"]["lab"]["taken_us"] == taken, "nobody listed the cloud"


def test_what_an_administrator_does_to_hosts_is_seen_within_two_seconds(
    make_lab_service: MakeLabService, openstack_admin: Client, doomed_host: str
) -> None:
    service = make_lab_service(options={"services_interval_seconds": 600}).start()
    path = f"/v2.1/os-services/{openstack_admin.compute_service(doomed_host)['id']}"

    openstack_admin.request("PUT", "compute", path, {"status": "disabled", "disabled_reason": "a new disk"})
    service.wait_record(f"host/{doomed_host}", lambda host: host["disabled_reason"] == "a new disk", "disabled", 2)
    openstack_admin.request("PUT", "compute", path, {"status": "enabled"})
    service.wait_record(f"host/{doomed_host}", lambda host: host["service_enabled"], "enabled", 2)
    openstack_admin.force_down(doomed_host)
    service.wait_record(f"host/{doomed_host}", lambda host: host["forced_down"], "forced down", 2)


def test_an_operator_sees_it_on_the_command_line(
    make_lab_service: MakeLabService, openstack_lab: Lab, boot: Boot
) -> None:
    server = boot("service-listed", host=openstack_lab.computes[1])
    service = make_lab_service(settings={"dev": False})
    token = service.token("admin")
    owners = service.token("member", server["tenant_id"])
    service.start()

    listed = json.loads(service.command("resource", "list", "server", "-f", "json", token=token).stdout)
    assert f"server/{server['id']}" in {one["key"] for one in listed}
    mine = json.loads(service.command("resource", "list", "server", "-f", "json", token=owners).stdout)
    assert {one["record"]["project"] for one in mine} == {server["tenant_id"]}
    assert openstack_lab.computes[1] not in json.dumps(mine)
    hosts = service.command("resource", "list", "host", token=token).stdout
    assert all(host in hosts for host in openstack_lab.computes)
    left = json.loads(service.command("capacity", "-f", "json", token=token).stdout)
    assert sum(zone["hosts"]["total"] for zone in left) == len(openstack_lab.computes)
    assert all(zone["vcpus"]["left"] > 0 for zone in left)
    assert "lab" in service.command("status", token=token).stdout
    host = openstack_lab.computes[0]
    power = service.command("host", "power", host, token=token, check=False)
    assert (power.returncode, "no fence" in power.stderr) == (4, True), power
    said = ("host", "confirm-off", host, "--reason", "a trial", "--yes")
    assert host in service.command(*said, token=token).stdout
    assert host in service.command("brakes", "show", token=token).stdout
    assert service.command(*said, token=owners, check=False).returncode == 5
    assert service.command("resource", "list", "host", token="nobody", check=False).returncode == 5
    with closing(service.api_of(owners)) as api:
        assert api.ask("GET", "/v1/capacity").status == 403
