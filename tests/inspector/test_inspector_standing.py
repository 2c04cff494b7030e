"""How a resource stands, as whoever asks may know it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from nfvigil.inspector import standing as standing_module
from nfvigil.inspector.resource_map import ResourceMap
from nfvigil.inspector.standing import StateQuery, find, keys_named, of_keys
from nfvigil.inspector.state import State
from nfvigil.model.alarm import Alarm, Audience
from nfvigil.model.resource import Host, Kind, ResourceState, Server, Snapshot

pytestmark = pytest.mark.anyio

HOSTS = (
    Host(id="h1", vim="east", zone="a", aliases=("h1.example",)),
    Host(id="h2", vim="east", zone="b", service_up=False),
    Host(id="h3", vim="east", zone="b", forced_down=True),
    Host(id="h4", vim="east", zone="a"),
)
SERVERS = (
    Server(id="s1", vim="east", project="A", host="h1"),
    Server(id="s2", vim="east", project="A", host="h2", status="ERROR"),
    Server(id="s3", vim="east", project="B", host="h1"),
)


def alarm(resource: str, state: ResourceState, **more: Any) -> Alarm:
    values: dict[str, Any] = {"fault_type": "x", "event_id": 1, "event_us": 1, "raised_us": 1, "project": "A"}
    return Alarm(id=f"{resource} {state}", resource=resource, resource_state=state, **values | more)


def world(*alarms: Alarm, maintenance: str = "") -> tuple[ResourceMap, State]:
    resource_map = ResourceMap()
    resource_map.load(Snapshot(vim="east", taken_us=1, hosts=HOSTS, servers=SERVERS))
    memory = {f"maintenance {maintenance}": True} if maintenance else {}
    return resource_map, State(alarms=alarms, memory=memory)


@pytest.mark.parametrize(
    ("key", "alarms", "maintenance", "state"),
    [
        pytest.param("server/s1", (), "", ResourceState.NORMAL, id="nothing is wrong"),
        pytest.param("server/s2", (), "", ResourceState.ERROR, id="the cloud says error"),
        pytest.param("host/h2", (), "", ResourceState.DOWN, id="its service is down"),
        pytest.param("host/h3", (), "", ResourceState.DOWN, id="it is forced down"),
        pytest.param("host/h4", (), "host/h4", ResourceState.MAINTENANCE, id="it is in maintenance"),
        pytest.param(
            "server/s1", (alarm("server/s1", ResourceState.DOWN),), "", ResourceState.DOWN, id="an alarm says down"
        ),
        pytest.param(
            "server/s1",
            (alarm("server/s1", ResourceState.MAINTENANCE), alarm("server/s1", ResourceState.ERROR)),
            "",
            ResourceState.ERROR,
            id="the worst counts",
        ),
        pytest.param(
            "server/s1",
            (alarm("server/s1", ResourceState.DOWN, predicted=True),),
            "",
            ResourceState.NORMAL,
            id="what has not happened yet does not",
        ),
    ],
)
async def test_a_resource_stands_as_its_alarms_and_its_cloud_say(
    key: str, alarms: tuple[Alarm, ...], maintenance: str, state: ResourceState
) -> None:
    resource_map, known = world(*alarms, maintenance=maintenance)

    assert [one.state for one in of_keys([key], resource_map, known, None)] == [state]


async def test_an_alarm_that_a_project_does_not_see_says_nothing_to_it() -> None:
    secret = alarm("server/s1", ResourceState.DOWN, audience=Audience.ADMIN)
    resource_map, state = world(secret)

    (mine,) = of_keys(["server/s1", "server/s3", "server/none"], resource_map, state, "A")
    (whole,) = of_keys(["server/s1"], resource_map, state, None)

    assert (mine.state, mine.alarms) == (ResourceState.NORMAL, ())
    assert (whole.state, whole.alarms) == (ResourceState.DOWN, (secret,))


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ({"kinds": (Kind.HOST,)}, "host/h1 host/h2 host/h3 host/h4"),
        ({"kinds": (Kind.HOST,), "zones": ("b",)}, "host/h2 host/h3"),
        ({"kinds": (Kind.HOST,), "states": (ResourceState.NORMAL,)}, "host/h1 host/h4"),
        ({"kinds": (Kind.HOST,), "vims": ("west",)}, ""),
        ({"kinds": (Kind.HOST,), "ids": ("h1.example", "host/h4", "none")}, "host/h1 host/h4"),
        ({"kinds": (Kind.HOST,), "ids": ("server/s1",)}, ""),
        ({"kinds": (Kind.HOST,), "after": "host/h1", "limit": 2}, "host/h2 host/h3"),
        ({"kinds": (Kind.SERVER,), "project": "A"}, "server/s1 server/s2"),
        ({"kinds": (Kind.SERVER,), "project": "A", "ids": ("s3",)}, ""),
        ({"kinds": (Kind.SERVER,), "project": ""}, ""),
        ({"kinds": (Kind.SERVER, Kind.HOST), "zones": ("a",)}, "host/h1 host/h4 server/s1 server/s3"),
    ],
)
async def test_what_fits_is_found_in_the_order_of_its_keys(
    query: dict[str, Any], keys: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing_module, "AT_ONCE", 2)
    resource_map, state = world()

    found = await find(resource_map, state, StateQuery(**query))

    assert " ".join(one.key for one in found) == keys


def test_a_bare_id_may_stand_for_several_kinds() -> None:
    assert keys_named("x", (Kind.HOST, Kind.SERVER)) == ["host/x", "server/x"]
    assert keys_named("server/x", (Kind.HOST,)) == ["server/x"]
    assert keys_named("a/b", (Kind.HOST,)) == ["host/a/b"]


async def test_a_resource_that_goes_while_it_is_looked_for_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing_module, "AT_ONCE", 4)
    resource_map, state = world()
    real = standing_module.asyncio.sleep

    async def and_gone(seconds: float) -> None:
        resource_map.load(Snapshot(vim="east", taken_us=2, hosts=HOSTS[:1], servers=()))
        await real(seconds)

    monkeypatch.setattr(standing_module, "asyncio", type("A", (), {"sleep": staticmethod(and_gone)}))

    found = await find(resource_map, state, StateQuery(kinds=(Kind.HOST,)))

    assert [one.key for one in found] == ["host/h1"]
    assert msgspec.structs.asdict(found[0])["zone"] == "a"
