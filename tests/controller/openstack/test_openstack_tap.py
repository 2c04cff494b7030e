"""What passes by on the cloud's bus, as events for event alarms: read, kept apart by who may know it, acknowledged."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from bus_players import listening, notification, until, versioned
from hypothesis import given
from hypothesis import strategies as st
from test_openstack_bus import Rabbit

from nfvigil.controller.plugins import Drivers
from nfvigil.controller.vims.dry_run import DryRunVim
from nfvigil.controller.vims.openstack.hints import NoHints
from nfvigil.controller.vims.openstack.traits import BODY_MAX, TRAITS_MAX, event_of
from nfvigil.model.event_alarm import CloudEvent
from nfvigil.model.notification import Notification
from nfvigil.model.subscription import Endpoint, Subscription
from nfvigil.model.verdict import News
from nfvigil.notifier.channels.oslo import OsloChannel

pytestmark = pytest.mark.anyio

SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.json"))
SERVER = "0f4cdc41-ca36-4d8d-abac-b8cc5d2b5259"


def body_of(path: Path) -> bytes:
    return json.dumps(json.loads(path.read_text())["body"]).encode()


def sample(name: str) -> CloudEvent:
    event = event_of(body_of(Path(__file__).parent / "samples" / f"{name}.json"))
    assert event is not None
    return event


def values(event: CloudEvent) -> dict[str, Any]:
    return {name: value for name, _, value in event.traits}


def test_novas_update_has_the_traits_of_ceilometer() -> None:
    event = sample("nova.notifications.info.compute.instance.update")

    known = values(event)
    assert event.event_type == "compute.instance.update"
    assert event.resource == f"server/{SERVER}"
    assert event.project == known["project_id"] == known["tenant_id"]
    assert (known["instance_id"], known["resource_id"], known["service"]) == (SERVER, SERVER, "compute")
    numbers = {name: number for name, number, _ in event.traits}
    assert (numbers["vcpus"], numbers["state"], numbers["launched_at"]) == (2, 1, 4)
    assert ("host", 1, "compute-1") in event.physical


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_nothing_of_the_clouds_is_taken_for_an_nfvigils(path: Path) -> None:
    event = event_of(body_of(path))

    assert event is None or not event.nfvigil


def test_what_an_nfvigil_published_is_known_by_its_name() -> None:
    told = Notification(id="n", subscription="s", seq=1, news=News.TEST, created_us=1)
    bus = Subscription(id="s", extra={"publisher_id": "compute.us"})

    event = event_of(OsloChannel().render(told, bus, Endpoint(id="e", url=""), 0, "here").body)

    assert event is not None
    assert event.nfvigil == "compute.us"


def test_a_versioned_one_has_the_same_names_for_the_server() -> None:
    event = sample("nova.versioned_notifications.info.instance.update")

    assert (event.resource, values(event)["instance_id"]) == (f"server/{SERVER}", SERVER)
    assert event.project


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_no_host_is_told_to_a_project(path: Path) -> None:
    event = event_of(body_of(path))

    assert event is not None
    assert event.generated_us > 0
    assert "compute-1" not in json.dumps(event.traits)
    assert "compute-2" not in json.dumps(event.traits)


def test_neutrons_port_is_its_owners_and_what_names_no_owner_the_operators() -> None:
    assert values(sample("neutron.notifications.info.port.update.end"))["status"]
    assert sample("neutron.notifications.info.port.update.end").project
    assert sample("neutron.notifications.info.port.update.start").project == ""
    assert sample("nova.versioned_notifications.info.service.update").project == ""


def test_whoever_had_it_done_is_not_told_and_a_host_in_a_text_neither() -> None:
    body = notification(
        "compute.instance.update",
        {
            "tenant_id": "blue",
            "instance_id": "vm",
            "host": "rack7-c12",
            "hostname": "web",
            "action_initiator_project": "admins",
            "message": "moved from rack7-c12",
            "up": True,
            "load": 0.5,
            "state": "ACTIVE",
            "deleted_at": "never",
            "tags": ["a"],
            "long": "x" * 2000,
        },
        publisher="compute.rack7-c12",
    )

    event = event_of(body)

    assert event is not None
    assert values(event).keys() == {
        *("service", "project_id", "tenant_id", "instance_id", "resource_id", "hostname", "up", "load", "state"),
    }
    assert {name for name, _, _ in event.physical} == {"host", "action_initiator_project", "message"}
    assert event.is_well


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"oslo.message": "{"}',
        b'{"event_type": "x"}',
        b'{"event_type": "", "payload": {}}',
        b'{"event_type": "x", "payload": [1]}',
        b'{"event_type": 1, "payload": {}}',
        b" " * (BODY_MAX + 1),
    ],
)
def test_what_is_no_notification_is_no_event(body: bytes) -> None:
    assert event_of(body) is None


def test_a_payload_makes_so_many_traits_at_most_and_an_event_without_an_id_gets_one() -> None:
    payload = {f"name{number}": number for number in range(500)} | {"id": "x", "at_at": "2026-01-02T03:04:05Z"}
    body = json.dumps({"event_type": "x.y", "payload": payload, "timestamp": "yesterday"}).encode()

    event = event_of(body)

    assert event is not None
    assert len(event.traits) == TRAITS_MAX
    assert (event.message_id, event.generated_us) == (event_of(body).message_id, 0)


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 63) - 1) | st.floats(-1e9, 1e9) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_names = st.sampled_from(["tenant_id", "project_id", "host", "state", "instance_id", "port", "created_at", "id", "x"])


@given(st.dictionaries(_names, _json, max_size=8), st.sampled_from(["compute.instance.update", "instance.x", "port.y"]))
def test_no_payload_is_too_strange(payload: dict[str, Any], event_type: str) -> None:
    event = event_of(notification(event_type, payload))

    assert event is not None
    assert all(number in (1, 2, 3, 4) for _, number, _ in event.traits + event.physical)


class Ear:
    def __init__(self, *types: str) -> None:
        self.types = types
        self.taken: list[CloudEvent] = []
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()

    def wants(self, event_type: str) -> bool:
        return event_type in self.types

    def take(self, event: CloudEvent) -> None:
        self.taken.append(event)

    async def kept(self) -> None:
        await self.may_go_on.wait()


async def test_the_bus_hands_over_what_somebody_waits_for_once_and_acknowledges_it_when_it_is_kept() -> None:
    rabbit = Rabbit()
    bus = rabbit.bus()
    ear = Ear("x.y", "instance.update")
    ear.may_go_on.clear()
    bus.tap(ear)
    wanted = notification("x.y", {"tenant_id": "blue"})
    update = notification("instance.update", versioned("InstanceUpdatePayload", {"uuid": "vm"}, "2.0"))

    async with listening(bus) as listener:
        await listener.until(lambda: listener.snapshots == 1)
        rabbit.deliver(wanted, wanted, notification("x.z", {}), b"{", update)
        await until(lambda: len(ear.taken) == 2)
        await listener.until(lambda: bool(listener.hints))
        assert rabbit.acked == [], "hints do not wait for it, the acknowledgement does"
        ear.may_go_on.set()
        await until(lambda: len(rabbit.acked) == 5)

    assert [event.event_type for event in ear.taken] == ["x.y", "instance.update"]
    assert bus.status().told == 2
    await bus.close()


class _Points(dict[str, Any]):
    @property
    def names(self) -> Any:
        return self.keys()


class _Point:
    def __init__(self, vim: Any) -> None:
        self.vim = vim

    def load(self) -> Any:
        return self

    def from_options(self, *_: Any) -> Any:
        return self.vim


class _Listening:
    name = "lab"

    def __init__(self) -> None:
        self.taps: list[Any] = []

    def tap(self, tap: Any) -> None:
        self.taps.append(tap)


def test_whoever_opens_a_driver_that_listens_taps_it_also_behind_a_suffix_or_a_dry_run() -> None:
    ear: Any = Ear()
    plain, looked_at = _Listening(), _Listening()
    points: Any = _Points(lab=_Point(plain), dry=_Point(DryRunVim(inner=looked_at)), deaf=_Point(object()))
    drivers = Drivers(points=points, tap=ear)

    drivers.open(driver="lab", name="lab", options={}, clock=lambda: 0, host_suffix="@east")
    drivers.open(driver="dry", name="dry", options={}, clock=lambda: 0)
    drivers.open(driver="deaf", name="deaf", options={}, clock=lambda: 0)
    DryRunVim(inner=object()).tap(ear)
    NoHints().tap(ear)

    assert (plain.taps, looked_at.taps) == ([ear], [ear])
