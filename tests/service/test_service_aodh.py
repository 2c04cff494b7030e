"""Clients that were written for OpenStack's Aodh, as they are, against the running service."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Mapping
from typing import Any

import pytest
from aodhclient import exceptions
from aodhclient.noauth import AodhNoAuthPlugin
from aodhclient.v2.client import Client
from keystoneauth1.session import Session
from keystoneauth1.token_endpoint import Token
from service_api import Api
from service_consumer import Consumer
from service_keystone import Keystone
from service_process import Service, wait_until

from nfvigil.model.identity import Role
from nfvigil.northbound.auth import create_token
from nfvigil.store import TokenRecord, open_store
from published_files import published

MAIN = [sys.executable, "-c", "import sys; from openstackclient.shell import main; sys.exit(main(sys.argv[1:]))"]


def token_for(service: Service, project: str | None, role: Role = Role.MEMBER) -> str:
    token, hashed = create_token()

    async def keep() -> None:
        store = await open_store(f"sqlite:///{service.database}", node="test", clock=lambda: 1, beside=True)
        await store.add_token(
            TokenRecord(id=str(uuid.uuid4()), hash=hashed, name="owner", project=project, role=role, created_us=1)
        )
        await store.close()

    asyncio.run(keep())
    return token


class Cloud:
    """A running service, a project with its servers, and a client that speaks for the project."""

    def __init__(self, service: Service) -> None:
        self.service = service
        servers = [one["record"] for one in service.api.all("/v1/resources?kind=server")]
        self.project, self.host = servers[0]["project"], servers[0]["host"]
        here = [one for one in servers if one["host"] == self.host]
        self.mine = [one["id"] for one in here if one["project"] == self.project]
        self.others = [one["id"] for one in here if one["project"] != self.project]
        self.url = f"http://127.0.0.1:{service.port}"
        self.token = token_for(service, self.project)
        self.aodh = self.client(self.token)

    def client(self, token: str) -> Client:
        return Client(session=Session(auth=Token(self.url, token)))

    def fail(self, status: str = "down") -> None:
        self.service.api.close()  # A command may have taken so long that the service has closed what was idle.
        self.service.api.post(
            "/v1/events", {"type": "compute.host.down", "resource": f"host/{self.host}", "status": status}
        )


@pytest.fixture
def cloud(service: Service) -> Cloud:
    return Cloud(service)


def doctor_alarm(number: int, server: str, url: str) -> dict[str, Any]:
    """As OPNFV Doctor's own code makes them."""
    return {
        "name": f"doctor_alarm{number}",
        "type": "event",
        "enabled": True,
        "severity": "moderate",
        "description": "VM failure",
        "repeat_actions": False,
        "alarm_actions": [url],
        "event_rule": {
            "event_type": "compute.instance.update",
            "query": [
                {"field": "traits.instance_id", "type": "", "value": server, "op": "eq"},
                {"field": "traits.state", "type": "", "value": "error", "op": "eq"},
            ],
        },
    }


def shape(value: Any) -> Any:
    """Names and types, without the values."""
    if isinstance(value, Mapping):
        return {name: shape(inner) for name, inner in value.items() if name != "traits"}
    return type(value).__name__


