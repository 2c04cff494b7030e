"""The lab, its clients and its bus, as the tests of this folder use them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import aio_pika
import anyio
import requests
from keystoneauth1 import exceptions
from keystoneauth1.identity.v3 import Password
from keystoneauth1.session import Session

ROOT = Path(__file__).parents[2]
LAB = ROOT / "tools" / "openstack_lab" / "lab"
# At the end: its neighbours there must not hide anything that is installed.
sys.path.append(str(ROOT / "tools"))

from openstack_lab import life  # noqa: E402  (found where was just said)
from openstack_lab.layout import Layout, find_layout  # noqa: E402

T = TypeVar("T")
ANSWER_SECONDS = 60.0
WAIT_SECONDS = 120.0
MICROVERSION = "2.93"
SERVICES = {"compute": "nova", "network": "neutron", "image": "glance", "alarming": "aodh", "identity": "keystone"}


def wait_for(check: Callable[[], T | None], what: str, *, seconds: float = WAIT_SECONDS) -> T:
    """What ``check`` finds, as soon as it finds something."""
    deadline = time.monotonic() + seconds
    while True:
        if found := check():
            return found
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s in vain: {what}"
        time.sleep(0.1)


@dataclass(frozen=True)
class Lab:
    """The one lab of the test session."""

    layout: Layout

    @property
    def clouds_yaml(self) -> Path:
        """With the clouds admin, tenant-a and tenant-b."""
        return self.layout.clouds_yaml

    @property
    def amqp_url(self) -> str:
        return self.layout.amqp_url

    @property
    def auth_url(self) -> str:
        return self.layout.auth_url

    @property
    def computes(self) -> list[str]:
        """The hosts; each is also the name of its nova-compute."""
        return self.layout.computes

    def command(self, *arguments: str, seconds: float = 600.0) -> subprocess.CompletedProcess[str]:
        """What somebody types after ``tools/openstack_lab/lab``."""
        environ = {**os.environ, "NFVIGIL_LAB_DIR": str(self.layout.root)}
        return subprocess.run(
            [str(LAB), *arguments], env=environ, check=True, text=True, stdout=subprocess.PIPE, timeout=seconds
        )

    def start(self, *names: str) -> None:
        """They listen when this returns; when Nova knows it is another matter: see ``Client.revive``."""
        self.command("start", *names)

    def stop(self, *names: str) -> None:
        self.command("stop", *names)

    def crash(self, *names: str) -> None:
        """As if their machine had failed."""
        self.command("stop", "--kill", *names)

    def running(self) -> list[str]:
        return [name for name, daemon in life.all_daemons(self.layout).items() if daemon.pid]


@contextmanager
def lab_for_session() -> Iterator[Lab]:
    """The lab, all of it running. It ends with us if nothing of it ran before."""
    lab = Lab(find_layout())
    was_there = bool(lab.running())
    try:
        lab.command("up", seconds=1200)
        yield Lab(find_layout())
    finally:
        if not was_there:
            lab.command("down")


class Client:
    """An account of the lab, over plain HTTP. Answers are the bodies, as parsed JSON."""

    def __init__(self, lab: Lab, cloud: str) -> None:
        self._lab = lab
        self._http = requests.Session()
        self._http.trust_env = False
        login = Password(
            auth_url=lab.auth_url,
            username=cloud,
            password=lab.layout.settings.secret,
            project_name=cloud,
            user_domain_id="default",
            project_domain_id="default",
        )
        self._session = Session(auth=login, session=self._http, timeout=ANSWER_SECONDS)
        self.cloud = cloud

    def close(self) -> None:
        self._http.close()

    def request(self, method: str, service: str, path: str, body: object = None, *, version: str = MICROVERSION) -> Any:
        """``service`` by its type: compute, network, image. Raises keystoneauth1's HttpError."""
        headers = {"OpenStack-API-Version": f"compute {version}"} if service == "compute" else {}
        url = self._lab.layout.url(SERVICES[service]) + path
        answer = self._session.request(url, method, json=body, headers=headers)
        return answer.json() if answer.content else None

    # Servers and ports

    def make_server(self, name: str, *, host: str | None = None, user_data: bytes = b"") -> str:
        """The id of a server in the tenant's own network, which begins to boot."""
        image = self.request("GET", "image", "/v2/images?name=tiny")["images"][0]["id"]
        wanted: dict[str, object] = {
            "name": name,
            "imageRef": image,
            "flavorRef": "m1.tiny",
            "networks": [{"uuid": self.network_id()}],
        }
        if host:
            wanted["host"] = host
        if user_data:
            wanted["user_data"] = b64encode(user_data).decode()
        return str(self.request("POST", "compute", "/v2.1/servers", {"server": wanted})["server"]["id"])

    def wait_for_boot(self, server_id: str) -> dict[str, Any]:
        """The server, when it is ACTIVE."""

        def has_booted() -> dict[str, Any] | None:
            found = self.server(server_id)
            assert found["status"] != "ERROR", f"server {server_id} did not boot: {found['fault']}"
            return found if found["status"] == "ACTIVE" else None

        return wait_for(has_booted, f"server {server_id} to boot")

    def server(self, server_id: str) -> dict[str, Any]:
        return dict(self.request("GET", "compute", f"/v2.1/servers/{server_id}")["server"])

    def wait_for_server(self, server_id: str, *, status: str, host: str | None = None) -> dict[str, Any]:
        """The server, when it is idle in that state (and on that host, which only the administrator sees)."""

        def arrived() -> dict[str, Any] | None:
            found = self.server(server_id)
            is_there = host is None or found["OS-EXT-SRV-ATTR:host"] == host
            return found if found["status"] == status and found["OS-EXT-STS:task_state"] is None and is_there else None

        return wait_for(arrived, f"server {server_id} to be {status} {host or ''}")

    def action(self, server_id: str, action: str, arguments: object = None) -> None:
        self.request("POST", "compute", f"/v2.1/servers/{server_id}/action", {action: arguments})

    def delete_server(self, server_id: str) -> None:
        """It is gone when this returns, also if it was before."""

        def is_gone() -> bool:
            try:
                self.request("DELETE", "compute", f"/v2.1/servers/{server_id}")
                self.server(server_id)
            except exceptions.NotFound:
                return True
            except exceptions.Conflict:  # it is busy
                pass
            return False

        wait_for(is_gone, f"server {server_id} to be deleted")

    def network_id(self) -> str:
        found = self.request("GET", "network", f"/v2.0/networks?name=net-{self.cloud}")["networks"]
        return str(found[0]["id"])

    def ports_of(self, server_id: str) -> list[dict[str, Any]]:
        return list(self.request("GET", "network", f"/v2.0/ports?device_id={server_id}")["ports"])

    def make_port(self, name: str) -> dict[str, Any]:
        wanted = {"name": name, "network_id": self.network_id()}
        return dict(self.request("POST", "network", "/v2.0/ports", {"port": wanted})["port"])

    def delete_port(self, port_id: str) -> None:
        self.request("DELETE", "network", f"/v2.0/ports/{port_id}")

    # What the administrator alone may do

    def compute_service(self, host: str) -> dict[str, Any]:
        """What Nova says of the host's nova-compute."""
        path = f"/v2.1/os-services?binary=nova-compute&host={host}"
        return dict(self.request("GET", "compute", path)["services"][0])

    def force_down(self, host: str, *, is_down: bool = True) -> None:
        path = f"/v2.1/os-services/{self.compute_service(host)['id']}"
        self.request("PUT", "compute", path, {"forced_down": is_down})

    def revive(self, host: str) -> None:
        """Bring a host back from whatever was done to it: nova-compute runs, is enabled, and up for Nova."""
        # An evacuated host may come back only after its nova-compute was started anew, and has tidied up.
        self._lab.crash(host)
        before = self.compute_service(host)["updated_at"]
        self._lab.start(host)
        wait_for(lambda: self.compute_service(host)["updated_at"] != before, f"{host} to report")

        def is_accepted() -> bool:
            try:
                self.force_down(host, is_down=False)
            except exceptions.BadRequest:
                return False
            return True

        if self.compute_service(host)["forced_down"]:
            wait_for(is_accepted, f"{host} to be let up again")
        path = f"/v2.1/os-services/{self.compute_service(host)['id']}"
        self.request("PUT", "compute", path, {"status": "enabled"})
        wait_for(lambda: self.compute_service(host)["state"] == "up", f"{host} to be up")


