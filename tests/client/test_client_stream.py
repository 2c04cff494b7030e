"""News as they happen: the stream is read by its rules, and taken up where it broke off."""

from __future__ import annotations

from itertools import islice

import pytest
from client_fake import Fake, Says

from nfvigil.client import BadAnswerError, Client, TokenFile, TooOldError
from nfvigil.client.stream import ServerEvent, events
from nfvigil.errors import ForbiddenError, UnavailableError, UnknownCallerError

FIRST = b'id: 1\nevent: raised\ndata: {"id": "a-1", "fault_type": "compute.host.down"}\n\n'
SECOND = b'id: 2\nevent: cleared\ndata: {"alarm": {"id": "a-1", "fault_type": "compute.host.down"}}\n\n'


def stream(*pieces: bytes) -> Says:
    return Says(pieces=pieces)


def test_news_come_as_they_happen(fake: Fake, client: Client) -> None:
    fake.says(stream(b": hello\n\n", FIRST, SECOND))

    one, other = islice(client.alarms.stream(min_severity="major"), 2)

    assert (one.id, one.kind, one.alarm and one.alarm.id) == ("1", "raised", "a-1")
    assert (other.id, other.kind, other.alarm and other.alarm.id) == ("2", "cleared", "a-1")
    assert fake.asked[0].path == "/v1/alarms/stream?min_severity=major"
    assert fake.asked[0].headers["Accept"] == "text/event-stream"
    assert fake.asked[0].headers["X-Auth-Token"] == "secret"


def test_a_stream_that_breaks_off_goes_on_behind_what_came(fake: Fake, client: Client, slept: list[float]) -> None:
    lost: list[Exception] = []
    fake.says(stream(b"retry: 500\n\n", FIRST, SECOND[:20]), Says(hangs_up=True), stream(SECOND))

    found = list(islice(client.alarms.stream(lost=lost.append), 2))

    assert [one.id for one in found] == ["1", "2"]
    assert [one.headers.get("Last-Event-ID") for one in fake.asked] == [None, "1", "1"]
    assert slept == [0.5, 1.0]
    assert len(lost) == 2


def test_a_later_run_goes_on_from_an_earlier_one(fake: Fake, client: Client) -> None:
    fake.says(stream(SECOND))

    next(client.alarms.stream(last_event_id="1"))

    assert fake.asked[0].headers["Last-Event-ID"] == "1"


def test_a_stream_that_cannot_be_had_is_given_up(fake: Fake, client: Client, slept: list[float]) -> None:
    fake.says(*[Says({"detail": "away"}, 503, {"Retry-After": "5"})] * 3)

    with pytest.raises(UnavailableError, match="away"):
        next(client.alarms.stream(failures_max=3))

    assert slept == [1.0, 5.0]


def test_a_stream_that_only_ends_is_given_up(fake: Fake, client: Client) -> None:
    fake.says(*[stream()] * 2)

    with pytest.raises(UnavailableError, match="has ended the stream"):
        next(client.alarms.stream(failures_max=2))


def test_a_stream_ends_for_good_when_the_service_says_so(fake: Fake, client: Client) -> None:
    fake.says(stream(FIRST), Says(status=204))

    assert [one.id for one in client.alarms.stream()] == ["1"]


def test_who_may_not_hear_is_told_so_at_once(fake: Fake, client: Client) -> None:
    fake.says(Says({"detail": "not for you"}, 403))

    with pytest.raises(ForbiddenError, match="not for you"):
        next(client.alarms.stream())


def test_a_token_that_is_over_is_renewed_in_the_middle(fake: Fake, tmp_path) -> None:
    path = tmp_path / "token"
    path.write_text("old")
    client = Client(fake.url, access=TokenFile(path))
    client._http.sleep = lambda _: None
    fake.says(stream(FIRST), Says({}, 401), stream(SECOND))

    found = client.alarms.stream()
    next(found)
    path.write_text("new")

    assert next(found).id == "2"
    assert [one.headers["X-Auth-Token"] for one in fake.asked] == ["old", "old", "new"]


def test_whoever_was_away_for_too_long_is_told_to_list_anew(fake: Fake, client: Client) -> None:
    purged = b'event: resync\ndata: {"detail": "alarms were purged: list them anew"}\n\n'
    fake.says(stream(FIRST, purged), Says({"detail": "too old"}, 410))

    news = client.alarms.stream()

    assert next(news).id == "1"
    with pytest.raises(TooOldError, match="list them anew"):
        next(news)
    with pytest.raises(TooOldError, match="too old"):
        next(client.alarms.stream(last_event_id="1"))


def test_whoever_may_hear_no_more_asks_once_more_and_hears_why(fake: Fake, client: Client) -> None:
    fake.says(stream(FIRST, b'event: end\ndata: {"detail": "no"}\n\n'), Says({"detail": "who are you?"}, 401))

    heard: list[str] = []
    with pytest.raises(UnknownCallerError, match="who are you"):
        heard.extend(news.kind for news in client.alarms.stream())

    assert heard == ["raised"]


def test_what_is_no_stream_is_found_out(fake: Fake, client: Client) -> None:
    fake.says(Says({"items": []}))

    with pytest.raises(BadAnswerError, match="did not answer with a stream"):
        next(client.alarms.stream())


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        pytest.param("data: a\n\n", [("", "message", "a")], id="plain"),
        pytest.param("data: a\r\ndata:b\r\n\r\n", [("", "message", "a\nb")], id="lines of one event, and CRLF"),
        pytest.param("id: 4\ndata: a\n\ndata: b\n\n", [("4", "message", "a"), ("4", "message", "b")], id="ids stay"),
        pytest.param("id: 4\0\ndata: a\n\n", [("", "message", "a")], id="an id with NUL is none"),
        pytest.param(": there\n\n", [("", "message", "")], id="a sign of life"),
        pytest.param("id: 9\n\n", [("9", "message", "")], id="only where to go on"),
        pytest.param("data\n\n", [("", "message", "")], id="a name alone"),
        pytest.param("mood: bad\ndata: a\n\n", [("", "message", "a")], id="what nobody knows"),
        pytest.param("event: x\ndata: a\n", [], id="an event that breaks off is none"),
        pytest.param("\n\n\n", [], id="blank lines"),
    ],
)
def test_a_stream_is_read_by_its_rules(lines: str, found: list[tuple[str, str, str]]) -> None:
    read = events(line.encode() for line in lines.splitlines(keepends=True))

    assert [(one.id, one.kind, one.text) for one in read] == found


def test_how_long_to_wait_is_a_number() -> None:
    one, other = events([b"retry: 1500\n", b"\n", b"retry: soon\n", b"\n"])

    assert one == ServerEvent(id="", kind="message", text="", retry_seconds=1.5)
    assert other.retry_seconds is None


def test_an_event_without_end_is_refused() -> None:
    with pytest.raises(BadAnswerError, match="more than 16 MiB"):
        list(events([b"data: " + b"x" * (4 << 20)] * 5))


def test_data_that_is_no_json_is_text(fake: Fake, client: Client) -> None:
    fake.says(stream(b"event: note\ndata: hello\n\n"))

    heard = next(client.alarms.stream())

    assert (heard.data, heard.alarm) == ("hello", None)
