"""Bad input by the hundred through the real doors: a clear 4xx for each, nothing lost beside it, and no harm."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from service_api import Answer
from service_consumer import Consumer, faults_in
from service_process import Service

from nfvigil.model.times import iso

GOOD = {"type": "compute.host.fan", "resource": "host/compute-1"}
DOORS = ("/v1/events", "/events", "/v1/event", "/maintenance", "/v1/formats/doctor/events")
JUNK: tuple[Any, ...] = (None, True, 0, -1, 1.5, 10**400, "", " ", "x" * 2000, "\x00", "a\nb", [], [1], {}, {"a": 1})
NAUGHTY = ("down\x00", "\u202ehost", "' OR 1=1 --", "../../etc/passwd", "host/" * 100, "%s%n", "${jndi:ldap://x}")
FIELDS = (
    *("type", "resource", "status", "severity", "time", "happened_time", "source", "cause", "monitor"),
    *("monitor_event_id", "related_to", "lead_time_seconds", "details"),
)


def deep(levels: int, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    return opening * levels + closing * levels


def bad_bodies() -> Iterator[tuple[str, bytes]]:
    """What no door can take anything from."""
    good = json.dumps(GOOD).encode()
    yield "nothing", b""
    yield "blanks", b" \r\n\t"
    yield "a word", b"hello"
    yield "half", good[:-5]
    yield "two", good + good
    yield "a trailing comma", good[:-1] + b",}"
    yield "single quotes", good.replace(b'"', b"'")
    yield "NaN", b'{"type":"a","resource":"host/a","lead_time_seconds":NaN}'
    yield "not UTF-8", good.replace(b"fan", b"f\xff\xfen")
    yield "UTF-16", good.decode().encode("utf-16")
    yield "a lone surrogate", good.replace(b"fan", b"\\ud800")
    yield "gzip", b"\x1f\x8b\x08\x00" + bytes(100)
    yield "XML", b'<?xml version="1.0"?><event/>'
    yield "a form", b"type=compute.host.down&resource=host%2Fa"
    yield "a deep list", deep(100_000)
    yield "deep objects", b'{"a":' * 50_000 + b"1" + b"}" * 50_000
    yield "a deep event", b'{"type":"a","resource":"host/a","details":{"x":' + deep(5_000) + b"}}"
    yield "deep and torn", b"[" * 500_000
    yield "a wrapped list of nothing good", b'{"events":{"events":[]}}'
    yield "both wrappings", b'{"events":[],"event":{}}'
    yield "a number", b"42"
    yield "a string", b'"event"'
    yield "true", b"true"
    yield "a list of lists", b"[[[]]]"
    yield "a huge number", b"1" * 100_000
    yield "events as text", b'{"events":"all"}'


def bad_events() -> Iterator[tuple[str, Any]]:
    """One event in which something is wrong."""
    for field in FIELDS:
        for value in JUNK:
            if not is_fine(field, value):
                yield f"{field}={str(value)[:20]!r}", {**GOOD, field: value}
    for text in NAUGHTY:
        yield f"type={text!r}", {**GOOD, "type": text}
        yield f"status={text!r}", {**GOOD, "status": text}
    for when in ("yesterday", "2026-13-01", "2026-01-01T25:00:00Z", "99999-01-01T00:00:00Z", -1, 1e30, "1" * 100):
        yield f"time={when!r}", {**GOOD, "time": when}
        yield f"happened_time={when!r}", {**GOOD, "happened_time": when}
    for resource in ("compute-1", "host/", "/compute-1", "hosts/compute-1", "host/a b", {"kind": "host"}, {"id": "a"}):
        yield f"resource={resource!r}", {**GOOD, "resource": resource}
    yield "no type", {"resource": "host/compute-1"}
    yield "no resource", {"type": "compute.host.down"}
    yield "an unknown field", {**GOOD, "colour": "red"}
    yield "too many details", {**GOOD, "details": {str(number): number for number in range(1000)}}
    yield "a wide detail", {**GOOD, "details": {"list": list(range(10_000))}}
    yield "a long key", {**GOOD, "details": {"k" * 5000: 1}}
    yield "too many relations", {**GOOD, "related_to": ["x"] * 1000}
    yield "our own kind", {**GOOD, "severity": {"severity": "critical"}}


def is_fine(field: str, value: Any) -> bool:
    """Whether that value of that field is none of the bad ones."""
    if value is None:
        return field not in ("type", "resource")
    if field in ("source", "cause", "monitor", "monitor_event_id"):
        return (
            isinstance(value, bool) is False
            and isinstance(value, int | str)
            and value not in ("x" * 2000, "\x00", 10**400)
        )
    return (field, type(value).__name__, str(value)[:9]) in {
        ("severity", "int", "0"),  # and beyond 0 to 5 counts as the nearest
        ("severity", "int", "-1"),
        ("severity", "int", "100000000"),
        ("time", "int", "0"),
        ("time", "float", "1.5"),
        ("happened_time", "int", "0"),
        ("happened_time", "float", "1.5"),
        ("lead_time_seconds", "int", "0"),
        ("lead_time_seconds", "float", "1.5"),
        ("related_to", "int", "0"),
        ("related_to", "int", "-1"),
        ("related_to", "str", ""),
        ("related_to", "str", " "),
        ("related_to", "str", "a\nb"),
        ("related_to", "list", "[]"),
        ("related_to", "list", "[1]"),
        ("details", "dict", "{}"),
        ("details", "dict", "{'a': 1}"),
    }


def ask(service: Service, path: str, body: bytes, **headers: str) -> Answer:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return service.api.ask("POST", path, body, {"Content-Type": "application/json", **names}, raw=True)


def check_problem(answer: Answer, what: str) -> None:
    assert 400 <= answer.status < 500, f"{what}: {answer.status} {answer.body[:300]!r}"
    assert answer.headers["content-type"].startswith("application/problem+json"), what
    assert answer.json()["detail"], what
    assert len(answer.body) < 100_000, f"{what}: an answer of {len(answer.body)} bytes"


@pytest.fixture(scope="module")
def doors(nursery: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for all that comes: it must outlive it."""
    service = Service(directory=tmp_path_factory.mktemp("doors"), nursery=nursery).start()
    yield service
    service.close()


