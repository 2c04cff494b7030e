"""What the stand-in OpenStack consists of, and its listings: each page is made once, as bytes, until it changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import Any
from urllib.parse import urlencode

import openstack_shapes as shapes
from openstack_shapes import Microversion

PAGE_MAX = 1000
"""Nova's ``max_limit``: no page is longer. Neutron has no such bound by default."""
KEPT_MAX = 5000
"""Pages that are kept; one of a thousand servers takes 2 MB."""
FLAVORS = (("m1.small", 1, 2048), ("m1.medium", 2, 4096), ("m1.large", 4, 8192))
GROUPED_EVERY = 10
"""Every tenth server has its double on the neighbouring host, in an anti-affinity group."""

Query = Mapping[str, list[str]]


class RefusedError(Exception):
    """A wrong request: 400."""


def uuid(kind: int, number: int) -> str:
    """Ids of one kind sort as their numbers do, which they end in."""
    return f"{kind:08x}-0000-4000-8000-{number:012x}"


def number_of(id: str) -> int:
    try:
        return int(id.rpartition("-")[2], 16)
    except ValueError:
        raise RefusedError(f"marker [{id}] not found") from None


SERVER, PORT, NETWORK, SERVICE, HYPERVISOR, GROUP, AGGREGATE = range(1, 8)


