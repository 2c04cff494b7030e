"""Tokens and monitors' keys over the API: made, shown once, listed, taken back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from northbound_credentials import FakeCredentials, make_credentials
from northbound_fakes import NOW, make_world

from nfvigil.errors import ConflictError, RefusedError
from nfvigil.model.identity import Role
from nfvigil.model.times import SECOND
from nfvigil.northbound.access.credentials import MONITOR_KEYS_MAX, Credentials
from nfvigil.northbound.access.local import hash_of
from nfvigil.sealing.keys import Keys, NoKeyError

pytestmark = pytest.mark.anyio


def at(seconds: float) -> str:
    return datetime.fromtimestamp(NOW / SECOND + seconds, UTC).isoformat().replace("+00:00", "Z")


async def test_a_token_is_shown_once_and_is_good_at_once() -> None:
    world = make_world()

    made = await world.call("POST", "/v1/tokens", {"role": "member", "project": "A", "name": "vnfm"})

    assert made.status == 201
    token = made.json["token"]
    assert made.headers["location"] == f"/v1/tokens/{made.json['id']}"
    assert made.headers["cache-control"] == "no-store"
    world.call.tokens["new"] = token
    assert (await world.call("GET", "/v1/alarms", by="new")).status == 200
    shown = (await world.call("GET", f"/v1/tokens/{made.json['id']}")).json
    assert shown == {name: value for name, value in made.json.items() if name != "token"}
    listed = await world.call("GET", "/v1/tokens?limit=1000")
    assert token.encode() not in listed.body
    assert hash_of(token).encode() not in listed.body
    assert world.store.notes[-1] == ("admin", "made a token", made.json["id"]), world.store.notes
    assert token not in str(world.store.notes)


async def test_a_token_that_is_revoked_is_not_believed_any_more() -> None:
    world = make_world()
    assert (await world.call("GET", "/v1/alarms", by="reader-a")).status == 200

    assert (await world.call("DELETE", "/v1/tokens/reader-a")).status == 204

    assert (await world.call("GET", "/v1/alarms", by="reader-a")).status == 401
    assert (await world.call("GET", "/v1/tokens/reader-a")).json["revoked_time"] is not None
    for id in ("reader-a", "nobody"):
        assert (await world.call("DELETE", f"/v1/tokens/{id}")).status == 404


async def test_a_token_ends_when_it_is_said_to() -> None:
    world = make_world()
    made = await world.call("POST", "/v1/tokens", {"role": "reader", "project": "A", "expires_time": at(60)})
    world.call.tokens["short"] = made.json["token"]

    assert (await world.call("GET", "/v1/alarms", by="short")).status == 200
    world.now[0] += 60 * SECOND
    assert (await world.call("GET", "/v1/alarms", by="short")).status == 401


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"role": "member"}, "project"),
        ({"role": "manager"}, "project"),
        ({"role": "admin", "project": "A"}, "project"),
        ({"role": "monitor", "project": "A"}, "project"),
        ({"role": "root"}, "role"),
        ({}, "role"),
        ({"role": "reader", "expires_time": at(0)}, "expires"),
        ({"role": "reader", "expires_time": "tomorrow"}, "expires_time"),
        ({"role": "reader", "name": "a\u2028b"}, "name"),
        ({"role": "reader", "project": "a\u202eb"}, "project"),
        ({"role": "reader", "nme": "x"}, "nme"),
    ],
)
async def test_what_is_wrong_with_a_token_is_said_by_field(body: dict[str, Any], field: str) -> None:
    answer = await make_world().call("POST", "/v1/tokens", body)

    assert answer.status == 400
    assert field in {error["field"] for error in answer.problem["errors"]}


async def test_a_service_may_speak_for_a_project_or_for_none() -> None:
    world = make_world()

    for project in (None, "A"):
        made = await world.call("POST", "/v1/tokens", {"role": "service", "project": project})
        assert (made.status, made.json["project"], made.json["name"]) == (201, project, "service")


async def test_lists_come_in_pages_and_parameters_that_there_are_not_are_refused() -> None:
    world = make_world()
    everything = (await world.call("GET", "/v1/tokens")).json["items"]

    found: list[Any] = []
    marker = ""
    while True:
        page = (await world.call("GET", f"/v1/tokens?limit=3{marker}")).json
        found += page["items"]
        if page["next"] is None:
            break
        marker = f"&marker={page['next']}"

    assert found == everything
    assert len(found) == 7
    for address in ("/v1/tokens?role=admin", "/v1/monitor-keys?name=ping"):
        assert (await world.call("GET", address)).status == 400


async def test_a_monitors_key_is_shown_once_and_taken_back() -> None:
    world = make_world()

    made = await world.call("POST", "/v1/monitor-keys", {"name": "bmc", "expires_time": at(3600)})

    assert made.status == 201
    assert made.json["key"].startswith("whsec_")
    assert (made.json["name"], made.json["created_by"]) == ("bmc", "admin")
    assert made.headers["cache-control"] == "no-store"
    listed = await world.call("GET", "/v1/monitor-keys")
    assert {one["name"] for one in listed.json["items"]} == {"bmc", "ping"}
    assert b"whsec_" not in listed.body
    assert b"gAAAA" not in listed.body
    address = made.headers["location"]
    assert (await world.call("GET", address)).json["revoked_time"] is None
    assert (await world.call("DELETE", address)).status == 204
    assert (await world.call("GET", address)).json["revoked_time"] is not None
    assert (await world.call("DELETE", address)).status == 404
    assert (await world.call("GET", "/v1/monitor-keys/nobody")).status == 404
    assert made.json["key"] not in str(world.store.notes)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x", "expires_time": at(-1)}, "expires"),
        ({"name": "\u2028"}, "name"),
    ],
)
async def test_what_is_wrong_with_a_key_is_said_by_field(body: dict[str, Any], field: str) -> None:
    answer = await make_world().call("POST", "/v1/monitor-keys", body)

    assert answer.status == 400
    assert field in {error["field"] for error in answer.problem["errors"]}


async def test_there_is_an_end_to_the_keys_in_use() -> None:
    credentials = make_credentials({}, lambda: NOW)
    for number in range(MONITOR_KEYS_MAX - 1):  # and the one that is there
        await credentials.create_monitor_key(name=f"m{number}")

    with pytest.raises(ConflictError, match="revoke some"):
        await credentials.create_monitor_key(name="one-too-many")
    await credentials.revoke_monitor_key("k-1")
    await credentials.create_monitor_key(name="now")
    with pytest.raises(RefusedError, match="who signs"):
        await credentials.create_monitor_key(name="")


async def test_a_key_is_not_kept_in_the_open_and_not_beside_keys_that_are_missing(tmp_path: Any) -> None:
    def with_keys(keys: Keys, kept: FakeCredentials) -> Credentials:
        return Credentials(store=kept, keys=keys, clock=lambda: NOW, new_id=lambda: "new")

    with pytest.raises(NoKeyError):
        await with_keys(Keys(), FakeCredentials({}, kept_keys={})).create_monitor_key(name="ping")
    with pytest.raises(ConflictError, match="missing"):
        await with_keys(Keys(path=tmp_path / "keys"), FakeCredentials({})).create_monitor_key(name="ping")

    kept = FakeCredentials({}, kept_keys={})
    _, key = await with_keys(Keys(path=tmp_path / "keys"), kept).create_monitor_key(name="ping")
    assert (tmp_path / "keys").exists(), "the first one makes it"
    assert key.encode() not in kept.kept_keys["new"].key


async def test_a_role_that_needs_nothing_is_named_after_itself() -> None:
    record, _ = await make_credentials({}, lambda: NOW).create_token(role=Role.READER, project="")

    assert (record.name, record.project) == ("reader", None)
