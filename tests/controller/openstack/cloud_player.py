"""A small OpenStack behind the driver's transport: no sockets, no waiting, and every fault that a real one has."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from nfvigil.controller.vims.openstack.options import checked
from nfvigil.controller.vims.openstack.session import Login
from nfvigil.controller.vims.openstack.transport import Answer
from nfvigil.controller.vims.openstack.vim import OpenStackVim
from nfvigil.model.action import Action
from nfvigil.model.secret import Secret

START_US = 1_800_000_000_000_000
SECOND = 1_000_000
PROJECT = "p1"

_numbers = count(1)

Fault = Callable[[], Answer]
Handler = Callable[..., Answer]


def new_action(kind: str, target: str, **fields: Any) -> Action:
    named = {"id": f"a{next(_numbers)}", "kind": kind, "target": target, "vim": "lab", "event_id": 1}
    return Action(**named | fields)


def undo(action: Action, before: str | None) -> Action:
    return msgspec.structs.replace(action, id=f"{action.id}-undo", undo_of=action.id, before=before)


class IdentityPlayer:
    """Keystone: each token is good until the cloud refuses it."""

    def __init__(self, *, endpoints: Mapping[str, str] | None = None, roles: tuple[str, ...] = ("admin",)) -> None:
        self.endpoints = dict(
            endpoints
            or {
                "compute": "http://cloud/compute/v2.1",
                "network": "http://cloud/network",
                "block-storage": "http://cloud/volume/v3/p0",
            }
        )
        self.roles = roles
        self.logins = 1

    async def login(self, refused: Secret | None = None) -> Login:
        if refused is not None and refused.reveal() == f"token-{self.logins}":
            self.logins += 1
        return Login(
            token=Secret(f"token-{self.logins}"),
            expires_us=START_US * 2,
            user="admin",
            project="admin",
            roles=self.roles,
            endpoints=self.endpoints,
        )


class CloudPlayer:
    """``now_us`` is its clock and the driver's; an asynchronous action is over after ``polls`` looks at the server."""

    def __init__(self, *, newest: str = "2.93", hosts: int = 3, servers: int = 4) -> None:
        self.newest = newest
        self.now_us = START_US
        self.polls = 1
        self.max_limit = 1000
        self.tokens = {"token-1", "token-2"}
        self.requests: list[tuple[str, str, Any]] = []
        self.headers: list[Mapping[str, str]] = []
        self.counts: Counter[str] = Counter()
        self.faults: dict[str, list[Fault]] = {}
        """By the beginning of ``METHOD path``: each is used once, in order."""
        self.fails: dict[str, str] = {}
        """Actions that end in an error, and Nova's reason."""
        self.is_admin = True
        self.down_cell: set[str] = set()
        self.services: dict[str, dict[str, Any]] = {}
        self.hypervisors: list[dict[str, Any]] = []
        self.aggregates: list[dict[str, Any]] = [{"name": "fast", "hosts": ["host-1"]}]
        self.groups: list[dict[str, Any]] = []
        self.flavors = [{"id": "f1", "vcpus": 2, "ram": 2048}]
        self.servers: dict[str, dict[str, Any]] = {}
        self.ids: set[str] = set()
        """Those that the present call asks for."""
        self.ports: dict[str, dict[str, Any]] = {}
        self.networks: dict[str, dict[str, Any]] = {"n1": {"id": "n1", "name": "net", "project_id": PROJECT}}
        self.volumes: dict[str, dict[str, Any]] = {}
        self.actions: dict[str, list[dict[str, Any]]] = {}
        self._running: dict[str, tuple[int, Callable[[], None]]] = {}
        for number in range(1, hosts + 1):
            self.add_host(f"host-{number}")
        for number in range(1, servers + 1):
            self.add_server(f"s{number}", host=f"host-{(number - 1) % hosts + 1}")

    # What there is

    @property
    def minor(self) -> int:
        return int(self.newest.removeprefix("2."))

    def add_host(self, name: str) -> None:
        self.services[name] = {
            "binary": "nova-compute",
            "host": name,
            "id": f"id-{name}",
            "zone": "z1",
            "status": "enabled",
            "state": "up",
            "updated_at": self.stamp(),
            "disabled_reason": None,
            "forced_down": False,
        }
        hypervisor = {"vcpus": 8, "memory_mb": 1024, "hypervisor_type": "QEMU", "hypervisor_version": 6002000}
        named = {"id": f"h-{name}", "hypervisor_hostname": f"{name}.example.org", "service": {"host": name}}
        self.hypervisors.append(hypervisor | named)

    def add_server(self, name: str, *, host: str, **fields: Any) -> None:
        self.servers[name] = {
            "id": name,
            "name": f"name-{name}",
            "status": "ACTIVE",
            "tenant_id": PROJECT,
            "metadata": {"vnf": "epc"},
            "flavor": {"vcpus": 1, "ram": 512} if self.minor >= 47 else {"id": "f1"},
            "image": {"id": "image-1"},
            "OS-EXT-SRV-ATTR:host": host,
            "OS-EXT-STS:task_state": None,
            "OS-EXT-STS:vm_state": "active",
            "os-extended-volumes:volumes_attached": [{"id": f"v-{name}"}],
        } | fields
        self.ports[f"p-{name}"] = {
            "id": f"p-{name}",
            "name": "",
            "status": "ACTIVE",
            "network_id": "n1",
            "admin_state_up": True,
            "device_id": name,
            "device_owner": "compute:nova",
            "project_id": PROJECT,
            "binding:host_id": host,
            "data_plane_status": None,
        }
        self.volumes[f"v-{name}"] = {
            "id": f"v-{name}",
            "status": "in-use",
            "name": "disk",
            "os-vol-tenant-attr:tenant_id": PROJECT,
            "os-vol-host-attr:host": "ceph",
        }

    def stamp(self, at_us: int | None = None) -> str:
        seconds = (self.now_us if at_us is None else at_us) // SECOND
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000000")

    def heartbeat(self, host: str) -> None:
        self.services[host]["updated_at"] = self.stamp()
        self.services[host]["state"] = "down" if self.services[host]["forced_down"] else "up"

    def pass_seconds(self, seconds: float) -> None:
        self.now_us += int(seconds * SECOND)

    def vim(self, identity: IdentityPlayer | None = None, **options: Any) -> OpenStackVim:
        return OpenStackVim(
            name="lab",
            options=checked("lab", {"cloud": "lab", "timeout_seconds": 5} | options),
            clock=lambda: self.now_us,
            identity=identity or IdentityPlayer(),
            transport=self,
        )

    def called(self, beginning: str) -> int:
        return sum(count for call, count in self.counts.items() if call.startswith(beginning))

    # As a transport

    async def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        parts = urlsplit(url)
        service, _, path = parts.path.removeprefix("/").partition("/")
        query = parse_qsl(parts.query, keep_blank_values=True)
        self.ids = {value for name, value in query if name == "id"}
        value = None if body is None else msgspec.json.decode(body)
        path = "/" + re.sub(r"^v(2\.1|2\.0|3/p0)/?", "", path)
        call = f"{method} {path}"
        self.counts[call] += 1
        self.requests.append((method, path, value))
        self.headers.append(headers)
        for beginning, faults in self.faults.items():
            if call.startswith(beginning) and faults:
                return faults.pop(0)()
        if headers["X-Auth-Token"] not in self.tokens:
            return self.answer({"error": {"code": 401, "message": "The token is unknown"}}, 401)
        handler = {"compute": self._nova, "network": self._neutron, "volume": self._cinder}[service]
        return handler(method, path, dict(query), value)

    def answer(self, value: Any, status: int = 200, **headers: str) -> Answer:
        return Answer(
            status=status,
            headers={
                "date": format_datetime(datetime.fromtimestamp(self.now_us // SECOND, UTC), usegmt=True),
                "x-openstack-request-id": f"req-{sum(self.counts.values())}",
            }
            | {name.replace("_", "-"): text for name, text in headers.items()},
            body=msgspec.json.encode(value),
        )

    def _refused(self, status: int, message: str, word: str = "badRequest") -> Answer:
        return self.answer({word: {"code": status, "message": message}}, status)

    def _missing(self, what: str) -> Answer:
        return self._refused(404, f"{what} could not be found.", "itemNotFound")

    def _page(self, word: str, items: list[dict[str, Any]], query: Mapping[str, str]) -> Answer:
        limit = min(int(query.get("limit", self.max_limit)), self.max_limit)
        ids = [str(item["id"]) for item in items]
        begin = 0
        if "marker" in query:
            if query["marker"] not in ids:
                return self._refused(400, f"marker [{query['marker']}] not found")
            begin = ids.index(query["marker"]) + 1
        page = items[begin : begin + limit]
        answer: dict[str, Any] = {word: page}
        if len(page) == limit:
            answer[f"{word}_links"] = [
                {"rel": "next", "href": f"http://inside/x?limit={limit}&marker={page[-1]['id']}"}
            ]
        return self.answer(answer)

    # Nova

    def _nova(self, method: str, path: str, query: dict[str, str], body: Any) -> Answer:
        if path == "/":
            return self.answer({"version": {"id": "v2.1", "version": self.newest, "min_version": "2.1"}})
        if not self.is_admin and ("all_tenants" in query or path.startswith("/os-")):
            return self._refused(403, f"Policy doesn't allow {path} to be performed.", "forbidden")
        if path == "/servers/detail" or path == "/servers":
            servers = [self._shown(each) for each in self.servers.values() if self._is_wanted(each, query)]
            return self._page("servers", servers, query)
        if path == "/os-services" and method == "GET":
            return self.answer({"services": self._services(query)})
        if path.startswith("/os-services/") and method == "PUT":
            return self._change_service(path.removeprefix("/os-services/"), body)
        if path == "/os-hypervisors/detail":
            return self._page("hypervisors", self.hypervisors, query)
        if path == "/os-aggregates":
            return self.answer({"aggregates": self.aggregates})
        if path == "/os-server-groups":
            begin = int(query.get("offset", 0))
            return self.answer({"server_groups": self.groups[begin : begin + int(query["limit"])]})
        if path == "/flavors/detail":
            return self._page("flavors", self.flavors, query)
        match = re.fullmatch(r"/servers/([^/]+)(/.*)?", path)
        if match is None:
            return self.answer({"message": "no such path"}, 404)
        return self._one_server(method, match[1], match[2] or "", body)

    def _is_wanted(self, server: dict[str, Any], query: Mapping[str, str]) -> bool:
        host = server["OS-EXT-SRV-ATTR:host"]
        return host not in self.down_cell and query.get("host", host) == host

    def _shown(self, server: dict[str, Any]) -> dict[str, Any]:
        service = self.services.get(server["OS-EXT-SRV-ATTR:host"], {"forced_down": False, "state": "up"})
        word = "DOWN" if service["forced_down"] else "UP" if service["state"] == "up" else "UNKNOWN"
        return server | ({"host_status": word} if self.minor >= 16 else {})

    def _services(self, query: Mapping[str, str]) -> list[dict[str, Any]]:
        return [
            {"binary": each["binary"], "host": each["host"], "status": "UNKNOWN"}
            if each["host"] in self.down_cell
            else each
            for each in self.services.values()
            if query.get("host", each["host"]) == each["host"]
        ]

    def _change_service(self, which: str, body: Any) -> Answer:
        by_name = not which.startswith("id-")
        found = next(
            (
                each
                for each in self.services.values()
                if (body.get("host") == each["host"] if by_name else which == each["id"])
            ),
            None,
        )
        if found is None:
            return self._missing(which)
        if by_name != (self.minor < 53):
            return self._missing("that path")
        if which == "enable" or body.get("status") == "enabled":
            found.update(status="enabled", disabled_reason=None)
        elif which.startswith("disable") or body.get("status") == "disabled":
            found.update(status="disabled", disabled_reason=body.get("disabled_reason"))
        if "forced_down" in body:
            if not body["forced_down"] and self.fails.get("force-up"):
                return self._refused(400, self.fails["force-up"])
            found["forced_down"] = body["forced_down"]
            found["state"] = "down" if body["forced_down"] else "up"
        found["updated_at"] = self.stamp()
        return self.answer({"service": found})

    def _one_server(self, method: str, name: str, rest: str, body: Any) -> Answer:
        server = self.servers.get(name)
        if rest.startswith("/os-instance-actions"):
            return self._instance_actions(name, rest.removeprefix("/os-instance-actions").removeprefix("/"))
        if server is None:
            return self._missing(f"Instance {name}")
        if rest == "/action":
            return self._act(server, body)
        if method == "DELETE":
            self._begin(server, "delete", "deleting", lambda: self.servers.pop(name))
            return self.answer({}, 204)
        polls, end = self._running.get(name, (0, None))
        if end is not None:
            self._running[name] = (polls - 1, end)
            if polls <= 0:
                del self._running[name]
                end()
                if name not in self.servers:
                    return self._missing(f"Instance {name}")
        if server["OS-EXT-SRV-ATTR:host"] in self.down_cell:
            return self.answer({"server": {"id": name, "status": "UNKNOWN", "tenant_id": PROJECT}})
        return self.answer({"server": self._shown(server)})

    def _instance_actions(self, name: str, request_id: str) -> Answer:
        known = self.actions.get(name, [])
        if not request_id:
            return self.answer(
                {"instanceActions": [{k: v for k, v in each.items() if k != "events"} for each in known]}
            )
        for each in known:
            if each["request_id"] == request_id:
                return self.answer({"instanceAction": each})
        return self._missing(f"Action {request_id}")

    def _act(self, server: dict[str, Any], body: dict[str, Any]) -> Answer:
        (word, arguments), *_ = body.items()
        host = server["OS-EXT-SRV-ATTR:host"]
        elsewhere = (arguments or {}).get("host") or next(name for name in self.services if name != host)
        was = "SHUTOFF" if server["status"] == "SHUTOFF" else "ACTIVE"

        def status(text: str, **more: Any) -> Callable[[], None]:
            return lambda: server.update({"status": text} | more)

        there = {"OS-EXT-SRV-ATTR:host": elsewhere}
        moves: dict[str, tuple[str, str | None, Callable[[], None]]] = {
            "evacuate": ("evacuate", "rebuilding", status(was, **there)),
            "os-migrateLive": ("live-migration", "migrating", status(server["status"], **there)),
            "migrate": ("migrate", "resize_prep", status("VERIFY_RESIZE", **there)),
            "confirmResize": ("confirmResize", None, status("ACTIVE")),
            "revertResize": ("revertResize", "resize_reverting", status("ACTIVE")),
            "os-start": ("start", "powering-on", status("ACTIVE")),
            "os-stop": ("stop", "powering-off", status("SHUTOFF")),
            "reboot": ("reboot", "rebooting", status("ACTIVE")),
            "rebuild": ("rebuild", "rebuilding", status(was)),
        }
        if word == "os-resetState":
            server.update(status=arguments["state"].upper())
            server["OS-EXT-STS:task_state"] = None
            return self.answer({}, 202)
        name, task, end = moves[word]
        self._begin(server, name, task, end)
        return self.answer({}, 202)

    def _begin(self, server: dict[str, Any], name: str, task: str | None, end: Callable[[], None]) -> None:
        server["OS-EXT-STS:task_state"] = task
        event: dict[str, Any] = {"event": f"compute_{name}", "result": None}
        record = {
            "action": name,
            "request_id": f"req-{sum(self.counts.values())}",
            "start_time": self.stamp(),
            "message": None,
            "events": [event],
        }
        self.actions.setdefault(server["id"], []).insert(0, record)

        def over() -> None:
            server["OS-EXT-STS:task_state"] = None
            reason = self.fails.get(name)
            if reason:
                event.update(result="Error", details=reason)
                record["message"] = "Error"
                if reason.startswith("ERROR"):
                    server.update(status="ERROR", fault={"message": reason})
                return
            event["result"] = "Success"
            end()

        self._running[server["id"]] = (self.polls, over)

    # Neutron and Cinder

    def _neutron(self, method: str, path: str, query: dict[str, str], body: Any) -> Answer:
        if path == "/extensions":
            return self.answer({"extensions": [{"alias": "data-plane-status"}]})
        kind, _, name = path.removeprefix("/").partition("/")
        things = {"ports": self.ports, "networks": self.networks}[kind]
        if not name:
            of = query.get("device_id")
            listed = [
                self._seen(each)
                for each in things.values()
                if (of is None or each["device_id"] == of) and (not self.ids or each["id"] in self.ids)
            ]
            return self._page(kind, sorted(listed, key=lambda each: str(each["id"])), query)
        if name not in things:
            kind = kind.removesuffix("s").capitalize()
            text = f"{kind} {name} could not be found."
            return self.answer({"NeutronError": {"type": f"{kind}NotFound", "message": text}}, 404)
        if method == "PUT":
            things[name].update(body["port"])
        return self.answer({kind.removesuffix("s"): self._seen(things[name])})

    def _seen(self, thing: dict[str, Any]) -> dict[str, Any]:
        return thing if self.is_admin else {k: v for k, v in thing.items() if k != "binding:host_id"}

    def _cinder(self, method: str, path: str, query: dict[str, str], body: Any) -> Answer:
        if path == "/volumes/detail":
            return self._page("volumes", list(self.volumes.values()), query)
        name = path.split("/")[2]
        if name not in self.volumes:
            return self._missing(f"Volume {name}")
        if method == "POST":
            self.volumes[name]["status"] = body["os-reset_status"]["status"]
            return self.answer({}, 202)
        return self.answer({"volume": self.volumes[name]})


def raising(error: BaseException) -> Fault:
    def fault() -> Answer:
        raise error

    return fault
