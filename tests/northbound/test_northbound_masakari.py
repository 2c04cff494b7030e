"""Masakari's API for reading: who may, what is shown, and what is wrong said in its own form."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from northbound_fakes import NOW, World, make_world

from nfvigil.model.action import Action, ActionState
from nfvigil.model.event import Event, Status
from nfvigil.model.ids import NODE_BITS
from nfvigil.model.instance_ha import RECORD, host_uuid
from nfvigil.model.verdict import Decision, Verdict
from nfvigil.store.instance_ha_records import HaCase

pytestmark = pytest.mark.anyio

LISTS = (
    "/v1/notifications",
    "/v1/abc/notifications",
    "/instance-ha/v1/notifications",
    "/instance-ha/v1/abc/notifications",
)


def case(number: int, kind: str = "COMPUTE_HOST", meaning: str = "recover", *, decided: bool = True) -> HaCase:
    at_us = NOW + number * 1_000_000
    record = Event(
        id=at_us << NODE_BITS,
        type=RECORD,
        resource=f"host/compute-{number}",
        time_us=at_us,
        received_us=at_us,
        status=Status.UNKNOWN,
        door="masakari",
        monitor_event_id=f"uuid-{number}",
        details={
            "type": kind,
            "hostname": f"compute-{number}",
            "generated_time": f"2026-01-0{number}T00:00:00.000000",
            "payload": {"event": "STOPPED"},
            "meaning": meaning,
        },
    )
    verdict = Verdict(event_id=record.id, memory={"x": 1})
    done = Action(
        id="a",
        kind="force_down",
        target="host/compute-1",
        event_id=record.id,
        state=ActionState.DONE,
        ended_us=at_us + 9,
    )
    decisions = (Decision(event=record, verdict=verdict, decided_us=at_us + 5),) if decided else ()
    return HaCase(record=record, decisions=decisions, actions=(done,) if decided else ())


@pytest.fixture
def world() -> World:
    world = make_world()
    world.store.ha_kept = [case(1), case(2, "VM", "nothing"), case(3, decided=False)]
    return world


async def listed(world: World, query: str = "", path: str = LISTS[0]) -> list[str]:
    answer = await world.call("GET", f"{path}{query}", by="admin", is_described=False)
    assert answer.status == 200, answer
    return [one["notification_uuid"] for one in answer.json["notifications"]]


@pytest.mark.parametrize("path", [*LISTS, *(f"{path}/uuid-1" for path in LISTS)])
async def test_administrators_only_may_read_notifications(world: World, path: str) -> None:
    for person in ("member-a", "reader-a", "monitor"):
        answer = await world.call("GET", path, by=person, is_described=False)
        assert (answer.status, list(answer.json), b"compute" in answer.body) == (403, ["forbidden"], False)
    stranger = await world.call("GET", path, by=None, is_described=False)
    assert (stranger.status, list(stranger.json), stranger.headers["www-authenticate"]) == (
        401,
        ["unauthorized"],
        "Bearer",
    )
    assert (await world.call("GET", path, by="admin", is_described=False)).status == 200


@pytest.mark.parametrize("path", LISTS)
async def test_they_come_newest_first_wherever_they_are_asked_for(world: World, path: str) -> None:
    assert await listed(world, path=path) == ["uuid-3", "uuid-2", "uuid-1"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?type=VM", ["uuid-2"]),
        ("?status=new", ["uuid-3"]),
        ("?status=ignored", ["uuid-2"]),
        ("?status=finished&type=COMPUTE_HOST", ["uuid-1"]),
        ("?status=error", []),
        ("?limit=2", ["uuid-3", "uuid-2"]),
        ("?limit=2&marker=uuid-2", ["uuid-1"]),
        ("?generated-since=2026-01-02T00:00:00", ["uuid-3", "uuid-2"]),
        (f"?source_host_uuid={host_uuid('compute-1')}", ["uuid-1"]),
        ("?sort_key=created_at&sort_dir=asc", ["uuid-1", "uuid-2", "uuid-3"]),
    ],
)
async def test_they_are_filtered_and_paged(world: World, query: str, found: list[str]) -> None:
    assert await listed(world, query) == found


@pytest.mark.parametrize(
    "query",
    [
        "?type=RACK",
        "?status=odd",
        "?limit=0",
        "?limit=1001",
        "?limit=x",
        "?marker=nobody",
        f"?marker={quote(chr(0))}",
        "?generated-since=soon",
        "?sort_key=payload",
        "?unknown=1",
        f"?source_host_uuid={'x' * 300}",
    ],
)
async def test_a_wrong_query_is_refused_in_its_form(world: World, query: str) -> None:
    answer = await world.call("GET", f"{LISTS[0]}{query}", by="admin", is_described=False)

    assert (answer.status, answer.json["badRequest"]["code"]) == (400, 400)


async def test_one_is_shown_with_what_was_done(world: World) -> None:
    shown: dict[str, Any] = (await world.call("GET", "/v1/notifications/uuid-1", by="admin", is_described=False)).json[
        "notification"
    ]

    assert (shown["status"], shown["updated_at"]) == ("finished", "2023-11-14T22:13:21.000009")
    assert [step["name"] for step in shown["recovery_workflow_details"]] == ["force_down host/compute-1"]


@pytest.mark.parametrize("uuid", ["nobody", "0", "%00", "x" * 300])
async def test_one_that_is_not_there(world: World, uuid: str) -> None:
    answer = await world.call("GET", f"/v1/notifications/{uuid}", by="admin", is_described=False)

    assert answer.status in (400, 404)
    assert list(answer.json) in (["itemNotFound"], ["badRequest"])


@pytest.mark.parametrize("path", ["/instance-ha", "/instance-ha/", "/instance-ha/v1", "/instance-ha/v1/"])
async def test_clients_find_the_version_without_a_token(world: World, path: str) -> None:
    answer = await world.call("GET", path, by=None, is_described=False)

    (version,) = answer.json.get("versions") or [answer.json["version"]]
    assert (answer.status, version["id"], version["status"]) == (200, "v1.0", "CURRENT")
