"""ONAP's API of the VES agent, and our own: bodies, statuses and errors, and nothing secret in any answer."""

from __future__ import annotations

from typing import Any

import pytest
from northbound_fakes import World, make_world
from northbound_ves import NOW, STORED

pytestmark = pytest.mark.anyio

COLLECTOR = {"endpoint": "http://c.example:8080/eventListener/v7", "username": "agent", "password": "s3cret"}
CONFIG: dict[str, Any] = {
    "ves_subscription": COLLECTOR,
    "poll_interval_default": 10,
    "backlogs": [{"domain": "fault", "type": "vm"}, {"domain": "fault", "type": "vm", "source": "nobody"}],
}
BODY = {"vesagent_config": CONFIG}
OURS = "/v1/vims/lab/ves"
PATHS = (
    "/api/multicloud-fcaps/v0/CloudOwner_RegionOne/vesagent",
    "/api/multicloud-fcaps/v1/CloudOwner/RegionOne/vesagent",
    "/api/multicloud-titaniumcloud/v0/owner_lab/vesagent",
    "/api/multicloud-titaniumcloud/v1/owner/lab/vesagent",
)


@pytest.mark.parametrize("path", PATHS)
async def test_onaps_clients_configure_show_and_remove_at_the_paths_of_both_plugins(path: str) -> None:
    world = make_world()

    made = await world.call("POST", path, BODY)
    shown = await world.call("GET", path)
    gone = await world.call("DELETE", path)
    after = await world.call("GET", path)

    assert (made.status, shown.status, gone.status, after.status) == (201, 200, 200, 200)
    assert made.json == shown.json
    assert made.json["vesagent_config"] == {
        **CONFIG,
        "ves_subscription": COLLECTOR | {"password": "***"},
        "faults": "default",
        "heartbeat_interval": 0.0,
    }
    (backlog,) = made.json["vesagent_backlogs"]
    assert {"backlog_uuid", "tenant_id", "server_id", "api_method", "api_link"} <= backlog.keys()
    assert [one["field"] for one in made.json["refused"]] == ["backlogs[1].source"]
    assert after.json == {"vesagent_config": None, "vesagent_backlogs": [], "refused": []}
    assert world.store.notes == [
        ("admin", "configured the VES agent", "lab"),
        ("admin", "removed the VES agent's configuration", "lab"),
    ]


@pytest.mark.parametrize("body", [None, {}, {"vesagent_config": None}])
async def test_without_a_configuration_it_is_the_stored_one(body: Any) -> None:
    world = make_world()

    made = await world.call("POST", PATHS[0], body)

    assert made.status == 201
    collector = made.json["vesagent_config"]["ves_subscription"]
    assert collector == STORED["vesagent_config"]["ves_subscription"]


@pytest.mark.parametrize(
    ("path", "body", "status", "fields"),
    [
        pytest.param(PATHS[0], {"vesagent_config": CONFIG | {"backlogs": CONFIG["backlogs"][1:]}}, 400,
                     ["vesagent_config.backlogs[0].source"], id="none can be built"),
        pytest.param(PATHS[0], {"vesagent_config": {"backlogs": 7}}, 400,
                     ["vesagent_config.ves_subscription", "vesagent_config.backlogs"], id="a wrong shape"),
        pytest.param(PATHS[0], [], 400, ["body"], id="no object"),
        pytest.param(PATHS[0], b"{", 400, ["body"], id="no JSON"),
        pytest.param("/api/multicloud-fcaps/v0/fixed/vesagent", {}, 400, ["vesagent_config"], id="none is stored"),
        pytest.param("/api/multicloud-fcaps/v0/a_b/vesagent", BODY, 404, [], id="no such VIM"),
    ],
)  # fmt: skip
async def test_an_error_is_a_status_and_a_message_and_never_a_201(
    path: str, body: Any, status: int, fields: list[str]
) -> None:
    world = make_world()

    answer = await world.call("POST", path, body)

    assert answer.status == status
    assert answer.headers["content-type"] == "application/json"
    assert answer.json["error"]
    assert [one["field"] for one in answer.json["reasons"]][: len(fields)] == fields
    assert world.call.parts.ves.kept == {}


