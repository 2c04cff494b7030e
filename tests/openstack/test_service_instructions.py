"""The service on a real OpenStack: what owners have done to their servers, and what Nova says to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from openstack_players import Client, Lab
from service_players import Api, Consumer, LabService, MakeLabService, wait_until

Boot = Callable[..., dict[str, Any]]


class Owner:
    """A project's own token at work on one of its servers."""

    def __init__(self, service: LabService, server: dict[str, Any]) -> None:
        self.service = service
        self.server = str(server["id"])
        self.api = service.api_of(service.token("manager", server["tenant_id"]))

    def ask(self, action: str, **params: Any) -> dict[str, Any]:
        """How it ended, as the administrator sees it."""
        self.api.close()
        return self.service.instruction(self.service.instruct(self.api, action, f"server/{self.server}", **params))

    def done(self, action: str, **params: Any) -> str:
        ended = self.ask(action, **params)
        assert ended["state"] == "done", ended
        assert ended["origin"] == "owner"
        return str(ended["text"])


@pytest.fixture
def owner(make_lab_service: MakeLabService, openstack_lab: Lab, boot: Boot) -> Iterator[Owner]:
    server = boot("service-instructed", host=openstack_lab.computes[1])
    owner = Owner(make_lab_service().start(), server)
    yield owner
    owner.api.close()


def test_an_owner_reboots_stops_starts_and_rebuilds(owner: Owner, openstack_admin: Client) -> None:
    assert "rebooted" in owner.done("reboot", type="HARD")
    assert "Nova says it is SHUTOFF" in owner.done("stop")
    assert openstack_admin.server(owner.server)["status"] == "SHUTOFF"
    assert owner.ask("stop")["state"] == "skipped", "it is stopped already"
    owner.done("start")
    assert openstack_admin.server(owner.server)["status"] == "ACTIVE"
    assert "rebuilt" in owner.done("rebuild")


def test_an_owner_moves_a_server_and_keeps_or_takes_back_the_move(
    owner: Owner, openstack_admin: Client, openstack_lab: Lab
) -> None:
    first = openstack_lab.computes[1]

    assert f"from {first} to " in owner.done("live_migrate")
    second = openstack_admin.server(owner.server)["OS-EXT-SRV-ATTR:host"]
    assert second != first
    owner.service.wait_record(f"server/{owner.server}", lambda one: one["host"] == second, "live-migrated", 5)

    assert "waits to be confirmed or reverted" in owner.done("migrate", confirm=False)
    assert openstack_admin.server(owner.server)["status"] == "VERIFY_RESIZE"
    owner.service.wait_record(f"server/{owner.server}", lambda one: one["status"] == "VERIFY_RESIZE", "moved", 5)
    owner.done("revert_resize")
    assert openstack_admin.server(owner.server)["OS-EXT-SRV-ATTR:host"] == second
    owner.done("migrate", confirm=False)
    owner.done("confirm_resize")
    assert openstack_admin.server(owner.server)["OS-EXT-SRV-ATTR:host"] != second
    assert "and confirmed" in owner.done("migrate")


def test_what_cannot_be_is_refused_or_fails_with_novas_reason(
    owner: Owner, consumer: Consumer, openstack_admin: Client
) -> None:
    service = owner.service
    project = openstack_admin.server(owner.server)["tenant_id"]
    service.api.close()
    service.api.subscribe(consumer.url("owner"), project=project, mode="both")
    body = {"action": "evacuate", "target": f"server/{owner.server}", "params": {}}
    refused = owner.api.ask("POST", "/v1/instructions", body)
    assert refused.status == 409
    assert b"its host is not known to be down" in refused.body

    failed = owner.ask("rebuild", image="11111111-2222-3333-4444-555555555555")
    assert failed["state"] == "failed"
    assert "Cannot find image for rebuild" in failed["text"], failed
    told = consumer.wait_for(lambda: consumer.news("owner", "action"), "the owner to hear of it")[0]
    assert b"nfvigil.action.failed" in told.body
    owner.api.close()
    mine = owner.api.get(f"/v1/instructions/{failed['id']}")
    assert (mine["state"], mine["text"]) == ("failed", "")

    failed = owner.ask("confirm_resize")
    assert failed["state"] == "failed"
    assert "is ACTIVE, not VERIFY_RESIZE" in failed["text"]


def test_an_owner_deletes_a_server(owner: Owner) -> None:
    port = owner.service.api.get(f"/v1/resources/server/{owner.server}")["related"]["ports"][0]

    assert "deleted" in owner.done("delete")

    wait_until(lambda: owner.service.record(f"server/{owner.server}") is None, "the map to forget it", 3)
    wait_until(lambda: owner.service.record(port) is None, "the map to forget its port", 3)
    again = owner.api.ask("POST", "/v1/instructions", {"action": "delete", "target": f"server/{owner.server}"})
    assert again.status == 404


def test_another_projects_server_does_not_exist(owner: Owner) -> None:
    stranger: Api = owner.service.api_of(owner.service.token("manager", "11111111222233334444555555555555"))

    answer = stranger.ask("POST", "/v1/instructions", {"action": "reboot", "target": f"server/{owner.server}"})

    stranger.close()
    assert answer.status == 404
