"""Aodh's API: what may be asked for and how, and what is said where it is wrong."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from northbound_fakes import make_world

from nfvigil.errors import RefusedError
from nfvigil.model.identity import Identity, Role
from nfvigil.northbound.aodh import asking
from nfvigil.northbound.aodh.asking import by, listed, writable
from nfvigil.northbound.aodh.filters import (
    ALARMS,
    CHANGES,
    complex_order,
    complex_query,
    owners_asked,
    simple_query,
    sorts_of,
)
from nfvigil.store.event_alarm_query import Always, And, Is, Not, Or

pytestmark = pytest.mark.anyio
BODY: dict[str, Any] = {"name": "x", "type": "event", "event_rule": {}}
SECOND = 1_000_000


@pytest.mark.parametrize(
    ("names", "ops", "values", "trees"),
    [
        (["name"], [], ["x"], [Is("name", "=", "x")]),
        (["user", "project"], ["", "eq"], ["u", "p"], [Is("user_id", "=", "u"), Is("project_id", "=", "p")]),
        (["enabled"], ["eq"], ["Yes"], [Is("enabled", "=", 1)]),
        (["severity"], ["eq"], ["moderate"], [Is("severity", "=", 1)]),
        (["severity"], ["eq"], ["worst"], [Always(False)]),
        (["type"], [], ["event"], [Always(True)]),
        (["type"], [], ["threshold"], [Always(False)]),
    ],
)
def test_a_simple_query(names: list[str], ops: list[str], values: list[str], trees: list[Any]) -> None:
    assert simple_query(ALARMS, names, ops, values) == trees


def test_only_history_is_asked_by_time() -> None:
    (found,) = simple_query(CHANGES, ["timestamp"], ["gt"], ["1970-01-01T00:00:02+00:00"])
    assert found == Is("timestamp", ">", 2 * SECOND)
    with pytest.raises(RefusedError, match="unrecognized"):
        simple_query(ALARMS, ["timestamp"], ["gt"], ["2026-01-01"])


@pytest.mark.parametrize(
    ("names", "ops", "values", "reason"),
    [
        (["colour"], [], ["x"], "unrecognized field 'colour'"),
        (["name"], ["ne"], ["x"], "unimplemented operator"),
        (["name"], [], [], "each q.field has one"),
        (["name"], ["eq", "eq"], ["x"], "each q.field has one"),
        (["enabled"], [], ["maybe"], "true or false"),
        (["name"] * 101, [], ["x"] * 101, "more than 100"),
        (["name"], [], ["x" * 1025], "at most 1024"),
    ],
)
def test_a_simple_query_that_is_wrong(names: list[str], ops: list[str], values: list[str], reason: str) -> None:
    with pytest.raises(RefusedError, match=reason):
        simple_query(ALARMS, names, ops, values)


@pytest.mark.parametrize(
    ("given", "tree"),
    [
        ({"=": {"name": "x"}}, Is("name", "=", "x")),
        ({"eq": {"project": "p"}}, Is("project_id", "=", "p")),
        ({"=<": {"severity": "low"}}, Is("severity", "<=", 0)),
        ({"=": {"enabled": True}}, Is("enabled", "=", 1)),
        ({"=": {"name": 3.0}}, Is("name", "=", "3")),
        ({"=": {"name": 3.5}}, Is("name", "=", "3.5")),
        ({"IN": {"state": ["ok", "alarm"]}}, Is("state", "in", ("ok", "alarm"))),
        ({"!=": {"type": "event"}}, Always(False)),
        ({"in": {"type": ["event"]}}, Always(True)),
        ({"NOT": {"=": {"name": "x"}}}, Not(Is("name", "=", "x"))),
        ({"and": [{"=": {"name": "x"}}, {"=": {"state": "ok"}}]}, And((Is("name", "=", "x"), Is("state", "=", "ok")))),
        ({"or": [{"=": {"name": "x"}}, {"=": {"state": "ok"}}]}, Or((Is("name", "=", "x"), Is("state", "=", "ok")))),
        ({">": {"timestamp": "1970-01-01T00:00:01"}}, Is("timestamp", ">", SECOND)),
    ],
)
def test_a_complex_query(given: Any, tree: Any) -> None:
    assert complex_query(ALARMS, json.dumps(given)) == tree


def _deep(depth: int) -> Any:
    return {"not": _deep(depth - 1)} if depth else {"=": {"name": "x"}}


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ([], "one operator"),
        ({"=": {"name": "x"}, "!=": {"name": "y"}}, "one operator"),
        ({"and": [{"=": {"name": "x"}}]}, "two or more"),
        ({"=~": {"name": "x"}}, "no operator here"),
        ({"=": {"name": "x", "state": "ok"}}, "one field"),
        ({"=": {"colour": "x"}}, "unrecognized field"),
        ({"=": {"name": None}}, "one text"),
        ({"=": {"severity": "worst"}}, "severity is one of"),
        ({"=": {"timestamp": "yesterday"}}, "invalid timestamp"),
        ({"in": {"name": "x"}}, "takes a list"),
        ({"<": {"type": "event"}}, "only = and !="),
        (_deep(25), "deeper"),
        ({"or": [{"=": {"name": "x"}}] * 200}, "more than 100"),
        ({"=": {"name": "\0"}}, "at most 1024"),
    ],
)
def test_a_complex_query_that_is_wrong(given: Any, reason: str) -> None:
    with pytest.raises(RefusedError, match=reason):
        complex_query(ALARMS, json.dumps(given))


def test_a_query_that_is_no_json_is_refused_and_none_asks_for_all() -> None:
    for text in ("{", "[" * 100_000):
        with pytest.raises(RefusedError, match="not JSON"):
            complex_query(ALARMS, text)
    assert complex_query(ALARMS, None) == Always(True)


def test_orders_are_read_and_what_is_the_same_for_all_sorts_nothing() -> None:
    assert sorts_of(ALARMS, ["name", "severity:desc", "name:desc", "type:asc"]) == (("name", False), ("severity", True))
    assert complex_order(ALARMS, '[{"timestamp": "DESC"}]') == (("timestamp", True),)
    assert complex_order(ALARMS, None) == ()
    for wrong in (["colour"], ["name:up"]):
        with pytest.raises(RefusedError, match="sort"):
            sorts_of(ALARMS, wrong)
    for text in ("{}", '["name"]', '[{"a": "asc", "b": "asc"}]'):
        with pytest.raises(RefusedError, match="must be a list"):
            complex_order(ALARMS, text)


def test_whose_alarms_a_query_asks_for_is_seen() -> None:
    own, other = Is("project_id", "=", "a"), Is("project_id", "in", ("b", "c"))

    assert owners_asked(And((own, Or((Not(other), Is("name", "=", "x"))), Always(True))), "project_id") == [
        "a",
        "b",
        "c",
    ]


def test_who_may_change_what() -> None:
    assert writable(Identity(name="x", project="a", role=Role.ADMIN)) is None
    assert writable(Identity(name="x", project="a", role=Role.MEMBER, sees_all=True)) == "a"
    with pytest.raises(RefusedError, match="speaks for no project"):
        writable(Identity(name="x", project=None, role=Role.MEMBER))
    assert by(Identity(name="x", project=None, role=Role.ADMIN, id="u-1")) == ("", "u-1")


async def _pages(sizes: Sequence[int]) -> AsyncIterator[list[int]]:
    first = 0
    for size in sizes:
        yield list(range(first, first + size))
        first += size


@pytest.mark.parametrize("sizes", [[], [0], [2], [3, 3, 1], [3, 3], [3, 0]])
async def test_a_list_goes_out_whole_page_by_page(sizes: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "FULL", 3)

    answer = await listed(_pages(sizes), lambda one: {"n": one})

    body = answer.body if hasattr(answer, "body") else b"".join([part async for part in answer.body_iterator])
    assert [one["n"] for one in json.loads(body)] == list(range(sum(sizes)))


async def test_errors_are_in_aodhs_form_whoever_finds_them() -> None:
    call = make_world().call

    for method, path, body, person, status, said in (
        ("GET", "/v2/alarms", None, None, 401, "token"),
        ("POST", "/v2/alarms", BODY, "reader-a", 403, "role"),
        ("POST", "/v2/alarms", {"name": "x"}, "member-a", 400, "type: field required"),
        ("POST", "/v2/alarms", BODY | {"colour": 1}, "member-a", 400, "colour: is not known here"),
        ("POST", "/v2/alarms", BODY | {"type": "threshold"}, "member-a", 400, "only event is"),
        ("POST", "/v2/alarms", {"name": "x", "type": "event"}, "member-a", 400, "event_rule: must be set"),
        ("POST", "/v2/alarms", BODY | {"time_constraints": [{}]}, "member-a", 400, "time_constraints: are not"),
        ("POST", "/v2/alarms", BODY | {"project_id": "B"}, "member-a", 401, "access project B"),
        ("POST", "/v2/alarms", BODY | {"user_id": "b"}, "member-a", 401, "access user b"),
        ("POST", "/v2/alarms", BODY | {"ok_actions": ["LOG://"]}, "member-a", 401, "create action: LOG://"),
        ("GET", "/v2/alarms?limit=0", None, "member-a", 400, "limit"),
        ("GET", "/v2/alarms?colour=red", None, "member-a", 400, "colour: Unknown argument"),
        ("GET", "/v2/alarms?q.field=project_id&q.value=B", None, "member-a", 401, "access project B"),
        ("GET", "/v2/alarms?q.field=all_projects&q.value=true", None, "member-a", 403, "RBAC"),
        ("GET", "/v2/alarms/ea-b", None, "member-a", 404, "Alarm ea-b not found"),
        ("PUT", "/v2/alarms/ea-b", BODY, "member-a", 404, "Alarm ea-b not found"),
        ("PUT", "/v2/alarms/ea-a/state", "fine", "member-a", 400, "input should be 'ok'"),
        ("POST", "/v2/query/alarms", {"filter": '{"=": {"project_id": "B"}}'}, "member-a", 401, "project B"),
        ("POST", "/v2/query/alarms/history", {"filter": '{"=": {"on_behalf_of": "B"}}'}, "member-a", 401, "project B"),
        ("GET", "/v2/quotas?project_id=B", None, "member-a", 401, "access project B"),
        ("GET", "/v2/metrics", None, "member-a", 403, "metrics endpoint is disabled"),
    ):
        answer = await call(method, path, body, by=person)
        assert answer.status == status, (path, answer.body)
        fault = json.loads(answer.body)["error_message"]
        assert fault["faultcode"] == "Client"
        assert said in fault["faultstring"], (path, fault)


async def test_an_alarm_is_the_projects_unless_an_administrator_says_whose() -> None:
    call = make_world().call

    mine = json.loads((await call("POST", "/v2/alarms", BODY, by="member-a")).body)
    everybodys = json.loads((await call("POST", "/v2/alarms", BODY, by="admin")).body)
    for_b = json.loads((await call("POST", "/v2/alarms", BODY | {"project_id": "B"}, by="admin")).body)

    assert [one["project_id"] for one in (mine, everybodys, for_b)] == ["A", "", "B"]
    kept = call.app.state.parts.alarming.there
    assert [kept[one["alarm_id"]].is_operators for one in (mine, everybodys, for_b)] == [False, True, False]
    assert mine["description"] == "Alarm when * event occurred."
    assert mine["severity"] == "low"
    given = await call("PUT", f"/v2/alarms/{everybodys['alarm_id']}", everybodys | {"project_id": "B"}, by="admin")
    assert given.status == 200
    assert kept[everybodys["alarm_id"]].is_operators is False, "what is given away sees what its owner may see"


async def test_anybody_finds_the_version_and_a_member_the_rest() -> None:
    call = make_world().call

    for path in ("/v2",):
        assert '"id":"v2"' in (await call("GET", path, by=None)).body.decode()
    assert (await call("GET", "/v2/capabilities", by="reader-a")).status == 200
    quotas = json.loads((await call("GET", "/v2/quotas", by="reader-a")).body)
    assert quotas == {"project_id": "A", "quotas": [{"resource": "alarms", "limit": 10}]}
    shown = json.loads((await call("GET", "/v2/alarms/ea-a", by="reader-a")).body)
    assert shown["event_rule"]["query"][0]["value"] == "error"
    assert shown["timestamp"].startswith("20")
    assert not shown["timestamp"].endswith("Z")
    assert (await call("DELETE", "/v2/alarms/ea-a", by="member-a")).status == 204


async def test_where_there_are_no_event_alarms_that_is_said() -> None:
    world = make_world()
    object.__setattr__(world.call.app.state.parts, "alarming", None)

    assert (await world.call("GET", "/v2/alarms", by="member-a")).status == 404