async def test_where_the_database_is_away_it_is_said_when_to_come_again() -> None:
    world = make_world()
    world.call.parts.ves.is_away = True

    answer = await world.call("POST", PATHS[0], BODY)

    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert "away" in answer.json["error"]


@pytest.mark.parametrize("by", ["reader-a", "member-a", "manager-b", "monitor", None])
@pytest.mark.parametrize(("method", "path"), [("GET", PATHS[0]), ("DELETE", PATHS[1]), ("GET", OURS), ("DELETE", OURS)])
async def test_it_is_for_administrators_only(method: str, path: str, by: str | None) -> None:
    answer = await make_world().call(method, path, by=by)

    assert answer.status == (401 if by is None else 403)


async def configured(world: World) -> Any:
    return await world.call("PUT", OURS, CONFIG)


async def test_our_own_says_how_it_stands() -> None:
    world = make_world()
    made = await configured(world)

    shown = (await world.call("GET", OURS)).json

    assert (made.status, made.json) == (200, shown)
    assert shown["config"]["ves_subscription"]["password"] == "***"
    assert "s3cret" not in made.body.decode()
    (backlog,) = shown["backlogs"]
    assert backlog["collected_time"] == "2023-11-14T22:13:20.000000Z"
    (raised,) = backlog["raised"]
    assert (raised["source_id"], raised["severity"], raised["state"]) == ("s-a", "CRITICAL", "ERROR")
    collector = shown["collector"]
    assert (collector["pending"], collector["dead"], collector["last_status"]) == (2, 1, 503)
    assert collector["last_error"] == "the endpoint answered 503"
    assert collector["skipped"] == {"heartbeat": 3}
    assert shown["refused"] == [{"field": "backlogs[1].source", "reason": "no server 'nobody' is known in the cloud"}]
    assert shown["changed_by"] == "admin"
    assert NOW


async def test_what_is_wrong_is_named_as_it_was_sent() -> None:
    world = make_world()

    shape = await world.call("PUT", OURS, CONFIG | {"backlogs": [{"domain": "fault", "kind": "vm"}]})
    deeper = await world.call("PUT", OURS, CONFIG | {"ves_subscription": {"endpoint": "http://c.example/nowhere"}})
    none = await world.call("PUT", OURS, CONFIG | {"backlogs": [{"domain": "disk"}]})

    assert [(one.status, one.json["errors"][0]["field"]) for one in (shape, deeper, none)] == [
        (400, "backlogs[0].kind"),
        (400, "ves_subscription.endpoint"),
        (400, "backlogs[0].domain"),
    ]


async def test_a_change_is_made_to_what_was_seen() -> None:
    world = make_world()
    first = await configured(world)
    second = await configured(world)

    stale = await world.call("PUT", OURS, CONFIG, headers={"If-Match": first.headers["etag"]})
    good = await world.call("PUT", OURS, CONFIG, headers={"If-Match": second.headers["etag"]})
    stale_end = await world.call("DELETE", OURS, headers={"If-Match": second.headers["etag"]})
    end = await world.call("DELETE", OURS, headers={"If-Match": good.headers["etag"]})
    nothing = await world.call("PUT", OURS, CONFIG, headers={"If-Match": "*"})

    assert [one.status for one in (stale, good, stale_end, end, nothing)] == [412, 200, 412, 204, 412]


async def test_where_there_is_none_it_is_not_found() -> None:
    world = make_world()

    answers = [
        await world.call("GET", OURS),
        await world.call("DELETE", OURS),
        await world.call("POST", f"{OURS}/test"),
        await world.call("GET", "/v1/vims/nowhere/ves"),
    ]

    assert [one.status for one in answers] == [404] * 4


async def test_a_test_says_what_the_collector_answered() -> None:
    world = make_world()
    await configured(world)

    found = (await world.call("POST", f"{OURS}/test")).json

    assert found == {
        "ok": False,
        "endpoint": COLLECTOR["endpoint"],
        "status": 401,
        "detail": "who are you",
        "seconds": 0.25,
    }