def test_doctors_alarms_fire_once_for_its_project_with_aodhs_body(cloud: Cloud, consumer: Consumer) -> None:
    made = [
        cloud.aodh.alarm.create(doctor_alarm(number, server, consumer.url("failure")))
        for number, server in enumerate(cloud.mine)
    ]
    foreign = cloud.aodh.alarm.create(doctor_alarm(99, cloud.others[0], consumer.url("foreign")))

    cloud.fail()

    consumer.wait_for(lambda: len(consumer.at("failure")) == len(made), "one call for each alarm")
    cloud.service.wait_quiet()
    assert consumer.at("foreign") == []
    bodies = {arrival.json["alarm_id"]: arrival for arrival in consumer.at("failure")}
    assert bodies.keys() == {alarm["alarm_id"] for alarm in made}
    for alarm, server in zip(made, cloud.mine, strict=True):
        arrival = bodies[alarm["alarm_id"]]
        body = arrival.json
        assert list(body) == [
            *("alarm_name", "alarm_id", "severity", "previous", "current", "reason", "reason_data"),
        ]
        assert (body["alarm_name"], body["severity"]) == (alarm["name"], "moderate")
        assert (body["previous"], body["current"]) == ("insufficient data", "alarm")
        event = body["reason_data"]["event"]
        traits = {name: value for name, _, value in event["traits"]}
        assert (traits["instance_id"], traits["state"], traits["old_state"]) == (server, "error", "active")
        assert traits["project_id"] == traits["tenant_id"] == cloud.project
        assert cloud.host not in arrival.body.decode()
        assert arrival.headers["x-openstack-request-id"].startswith("req-")
        assert body["reason"].startswith(f"Event <id={event['message_id']},event_type=compute.instance.update> hits ")
        shown = cloud.aodh.alarm.get(alarm["alarm_id"])
        assert (shown["state"], shown["state_reason"]) == ("alarm", body["reason"])
        changes = cloud.aodh.alarm_history.get(alarm["alarm_id"])
        assert [change["type"] for change in changes] == ["state transition", "creation"]
    assert cloud.aodh.alarm.get_state(foreign["alarm_id"]) == "insufficient data"

    cloud.fail("up")
    cloud.fail()
    cloud.service.wait_quiet()
    assert len(consumer.at("failure")) == len(made), "it has fired and does not repeat"


def test_the_webhook_and_the_alarm_have_the_shape_of_the_published_samples(cloud: Cloud, consumer: Consumer) -> None:
    folder = published("openstack-aodh")
    request = json.loads((folder / "event-alarm-create-request.json").read_text())
    request["event_rule"]["query"][0]["value"] = cloud.mine[0]
    request["alarm_actions"] = [consumer.url("failure")]

    made = cloud.aodh.alarm.create(dict(request))
    cloud.fail()
    arrival = consumer.wait_for(lambda: consumer.at("failure"), "the call")[0]

    sample = json.loads((folder / "event-alarm-create-response.json").read_text())
    assert {name: shape(made[name]) for name in sample} == shape(sample)
    assert shape(arrival.json) == shape(json.loads((folder / "alarm-webhook-notification.json").read_text()))
    known = {"1": str, "2": int, "3": float, "4": str}
    for _, number, value in arrival.json["reason_data"]["event"]["traits"]:
        assert isinstance(value, known[str(number)])


