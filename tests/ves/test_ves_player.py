"""The collector that comes with the product takes what ONAP's takes, and fails when it is told to."""

from __future__ import annotations

import http.client
import json
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from ves_players import agent, schemas, server

from nfvigil.errors import RefusedError
from nfvigil.model.ves import VesEvent
from nfvigil.model.ves_bodies import VesVersion, batch_body, event_of, single_body
from nfvigil.ves.player import BODY_MAX_BYTES, Collector
from nfvigil.ves.reception import Schemas, place_of


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as found:
        yield found


def post(url: str, body: bytes, **headers: str) -> tuple[int, dict[str, Any]]:
    """The status and the requestError's fields; OSError where there is no answer."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    try:
        connection.request("POST", parts.path, body, headers)
        answer = connection.getresponse()
        said = answer.read()
    finally:
        connection.close()
    told = json.loads(said)["requestError"] if said.startswith(b"{") else {}
    return answer.status, next(iter(told.values()), {})


def ask(connection: http.client.HTTPConnection) -> None:
    connection.request("GET", "/healthcheck")
    connection.getresponse().read()


def alarm() -> list[VesEvent]:
    """A raise and its clear."""
    watcher = agent({"domain": "fault", "type": "vm"})
    return [*watcher.see(server("mme", "ERROR")), *watcher.see(server("mme"))]


def test_it_takes_single_events_and_batches_of_both_versions(collector: Collector) -> None:
    raised, cleared = alarm()

    for version in VesVersion:
        url = collector.url(version, prefix="/some/where")
        assert post(url, single_body(raised, version))[0] == 202
        assert post(f"{url}/eventBatch", batch_body([raised, cleared], version))[0] == 202

    assert [(one.version, one.is_batch, len(one.events)) for one in collector.received] == [
        ("v5", False, 1),
        ("v5", True, 2),
        ("v7", False, 1),
        ("v7", True, 2),
    ]
    assert collector.events[0] == event_of(raised, VesVersion.V5)
    assert collector.refused == []


def test_it_knows_which_alarms_stand(collector: Collector) -> None:
    raised, cleared = alarm()
    url = collector.url()

    post(url, single_body(raised, VesVersion.V7))
    assert list(collector.alarms()) == [raised.event_id]
    post(url, single_body(cleared, VesVersion.V7))
    post(url, single_body(raised, VesVersion.V7))  # a repeat that comes late

    assert collector.alarms() == {}
    assert len(collector.events) == 3


FAULT = {"commonEventHeader": {"domain": "fault"}, "faultFields": {}}
HEARTBEAT = {"commonEventHeader": {"domain": "heartbeat"}}


@pytest.mark.parametrize(
    ("path", "body", "status", "message_id", "text"),
    [
        ("/eventListener/v1", FAULT, 404, "SVC0001", "nothing listens at /eventListener/v1"),
        ("/eventListener/v7", b"{", 400, "SVC0002", "the body is not JSON"),
        ("/eventListener/v7", b"[]", 400, "SVC0002", "the body has no event"),
        ("/eventListener/v7", {"eventList": [FAULT]}, 400, "SVC0002", "the body has no event"),
        ("/eventListener/v7/eventBatch", {"event": FAULT}, 400, "SVC0002", "the body has no eventList"),
        ("/eventListener/v7/eventBatch", {"eventList": []}, 400, "SVC0002", "the body has no eventList"),
        ("/eventListener/v7", {"event": {}}, 400, "SVC0002", "an event has no commonEventHeader with a domain"),
        (
            "/eventListener/v7",
            {"event": {"commonEventHeader": {"domain": 7}}},
            400,
            "SVC0002",
            "an event has no commonEventHeader with a domain",
        ),
        (
            "/eventListener/v7/eventBatch",
            {"eventList": [FAULT, HEARTBEAT]},
            400,
            "SVC0001",
            "a batch must have events of one domain",
        ),
        (
            "/eventListener/v5/topic",
            {"event": HEARTBEAT | {"faultFields": {}}},
            400,
            "SVC0002",
            "an event of domain heartbeat has faultFields",
        ),
        (
            "/eventListener/v5",
            {"event": {"commonEventHeader": {"domain": "syslog"}, "otherFields": {}}},
            400,
            "SVC0002",
            "an event of domain syslog has otherFields",
        ),
    ],
)
def test_it_refuses_what_onaps_refuses(
    collector: Collector, path: str, body: Any, status: int, message_id: str, text: str
) -> None:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    root = collector.url().removesuffix("/eventListener/v7")

    told = post(root + path, sent)

    assert told == (status, {"messageId": message_id, "text": text, "variables": []})
    assert collector.events == []
    assert collector.refused[0].error == text


def test_it_refuses_what_is_not_valid_by_the_schema() -> None:
    raised, _ = alarm()
    with Collector(schemas=schemas("CommonEventFormat_30.2.1_ONAP.json")) as collector:
        assert post(collector.url(), single_body(raised, VesVersion.V7))[0] == 202
        assert post(collector.url("v5"), single_body(raised, VesVersion.V5))[0] == 202  # there is no schema of it
        told = event_of(raised, VesVersion.V7)
        told["commonEventHeader"]["priority"] = "Urgent"
        status, error = post(collector.url(), json.dumps({"event": told}).encode())

    assert (status, error["messageId"]) == (400, "SVC0002")
    assert error["text"].startswith("event/commonEventHeader/priority: 'Urgent' is not one of")


def test_of_a_folder_the_newest_schemas_count(tmp_path: Path) -> None:
    for name, kind, required in (("28.3", "number", ["a"]), ("28.4.1", "number", ["b"]), ("30.2", "string", ["c"])):
        header = {"properties": {"version": {"type": kind}}}
        schema = {"definitions": {"commonEventHeader": header}, "required": required}
        (tmp_path / f"CommonEventFormat_{name}.json").write_text(json.dumps(schema))

    found = Schemas(tmp_path)

    assert found.error({}, VesVersion.V5) == "body: 'b' is a required property"
    assert found.error({}, VesVersion.V7) == "body: 'c' is a required property"
    assert found.error({"c": 1}, VesVersion.V7) == ""


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"definitions": []}', None])
def test_what_is_no_schema_is_refused(text: str | None, tmp_path: Path) -> None:
    path = tmp_path / "schema.json"
    if text is not None:
        path.write_text(text)

    with pytest.raises(RefusedError, match="is no schema of VES events"):
        Schemas(path)
    with pytest.raises(RefusedError, match=r"there is no CommonEventFormat\*.json in"):
        Schemas(tmp_path)


def test_without_the_package_that_checks_schemas_that_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "jsonschema", None)

    with pytest.raises(RefusedError, match="install the Python package jsonschema"):
        Schemas(tmp_path)


def test_it_asks_who_is_there() -> None:
    body = single_body(alarm()[0], VesVersion.V7)
    good = "Basic " + b64encode(b"ves:s3cret").decode()
    with Collector(username="ves", password="s3cret") as collector:
        status, error = post(collector.url(), body)
        assert (status, error["messageId"]) == (401, "POL2000")
        assert post(collector.url(), body, Authorization=good + "x")[0] == 401
        assert post(collector.url(), body, Authorization=good)[0] == 202
        assert len(collector.refused) == 2


def test_it_fails_as_often_as_it_is_told(collector: Collector) -> None:
    body = single_body(alarm()[0], VesVersion.V7)

    collector.fail(500, times=2)
    told = [post(collector.url(), body)[0] for _ in range(3)]
    collector.fail(seconds=0.0)
    told.append(post(collector.url(), body)[0])
    collector.fail(429)
    told += [post(collector.url(), body)[0] for _ in range(2)]
    collector.heal()
    told.append(post(collector.url(), body)[0])

    assert told == [500, 500, 202, 202, 429, 429, 202]
    assert len(collector.events) == 3


def test_it_fails_by_chance_and_the_same_seed_fails_the_same(collector: Collector) -> None:
    body = single_body(alarm()[0], VesVersion.V7)
    told = []
    for _ in range(2):
        collector.fail_some(0.5, seed=7)
        told.append([post(collector.url(), body)[0] for _ in range(20)])

    assert told[0] == told[1]
    assert set(told[0]) == {202, 503}


def test_an_answer_that_is_lost_was_taken_all_the_same(collector: Collector) -> None:
    body = single_body(alarm()[0], VesVersion.V7)
    collector.lose_answers(1)

    with pytest.raises(OSError, match=r"closed connection|reset"):
        post(collector.url(), body)
    assert post(collector.url(), body)[0] == 202

    assert len(collector.events) == 2


def test_it_can_be_slow(collector: Collector) -> None:
    collector.delay(0.2)
    collector.fail(times=1)
    began = time.monotonic()

    assert post(collector.url(), b"")[0] == 503
    assert time.monotonic() - began >= 0.2


def test_one_waits_for_what_comes(collector: Collector) -> None:
    assert not collector.wait_for(1, seconds=0.01)
    sent = threading.Thread(target=post, args=(collector.url(), single_body(alarm()[0], VesVersion.V7)))
    sent.start()

    assert collector.wait_for(1)
    sent.join(10)


@pytest.mark.parametrize(("length", "status"), [(str(BODY_MAX_BYTES + 1), 413), ("x", 411)])
def test_a_body_has_a_bound(collector: Collector, length: str, status: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", collector.port, timeout=10)
    connection.putrequest("POST", "/eventListener/v7")
    connection.putheader("Content-Length", length)
    connection.endheaders()

    assert connection.getresponse().status == status
    connection.close()


@pytest.mark.parametrize(("path", "status"), [("/healthcheck", 200), ("/", 404)])
def test_it_says_that_it_is_well(collector: Collector, path: str, status: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", collector.port, timeout=10)
    connection.request("GET", path)

    assert connection.getresponse().status == status
    connection.close()


def test_one_that_is_away_serves_no_connection_that_was_kept_and_comes_back_where_it_was(collector: Collector) -> None:
    url = collector.url()
    kept = http.client.HTTPConnection("127.0.0.1", collector.port, timeout=10)
    ask(kept)

    collector.stop()
    collector.stop()

    with pytest.raises(OSError, match="refused"):
        post(url, b"")
    with pytest.raises((OSError, http.client.HTTPException)):
        ask(kept)
    collector.start()
    assert collector.url() == url
    assert post(url, single_body(alarm()[0], VesVersion.V7))[0] == 202
    kept.close()


def test_a_path_has_a_version_and_may_have_a_topic() -> None:
    assert place_of("/eventListener/v5/nfvi") == (VesVersion.V5, False, "nfvi")
    assert place_of("/a/eventListener/v7/eventBatch/") == (VesVersion.V7, True, "")
    assert place_of("/eventListener/v7/a/b") is None
