"""The service on a real OpenStack: a VNF's record, its alarms and what a VES collector hears follow the cloud."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from openstack_players import Client, Lab
from service_players import Consumer, LabService, MakeLabService, wait_until

from nfvigil.ves.player import Collector
from nfvigil.ves.reception import Schemas

INTERVAL_SECONDS = 2
WITHIN_SECONDS = 45
"""The lab's own clouds take their time; a listing follows every two seconds."""

Boot = Callable[..., dict[str, Any]]


def schemas() -> Schemas | None:
    """The VES event formats, where the standards lie beside the project."""
    place = Path(os.environ.get("NFVIGIL_STANDARDS", Path(__file__).parents[3] / "shared" / "standards")) / "ves"
    return Schemas(place) if place.is_dir() else None


@pytest.fixture(params=["v5", "v7"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def collector() -> Iterator[Collector]:
    """It refuses what its version's schema does not allow."""
    with Collector(schemas=schemas(), username="ves", password="a collector's") as started:
        yield started


class World:
    """A VNF of one server in the lab, and who hears of it."""

    def __init__(self, service: LabService, server: dict[str, Any], consumer: Consumer, collector: Collector) -> None:
        self.service = service
        self.server = server["id"]
        self.project = server["tenant_id"]
        self.consumer = consumer
        self.collector = collector

    def component(self) -> dict[str, Any]:
        shown = self.service.api.get(f"/v1/vnfs/epc?project={self.project}")
        return dict(shown["record"]["components"][0])

    def wait(self, what: str, is_so: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        def check() -> dict[str, Any] | None:
            self.service.api.close()
            found = self.component()
            return found if is_so(found) else None

        return dict(wait_until(check, f"{what}; it is {self.component()}", WITHIN_SECONDS, pause=0.2))

    def alarms(self) -> set[str]:
        self.service.api.close()
        return {one["fault_type"] for one in self.service.api.all("/v1/alarms") if one["state"] != "cleared"}

    def wait_alarm(self, fault_type: str, *, stands: bool) -> None:
        said = f"{fault_type} {'stands' if stands else 'is over'}"
        wait_until(lambda: (f"nfvigil.vdu.{fault_type}" in self.alarms()) is stands, said, WITHIN_SECONDS, pause=0.2)

    def told(self, name: str) -> list[dict[str, Any]]:
        """The events of the server that the collector has, oldest first."""
        return [
            one
            for one in self.collector.events
            if one["commonEventHeader"]["sourceId"] == self.server and one["commonEventHeader"]["eventName"] == name
        ]

    def wait_told(self, name: str, number: int = 1) -> dict[str, Any]:
        wait_until(lambda: len(self.told(name)) >= number, f"{name} told: {self.collector.events}", WITHIN_SECONDS)
        return self.told(name)[-1]


@pytest.fixture
def world(
    make_lab_service: MakeLabService,
    openstack_lab: Lab,
    boot: Boot,
    consumer: Consumer,
    collector: Collector,
    version: str,
) -> World:
    server = boot("vnf-followed", host=openstack_lab.computes[1])
    service = make_lab_service()
    service.settings["vims"][0]["interval_seconds"] = INTERVAL_SECONDS
    service.start()
    project = server["tenant_id"]
    vnfcs = [{"id": "mme-1", "server": server["id"], "vdu": "mme"}]
    wait_until(lambda: service.record(f"server/{server['id']}"), "the server is listed", WITHIN_SECONDS)
    service.api.post("/v1/vnfs", {"id": "epc", "project": project, "vnfcs": vnfcs}, expect=201)
    endpoint = {"url": consumer.url("owner")}
    service.api.post("/v1/subscriptions", {"project": project, "endpoints": [endpoint]}, expect=201)
    body = {
        "ves_subscription": {
            "endpoint": collector.url(version),
            "username": "ves",
            "password": "a collector's",
        },
        "poll_interval_default": INTERVAL_SECONDS,
        "backlogs": [{"domain": "fault", "type": "vm", "tenantid": project}],
    }
    service.api.send("PUT", "/v1/vims/lab/ves", body)
    return World(service, server, consumer, collector)


def test_records_alarms_and_ves_events_follow_the_cloud(
    world: World, openstack_lab: Lab, openstack_admin: Client, openstack_tenant: Client
) -> None:
    server = world.server
    port = openstack_admin.ports_of(server)[0]
    (address,) = [one["ip_address"] for one in port["fixed_ips"]]
    seen = world.wait("it is there", lambda one: one["status"] == "ACTIVE" and one["interfaces"])
    (interface,) = seen["interfaces"]
    assert (interface["port"], interface["mac_address"], interface["ip_address"]) == (
        port["id"],
        port["mac_address"],
        address,
    )
    assert (seen["name"], seen["host"], seen["vim"]) == ("vnf-followed", openstack_lab.computes[1], "lab")

    # Stopped by its owner: no alarm, and no fault.
    openstack_tenant.action(server, "os-stop")
    assert world.wait("stopped", lambda one: one["status"] == "SHUTOFF")["message"] == ""
    openstack_tenant.action(server, "os-start")
    openstack_admin.wait_for_server(server, status="ACTIVE")
    world.wait("started", lambda one: one["status"] == "ACTIVE")
    assert not world.alarms()
    assert not world.told("Fault_MultiCloud_VMFailure")

    # Failed, and well again.
    openstack_admin.action(server, "os-resetState", {"state": "error"})
    assert world.wait("failed", lambda one: one["status"] == "ERROR")["message"] == "VIM status reported ERROR"
    world.wait_alarm("error", stands=True)
    raised = world.wait_told("Fault_MultiCloud_VMFailure")["commonEventHeader"]
    openstack_admin.action(server, "os-resetState", {"state": "active"})
    assert world.wait("well", lambda one: one["status"] == "ACTIVE")["message"] == ""
    world.wait_alarm("error", stands=False)
    cleared = world.wait_told("Fault_MultiCloud_VMFailureCleared")["commonEventHeader"]
    assert (cleared["eventId"], cleared["startEpochMicrosec"]) == (raised["eventId"], raised["startEpochMicrosec"])
    assert cleared["sequence"] > raised["sequence"]

    # Moved.
    target = openstack_lab.computes[2]
    openstack_admin.action(server, "os-migrateLive", {"host": target, "block_migration": "auto"})
    openstack_admin.wait_for_server(server, status="ACTIVE", host=target)
    moved = world.wait("moved", lambda one: one["host"] == target)
    assert moved["interfaces"][0]["host"] == target

    # Another address.
    subnet = port["fixed_ips"][0]["subnet_id"]
    openstack_admin.request(
        "PUT", "network", f"/v2.0/ports/{port['id']}", {"port": {"fixed_ips": [{"subnet_id": subnet}] * 2}}
    )
    addresses = [one["ip_address"] for one in openstack_admin.ports_of(server)[0]["fixed_ips"]]
    world.wait("two addresses", lambda one: one["interfaces"][0]["ip_address"] == ";".join(addresses))

    # An interface is taken away.
    openstack_admin.delete_port(port["id"])
    lost = world.wait("interface gone", lambda one: "deleted externally" in one["message"])
    assert lost["message"] == f"Interface {port['id']} deleted externally."
    world.wait_alarm("interface-gone", stands=True)

    # Deleted behind everybody's back.
    openstack_admin.delete_server(server)
    gone = world.wait("deleted", lambda one: one["status"] == "DELETED")
    assert gone["message"] == "Deleted externally"
    world.wait_alarm("deleted", stands=True)

    lines = world.service.command("vnf", "history", "epc", "--project", world.project).stdout
    assert all(word in lines for word in ("SHUTOFF", "ERROR", "DELETED", target)), lines
    assert not world.collector.refused, "every body was valid by the schema of its version"
    if schemas() is None:
        pytest.skip("what the collector got was not validated: there are no VES schemas beside the project")
