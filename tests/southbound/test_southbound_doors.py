"""Doors: what HTTP clients send and hear, through a real server and, for speed, right at the application."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request

from nfvigil.errors import ForbiddenError, OverloadedError, StoreUnavailableError, UnknownCallerError, UnsafeError
from nfvigil.model.event import Event
from nfvigil.model.identity import Identity, Role
from nfvigil.model.ids import EventIds
from nfvigil.southbound.doors import routes
from nfvigil.southbound.formats.doctor import DoctorFormat
from nfvigil.southbound.intake import Intake
from nfvigil.southbound.limits import Limits

EVENT = {"type": "compute.host.down", "resource": "host/compute-1", "status": "down"}
DOCTOR = {"type": "compute.host.down", "details": {"hostname": "compute-1", "status": "down"}}
BAD = {"type": "", "details": {"hostname": "compute-1"}}


def clock() -> int:
    return time.time_ns() // 1000


class Site:
    """The doors with a shelf behind them, and what was counted."""

    def __init__(self, *, role: Role = Role.MONITOR, limits: Limits | None = None) -> None:
        self.events: list[Event] = []
        self.counts: list[tuple[str, str, int]] = []
        self.error: Exception | None = None
        self.guard_error: Exception | None = None
        self.role = role
        intake = Intake(keep=self.keep, ids=EventIds(clock), clock=clock, zone=UTC, limits=limits)
        doors = routes(
            intake=intake,
            guard=self.guard,
            formats={"doctor": DoctorFormat()},
            count=lambda door, outcome, number: self.counts.append((door, outcome, number)),
        )
        self.app = Starlette(routes=doors)

    async def keep(self, events: Sequence[Event]) -> None:
        if self.error:
            raise self.error
        self.events.extend(events)

    async def guard(self, request: Request) -> Identity:
        if self.guard_error:
            raise self.guard_error
        return Identity("ping", None, self.role)


class Answer:
    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def call(
    site: Site,
    path: str,
    body: object,
    *,
    method: str = "POST",
    headers: dict[str, str] | None = None,
    chunks: AsyncIterator[bytes] | None = None,
) -> Answer:
    """Speak ASGI to the application: what a server would say, without one."""
    given = {"content-type": "application/json"} if headers is None else headers
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
    }
    sent: list[dict[str, Any]] = []
    whole = iter([raw])

    async def receive() -> dict[str, Any]:
        if chunks is not None:
            part = await anext(chunks, None)
            return {"type": "http.request", "body": part or b"", "more_body": part is not None}
        part = next(whole, None)
        return {"type": "http.disconnect"} if part is None else {"type": "http.request", "body": part}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await site.app(scope, receive, send)  # type: ignore[arg-type]  # plain dicts stand in for ASGI's types
    answered = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], answered, b"".join(message.get("body", b"") for message in sent[1:]))


@pytest.mark.anyio
async def test_an_event_is_answered_with_its_id_once_it_is_kept() -> None:
    site = Site()

    answer = await call(site, "/v1/events", EVENT)

    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json == {"events": [{"state": "accepted", "id": str(site.events[0].id), "flags": ["no_time"]}]}
    assert site.counts == [("v1", "accepted", 1)]


@pytest.mark.anyio
@pytest.mark.parametrize(("role", "sender"), [(Role.MONITOR, "local:ping"), (Role.ADMIN, "")])
async def test_whose_credential_brought_an_event_is_kept_with_it(role: Role, sender: str) -> None:
    site = Site(role=role)

    await call(site, "/v1/events", EVENT | {"monitor": "somebody-else"})

    assert [(event.monitor, event.sender) for event in site.events] == [("somebody-else", sender)]


@pytest.mark.anyio
async def test_of_a_batch_each_event_is_answered() -> None:
    site = Site()
    named = EVENT | {"monitor_event_id": "1"}

    answer = await call(site, "/v1/events", {"events": [named, {"type": 5}, named]})

    assert answer.status == 207
    assert [one["state"] for one in answer.json["events"]] == ["accepted", "refused", "repeat"]
    assert {error["field"] for error in answer.json["events"][1]["errors"]} == {
        "events[1].type",
        "events[1].details.hostname",
    }
    assert len(site.events) == 1
    assert sorted(site.counts) == [("v1", "accepted", 1), ("v1", "refused", 1), ("v1", "repeat", 1)]


@pytest.mark.anyio
async def test_a_batch_of_which_nothing_is_good_is_a_bad_request() -> None:
    answer = await call(Site(), "/v1/events", [{}, 1])

    assert (answer.status, answer.headers["content-type"]) == (400, "application/problem+json")
    assert answer.json["detail"] == "2 of 2 events were refused"
    assert [one["state"] for one in answer.json["events"]] == ["refused", "refused"]
    assert {"field": "events[1]", "reason": "must be an object"} in answer.json["errors"]


@pytest.mark.anyio
@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize("body", [DOCTOR, [DOCTOR], {"event": DOCTOR}, {"events": [DOCTOR]}, [{"event": DOCTOR}]])
async def test_doctors_monitors_hear_ok(method: str, body: object) -> None:
    site = Site()

    answer = await call(site, "/events", body, method=method)

    assert (answer.status, answer.body) == (200, b"OK")
    assert answer.headers["content-type"].startswith("text/plain")
    assert (site.events[0].resource, site.events[0].door) == ("host/compute-1", "doctor")


@pytest.mark.anyio
async def test_doctors_monitors_hear_which_event_was_refused_and_the_others_are_kept() -> None:
    site = Site()

    answer = await call(site, "/events", [DOCTOR, BAD], method="PUT")

    assert answer.status == 400
    assert [error["field"] for error in answer.json["errors"]] == ["events[1].type"]
    assert answer.json["detail"] == ("1 of 2 events were refused; the others were taken in and need not be sent again")
    assert len(site.events) == 1


@pytest.mark.anyio
async def test_vitrages_door_answers_an_empty_object() -> None:
    site = Site()

    good, bad = await call(site, "/v1/event", DOCTOR), await call(site, "/v1/event", BAD)

    assert (good.status, good.json) == (200, {})
    assert (bad.status, bad.json["errors"][0]["field"]) == (400, "type")


@pytest.mark.anyio
async def test_a_host_in_maintenance_is_told_by_aodhs_alarm() -> None:
    site = Site()
    traits = [["host", 1, "compute-1"], ["state", 1, "IN_MAINTENANCE"]]

    answer = await call(site, "/maintenance", {"reason_data": {"event": {"traits": traits}}})

    assert (answer.status, answer.body) == (200, b"OK")
    assert (site.events[0].type, site.events[0].door) == ("maintenance.host", "maintenance")


@pytest.mark.anyio
async def test_an_installed_format_has_a_door_by_its_name() -> None:
    site = Site()

    good = await call(site, "/v1/formats/doctor/events", [DOCTOR])
    unknown = await call(site, "/v1/formats/nagios/events", [DOCTOR])

    assert (good.status, good.json["events"][0]["state"]) == (200, "accepted")
    assert (unknown.status, unknown.json["detail"]) == (404, "there is no such format; installed are: doctor")


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("error", "status", "after"),
    [(StoreUnavailableError("the disk is full"), 503, "1"), (OverloadedError("too much", 2.5), 503, "3")],
)
async def test_what_cannot_be_kept_now_is_to_be_sent_again(error: Exception, status: int, after: str) -> None:
    site = Site()
    site.error = error

    answer = await call(site, "/events", [DOCTOR])

    assert (answer.status, answer.headers["retry-after"], answer.json["detail"]) == (status, after, str(error))
    assert site.counts == [("doctor", "unavailable", 1)]


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/v1/events", "/events", "/v1/event", "/maintenance", "/v1/formats/doctor/events"])
@pytest.mark.parametrize(("error", "status"), [(UnknownCallerError("no token"), 401), (ForbiddenError("not you"), 403)])
async def test_no_door_is_open_to_strangers(path: str, error: Exception, status: int) -> None:
    site = Site()
    site.guard_error = error

    answer = await call(site, path, b"never read")

    assert (answer.status, answer.json["detail"]) == (status, str(error))
    assert ("www-authenticate" in answer.headers) == (status == 401)


@pytest.mark.anyio
@pytest.mark.parametrize("role", list(Role))
async def test_only_monitors_and_administrators_send_events(role: Role) -> None:
    answer = await call(Site(role=role), "/v1/events", EVENT)

    assert answer.status == (200 if role in (Role.MONITOR, Role.ADMIN) else 403)


@pytest.mark.anyio
async def test_an_error_that_needs_a_person_is_not_hidden() -> None:
    site = Site()
    site.error = UnsafeError("stop")

    with pytest.raises(UnsafeError):
        await call(site, "/v1/events", EVENT)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Content-Type": "application/json"}, 200),
        ({"Content-Type": "Application/JSON; charset=UTF-8"}, 200),
        ({"Content-Type": 'application/json; charset="utf-8"'}, 200),
        ({"Content-Type": "application/cloudevents+json"}, 200),
        ({"Content-Type": "application/json", "Content-Encoding": "identity"}, 200),
        ({"Content-Type": ""}, 415),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": "application/xml"}, 415),
        ({"Content-Type": "application/json; charset=utf-16"}, 415),
        ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, 415),
    ],
)
async def test_only_plain_json_is_read(headers: dict[str, str], status: int) -> None:
    assert (await call(Site(), "/v1/events", EVENT, headers=headers)).status == status


@pytest.mark.anyio
@pytest.mark.parametrize("told", ["200", "99999999999999999999999"])
async def test_a_body_that_says_it_is_too_large_is_not_read(told: str) -> None:
    site = Site(limits=Limits(body_max_bytes=100))

    answer = await call(site, "/v1/events", b"x", headers={"Content-Length": told})

    assert (answer.status, site.counts) == (413, [("v1", "refused", 1)])


@pytest.mark.anyio
async def test_a_body_without_a_length_is_counted_while_it_is_read() -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b" " * 64

    answer = await call(Site(limits=Limits(body_max_bytes=100)), "/v1/events", b"", chunks=endless())

    assert (answer.status, taken) == (413, 2)


@pytest.mark.anyio
async def test_a_body_in_pieces_is_read_whole() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for letter in json.dumps(EVENT):
            yield letter.encode()

    assert (await call(Site(), "/v1/events", b"", chunks=pieces())).status == 200


@pytest.mark.anyio
async def test_a_body_that_never_ends_is_given_up() -> None:
    async def stuck() -> AsyncIterator[bytes]:
        yield b"["
        await asyncio.Event().wait()

    answer = await call(Site(limits=Limits(body_seconds=0.02)), "/v1/events", b"", chunks=stuck())

    assert answer.status == 408


@pytest.mark.anyio
async def test_too_many_events_in_one_message_are_too_large() -> None:
    answer = await call(Site(), "/v1/events", [EVENT] * 1001)

    assert (answer.status, answer.json["errors"][0]["field"]) == (413, "events")


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/v1/events", "/events", "/v1/event", "/maintenance"])
@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 50_000, b"NaN", b"\x00", b'"x"', b"nul", b"-"])
async def test_what_is_no_json_is_a_bad_request(path: str, body: bytes) -> None:
    answer = await call(Site(), path, body)

    assert answer.status == 400
    assert answer.json["errors"][0]["reason"]


# Through a real server


@pytest.fixture
def server() -> Iterator[tuple[Site, int]]:
    site = Site()
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(site.app, log_level="critical", lifespan="off", access_log=False)
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield site, listener.getsockname()[1]
    finally:
        running.should_exit = True
        thread.join(10)
        listener.close()
        assert not thread.is_alive()


def test_doctors_sample_monitor_is_understood_byte_for_byte(server: tuple[Site, int]) -> None:
    site, port = server
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + ".123456"
    body = (
        '[{"time": "' + moment + '", "type": "compute.host.down", "details": {"hostname": "compute-1", '
        '"status": "down", "monitor": "monitor_sample", "monitor_event_id": "monitor_sample_event1"}}]'
    ).encode()
    request = (
        b"PUT /events HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: python-requests/2.26.0\r\n"
        b"Accept-Encoding: gzip, deflate\r\nAccept: application/json\r\nConnection: close\r\n"
        b"Content-Type: application/json\r\nX-Auth-Token: None\r\nContent-Length: %d\r\n\r\n" % (port, len(body))
    )

    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(request + body)
        answer = b"".join(iter(lambda: client.recv(4096), b""))

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\nOK")
    event = site.events[0]
    assert (event.monitor, event.monitor_event_id) == ("monitor_sample", "monitor_sample_event1")
    assert (event.resource, event.flags, event.details) == ("host/compute-1", ("naive_time",), {})


def test_a_client_that_goes_away_in_the_middle_leaves_the_server_well(server: tuple[Site, int]) -> None:
    site, port = server
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n[{")

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    for _ in range(2):  # one connection serves many requests
        connection.request("POST", "/v1/events", json.dumps(EVENT), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["events"][0]["state"]) == (200, "accepted")
    connection.close()
    assert len(site.events) == 2
