"""Accounts of clouds over the API: what is shown, changed and refused, and that no secret is in any answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from northbound_fakes import call, make_world
from northbound_vims import PLANTED

from nfvigil.model.vim_account import VimChange

pytestmark = pytest.mark.anyio

NEW: dict[str, Any] = {"name": "new", "driver": "cloud", "options": {"password": PLANTED, "hosts": 2}}


async def test_clouds_are_listed_in_pages_by_name_with_how_it_stands() -> None:
    world = make_world()

    page = (await world.call("GET", "/v1/vims?limit=1")).json
    rest = (await world.call("GET", f"/v1/vims?marker={page['next']}")).json

    assert [one["name"] for one in page["items"] + rest["items"]] == ["fixed", "lab"]
    assert page["items"][0]["state"] == "watched"
    assert page["items"][0]["counts"] == {"hosts": 3}
    assert page["items"][0]["created_time"] is None
    assert rest["items"][0]["error"] == "it does not answer"
    assert rest["next"] is None


async def test_one_is_shown_with_what_its_driver_tells_and_without_its_secrets() -> None:
    shown = (await make_world().call("GET", "/v1/vims/fixed")).json

    assert shown["options"] == {"password": "***", "hosts": 3}
    assert shown["told"] == {"release": "x"}
    assert shown["snapshot_age_seconds"] == 1.5
    assert shown["source"] == "settings"


async def test_how_well_one_is_known_is_shown_with_it_and_in_the_list() -> None:
    world = make_world()

    shown = (await world.call("GET", "/v1/vims/fixed")).json
    listed = (await world.call("GET", "/v1/vims")).json["items"]

    assert shown["readers"] == [{"name": "records", "interval_seconds": 10.0, "error": "KeyError"}]
    assert shown["conditions"] == ["unreachable"]
    assert shown["differences"] == {"added": 1, "changed": 0, "gone": 0}
    assert shown["attempted_time"].endswith("Z")
    names = ("snapshot_seconds", "period_seconds", "listing", "failures", "unconfirmed", "put_back")
    assert [shown[name] for name in names] == [0.25, 10.0, True, 2, 3, 4]
    assert listed[0] == {name: value for name, value in shown.items() if name != "told"}
    assert [listed[1][name] for name in names] == [None, None, False, 0, 0, 0]
    assert (listed[1]["attempted_time"], listed[1]["readers"], listed[1]["conditions"]) == (None, [], [])


async def test_polling_can_be_turned_off() -> None:
    world = make_world()

    answer = await world.call("POST", "/v1/vims", NEW | {"interval_seconds": -1})

    assert (answer.status, answer.json["interval_seconds"]) == (201, -1)


async def test_one_that_is_added_is_answered_with_its_place_and_noted() -> None:
    world = make_world()

    answer = await world.call("POST", "/v1/vims", NEW)

    assert answer.status == 201
    assert answer.headers["location"] == "/v1/vims/new"
    assert answer.headers["etag"] == (await world.call("GET", "/v1/vims/new")).headers["etag"]
    assert world.vims.kept["new"].options["password"] == PLANTED
    assert world.vims.kept["new"].created_by == "admin"
    assert world.store.notes == [("admin", "added a VIM", "new")]


async def test_the_same_key_adds_one() -> None:
    world = make_world()
    key = {"Idempotency-Key": "k-1"}

    first = await world.call("POST", "/v1/vims", NEW, headers=key)
    again = await world.call("POST", "/v1/vims", NEW, headers=key)
    other = await world.call("POST", "/v1/vims", NEW, headers={"Idempotency-Key": "k-2"})

    assert (first.status, again.status, other.status) == (201, 201, 409)
    assert first.json == again.json


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "Not A Name"}, "name"),
        ({"name": "x" * 33}, "name"),
        ({"driver": "nope"}, "driver"),
        ({"driver": ""}, "driver"),
        ({"options": []}, "options"),
        ({"options": {"a": "\x00"}}, "options"),
        ({"options": {"a\x00": 1}}, "options"),
        ({"options": {"a": [1] * 1001}}, "options"),
        ({"options": {"a": [[[[[[[[[1]]]]]]]]]}}, "options"),
        ({"options": {f"a{number}": 1 for number in range(101)}}, "options"),
        ({"options": {"a": 2**63}}, "options"),
        ({"interval_seconds": 0.5}, "interval_seconds"),
        ({"interval_seconds": -0.5}, "interval_seconds"),
        ({"interval_seconds": -2}, "interval_seconds"),
        ({"interval_seconds": "60"}, "interval_seconds"),
        ({"enabled": "yes"}, "enabled"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
async def test_what_is_wrong_is_named_by_field_and_nothing_is_kept(change: dict[str, Any], field: str) -> None:
    world = make_world()

    for path in ("/v1/vims", "/v1/vims/check") if field != "driver" else ("/v1/vims",):
        answer = await world.call("POST", path, NEW | change)
        assert answer.status == 400
        assert [error["field"] for error in answer.problem["errors"]] == [field]
        assert PLANTED not in answer.body.decode()

    assert "new" not in world.vims.kept
    assert world.store.notes == []


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", '"\\ud800"'])
async def test_what_other_readers_of_json_take_for_something_else_is_refused(number: str) -> None:
    body = json.dumps(NEW).replace('"hosts": 2', f'"hosts": {number}').encode()

    answer = await make_world().call("POST", "/v1/vims", body)

    assert answer.status == 400
    assert answer.problem["errors"][0]["field"] == "options"


async def test_a_change_is_for_who_has_seen_what_it_changes() -> None:
    world = make_world()
    seen = (await world.call("GET", "/v1/vims/lab")).headers["etag"]

    changed = await world.call("PATCH", "/v1/vims/lab", {"options": {"hosts": 4}}, headers={"If-Match": seen})
    late = await world.call("PATCH", "/v1/vims/lab", {"enabled": False}, headers={"If-Match": seen})
    gone = await world.call("DELETE", "/v1/vims/lab", headers={"If-Match": seen})

    assert (changed.status, late.status, gone.status) == (200, 412, 412)
    assert changed.json["options"] == {"password": "***", "hosts": 4}
    assert changed.headers["etag"] != seen
    assert world.vims.changes == [("lab", VimChange(options={"hosts": 4}), 1_700_000_000_000_000)]
    assert (await world.call("DELETE", "/v1/vims/lab", headers={"If-Match": changed.headers["etag"]})).status == 204
    assert [note[1] for note in world.store.notes] == ["changed a VIM", "removed a VIM"]


async def test_the_etag_is_the_accounts_and_not_of_how_it_stands() -> None:
    world = make_world()
    seen = (await world.call("GET", "/v1/vims/fixed")).headers["etag"]

    assert (await world.call("GET", "/v1/vims/fixed", headers={"If-None-Match": seen})).status == 200


async def test_a_secret_that_is_only_left_does_not_go_to_another_address() -> None:
    world = make_world()

    kept = await world.call("PATCH", "/v1/vims/lab", {"options": {"password": "***"}})
    moved = await world.call("PATCH", "/v1/vims/lab", {"options": {"auth_url": "https://evil.example/"}})

    assert kept.status == 200
    assert world.vims.kept["lab"].options["password"] == PLANTED
    assert moved.status == 400
    assert moved.problem["errors"][0]["field"] == "options.auth_url"


@pytest.mark.parametrize(("method", "body"), [("PATCH", {"enabled": False}), ("DELETE", None)])
async def test_those_of_the_settings_are_not_changed_here(method: str, body: Any) -> None:
    answer = await make_world().call(method, "/v1/vims/fixed", body)

    assert answer.status == 409
    assert "in the settings" in answer.problem["detail"]


@pytest.mark.parametrize(
    ("method", "address", "body"),
    [
        ("GET", "/v1/vims/nobody", None),
        ("PATCH", "/v1/vims/nobody", {}),
        ("DELETE", "/v1/vims/nobody", None),
        ("POST", "/v1/vims/nobody/check", None),
        ("POST", "/v1/vims/nobody/refresh", None),
    ],
)
async def test_what_there_is_not_is_not_found(method: str, address: str, body: Any) -> None:
    assert (await make_world().call(method, address, body)).status == 404


async def test_a_check_says_what_is_not_well_and_what_to_do() -> None:
    world = make_world()

    stored = (await world.call("POST", "/v1/vims/lab/check")).json
    new = (await world.call("POST", "/v1/vims/check", NEW)).json

    assert not stored["ok"]
    assert stored["items"][1] == {
        "what": "role",
        "ok": False,
        "detail": "no admin",
        "advice": "openstack role add ...",
    }
    assert new == {"ok": True, "items": [{"what": "login", "ok": True, "detail": "cloud", "advice": ""}]}
    assert "new" not in world.vims.kept
    assert [note[1] for note in world.store.notes] == ["checked a VIM", "checked a VIM that is not kept"]


async def test_a_listing_is_asked_for() -> None:
    world = make_world()

    answer = await world.call("POST", "/v1/vims/lab/refresh")

    assert answer.status == 202
    assert world.vims.refreshed == ["lab"]


async def test_no_answer_holds_a_secret() -> None:
    world = make_world()
    asked: list[tuple[str, str, Any]] = [
        ("POST", "/v1/vims", NEW),
        ("POST", "/v1/vims", NEW),
        ("POST", "/v1/vims/check", NEW),
        ("POST", "/v1/vims", NEW | {"name": "n", "options": {"password": PLANTED, "x": "\x00"}}),
        ("GET", "/v1/vims", None),
        ("GET", "/v1/vims/new", None),
        ("PATCH", "/v1/vims/new", {"options": {"token": PLANTED}}),
        ("POST", "/v1/vims/new/check", None),
        ("POST", "/v1/vims/new/refresh", None),
    ]

    for method, address, body in asked:
        answer = await world.call(method, address, body)
        assert PLANTED.encode() not in answer.body, (method, address)
    assert PLANTED not in repr(world.store.notes)
    assert PLANTED not in repr(world.vims)


async def test_a_strangers_credentials_are_not_read() -> None:
    world = make_world()

    answer = await call(world.call.app, "POST", "/v1/vims", b"{" * 3_000_000, {"content-type": "application/json"})

    assert answer.status == 401