def test_the_library_does_all_that_it_can_do(cloud: Cloud, consumer: Consumer) -> None:
    aodh = cloud.aodh
    first = aodh.alarm.create(doctor_alarm(1, cloud.mine[0], consumer.url("one")))
    second = aodh.alarm.create(doctor_alarm(2, cloud.mine[0], consumer.url("two")) | {"severity": "critical"})

    changed = aodh.alarm.update(
        first["alarm_id"],
        {"name": "another", "ok_actions": [consumer.url("ok")], "event_rule": {"event_type": "compute.instance.*"}},
    )
    assert (changed["name"], changed["event_rule"]["event_type"]) == ("another", "compute.instance.*")
    assert changed["event_rule"]["query"] == first["event_rule"]["query"]

    def names(found: list[dict[str, Any]]) -> list[str]:
        return [alarm["name"] for alarm in found]

    assert names(aodh.alarm.list(sorts=["name:asc"])) == ["another", "doctor_alarm2"]
    assert names(aodh.alarm.list(filters={"name": "another", "state": "insufficient data"})) == ["another"]
    assert names(aodh.alarm.list(filters={"enabled": "false"})) == []
    assert names(aodh.alarm.list(limit=1, sorts=["severity:desc"])) == ["doctor_alarm2"]
    assert names(aodh.alarm.list(limit=1, marker=second["alarm_id"], sorts=["severity:desc"])) == ["another"]
    assert names(aodh.alarm.query('{"and": [{"=": {"type": "event"}}, {"=": {"severity": "critical"}}]}')) == [
        "doctor_alarm2"
    ]
    assert aodh.alarm.set_state(first["alarm_id"], "ok") == "ok"
    told = consumer.wait_for(lambda: consumer.at("ok"), "the ok action")[0].json
    assert (told["previous"], told["current"]) == ("insufficient data", "ok")
    history = aodh.alarm_history.search(json.dumps({"=": {"alarm_id": first["alarm_id"]}}))
    assert [change["type"] for change in history] == ["state transition", "rule change", "creation"]
    assert json.loads(history[1]["detail"])["name"] == "another"
    assert aodh.capabilities.list()["api"]["alarms:query:complex"] is True
    assert aodh.quota.list()["quotas"] == [{"resource": "alarms", "limit": 100_000}]

    aodh.alarm.delete(first["alarm_id"])

    with pytest.raises(exceptions.NotFound, match=f"Alarm {first['alarm_id']} not found in project"):
        aodh.alarm.get(first["alarm_id"])
    assert aodh.alarm_history.get(first["alarm_id"]) == []
    wrong = doctor_alarm(3, cloud.mine[0], consumer.url("one"))
    wrong["event_rule"]["query"][0]["field"] = "traits.instance"
    with pytest.raises(exceptions.BadRequest, match=r"query\[0\]\.field: traits\.instance cannot match"):
        aodh.alarm.create(wrong)
    with pytest.raises(exceptions.Unauthorized, match="Not Authorized to access project elsewhere"):
        aodh.alarm.create(doctor_alarm(3, cloud.mine[0], consumer.url("one")) | {"project_id": "elsewhere"})


def test_another_project_sees_none_of_it_and_an_administrator_everything(cloud: Cloud, consumer: Consumer) -> None:
    made = cloud.aodh.alarm.create(doctor_alarm(1, cloud.mine[0], consumer.url("one")))
    stranger = cloud.client(token_for(cloud.service, "stranger"))
    administrator = cloud.client(token_for(cloud.service, "operations", Role.ADMIN))

    for ask in (stranger.alarm.get, stranger.alarm.get_state, stranger.alarm.delete):
        with pytest.raises(exceptions.NotFound):
            ask(made["alarm_id"])
    with pytest.raises(exceptions.NotFound):
        stranger.alarm.set_state(made["alarm_id"], "ok")
    assert stranger.alarm.list() == stranger.alarm.query('{"=": {"name": "doctor_alarm1"}}') == []
    assert stranger.alarm_history.get(made["alarm_id"]) == []
    with pytest.raises(exceptions.Forbidden):
        stranger.alarm.list(filters={"all_projects": "true"})
    assert administrator.alarm.list() == []
    assert [one["alarm_id"] for one in administrator.alarm.list(filters={"all_projects": "true"})] == [made["alarm_id"]]
    assert administrator.alarm.get(made["alarm_id"])["project_id"] == cloud.project


