"""The API over the real store and the real event doors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from datetime import UTC
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from northbound_fakes import DECISION, EVENT, FAULT, NOW, PEOPLE, Client, action, described, first_alarms, make_world
from starlette.applications import Starlette
from test_northbound_schema import served

from nfvigil.model.alarm import HistoryEntry
from nfvigil.model.change import Change
from nfvigil.model.event import Event
from nfvigil.model.ids import EventIds
from nfvigil.model.notification import Delivery, Notification
from nfvigil.model.subscription import Endpoint, Subscription
from nfvigil.model.verdict import News
from nfvigil.northbound.api import new_id
from nfvigil.northbound.auth import Guard, create_token
from nfvigil.northbound.event_doors import event_paths
from nfvigil.southbound.doors import routes
from nfvigil.southbound.formats import load_formats
from nfvigil.southbound.intake import Intake
from nfvigil.store import Store, TokenRecord, open_store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await open_store(f"sqlite:///{tmp_path}/n.db", node="n", clock=lambda: NOW)
    await store.add_events([EVENT])
    subscription = Subscription(
        id="s-a", project="A", endpoints=(Endpoint(id="e-1", url="http://a.example/"),), created_us=NOW
    )
    await store.put_subscription(subscription)
    await store.add_policy("test", "name: test")
    await store.commit(
        Change(
            decisions=(DECISION,),
            faults=(FAULT,),
            alarms=tuple(first_alarms().values()),
            history=(HistoryEntry(alarm_id="a-1", at_us=NOW, what="raised", event_id=7),),
            actions=(action("x-a", "server/s-a", "A", "a-1"), action("x-b", "server/s-b", "B", "b-1")),
            notifications=(
                Notification(id="n-1", subscription="s-a", seq=1, news=News.RAISED, created_us=NOW, event_id=7),
            ),
            deliveries=(Delivery(id="d-1", notification="n-1", subscription="s-a", endpoint="e-1", seq=1),),
            cursor=7,
        )
    )
    yield store
    await store.close()


@pytest.fixture
async def ask(store: Store) -> Client:
    world = make_world()
    tokens = {}
    for name, (project, role) in PEOPLE.items():
        tokens[name], hashed = create_token()
        await store.add_token(TokenRecord(id=name, hash=hashed, name=name, project=project, role=role, created_us=NOW))
    client = Client(world.call.app, tokens)
    client.parts = replace(
        world.call.parts,
        store=store,
        guard=Guard(store=store, clock=lambda: NOW),
        clock=lambda: NOW + 10_000_000,
        read_event=lambda body: EVENT,
        new_id=new_id,
        vnf=world.call.parts.vnf,
    )
    return client


@pytest.mark.anyio
async def test_every_question_is_answered_from_the_store(ask: Client) -> None:
    for address in (
        "/v1/alarms",
        "/v1/alarms?state=all&severity=critical&fault_type=compute.*&resource_type=server&resource_id=s-a&acked=false"
        "&root_only=false&since=2020-01-01T00:00:00Z&until=2030-01-01T00:00:00Z&min_severity=minor&limit=1",
        "/v1/alarms?changed_after=0",
        "/v1/alarms/a-1",
        "/v1/alarms/a-1/history",
        "/v1/alarms/a-1/explain",
        "/v1/actions?alarm=a-1&event=7&state=planned",
        "/v1/subscriptions?limit=1",
        "/v1/subscriptions/s-a",
        "/v1/subscriptions/s-a/deliveries?state=pending&limit=1",
        "/v1/faults/a-1/profile",
    ):
        for person in ("admin", "member-a"):
            answer = await ask("GET", address, by=person)
            assert answer.status == 200, (address, person, answer)
    for address in (
        "/v1/events?type=compute.*&limit=1",
        "/v1/events/7",
        "/v1/faults",
        "/v1/faults?state=all&limit=1",
        "/v1/faults/f-1",
        "/v1/faults/f-1/profile",
        "/v1/profiles/summary",
        "/v1/policies",
        "/v1/policies/test?version=1",
    ):
        assert (await ask("GET", address)).status == 200, address


@pytest.mark.anyio
async def test_pages_of_every_list_end(ask: Client) -> None:
    for address, ids in (
        ("/v1/alarms?state=all", {"host-alarm", "a-1", "b-1", "old", "for-admin"}),
        ("/v1/events", {"7"}),
        ("/v1/faults", {"f-1"}),
        ("/v1/actions", {"x-a", "x-b"}),
        ("/v1/subscriptions", {"s-a"}),
        ("/v1/subscriptions/s-a/deliveries", {"d-1"}),
    ):
        seen: list[str] = []
        marker = ""
        for _ in range(10):
            link = "&" if "?" in address else "?"
            answer = await ask("GET", f"{address}{link}limit=1{marker}")
            assert answer.status == 200, (address, marker, answer)
            page = answer.json
            seen += [one["id"] for one in page["items"]]
            if page["next"] is None:
                break
            marker = f"&marker={page['next']}"
        assert set(seen) == ids, address
        assert len(seen) == len(ids), address


@pytest.mark.anyio
async def test_a_project_sees_its_own_of_the_store_and_no_more(ask: Client) -> None:
    shown = (await ask("GET", "/v1/alarms?state=all", by="member-a")).json["items"]
    assert {one["id"] for one in shown} == {"a-1", "old"}
    assert (await ask("GET", "/v1/alarms", by="member-nowhere")).json["items"] == []
    for address in ("/v1/alarms/b-1", "/v1/alarms/for-admin"):
        answer = await ask("GET", address, by="member-a")
        assert answer.status == 404, (address, answer)
    why = (await ask("GET", "/v1/alarms/a-1/explain")).json
    assert [one["id"] for one in why["deliveries"]] == ["d-1"]


@pytest.mark.anyio
async def test_alarms_of_vnfs_come_from_the_store_in_pages(ask: Client, store: Store) -> None:
    first = first_alarms()["a-1"]
    some = tuple(msgspec.structs.replace(first, id=f"v-{n:03}", vnf="v1", raised_us=NOW + n) for n in range(101))
    await store.commit(Change(alarms=some))

    page = await ask("GET", "/vnffm/v1/alarms?filter=(eq,managedObjectId,v1)", by="member-a")
    link = page.headers["link"]
    rest = await ask("GET", link[len("<http://localhost") : link.index(">")], by="member-a")
    nowhere = await ask("GET", "/vnffm/v1/alarms?nextpage_opaque_marker=b-1", by="member-a")

    assert [one["id"] for one in (*page.json, *rest.json)] == [f"v-{n:03}" for n in reversed(range(101))]
    assert (nowhere.status, nowhere.json["errors"][0]["field"]) == (400, "nextpage_opaque_marker")
    assert (await ask("GET", "/vnffm/v1/alarms", by="manager-b")).json == []


@pytest.mark.anyio
async def test_a_comment_and_the_audit_are_kept(ask: Client, store: Store) -> None:
    assert (await ask("POST", "/v1/alarms/a-1/comments", {"text": "on it"}, by="member-a")).status == 201
    lines = (await ask("GET", "/v1/alarms/a-1/history", by="member-a")).json["items"]
    assert [line["what"] for line in lines] == ["raised", "commented"]

    assert (await ask("PUT", "/v1/simulation", {"failure": {"kind": "dead"}})).status == 200
    assert [(note.who, note.what, note.target) for note in await store.audit_log()] == [
        ("admin", "changed the simulation", "dead")
    ]


DOORS = [(method.upper(), path) for path, item in event_paths()["paths"].items() for method in item]


@pytest.fixture(scope="module")
def doors() -> Iterator[tuple[str, dict[str, str]]]:
    async def keep(events: Sequence[Event]) -> None:
        assert events

    world = make_world()
    intake = Intake(keep=keep, ids=EventIds(lambda: NOW), clock=lambda: NOW, zone=UTC)
    app = Starlette(routes=routes(intake=intake, guard=world.guard, formats=load_formats()))
    with served(app) as url:
        yield url, {"X-Auth-Token": world.call.tokens["monitor"]}


@cache
def schema_of_the_doors() -> Any:
    return schemathesis.openapi.from_dict(described(make_world().call.app))


@pytest.mark.no_cover  # generated: what is covered is to be seen in the examples
@pytest.mark.parametrize(("method", "path"), DOORS, ids=[f"{m} {p}" for m, p in DOORS])
def test_the_event_doors_take_what_the_description_says(
    method: str, path: str, doors: tuple[str, dict[str, str]]
) -> None:
    operation = schema_of_the_doors()[path][method]
    address, headers = doors
    is_open = "{" in path or path == "/maintenance"
    without = [schemathesis.checks.positive_data_acceptance] if is_open else []

    @settings(
        max_examples=10,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE))
    def check(case: Any) -> None:
        case.call_and_validate(base_url=address, headers=headers, excluded_checks=without)

    check()
