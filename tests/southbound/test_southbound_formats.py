"""Formats: one event in many shapes, and bytes that are none."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nfvigil.errors import RefusedError
from nfvigil.model.event import Event, Receipt, ReceiptState
from nfvigil.model.ids import EventIds
from nfvigil.model.raw import RawEvent, Refusal
from nfvigil.southbound.formats import Format, load_formats
from nfvigil.southbound.formats.aodh import AodhMaintenanceFormat
from nfvigil.southbound.formats.doctor import DoctorFormat
from nfvigil.southbound.formats.nfvigil import NfvigilFormat
from nfvigil.southbound.formats.vitrage import VitrageFormat
from nfvigil.southbound.intake import Intake
from nfvigil.southbound.limits import TooLargeError

NOW_US = 1_767_323_045_000_000

EVENT: dict[str, Any] = {
    "time": "2026-01-02T03:04:05Z",
    "type": "compute.host.down",
    "details": {"hostname": "compute-1", "status": "down", "monitor_id": "monitor-1", "monitor_event_id": "123"},
}

VITRAGE = b"""{
  "time": "2016-04-12T08:00:00.12345",
  "type": "compute.host.down",
  "details": {
    "hostname": "compute-1",
    "source": "sample_monitor",
    "cause": "link-down",
    "severity": "critical",
    "status": "down",
    "monitor_id": "monitor-1",
    "monitor_event_id": "123"
  }
}"""


def take(form: Format, body: bytes) -> tuple[list[Receipt], list[Event]]:
    kept: list[Event] = []

    async def keep(events: Sequence[Event]) -> None:
        kept.extend(events)

    def clock() -> int:
        return NOW_US

    async def run() -> list[Receipt]:
        return await Intake(keep=keep, ids=EventIds(clock), clock=clock, zone=UTC).take(form.decode(body), "x")

    return asyncio.run(run()), kept


def paths(form: Format, value: object) -> list[str]:
    found = form.decode(json.dumps(value).encode())
    assert all(isinstance(item, RawEvent) and item.type == "compute.host.down" for item in found)
    return [item.path for item in found if isinstance(item, RawEvent)]


SHAPES: list[tuple[object, list[str]]] = [
    (EVENT, [""]),
    ({"event": EVENT}, ["event"]),
    ([EVENT, EVENT], ["events[0]", "events[1]"]),
    ({"events": [EVENT, EVENT]}, ["events[0]", "events[1]"]),
    ({"events": [{"event": EVENT}, EVENT]}, ["events[0].event", "events[1]"]),
    ([{"event": EVENT}], ["events[0].event"]),
    ([], []),
    ({"events": []}, []),
]


@pytest.mark.parametrize("form", [DoctorFormat(), NfvigilFormat()], ids=["doctor", "nfvigil"])
@pytest.mark.parametrize(("value", "expected"), SHAPES)
def test_every_shape_of_a_message_is_read(form: Format, value: object, expected: list[str]) -> None:
    assert paths(form, value) == expected


@pytest.mark.parametrize("value", [EVENT, {"event": EVENT}])
def test_vitrage_takes_one_event(value: object) -> None:
    assert len(paths(VitrageFormat(), value)) == 1


@pytest.mark.parametrize("value", [[EVENT], {"events": [EVENT, EVENT]}, []])
def test_vitrage_takes_no_lists(value: object) -> None:
    with pytest.raises(RefusedError, match="one event"):
        VitrageFormat().decode(json.dumps(value).encode())


def test_vitrages_own_sample_is_read() -> None:
    receipts, events = take(VitrageFormat(), VITRAGE)

    assert receipts[0].state is ReceiptState.ACCEPTED
    event = events[0]
    assert (event.resource, event.status, event.severity, event.cause) == (
        "host/compute-1",
        "down",
        "critical",
        "link-down",
    )
    assert (event.monitor, event.monitor_event_id, event.source) == ("monitor-1", "123", "sample_monitor")
    assert event.details == {"claimed_time": "2016-04-12T08:00:00.12345"}


def test_to_vitrage_any_status_but_up_is_an_alarm() -> None:
    event = EVENT | {"details": {"hostname": "compute-1", "status": "on fire"}}

    _, events = take(VitrageFormat(), json.dumps(event).encode())

    assert (events[0].status, events[0].details) == ("down", {"reported_status": "on fire"})


def test_what_a_doctor_monitor_adds_at_the_top_is_kept_in_the_details() -> None:
    _, events = take(DoctorFormat(), json.dumps([EVENT | {"id": "monitor_x_id1"}]).encode())

    assert events[0].details == {"id": "monitor_x_id1"}


def test_our_own_form_refuses_unknown_fields_by_name() -> None:
    event = {"type": "a", "resource": "host/a", "sevrity": "critical", "path": "x", "errors": []}

    receipts, events = take(NfvigilFormat(), json.dumps({"events": [event]}).encode())

    assert not events
    assert [field for field, _ in receipts[0].errors] == ["events[0].sevrity", "events[0].path", "events[0].errors"]


def test_our_own_form_has_doctors_words_at_the_top() -> None:
    event = {
        "type": "disk.predicted",
        "resource": {"kind": "disk", "id": "compute-1:sda"},
        "status": "down",
        "severity": "warning",
        "monitor": "smart",
        "monitor_event_id": 7,
        "related_to": ["1"],
        "lead_time_seconds": 3600,
        "happened_time": "2026-01-02T03:04:04Z",
        "details": {"sectors": 8, "status": "ignored, for the one above counts"},
    }

    _, events = take(NfvigilFormat(), json.dumps(event).encode())

    kept = events[0]
    assert (kept.resource, kept.lead_time_seconds, kept.happened_us) == (
        "disk/compute-1:sda",
        3600.0,
        NOW_US - 1_000_000,
    )
    assert (kept.severity, kept.monitor_event_id, kept.related_to) == ("warning", "7", ("1",))
    assert kept.details == {"sectors": 8, "status": "ignored, for the one above counts"}


@pytest.mark.parametrize("form", [DoctorFormat(), NfvigilFormat(), VitrageFormat()])
@pytest.mark.parametrize("details", [1, "x", [], True])
def test_details_must_be_an_object(form: Format, details: object) -> None:
    receipts, _ = take(form, json.dumps(EVENT | {"details": details}).encode())

    assert ("details", "must be an object") in receipts[0].errors


HOPELESS = [
    (b"", "not JSON"),
    (b" ", "not JSON"),
    (b"{", "not JSON"),
    (b"[", "not JSON"),
    (b"[{]", "not JSON"),
    (b"{}}", "not JSON"),
    (b"[] []", "not JSON"),
    (b"[{}", "not JSON"),
    (b"{'a': 1}", "not JSON"),
    (b"<event/>", "not JSON"),
    (b"\x00", "not JSON"),
    (b"\xff\xfe[\x00]\x00", "not JSON"),
    (b"\xef\xbb\xbf[]", "not JSON"),
    (b'{"a": NaN}', "not JSON"),
    (b"[" * 100_000, "deeply"),
    (b'{"a":' * 100_000, "deeply"),
    (b"null", "neither"),
    (b"1", "neither"),
    (b'"event"', "neither"),
    (b"true", "neither"),
    (b'{"events": {}}', "no list"),
    (b'{"events": 1}', "no list"),
    (b'{"events": null}', "no list"),
    (b'{"event": {}, "events": []}', "ambiguous"),
]


@pytest.mark.parametrize("form", [DoctorFormat(), NfvigilFormat(), VitrageFormat()])
@pytest.mark.parametrize(("body", "reason"), HOPELESS, ids=[repr(row[0][:12]) for row in HOPELESS])
def test_a_body_without_events_is_refused_whole(form: Format, body: bytes, reason: str) -> None:
    with pytest.raises(RefusedError, match=reason) as caught:
        form.decode(body)

    assert len(str(caught.value)) < 400


GOOD = json.dumps(EVENT).encode()
BROKEN = [
    b"1",
    b"null",
    b'"x"',
    b"[]",
    b"[[[]]]",
    b'{"event": 1}',
    b'{"event": null}',
    b'{"type": "\xff"}',
    b'{"type": "\\ud800"}',
    b'{"type": 1e999}',
    b'{"type": ' + b"9" * 5000 + b"}",
    b"{}",
    b'{"type": "a", "details": null}',
]


@pytest.mark.parametrize("form", [DoctorFormat(), NfvigilFormat()], ids=["doctor", "nfvigil"])
@pytest.mark.parametrize("broken", BROKEN)
def test_an_event_that_cannot_be_read_leaves_its_neighbours_good(form: Format, broken: bytes) -> None:
    receipts, events = take(form, b"[" + GOOD + b"," + broken + b"]")

    assert [receipt.state for receipt in receipts] == ["accepted", "refused"]
    assert len(events) == 1
    assert all(field.startswith("events[1]") and reason for field, reason in receipts[1].errors)


@pytest.mark.parametrize(
    ("text", "is_sound"),
    [
        (b"\\ud83d\\ude00", True),
        (b"\\uD83D\\uDE00", True),
        (b"\\\\ud83d", True),
        (b"\\\\\\ud83d", False),
        (b"\\ud83d", False),
        (b"\\ude00\\ud83d", False),
        (b"\\ud83d\\ud83d\\ude00", False),
        (b"\\u00e4", True),
    ],
)
def test_only_the_event_with_half_a_surrogate_pair_is_refused(text: bytes, is_sound: bool) -> None:
    body = b'[%s, {"type": "a", "details": {"hostname": "x", "note": "%s"}}]' % (GOOD, text)

    receipts, events = take(DoctorFormat(), body)

    assert [receipt.state for receipt in receipts] == ["accepted", "accepted" if is_sound else "refused"]
    if is_sound:
        assert events[1].details == {"note": json.loads(b'"%s"' % text)}
    else:
        assert receipts[1].errors == (("events[1].details.note", "holds a NUL or half of a surrogate pair"),)


def test_of_a_key_that_is_there_twice_the_last_counts() -> None:
    _, events = take(DoctorFormat(), b'{"type": "a", "type": "b", "details": {"hostname": "x", "hostname": "y"}}')

    assert (events[0].type, events[0].resource) == ("b", "host/y")


@pytest.mark.parametrize("wrap", [b"[%s]", b'{"events": [%s]}'])
def test_more_events_than_can_be_taken_are_not_even_read(wrap: bytes) -> None:
    with pytest.raises(TooLargeError, match="at most 1000, not 1001"):
        DoctorFormat().decode(wrap % b",".join([b"{}"] * 1001))


def aodh(*traits: object, **more: object) -> bytes:
    return json.dumps(
        {"alarm_name": "x", "reason_data": {"type": "event", "event": {"traits": traits} | more}}
    ).encode()


@pytest.mark.parametrize(
    ("state", "status", "is_clear"), [("IN_MAINTENANCE", "down", False), ("MAINTENANCE_COMPLETE", "up", True)]
)
def test_aodh_says_when_a_host_enters_and_leaves_maintenance(state: str, status: str, is_clear: bool) -> None:
    traits = [["project_id", 1, "p"], ["state", 1, state], ["host", 1, "compute-1"], ["session_id", 1, "s"]]

    _, events = take(AodhMaintenanceFormat(), aodh(*traits, message_id="m-1", generated="2026-01-02T03:04:05.5"))

    event = events[0]
    assert (event.type, event.resource, event.status, event.is_clear) == (
        "maintenance.host",
        "host/compute-1",
        status,
        is_clear,
    )
    assert event.details == {"project_id": "p", "session_id": "s", "state": state}
    assert (event.time_us, event.flags, event.monitor_event_id) == (NOW_US + 500_000, (), "m-1")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (aodh(), "reason_data.event.traits.state"),
        (aodh(["state", 1, "IN_MAINTENANCE"]), "reason_data.event.traits.host"),
        (aodh(["state", 1, "IN_MAINTENANCE"], ["host", 1, 5]), "reason_data.event.traits.host"),
        (aodh(["state", 1, ["x"]], ["host", 1, "a"]), "reason_data.event.traits.state"),
        (aodh(["state", 1, "MAINTENANCE"], ["host", 1, "a"]), "reason_data.event.traits.state"),
        (aodh(["state", 1, "IN_MAINTENANCE"], ["host", 1, "a b"]), "reason_data.event.resource"),
        (aodh(["state", 1, "IN_MAINTENANCE"], ["host", 1, "a"], generated="x"), "reason_data.event.time"),
    ],
)
def test_an_alarm_that_names_no_host_or_state_is_refused(body: bytes, field: str) -> None:
    receipts, events = take(AodhMaintenanceFormat(), body)

    assert not events
    assert field in [name for name, _ in receipts[0].errors]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"[]", ""),
        (b"{}", ""),
        (b'{"reason_data": 1}', "reason_data"),
        (b'{"reason_data": {"event": {}}}', "reason_data.event"),
        (b'{"reason_data": {"event": {"traits": [1]}}}', "reason_data.event.traits[0]"),
        (b"{", ""),
        (b"[" * 100_000, ""),
    ],
)
def test_what_is_no_alarm_of_aodhs_is_refused(body: bytes, field: str) -> None:
    with pytest.raises(RefusedError) as caught:
        AodhMaintenanceFormat().decode(body)

    assert [error.field for error in caught.value.errors] == [field]


def test_the_installed_formats_are_found_by_name() -> None:
    formats = load_formats()

    assert {"doctor", "nfvigil", "vitrage"} <= {*formats}
    assert all(form.name == name for name, form in formats.items())


FORMS: list[Format] = [DoctorFormat(), NfvigilFormat(), VitrageFormat(), AodhMaintenanceFormat()]
WORDS = ["type", "time", "details", "event", "events", "hostname", "status", "severity", "resource", "related_to"]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(WORDS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=4), inner, max_size=6)
    ),
    max_leaves=20,
)


def outcome(form: Format, body: bytes) -> None:
    """Either receipts, each with an id or a reason, or a refusal: never anything else."""
    try:
        receipts, events = take(form, body)
    except RefusedError:
        return
    assert len(events) == sum(receipt.state is ReceiptState.ACCEPTED for receipt in receipts)
    for receipt in receipts:
        assert (receipt.id is None) == bool(receipt.errors)


@settings(max_examples=120, deadline=None)
@given(form=st.sampled_from(FORMS), value=VALUES)
def test_no_json_whatsoever_breaks_a_door(form: Format, value: object) -> None:
    outcome(form, json.dumps(value).encode())


@settings(max_examples=120, deadline=None)
@given(form=st.sampled_from(FORMS), body=st.binary(max_size=64))
def test_no_bytes_whatsoever_break_a_door(form: Format, body: bytes) -> None:
    outcome(form, body)


@settings(max_examples=120, deadline=None)
@given(form=st.sampled_from(FORMS), fields=st.dictionaries(st.sampled_from([*RawEvent.__struct_fields__]), VALUES))
def test_no_value_of_a_known_field_breaks_a_door(form: Format, fields: dict[str, object]) -> None:
    outcome(form, json.dumps([{"type": "a", "resource": "host/a"} | fields]).encode())


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, len(VITRAGE)), byte=st.integers(0, 255))
def test_no_damaged_byte_breaks_a_door(cut: int, byte: int) -> None:
    outcome(VitrageFormat(), VITRAGE[:cut] + bytes([byte]) + VITRAGE[cut + 1 :])
    outcome(DoctorFormat(), VITRAGE[:cut])


def test_a_refusal_has_a_reason() -> None:
    found = DoctorFormat().decode(b"[1]")

    assert found == [Refusal(errors=(("events[0]", "must be an object"),))]
