"""The service on a real OpenStack: the cloud's parts go away and come back, and nothing is lost by it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from openstack_players import Client, Lab, wait_for
from service_players import Consumer, LabService, MakeLabService, wait_until

Boot = Callable[..., dict[str, Any]]
UNREACHABLE = "nfvigil.vim.unreachable"
MANUAL = "fences: {'compute-*': {driver: manual}}\n"


@pytest.fixture
def whole_lab(openstack_lab: Lab) -> Iterator[Lab]:
    """Whatever the test ends runs again afterwards, and hosts report."""
    yield openstack_lab
    openstack_lab.command("up")


def wait_news(consumer: Consumer, kind: str, seconds: float = 30) -> Any:
    return consumer.wait_for(lambda: consumer.news("owner", kind), f"{kind} for the owner", seconds)[0]


def wait_stopped_is_seen(service: LabService, tenant: Client, server: str) -> None:
    """The bus is heard again: a change is known without a listing."""
    tenant.action(server, "os-stop")
    tenant.wait_for_server(server, status="SHUTOFF")
    service.wait_record(f"server/{server}", lambda one: one["status"] == "SHUTOFF", "stopped", 2)


def test_it_goes_on_without_rabbitmq_and_catches_up_when_that_is_back(
    make_lab_service: MakeLabService,
    consumer: Consumer,
    whole_lab: Lab,
    openstack_admin: Client,
    openstack_tenant: Client,
    boot: Boot,
    doomed_host: str,
) -> None:
    server = boot("service-no-bus", host=doomed_host)
    other = boot("service-no-bus-beside", host=whole_lab.computes[1])
    service = make_lab_service().start()
    service.api.subscribe(consumer.url("owner"), project=server["tenant_id"], mode="both")

    whole_lab.crash("rabbitmq")
    service.down(doomed_host)
    raised = wait_news(consumer, "raised", 5)
    whole_lab.start("rabbitmq")

    assert wait_news(consumer, "confirmed", 90).at > raised.at
    assert openstack_admin.server(server["id"])["status"] == "ERROR"
    service.wait_quiet(60)
    assert {one["state"] for one in service.actions()} == {"done"}, service.actions()
    wait_until(lambda: service.log.read_text().count("bus connected") >= 2, "the bus to be connected again", 60)
    wait_for(lambda: openstack_admin.compute_service(whole_lab.computes[1])["state"] == "up", "hosts to report again")
    wait_stopped_is_seen(service, openstack_tenant, other["id"])
    service.up(doomed_host)
    service.wait_quiet(90)
    openstack_admin.wait_for_server(server["id"], status="ACTIVE")


def test_it_waits_for_nova_and_does_nothing_destructive_meanwhile(
    make_lab_service: MakeLabService,
    consumer: Consumer,
    whole_lab: Lab,
    openstack_admin: Client,
    boot: Boot,
    doomed_host: str,
    tmp_path: Path,
) -> None:
    server = boot("service-no-nova", host=doomed_host)
    fences = tmp_path / "fences.yaml"
    fences.write_text(MANUAL)
    service = make_lab_service(settings={"fences": str(fences)}).start()
    service.api.subscribe(consumer.url("owner"), project=server["tenant_id"], mode="both")
    service.api.send("PUT", f"/v1/recovery/server/{server['id']}", {"do": {"host_down": {"action": "evacuate"}}})
    before = service.api.get("/readyz")["details"]["resources"]

    whole_lab.crash("nova-api", doomed_host)
    service.down(doomed_host)
    service.api.post(f"/v1/hosts/{doomed_host}/confirm-off", {"reason": "the test pulled the plug"})
    wait_news(consumer, "raised", 5)
    begun = time.monotonic()
    wait_until(lambda: service.open_alarms(UNREACHABLE), "the VIM to be known as unreachable", 25)
    print(f"unreachable after {time.monotonic() - begun:.1f} s")
    assert service.api.get("/readyz")["details"]["resources"] == before, "nothing is deleted from the map"
    wait_until(lambda: service.api.get("/v1/brakes")["holds"], "HOLD: it may be us who are cut off", 5)
    assert [one["state"] for one in service.actions("evacuate")] == ["planned"]
    whole_lab.start("nova-api")

    wait_news(consumer, "confirmed", 60)
    assert openstack_admin.compute_service(doomed_host)["forced_down"]
    assert {one["state"] for one in service.actions() if one["before"] is not None} == {"done"}, service.actions()
    wait_until(lambda: not service.open_alarms(UNREACHABLE), "the VIM to be known as reachable", 60)
    assert [one["state"] for one in service.actions("evacuate")] == ["planned"], "until a person has looked"
    service.api.post("/v1/brakes/holds/lab/release", {"reason": "it was Nova"})
    wait_until(lambda: service.actions("evacuate")[0]["state"] == "done", "the evacuation", 60)
    assert service.api.get("/readyz")["details"]["resources"] == before


def test_states_are_set_when_nova_comes_back_after_minutes(
    make_lab_service: MakeLabService,
    consumer: Consumer,
    whole_lab: Lab,
    openstack_admin: Client,
    boot: Boot,
    doomed_host: str,
) -> None:
    server = boot("service-no-nova-long", host=doomed_host)
    service = make_lab_service(settings={"controller": {"deadline_seconds": 10}}).start()
    service.api.subscribe(consumer.url("owner"), project=server["tenant_id"], mode="both")

    whole_lab.crash("nova-api")
    service.down(doomed_host)
    given_up = wait_news(consumer, "confirmed", 60)
    assert b"inconsistent" in given_up.body, "what could not be set is said"
    whole_lab.start("nova-api")

    wait_for(lambda: openstack_admin.compute_service(doomed_host)["forced_down"], "forced down after all", seconds=60)
    openstack_admin.wait_for_server(server["id"], status="ERROR")
    service.up(doomed_host)
    service.wait_quiet(60)
    openstack_admin.wait_for_server(server["id"], status="ACTIVE")


def test_it_goes_on_without_keystone(
    make_lab_service: MakeLabService,
    whole_lab: Lab,
    openstack_admin: Client,
    openstack_tenant: Client,
    boot: Boot,
    doomed_host: str,
) -> None:
    server = boot("service-no-keystone", host=doomed_host)
    service = make_lab_service().start()
    before = service.api.get("/readyz")["details"]["resources"]

    whole_lab.crash("keystone", "memcached")  # with what was remembered of tokens
    service.down(doomed_host)
    time.sleep(8)
    assert service.api.get("/readyz")["details"]["resources"] == before
    whole_lab.start("memcached", "keystone")

    service.wait_quiet(60)
    assert {one["state"] for one in service.actions()} == {"done"}, service.actions()
    assert openstack_admin.server(server["id"])["status"] == "ERROR"
    service.up(doomed_host)
    service.wait_quiet(60)
    wait_stopped_is_seen(service, openstack_tenant, server["id"])


@pytest.fixture
def account(openstack_lab: Lab, openstack_admin: Client) -> Iterator[dict[str, str]]:
    """An administrator of NFVigil's own; ``revoked`` makes its tokens worthless."""
    secret = uuid.uuid4().hex

    def ask(method: str, path: str, body: object = None) -> Any:
        return openstack_admin.request(method, "identity", f"/v3{path}", body)

    user = ask(
        "POST", "/users", {"user": {"name": f"nfvigil-{secret[:6]}", "password": secret, "domain_id": "default"}}
    )
    user_id = user["user"]["id"]
    project = ask("GET", "/projects?name=admin")["projects"][0]["id"]
    role = ask("GET", "/roles?name=admin")["roles"][0]["id"]
    grant = f"/projects/{project}/users/{user_id}/roles/{role}"
    ask("PUT", grant)
    yield {
        "grant": f"/v3{grant}",
        "auth_url": openstack_lab.auth_url,
        "username": user["user"]["name"],
        "password": secret,
        "project_id": project,
        "user_domain_id": "default",
    }
    ask("DELETE", f"/users/{user_id}")


def test_a_token_that_is_revoked_is_renewed_without_a_word(
    make_lab_service: MakeLabService,
    whole_lab: Lab,
    openstack_admin: Client,
    boot: Boot,
    account: dict[str, str],
) -> None:
    server = boot("service-revoked", host=whole_lab.computes[1])
    grant = account.pop("grant")
    service = make_lab_service()
    options = service.settings["vims"][0]["options"]
    del options["cloud"], options["clouds_file"]
    options["auth"] = account
    service.start()

    for _ in range(2):
        openstack_admin.request("DELETE", "identity", grant)
        openstack_admin.request("PUT", "identity", grant)
        whole_lab.crash("memcached")  # services remember for minutes that a token is good
        whole_lab.start("memcached")
        ended = service.instruction(service.instruct(service.api, "reboot", f"server/{server['id']}", type="HARD"))
        assert ended["state"] == "done", ended
        assert ended["attempts"] == 1, ended

    assert "warning" not in service.tail(200), service.tail()