@pytest.fixture(autouse=True)
def is_healthy_afterwards(doors: Service) -> Iterator[None]:
    yield
    assert doors.is_alive(), doors.tail()
    assert doors.api.get("/readyz")["ready"]
    assert "Traceback" not in doors.tail(1000), doors.tail()
    assert doors.memory_mb() < 400


@pytest.mark.parametrize("door", DOORS)
def test_a_body_without_sense_is_refused(doors: Service, door: str) -> None:
    for what, body in bad_bodies():
        check_problem(ask(doors, door, body), f"{door}: {what}")


def test_every_wrong_field_is_refused_by_its_name(doors: Service) -> None:
    count = 0
    for what, event in bad_events():
        answer = ask(doors, "/v1/events", json.dumps(event).encode())
        check_problem(answer, what)
        named = [error["field"] for error in answer.json()["errors"]]
        field = what.partition("=")[0]
        assert what == "resource='None'" or field not in FIELDS or any(name.startswith(field) for name in named), what
        count += 1
    assert count > 150


def test_no_webhook_is_sent_to_our_own_door(doors: Service) -> None:
    """Though loopback is allowed here: it would be an administrator's request that a stranger chose."""
    wish = {"endpoints": [{"url": f"http://127.0.0.1:{doors.port}/v1/alarms/x/clear"}]}

    answer = ask(doors, "/v1/subscriptions", json.dumps(wish).encode())

    check_problem(answer, "our own door")
    assert answer.json()["errors"] == [
        {"field": "endpoints[0].url", "reason": "127.0.0.1 is refused: a service that NFVigil itself works with"}
    ]


def test_good_events_beside_bad_ones_are_kept(doors: Service, consumer: Consumer) -> None:
    subscription = doors.api.subscribe(consumer.url("admin"))
    bad = [event for _, event in bad_events()]
    sent, good_ids = [], []
    for number, event in enumerate(bad):
        sent.append(event)
        if number % 10 == 0:
            sent.append({"type": "compute.host.memory", "resource": f"host/beside-{number}"})
            good_ids.append(f"host/beside-{number}")

    answer = ask(doors, "/v1/events", json.dumps(sent).encode())

    assert answer.status == 207
    states = [receipt["state"] for receipt in answer.json()["events"]]
    assert states.count("refused") == len(bad)
    assert states.count("accepted") == len(good_ids)
    consumer.wait_for(
        lambda: {key for arrival in consumer.news("admin") for key, _ in faults_in(arrival)} >= set(good_ids),
        "the good ones' alarms",
    )
    doors.api.send("DELETE", f"/v1/subscriptions/{subscription['id']}", expect=204)


def test_doctors_door_keeps_the_good_half_of_a_batch_and_says_so(doors: Service) -> None:
    batch = [
        {"type": "compute.host.thermal", "time": "now", "details": {"hostname": "compute-2"}},
        {"type": "compute.host.thermal", "details": {"hostname": "compute-3"}},
        {"event": {"type": 7, "details": {"hostname": "compute-4"}}},
    ]

    answer = doors.api.ask("PUT", "/events", batch)

    check_problem(answer, "half a batch")
    assert [receipt["state"] for receipt in answer.json()["events"]] == ["refused", "accepted", "refused"]
    doors.wait_quiet()
    alarms = doors.api.all("/v1/alarms?resource_type=host&fault_type=compute.host.thermal")
    assert [alarm["resource"]["id"] for alarm in alarms] == ["compute-3"]


def test_times_that_cannot_be_are_flagged_and_not_believed(doors: Service) -> None:
    now = time.time()
    times = {
        iso(int((now + 3600) * 1e6)): "future_time",
        iso(int((now - 86400) * 1e6)): "stale_time",
        "0001-01-01T00:00:00Z": "stale_time",
        "9999-12-31T23:59:59.999999Z": "future_time",
        time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)): "naive_time",
    }

    sent = [{"type": "x.time", "resource": "host/compute-1", "time": when} for when in times]
    receipts = doors.api.post("/v1/events", sent)["events"]

    assert [receipt["flags"] for receipt in receipts] == [[flag] for flag in times.values()]


