"""Tacker's door: what its management driver calls, and what a registration is worth to whom."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import msgspec
import pytest
from northbound_fakes import call, make_world

from nfvigil.model.resource import ResourceState
from nfvigil.model.tacker import TABLE, TackerFault, row_for
from nfvigil.model.verdict import News
from nfvigil.model.vnf import VnfSource

pytestmark = pytest.mark.anyio

ACTION = "http://tacker.example:9890/server_notification/vnf_instances/vnf-7/servers/s-a/notify"
PROJECT_ID = "23f5a1726025d1a1bf6797cbb8136731"


def door(server: str = "s-a", tenant: str = "nfv") -> str:
    return f"/server_notifier/v2/{tenant}/servers/{server}/alarms"


def registration(**more: Any) -> dict[str, Any]:
    return {"fault_action": ACTION, "fault_id": ["10", "1234"]} | more


async def test_a_registration_is_a_subscription_of_the_project_to_one_server() -> None:
    world = make_world()

    answer = await world.call("POST", door(), registration(), by="member-a")

    assert answer.status == 201
    assert answer.json | {"alarm_id": ""} == {"alarm_id": "", "fault_action": ACTION, "fault_id": ["10"]}
    kept = world.store.subscribed[answer.json["alarm_id"]]
    assert (kept.project, kept.owner, kept.endpoints[0].url) == ("A", "tacker", ACTION)
    assert kept.filter.resource_ids == ("server/s-a",)
    assert kept.filter.resource_states == (ResourceState.DOWN, ResourceState.ERROR)
    assert kept.filter.news == (News.RAISED,)
    assert kept.filter.fault_types == ("compute.instance.down", "compute.host.*")
    assert [row["fault_id"] for row in kept.extra["rows"]] == ["10"]
    vnf = world.call.parts.vnf.desk.vnf("vnf-7", "A")
    assert (vnf.source, [one.server for one in vnf.vnfcs]) == (VnfSource.TACKER, ["s-a"])
    assert [told for told, alarms in world.desk.told if "a-1" in alarms] == [kept.id]


async def test_the_same_registration_again_is_the_same_and_told_nothing_twice() -> None:
    world = make_world()

    first = await world.call("POST", door(), registration(), by="member-a")
    again = await world.call("POST", door(), registration(), by="member-a")
    wider = await world.call("POST", door(), registration(fault_id=None), by="member-a")

    assert first.json["alarm_id"] == again.json["alarm_id"] == wider.json["alarm_id"]
    assert wider.json["fault_id"] == [row.fault_id for row in TABLE]
    assert len(world.desk.told) == 1


async def test_a_registration_is_taken_back_with_the_vnf_that_came_by_it() -> None:
    world = make_world()
    made = await world.call("POST", door(), registration(fault_id="10"), by="member-a")
    address = f"{door()}/{made.json['alarm_id']}"

    assert (await world.call("DELETE", address, by="manager-b")).status == 404
    assert (await world.call("DELETE", f"{door('s-x')}/{made.json['alarm_id']}", by="member-a")).status == 404
    assert (await world.call("DELETE", address, by="member-a")).status == 204
    assert (await world.call("DELETE", address, by="member-a")).status == 404
    assert [one.id for one in world.call.parts.vnf.desk.vnfs("A", "", 10)] == ["v-a"]


async def test_what_a_project_registers_says_nothing_of_others_servers() -> None:
    """A server that is another's, and one that is not there, look the same, and neither is ever told of."""
    world = make_world()

    theirs = await world.call("POST", door("s-b"), registration(), by="member-a")
    nobody = await world.call("POST", door("s-x"), registration(), by="member-a")

    assert (theirs.status, nobody.status) == (201, 201)
    assert {one.project for one in world.store.subscribed.values()} == {"A"}


@pytest.mark.parametrize(
    ("server", "tenant", "status", "project"),
    [
        pytest.param("s-a", "nfv", 201, "A", id="a name says nothing, the server does"),
        pytest.param("s-a", PROJECT_ID, 404, "", id="an id that is another project's"),
        pytest.param("s-x", PROJECT_ID, 201, PROJECT_ID, id="a server that no cloud has told of yet"),
        pytest.param("s-x", "nfv", 404, "", id="a name, and nothing known of the server"),
    ],
)
async def test_for_an_administrator_the_server_says_whose_it_is(
    server: str, tenant: str, status: int, project: str
) -> None:
    world = make_world()

    answer = await world.call("POST", door(server, tenant), registration(), by="admin")

    assert answer.status == status
    assert [one.project for one in world.store.subscribed.values()] == ([project] if project else [])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"fault_id": ["10"]}, "fault_action"),
        ({"recovery_action": ACTION}, "fault_action"),
        (registration(fault_action="http://169.254.169.254/x"), "fault_action"),
        (registration(fault_action="tacker"), "fault_action"),
        (registration(fault_id=["1111", "1234"]), "fault_id"),
        (registration(fault_id=[""]), "fault_id"),
    ],
)
async def test_a_registration_that_could_never_be_told_is_refused(body: dict[str, Any], field: str) -> None:
    world = make_world()

    answer = await world.call("POST", door(), body, by="member-a")

    assert answer.status == 400
    assert any(error["field"].startswith(field) for error in answer.json["errors"])
    assert world.store.subscribed == {}


async def test_an_address_that_names_no_vnf_is_told_all_the_same() -> None:
    world = make_world()

    answer = await world.call("POST", door(), registration(fault_action="http://tacker.example/x"), by="member-a")
    gone = await world.call("DELETE", f"{door()}/{answer.json['alarm_id']}", by="member-a")

    assert (answer.status, gone.status) == (201, 204)
    assert [one.id for one in world.call.parts.vnf.desk.vnfs("A", "", 10)] == ["v-a"]


async def test_the_token_may_stand_in_the_address_that_tacker_is_given() -> None:
    world = make_world()

    async def asked(by: str | None, token: str = "") -> int:
        given = world.call.tokens[by] if by else token
        headers = {"content-type": "application/json", "authorization": f"Basic {_pair(given)}"}
        return (await call(world.call.app, "POST", door(), msgspec.json.encode(registration()), headers)).status

    assert await asked("member-a") == 201
    assert await asked("reader-a") == 403
    assert await asked("member-nowhere") == 403
    assert await asked(None, "nfv_wrong") == 401


def _pair(token: str) -> str:
    return b64encode(f"tacker:{token}".encode()).decode()


def test_the_first_row_that_fits_says_what_a_fault_is_called() -> None:
    assert [getattr(row_for(TABLE, kind), "fault_type", None) for kind in (
        "compute.instance.down", "compute.host.down", "compute.instance.error", "compute.instance.disconnected",
        "compute.instance.rebooted", "compute.instance.at-risk",
    )] == [
        TackerFault.HOST_FAULT, TackerFault.HOST_FAULT, TackerFault.VM_INCONSISTENT, TackerFault.HOST_OUT_OF_SERVICE,
        TackerFault.VM_REBOOTED, None,
    ]  # fmt: skip