@dataclass(frozen=True, kw_only=True)
class Notification:
    """As it came from the bus, out of oslo.messaging's envelope."""

    exchange: str
    routing_key: str
    message: dict[str, Any]

    @property
    def event_type(self) -> str:
        return str(self.message["event_type"])


class Bus:
    """Hears every notification of Nova and Neutron since it was opened, and takes none away from others."""

    EXCHANGES = ("nova", "neutron")
    TOPICS = ("notifications", "versioned_notifications")
    PRIORITIES = ("info", "error")

    def __init__(self) -> None:
        self.heard: list[Notification] = []

    async def hear(self, received: aio_pika.abc.AbstractIncomingMessage) -> None:
        envelope = json.loads(received.body)
        notification = Notification(
            exchange=received.exchange or "",
            routing_key=received.routing_key or "",
            message=json.loads(envelope["oslo.message"]),
        )
        self.heard.append(notification)

    async def wait_for(self, *, exchange: str, routing_key: str, event_type: str) -> Notification:
        wanted = (exchange, routing_key, event_type)
        with anyio.fail_after(WAIT_SECONDS):
            while True:
                for heard in self.heard:
                    if (heard.exchange, heard.routing_key, heard.event_type) == wanted:
                        return heard
                await anyio.sleep(0.05)


@asynccontextmanager
async def open_bus(url: str) -> AsyncIterator[Bus]:
    connection = await aio_pika.connect(url, timeout=ANSWER_SECONDS)
    async with connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(exclusive=True)
        for name in Bus.EXCHANGES:
            exchange = await channel.declare_exchange(name, aio_pika.ExchangeType.TOPIC)
            for topic in Bus.TOPICS:
                for priority in Bus.PRIORITIES:
                    await queue.bind(exchange, f"{topic}.{priority}")
        bus = Bus()
        await queue.consume(bus.hear, no_ack=True)
        yield bus
