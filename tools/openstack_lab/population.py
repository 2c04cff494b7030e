"""What is in the cloud at first: accounts and catalogue, flavors, an image, a network for each tenant."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from .client import Client, NoAnswerError
from .configuration import PROJECTS, SERVICE_USERS
from .layout import Layout

CATALOGUE = (
    ("placement", "placement", ""),
    ("image", "glance", ""),
    ("compute", "nova", "/v2.1"),
    ("network", "neutron", ""),
    ("alarming", "aodh", ""),
)
INTERFACES = ("public", "internal", "admin")
FLAVORS = (
    {"name": "m1.tiny", "vcpus": 1, "ram": 512, "disk": 1},
    {"name": "m1.small", "vcpus": 2, "ram": 1024, "disk": 5},
)
"""Their names are their ids as well."""


def populate_identity(layout: Layout) -> None:
    """Before Nova is started: its services end where Keystone does not know them."""
    client = Client(layout=layout)
    client.ensure("keystone", "/v3/roles", "role", {"name": "service"})
    roles = {role["name"]: role["id"] for role in client.get("keystone", "/v3/roles")["roles"]}
    accounts: list[tuple[str, str, tuple[str, ...]]]
    accounts = [(user, "service", ("admin", "service")) for user in SERVICE_USERS]
    accounts += [(project, project, ("member",)) for project in PROJECTS]
    for user, project, names in accounts:
        project_id = client.ensure("keystone", "/v3/projects", "project", {"name": project})["id"]
        wanted = {"name": user, "password": layout.settings.secret}
        user_id = client.ensure("keystone", "/v3/users", "user", wanted)["id"]
        for name in names:
            client.put("keystone", f"/v3/projects/{project_id}/users/{user_id}/roles/{roles[name]}")
    _populate_catalogue(client, layout)


def _populate_catalogue(client: Client, layout: Layout) -> None:
    for kind, name, path in CATALOGUE:
        service = client.ensure(
            "keystone", "/v3/services", "service", {"name": name, "type": kind}, known_by=("name", "type")
        )
        for interface in INTERFACES:
            endpoint = {
                "service_id": service["id"],
                "interface": interface,
                "region_id": "RegionOne",
                "url": layout.url(name) + path,
            }
            client.ensure(
                "keystone", "/v3/endpoints", "endpoint", endpoint, known_by=("service_id", "interface", "region_id")
            )


def populate_cloud(layout: Layout) -> None:
    """What tenants need to begin with."""
    client = Client(layout=layout)
    known = {flavor["name"] for flavor in client.get("nova", "/v2.1/flavors")["flavors"]}
    for flavor in FLAVORS:
        if flavor["name"] not in known:
            client.post("nova", "/v2.1/flavors", {"flavor": {**flavor, "id": flavor["name"]}})
    if not client.get("glance", "/v2/images?name=tiny")["images"]:
        image = {"name": "tiny", "disk_format": "raw", "container_format": "bare", "visibility": "public"}
        made = client.post("glance", "/v2/images", image)
        client.put("glance", f"/v2/images/{made['id']}/file", bytes(1024))
    for number, project in enumerate(PROJECTS, start=1):
        tenant = Client(layout=layout, user=project, project=project)
        network = tenant.ensure("neutron", "/v2.0/networks", "network", {"name": f"net-{project}"})
        subnet = {
            "name": f"subnet-{project}",
            "network_id": network["id"],
            "ip_version": 4,
            "cidr": f"10.{number}.0.0/16",
            "enable_dhcp": False,
        }
        tenant.ensure("neutron", "/v2.0/subnets", "subnet", subnet)


def is_nova_up(client: Client, started: Mapping[str, float]) -> bool:
    """Does each of these services of Nova report since it was started, and is each host in the cell?

    Its report from before that is believed for service_down_time. Who was forced down may stay so.
    """
    try:
        services = client.get("nova", "/v2.1/os-services", version="2.53")["services"]
        hypervisors = client.get("nova", "/v2.1/os-hypervisors/detail", version="2.53")["hypervisors"]
    except NoAnswerError:
        return False
    in_cell = {hypervisor["service"]["host"] for hypervisor in hypervisors}
    ready = set()
    for service in services:
        is_compute = service["binary"] == "nova-compute"
        name = service["host"] if is_compute else service["binary"]
        is_fresh = service["updated_at"] is not None and _seconds(service["updated_at"]) > started.get(name, 0)
        is_up = service["state"] == "up" or service["forced_down"]
        if is_fresh and is_up and (service["host"] in in_cell or not is_compute):
            ready.add(name)
    return started.keys() <= ready


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
