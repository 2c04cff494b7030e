"""The stand-in OpenStack answers as the real one did, seen through the client library that everybody uses."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from keystoneauth1 import exceptions
from keystoneauth1.identity.v3 import Password
from keystoneauth1.session import Session

TOOL = Path(__file__).parents[2] / "tools" / "openstack_standin.py"
SAMPLES: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("standin_samples.json").read_text(encoding="utf-8")
)
"""Items of answers of a real Nova 26 and Neutron 21."""
HOSTS, SERVERS, PORTS = 6, 20, 2


class Reader:
    """A logged-in client."""

    def __init__(self, started: Mapping[str, Any]) -> None:
        self.url = started["url"]
        login = {name: started[name] for name in ("auth_url", "username", "password", "project_id", "user_domain_id")}
        self.session = Session(auth=Password(**login))
        self.session.trust_env = False

    def get(self, service: str, path: str, version: str | None = None) -> dict[str, Any]:
        answer = self.session.get(path, endpoint_filter={"service_type": service}, microversion=version)
        found: dict[str, Any] = answer.json()
        return found

    def control(self, wish: str, **body: Any) -> dict[str, Any]:
        method = "GET" if wish == "asked" else "POST"
        found: dict[str, Any] = self.session.request(
            f"{self.url}/standin/{wish}", method, json=body or None, authenticated=False
        ).json()
        return found

    def walk(self, service: str, path: str, kind: str, version: str | None = None) -> tuple[list[Any], int]:
        """All items of a listing, and in how many pages they came."""
        items, pages = [], 0
        while path:
            page = self.get(service, path, version)
            items += page[kind]
            pages += 1
            path = next((link["href"] for link in page.get(f"{kind}_links", ()) if link["rel"] == "next"), "")
        return items, pages


@pytest.fixture(scope="module")
def started() -> Iterator[dict[str, Any]]:
    size = ("--hosts", HOSTS, "--servers-per-host", SERVERS, "--ports-per-server", PORTS, "--projects", 3)
    with subprocess.Popen([sys.executable, str(TOOL), *map(str, size)], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0


@pytest.fixture
def cloud(started: Mapping[str, Any]) -> Iterator[Reader]:
    reader = Reader(started)
    yield reader
    reader.control("trouble", latency_seconds=0, error_rate=0, paths="")
    reader.session.session.close()


def kind_of(value: Any) -> Any:
    """The shape of a value: its keys and types, whatever stands in it."""
    if isinstance(value, dict):
        return {key: kind_of(inner) for key, inner in value.items()}
    return [kind_of(value[0])] if isinstance(value, list) and value else type(value).__name__


FREE = {"metadata", "addresses", "extra_specs", "cpu_info", "description", "members", "rules"}
"""What operators and owners fill in as they like."""


def shape(item: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: "free" if key in FREE else kind_of(value) for key, value in item.items()}
    if isinstance(found.get("flavor"), dict):
        found["flavor"] = sorted(found["flavor"])
    return found


@pytest.mark.parametrize(
    ("sample", "service", "path", "kind"),
    [
        ("server_2.93", "compute", "/servers/detail?all_tenants=True&limit=1", "servers"),
        ("server_2.16", "compute", "/servers/detail?all_tenants=True&limit=1", "servers"),
        ("server_2.1", "compute", "/servers/detail?all_tenants=True&limit=1", "servers"),
        ("port", "network", "/v2.0/ports?limit=1", "ports"),
        ("service_2.1", "compute", "/os-services?binary=nova-compute", "services"),
        ("service_2.11", "compute", "/os-services?binary=nova-compute", "services"),
        ("service_2.53", "compute", "/os-services?binary=nova-compute", "services"),
        ("service_2.69", "compute", "/os-services?binary=nova-compute", "services"),
        ("hypervisor_2.53", "compute", "/os-hypervisors/detail", "hypervisors"),
        ("hypervisor_2.93", "compute", "/os-hypervisors/detail", "hypervisors"),
        ("group_2.64", "compute", "/os-server-groups?all_projects=True", "server_groups"),
    ],
)
def test_an_item_has_the_shape_of_the_real_one(cloud: Reader, sample: str, service: str, path: str, kind: str) -> None:
    version = sample.partition("_")[2] or None

    item = cloud.get(service, path, version)[kind][0]

    assert shape(item) == shape(SAMPLES[sample])


@pytest.mark.parametrize(
    ("service", "path", "kind", "count", "pages"),
    [
        # 120 servers in pages of 40: the third is full, so that it leads to an empty fourth, as with Nova.
        ("compute", "/servers/detail?all_tenants=True&limit=40", "servers", HOSTS * SERVERS, 4),
        ("compute", "/servers/detail?all_tenants=True", "servers", HOSTS * SERVERS, 1),
        ("compute", "/os-hypervisors/detail?limit=4", "hypervisors", HOSTS, 2),
        ("network", "/v2.0/ports?limit=100", "ports", HOSTS * SERVERS * PORTS, 3),
        ("network", "/v2.0/ports", "ports", HOSTS * SERVERS * PORTS, 1),
        ("network", "/v2.0/networks?limit=2", "networks", 3, 2),
    ],
)
def test_a_listing_comes_whole_over_its_pages(
    cloud: Reader, service: str, path: str, kind: str, count: int, pages: int
) -> None:
    items, read = cloud.walk(service, path, kind, "2.93" if service == "compute" else None)

    assert len({item["id"] for item in items}) == len(items) == count
    assert read == pages


def test_only_an_administrator_who_asks_for_all_projects_sees_their_servers(cloud: Reader) -> None:
    assert cloud.get("compute", "/servers/detail", "2.93")["servers"] == []


@pytest.mark.parametrize(
    ("service", "path", "kind", "field", "value", "count"),
    [
        ("compute", "/servers/detail?all_tenants=1&host=compute-2", "servers", "OS-EXT-SRV-ATTR:host", "compute-2", 20),
        ("compute", "/servers/detail?all_tenants=1&host=nowhere", "servers", "", "", 0),
        ("compute", f"/servers/detail?all_tenants=1&project_id={1:032x}", "servers", "tenant_id", f"{1:032x}", 42),
        ("network", "/v2.0/ports?binding:host_id=compute-2", "ports", "binding:host_id", "compute-2", 40),
        (
            "network",
            "/v2.0/ports?device_id=00000001-0000-4000-8000-000000000002",
            "ports",
            "device_id",
            "00000001-0000-4000-8000-000000000002",
            2,
        ),
    ],
)
def test_a_listing_can_be_narrowed(
    cloud: Reader, service: str, path: str, kind: str, field: str, value: str, count: int
) -> None:
    items = cloud.get(service, path)[kind]

    assert len(items) == count
    assert all(item[field] == value for item in items)


def test_ports_have_only_the_fields_that_were_asked_for(cloud: Reader) -> None:
    items = cloud.get("network", "/v2.0/ports?fields=id&fields=status&limit=2")["ports"]

    assert [set(item) for item in items] == [{"id", "status"}] * 2


def test_a_share_of_the_servers_changes_and_their_ports_follow(cloud: Reader) -> None:
    def off() -> set[str]:
        servers, _ = cloud.walk("compute", "/servers/detail?all_tenants=1&limit=50", "servers", "2.93")
        return {server["id"] for server in servers if server["status"] == "SHUTOFF"}

    before = off()
    changed = cloud.control("change", share=0.1)["changed"]

    assert changed == HOSTS * SERVERS // 10
    assert len(off() ^ before) == changed
    ports = cloud.get("network", "/v2.0/ports")["ports"]
    assert {port["device_id"] for port in ports if port["status"] == "DOWN"} == off()
    one = min(off())
    assert cloud.get("compute", f"/servers/{one}")["server"]["OS-EXT-STS:vm_state"] == "stopped"


def test_a_host_goes_down_for_its_service_and_its_servers(cloud: Reader) -> None:
    cloud.control("host", host="compute-3", state="down")

    (service,) = cloud.get("compute", "/os-services?host=compute-3", "2.53")["services"]
    servers = cloud.get("compute", "/servers/detail?all_tenants=1&host=compute-3", "2.16")["servers"]

    assert service["state"] == "down"
    assert {server["host_status"] for server in servers} == {"UNKNOWN"}


@pytest.mark.parametrize(
    ("version", "is_known"), [("2.1", True), ("2.93", True), ("latest", True), ("2.94", False), ("3.0", False)]
)
def test_microversions_are_those_of_zed(cloud: Reader, version: str, is_known: bool) -> None:
    if is_known:
        assert cloud.get("compute", "/os-aggregates", version)["aggregates"]
    else:
        with pytest.raises(exceptions.NotAcceptable):
            cloud.get("compute", "/os-aggregates", version)


def test_a_token_that_has_run_out_is_replaced_by_a_new_login(cloud: Reader) -> None:
    cloud.get("compute", "/os-services")
    cloud.control("expire")
    cloud.control("asked")

    cloud.get("compute", "/os-services")

    asked = cloud.control("asked")["requests"]
    assert [one["status"] for one in asked] == [401, 201, 200]


def test_a_wrong_password_is_refused(started: Mapping[str, Any]) -> None:
    with pytest.raises(exceptions.Unauthorized):
        Reader({**started, "password": "wrong"}).get("compute", "/os-services")


def test_it_fails_where_it_was_asked_to(cloud: Reader) -> None:
    cloud.get("compute", "/os-services")
    cloud.control("trouble", error_rate=1, error_status=503, paths="/servers")

    with pytest.raises(exceptions.ServiceUnavailable):
        cloud.get("compute", "/servers/detail")
    assert cloud.get("compute", "/os-services")["services"]


@pytest.mark.parametrize(
    ("service", "path", "error"),
    [
        ("compute", "/servers/detail?all_tenants=1&marker=nonsense", exceptions.BadRequest),
        ("compute", "/servers/detail?all_tenants=1&limit=-1", exceptions.BadRequest),
        ("network", "/v2.0/ports?limit=many", exceptions.BadRequest),
        ("compute", "/servers/00000001-0000-4000-8000-00000000ffff", exceptions.NotFound),
        ("network", "/v2.0/ports/00000001-0000-4000-8000-000000000001", exceptions.NotFound),
        ("compute", "/no-such-thing", exceptions.NotFound),
    ],
)
def test_a_wrong_request_is_refused(cloud: Reader, service: str, path: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        cloud.get(service, path)