def test_the_openstack_command_works_by_token_and_by_a_catalogue(cloud: Cloud, consumer: Consumer) -> None:
    keystone = Keystone(alarming=cloud.url, project=cloud.project)
    keystone.tokens["owner"] = cloud.token
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OS_", "PYTHONW"))}
    by_token = ["--os-auth-type", "admin_token", "--os-endpoint", cloud.url, "--os-token", cloud.token]
    by_catalogue = [
        *("--os-auth-type", "password", "--os-auth-url", keystone.url, "--os-username", "owner"),
        *("--os-password", "secret", "--os-project-name", "project", "--os-region-name", "one"),
        *("--os-user-domain-name", "Default", "--os-project-domain-name", "Default"),
    ]

    def openstack(way: list[str], *words: str) -> Any:
        done = subprocess.run(
            [*MAIN, *way, *words], capture_output=True, text=True, timeout=100, env=environment, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    try:
        made = openstack(
            by_token,
            *("alarm", "create", "-f", "json", "--name", "vm", "--type", "event", "--severity", "critical"),
            *("--event-type", "compute.instance.update", "--alarm-action", consumer.url("failure")),
            *("--query", f"traits.instance_id=string::{cloud.mine[0]};traits.state=string::error"),
        )
        cloud.fail()
        consumer.wait_for(lambda: consumer.at("failure"), "the call")
        listed = openstack(by_catalogue, "alarm", "list", "-f", "json", "--query", "state=alarm")
    finally:
        keystone.close()
    assert [alarm["alarm_id"] for alarm in listed] == [made["alarm_id"]]


def test_without_authentication_the_clients_own_plugin_is_an_administrator(cloud: Cloud) -> None:
    plugin = AodhNoAuthPlugin(user_id="me", project_id=cloud.project, roles="admin", endpoint=cloud.url)
    aodh = Client(session=Session(auth=plugin))

    actions = ["log://", "test://"]
    made = aodh.alarm.create({"name": "any", "type": "event", "event_rule": {}, "alarm_actions": actions})

    assert (made["event_rule"], made["project_id"]) == ({"event_type": "*", "query": []}, "")
    cloud.fail()
    wait_until(lambda: aodh.alarm.get_state(made["alarm_id"]) == "alarm", "it fires")
    wait_until(lambda: "log://" in cloud.service.log.read_text(), "it is in the log")


def test_killed_at_any_moment_an_alarm_fires_once_and_is_told_under_one_id(cloud: Cloud, consumer: Consumer) -> None:
    """Each round the service is killed while it decides, commits or tells; what it had answered is fired in the end."""
    chance = random.Random(7)
    firing = cloud.service
    rounds = int(os.environ.get("NFVIGIL_TEST_AODH_KILLS", "3"))
    alarms = [
        cloud.aodh.alarm.create(doctor_alarm(number, server, consumer.url(f"a{number}")) | {"repeat_actions": True})
        for number, server in enumerate(cloud.mine)
    ]
    answered = 0
    for _ in range(rounds):
        stop = threading.Event()
        sent: list[int] = []

        def load(stop: threading.Event = stop, sent: list[int] = sent) -> None:
            api = Api(port=firing.port)
            while not stop.is_set():
                for status in ("down", "up"):
                    event = {"type": "compute.host.down", "resource": f"host/{cloud.host}", "status": status}
                    answer = api.try_once("POST", "/v1/events", event)
                    if answer is not None and answer.status == 200 and status == "down":
                        sent.append(1)
            api.close()

        sender = threading.Thread(target=load)
        sender.start()
        goal = len(consumer.arrivals) + chance.randrange(1, 8)
        consumer.wait_for(lambda goal=goal: len(consumer.arrivals) >= goal, "webhooks under load", 30)
        time.sleep(chance.random() * 0.01)
        firing.kill()
        stop.set()
        sender.join(30)
        answered += len(sent)
        firing.start()
    firing.wait_quiet(60)

    assert answered > rounds
    for number, alarm in enumerate(alarms):
        arrivals = consumer.at(f"a{number}")
        told = {arrival.seq: arrival for arrival in arrivals}
        assert sorted(told) == list(range(1, len(told) + 1)), "none is missing"
        assert len({(arrival.seq, arrival.id, arrival.body) for arrival in arrivals}) == len(told), "one id, one body"
        events = [arrival.json["reason_data"]["event"]["message_id"] for arrival in told.values()]
        assert len(set(events)) == len(events), "no event fired it twice"
        changes = firing.api.get(f"/v2/alarms/{alarm['alarm_id']}/history?limit=100000")
        assert sum(change["type"] == "state transition" for change in changes) == len(told)
        raised = firing.api.all(f"/v1/alarms?state=all&resource_id={cloud.mine[number]}")
        assert len(told) == len([one for one in raised if one["fault_type"] == "compute.instance.down"])
