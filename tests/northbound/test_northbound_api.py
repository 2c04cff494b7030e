"""The operations: what they take, what they answer, and how they say no."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator
from northbound_fakes import NOW, Bug, alarm, call, described, make_world
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from nfvigil.errors import OverloadedError, StoreUnavailableError, UnsafeError
from nfvigil.model.answers import Health
from nfvigil.northbound.metrics import ROWS_MAX, Metrics
from nfvigil.northbound.openapi import merged

pytestmark = pytest.mark.anyio

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
SUBSCRIPTION = {
    "name": "vnfm",
    "filter": {"resource_types": ["server"], "fault_types": ["compute.*"], "min_severity": "major"},
    "endpoints": [
        {"url": "http://consumer.example/a"},
        {"url": "https://consumer.example/b", "format": "signed", "secret": SECRET, "token": "t0k3n"},
    ],
    "mode": "both",
    "heartbeat_seconds": 30,
}


# Alarms


async def test_a_list_goes_on_where_its_page_ended() -> None:
    world = make_world()
    world.store.kept = {f"n{i}": alarm(f"n{i}", "server/s-a", "A", raised_us=NOW - i) for i in range(25)}
    seen, marker = [], None
    while True:
        after = f"&marker={marker}" if marker else ""
        page = (await world.call("GET", f"/v1/alarms?limit=10{after}")).json
        seen += [one["id"] for one in page["items"]]
        marker = page["next"]
        if marker is None:
            break

    assert seen == [f"n{i}" for i in range(25)]


async def test_a_reader_keeps_in_step_by_asking_for_changes() -> None:
    world = make_world()

    first = (await world.call("GET", "/v1/alarms?changed_after=0&state=all")).json
    assert len(first["items"]) == 5
    after = first["next"]
    again = (await world.call("GET", f"/v1/alarms?changed_after={after}")).json
    assert (again["items"], again["more"], again["generation"]) == ([], False, first["generation"])


async def test_a_thousand_alarms_come_in_one_page() -> None:
    world = make_world()
    world.store.kept = {f"n{i}": alarm(f"n{i}", "server/s-a", "A") for i in range(1001)}

    page = (await world.call("GET", "/v1/alarms?limit=1000")).json

    assert len(page["items"]) == 1000
    assert page["next"].endswith("/" + page["items"][-1]["id"])


async def test_an_acknowledgement_holds_only_for_what_was_seen() -> None:
    world = make_world()
    seen = (await world.call("GET", "/v1/alarms/a-1")).headers["etag"]

    acked = await world.call("POST", "/v1/alarms/a-1/ack", headers={"If-Match": seen})
    assert acked.status == 200
    assert acked.json["ack_state"] == "acknowledged"
    assert acked.json["acknowledged_by"] == "admin"

    late = await world.call("DELETE", "/v1/alarms/a-1/ack", headers={"If-Match": seen})
    assert late.status == 412
    assert (await world.call("GET", "/v1/alarms/a-1")).json["ack_state"] == "acknowledged"
    for good in (acked.headers["etag"], "*", f'"x", {acked.headers["etag"]}'):
        assert (await world.call("DELETE", "/v1/alarms/a-1/ack", headers={"If-Match": good})).status == 200
        await world.call("POST", "/v1/alarms/a-1/ack")
    weak = f"W/{acked.headers['etag']}"
    assert (await world.call("DELETE", "/v1/alarms/a-1/ack", headers={"If-Match": weak})).status == 412


async def test_what_a_reader_has_already_is_not_sent_again() -> None:
    world = make_world()
    first = await world.call("GET", "/v1/alarms/a-1")

    again = await world.call("GET", "/v1/alarms/a-1", headers={"If-None-Match": first.headers["etag"]})

    assert (again.status, again.body) == (304, b"")
    assert first.headers["cache-control"] == "private, no-cache"
    assert "X-Auth-Token" in first.headers["vary"]


async def test_a_comment_becomes_a_line_of_the_history() -> None:
    world = make_world()

    made = await world.call("POST", "/v1/alarms/a-1/comments", {"text": "on it"}, by="member-a")

    assert made.status == 201
    lines = (await world.call("GET", "/v1/alarms/a-1/history")).json["items"]
    assert [(line["what"], line["by"]) for line in lines] == [("raised", "compute-1-bmc"), ("commented", "member-a")]
    assert lines[1]["text"] == "on it"


async def test_a_cleared_alarm_and_one_that_follows_from_another_say_why_they_cannot_be_changed() -> None:
    world = make_world()

    cleared = await world.call("POST", "/v1/alarms/old/ack")
    follows = await world.call("POST", "/v1/alarms/a-1/clear")

    assert cleared.status == follows.status == 409
    assert follows.problem["errors"] == [{"field": "root_cause_id", "reason": "host-alarm"}]
    assert (await world.call("POST", "/v1/alarms/host-alarm/clear")).json["state"] == "cleared"
    assert world.store.notes == [("admin", "cleared an alarm", "host-alarm")]


async def test_an_administrator_is_told_why_an_alarm_stands() -> None:
    why = (await make_world().call("GET", "/v1/alarms/a-1/explain")).json

    assert why["event"]["id"] == "7"
    assert why["rule"] == "host_down"
    assert why["policy"] == "test@1"
    assert why["verdict"]["steps"][0]["rule"] == "host_down"
    assert "host/compute-1" in why["entries"]
    assert [one["target"] for one in why["actions"]] == ["server/s-a"]
    assert why["timings"]["total_ms"] == 50.0


# Subscriptions


async def test_a_subscription_is_made_shown_paused_tested_and_ended_and_never_shows_its_secrets() -> None:
    world = make_world()

    made = await world.call("POST", "/v1/subscriptions", SUBSCRIPTION, by="member-a")

    assert made.status == 201
    address = made.headers["location"]
    assert address == f"/v1/subscriptions/{made.json['id']}"
    assert made.json["project"] == "A"
    assert [one["id"] for one in made.json["resources"]] == ["a-1", "for-admin"]
    assert [(one["has_secret"], one["has_token"]) for one in made.json["endpoints"]] == [(False, False), (True, True)]
    shown = await world.call("GET", address, by="member-a")
    listed = await world.call("GET", "/v1/subscriptions", by="member-a")
    for answer in (made, shown, listed):
        assert SECRET.encode() not in answer.body
        assert b"t0k3n" not in answer.body
    assert listed.json["items"] == [shown.json]
    kept = world.store.subscribed[made.json["id"]]
    assert (kept.endpoints[1].secret, kept.heartbeat_seconds, kept.created_by) == (SECRET, 30.0, "member-a")

    assert (await world.call("POST", f"{address}/pause")).json["paused"] is True
    assert (await world.call("POST", f"{address}/resume")).json["paused"] is False
    assert (await world.call("POST", f"{address}/test")).json == {"notification_id": "n-9", "sequence": 9}
    assert (await world.call("POST", f"{address}/replay?after=5")).json == {"requeued": 3}
    assert (await world.call("GET", f"{address}/deliveries?state=pending")).json["items"][0]["sequence"] == 1
    old = shown.headers["etag"]
    assert (await world.call("POST", f"{address}/pause")).status == 200
    assert (await world.call("DELETE", address, headers={"If-Match": old})).status == 412
    assert (await world.call("DELETE", address)).status == 204
    assert (await world.call("GET", address)).status == 404


async def test_the_same_key_makes_one_subscription() -> None:
    world = make_world()
    key = {"Idempotency-Key": "once"}

    first = await world.call("POST", "/v1/subscriptions", SUBSCRIPTION, by="member-a", headers=key)
    world.now[0] += 1_000_000
    again = await world.call("POST", "/v1/subscriptions", SUBSCRIPTION, by="member-a", headers=key)
    other = await world.call("POST", "/v1/subscriptions", {**SUBSCRIPTION, "name": "x"}, by="member-a", headers=key)
    others = await world.call("POST", "/v1/subscriptions", SUBSCRIPTION, by="manager-b", headers=key)

    assert again.json == first.json
    assert other.status == 409
    assert others.json["id"] != first.json["id"]
    assert len(world.store.subscribed) == 2


async def test_an_administrator_subscribes_for_itself_or_for_a_project_and_others_only_for_their_own() -> None:
    world = make_world()

    def body(project: str | None) -> dict[str, Any]:
        return {"project": project, "endpoints": [{"url": "http://consumer.example/"}]}

    assert (await world.call("POST", "/v1/subscriptions", body(None))).json["project"] is None
    assert (await world.call("POST", "/v1/subscriptions", body("B"))).json["project"] == "B"
    assert (await world.call("POST", "/v1/subscriptions", body("A"), by="member-a")).status == 201
    for person in ("member-a", "member-nowhere"):
        assert (await world.call("POST", "/v1/subscriptions", body("B"), by=person)).status == 403


ENDPOINTS = {
    "unknown format": ({"url": "http://a.example/", "format": "smoke"}, "endpoints[0].format"),
    "no secret to sign with": ({"url": "http://a.example/", "format": "signed"}, "endpoints[0].secret"),
    "short secret": ({"url": "http://a.example/", "format": "signed", "secret": "whsec_YQ=="}, "endpoints[0].secret"),
    "no base64": ({"url": "http://a.example/", "format": "signed", "secret": "whsec_?"}, "endpoints[0].secret"),
    "metadata service": ({"url": "http://169.254.169.254/"}, "endpoints[0].url"),
    "another scheme": ({"url": "ftp://a.example/"}, "endpoints[0].url"),
    "line break in a token": ({"url": "http://a.example/", "token": "a\r\nX: b"}, "endpoints[0].token"),
    "unknown word": ({"url": "http://a.example/", "headers": {}}, "endpoints[0].headers"),
}


@pytest.mark.parametrize(("endpoint", "field"), ENDPOINTS.values(), ids=ENDPOINTS)
async def test_a_wrong_endpoint_is_refused_by_field(endpoint: dict[str, Any], field: str) -> None:
    world = make_world()

    answer = await world.call("POST", "/v1/subscriptions", {"endpoints": [endpoint]})

    assert answer.status == 400
    assert field in [one["field"] for one in answer.problem["errors"]]
    assert world.store.subscribed == {}


# Wrong requests

WRONG: dict[str, tuple[str, str, Any, str]] = {
    "limit of none": ("GET", "/v1/alarms?limit=0", None, "limit"),
    "limit beyond": ("GET", "/v1/alarms?limit=1001", None, "limit"),
    "limit with an underscore": ("GET", "/v1/alarms?limit=1_0", None, "limit"),
    "empty marker": ("GET", "/v1/alarms?marker=", None, "marker"),
    "NUL in a marker": ("GET", "/v1/alarms?marker=a%00", None, "marker"),
    "misspelt filter": ("GET", "/v1/alarms?servity=major", None, "servity"),
    "unknown severity": ("GET", "/v1/alarms?severity=bad", None, "severity[0]"),
    "no boolean": ("GET", "/v1/alarms?root_only=yes", None, "root_only"),
    "no time": ("GET", "/v1/alarms?since=yesterday", None, "since"),
    "time without a zone": ("GET", "/v1/alarms?since=2026-01-01T00:00:00", None, "since"),
    "no such day": ("GET", "/v1/alarms?since=2026-02-30T00:00:00Z", None, "since"),
    "marker beside changes": ("GET", "/v1/alarms?changed_after=0&marker=a", None, "marker"),
    "foreign marker": ("GET", "/v1/events?marker=x", None, "marker"),
    "id of letters": ("GET", "/v1/events/abc", None, "event_id"),
    "kind left out": ("GET", "/v1/resources", None, "kind"),
    "unknown kind": ("GET", "/v1/resources/moon/1", None, "kind"),
    "replay from where": ("POST", "/v1/subscriptions/x/replay", None, "after"),
    "no body": ("POST", "/v1/policies", None, "body"),
    "no object": ("POST", "/v1/policies", [], "body"),
    "broken JSON": ("POST", "/v1/policies", b'{"text": ', "body"),
    "no UTF-8": ("POST", "/v1/policies", b'{"text": "\xff"}', ""),
    "field left out": ("POST", "/v1/policies", {}, "text"),
    "field of a wrong type": ("POST", "/v1/policies", {"text": 1}, "text"),
    "unknown field": ("POST", "/v1/policies", {"text": "name", "force": True}, "force"),
    "NUL in a text": ("POST", "/v1/policies", {"text": "name\0"}, "text"),
    "number as text": ("POST", "/v1/subscriptions", {"heartbeat_seconds": "5"}, "heartbeat_seconds"),
    "no finite number": ("POST", "/v1/subscriptions", b'{"heartbeat_seconds": NaN}', "heartbeat_seconds"),
    "no endpoint": ("POST", "/v1/subscriptions", {"endpoints": []}, "endpoints"),
    "wrong policy": ("POST", "/v1/policies", {"text": "rules: []"}, "name"),
    "wrong event": ("POST", "/v1/policies/dry-run", {"event": {}}, "event.type"),
    "unknown failure": ("PUT", "/v1/simulation", {"failure": {"kind": "sad"}}, "failure"),
    "no kind that a cloud has": ("POST", "/v1/simulation/changes", {"gone": ["rack/r"]}, "gone[0]"),
    "no key": ("POST", "/v1/simulation/changes", {"set": {"server": {}}}, "set.server.[key]"),
    "rate beyond": ("PUT", "/v1/simulation", {"failure": {"kind": "errors", "rate": 2}}, "failure.errors.rate"),
}  # fmt: skip


@pytest.mark.parametrize(("method", "address", "body", "field"), WRONG.values(), ids=WRONG)
async def test_a_wrong_request_is_refused_by_field_and_reason(method: str, address: str, body: Any, field: str) -> None:
    answer = await make_world().call(method, address, body)

    assert answer.status == 400
    assert answer.problem["title"] == "Bad Request"
    if field:
        reasons = {one["field"]: one["reason"] for one in answer.problem["errors"]}
        assert reasons[field]


async def test_every_fault_of_a_request_is_named_at_once() -> None:
    answer = await make_world().call("POST", "/v1/subscriptions", {"mode": "never", "name": 5, "filter": {"x": 1}})

    assert {one["field"] for one in answer.problem["errors"]} == {"endpoints", "mode", "name", "filter.x"}


async def test_faults_of_a_policy_come_with_their_lines() -> None:
    lint = await make_world().call("POST", "/v1/policies/lint", {"text": "rules: []"})

    assert lint.json == {"ok": False, "errors": [{"field": "name", "reason": "is missing", "line": 1}]}


async def test_a_body_that_is_too_large_or_no_json_is_refused() -> None:
    world = make_world()
    large = b'{"text": "' + b"x" * (1 << 20) + b'"}'

    assert (await world.call("POST", "/v1/policies", large)).status == 413
    told = {"content-length": str(1 << 30)}
    assert (await world.call("POST", "/v1/policies", b"{}", headers=told)).status == 413
    form = {"content-type": "application/x-www-form-urlencoded"}
    answer = await world.call("POST", "/v1/policies", b"text=1", headers=form)
    assert answer.status == 415
    assert answer.problem["errors"][0]["field"] == "Content-Type"


async def test_addresses_and_methods_that_are_not_there_are_problems_too() -> None:
    world = make_world()

    nowhere = await world.call("GET", "/v1/moons", is_described=False)
    assert nowhere.status == 404
    assert nowhere.problem["detail"] == "there is no such address"
    wrong = await world.call("PATCH", "/v1/subscriptions", is_described=False)
    assert wrong.status == 405
    assert wrong.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert wrong.problem["status"] == 405


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (StoreUnavailableError("the disk is full", 2.5), 503, "the disk is full"),
        (OverloadedError("too much"), 503, "too much"),
        (UnsafeError("a person must look"), 409, "a person must look"),
        (Bug("secret: hunter2"), 500, "something went wrong on our side"),
    ],
)
async def test_an_error_of_ours_becomes_a_problem_that_says_what_the_caller_may_know(
    error: Exception, status: int, says: str
) -> None:
    world = make_world()

    class Broken(type(world.store)):  # type: ignore[misc]  # the fake's own class, made to fail
        async def alarms(self, query: Any) -> Any:
            raise error

    world.store.__class__ = Broken

    answer = await world.call("GET", "/v1/alarms")

    assert answer.status == status
    assert answer.problem["detail"] == says
    assert b"hunter2" not in answer.body
    if status == 503:
        assert answer.headers["retry-after"] in ("1", "3")


# The rest


async def test_times_are_read_as_rfc_3339_says() -> None:
    asked = []
    world = make_world()
    find = world.store.alarms

    async def note(query: Any) -> Any:
        asked.append(query.from_us)
        return await find(query)

    world.store.alarms = note  # type: ignore[method-assign]  # to see what was asked for
    for text in (
        "2023-11-14T22:13:20Z",
        "2023-11-14t22:13:20.000000999z",
        "2023-11-14T23:13:20%2B01:00",
        "2023-11-14T23:13:20+01:00",
        "2023-11-14T22:13:19.999999Z",
        "2023-11-14T22:12:60Z",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00Z",
    ):
        assert (await world.call("GET", f"/v1/alarms?since={text}")).status == 200, text

    assert asked[:4] == [NOW] * 4
    assert asked[4] == NOW - 1
    assert asked[5] == NOW - 20_000_000
    assert asked[6] == (1 << 53) - 1
    assert asked[7] == 0


async def test_the_summary_has_percentiles_for_each_component_and_the_whole() -> None:
    summary = (await make_world().call("GET", "/v1/profiles/summary")).json

    assert summary["faults"] == 1
    assert summary["spans"]["controller"] == {"count": 1, "p50_ms": 48, "p90_ms": 48, "p99_ms": 48, "max_ms": 48}
    assert summary["spans"]["accepted_to_received"]["p50_ms"] == 7
    assert "consumer" not in summary["spans"]


async def test_the_simulated_cloud_can_be_broken_and_healed() -> None:
    world = make_world()

    broken = await world.call("PUT", "/v1/simulation", {"failure": {"kind": "slow", "latency_seconds": 2}})
    assert broken.json["failure"]["latency_seconds"] == 2.0
    healed = await world.call("PUT", "/v1/simulation", {"failure": {"kind": "none"}})
    assert healed.json["failure"] == {}
    off = await world.call("POST", "/v1/simulation/hosts/compute-1", {"power": "off"})
    assert off.json == {"host": "compute-1", "power": "off", "changed": True}
    said = {"port/p": {"mac_address": "fa:16:3e:00:00:01"}}
    changes = {"set": {"server/s": {"status": "ERROR"}}, "gone": ["port/q"], "details": said}
    changed = await world.call("POST", "/v1/simulation/changes", changes)
    assert changed.status == 200
    assert world.desk.cloud.edits == [{"fields": changes["set"], "gone": ("port/q",), "details": said}]
    assert (await world.call("POST", "/v1/simulation/hosts/moon", {"power": "off"})).status == 404
    world.desk.cloud = None
    assert (await world.call("GET", "/v1/simulation")).status == 404


async def test_anybody_may_ask_whether_it_is_ready_but_only_administrators_hear_the_details() -> None:
    world = make_world()
    assert (await world.call("GET", "/healthz", by=None)).json["status"] == "alive"
    assert (await world.call("GET", "/readyz", by=None)).json == {"ready": True, "reasons": []}

    reasons = ("store: /var/lib/x is full", "VIM east: not read yet", "VIM west: refused")
    world.desk.health_now = Health(ready=False, reasons=reasons, details={"resources": 3})

    stranger, known = await world.call("GET", "/readyz", by=None), await world.call("GET", "/readyz")
    assert stranger.status == known.status == 503
    assert stranger.json == {"ready": False, "reasons": ["store", "VIM"]}
    assert known.json["reasons"] == list(reasons)
    assert known.json["details"] == {"resources": 3}


async def test_capacity_is_a_row_a_zone_with_what_is_left_and_who_has_no_host() -> None:
    first = (await make_world().call("GET", "/v1/capacity?limit=1")).json["items"][0]

    assert first == {
        "by": "zone",
        "vim": "cloud-2",
        "name": "nova",
        "hosts": {"total": 3, "usable": 1, "lost": 1, "unsized": 0},
        "vcpus": {"total": 16, "used": 4, "left": 12},
        "memory_mb": {"total": 64_000, "used": 8_000, "left": 56_000},
        "largest_free_host": {"host": "compute-1", "vcpus": 12, "memory_mb": 56_000},
        "without_host": {"servers": 2, "vcpus": 8, "memory_mb": 16_000},
        "servers_unsized": 0,
    }


async def test_capacity_comes_in_pages_of_which_no_row_is_lost() -> None:
    world = make_world()
    seen, marker = [], ""
    while marker is not None:
        page = (await world.call("GET", f"/v1/capacity?limit=1{marker and f'&marker={marker}'}")).json
        seen += [f"{row['vim']}/{row['name']}" for row in page["items"]]
        marker = page["next"]

    assert seen == ["cloud-2/nova", "cloud/", "cloud/nova"]


@pytest.mark.parametrize(("by", "names"), [("vim", ["cloud"]), ("aggregate", [])])
async def test_capacity_can_be_asked_by_vim_or_aggregate(by: str, names: list[str]) -> None:
    rows = (await make_world().call("GET", f"/v1/capacity?by={by}")).json["items"]

    assert [row["name"] for row in rows] == names
    assert all(row["largest_free_host"] is None for row in rows)


async def test_capacity_by_something_else_is_refused_by_its_field() -> None:
    refused = await make_world().call("GET", "/v1/capacity?by=rack")

    assert refused.status == 400
    assert [error["field"] for error in refused.problem["errors"]] == ["by"]


def test_gauges_with_labels_come_from_one_look_when_they_are_read() -> None:
    metrics = Metrics()
    looks = []

    def look() -> Iterator[tuple[tuple[str, str], dict[str, float]]]:
        looks.append(1)
        yield ("lab", 'z"1'), {"left": 2.0, "usable": 1.0}
        yield ("lab", ""), {"left": 0.0, "usable": 3.0}

    metrics.gauges({"left": "what is left", "usable": "what is usable"}, ("vim", "zone"), look)
    assert looks == []

    text = metrics.exposition().decode()

    assert looks == [1]
    assert 'nfvigil_left{vim="lab",zone="z\\"1"} 2.0\n' in text
    assert 'nfvigil_usable{vim="lab",zone=""} 3.0\n' in text


def test_labelled_gauges_are_bounded() -> None:
    metrics = Metrics()

    metrics.gauges({"left": "left"}, ("zone",), lambda: (((str(n),), {"left": 1.0}) for n in range(ROWS_MAX + 5)))

    assert metrics.exposition().decode().count("nfvigil_left{") == ROWS_MAX


async def test_metrics_are_prometheus_text_with_a_bounded_number_of_labels() -> None:
    world = make_world()
    metrics = world.metrics
    metrics.event("doctor", "accepted", 3)
    metrics.stage("decide", 0.004)
    metrics.action("force_down", "done", 0.2)
    metrics.gauge("events_undecided", lambda: 42.0)
    rows = [(("lab",), {"vim_age_seconds": 7.5}), (("new",), {"vim_age_seconds": None})]
    metrics.gauges({"vim_age_seconds": "age"}, ("vim",), lambda: rows)
    for number in range(5000):
        metrics.delivery(f"e-{number}", "delivered")

    text = (await world.call("GET", "/metrics", by="scraper")).body.decode()

    assert 'nfvigil_events_total{door="doctor",outcome="accepted"} 3.0' in text
    assert 'nfvigil_stage_seconds_bucket{le="0.005",stage="decide"} 1.0' in text
    assert 'nfvigil_actions_total{kind="force_down",outcome="done"} 1.0' in text
    assert "nfvigil_events_undecided 42.0" in text
    assert 'nfvigil_vim_age_seconds{vim="lab"} 7.5' in text
    assert text.count("nfvigil_deliveries_total{") <= 4001
    assert 'endpoint="other"' in text


async def test_the_description_is_served_whole_and_is_valid() -> None:
    world = make_world(extra_paths={"paths": {"/x": {"get": {"responses": {"200": {"description": "."}}}}}})
    served = (await call(world.call.app, "GET", "/openapi.json", b"", {})).json
    document = described(world.call.app)

    assert served["openapi"].startswith("3.1")
    assert "/x" in served["paths"]
    text = msgspec.json.encode(document).decode()
    for reference in set(re.findall(r'"\$ref":"#/components/schemas/([^"]+)"', text)):
        assert reference in document["components"]["schemas"], reference
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    operations = [one for item in document["paths"].values() for one in item.values()]
    assert len({one["operationId"] for one in operations}) == len(operations)
    for one in operations:
        assert one["description"]
        assert "422" not in one["responses"] or one["tags"] == ["sol-fm"]
        assert "default" in one["responses"]


def test_an_operation_is_described_once() -> None:
    with pytest.raises(ValueError, match="described twice"):
        merged({"paths": {"/x": {"get": {}}}}, {"paths": {"/x": {"get": {}}}})


async def test_the_documentation_page_needs_nothing_from_elsewhere() -> None:
    world = make_world()

    page = await call(world.call.app, "GET", "/docs", b"", {})

    assert page.status == 200
    text = page.body.decode()
    assert not re.search(r"https?://|//[a-z]+\.|@import|src=", text)
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "innerHTML" not in text
    assert text == files("nfvigil.northbound").joinpath("docs.html").read_text()


async def test_plain_routes_stand_beside_ours_on_the_same_address() -> None:
    async def door(request: Request) -> Response:
        return PlainTextResponse("OK")

    world = make_world(extra_routes=[Route("/v1/events", door, methods=["POST"])])

    assert (await world.call("POST", "/v1/events", {}, is_described=False)).body == b"OK"
    assert (await world.call("GET", "/v1/events")).status == 200
    wrong = await world.call("PUT", "/v1/events", is_described=False)
    assert wrong.headers["allow"] == "GET, HEAD, OPTIONS, POST"
