"""What one message of OpenStack's bus says, and what is made of one that says nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from bus_players import notification, versioned
from hypothesis import given
from hypothesis import strategies as st

from nfvigil.controller.vims.openstack.envelope import BODY_MAX, HINTS_MAX, Notification, Unreadable, decode
from nfvigil.controller.vims.openstack.hints import Hint

SAMPLES = Path(__file__).parent / "samples"
STANDARDS = Path(os.environ.get("NFVIGIL_STANDARDS") or Path(__file__).parents[3] / ".." / "shared" / "standards")

UUID = "178b0921-8f85-4257-88b6-2e743b5a975c"
GOOD = {"uuid": UUID, "host": "compute-1", "state": "active"}


def keys(found: Notification | Unreadable) -> list[str]:
    assert isinstance(found, Notification), found
    return [f"{hint.kind}/{hint.id}" for hint in found.hints]


def server_of(payload: Any) -> list[str]:
    data = payload.get("nova_object.data", payload)
    return [f"server/{data.get('uuid') or data.get('instance_uuid') or data.get('instance_id')}"]


# Samples


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("neutron.notifications.info.port.create.end", ["port/84a5146e-965a-429b-b826-52feb3d12ded"]),
        ("neutron.notifications.info.port.update.end", ["port/178f4dd6-f5d8-43de-afb2-ca920f18414e"]),
        ("neutron.notifications.info.port.update.start", []),
        ("nova.notifications.info.compute.instance.create.end", ["server/38d61623-54cc-4881-8800-1b324575513e"]),
        (
            "nova.notifications.info.compute.instance.live_migration.post.dest.end",
            ["server/0f4cdc41-ca36-4d8d-abac-b8cc5d2b5259"],
        ),
        ("nova.notifications.info.compute.instance.rebuild.end", ["server/0f4cdc41-ca36-4d8d-abac-b8cc5d2b5259"]),
        ("nova.notifications.info.compute.instance.update", ["server/0f4cdc41-ca36-4d8d-abac-b8cc5d2b5259"]),
        ("nova.versioned_notifications.error.compute.exception", ["host/compute-2"]),
        ("nova.versioned_notifications.info.instance.create.end", ["server/38d61623-54cc-4881-8800-1b324575513e"]),
        ("nova.versioned_notifications.info.instance.evacuate", ["server/68cfb8ab-8a8d-4742-a830-a870bfb64e62"]),
        (
            "nova.versioned_notifications.info.instance.live_migration_post_dest.end",
            ["server/0f4cdc41-ca36-4d8d-abac-b8cc5d2b5259"],
        ),
        ("nova.versioned_notifications.info.instance.update", ["server/0f4cdc41-ca36-4d8d-abac-b8cc5d2b5259"]),
        ("nova.versioned_notifications.info.service.update", ["host/compute-1"]),
    ],
)
def test_what_a_real_cloud_sent_is_understood(name: str, expected: list[str]) -> None:
    body = json.loads((SAMPLES / f"{name}.json").read_text())["body"]
    inner = json.loads(body["oslo.message"])

    enveloped, bare = decode(json.dumps(body).encode()), decode(json.dumps(inner).encode())

    assert enveloped == bare
    assert keys(enveloped) == expected
    assert isinstance(enveloped, Notification)
    assert (enveloped.id, enveloped.event_type) == (inner["_unique_id"], inner["event_type"])
    assert enveloped.publisher == inner["publisher_id"]
    assert not enveloped.needs_snapshot


def test_every_sample_of_a_real_cloud_is_in_the_table_above() -> None:
    mark = next(mark for mark in test_what_a_real_cloud_sent_is_understood.pytestmark if mark.name == "parametrize")
    assert {name for name, _ in mark.args[1]} == {path.stem for path in SAMPLES.glob("*.json")}


PUBLISHED_OTHERWISE: dict[str, list[str]] = {
    "aggregate-add_host-end": ["host/compute"],
    "aggregate-update_metadata-end": [],
    "compute-exception": [],
    "instance-exists": [],
    "instance-power_off-start": [],
    "instance-live_migration_rollback-start": [],
    "libvirt-connect-error": ["host/compute"],
    "metrics-update": [],
    "server_group-create": [],
    "service-create": ["host/host2"],
    "service-delete": ["host/host2"],
    "service-update": ["host/host1"],
}
"""All others name the server that they are about."""


def test_every_published_sample_of_nova_is_understood() -> None:
    folder = STANDARDS / "openstack-nova-notifications"
    if not folder.is_dir():
        pytest.skip("the published samples are not here (set NFVIGIL_STANDARDS to the folder that has them)")
    found = {path.stem: path.read_bytes() for path in folder.glob("*.json")}
    assert len(found) > 40

    for name, body in found.items():
        expected = PUBLISHED_OTHERWISE.get(name)
        assert keys(decode(body)) == (server_of(json.loads(body)["payload"]) if expected is None else expected), name


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("openstack-neutron/own-samples/notification_port.update.start.json", []),
        (
            "openstack-neutron/own-samples/notification_port.update.end.json",
            ["port/43c831e0-19ce-4a76-9a49-57b57e69428b"],
        ),
        ("openstack-oslo-messaging/wire_messagingv2_versioned_service.update.json", ["host/host1"]),
        (
            "openstack-oslo-messaging/wire_messagingv2_legacy_compute.instance.update.json",
            ["server/758366d5-35f7-452b-90dd-4b34730105a6"],
        ),
        (
            "openstack-oslo-messaging/legacy_compute.instance.update_message.json",
            ["server/758366d5-35f7-452b-90dd-4b34730105a6"],
        ),
    ],
)
def test_the_published_wire_samples_are_understood(path: str, expected: list[str]) -> None:
    if not (STANDARDS / path).is_file():
        pytest.skip(f"the published file {path} is not here (set NFVIGIL_STANDARDS to the folder that has it)")
    assert keys(decode((STANDARDS / path).read_bytes())) == expected


# Tables

ACTION = versioned("InstanceActionPayload", GOOD, "1.8")
LEGACY = {"instance_id": UUID, "state": "active", "host": "compute-1"}
SERVER = [f"server/{UUID}"]


@pytest.mark.parametrize(
    ("event", "payload", "expected"),
    [
        # What is over, went wrong, or has no phases
        ("instance.power_off.end", ACTION, SERVER),
        ("instance.resize.error", ACTION, SERVER),
        ("instance.evacuate", ACTION, SERVER),
        ("instance.soft_delete.end", ACTION, SERVER),
        ("compute.instance.update", LEGACY, SERVER),
        ("compute.instance.live_migration._post.end", LEGACY, SERVER),
        # Starts: only where Nova shows another status from then on
        *((f"instance.{action}.start", ACTION, SERVER) for action in ("create", "reboot", "rebuild", "resize")),
        *((f"instance.{action}.start", ACTION, SERVER) for action in ("resize_prep", "live_migration_pre")),
        *((f"compute.instance.{action}.start", LEGACY, SERVER) for action in ("finish_resize", "resize.prep")),
        *((f"instance.{action}.start", ACTION, []) for action in ("power_off", "delete", "suspend", "shelve")),
        ("compute.instance.delete.start", LEGACY, []),
        # The audit, and what is no server's
        ("instance.exists", ACTION, []),
        ("compute.instance.exists", LEGACY, []),
        ("compute.metrics.update", {}, []),
        ("compute.instance", {}, []),
        ("instance", {}, []),
        ("scheduler.select_destinations.end", {}, []),
        ("servergroup.create", {}, []),
        # Given up by the conductor
        ("compute_task.build_instances.error", versioned("ComputeTaskPayload", {"instance_uuid": UUID}), SERVER),
        ("compute_task.build_instances", {"instance_id": UUID}, SERVER),
        # Services and hosts
        (
            "service.update",
            versioned("S", {"host": "c-1.example.net", "binary": "nova-compute"}),
            ["host/c-1.example.net"],
        ),
        ("service.update", versioned("S", {"host": "controller", "binary": "nova-conductor"}), []),
        ("libvirt.connect.error", versioned("LibvirtErrorPayload", {}), ["host/c1"]),
        ("libvirt.other", {}, []),
        ("compute.exception", versioned("ExceptionPayload", {}, "1.1"), ["host/c1"]),
        # Aggregates
        ("aggregate.add_host.start", versioned("AggregatePayload", {"hosts": ["c1"]}, "1.1"), []),
        (
            "aggregate.add_host.end",
            versioned("AggregatePayload", {"hosts": ["c1", "c2"]}, "1.1"),
            ["host/c1", "host/c2"],
        ),
        ("aggregate.update_metadata.end", versioned("AggregatePayload", {"hosts": None}), []),
        ("aggregate.create.end", versioned("AggregatePayload", {"hosts": None}), []),
        ("aggregate.addhost.end", {"aggregate_id": 1, "host_name": "c3"}, ["host/c3"]),
        ("aggregate.removehost.end", {"aggregate_id": 1, "host_name": "c3"}, ["host/c3"]),
        ("aggregate", {}, []),
        # Neutron
        ("port.create.end", {"ports": [{"id": "p1"}, {"id": "p2"}]}, ["port/p1", "port/p2"]),
        ("port.delete.end", {"port_id": "p1", "port": {"id": "p1", "name": "x"}}, ["port/p1"]),
        ("port.delete.end", {"port_id": "p1"}, ["port/p1"]),
        ("port.delete.start", {"port_id": "p1"}, []),
        ("network.create.end", {"network": {"id": "n1"}}, ["network/n1"]),
        ("network.create.end", {"networks": [{"id": "n1"}]}, ["network/n1"]),
        ("network.update.start", {"network": {}, "id": "n1"}, []),
        ("network.delete.end", {"network_id": "n1"}, ["network/n1"]),
        ("subnet.create.end", {"subnet": {"id": "x"}}, []),
        # Cinder, whose API sets the status before the start is told
        ("volume.create.start", {"volume_id": "v1", "status": "creating"}, ["volume/v1"]),
        ("volume.attach.end", {"volume_id": "v1"}, ["volume/v1"]),
        ("volume.update.start", {"volume_id": "v1"}, []),
        ("volume.usage", {"volume_id": "v1"}, []),
        ("volume.exists", {"volume_id": "v1"}, []),
        ("volume", {}, []),
        ("volume_type.create", {}, []),
    ],
)
def test_events_name_what_to_look_at(event: str, payload: Any, expected: list[str]) -> None:
    found = decode(notification(event, payload))

    assert keys(found) == expected
    assert isinstance(found, Notification)
    assert not found.needs_snapshot


@pytest.mark.parametrize(
    "event", ["aggregate.remove_host.end", "aggregate.updatemetadata.end", "aggregate.updateprop.end"]
)
def test_what_changed_without_a_name_asks_for_a_snapshot(event: str) -> None:
    found = decode(notification(event, versioned("AggregatePayload", {"hosts": []})))

    assert keys(found) == []
    assert isinstance(found, Notification)
    assert found.needs_snapshot


def test_more_names_than_are_worth_looking_up_ask_for_a_snapshot() -> None:
    some, many = ({"ports": [{"id": f"p{number}"} for number in range(size)]} for size in (HINTS_MAX, HINTS_MAX + 1))

    few = decode(notification("port.create.end", some))
    found = decode(notification("port.create.end", many))

    assert len(keys(few)) == HINTS_MAX
    assert keys(found) == []
    assert isinstance(found, Notification)
    assert found.needs_snapshot


def test_only_the_nova_compute_of_a_host_speaks_for_it() -> None:
    payload = versioned("ExceptionPayload", {})

    assert keys(decode(notification("compute.exception", payload, publisher="nova-api:controller"))) == []
    assert keys(decode(notification("compute.exception", payload, publisher="nova-compute:c9"))) == ["host/c9"]
    assert decode(notification("compute.exception", payload, publisher="nova-compute:")) is Unreadable.PAYLOAD


@pytest.mark.parametrize(
    ("name", "version", "is_read"),
    [
        ("InstanceActionPayload", "1.8", True),
        ("InstanceActionPayload", "1.999", True),
        ("InstanceActionPayload", "2.0", False),
        ("InstanceUpdatePayload", "1.0", True),
        ("InstanceUpdatePayload", "2.7", True),
        ("InstanceUpdatePayload", "3.0", False),
        ("NotKnownYet", "1.0", True),
    ],
)
def test_a_newer_major_version_is_refused_and_a_newer_minor_one_taken(name: str, version: str, is_read: bool) -> None:
    found = decode(notification("instance.update", versioned(name, GOOD, version)))

    assert (keys(found) == SERVER) if is_read else (found is Unreadable.NEWER)


def test_an_exception_with_a_newer_major_version_is_refused() -> None:
    assert decode(notification("compute.exception", versioned("E", {}, "2.0"))) is Unreadable.NEWER


def test_the_senders_unique_id_wins_over_the_messages_and_both_may_be_missing() -> None:
    def id_of(**ids: Any) -> str:
        found = decode(json.dumps({"event_type": "x", **ids}).encode())
        assert isinstance(found, Notification)
        return found.id

    assert id_of(_unique_id="u", message_id="m") == "u"
    assert id_of(message_id="m") == "m"
    assert id_of(message_id=None) == ""


# What cannot be read

ENVELOPE = {"oslo.version": "2.0", "oslo.message": json.dumps({"event_type": "x"})}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(b" " * (BODY_MAX + 1), Unreadable.TOO_LARGE, id="too large"),
        pytest.param(b"", Unreadable.NOT_JSON, id="nothing"),
        pytest.param(b"\xff", Unreadable.NOT_JSON, id="bytes"),
        pytest.param(b'{"event_type": "\xff"}', Unreadable.NOT_JSON, id="a text that is none"),
        pytest.param(b'{"payload": ' + b"[" * 100_000, Unreadable.NOT_JSON, id="deep"),
        pytest.param(b'{"event_type": "x"} {}', Unreadable.NOT_JSON, id="two"),
        pytest.param(b"[]", Unreadable.MALFORMED, id="a list"),
        pytest.param(b"{}", Unreadable.MALFORMED, id="no event type"),
        pytest.param(b'{"event_type": 1}', Unreadable.MALFORMED, id="an event type that is a number"),
        pytest.param(b'{"event_type": "x", "_unique_id": "%s"}' % (b"u" * 256), Unreadable.MALFORMED, id="a long id"),
        pytest.param(b'{"oslo.version": "2.0", "oslo.message": {}}', Unreadable.MALFORMED, id="JSON not in JSON"),
        pytest.param(json.dumps({**ENVELOPE, "oslo.message": "{"}).encode(), Unreadable.NOT_JSON, id="not JSON within"),
        pytest.param(
            json.dumps({**ENVELOPE, "oslo.message": "\ud800"}).encode(), Unreadable.NOT_JSON, id="half a letter within"
        ),
        pytest.param(
            json.dumps({**ENVELOPE, "oslo.message": json.dumps(ENVELOPE)}).encode(),
            Unreadable.MALFORMED,
            id="an envelope in an envelope",
        ),
        pytest.param(json.dumps({**ENVELOPE, "oslo.version": "3.0"}).encode(), Unreadable.ENVELOPE, id="envelope 3"),
        pytest.param(b'{"oslo.message": "{}"}', Unreadable.ENVELOPE, id="an envelope of no version"),
        pytest.param(notification("instance.update", None), Unreadable.PAYLOAD, id="no payload"),
        pytest.param(notification("instance.update", {"uuid": UUID}), Unreadable.PAYLOAD, id="not versioned"),
        pytest.param(
            notification("instance.update", versioned("I", {})), Unreadable.PAYLOAD, id="a server without an id"
        ),
        pytest.param(
            notification("instance.update", versioned("I", GOOD, "1")), Unreadable.PAYLOAD, id="a version that is none"
        ),
        pytest.param(notification("compute.instance.update", {}), Unreadable.PAYLOAD, id="legacy without an id"),
        pytest.param(notification("port.update.end", {}), Unreadable.PAYLOAD, id="no port"),
        pytest.param(notification("network.update.end", {"network": {}}), Unreadable.PAYLOAD, id="no network"),
        pytest.param(notification("volume.attach.end", {}), Unreadable.PAYLOAD, id="no volume"),
        pytest.param(notification("port.update.end", {"port": {"id": "a/../b"}}), Unreadable.PAYLOAD, id="a path"),
        pytest.param(notification("port.update.end", {"port": {"id": "p1\n"}}), Unreadable.PAYLOAD, id="two lines"),
        pytest.param(notification("port.update.end", {"port": {"id": "p?x=1"}}), Unreadable.PAYLOAD, id="a query"),
        pytest.param(notification("port.update.end", {"port": {"id": "p" * 65}}), Unreadable.PAYLOAD, id="long"),
        pytest.param(
            notification("service.update", versioned("S", {"host": "..", "binary": "nova-compute"})),
            Unreadable.PAYLOAD,
            id="a host that is a path",
        ),
    ],
)
def test_what_cannot_be_read_is_dropped_with_a_reason(body: bytes, reason: Unreadable) -> None:
    assert decode(body) is reason


def test_a_message_of_just_the_largest_size_is_read() -> None:
    start = b'{"event_type": "x", "rest": "'
    assert isinstance(decode(start + b"x" * (BODY_MAX - len(start) - 2) + b'"}'), Notification)


# Whatever comes

EVENTS = st.sampled_from(
    [
        *("instance.update", "instance.create.start", "compute.instance.update", "compute.exception", "service.update"),
        *("libvirt.connect.error", "aggregate.add_host.end", "aggregate.addhost.end", "port.update.end"),
        *("network.delete.end", "volume.attach.start", "compute_task.x", "compute_task.x.error", "", "."),
    ]
)
TEXTS = st.sampled_from(["host", "uuid", "port", "ports", "id", "nova_object.name", "nova_object.version", "hosts"])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS | st.text(), inner, max_size=4),
    max_leaves=12,
)
PAYLOADS = ANYTHING | st.fixed_dictionaries(
    {"nova_object.name": ANYTHING, "nova_object.version": st.just("1.0") | ANYTHING, "nova_object.data": ANYTHING}
)
MESSAGES = st.fixed_dictionaries(
    {"event_type": EVENTS | ANYTHING, "payload": PAYLOADS},
    optional={"_unique_id": ANYTHING, "message_id": ANYTHING, "publisher_id": st.just("nova-compute:c") | ANYTHING},
)


def judged(body: bytes) -> None:
    found = decode(body)
    assert isinstance(found, Notification | Unreadable)
    if isinstance(found, Notification):
        assert len(found.hints) == len(set(found.hints)) <= HINTS_MAX
        assert len(found.id) <= 255
        for hint in found.hints:
            assert isinstance(hint, Hint)
            assert hint.id.replace("-", "").replace("_", "").replace(".", "").isascii()
            assert not set(hint.id) & set("/?#%&\\ \n")
            assert hint.id not in ("", ".", "..")


@given(st.binary(max_size=200) | ANYTHING.map(json.dumps).map(str.encode))
def test_no_bytes_are_too_strange(body: bytes) -> None:
    judged(body)


@given(MESSAGES, st.sampled_from(["2.0", "2.1", "1.0", ""]))
def test_no_message_is_too_strange(message: dict[str, Any], version: str) -> None:
    judged(json.dumps(message).encode())
    judged(json.dumps({"oslo.version": version, "oslo.message": json.dumps(message)}).encode())


@given(st.binary(min_size=1, max_size=3), st.integers(0, 10_000))
def test_a_real_message_with_a_few_bytes_changed_is_never_a_surprise(noise: bytes, place: int) -> None:
    body = (SAMPLES / "nova.versioned_notifications.info.service.update.json").read_bytes()
    real = json.dumps(json.loads(body)["body"]).encode()
    place %= len(real)
    judged(real[:place] + noise + real[place + len(noise) :])
    judged(real[:place])
