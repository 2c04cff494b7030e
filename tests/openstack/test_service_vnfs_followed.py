"""The service on a real OpenStack: a VNF's record, its alarms and what a VES collector hears follow the cloud."""

from __future__ import annotations

import os
import re
import time
from base64 import b64encode
from collections import Counter
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

LISTINGS = 5
EARLIEST = 0.7
"""A period is shorter by chance, so that clouds are not asked all at once; what is measured is not exact either."""
SERVERS = "/v2.1/servers/detail?all_tenants=1&limit=1000"
PORTS = "/v2.0/ports?sort_key=id&sort_dir=asc&limit=1000"
PORTS_FOR_NOVA = "/v2.0/ports?device_id=.."
SECRET = b"what only the server itself is to read"

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


class AccessLog:
    """Who asked Nova or Neutron for what, from now on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._begin = path.stat().st_size

    def calls(self) -> Counter[str]:
        with self._path.open("rb") as file:
            file.seek(self._begin)
            asked = re.findall(r'"GET (\S+) HTTP', file.read().decode())
        return Counter(re.sub(r"(device_id=[-0-9a-f]+&?)+", "device_id=..", path) for path in asked)


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

    def wait_status(self, *statuses: str) -> dict[str, Any]:
        return self.wait(f"{statuses}", lambda one: one["status"] in statuses)

    def alarms(self) -> set[str]:
        self.service.api.close()
        return {one["fault_type"] for one in self.service.api.all("/v1/alarms") if one["state"] != "cleared"}

    def wait_alarm(self, fault_type: str, *, stands: bool) -> None:
        said = f"{fault_type} {'stands' if stands else 'is over'}"
        wait_until(lambda: (f"nfvigil.vdu.{fault_type}" in self.alarms()) is stands, said, WITHIN_SECONDS, pause=0.2)

    def told(self, name: str, source: str = "") -> list[dict[str, Any]]:
        """The events of the server, or of another source, that the collector has, oldest first."""
        wanted = (source or self.server, name)
        headers = [(one, one["commonEventHeader"]) for one in self.collector.events]
        return [one for one, header in headers if (header["sourceId"], header["eventName"]) == wanted]

    def wait_told(self, name: str, source: str = "") -> dict[str, Any]:
        wait_until(lambda: self.told(name, source), f"{name} told: {self.collector.events}", WITHIN_SECONDS)
        return self.told(name, source)[-1]


@pytest.fixture
def world(
    make_lab_service: MakeLabService,
    openstack_lab: Lab,
    boot: Boot,
    consumer: Consumer,
    collector: Collector,
    version: str,
) -> World:
    server = boot("vnf-followed", host=openstack_lab.computes[1], user_data=SECRET)
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
        "heartbeat_interval": INTERVAL_SECONDS,
        "backlogs": [
            # Nova and Neutron do not know what a project is called: Keystone is asked.
            {"domain": "fault", "type": "vm", "tenant": "tenant-a"},
            {"domain": "fault", "type": "host"},
            {"domain": "measurement", "type": "vm", "tenant": "tenant-a"},
            {"domain": "measurement", "type": "vm", "source": "vnf-followed"},
            {"domain": "measurement", "type": "host"},
        ],
    }
    configured = service.api.send("PUT", "/v1/vims/lab/ves", body)
    assert not configured["refused"]
    assert configured["backlogs"][0]["tenant_id"] == project
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
    told = {one["commonEventHeader"]["domain"] for one in world.collector.events}
    assert len(told) == 3, "faults, measurements and heartbeats"
    assert not world.collector.refused, "every body was valid by the schema of its version"
    if schemas() is None:
        pytest.skip("what the collector got was not validated: there are no VES schemas beside the project")


@pytest.mark.parametrize("version", ["v7"])
def test_servers_and_ports_are_listed_once_a_period_however_many_read(world: World, openstack_lab: Lab) -> None:
    world.wait("it is there", lambda one: one["status"] == "ACTIVE" and one["interfaces"])
    nova, neutron = (AccessLog(openstack_lab.layout.log(name)) for name in ("nova-api.log", "neutron.log"))
    begun = time.monotonic()

    wait_until(lambda: nova.calls()[SERVERS] >= LISTINGS, "servers are listed again and again", WITHIN_SECONDS)

    took = time.monotonic() - begun
    servers, ports = nova.calls(), neutron.calls()
    assert servers[SERVERS] <= took / (INTERVAL_SECONDS * EARLIEST) + 1
    assert abs(servers[SERVERS] - ports[PORTS]) <= 1, "one may be under way"
    assert not [path for path in servers if path.startswith("/v2.1/servers") and path != SERVERS]
    # Nova itself asks for the ports of a page of servers, to say which security groups they have.
    assert ports[PORTS_FOR_NOVA] <= servers[SERVERS]
    others = {path for path in ports if path.startswith("/v2.0/ports")} - {PORTS, PORTS_FOR_NOVA}
    assert not others
    shown = world.service.command("vim", "status", "lab").stdout
    assert all(reader in shown for reader in ("vnf-records", "ves")), shown
    before = nova.calls()[SERVERS]
    world.service.command("vim", "refresh", "lab", "--wait")
    assert nova.calls()[SERVERS] > before


@pytest.mark.parametrize("version", ["v7"])
def test_a_servers_own_words_are_shown_without_its_user_data(world: World, openstack_admin: Client) -> None:
    world.wait("it is there", lambda one: one["status"] == "ACTIVE" and one["interfaces"])
    encoded = b64encode(SECRET).decode()
    assert openstack_admin.server(world.server)["OS-EXT-SRV-ATTR:user_data"] == encoded, "it has some"

    details = world.service.command("vnf", "details", "epc", "--project", world.project).stdout
    exported = world.service.command("vnf", "export", "epc", "--project", world.project).stdout

    assert all(f"id: {world.server}" in text for text in (details, exported))
    database = b"".join(file.read_bytes() for file in world.service.directory.iterdir() if file.is_file())
    seen = (details, exported, repr(world.collector.received), world.service.log.read_text(), repr(database))
    assert not [text for text in seen if "user_data" in text or encoded in text or SECRET.decode() in text]


@pytest.mark.parametrize("version", ["v7"])
def test_what_its_owner_does_with_a_server_is_no_fault(world: World, openstack_tenant: Client) -> None:
    image = openstack_tenant.server(world.server)["image"]["id"]
    for action, arguments, status in (
        ("resize", {"flavorRef": "m1.small"}, "VERIFY_RESIZE"),
        ("confirmResize", None, "ACTIVE"),
        ("shelve", None, "SHELVED_OFFLOADED"),
        ("unshelve", None, "ACTIVE"),
        ("suspend", None, "SUSPENDED"),
        ("resume", None, "ACTIVE"),
        ("rebuild", {"imageRef": image}, "ACTIVE"),
    ):
        openstack_tenant.action(world.server, action, arguments)
        openstack_tenant.wait_for_server(world.server, status=status)
        world.wait_status(status)

    spare = openstack_tenant.make_port("spare")["id"]
    attachments = f"/v2.1/servers/{world.server}/os-interface"
    attach = {"interfaceAttachment": {"port_id": spare}}
    openstack_tenant.request("POST", "compute", attachments, attach)
    world.wait("attached", lambda one: len(one["interfaces"]) == 2)
    assert not world.alarms()
    openstack_tenant.request("DELETE", "compute", f"{attachments}/{spare}")
    world.wait("detached", lambda one: one["message"] == f"Interface {spare} deleted externally.")
    world.wait_alarm("interface-gone", stands=True)
    openstack_tenant.request("POST", "compute", attachments, attach)
    world.wait("attached again", lambda one: one["message"] == "")
    world.wait_alarm("interface-gone", stands=False)
    openstack_tenant.delete_server(world.server)
    openstack_tenant.delete_port(spare)

    assert not world.told("Fault_MultiCloud_VMFailure")
    assert not world.collector.refused


@pytest.mark.parametrize("version", ["v5", "v7"])
def test_a_host_that_fails_is_told_and_the_server_evacuated_from_it_is_followed(
    world: World, openstack_lab: Lab, openstack_admin: Client
) -> None:
    host = world.wait_status("ACTIVE")["host"]
    try:
        openstack_lab.crash(host)
        openstack_admin.force_down(host)
        raised = world.wait_told("Fault_MultiCloud_HostFailure", host)
        openstack_admin.action(world.server, "evacuate", {})
        world.wait("evacuated", lambda one: one["status"] == "ACTIVE" and one["host"] not in ("", host))
    finally:
        openstack_admin.revive(host)

    cleared = world.wait_told("Fault_MultiCloud_HostFailureCleared", host)
    assert cleared["commonEventHeader"]["eventId"] == raised["commonEventHeader"]["eventId"]
    assert not world.told("Fault_MultiCloud_VMFailure")
    assert not world.alarms()
    assert not world.collector.refused