class Cloud:
    """Hosts, servers and ports by number; only what differs from the first day takes memory."""

    def __init__(
        self, *, hosts: int, servers_per_host: int, ports_per_server: int, zones: int, projects: int, seed: int
    ) -> None:
        self.hosts = hosts
        self.per_host = servers_per_host
        self.ports = ports_per_server
        self.zones = zones
        self.project_ids = [f"{number + 1:032x}" for number in range(projects)]
        self.shut_off: set[int] = set()
        self.updated: dict[int, str] = {}
        self.services: dict[str, dict[str, Any]] = {}
        self._chance = Random(seed)
        for index in range(hosts):
            name = f"compute-{index + 1}"
            self.services[name] = {
                "host": name,
                "number": index + 1,
                "service": uuid(SERVICE, index + 1),
                "hypervisor": uuid(HYPERVISOR, index + 1),
                "zone": self.zone(index),
                "status": "enabled",
                "state": "up",
                "disabled_reason": None,
                "forced_down": False,
                "vcpus": 128 + 4 * servers_per_host,
                "memory_mb": 8192 * (64 + servers_per_host),
                "servers": servers_per_host,
            }

    @property
    def servers(self) -> int:
        return self.hosts * self.per_host

    def zone(self, host: int) -> str:
        return f"az-{host % self.zones + 1}"

    def project(self, server: int) -> str:
        return self.project_ids[server % self.per_host % len(self.project_ids)]

    def change(self, share: float, at: str) -> int:
        """Servers are shut off, or started again; returns how many. Their ports go down with them."""
        chosen = self._chance.sample(range(self.servers), round(share * self.servers))
        for server in chosen:
            self.shut_off.symmetric_difference_update((server,))
            self.updated[server] = at
        return len(chosen)

    def server_values(self, server: int) -> dict[str, Any]:
        host, place = divmod(server, self.per_host)
        name = f"compute-{host + 1}"
        flavor, vcpus, ram = FLAVORS[place % len(FLAVORS)]
        is_off = server in self.shut_off
        row = self.services[name]
        project = self.project(server)
        return {
            "id": uuid(SERVER, server + 1),
            "name": f"vm-{host + 1}-{place + 1}",
            "status": "SHUTOFF" if is_off else "ACTIVE",
            "project": project,
            "vnf": f"vnf-{host // 2 + 1}",
            "host_id": f"{host:056x}",
            "flavor": flavor,
            "vcpus": vcpus,
            "ram": ram,
            "updated": self.updated.get(server, "2026-11-21T05:34:09Z"),
            "network": f"net-{project[-4:]}",
            "address": f"10.{server >> 16 & 255}.{server >> 8 & 255}.{server & 255}",
            "mac": f"{server >> 16 & 255:02x}:{server >> 8 & 255:02x}:{server & 255:02x}",
            "zone": row["zone"],
            "host": name,
            "number": server + 1,
            "vm_state": "stopped" if is_off else "active",
            "power": 4 if is_off else 1,
            "host_status": _host_status(row),
        }

    def port_values(self, port: int) -> dict[str, Any]:
        server, place = divmod(port, self.ports)
        project = self.project(server)
        return {
            "id": uuid(PORT, port + 1),
            "network_id": uuid(NETWORK, self.project_ids.index(project) + 1),
            "project": project,
            "mac": f"{port >> 16 & 255:02x}:{port >> 8 & 255:02x}:{port & 255:02x}",
            "status": "DOWN" if server in self.shut_off else "ACTIVE",
            "server": uuid(SERVER, server + 1),
            "address": f"10.{server >> 16 & 255}.{server >> 8 & 255}.{server & 255}" if not place else "192.168.0.1",
            "host": f"compute-{server // self.per_host + 1}",
            "updated": self.updated.get(server, "2026-11-21T05:34:09Z"),
        }

    def network_values(self, network: int) -> dict[str, Any]:
        project = self.project_ids[network]
        return {"id": uuid(NETWORK, network + 1), "name": f"net-{project[-4:]}", "project": project}

    def groups(self) -> list[dict[str, Any]]:
        """Pairs on neighbouring hosts; the last of an odd number of hosts has none."""
        found: list[dict[str, Any]] = []
        for pair in range(self.hosts // 2):
            for place in range(0, self.per_host, GROUPED_EVERY):
                first = 2 * pair * self.per_host + place
                found.append(
                    {
                        "id": uuid(GROUP, len(found) + 1),
                        "name": f"pair-{pair + 1}-{place + 1}",
                        "policy": "anti-affinity",
                        "rules": {},
                        "members": [uuid(SERVER, one + 1) for one in (first, first + self.per_host)],
                        "project_id": self.project(first),
                        "user_id": shapes.USER,
                    }
                )
        return found

    def aggregates(self) -> list[dict[str, Any]]:
        """One for each zone, and one of every fourth host that overlaps them."""
        names = list(self.services)
        members = {f"az-{zone + 1}": names[zone :: self.zones] for zone in range(self.zones)} | {"fast": names[::4]}
        return [
            {
                "id": number,
                "uuid": uuid(AGGREGATE, number),
                "name": name,
                "hosts": hosts,
                "availability_zone": name if name.startswith("az-") else None,
                "metadata": {"availability_zone": name} if name.startswith("az-") else {"pinned": "true"},
                "created_at": "2026-11-21T05:30:00.000000",
                "updated_at": None,
                "deleted": False,
                "deleted_at": None,
            }
            for number, (name, hosts) in enumerate(members.items(), 1)
        ]


def _host_status(row: Mapping[str, Any]) -> str:
    if row["status"] == "disabled":
        return "MAINTENANCE"
    if row["forced_down"]:
        return "DOWN"
    return "UP" if row["state"] == "up" else "UNKNOWN"


class Pages:
    """The listings' pages by what was asked for, kept as bytes. ``url`` is where the links lead."""

    def __init__(self, cloud: Cloud, url: str) -> None:
        self._cloud = cloud
        self._url = url
        self._kept: dict[tuple[Any, ...], Callable[[], bytes]] = {}
        self._bytes: dict[tuple[Any, ...], bytes] = {}

    def make_again(self) -> None:
        """After a change: all that was asked for before, so that nobody waits for it later."""
        for key, make in self._kept.items():
            self._bytes[key] = make()

    def _page(self, key: tuple[Any, ...], make: Callable[[], bytes]) -> bytes:
        if key not in self._kept:
            if len(self._kept) >= KEPT_MAX:
                return make()
            self._kept[key] = make
            self._bytes[key] = make()
        return self._bytes[key]

    def servers(self, query: Query, microversion: Microversion) -> bytes:
        cloud = self._cloud
        template = shapes.server_template(f"{self._url}/compute", microversion)
        limit, first = _span(query, PAGE_MAX)

        def make(numbers: Iterable[int] | None = None) -> bytes:
            chosen = range(first, min(first + limit, cloud.servers)) if numbers is None else list(numbers)
            items = ", ".join([template % cloud.server_values(server) for server in chosen])
            more = ""
            if len(chosen) == limit and limit:
                link = self._next("/compute/v2.1/servers/detail", query, uuid(SERVER, chosen[-1] + 1))
                more = f', "servers_links": [{{"rel": "next", "href": "{link}"}}]'
            return f'{{"servers": [{items}]{more}}}'.encode()

        if not _is_true(query.get("all_tenants", ["0"])[0]):
            return make([])  # the administrator's own project has none
        if filters := _filters(query, "host", "project_id", "tenant_id", "status", "changes-since"):
            return make(self._servers_with(filters, first, limit))
        return self._page(("servers", microversion, first, limit, urlencode(query, doseq=True)), make)

    def _servers_with(self, filters: Mapping[str, str], first: int, limit: int) -> list[int]:
        cloud, found = self._cloud, []
        servers: Iterable[int] = range(first, cloud.servers)
        since = filters.get("changes-since", "")
        if since:
            servers = sorted(one for one, at in cloud.updated.items() if one >= first and at >= since)
        elif "host" in filters:
            number = cloud.services.get(filters["host"], {"number": 0})["number"]
            start = (number - 1) * cloud.per_host if number else 0
            servers = range(max(first, start), start + cloud.per_host if number else 0)
        for server in servers:
            values = cloud.server_values(server)
            wanted = {"host": filters.get("host"), "status": filters.get("status")}
            wanted["project"] = filters.get("project_id") or filters.get("tenant_id")
            if all(value in (None, values[name]) for name, value in wanted.items()):
                found.append(server)
                if len(found) == limit:
                    break
        return found

    def server(self, id: str, microversion: Microversion) -> bytes | None:
        number = number_of(id) - 1
        if id != uuid(SERVER, number + 1) or not 0 <= number < self._cloud.servers:
            return None
        template = shapes.server_template(f"{self._url}/compute", microversion)
        return f'{{"server": {template % self._cloud.server_values(number)}}}'.encode()

    def ports(self, query: Query) -> bytes:
        cloud = self._cloud
        template = shapes.picked(shapes.PORT, tuple(query.get("fields", ())))
        total = cloud.servers * cloud.ports
        limit, first = _span(query, total)

        def make(numbers: Iterable[int] | None = None) -> bytes:
            chosen = range(first, min(first + limit, total)) if numbers is None else list(numbers)
            items = ", ".join([template % cloud.port_values(port) for port in chosen])
            return self._neutron("ports", items, query, [uuid(PORT, chosen[-1] + 1)] if chosen else [], len(chosen))

        if filters := _filters(query, "device_id", "binding:host_id", "id", "tenant_id", "project_id"):
            return make(self._ports_with(filters, first, limit))
        return self._page(("ports", first, limit, urlencode(query, doseq=True)), make)

    def _ports_with(self, filters: Mapping[str, str], first: int, limit: int) -> list[int]:
        cloud = self._cloud
        ports: Iterable[int] = range(first, cloud.servers * cloud.ports)
        if "device_id" in filters:
            server = number_of(filters["device_id"]) - 1
            ports = range(max(first, server * cloud.ports), (server + 1) * cloud.ports)
        elif "binding:host_id" in filters:
            number = cloud.services.get(filters["binding:host_id"], {"number": 0})["number"]
            size = cloud.per_host * cloud.ports
            ports = range(max(first, (number - 1) * size), number * size) if number else ()
        found = []
        names = {"device_id": "server", "binding:host_id": "host", "tenant_id": "project", "project_id": "project"}
        for port in ports:
            values = cloud.port_values(port)
            if all(values[names.get(name, name)] == value for name, value in filters.items()):
                found.append(port)
                if len(found) == limit:
                    break
        return found

    def port(self, id: str) -> bytes | None:
        number = number_of(id) - 1
        if id != uuid(PORT, number + 1) or not 0 <= number < self._cloud.servers * self._cloud.ports:
            return None
        return f'{{"port": {shapes.picked(shapes.PORT, ()) % self._cloud.port_values(number)}}}'.encode()

    def networks(self, query: Query) -> bytes:
        template = shapes.picked(shapes.NETWORK, tuple(query.get("fields", ())))
        total = len(self._cloud.project_ids)
        limit, first = _span(query, total)
        chosen = range(first, min(first + limit, total))
        items = ", ".join([template % self._cloud.network_values(network) for network in chosen])
        return self._neutron("networks", items, query, [uuid(NETWORK, chosen[-1] + 1)] if chosen else [], len(chosen))

    def _neutron(self, kind: str, items: str, query: Query, last: list[str], count: int) -> bytes:
        more = ""
        if "limit" in query and last and count == int(query["limit"][0]):
            link = self._next(f"/network/v2.0/{kind}", query, last[0])
            more = f', "{kind}_links": [{{"rel": "next", "href": "{link}"}}]'
        return f'{{"{kind}": [{items}]{more}}}'.encode()

    def services(self, query: Query, microversion: Microversion) -> bytes:
        others = [
            {"binary": f"nova-{name}", "host": "controller", "zone": "internal", "number": 100_000 + number}
            | {"service": uuid(SERVICE, 100_000 + number), "status": "enabled", "state": "up"}
            | {"disabled_reason": None, "forced_down": False}
            for number, name in enumerate(("scheduler", "conductor"))
        ]
        filters = _filters(query, "binary", "host")
        rows = [shapes.service(row, microversion) for row in (*others, *self._cloud.services.values())]
        return _json({"services": [row for row in rows if all(row[name] == value for name, value in filters.items())]})

    def hypervisors(self, query: Query, microversion: Microversion) -> bytes:
        limit, first = _span(query, PAGE_MAX)
        rows = list(self._cloud.services.values())[first : first + limit]
        answer: dict[str, Any] = {"hypervisors": [shapes.hypervisor(row, microversion) for row in rows]}
        if microversion >= (2, 33) and rows and len(rows) == limit:
            link = self._next("/compute/v2.1/os-hypervisors/detail", query, rows[-1]["hypervisor"])
            answer["hypervisors_links"] = [{"rel": "next", "href": link}]
        return _json(answer)

    def groups(self, query: Query) -> bytes:
        limit = min(int(query.get("limit", [str(PAGE_MAX)])[0]), PAGE_MAX)
        first = int(query.get("offset", ["0"])[0])
        found = self._cloud.groups() if "all_projects" in query else []
        return _json({"server_groups": found[first : first + limit]})

    def aggregates(self) -> bytes:
        return _json({"aggregates": self._cloud.aggregates()})

    def _next(self, path: str, query: Query, marker: str) -> str:
        return f"{self._url}{path}?{urlencode({**query, 'marker': [marker]}, doseq=True)}"


def _span(query: Query, limit_max: int) -> tuple[int, int]:
    """How many at most, beginning with which."""
    try:
        limit = int(query.get("limit", [str(limit_max)])[0])
    except ValueError:
        raise RefusedError("limit is no number") from None
    if limit < 0:
        raise RefusedError("limit must be zero or more")
    return min(limit, limit_max), number_of(query["marker"][0]) if "marker" in query else 0


def _filters(query: Query, *names: str) -> dict[str, str]:
    return {name: query[name][0] for name in names if name in query}


def _is_true(text: str) -> bool:
    return text.lower() in ("1", "true", "yes", "on")


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()