def test_an_unknown_host_is_an_alarm_for_the_administrator(doors: Service) -> None:
    doors.api.post("/v1/events", {"type": "compute.host.down", "resource": "host/nobody-knows"})

    doors.wait_quiet()

    alarms = doors.api.all("/v1/alarms?resource_id=nobody-knows")
    assert [(alarm["project_id"], alarm["fault_type"]) for alarm in alarms] == [(None, "compute.host.down")]


def test_what_is_too_large_is_refused_before_it_is_read(doors: Service) -> None:
    huge = b"[" + b",".join([json.dumps(GOOD).encode()] * 40_000) + b"]"
    before = doors.memory_mb()

    for _ in range(10):
        answer = ask(doors, "/v1/events", huge)
        check_problem(answer, "2 MB")
        assert answer.status == 413
    many = ask(doors, "/v1/events", json.dumps([GOOD] * 1001).encode())

    assert many.status == 413
    assert doors.memory_mb() < before + 50


@pytest.mark.parametrize("door", DOORS)
def test_other_methods_and_forms_are_refused(doors: Service, door: str) -> None:
    body = json.dumps(GOOD).encode()
    for method in ("DELETE", "PATCH", "TRACE", "BREW"):
        answer = doors.api.ask(method, door, body, {"Content-Type": "application/json"}, raw=True)
        assert 400 <= answer.status < 500, (method, answer)
    for media in (
        "text/plain",
        "application/xml",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-7",
    ):
        assert ask(doors, door, body, Content_Type=media).status == 415, media
    assert ask(doors, door, body, Content_Encoding="gzip").status == 415


def talk(service: Service, *parts: bytes, pause: float = 0.0, seconds: float = 5.0) -> bytes:
    """Send bytes as they are; what came back until the other side ended or was silent."""
    answer = b""
    with socket.create_connection(("127.0.0.1", service.port), timeout=seconds) as connection:
        try:
            for part in parts:
                connection.sendall(part)
                time.sleep(pause)
            while chunk := connection.recv(65536):
                answer += chunk
                if len(answer) > 1_000_000:
                    break
        except (TimeoutError, ConnectionError):
            pass  # silence or a reset are answers, too
    return answer


def statuses(answer: bytes) -> list[bytes]:
    return re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)


def test_garbage_on_the_wire_ends_that_connection_only(doors: Service) -> None:
    body = json.dumps(GOOD).encode()
    head = b"POST /v1/events HTTP/1.1\r\nHost: [::1]\r\nContent-Type: application/json\r\n"
    good = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    wire = {
        "noise": bytes(range(256)) * 10,
        "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
        "a line without end": b"GET /" + b"a" * 300_000,
        "a flood of headers": head + b"".join(b"X-%d: y\r\n" % n for n in range(20_000)) + b"\r\n",
        "one long header": head + b"X: " + b"y" * 1_000_000 + b"\r\n\r\n",
        "no such length": head + b"Content-Length: many\r\n\r\n",
        "a negative length": head + b"Content-Length: -5\r\n\r\n",
        "two lengths": head + b"Content-Length: 5\r\nContent-Length: 50\r\n\r\n" + b"x" * 50,
        "length and chunks": head + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "a chunk of nonsense": head + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/9": b"GET / HTTP/9.9\r\n\r\n",
        "two in one, the second noise": good + b"\x00\x01garbage\r\n\r\n",
    }
    for what, data in wire.items():
        answer = talk(doors, data, seconds=1.0)
        assert not any(status.startswith(b"5") for status in statuses(answer)), (what, answer[:300])


def test_pipelined_requests_are_answered_in_turn(doors: Service) -> None:
    bodies = [json.dumps(GOOD).encode(), b"nonsense", json.dumps(GOOD).encode()]
    sent = b"".join(
        b"POST /v1/events HTTP/1.1\r\nHost: [::1]\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n%s"
        % (len(body), b"Connection: close\r\n" if number == 2 else b"", body)
        for number, body in enumerate(bodies)
    )

    answer = talk(doors, sent)

    assert statuses(answer) == [b"200", b"400", b"200"]


def test_a_body_that_does_not_come_costs_one_connection_and_no_time_of_others(doors: Service) -> None:
    head = b"POST /v1/events HTTP/1.1\r\nHost: [::1]\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
    slow = [socket.create_connection(("127.0.0.1", doors.port), timeout=15) for _ in range(50)]
    try:
        for connection in slow:
            connection.sendall(head + b"{")
        started = time.monotonic()
        assert ask(doors, "/v1/events", json.dumps(GOOD).encode()).status == 200
        assert time.monotonic() - started < 1.0
        for connection in slow[1:]:
            connection.close()  # cut off in the middle
        slow[0].settimeout(15)
        answer = slow[0].recv(1000)
        assert answer.startswith(b"HTTP/1.1 408 ")
    finally:
        for connection in slow:
            connection.close()
