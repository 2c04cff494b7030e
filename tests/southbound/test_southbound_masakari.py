"""Masakari's door: what its monitors send, what they hear, and what follows from it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import UTC
from typing import Any

import pytest
from monitoring_messages import NOW_US
from starlette.applications import Starlette
from starlette.requests import Request
from test_southbound_doors import Answer, call

from nfvigil.errors import StoreUnavailableError
from nfvigil.model.action import Action, ActionState
from nfvigil.model.event import Event, Status
from nfvigil.model.fault import Fault
from nfvigil.model.identity import Identity, Role
from nfvigil.model.ids import EventIds
from nfvigil.model.instance_ha import RECORD, Meaning, notification_uuid, notification_view, status_of, time_of_uuid
from nfvigil.model.verdict import Decision, Verdict
from nfvigil.southbound.doors import answer_each
from nfvigil.southbound.formats.masakari import VM_EVENTS, events_of, meaning_of, read_notification
from nfvigil.southbound.formats.nfvigil import NfvigilFormat
from nfvigil.southbound.intake import Intake
from nfvigil.southbound.masakari import PATHS, Duplicates, MasakariDoor, masakari_routes
from published_files import published

SERVER = "96ab1c42-668c-4f2d-8689-afa3301d4ee9"
UNSURE = ("compute.hypervisor.unreachable", "down")
DOWN = ("compute.host.down", "down")


def host(event: str = "STOPPED", **more: Any) -> dict[str, Any]:
    payload = {"event": event, "cluster_status": "OFFLINE"} | {k: v for k, v in more.items() if v is not None}
    return {
        "type": "COMPUTE_HOST",
        "hostname": "compute-1",
        "generated_time": "2026-01-02 03:04:00",
        "payload": payload,
    }


def process(event: str, name: str = "nova-compute") -> dict[str, Any]:
    return host() | {"type": "PROCESS", "payload": {"process_name": name, "event": event}}


def server(detail: str, event: str = "LIFECYCLE") -> dict[str, Any]:
    payload = {"instance_uuid": SERVER, "vir_domain_event": detail, "event": event}
    return host() | {"type": "VM", "payload": payload}


class Site:
    """The door with a shelf behind it."""

    def __init__(self, *, recent: Sequence[Event] = ()) -> None:
        self.us = NOW_US
        self.events: list[Event] = []
        self.counts: list[tuple[str, str, int]] = []
        self.error: Exception | None = None
        self.role = Role.MONITOR
        self.maintained: set[str] = set()
        duplicates = Duplicates()
        duplicates.remember(recent)
        door = MasakariDoor(
            name="masakari",
            form=NfvigilFormat(),
            answer=answer_each,
            intake=Intake(keep=self._keep, ids=EventIds(self._clock), clock=self._clock, zone=UTC),
            guard=self._guard,
            count=lambda door, outcome, number: self.counts.append((door, outcome, number)),
            duplicates=duplicates,
            is_in_maintenance=lambda key: key in self.maintained,
            clock=self._clock,
            chance=os.urandom,
        )
        self.app = Starlette(routes=masakari_routes(door))

    def _clock(self) -> int:
        return self.us

    async def _guard(self, request: Request) -> Identity:
        return Identity("masakari-monitors", None, self.role)

    async def _keep(self, events: Sequence[Event]) -> None:
        if self.error:
            raise self.error
        self.events.extend(events)

    async def send(self, notification: Any, path: str = PATHS[0]) -> Answer:
        return await call(self, path, {"notification": notification})  # type: ignore[arg-type]  # only its app counts

    def what(self) -> list[tuple[str, str]]:
        return [(event.type, str(event.status)) for event in self.events if event.type != RECORD]


CASES: dict[str, tuple[dict[str, Any], list[tuple[str, str]], Meaning]] = {
    "sure that it stopped": (host(host_status="NORMAL"), [DOWN], Meaning.RECOVER),
    "stopped, and nobody is sure": (host(host_status="UNKNOWN"), [UNSURE], Meaning.SUSPECT),
    "stopped, and nothing said of it": (host(), [UNSURE], Meaning.SUSPECT),
    "started": (
        host("STARTED", host_status="NORMAL"),
        [("compute.host.down", "up"), ("compute.hypervisor.unreachable", "up")],
        Meaning.WELL,
    ),
    "a process": (process("stopped"), [("compute.hypervisor.degraded", "down")], Meaning.RECOVER),
    "a process that is back": (process("STARTED"), [("compute.hypervisor.degraded", "up")], Meaning.WELL),
    "a server that failed": (server("STOPPED_FAILED"), [("compute.instance.error", "down")], Meaning.RECOVER),
    "a server that crashed": (server("CRASHED_PANICKED"), [("compute.instance.error", "down")], Meaning.RECOVER),
    "a server's watchdog": (
        server("WATCHDOG_RESET", "WATCHDOG"),
        [("compute.instance.error", "down")],
        Meaning.RECOVER,
    ),
    "a server's disk": (server("IO_ERROR_STOP", "IO_ERROR"), [("compute.instance.error", "down")], Meaning.RECOVER),
    "a server's agent": (
        server("X", "QEMU_GUEST_AGENT_ERROR"),
        [("compute.instance.error", "down")],
        Meaning.RECOVER,
    ),
    "a server that was stopped": (server("STOPPED_DESTROYED"), [("compute.instance.stopped", "down")], Meaning.RECOVER),
    "a server that runs again": (
        server("STARTED_BOOTED"),
        [("compute.instance.error", "up"), ("compute.instance.stopped", "up")],
        Meaning.WELL,
    ),
    "a server that moved away": (server("STOPPED_MIGRATED"), [], Meaning.NOTHING),
    "a server that rebooted itself": (server("REBOOT", "REBOOT"), [], Meaning.NOTHING),
}


@pytest.mark.anyio
@pytest.mark.parametrize("case", CASES)
async def test_what_a_notification_becomes(case: str) -> None:
    notification, expected, meaning = CASES[case]
    site = Site()

    answer = await site.send(notification)

    assert (answer.status, answer.json["notification"]["status"]) == (202, "new")
    assert site.what() == expected
    record = site.events[0]
    assert (record.type, record.status, record.details["meaning"]) == (RECORD, Status.UNKNOWN, meaning)
    assert record.monitor_event_id == answer.json["notification"]["notification_uuid"]
    assert all(record.monitor_event_id in event.related_to for event in site.events[1:])


def test_every_word_of_a_servers_event_means_something() -> None:
    for event in VM_EVENTS:
        notification = read_notification(json.dumps({"notification": server("ANY_THING", event)}).encode())
        assert meaning_of(notification)[0] in (Meaning.RECOVER, Meaning.NOTHING)


@pytest.mark.anyio
async def test_the_answer_is_the_record_as_masakari_shows_it() -> None:
    answer = await Site().send(host(host_status="UNKNOWN"), PATHS[3].format(project_id="admin"))

    record = answer.json["notification"]
    assert record | {"id": 0, "notification_uuid": "", "source_host_uuid": ""} == {
        "id": 0,
        "notification_uuid": "",
        "source_host_uuid": "",
        "type": "COMPUTE_HOST",
        "status": "new",
        "payload": {"event": "STOPPED", "cluster_status": "OFFLINE", "host_status": "UNKNOWN"},
        "generated_time": "2026-01-02T03:04:00.000000",
        "created_at": "2026-01-02T03:04:05.000000",
        "updated_at": None,
        "deleted": False,
        "deleted_at": None,
    }


@pytest.mark.anyio
async def test_the_same_again_is_a_duplicate_for_three_minutes() -> None:
    site = Site()
    await site.send(host(host_status="NORMAL"))

    again = await site.send(host(host_status="NORMAL"))
    site.us += 181_000_000
    later = await site.send(host(host_status="NORMAL"))

    assert (again.status, list(again.json)) == (409, ["conflictingRequest"])
    assert again.json["conflictingRequest"]["code"] == 409
    assert later.status == 202
    assert ("masakari", "repeat", 1) in site.counts


@pytest.mark.anyio
async def test_a_host_that_stopped_started_and_stopped_has_stopped_twice() -> None:
    site = Site()

    answers = [await site.send(host(event, host_status="NORMAL")) for event in ("STOPPED", "STARTED", "STOPPED")]

    assert [answer.status for answer in answers] == [202, 202, 202]


@pytest.mark.anyio
async def test_another_process_and_another_certainty_are_no_duplicates() -> None:
    site = Site()
    told = [
        host(),
        host(host_status="NORMAL"),
        process("STOPPED"),
        process("STOPPED", "libvirtd"),
        server("STOPPED_FAILED"),
    ]

    assert [(await site.send(one)).status for one in told] == [202] * 5


@pytest.mark.anyio
async def test_a_duplicate_is_known_after_a_restart() -> None:
    before = Site()
    await before.send(process("STOPPED"))

    answer = await Site(recent=before.events).send(process("STOPPED"))

    assert answer.status == 409


def test_so_many_subjects_are_known_and_no_more() -> None:
    known = Duplicates(size_max=1)
    first, second = (
        read_notification(json.dumps({"notification": process("STOPPED", name)}).encode()) for name in "ab"
    )

    known.add(first, 0)
    known.add(second, 0)

    assert (known.knows(first, 0), known.knows(second, 0)) == (False, True)


@pytest.mark.anyio
async def test_what_could_not_be_kept_is_no_duplicate_when_it_comes_again() -> None:
    site = Site()
    site.error = StoreUnavailableError("the database is full")
    failed = await site.send(host())
    site.error = None

    answer = await site.send(host())

    assert (failed.status, list(failed.json), failed.headers["retry-after"]) == (503, ["serviceUnavailable"], "1")
    assert answer.status == 202


@pytest.mark.anyio
async def test_a_host_in_maintenance_is_refused_as_masakari_does_and_nothing_is_lost() -> None:
    site = Site()
    site.maintained.add("host/compute-1")

    answer = await site.send(host(host_status="NORMAL"))

    assert (answer.status, "maintenance" in answer.json["conflictingRequest"]["message"]) == (409, True)
    assert site.what() == [DOWN]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("notification", "fields"),
    [
        (None, {"notification"}),
        ([], {"notification"}),
        ({}, {"type", "hostname", "generated_time", "payload"}),
        (host() | {"type": 5, "hostname": "x" * 300}, {"type", "hostname"}),
        (host() | {"generated_time": "yesterday"}, {"generated_time"}),
        (host() | {"generated_time": 5, "payload": []}, {"generated_time", "payload"}),
        (host("EXPLODED", host_status="MAYBE", cluster_status=5), {"event", "host_status", "cluster_status"}),
        (process("STOPPED", ""), {"process_name"}),
        (server("") | {"payload": {}}, {"event", "instance_uuid", "vir_domain_event"}),
        (host() | {"hostname": "a b"}, {"resource"}),
    ],
)
async def test_what_is_wrong_is_named(notification: Any, fields: set[str]) -> None:
    site = Site()

    answer = await site.send(notification)

    assert (answer.status, list(answer.json), site.events) == (400, ["badRequest"], [])
    message = answer.json["badRequest"]["message"]
    assert all(f"{field}: " in message for field in fields)


@pytest.mark.anyio
async def test_who_may_not_send_hears_so_in_masakaris_form() -> None:
    site = Site()
    site.role = Role.MEMBER

    answer = await site.send(host())

    assert (answer.status, answer.json["forbidden"]["code"]) == (403, 403)


def test_a_time_with_a_zone_is_read_as_utc() -> None:
    given = host() | {"generated_time": "2026-01-02T03:04:00+02:00"}

    assert (
        read_notification(json.dumps({"notification": given}).encode()).generated_time == "2026-01-02T01:04:00.000000"
    )


def test_a_payload_of_any_size_is_kept_within_bounds() -> None:
    given = host(**{f"x{number}": "y" * 5000 for number in range(500)})
    notification = read_notification(json.dumps({"notification": given}).encode())

    assert len(json.dumps(notification.payload)) < 250_000
    assert len(events_of(notification, "uuid")) == 2


def test_a_uuid_tells_its_time() -> None:
    uuid = notification_uuid(NOW_US + 999, b"\xff" * 8)

    assert time_of_uuid(uuid) == NOW_US
    assert [time_of_uuid(text) for text in ("", "x", SERVER)] == [None, None, None]


def _event(number: int, **details: Any) -> Event:
    return Event(id=number, type="x", resource="host/a", time_us=0, received_us=0, details=details)


def _action(state: ActionState, attempts: int = 1, ended_us: int | None = 5) -> Action:
    return Action(
        id="a", kind="force_down", target="host/a", event_id=2, state=state, attempts=attempts, ended_us=ended_us
    )


RAISED = Verdict(event_id=2, memory={"x": 1})
SUPPRESSED = Verdict(
    event_id=2,
    faults=(Fault(id="f", type="x", resource="host/a", rule="r", event_id=2, raised_us=0, suppressed="maintenance"),),
)


@pytest.mark.parametrize(
    ("meaning", "verdict", "actions", "status"),
    [
        (Meaning.RECOVER, None, [], "new"),
        (Meaning.RECOVER, RAISED, [], "finished"),
        (Meaning.RECOVER, RAISED, [_action(ActionState.DONE), _action(ActionState.SKIPPED)], "finished"),
        (Meaning.RECOVER, RAISED, [_action(ActionState.DONE), _action(ActionState.PLANNED, 0, None)], "running"),
        (Meaning.RECOVER, RAISED, [_action(ActionState.RUNNING, 2, None)], "error"),
        (Meaning.RECOVER, RAISED, [_action(ActionState.DONE), _action(ActionState.FAILED)], "failed"),
        (Meaning.RECOVER, Verdict(event_id=2), [], "ignored"),
        (Meaning.RECOVER, SUPPRESSED, [], "ignored"),
        (Meaning.SUSPECT, RAISED, [], "ignored"),
        (Meaning.NOTHING, RAISED, [], "ignored"),
        (Meaning.WELL, Verdict(event_id=2), [], "finished"),
    ],
)
def test_a_notification_is_as_far_as_what_follows_from_it(
    meaning: Meaning, verdict: Verdict | None, actions: list[Action], status: str
) -> None:
    follower = _event(2)
    decisions = [] if verdict is None else [Decision(event=follower, verdict=verdict)]

    assert status_of(_event(1, meaning=meaning), [follower], decisions, actions) == status


@pytest.mark.parametrize(
    ("meaning", "decided_to", "status"),
    [
        (Meaning.RECOVER, 1, "new"),
        (Meaning.RECOVER, 2, "ignored"),
        (Meaning.SUSPECT, 2, "ignored"),
        (Meaning.WELL, 2, "finished"),
    ],
)
def test_one_that_was_decided_and_changed_nothing_is_not_new_for_ever(
    meaning: Meaning, decided_to: int, status: str
) -> None:
    assert status_of(_event(1, meaning=meaning), [_event(2)], [], [], decided_to=decided_to) == status


def test_one_from_which_nothing_follows_is_new_until_it_was_looked_at() -> None:
    record = _event(1, meaning=Meaning.NOTHING)

    assert status_of(record, [], [], []) == "new"
    assert status_of(record, [], [Decision(event=record, verdict=Verdict(event_id=1))], []) == "ignored"


def test_what_was_done_is_shown_in_masakaris_words() -> None:
    actions = [_action(ActionState.DONE), _action(ActionState.RUNNING, 1, None), _action(ActionState.PLANNED, 0, None)]

    view = notification_view(_event(1), "running", updated_us=5, actions=actions)

    assert [step["state"] for step in view["recovery_workflow_details"]] == ["SUCCESS", "RUNNING", "PENDING"]
    assert view["recovery_workflow_details"][0]["progress_details"][0]["timestamp"] == "1970-01-01T00:00:00.000005"


@pytest.mark.parametrize("name", ["host", "process", "vm"])
def test_masakaris_own_samples_are_read(name: str) -> None:
    path = published(f"openstack-masakari/{name}-notification-create-req.json")
    answered = json.loads(path.with_name(f"{name}-notification-create-resp.json").read_text())["notification"]

    notification = read_notification(path.read_bytes())

    view = notification_view(_event(1, type=str(notification.type), payload=notification.payload), "new")
    assert view.keys() == answered.keys()
    assert notification.generated_time == answered["generated_time"]
