"""Events as each version of the event listener takes them, at which address, in which portions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from ves_players import NOW, S, assert_valid, schemas, standards

from nfvigil.errors import RefusedError
from nfvigil.model.ves import VesEvent
from nfvigil.model.ves_bodies import (
    TEXT_MAX,
    VesVersion,
    batch_body,
    batch_url,
    batches,
    event_of,
    message,
    single_body,
    version_of,
)

FAULT = VesEvent(
    domain="fault",
    name="Fault_MultiCloud_VMFailure",
    event_id="e1",
    source_id="s1",
    source_name="mme",
    reporting="cloud-1",
    sequence=0,
    start_us=NOW,
    last_us=NOW + S,
    priority="High",
    fields={
        "alarmCondition": "Guest_Os_Failure",
        "eventSeverity": "CRITICAL",
        "eventSourceType": "virtualMachine",
        "specificProblem": "Fault_MultiCloud_VMFailure",
        "vfStatus": "Active",
        "alarmAdditionalInformation": {"vmState": "ERROR"},
    },
)
HEARTBEAT = replace(FAULT, domain="heartbeat", fields={"heartbeatInterval": 60, "additionalFields": {"a": "b"}})
MEASUREMENT = replace(
    FAULT,
    domain="measurement",
    fields={
        "measurementInterval": 10.0,
        "additionalFields": {"a": "b"},
        "additionalMeasurements": [{"name": "allocation", "hashMap": {"vcpus": "4"}}],
    },
)


@pytest.mark.parametrize(
    ("url", "version", "batch"),
    [
        ("http://c:8080/eventListener/v5", "v5", "http://c:8080/eventListener/v5/eventBatch"),
        ("https://c/eventListener/v7", "v7", "https://c/eventListener/v7/eventBatch"),
        ("https://c/a/b/eventListener/v7/", "v7", "https://c/a/b/eventListener/v7/eventBatch"),
        ("http://[2001:db8::1]:8443/eventListener/v7", "v7", "http://[2001:db8::1]:8443/eventListener/v7/eventBatch"),
        ("https://c/eventListener/v5/nfvi", "v5", ""),
    ],
)
def test_the_version_follows_from_the_path(url: str, version: str, batch: str) -> None:
    assert version_of(url) == version
    assert batch_url(url) == batch


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://c/eventListener/v1", "the event listener's version must be v5 or v7, not 'v1'"),
        ("http://c/eventListener/v7.2", "the event listener's version must be v5 or v7, not 'v7.2'"),
        ("http://c/eventListener/v7/eventBatch", "leave out /eventBatch: it is added where it is needed"),
        ("http://c/", "its path must end with /eventListener/v5 or /eventListener/v7, and may have a topic behind"),
        ("http://c/eventListener/v7/a/b", "its path must end with /eventListener/v5 or"),
        ("http://c/eventlistener/v7", "its path must end with /eventListener/v5 or"),
        ("ftp://c/eventListener/v7", "must be http://HOST[:PORT]/... or https://..."),
        ("http:///eventListener/v7", "must be http://HOST[:PORT]/... or https://..."),
        ("http://c:0/eventListener/v7", "must be http://HOST[:PORT]/... or https://..."),
        ("http://c:99999/eventListener/v7", "is no URL: Port out of range 0-65535"),
        ("http://u:pass/word@c:1/eventListener/v7", "is no URL, and must not hold a user or a password"),
        ("http://u:p@c/eventListener/v7", "must not hold a user or a password: they have fields of their own"),
        ("http://c/eventListener/v7?a=b", "must not have a query or a fragment"),
        ("http://c/eventListener/v7#a", "must not have a query or a fragment"),
        ("http://c/eventListener/v7\r\nX: y", "has a blank or a character that is not printable"),
        ("http://c/a b/eventListener/v7", "has a blank or a character that is not printable"),
    ],
)
def test_what_is_no_event_listener_is_refused_with_a_reason(url: str, reason: str) -> None:
    with pytest.raises(RefusedError) as refused:
        version_of(url)

    (error,) = refused.value.errors
    assert error.field == "endpoint"
    assert error.reason.startswith(reason)


@pytest.mark.parametrize("event", [FAULT, HEARTBEAT, MEASUREMENT], ids=lambda one: one.domain)
def test_every_domain_is_valid_in_every_version(event: VesEvent) -> None:
    assert_valid([event, event])


def test_what_the_versions_write_differently() -> None:
    five, seven = event_of(MEASUREMENT, VesVersion.V5), event_of(MEASUREMENT, VesVersion.V7)

    assert five["commonEventHeader"]["version"] == 3.0
    assert five["commonEventHeader"]["domain"] == "measurementsForVfScaling"
    assert "vesEventListenerVersion" not in five["commonEventHeader"]
    assert five["measurementsForVfScalingFields"] == {
        "measurementsForVfScalingVersion": 2.0,
        "measurementInterval": 10,
        "additionalFields": [{"name": "a", "value": "b"}],
        "additionalMeasurements": [{"name": "allocation", "arrayOfFields": [{"name": "vcpus", "value": "4"}]}],
    }
    assert seven["commonEventHeader"]["version"] == "4.1"
    assert seven["commonEventHeader"]["vesEventListenerVersion"] == "7.1.1"
    assert seven["commonEventHeader"]["timeZoneOffset"] == "UTC+00.00"
    assert seven["commonEventHeader"]["domain"] == "measurement"
    assert seven["measurementFields"] == {"measurementFieldsVersion": "4.0"} | MEASUREMENT.fields


def test_bodies_are_one_event_or_a_list() -> None:
    assert json.loads(single_body(FAULT, VesVersion.V5)) == {"event": event_of(FAULT, VesVersion.V5)}
    assert message([FAULT], VesVersion.V7) == (False, single_body(FAULT, VesVersion.V7))
    is_batch, body = message([FAULT, FAULT], VesVersion.V7)
    assert is_batch
    assert json.loads(body) == {"eventList": [event_of(FAULT, VesVersion.V7)] * 2}


@pytest.mark.parametrize("events", [[FAULT, HEARTBEAT], []])
def test_a_batch_has_one_domain(events: list[VesEvent]) -> None:
    with pytest.raises(ValueError, match="events of one domain"):
        batch_body(events, VesVersion.V7)


def numbered(*events: VesEvent) -> list[VesEvent]:
    return [replace(event, sequence=number) for number, event in enumerate(events)]


def test_batches_keep_the_order_and_have_one_domain_each() -> None:
    events = numbered(FAULT, FAULT, HEARTBEAT, FAULT, MEASUREMENT, MEASUREMENT)

    made = batches(events, VesVersion.V7)

    assert [event for batch in made for event in batch] == events
    assert [len(batch) for batch in made] == [2, 1, 1, 2]


def test_batches_have_at_most_so_many_events() -> None:
    assert [len(batch) for batch in batches(numbered(*[FAULT] * 7), VesVersion.V7, events_max=3)] == [3, 3, 1]
    assert [len(batch) for batch in batches([FAULT, FAULT], VesVersion.V7, events_max=1)] == [1, 1]
    assert batches([], VesVersion.V7) == []


@pytest.mark.parametrize("version", VesVersion)
def test_batches_have_at_most_so_many_bytes(version: VesVersion) -> None:
    made = batches(numbered(*[FAULT] * 20), version, bytes_max=5_000)

    sizes = [len(message(batch, version)[1]) for batch in made]
    assert max(sizes) <= 5_000
    assert len(made) <= 5


def test_what_a_cloud_writes_at_length_is_cut_off() -> None:
    information = {"text": "x" * 100_000, "y" * 1000: "z"}
    event = replace(FAULT, source_name="n" * 1000, fields=FAULT.fields | {"alarmAdditionalInformation": information})

    for version in VesVersion:
        told = event_of(event, version)
        assert len(told["commonEventHeader"]["sourceName"]) == TEXT_MAX
        assert len(json.dumps(told)) < 2500
    assert_valid([event])


@pytest.mark.parametrize(
    ("schema", "wrong"),
    [
        ("CommonEventFormat_28.4.1.json", {"sequence": "0"}),
        ("CommonEventFormat_30.2.1_ONAP.json", {"unknown": "x"}),
        ("CommonEventFormat_30.2.1_ONAP.json", {"version": 4.1}),
    ],
)
def test_the_schemas_find_what_is_wrong(schema: str, wrong: dict[str, Any]) -> None:
    version = VesVersion.V5 if "_28" in schema else VesVersion.V7
    told = event_of(FAULT, version)
    told["commonEventHeader"] |= wrong

    assert schemas(schema).error({"event": told}, version)


def samples() -> list[Path]:
    return sorted((standards() / "own-samples").glob("v?_*.json"))


@pytest.mark.skipif(not samples(), reason="the standards' samples are not on this machine")
def test_we_send_the_fields_that_the_standards_samples_have() -> None:
    """All that a sample's header has and ours has not is a naming code or a vendor, which no cloud knows."""
    for path in samples():
        told = json.loads(path.read_text(encoding="utf-8"))
        version = VesVersion(path.name[:2])
        for event in told.get("eventList") or [told["event"]]:
            ours = event_of(FAULT, version)["commonEventHeader"]
            lacking = set(event["commonEventHeader"]) - set(ours)
            assert lacking <= {"nfVendorName", "nfNamingCode", "nfcNamingCode"}
            assert {name: type(value) for name, value in ours.items() if name in event["commonEventHeader"]} == {
                name: type(event["commonEventHeader"][name]) for name in ours if name in event["commonEventHeader"]
            }
