"""An existing Ceilometer and Aodh carry our news: event alarms that tenants made at Aodh fire for what we publish."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from aodhclient import client as aodh_client
from openstack_players import Client, Lab, wait_for
from service_players import MakeLabService

Boot = Callable[..., dict[str, Any]]
Hook = Callable[[str], str]
TOPIC = "aodh_notifications"
"""The lab's Ceilometer listens there."""


@pytest.fixture
def lab_with_aodh(openstack_lab: Lab) -> Lab:
    if not openstack_lab.layout.settings.with_aodh:
        pytest.skip("the lab has no Aodh: lab install --with-aodh, then lab up --with-aodh")
    return openstack_lab


class Webhooks:
    """What Aodh has called, by path."""

    def __init__(self) -> None:
        self.calls: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()
        calls = self.calls

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200)
                self.end_headers()
                calls.put((self.path, json.loads(body)))

            def log_message(self, format: str, *arguments: Any) -> None:
                """Not on the screen."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/{path}"

    def next(self, path: str, seconds: float = 60.0) -> dict[str, Any]:
        """The next call; it must be there and no other."""
        found, body = self.calls.get(timeout=seconds)
        assert found == f"/{path}"
        return body

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def webhooks() -> Iterator[Webhooks]:
    webhooks = Webhooks()
    yield webhooks
    webhooks.close()


def make_alarm(lab: Lab, owner: Client, event_type: str, action: str, **traits: str) -> Callable[[], None]:
    """An event alarm as python-aodhclient makes it; what is returned removes it."""
    aodh = aodh_client.Client("2", session=owner._session, endpoint_override=lab.layout.url("aodh"))
    query = [{"field": f"traits.{name}", "op": "eq", "type": "string", "value": text} for name, text in traits.items()]
    made = aodh.alarm.create(
        {
            "name": f"nfvigil {action.rpartition('/')[2]}",
            "type": "event",
            "event_rule": {"event_type": event_type, "query": query},
            "alarm_actions": [action],
            "repeat_actions": True,
        }
    )
    return lambda: aodh.alarm.delete(made["alarm_id"])


def traits_of(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, _, value in body["reason_data"]["event"]["traits"]}


def bus(lab: Lab, **given: Any) -> dict[str, Any]:
    return {"name": "lab", "url": lab.amqp_url, "topic": TOPIC, "publisher_id": "compute.nfvigil", **given}


def test_an_event_alarm_of_aodhs_fires_when_a_host_dies(
    lab_with_aodh: Lab,
    make_lab_service: MakeLabService,
    webhooks: Webhooks,
    openstack_tenant: Client,
    openstack_admin: Client,
    boot: Boot,
    doomed_host: str,
) -> None:
    server = boot("aodh-fires", host=doomed_host)
    service = make_lab_service(settings={"buses": [bus(lab_with_aodh)]}).start()
    # Nova tells of the state as well, once we have set it: this one asks for what we told, by its publisher.
    ours = {"instance_id": server["id"], "host": "nfvigil"}
    removals = [
        make_alarm(
            lab_with_aodh, openstack_tenant, "compute.instance.update", webhooks.url("down"), state="error", **ours
        )
    ]
    wait_aodh_knows()
    try:
        service.down(doomed_host, "ping-1", "bmc-1")

        fired = webhooks.next("down")
        assert (fired["current"], fired["reason_data"]["type"]) == ("alarm", "event")
        traits = traits_of(fired)
        assert traits["instance_id"] == server["id"]
        assert traits["tenant_id"] == server["tenant_id"]
        assert (traits["state"], traits["service"], traits["display_name"]) == ("error", "compute", "aodh-fires")
        assert doomed_host not in json.dumps(fired), "its owner is not to know where it runs"

        removals.append(
            make_alarm(
                lab_with_aodh, openstack_tenant, "compute.instance.update", webhooks.url("up"), state="active", **ours
            )
        )
        wait_aodh_knows()
        service.up(doomed_host, "ping-1", "bmc-1")
        assert traits_of(webhooks.next("up"))["state"] == "active"
        [told] = [one for one in service.api.all("/v1/subscriptions") if one["name"] == "bus lab"]
        deliveries = service.api.all(f"/v1/subscriptions/{told['id']}/deliveries")
        assert {one["state"] for one in deliveries} == {"delivered"}
    finally:
        for remove in removals:
            remove()


def wait_aodh_knows() -> None:
    """The evaluator's list of alarms is at most a second old in the lab."""
    threading.Event().wait(1.5)


def test_aodh_hears_that_a_host_goes_into_maintenance(
    lab_with_aodh: Lab,
    make_lab_service: MakeLabService,
    webhooks: Webhooks,
    openstack_admin: Client,
) -> None:
    project = openstack_admin._session.get_project_id()
    settings = {"buses": [bus(lab_with_aodh, events=["maintenance.host"], project=project)]}
    service = make_lab_service(settings=settings).start()
    host = lab_with_aodh.computes[1]
    service.wait_record(f"host/{host}", lambda _: True, "known")
    remove = make_alarm(lab_with_aodh, openstack_admin, "maintenance.host", webhooks.url("maintenance"))
    wait_aodh_knows()
    try:
        for state in ("IN_MAINTENANCE", "IN_MAINTENANCE", "MAINTENANCE_COMPLETE"):
            body = {"reason_data": {"event": {"traits": [["state", 1, state], ["host", 1, host]]}}}
            assert service.api.ask("POST", "/maintenance", body).status == 200

        for _ in ("in", "out"):
            assert webhooks.next("maintenance")["reason_data"]["event"]["event_type"] == "maintenance.host"
        [told] = [one for one in service.api.all("/v1/subscriptions") if one["name"] == "bus lab"]
        wait_for(
            lambda: len(service.api.all(f"/v1/subscriptions/{told['id']}/deliveries")) == 2,
            "two messages: what is so already is not told again",
        )
    finally:
        remove()
