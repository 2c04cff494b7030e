"""The audit log as requests come in: what is begun, how it ended, who was refused; and as it is read."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from northbound_fakes import NOW, Bug, World, make_world
from starlette.requests import Request

from nfvigil.errors import RefusedError, StoreUnavailableError
from nfvigil.model.audit import AuditRecord, Outcome
from nfvigil.model.identity import Identity, Role, Via
from nfvigil.northbound.access.break_glass import BREAK_GLASS
from nfvigil.northbound.audit_notes import AuditNotes
from nfvigil.northbound.cadf import cadf_event
from nfvigil.northbound.guarded import _read

pytestmark = pytest.mark.anyio


class Log:
    def __init__(self) -> None:
        self.lines: list[AuditRecord] = []
        self.is_away = False

    async def add(self, record: AuditRecord) -> None:
        if self.is_away:
            raise StoreUnavailableError("away")
        self.lines.append(record)

    def told(self) -> list[tuple[str, str, str, str, int]]:
        return [(line.who, line.what, line.target, line.outcome.value, line.status) for line in self.lines]


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def notes(log: Log) -> AuditNotes:
    return AuditNotes(add=log.add, clock=lambda: NOW, new_id=lambda: "1")


@pytest.fixture
def world(notes: AuditNotes) -> Iterator[World]:
    world = make_world()
    world.call.app.state.audit_notes = notes
    yield world
    world.call.app.state.audit_notes = None


async def test_what_is_begun_is_in_the_log_before_it_is_done_and_how_it_ended_after(world: World, log: Log) -> None:
    answer = await world.call("POST", "/v1/alarms/host-alarm/clear", headers={"X-Request-Id": "req-of-mine"})

    assert log.told() == [
        ("admin", "clear", "/v1/alarms/host-alarm/clear", "pending", 0),
        ("admin", "cleared an alarm", "host-alarm", "success", 200),
    ]
    assert {line.request for line in log.lines} == {"req-1/req-of-mine"} == {answer.headers["x-request-id"]}
    first = log.lines[0]
    assert (first.rule, first.method, first.role, first.via) == ("nfvigil:alarms:clear", "POST", "admin", "local")
    assert first.address == "127.0.0.1"
    assert world.store.notes == []


async def test_what_cannot_be_written_down_is_not_done(world: World, log: Log) -> None:
    log.is_away = True

    answer = await world.call("POST", "/v1/alarms/host-alarm/clear")

    assert answer.status == 503
    assert world.store.kept["host-alarm"].is_open


async def test_what_was_done_stays_done_where_its_end_cannot_be_written(world: World, log: Log) -> None:
    class Once(Log):
        async def add(self, record: AuditRecord) -> None:
            await super().add(record)
            self.is_away = True

    once = Once()
    world.call.app.state.audit_notes = AuditNotes(add=once.add, clock=lambda: NOW)

    assert (await world.call("POST", "/v1/alarms/host-alarm/clear")).status == 200
    assert [line.outcome for line in once.lines] == [Outcome.PENDING]


@pytest.mark.parametrize(
    ("method", "address", "body", "status", "text"),
    [
        ("POST", "/v1/alarms/b-1/ack", None, 404, "there is no such alarm"),
        ("POST", "/v1/subscriptions", {"endpoints": []}, 400, "the request is wrong"),
        (
            "POST",
            "/v1/subscriptions",
            {"endpoints": [{"url": "http://169.254.169.254/secret"}]},
            400,
            "the endpoints are wrong; endpoints[0].url",
        ),
    ],
)
async def test_what_was_refused_says_so_and_not_what_was_sent(
    world: World, log: Log, method: str, address: str, body: Any, status: int, text: str
) -> None:
    assert (await world.call(method, address, body, by="member-a")).status == status

    assert [(line.outcome, line.status, line.text) for line in log.lines[1:]] == [(Outcome.FAILURE, status, text)]
    assert "secret" not in repr(log.lines)


async def test_a_refusal_is_written_once_a_minute_and_counted(world: World, notes: AuditNotes, log: Log) -> None:
    for number in range(5):
        assert (await world.call("GET", f"/v1/events/{number}", by="member-a")).status == 403
    assert (await world.call("GET", "/v1/faults", by="member-a")).status == 403

    assert [(line.rule, line.what, line.status) for line in log.lines] == [
        ("nfvigil:events:show_event", "refused", 403),
        ("nfvigil:faults:list_faults", "refused", 403),
    ]
    await notes.flush()
    assert [(line.rule, line.text) for line in log.lines[2:]] == [("nfvigil:events:show_event", "4 more times")]
    await notes.flush()
    assert len(log.lines) == 3


async def test_looking_is_not_audited_but_in_an_emergency(world: World, log: Log) -> None:
    assert (await world.call("GET", "/v1/alarms")).status == 200
    assert log.lines == []

    async def somebody(request: Any) -> Identity:
        return Identity(name="glass", project=None, role=Role.READER, sees_all=True, via=Via.BREAK_GLASS)

    world.call.parts = replace(world.call.parts, guard=somebody)
    for _ in range(3):
        assert (await world.call("GET", "/v1/alarms")).status == 200
    assert [(line.who, line.what, line.via) for line in log.lines] == [("glass", "read", "break-glass")]


async def test_failed_authentications_are_counted_by_where_they_come_from(notes: AuditNotes, log: Log) -> None:
    class From:
        def __init__(self, host: str) -> None:
            self.client = type("Client", (), {"host": host})()

    for host in ("192.0.2.1", "192.0.2.1", "192.0.2.2"):
        notes.stranger(From(host))  # type: ignore[arg-type]  # as much of a request as it looks at

    assert log.lines == []
    await notes.flush()
    (line,) = log.lines
    assert (line.what, line.status) == ("authentication failed", 401)
    assert line.text == "3 times; from 192.0.2.1: 2, 192.0.2.2: 1"


async def test_a_bug_of_ours_is_an_end_as_well(world: World, log: Log) -> None:
    async def broken(*_: Any, **__: Any) -> Any:
        raise Bug

    world.desk.clear = broken

    assert (await world.call("POST", "/v1/alarms/host-alarm/clear", is_described=False)).status == 500
    assert [(line.outcome, line.status) for line in log.lines[1:]] == [(Outcome.FAILURE, 500)]


async def test_what_somebody_gave_as_a_reason_is_kept(world: World, log: Log) -> None:
    assert (await world.call("PUT", "/v1/brakes/holds/cloud", {"reason": "a storm"})).status == 200

    assert (log.lines[1].what, log.lines[1].target, log.lines[1].text) == ("hold", "cloud", "a storm")


async def test_what_is_counted_has_a_bound(monkeypatch: pytest.MonkeyPatch, world: World, log: Log) -> None:
    monkeypatch.setattr("nfvigil.northbound.audit_notes.COUNTED_MAX", 1)
    for address in ("/v1/events", "/v1/faults", "/v1/vims"):
        assert (await world.call("GET", address, by="member-a")).status == 403
    notes = world.call.app.state.audit_notes
    for number in range(3):
        notes.stranger(type("From", (), {"client": type("Client", (), {"host": f"192.0.2.{number}"})()})())

    await notes.flush()

    assert [line.rule for line in log.lines if line.rule] == ["nfvigil:events:list_events"]
    assert log.lines[-1].text == "3 times; from others: 2, 192.0.2.0: 1"


async def test_a_refusal_that_cannot_be_written_is_a_refusal_all_the_same(world: World, log: Log) -> None:
    log.is_away = True

    assert (await world.call("GET", "/v1/events", by="member-a")).status == 403
    await world.call.app.state.audit_notes.flush()


async def test_a_database_that_hangs_holds_up_no_refusal_and_no_look_in_an_emergency(
    monkeypatch: pytest.MonkeyPatch, world: World, log: Log
) -> None:
    monkeypatch.setattr("nfvigil.northbound.audit_notes.WAIT_SECONDS", 0.01)
    is_back = asyncio.Event()

    async def hang(record: AuditRecord) -> None:
        await is_back.wait()
        await log.add(record)

    async def glass(request: Any) -> Identity:
        return BREAK_GLASS

    world.call.app.state.audit_notes = AuditNotes(add=hang, clock=lambda: NOW)
    async with asyncio.timeout(5):
        assert (await world.call("GET", "/v1/events", by="member-a")).status == 403
        world.call.parts = replace(world.call.parts, guard=glass)
        assert (await world.call("GET", "/v1/alarms")).status == 200
    is_back.set()
    while len(log.lines) < 2:  # noqa: ASYNC110 - what it waits for has no event
        await asyncio.sleep(0)

    assert [line.what for line in log.lines] == ["refused", "read"]


async def test_who_goes_away_in_the_middle_of_a_body_is_no_bug_of_ours() -> None:
    async def gone() -> dict[str, str]:
        return {"type": "http.disconnect"}

    with pytest.raises(RefusedError, match="cut off"):
        await _read(Request({"type": "http", "method": "POST", "headers": []}, gone))


async def test_counts_are_written_while_it_runs(notes: AuditNotes, log: Log) -> None:
    often = AuditNotes(add=log.add, clock=lambda: NOW, every_seconds=0.001)
    often.stranger(type("From", (), {"client": None})())  # type: ignore[arg-type]  # a request without a socket
    running = asyncio.create_task(often.run())
    async with asyncio.timeout(5):
        while not log.lines:  # noqa: ASYNC110 - what it waits for has no event
            await asyncio.sleep(0.002)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert log.lines[0].text == "1 times; from nowhere: 1"


async def test_an_id_that_is_more_than_an_id_is_not_taken(world: World, log: Log) -> None:
    await world.call("POST", "/v1/alarms/host-alarm/clear", headers={"X-Request-Id": "a b\tc"})

    assert log.lines[0].request == "req-1"


async def test_the_log_is_read_by_administrators_as_it_is_and_as_cadf() -> None:
    world = make_world()

    plain = (await world.call("GET", "/v1/audit?who=a*&what=nfvigil:*&since=2020-01-01T00:00:00Z&limit=1")).json
    assert plain["items"][0]["rule"] == "nfvigil:brakes:hold"
    assert plain["next"] == "1"
    assert (await world.call("GET", "/v1/audit?marker=1")).json == {"items": [], "next": None}
    cadf = (await world.call("GET", "/v1/audit/cadf")).json["items"][0]
    assert cadf["typeURI"] == "http://schemas.dmtf.org/cloud/audit/1.0/event"
    assert (await world.call("GET", "/v1/audit?whom=ann")).status == 400


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (
            {"rule": "nfvigil:alarms:clear", "method": "POST"},
            ("update/clear", "success", "service/oss/monitoring/alarms"),
        ),
        (
            {"rule": "nfvigil:vims:remove_vim", "method": "DELETE", "outcome": Outcome.PENDING},
            ("delete/remove_vim", "pending", "service/oss/monitoring/vims"),
        ),
        (
            {"rule": "nfvigil:events:list_events", "method": "GET", "outcome": Outcome.FAILURE, "status": 403},
            ("read/list_events", "failure", "service/oss/monitoring/events"),
        ),
        ({"outcome": Outcome.FAILURE, "status": 401}, ("authenticate", "failure", "service/oss/monitoring/nfvigil")),
        ({"via": "command-line"}, ("update", "success", "service/oss/monitoring/nfvigil")),
    ],
)
def test_a_line_in_the_words_of_cadf(more: dict[str, Any], expected: tuple[str, str, str]) -> None:
    event = cadf_event(AuditRecord(**{"id": 7, "at_us": NOW, "who": "ann", "what": "did", **more}))

    assert (event["action"], event["outcome"], event["target"]["typeURI"]) == expected
    assert event["eventTime"] == "2023-11-14T22:13:20.000000Z"
    assert event["initiator"]["name"] == "ann"


def test_cadf_says_from_where_and_by_which_rule() -> None:
    event = cadf_event(
        AuditRecord(
            at_us=NOW,
            who="ann",
            who_id="u-1",
            what="did",
            project="A",
            via="keystone",
            address="192.0.2.1",
            rule="nfvigil:alarms:clear",
            status=409,
            text="why",
            request="r",
        )
    )

    assert event["initiator"]["id"] == "u-1"
    assert event["initiator"]["host"] == {"address": "192.0.2.1"}
    assert event["reason"] == {"reasonType": "HTTP", "reasonCode": "409"}
    assert event["tags"] == ["nfvigil:alarms:clear"]
    assert [one["name"] for one in event["attachments"]] == ["what", "text", "request"]
