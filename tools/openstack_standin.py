#!/usr/bin/env python3
"""A stand-in for a large OpenStack: Keystone, Nova and Neutron over HTTP on loopback, for measuring their readers.

    tools/openstack_standin.py --hosts 1000 --servers-per-host 100 --ports-per-server 2 --port 0

It answers with what is there, in the shapes of the real ones (openstack_shapes.py), and changes nothing of it for its
clients. A page is made when it is first asked for and then sent as it is, so that little of a reader's time is ours.
When it is ready it prints one line of JSON with its address and how to log in.

    POST /standin/change  {"share": 0.01}                    so many servers are shut off or started; pages made again
    POST /standin/trouble {"latency_seconds": 1, "error_rate": 0.1, "error_status": 503, "paths": "/servers"}
    POST /standin/host    {"host": "compute-1", "state": "down"}       or status, forced_down, disabled_reason
    POST /standin/expire                                     every token is invalid from now on
    GET  /standin/asked                                      requests since this was asked last, and our CPU seconds
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import secrets
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from random import Random
from typing import Any
from urllib.parse import parse_qs

import openstack_shapes as shapes
import uvloop
from aiohttp import web
from openstack_pages import Cloud, Pages, RefusedError
from openstack_shapes import MICROVERSION_MAX, Microversion

USER, PASSWORD, PROJECT = "admin", "standin", "f" * 32
ASKED_MAX = 100_000
BODY_MAX = 1 << 20

Answer = tuple[int, bytes, dict[str, str]]


class StandIn:
    """Who is logged in, what is broken, and which answer belongs to which request."""

    def __init__(self, cloud: Cloud, url: str, options: argparse.Namespace) -> None:
        self._cloud = cloud
        self._pages = Pages(cloud, url)
        self._url = url
        self._token_seconds: float = options.token_seconds
        self._trouble: dict[str, Any] = {
            "latency_seconds": options.latency,
            "error_rate": options.error_rate,
            "error_status": options.error_status,
            "paths": "",
        }
        self._chance = Random(options.seed)
        self._tokens: dict[str, float] = {}
        self._asked: deque[dict[str, Any]] = deque(maxlen=ASKED_MAX)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path.rstrip("/") or "/"
        body = await request.content.read(BODY_MAX) if request.method != "GET" else b""
        if path.startswith("/standin/"):
            return web.Response(body=json.dumps(self._control(path, body)).encode(), content_type="application/json")
        is_troubled = self._trouble["paths"] in path
        if is_troubled and self._trouble["latency_seconds"]:
            await asyncio.sleep(self._trouble["latency_seconds"])
        if is_troubled and self._chance.random() < self._trouble["error_rate"]:
            status, answer, headers = _fault(self._trouble["error_status"], "as it was asked to")
        else:
            status, answer, headers = self._answer(request, path, body)
        self._asked.append(
            {
                "method": request.method,
                "url": str(request.rel_url),
                "microversion": request.headers.get("OpenStack-API-Version", ""),
                "status": status,
                "bytes": len(answer),
            }
        )
        headers["x-openstack-request-id"] = f"req-{secrets.token_hex(16)}"
        return web.Response(status=status, body=answer, headers=headers, content_type="application/json")

    # The three services

    def _answer(self, request: web.BaseRequest, path: str, body: bytes) -> Answer:
        if path == "/identity/v3/auth/tokens" and request.method == "POST":
            return self._log_in(body)
        if document := self._versions(path):
            return document
        if self._tokens.get(request.headers.get("X-Auth-Token", ""), 0) < time.time():
            return _fault(401, "The request you have made requires authentication.")
        if request.method != "GET":
            return _fault(405, "a stand-in changes nothing")
        microversion = _microversion(request)
        if not (2, 1) <= microversion <= MICROVERSION_MAX:
            return _fault(406, f"Version {microversion[0]}.{microversion[1]} is not supported by the API.")
        query = parse_qs(request.query_string, keep_blank_values=True)
        try:
            found = self._listing(path, query, microversion)
        except (RefusedError, ValueError) as error:
            return _fault(400, str(error))
        if found is None:
            return _fault(404, f"{path} could not be found")
        version = f"{microversion[0]}.{microversion[1]}"
        nova = {"OpenStack-API-Version": f"compute {version}", "X-OpenStack-Nova-API-Version": version}
        return 200, found, nova if path.startswith("/compute") else {}

    def _listing(self, path: str, query: dict[str, list[str]], microversion: Microversion) -> bytes | None:
        pages = self._pages
        listings: dict[str, Callable[[], bytes]] = {
            "/compute/v2.1/servers/detail": lambda: pages.servers(query, microversion),
            "/compute/v2.1/os-services": lambda: pages.services(query, microversion),
            "/compute/v2.1/os-hypervisors/detail": lambda: pages.hypervisors(query, microversion),
            "/compute/v2.1/os-aggregates": pages.aggregates,
            "/compute/v2.1/os-server-groups": lambda: pages.groups(query),
            "/network/v2.0/ports": lambda: pages.ports(query),
            "/network/v2.0/networks": lambda: pages.networks(query),
            "/network/v2.0/extensions": lambda: json.dumps({"extensions": _extensions()}).encode(),
            "/identity/v3/projects": lambda: json.dumps({"projects": self._projects()}).encode(),
        }
        if path in listings:
            return listings[path]()
        kind, _, name = path.rpartition("/")
        if kind == "/compute/v2.1/servers":
            return pages.server(name, microversion)
        if kind == "/network/v2.0/ports":
            return pages.port(name)
        if kind == "/network/v2.0/extensions":
            found = [one for one in _extensions() if one["alias"] == name]
            return json.dumps({"extension": found[0]}).encode() if found else None
        return None

    def _versions(self, path: str) -> Answer | None:
        nova = shapes.version_document(f"{self._url}/compute")
        keystone = {
            "id": "v3.14",
            "status": "stable",
            "updated": "2020-04-07T00:00:00Z",
            "links": [{"rel": "self", "href": f"{self._url}/identity/v3/"}],
            "media-types": [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}],
        }
        neutron = {
            "id": "v2.0",
            "status": "CURRENT",
            "links": [{"rel": "self", "href": f"{self._url}/network/v2.0/"}],
        }
        documents: dict[str, tuple[int, dict[str, Any]]] = {
            "/compute": (200, {"versions": [nova]}),
            "/compute/v2.1": (200, {"version": nova}),
            "/identity": (300, {"versions": {"values": [keystone]}}),
            "/identity/v3": (200, {"version": keystone}),
            "/network": (200, {"versions": [neutron]}),
        }
        if path not in documents:
            return None
        status, document = documents[path]
        return status, json.dumps(document).encode(), {}

    def _log_in(self, body: bytes) -> Answer:
        try:
            identity = json.loads(body)["auth"]["identity"]
            method = identity["methods"][0]
            given = identity[method]
            secret = given["user"]["password"] if method == "password" else given["secret"]
        except (ValueError, KeyError, TypeError, IndexError):
            return _fault(400, "the request has no identity by password or application credential")
        if secret != PASSWORD:
            return _fault(401, "The request you have made requires authentication.")
        now = time.time()
        token = secrets.token_urlsafe(135)
        self._tokens = {one: until for one, until in self._tokens.items() if until > now}
        self._tokens[token] = now + self._token_seconds
        answer = shapes.token(self._url, issued=_time(now), expires=_time(now + self._token_seconds), project=PROJECT)
        return 201, json.dumps({"token": answer}).encode(), {"X-Subject-Token": token, "Vary": "X-Auth-Token"}

    def _projects(self) -> list[dict[str, Any]]:
        return [
            {"id": id, "name": f"project-{number}", "domain_id": "default", "enabled": True, "is_domain": False}
            for number, id in enumerate(self._cloud.project_ids, 1)
        ]

    # What a bench asks for

    def _control(self, path: str, body: bytes) -> dict[str, Any]:
        wish = json.loads(body or b"{}")
        match path.removeprefix("/standin/"):
            case "change":
                started = time.perf_counter()
                changed = self._cloud.change(float(wish["share"]), _time(time.time())[:19] + "Z")
                self._pages.make_again()
                return {"changed": changed, "seconds": time.perf_counter() - started}
            case "trouble":
                self._trouble |= {name: value for name, value in wish.items() if name in self._trouble}
                return self._trouble
            case "host":
                row = self._cloud.services[wish.pop("host")]
                row |= {name: value for name, value in wish.items() if name in row}
                self._pages.make_again()
                return row
            case "expire":
                self._tokens.clear()
                return {}
            case "asked":
                asked, self._asked = list(self._asked), deque(maxlen=ASKED_MAX)
                return {"requests": asked, "cpu_seconds": time.process_time()}
        return {"error": f"there is no {path}"}


def _extensions() -> list[dict[str, Any]]:
    return [
        {"name": alias, "alias": alias, "description": alias, "updated": "2017-01-24T10:00:00-00:00", "links": []}
        for alias in shapes.EXTENSIONS
    ]


def _microversion(request: web.BaseRequest) -> Microversion:
    said = request.headers.get("OpenStack-API-Version", "") or request.headers.get("X-OpenStack-Nova-API-Version", "")
    if said.endswith("latest"):
        return MICROVERSION_MAX
    found = re.search(r"(?:compute )?(\d+)\.(\d+)$", said)
    return (int(found[1]), int(found[2])) if found else (2, 1)


def _fault(status: int, text: str) -> Answer:
    return status, json.dumps({"error": {"code": status, "message": text}}).encode(), {}


def _time(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(at))


async def serve(options: argparse.Namespace) -> None:
    cloud = Cloud(
        hosts=options.hosts,
        servers_per_host=options.servers_per_host,
        ports_per_server=options.ports_per_server,
        zones=options.zones,
        projects=options.projects,
        seed=options.seed,
    )
    ends = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ends.set)
    handler: list[StandIn] = []

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        return await handler[0].handle(request)

    runner = web.ServerRunner(web.Server(handle, access_log=None), shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", options.port)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    handler.append(StandIn(cloud, url, options))
    login = {"auth_url": f"{url}/identity/v3", "username": USER, "password": PASSWORD, "project_id": PROJECT}
    counts = {"hosts": cloud.hosts, "servers": cloud.servers, "ports": cloud.servers * cloud.ports}
    print(json.dumps({"url": url, **login, "user_domain_id": "default", **counts}), flush=True)
    await ends.wait()
    await runner.cleanup()


def read_options(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").strip(), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, default=0, help="0 lets the system choose one")
    parser.add_argument("--hosts", type=int, default=1000)
    parser.add_argument("--servers-per-host", type=int, default=100)
    parser.add_argument("--ports-per-server", type=int, default=2)
    parser.add_argument("--zones", type=int, default=2)
    parser.add_argument("--projects", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0, help="which servers change, and which answers fail")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--error-rate", type=float, default=0.0, help="the share of answers that are errors")
    parser.add_argument("--error-status", type=int, default=503)
    parser.add_argument("--token-seconds", type=float, default=3600.0, help="how long a token is valid")
    return parser.parse_args(given)


if __name__ == "__main__":
    uvloop.run(serve(read_options(sys.argv[1:])))
