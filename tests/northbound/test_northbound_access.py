"""Who may do what, and who sees what."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from northbound_fakes import NOW, PEOPLE, call, make_world
from northbound_ves import STORED

from nfvigil.model.recovery import HoldView, RecoveryView
from nfvigil.model.subscription import Subscription
from nfvigil.northbound.auth import DEVELOPER, PREFIX, Guard, create_token, hash_of
from nfvigil.northbound.openapi import describe
from nfvigil.ves.config import read_config

pytestmark = pytest.mark.anyio

SUBSCRIPTION = {"endpoints": [{"url": "http://consumer.example/a"}]}
RECOVERY: dict[str, Any] = {"do": {"host_down": {"action": "evacuate", "after_seconds": 0}}}
READ, WRITE, ADMIN = "read", "write", "admin"

ROUTES: list[tuple[str, str, Any, str]] = [
    ("GET", "/v1/alarms", None, READ),
    ("GET", "/v1/alarms/a-1", None, READ),
    ("GET", "/v1/alarms/a-1/history", None, READ),
    ("GET", "/v1/alarms/a-1/explain", None, READ),
    ("POST", "/v1/alarms/a-1/ack", None, WRITE),
    ("DELETE", "/v1/alarms/a-1/ack", None, WRITE),
    ("POST", "/v1/alarms/a-1/comments", {"text": "seen"}, WRITE),
    ("POST", "/v1/alarms/host-alarm/clear", None, ADMIN),
    ("GET", "/v1/audit", None, ADMIN),
    ("GET", "/v1/audit/cadf", None, ADMIN),
    ("GET", "/v1/events", None, ADMIN),
    ("GET", "/v1/events/7", None, ADMIN),
    ("GET", "/v1/faults", None, ADMIN),
    ("GET", "/v1/faults/f-1", None, ADMIN),
    ("GET", "/v1/faults/a-1/profile", None, READ),
    ("GET", "/v1/profiles/summary", None, ADMIN),
    ("GET", "/v1/subscriptions", None, READ),
    ("POST", "/v1/subscriptions", SUBSCRIPTION, WRITE),
    ("GET", "/v1/subscriptions/s-a", None, READ),
    ("GET", "/v1/subscriptions/s-a/deliveries", None, READ),
    ("POST", "/v1/subscriptions/s-a/test", None, WRITE),
    ("POST", "/v1/subscriptions/s-a/replay?after=0", None, WRITE),
    ("POST", "/v1/subscriptions/s-a/pause", None, WRITE),
    ("POST", "/v1/subscriptions/s-a/resume", None, WRITE),
    ("DELETE", "/v1/subscriptions/s-a", None, WRITE),
    ("PUT", "/v1/event-alarms/ea-a/auto-ok", {"auto_ok": True}, WRITE),
    ("PATCH", "/v1/subscriptions/s-a", {"name": "new"}, WRITE),
    ("GET", "/v1/subscriptions/s-a/resources", None, READ),
    ("POST", "/v1/subscriptions/s-a/deliveries/replay", {"endpoint_id": "e-1", "sequence": 1}, WRITE),
    ("GET", "/v1/deliveries", None, READ),
    ("GET", "/v1/resources?kind=server", None, READ),
    ("GET", "/v1/resources/server/s-a", None, READ),
    ("GET", "/v1/resources/host/compute-1/impact", None, ADMIN),
    ("GET", "/v1/capacity", None, ADMIN),
    ("GET", "/v1/actions", None, READ),
    ("POST", "/v1/instructions", {"action": "reboot", "target": "server/s-a"}, WRITE),
    ("GET", "/v1/instructions", None, READ),
    ("GET", "/v1/instructions/1-do-1", None, READ),
    ("GET", "/v1/recovery", None, READ),
    ("GET", "/v1/recovery/server/s-a", None, READ),
    ("PUT", "/v1/recovery/server/s-a", RECOVERY, WRITE),
    ("DELETE", "/v1/recovery/server/s-a", None, WRITE),
    ("GET", "/v1/brakes", None, ADMIN),
    ("PUT", "/v1/brakes/automation", {"on": False, "reason": "a storm"}, ADMIN),
    ("PUT", "/v1/brakes/holds/cloud", {"reason": "a storm"}, ADMIN),
    ("POST", "/v1/brakes/holds/held/release", {"reason": "it is over"}, ADMIN),
    ("POST", "/v1/hosts/compute-1/confirm-off", {"reason": "I pulled its plugs"}, ADMIN),
    ("GET", "/v1/hosts/compute-1/power", None, ADMIN),
    ("GET", "/v1/policies", None, ADMIN),
    ("GET", "/v1/policies/test", None, ADMIN),
    ("POST", "/v1/policies", {"text": "name: test"}, ADMIN),
    ("POST", "/v1/policies/lint", {"text": "name: test"}, ADMIN),
    ("POST", "/v1/policies/dry-run", {}, ADMIN),
    ("POST", "/v1/policies/test/rollback", {}, ADMIN),
    ("POST", "/v1/replay", {}, ADMIN),
    ("GET", "/v1/vnfs", None, READ),
    ("POST", "/v1/vnfs", {"project": "A"}, WRITE),
    ("GET", "/v1/vnfs/v-a", None, READ),
    ("PUT", "/v1/vnfs/v-a", {"name": "core"}, WRITE),
    ("DELETE", "/v1/vnfs/v-a", None, WRITE),
    ("GET", "/v1/vnfs/changes", None, READ),
    ("POST", "/v1/vnfs/import", {"project": "A", "vnfr": {"id": "new", "vdur": []}}, WRITE),
    ("GET", "/v1/vnfs/v-a/history", None, READ),
    ("GET", "/v1/vnfs/v-a/details", None, READ),
    ("GET", "/v1/vnfs/v-a/vnfr", None, READ),
    ("GET", "/v1/vims", None, ADMIN),
    ("POST", "/v1/vims", {"name": "new", "driver": "cloud"}, ADMIN),
    ("POST", "/v1/vims/check", {"name": "new", "driver": "cloud"}, ADMIN),
    ("GET", "/v1/vims/lab", None, ADMIN),
    ("PATCH", "/v1/vims/lab", {"enabled": False}, ADMIN),
    ("DELETE", "/v1/vims/lab", None, ADMIN),
    ("POST", "/v1/vims/lab/check", None, ADMIN),
    ("POST", "/v1/vims/lab/refresh", None, ADMIN),
    ("GET", "/v1/vims/lab/ves", None, ADMIN),
    ("PUT", "/v1/vims/lab/ves", STORED["vesagent_config"], ADMIN),
    ("POST", "/v1/vims/lab/ves/test", None, ADMIN),
    ("DELETE", "/v1/vims/lab/ves", None, ADMIN),
    ("GET", "/v1/tokens", None, ADMIN),
    ("POST", "/v1/tokens", {"role": "reader"}, ADMIN),
    ("GET", "/v1/tokens/monitor", None, ADMIN),
    ("DELETE", "/v1/tokens/monitor", None, ADMIN),
    ("GET", "/v1/monitor-keys", None, ADMIN),
    ("POST", "/v1/monitor-keys", {"name": "ping"}, ADMIN),
    ("GET", "/v1/monitor-keys/k-1", None, ADMIN),
    ("DELETE", "/v1/monitor-keys/k-1", None, ADMIN),
    ("GET", "/v1/simulation", None, ADMIN),
    ("PUT", "/v1/simulation", {"failure": {"kind": "dead"}}, ADMIN),
    ("POST", "/v1/simulation/hosts/compute-1", {"power": "off"}, ADMIN),
    ("POST", "/v1/simulation/changes", {"gone": []}, ADMIN),
]
MAY = {
    "admin": {READ, WRITE, ADMIN},
    "member-a": {READ, WRITE},
    "reader-a": {READ},
    "monitor": set(),
}


def world_with_subscription(**more: Any) -> Any:
    world = make_world(**more)
    for id, project in (("s-a", "A"), ("s-b", "B"), ("s-admin", "")):
        world.store.subscribed[id] = Subscription(id=id, project=project, created_us=NOW)
    for key, project in (("server/s-a", "A"), ("server/s-b", "B")):
        world.recovery.defined[key] = RecoveryView(resource=key, project=project, by="x", set_us=NOW, do=RECOVERY["do"])
    world.call.parts.ves.kept["lab"] = read_config("lab", STORED)
    world.recovery.holds["held"] = HoldView(vim="held", since_us=NOW, by="nfvigil", text="3 hosts failed")
    return world


@pytest.mark.parametrize(("method", "address", "body", "needs"), ROUTES, ids=[f"{r[0]} {r[1]}" for r in ROUTES])
async def test_every_operation_is_for_those_it_is_meant_for(method: str, address: str, body: Any, needs: str) -> None:
    stranger = await world_with_subscription().call(method, address, body, by=None)
    assert stranger.status == 401
    assert stranger.headers["www-authenticate"] == "Bearer"
    assert "token" in stranger.problem["detail"]

    for person, may in MAY.items():
        answer = await world_with_subscription().call(method, address, body, by=person)
        if needs in may:
            assert answer.status in (200, 201, 202, 204), (person, answer)
        else:
            assert answer.status == 403, (person, answer)
            assert answer.problem["status"] == 403


def test_the_table_of_operations_is_complete() -> None:
    world = make_world()
    document = describe(world.call.app, {})
    operations = {
        (method.upper(), path) for path, item in document["paths"].items() for method in item if path.startswith("/v1/")
    }

    apart = {("GET", "/v1/alarms/stream"), ("GET", "/v1/physical-resources")}  # have tests of their own
    assert len(operations - apart) == len(ROUTES)


OTHERS = [
    ("GET", "/v1/alarms/b-1", None),
    ("GET", "/v1/alarms/b-1/history", None),
    ("GET", "/v1/alarms/b-1/explain", None),
    ("GET", "/v1/alarms/host-alarm", None),
    ("GET", "/v1/alarms/for-admin", None),
    ("POST", "/v1/alarms/b-1/ack", None),
    ("DELETE", "/v1/alarms/b-1/ack", None),
    ("POST", "/v1/alarms/b-1/comments", {"text": "hello"}),
    ("GET", "/v1/faults/b-1/profile", None),
    ("GET", "/v1/faults/f-1/profile", None),
    ("GET", "/v1/vnfs/v-b", None),
    ("GET", "/v1/vnfs/v-b?project=B", None),
    ("GET", "/v1/vnfs/v-b/history", None),
    ("GET", "/v1/vnfs/v-b/details?component=c-b", None),
    ("GET", "/v1/vnfs/v-b/vnfr?project=B", None),
    ("PUT", "/v1/vnfs/v-b", {"name": "mine"}),
    ("DELETE", "/v1/vnfs/v-b", None),
    ("GET", "/v1/subscriptions/s-b", None),
    ("GET", "/v1/subscriptions/s-admin", None),
    ("DELETE", "/v1/subscriptions/s-b", None),
    ("POST", "/v1/subscriptions/s-b/test", None),
    ("POST", "/v1/subscriptions/s-b/replay?after=0", None),
    ("POST", "/v1/subscriptions/s-b/pause", None),
    ("GET", "/v1/subscriptions/s-b/deliveries", None),
    ("PATCH", "/v1/subscriptions/s-b", {"name": "mine"}),
    ("GET", "/v1/subscriptions/s-b/resources", None),
    ("POST", "/v1/subscriptions/s-b/deliveries/replay", {"endpoint_id": "e-1", "sequence": 1}),
    ("GET", "/v1/resources/server/s-b", None),
    ("GET", "/v1/resources/host/compute-1", None),
    ("POST", "/v1/instructions", {"action": "reboot", "target": "server/s-b"}),
    ("POST", "/v1/instructions?dry_run=true", {"action": "reboot", "target": "host/compute-1"}),
    ("GET", "/v1/instructions/2-do-2", None),
    ("GET", "/v1/recovery/server/s-b", None),
    ("PUT", "/v1/recovery/server/s-b", RECOVERY),
    ("PUT", "/v1/recovery/project/B", RECOVERY),
    ("DELETE", "/v1/recovery/server/s-b", None),
]


@pytest.mark.parametrize(("method", "address", "body"), OTHERS, ids=[f"{r[0]} {r[1]}" for r in OTHERS])
async def test_what_is_anothers_looks_as_if_it_were_not_there(method: str, address: str, body: Any) -> None:
    world = world_with_subscription()

    answer = await world.call(method, address, body, by="member-a")

    assert answer.status == 404
    # Word for word what is said of a thing that nobody has.
    nobodys = address.replace("b-1", "no-1").replace("s-b", "no-1").replace("s-admin", "no-1").replace("f-1", "no-1")
    nobodys = nobodys.replace("host-alarm", "no-1").replace("for-admin", "no-1").replace("compute-1", "no-1")
    nobodys = nobodys.replace("2-do-2", "2-do-9").replace("project/B", "project/no-1")
    if body and "target" in body:
        body = body | {"target": "server/no-1"}
    assert answer.body == (await world.call(method, nobodys, body, by="member-a")).body


async def test_lists_hold_only_what_is_the_projects_own() -> None:
    world = world_with_subscription()

    for address in (
        "/v1/alarms?state=all",
        "/v1/alarms?changed_after=0",
        "/v1/subscriptions",
        "/v1/actions",
        "/v1/instructions",
        "/v1/recovery",
    ):
        shown = (await world.call("GET", address, by="member-a")).json["items"]
        assert {one.get("project_id", one.get("project")) for one in shown} == {"A"}, address
    servers = (await world.call("GET", "/v1/resources?kind=server", by="member-a")).json["items"]
    assert [one["key"] for one in servers] == ["server/s-a"]
    assert (await world.call("GET", "/v1/resources?kind=host", by="member-a")).json["items"] == []


@pytest.mark.parametrize(
    "address",
    [
        "/v1/alarms",
        "/v1/subscriptions",
        "/v1/actions",
        "/v1/resources?kind=server",
        "/v1/instructions",
        "/v1/recovery",
    ],
)
async def test_a_token_that_lacks_its_project_sees_nothing_rather_than_all(address: str) -> None:
    answer = await world_with_subscription().call("GET", address, by="member-nowhere")

    assert answer.json["items"] == []


@pytest.mark.parametrize(
    "address",
    [
        "/v1/alarms?state=all",
        "/v1/alarms/a-1/explain",
        "/v1/alarms/a-1/history",
        "/v1/actions",
        "/v1/faults/a-1/profile",
        "/v1/resources?kind=server",
        "/v1/resources/server/s-a",
        "/v1/instructions",
        "/v1/instructions/3-do-3",
        "/v1/recovery",
    ],
)
async def test_a_project_reads_no_name_of_a_host_and_no_id_of_the_root_cause(address: str) -> None:
    answer = await make_world().call("GET", address, by="member-a")

    assert answer.status == 200
    for secret in (b"compute-1", b"host-alarm", b"f-1", b"host_down", b"s-b"):
        assert secret not in answer.body


async def test_a_project_asks_in_vain_for_another() -> None:
    world = make_world()

    for address in ("/v1/alarms?project=B", "/v1/resources?kind=server&project=B"):
        answer = await world.call("GET", address, by="member-a")
        assert answer.status == 403
        assert answer.problem["errors"][0]["field"] == "project"
    assert (await world.call("GET", "/v1/alarms?project=B")).json["items"][0]["project_id"] == "B"


async def test_metrics_are_for_administrators_and_readers_without_a_project() -> None:
    world = make_world()

    for person in PEOPLE:
        answer = await world.call("GET", "/metrics", by=person)
        assert answer.status == (200 if person in ("admin", "scraper") else 403), person
    assert (await world.call("GET", "/metrics", by=None)).status == 401


async def test_both_headers_carry_a_token() -> None:
    world = make_world()
    token = world.call.tokens["reader-a"]

    for headers in (
        {"X-Auth-Token": token},
        {"Authorization": f"Bearer {token}"},
        {"Authorization": f"bearer {token}"},
    ):
        assert (await world.call("GET", "/v1/alarms", by=None, headers=headers)).status == 200
    for headers in ({"Authorization": f"Basic {token}"}, {"X-Auth-Token": ""}, {"X-Auth-Token": "nfv_ü"}):
        latin = {name: value.encode("latin-1", "replace").decode("latin-1") for name, value in headers.items()}
        assert (await world.call("GET", "/v1/alarms", by=None, headers=latin)).status == 401


async def test_development_mode_makes_those_without_a_token_administrators_and_no_others() -> None:
    world = make_world(dev=True)

    assert (await world.call("GET", "/v1/events", by=None)).status == 200
    assert (await world.call("GET", "/v1/events", by="member-a")).status == 403
    assert (await world.call("GET", "/v1/events", by=None, headers={"X-Auth-Token": "wrong"})).status == 401


async def test_a_token_is_asked_for_once_in_five_seconds() -> None:
    world = make_world()
    token = world.call.tokens["monitor"]

    assert {(await world.guard.identify(token)).name for _ in range(100)} == {"monitor"}
    assert world.store.asked_for_tokens == 1

    del world.store.tokens[hash_of(token)]
    world.now[0] += 4_900_000
    assert await world.guard.identify(token) is not None
    world.now[0] += 200_000
    assert await world.guard.identify(token) is None


async def test_a_token_ends_at_its_time_even_if_it_was_just_believed() -> None:
    world = make_world()
    token = world.call.tokens["reader-a"]
    hashed = hash_of(token)
    world.store.tokens[hashed] = msgspec.structs.replace(world.store.tokens[hashed], expires_us=NOW + 1_000_000)

    assert await world.guard.identify(token) is not None
    world.now[0] += 1_000_000
    assert await world.guard.identify(token) is None


async def test_a_revoked_token_is_refused_at_once_where_the_guard_is_told() -> None:
    world = make_world()
    token = world.call.tokens["reader-a"]
    assert await world.guard.identify(token) is not None
    record = world.store.tokens[hash_of(token)]
    world.store.tokens[hash_of(token)] = msgspec.structs.replace(record, revoked_us=NOW)
    world.guard.forget(hash_of(token))

    assert await world.guard.identify(token) is None


async def test_what_cannot_be_a_token_does_not_reach_the_store_and_the_cache_is_bounded() -> None:
    world = make_world()
    guard = Guard(store=world.store, clock=lambda: NOW, cache_size=10)

    assert await guard.identify("x" * 40) is None
    assert await guard.identify(PREFIX + "x" * 10_000) is None
    assert world.store.asked_for_tokens == 0
    for number in range(50):
        assert await guard.identify(f"{PREFIX}{number}") is None
    assert len(guard._local) == 10


def test_a_token_is_long_recognisable_and_kept_as_a_hash() -> None:
    token, hashed = create_token()

    assert token.startswith("nfv_")
    assert len(token) >= 47
    assert hashed == hash_of(token)
    assert token not in hashed
    assert create_token()[0] != token
    assert DEVELOPER.is_admin


async def test_a_strangers_body_is_not_read() -> None:
    world = make_world()

    answer = await call(world.call.app, "POST", "/v1/policies", b"x" * 3_000_000, {"content-type": "application/json"})

    assert answer.status == 401
