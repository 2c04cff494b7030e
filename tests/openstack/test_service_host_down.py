"""The service on a real OpenStack: a host dies and comes back, and what others did meanwhile stays as it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from openstack_players import Client
from service_players import Consumer, MakeLabService, faults_in, several, wait_until

Boot = Callable[..., dict[str, Any]]


def wait_news(consumer: Consumer, endpoint: str, kind: str, seconds: float = 30) -> Any:
    return consumer.wait_for(lambda: consumer.news(endpoint, kind), f"{kind} at {endpoint}", seconds)


def port_of(client: Client, server: dict[str, Any]) -> dict[str, Any]:
    return client.ports_of(server["id"])[0]


def set_data_plane(client: Client, port: str, status: str) -> None:
    client.request("PUT", "network", f"/v2.0/ports/{port}", {"port": {"data_plane_status": status}})


def test_a_host_dies_and_comes_back(
    make_lab_service: MakeLabService,
    consumer: Consumer,
    openstack_admin: Client,
    openstack_tenant: Client,
    boot: Boot,
    doomed_host: str,
) -> None:
    ran, also_ran, stopped, touched = (boot(f"service-{n}", host=doomed_host) for n in ("a", "b", "stopped", "touched"))
    openstack_admin.action(stopped["id"], "os-stop")
    openstack_admin.wait_for_server(stopped["id"], status="SHUTOFF")
    mine = {f"server/{one['id']}" for one in (ran, also_ran, stopped, touched)}
    service = make_lab_service().start()
    service.api.subscribe(consumer.url("owner"), project=ran["tenant_id"], mode="both")

    service.down(doomed_host, "ping-1", "bmc-1")

    raised = wait_news(consumer, "owner", "raised", 5)[0]
    assert {key for key, _ in faults_in(raised)} == mine
    assert doomed_host.encode() not in raised.body, "an owner is not to know where its servers run"
    confirmed = wait_news(consumer, "owner", "confirmed")[0]
    # What "confirmed" says is so by the time that it is said.
    assert openstack_admin.compute_service(doomed_host)["forced_down"]
    assert openstack_tenant.server(ran["id"])["host_status"] == "DOWN"
    assert {openstack_admin.server(one["id"])["status"] for one in (ran, also_ran, touched)} == {"ERROR"}
    assert {port_of(openstack_admin, one)["data_plane_status"] for one in (ran, also_ran, stopped, touched)} == {"DOWN"}
    assert {fault["State"] for _, fault in faults_in(confirmed)} == {"confirmed"}
    assert confirmed.at > raised.at
    service.wait_quiet()
    assert {one["state"] for one in service.actions()} == {"done"}, service.actions()

    # Somebody else's hand: it is theirs from now on.
    set_data_plane(openstack_admin, port_of(openstack_admin, touched)["id"], "ACTIVE")
    openstack_admin.request(
        "POST", "compute", f"/v2.1/servers/{touched['id']}/action", {"os-resetState": {"state": "active"}}
    )
    openstack_admin.action(touched["id"], "pause")
    openstack_admin.wait_for_server(touched["id"], status="PAUSED")
    service.up(doomed_host, "ping-1")
    assert consumer.news("owner", "cleared") == [], "the other monitor's word still stands"
    service.up(doomed_host, "bmc-1")

    cleared = wait_news(consumer, "owner", "cleared")[0]
    assert {fault["Severity"] for _, fault in faults_in(cleared)} == {0}
    service.wait_quiet(60)
    assert not openstack_admin.compute_service(doomed_host)["forced_down"]
    for one, status in ((ran, "ACTIVE"), (also_ran, "ACTIVE"), (stopped, "SHUTOFF"), (touched, "PAUSED")):
        openstack_admin.wait_for_server(one["id"], status=status)
        assert port_of(openstack_admin, one)["data_plane_status"] in (None, "ACTIVE")
    undos = [one for one in service.actions() if one["undo_of"]]
    assert host_first(undos)
    assert {one["target"]: one["state"] for one in undos if one["state"] != "done"} == {
        f"server/{touched['id']}": "skipped",
        f"port/{port_of(openstack_admin, touched)['id']}": "skipped",
    }
    assert service.api.get("/v1/alarms")["items"] == []


def host_first(undos: list[dict[str, Any]]) -> bool:
    """The host, then its servers, then their ports."""
    ends = {
        kind: [one["ended_time"] for one in undos if one["kind"] == kind] for kind in {one["kind"] for one in undos}
    }
    begins = {kind: [one["started_time"] for one in undos if one["kind"] == kind] for kind in ends}
    order = ("force_down", "server_error", "port_data_plane_down")
    return all(max(ends[one]) <= min(begins[other]) for one, other in pairwise(order))


def test_an_operators_own_force_down_stays(
    make_lab_service: MakeLabService, consumer: Consumer, openstack_admin: Client, boot: Boot, doomed_host: str
) -> None:
    server = boot("service-drained", host=doomed_host)
    service = make_lab_service().start()
    service.api.subscribe(consumer.url("owner"), project=server["tenant_id"], mode="both")
    # Only just, so that the map has heard of it and no listing has.
    openstack_admin.force_down(doomed_host)
    service.wait_record(f"host/{doomed_host}", lambda host: host["forced_down"], "forced down", 2.0)

    service.down(doomed_host)
    wait_news(consumer, "owner", "confirmed")
    service.up(doomed_host)
    wait_news(consumer, "owner", "cleared")
    service.wait_quiet(60)

    assert openstack_admin.compute_service(doomed_host)["forced_down"]
    openstack_admin.wait_for_server(server["id"], status="ACTIVE")


def test_an_operators_force_down_of_which_nobody_told_us_yet_stays(
    make_lab_service: MakeLabService, consumer: Consumer, openstack_admin: Client, boot: Boot, doomed_host: str
) -> None:
    server = boot("service-drained-now", host=doomed_host)
    # Deaf, and with old eyes: the map still says that the host is up.
    service = make_lab_service(options={"services_interval_seconds": 600}, bus={"topics": ["nothing-here"]}).start()
    service.api.subscribe(consumer.url("owner"), project=server["tenant_id"], mode="both")
    service.wait_quiet()
    openstack_admin.force_down(doomed_host)
    openstack_admin.action(server["id"], "os-resetState", {"state": "error"})

    service.down(doomed_host)
    wait_news(consumer, "owner", "confirmed")
    service.up(doomed_host)
    wait_news(consumer, "owner", "cleared")
    service.wait_quiet(60)

    assert openstack_admin.compute_service(doomed_host)["forced_down"]
    assert openstack_admin.server(server["id"])["status"] == "ERROR"


def test_a_server_that_moved_behind_our_back_is_not_harmed(
    make_lab_service: MakeLabService,
    consumer: Consumer,
    openstack_admin: Client,
    boot: Boot,
    openstack_lab: Any,
    doomed_host: str,
) -> None:
    server = boot("service-moved", host=doomed_host)
    target = openstack_lab.computes[2]
    service = make_lab_service(options={"services_interval_seconds": 600}, bus={"topics": ["nothing-here"]}).start()
    service.api.subscribe(consumer.url("owner"), project=server["tenant_id"], mode="both")
    service.wait_quiet()
    openstack_admin.action(server["id"], "os-migrateLive", {"host": target, "block_migration": "auto"})
    openstack_admin.wait_for_server(server["id"], status="ACTIVE", host=target)
    assert service.record(f"server/{server['id']}")["host"] == doomed_host, "we are deaf"

    service.down(doomed_host)
    wait_news(consumer, "owner", "confirmed")
    service.wait_quiet()

    found = {one["kind"]: one for one in service.actions()}
    assert openstack_admin.server(server["id"])["status"] == "ACTIVE", found
    assert found["server_error"]["state"] == "skipped"


def test_owners_of_ten_servers_hear_at_once_and_when_it_is_so(
    make_lab_service: MakeLabService,
    consumer: Consumer,
    openstack_tenant: Client,
    doomed_host: str,
    record_property: Callable[[str, object], None],
) -> None:
    with several(openstack_tenant, 10, "service-ten", host=doomed_host) as servers:
        service = make_lab_service().start()
        service.api.subscribe(consumer.url("owner"), project=servers[0]["tenant_id"], mode="both")
        service.wait_quiet()

        begun = time.monotonic()
        service.down(doomed_host)
        raised = wait_news(consumer, "owner", "raised")[0]
        confirmed = wait_news(consumer, "owner", "confirmed")[0]

        told = f"raised after {(raised.at - begun) * 1e3:.1f} ms, confirmed after {(confirmed.at - begun) * 1e3:.0f} ms"
        record_property("figures", f"10 servers on a host: {told}")
        print(told)
        assert len(faults_in(raised)) == len(faults_in(confirmed)) == 10
        assert raised.at - begun < 1.0
        service.up(doomed_host)
        wait_until(lambda: not service.api.get("/v1/alarms")["items"], "no alarm")
        service.wait_quiet(60)
