"""What holds for every operation: versions, methods, parameters, requests that are sent twice, and what is changed."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest
from northbound_fakes import NOW, World, call, make_world

from nfvigil.errors import StoreUnavailableError
from nfvigil.model.resource import Kind
from nfvigil.model.severity import Severity
from nfvigil.model.subscription import Endpoint, Filter, Subscription
from nfvigil.northbound.once import Once

pytestmark = pytest.mark.anyio

ENDPOINT = Endpoint(id="e-1", url="http://consumer.example/a", secret="whsec_" + "a" * 40, token="t0k3n")
SUBSCRIPTION = Subscription(
    id="s-a",
    project="A",
    name="old",
    filter=Filter(resource_types=(Kind.SERVER,), min_severity=Severity.MAJOR),
    endpoints=(ENDPOINT,),
    created_us=NOW,
)


def world_with(*subscriptions: Subscription) -> World:
    world = make_world()
    world.store.subscribed = {one.id: one for one in subscriptions}
    return world


# Versions and methods


async def test_the_first_address_says_what_there_is() -> None:
    world = make_world()
    root = await world.call("GET", "/", by=None)
    version = await world.call("GET", "/v1", by=None)

    assert root.json["versions"][0]["id"] == "v1"
    assert {"rel": "documentation", "href": "/docs"} in root.json["links"]
    assert version.json == root.json["versions"][0]
    assert {"rel": "vnfs", "href": "/v1/vnfs"} in version.json["links"]
    assert root.json["versions"][1]["links"] == [{"rel": "self", "href": "/v2"}], "Aodh's"


@pytest.mark.parametrize(("wanted", "status"), [(None, 200), ("1", 200), ("2", 406), ("", 406), ("1.0", 406)])
async def test_the_version_that_is_asked_for_is_the_one_that_answers(wanted: str | None, status: int) -> None:
    headers = {} if wanted is None else {"NFVigil-API-Version": wanted}

    answer = await make_world().call("GET", "/v1/alarms", headers=headers)

    assert answer.status == status
    assert answer.headers["nfvigil-api-version"] == "1"
    if status == 406:
        assert answer.problem["errors"][0] == {"field": "NFVigil-API-Version", "reason": "must be 1, or left out"}


async def test_head_is_get_without_its_body_and_options_names_the_methods() -> None:
    world = make_world()
    whole = await world.call("GET", "/v1/alarms/a-1")
    head = await world.call("HEAD", "/v1/alarms/a-1", is_described=False)
    options = await world.call("OPTIONS", "/v1/subscriptions", by=None, is_described=False)

    assert (head.status, head.body) == (200, b"")
    assert head.headers["etag"] == whole.headers["etag"]
    assert head.headers["content-length"] == str(len(whole.body))
    assert (await world.call("HEAD", "/v1/alarms/none", is_described=False)).status == 404
    assert (options.status, options.headers["allow"]) == (204, "GET, HEAD, OPTIONS, POST")
    assert (await call(world.call.app, "OPTIONS", "/v1/moons", b"", {})).status == 404


@pytest.mark.parametrize(
    ("address", "field"),
    [
        ("/v1/alarms?moon=1", "moon"),
        ("/v1/alarms/a-1?moon=1", "moon"),
        ("/v1/brakes?moon=1", "moon"),
        ("/v1/resources?kind=server&project=A&project=B", "project"),
    ],
)
async def test_a_parameter_that_would_be_passed_by_is_refused(address: str, field: str) -> None:
    answer = await make_world().call("GET", address)

    assert answer.status == 400
    assert [one["field"] for one in answer.problem["errors"]] == [field]


async def test_every_type_of_a_problem_is_explained_on_the_page() -> None:
    world = make_world()
    page = (await call(world.call.app, "GET", "/docs", b"", {})).body.decode()

    described = json.loads((await call(world.call.app, "GET", "/openapi.json", b"", {})).body)["paths"]
    answers = {status for item in described.values() for one in item.values() for status in one["responses"]}
    of_ours = {status for status in answers if status >= "4" and status.isdecimal()}
    assert "422" in of_ours
    for status in of_ours | {"405", "406", "429", "500"}:
        assert f'id="problem-{status}"' in page
    assert (await world.call("GET", "/v1/alarms/none")).problem["type"] == "/docs#problem-404"


SINGLE = [
    "/v1/alarms/a-1", "/v1/events/7", "/v1/faults/f-1", "/v1/faults/f-1/profile", "/v1/subscriptions/s-a",
    "/v1/resources/server/s-a", "/v1/policies/test", "/v1/simulation", "/v1/instructions/1-do-1",
]  # fmt: skip


@pytest.mark.parametrize("address", SINGLE)
async def test_what_is_one_thing_has_an_etag_and_is_not_sent_twice(address: str) -> None:
    world = world_with(SUBSCRIPTION)
    first = await world.call("GET", address)
    again = await world.call("GET", address, headers={"If-None-Match": first.headers["etag"]})

    assert (first.status, again.status, again.body) == (200, 304, b"")


CHANGES: list[tuple[str, str, Any]] = [
    ("POST", "/v1/alarms/a-1/ack", None),
    ("POST", "/v1/alarms/host-alarm/clear", None),
    ("POST", "/v1/alarms/a-1/comments", {"text": "x"}),
    ("PATCH", "/v1/subscriptions/s-a", {"name": "x"}),
    ("DELETE", "/v1/subscriptions/s-a", None),
    ("POST", "/v1/subscriptions/s-a/pause", None),
    ("POST", "/v1/subscriptions/s-a/resume", None),
    ("PUT", "/v1/recovery/server/s-a", {"do": {"host_down": {"action": "evacuate"}}}),
    ("DELETE", "/v1/recovery/server/s-a", None),
    ("PUT", "/v1/brakes/automation", {"on": False, "reason": "x"}),
    ("PUT", "/v1/brakes/holds/cloud", {"reason": "x"}),
    ("PUT", "/v1/simulation", {"failure": {"kind": "dead"}}),
]


@pytest.mark.parametrize(("method", "address", "body"), CHANGES, ids=[f"{one[0]} {one[1]}" for one in CHANGES])
async def test_what_was_changed_since_it_was_seen_is_not_changed(method: str, address: str, body: Any) -> None:
    answer = await world_with(SUBSCRIPTION).call(method, address, body, headers={"If-Match": '"another"'})

    assert answer.status == 412


# Sent twice


async def test_a_request_with_a_key_takes_effect_once_and_is_answered_the_same() -> None:
    world = make_world()
    key = {"Idempotency-Key": "k-1"}
    first = await world.call("POST", "/v1/alarms/a-1/comments", {"text": "on it"}, headers=key)
    again = await world.call("POST", "/v1/alarms/a-1/comments", {"text": "on it"}, headers=key)
    other = await world.call("POST", "/v1/alarms/a-1/comments", {"text": "not me"}, headers=key)
    theirs = await world.call("POST", "/v1/alarms/a-1/comments", {"text": "on it"}, headers=key, by="member-a")

    assert (again.status, again.body) == (201, first.body)
    assert again.headers["idempotency-replayed"] == "true"
    assert other.status == 409
    assert theirs.status == 201
    assert "idempotency-replayed" not in theirs.headers
    assert [entry.by for entry in world.store.entries] == ["admin", "member-a"]


async def test_two_at_the_same_time_are_one() -> None:
    world = make_world()
    asked = [
        world.call("POST", "/v1/alarms/a-1/comments", {"text": "x"}, headers={"Idempotency-Key": "k"}) for _ in range(5)
    ]

    answers = await asyncio.gather(*asked)

    assert {answer.body for answer in answers} == {answers[0].body}
    assert len(world.store.entries) == 1


async def test_what_was_refused_may_be_asked_again() -> None:
    world = make_world()
    key = {"Idempotency-Key": "k"}
    assert (await world.call("POST", "/v1/alarms/none/ack", headers=key)).status == 404
    assert (await world.call("POST", "/v1/alarms/none/ack", headers=key)).status == 404
    assert world.store.requests == {}


@pytest.mark.parametrize(
    ("address", "body"),
    [
        ("/v1/alarms/a-1/comments", {"text": 1}),
        ("/v1/alarms/a-1/comments", b"{"),
        ("/v1/alarms/a-1/comments", b"\xff"),
        ("/v2/alarms", {"name": 1}),
        ("/vnffm/v1/subscriptions", {"callbackUri": 1}),
        ("/o2ims-infrastructureMonitoring/v1/alarmSubscriptions", {"callback": 1}),
    ],
)
async def test_a_body_that_was_refused_leaves_its_key_free(address: str, body: Any) -> None:
    world = make_world()
    for _ in range(2):
        answer = await world.call("POST", address, body, headers={"Idempotency-Key": "k", "Version": "1.3.0"})
        assert answer.status == 400
    assert world.store.requests == {}


async def test_what_was_cut_off_is_not_done_again() -> None:
    world = make_world()
    key = {"Idempotency-Key": "k"}
    await world.call("POST", "/v1/alarms/a-1/comments", {"text": "x"}, headers=key)
    name, record = world.store.requests.popitem()
    world.store.requests[name] = msgspec.structs.replace(record, status=None, answer=b"")

    answer = await world.call("POST", "/v1/alarms/a-1/comments", {"text": "x"}, headers=key)

    assert answer.status == 409
    assert answer.problem["detail"] == "nothing is done, as it may be done already"
    assert len(world.store.entries) == 1


async def test_a_key_that_is_none_is_refused() -> None:
    for key in ("", " k", "k" * 256):
        answer = await make_world().call("POST", "/v1/alarms/a-1/ack", headers={"Idempotency-Key": key})
        assert answer.status == 400
        assert answer.problem["errors"][0]["field"] == "Idempotency-Key"


async def test_a_store_that_is_away_leaves_a_refused_request_free_to_be_asked_again() -> None:
    world = make_world()
    kept = world.store.__class__.forget_request
    is_away = [True]

    class Away(type(world.store)):  # type: ignore[misc]  # the fake's own class, made to fail
        async def forget_request(self, key: str) -> None:
            if is_away[0]:
                raise StoreUnavailableError("away")
            await kept(self, key)

    world.store.__class__ = Away
    object.__setattr__(world.call.parts, "once", Once())
    key = {"Idempotency-Key": "k"}
    assert (await world.call("POST", "/v1/alarms/none/ack", headers=key)).status == 404
    is_away[0] = False

    assert (await world.call("POST", "/v1/alarms/none/ack", headers=key)).status == 404


# Subscriptions that change


async def test_what_is_left_out_of_a_change_stays_secrets_too() -> None:
    world = world_with(SUBSCRIPTION)
    change = {"name": "new", "filter": {"fault_types": ["compute.*"]}, "endpoints": [{"id": "e-1"}], "mode": "both"}
    seen = (await world.call("GET", "/v1/subscriptions/s-a", by="member-a")).headers["etag"]

    answer = await world.call("PATCH", "/v1/subscriptions/s-a", change, by="member-a", headers={"If-Match": seen})

    kept = world.store.subscribed["s-a"]
    assert answer.status == 200
    assert kept.endpoints == (ENDPOINT,)
    assert (kept.name, kept.filter.fault_types, kept.filter.min_severity) == ("new", ("compute.*",), Severity.MAJOR)
    assert answer.headers["etag"] == (await world.call("GET", "/v1/subscriptions/s-a")).headers["etag"] != seen
    assert ENDPOINT.secret not in answer.body.decode()


async def test_null_puts_back_what_a_new_one_has() -> None:
    world = world_with(SUBSCRIPTION)

    await world.call("PATCH", "/v1/subscriptions/s-a", {"name": None, "filter": {"min_severity": None}})

    kept = world.store.subscribed["s-a"]
    assert (kept.name, kept.filter) == ("", Filter(resource_types=(Kind.SERVER,)))


async def test_every_part_of_a_filter_can_be_set_and_is_shown() -> None:
    world = world_with(SUBSCRIPTION)
    wanted = {
        "severities": ["major", "cleared"],
        "event_types": ["EQUIPMENT_ALARM"],
        "probable_causes": ["powerProblem"],
        "vnfs": ["v-a"],
        "only_vnfs": True,
        "physical": False,
    }

    changed = await world.call("PATCH", "/v1/subscriptions/s-a", {"filter": wanted}, by="member-a")
    kept = world.store.subscribed["s-a"].filter
    back = await world.call("PATCH", "/v1/subscriptions/s-a", {"filter": dict.fromkeys(wanted)}, by="member-a")

    assert wanted.items() <= changed.json["filter"].items()
    assert (kept.severities, kept.vnfs, kept.physical) == ((Severity.MAJOR, Severity.CLEARED), ("v-a",), False)
    assert back.json["filter"]["physical"] is None
    assert world.store.subscribed["s-a"].filter == SUBSCRIPTION.filter


async def test_a_new_endpoint_has_an_id_of_its_own_and_one_that_is_left_out_is_gone() -> None:
    world = world_with(SUBSCRIPTION)

    answer = await world.call(
        "PATCH", "/v1/subscriptions/s-a", {"endpoints": [{"url": "http://other.example/"}]}, by="member-a"
    )

    assert [one["url"] for one in answer.json["endpoints"]] == ["http://other.example/"]
    assert answer.json["endpoints"][0]["id"] != "e-1"
    assert answer.json["endpoints"][0]["has_secret"] is False


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"endpoints": [{"id": "e-1", "url": "http://thief.example/a"}]}, "endpoints[0].secret"),
        ({"endpoints": [{"id": "e-1", "format": "aodh"}]}, "endpoints[0].format"),
        ({"endpoints": [{"id": "e-9"}]}, "endpoints[0].id"),
        ({"endpoints": [{"id": "e-1"}, {"id": "e-1"}]}, "endpoints[1].id"),
        ({"endpoints": [{"format": "aodh"}]}, "endpoints[0].url"),
        ({"endpoints": [{"url": "http://169.254.169.254/"}]}, "endpoints[0].url"),
        ({"endpoints": None}, "endpoints"),
        ({"filter": {"moon": 1}}, "filter.moon"),
        ({"filter": {"min_severity": "bad"}}, "filter.min_severity"),
        ({"project": "B"}, "project"),
    ],
)
async def test_a_change_that_cannot_be_is_refused_by_field(change: Any, field: str) -> None:
    world = world_with(SUBSCRIPTION)

    answer = await world.call("PATCH", "/v1/subscriptions/s-a", change)

    assert answer.status == 400
    assert field in [one["field"] for one in answer.problem["errors"]]
    assert world.store.subscribed["s-a"] == SUBSCRIPTION


async def test_with_its_secrets_an_endpoint_may_move() -> None:
    world = world_with(SUBSCRIPTION)
    moved = {"id": "e-1", "url": "http://new.example/a", "secret": None, "token": "other"}

    answer = await world.call("PATCH", "/v1/subscriptions/s-a", {"endpoints": [moved]})

    assert answer.status == 200
    assert world.store.subscribed["s-a"].endpoints[0] == Endpoint(id="e-1", url="http://new.example/a", token="other")


async def test_what_another_api_made_is_changed_there_only() -> None:
    world = world_with(msgspec.structs.replace(SUBSCRIPTION, owner="aodh"))

    shown = await world.call("GET", "/v1/subscriptions/s-a", by="member-a")
    assert shown.json["owner"] == "aodh"
    for method, body in (("PATCH", {"name": "x"}), ("DELETE", None)):
        answer = await world.call(method, "/v1/subscriptions/s-a", body, by="member-a")
        assert answer.status == 409
        assert answer.problem["errors"][0]["field"] == "owner"
    assert (await world.call("POST", "/v1/subscriptions/s-a/pause", by="member-a")).status == 200
    assert (await world.call("POST", "/v1/subscriptions/s-a/test", by="member-a")).status == 202


async def test_a_new_subscription_is_answered_with_how_its_resources_stand() -> None:
    body = {"endpoints": [{"url": "http://c.example/"}], "filter": {"resource_ids": ["s-a"]}}

    answer = await make_world().call("POST", "/v1/subscriptions", body, by="member-a")

    found = answer.json["virtual_resources"]["items"]
    assert [(one["key"], one["state"], one["faults"]) for one in found] == [("server/s-a", "down", [])]


# The physical side


async def test_physical_state_is_for_those_who_see_everything() -> None:
    world = make_world()

    shown = await world.call("GET", "/v1/physical-resources?state=normal&zone=nova&vim=cloud&id=compute-1")
    assert [(one["key"], one["zone_id"], one["state"]) for one in shown.json["items"]] == [
        ("host/compute-1", "nova", "normal")
    ]
    assert (await world.call("GET", "/v1/physical-resources?state=down")).json["items"] == []
    assert (await world.call("GET", "/v1/physical-resources?kind=server")).json["items"] == []
    for who in ("reader-a", "member-a", "scraper", "member-nowhere", "monitor"):
        refused = await world.call("GET", "/v1/physical-resources", by=who)
        assert refused.status == 403
        assert "compute-1" not in refused.body.decode()


async def test_a_project_cannot_ask_where_its_resources_are() -> None:
    world = make_world()

    assert (await world.call("GET", "/v1/resources?kind=server&vim=cloud", by="member-a")).status == 403
    mine = (await world.call("GET", "/v1/resources?kind=server&state=normal&zone=nova", by="member-a")).json["items"]
    assert [(one["key"], one["state"]) for one in mine] == [("server/s-a", "normal")]


async def test_one_delivery_is_sent_again_only_if_it_was_given_up() -> None:
    world = world_with(SUBSCRIPTION)
    address = "/v1/subscriptions/s-a/deliveries/replay"

    assert (await world.call("POST", address, {"endpoint_id": "e-1", "sequence": 1}, by="member-a")).status == 202
    assert (await world.call("POST", address, {"endpoint_id": "e-1", "sequence": 2})).status == 409
    assert (await world.call("POST", address, {"endpoint_id": "e-9", "sequence": 1})).status == 404


@pytest.mark.parametrize("marker", ["x", "1/2", "1/0/e", "1/0//s", "9999999999999999999/0/e/s"])
async def test_a_marker_that_no_list_gave_is_refused(marker: str) -> None:
    assert (await make_world().call("GET", f"/v1/deliveries?marker={marker}")).status == 400
