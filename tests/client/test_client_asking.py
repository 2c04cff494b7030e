"""The client asks, asks again where that is safe, and says what is wrong by what to do about it."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from client_fake import Fake, Says

from nfvigil.client import (
    BadAnswerError,
    ChangedMeanwhileError,
    Client,
    NobodyThereError,
    Retries,
    Token,
    TokenFile,
    TooManyRequestsError,
    TooOldError,
)
from nfvigil.client.address import query
from nfvigil.client.problems import error_of
from nfvigil.client.retrying import may_repeat
from nfvigil.errors import (
    ConflictError,
    FieldError,
    ForbiddenError,
    NfvigilError,
    NotFoundError,
    RefusedError,
    UnavailableError,
    UnknownCallerError,
)

AWAY = Says({"title": "away", "detail": "the database is away"}, 503, {"Retry-After": "2"})
ALARM = {"id": "a-1", "fault_type": "compute.host.down", "resource": {"kind": "host", "id": "compute-1", "name": "c1"}}


def test_what_is_away_for_a_moment_is_asked_again_when_it_says(fake: Fake, client: Client, slept: list[float]) -> None:
    fake.says(AWAY, AWAY, Says(ALARM))

    assert client.alarms.show("a-1").fault_type == "compute.host.down"
    assert slept == [2.0, 2.0]


def test_it_is_asked_again_so_often_and_no_more(fake: Fake, client: Client) -> None:
    fake.says(*[AWAY] * 5)

    with pytest.raises(UnavailableError, match="the database is away"):
        client.alarms.show("a-1")

    assert len(fake.asked) == 3


def test_what_may_have_been_done_is_not_asked_again(fake: Fake, client: Client) -> None:
    fake.says(AWAY, Says(ALARM))

    with pytest.raises(UnavailableError):
        client.alarms.ack("a-1")

    assert len(fake.asked) == 1


def test_under_a_key_anything_may_be_asked_again(fake: Fake, client: Client) -> None:
    fake.says(AWAY, Says({"id": "i-1", "state": "planned"}, 202))

    assert client.instructions.ask("reboot", "server/s-1", key="ticket-4711").id == "i-1"
    assert [one.headers["Idempotency-Key"] for one in fake.asked] == ["ticket-4711"] * 2


def test_a_service_that_is_not_there_is_tried_again(slept: list[float]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    client = Client(f"http://127.0.0.1:{port}", retries=Retries(tries=4))
    client._http.sleep = slept.append

    with pytest.raises(NobodyThereError, match="Connection refused"):
        client.alarms.ack("a-1")

    assert slept == [0.25, 0.5, 1.0]


@pytest.mark.parametrize(
    ("error", "tried", "repeatable", "pause"),
    [
        pytest.param(UnavailableError("", 2), 1, True, 2.0, id="away, and safe to repeat"),
        pytest.param(UnavailableError("", 2), 1, False, None, id="away, and it may have been done"),
        pytest.param(UnavailableError("", 2), 3, True, None, id="often enough"),
        pytest.param(UnavailableError("", 60), 1, True, None, id="it wants to be left alone for longer"),
        pytest.param(TooManyRequestsError("", 1), 1, False, 1.0, id="too many: it was not done"),
        pytest.param(NobodyThereError(""), 1, False, 0.25, id="refused: nothing was sent"),
        pytest.param(NobodyThereError(""), 2, False, 0.5, id="refused again: twice as long"),
        pytest.param(RefusedError(""), 1, True, None, id="wrong is wrong"),
    ],
)
def test_whether_it_is_asked_again(error: NfvigilError, tried: int, repeatable: bool, pause: float | None) -> None:
    assert Retries().pause(error, tried=tried, may_repeat=repeatable) == pause


def test_a_pause_has_a_bound() -> None:
    retries = Retries(tries=100, pause_max_seconds=3)

    assert retries.pause(NobodyThereError(""), tried=99, may_repeat=False) == 3


@pytest.mark.parametrize(
    ("method", "headers", "safe"),
    [("GET", {}, True), ("POST", {}, False), ("POST", {"idempotency-key": "k"}, True), ("DELETE", {}, False)],
)
def test_what_is_safe_to_repeat(method: str, headers: dict[str, str], safe: bool) -> None:
    assert may_repeat(method, headers) is safe


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RefusedError),
        (401, UnknownCallerError),
        (403, ForbiddenError),
        (404, NotFoundError),
        (409, ConflictError),
        (410, TooOldError),
        (412, ChangedMeanwhileError),
        (429, TooManyRequestsError),
        (502, UnavailableError),
        (307, RefusedError),
        (500, BadAnswerError),
    ],
)
def test_a_problem_is_an_error_by_what_to_do(status: int, kind: type[Exception]) -> None:
    error = error_of("http://x", status, "7", b'{"detail": "no", "errors": [{"field": "a.b", "reason": "is wrong"}]}')

    assert type(error) is kind
    if isinstance(error, RefusedError) and status != 307:
        assert error.errors == (FieldError("a.b", "is wrong"),)
    if isinstance(error, UnavailableError):
        assert error.retry_after_seconds == 7


@pytest.mark.parametrize("text", [b"", b"<html>", b"[1]", b'{"errors": 5}', b'{"errors": [5, {"line": "x"}]}'])
def test_what_is_no_problem_document_is_an_error_too(text: bytes) -> None:
    assert "http://x answered 400 Bad Request" in str(error_of("http://x", 400, "", text))


def test_a_list_goes_on_to_its_end(fake: Fake, client: Client) -> None:
    fake.says(Says({"items": [ALARM], "next": "a-1"}), Says({"items": [{**ALARM, "id": "a-2"}], "next": None}))

    found = list(client.alarms.list(severity=["major", "critical"], acked=False))

    assert [alarm.id for alarm in found] == ["a-1", "a-2"]
    assert fake.asked[0].path == "/v1/alarms?severity=major&severity=critical&acked=false&limit=1000"
    assert fake.asked[1].path.endswith("&marker=a-1&limit=1000")


def test_a_list_ends_at_its_limit(fake: Fake, client: Client) -> None:
    fake.says(Says({"items": [ALARM], "next": "a-1"}))

    assert len(list(client.alarms.list(limit=1))) == 1
    assert "limit=1" in fake.asked[0].path


def test_a_list_that_does_not_move_on_ends(fake: Fake, client: Client) -> None:
    fake.says(*[Says({"items": [ALARM], "next": "same"})] * 3)

    assert len(list(client.alarms.list())) == 2


def test_a_page_names_the_next_one(fake: Fake, client: Client) -> None:
    fake.says(Says({"items": [ALARM], "next": "a-1"}))

    page = client.alarms.page(limit=1)

    assert (page.items[0].id, page.next) == ("a-1", "a-1")


@pytest.mark.parametrize("body", [b"<html>", {"things": []}, [1]])
def test_what_is_no_nfvigil_is_found_out(fake: Fake, client: Client, body: object) -> None:
    fake.says(Says(body))

    with pytest.raises(BadAnswerError, match="is that NFVigil"):
        list(client.alarms.list())


def test_nothing_is_changed_that_somebody_else_has_changed(fake: Fake, client: Client) -> None:
    fake.says(Says(ALARM, headers={"ETag": '"one"'}), Says({"detail": "it was changed"}, 412))
    seen = client.alarms.show("a-1")

    with pytest.raises(ChangedMeanwhileError):
        client.alarms.ack("a-1", if_match=seen)

    assert fake.asked[1].headers["If-Match"] == '"one"'


def test_what_has_not_changed_is_the_very_same(fake: Fake, client: Client) -> None:
    fake.says(Says(ALARM, headers={"ETag": '"one"'}), Says(status=304), Says(ALARM | {"state": "cleared"}))
    seen = client.alarms.show("a-1")

    assert client.alarms.again(seen) is seen
    assert client.alarms.again(seen).state == "cleared"
    assert fake.asked[1].headers["If-None-Match"] == '"one"'


def test_a_token_file_is_read_again_when_its_token_is_over(fake: Fake, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("old\n")
    client = Client(fake.url, access=TokenFile(path))
    fake.says(Says(ALARM), Says({}, 401), Says(ALARM), Says({}, 401))

    client.alarms.show("a-1")
    path.write_text("new\n")
    client.alarms.show("a-1")
    with pytest.raises(UnknownCallerError):
        client.alarms.show("a-1")
    client.close()

    assert [one.headers["X-Auth-Token"] for one in fake.asked] == ["old", "old", "new", "new"]


def test_a_token_that_is_never_known_is_renewed_once(fake: Fake) -> None:
    class Hopeful(Token):
        def renew(self) -> bool:
            return True

    fake.says(*[Says({"detail": "who are you?"}, 401)] * 5)

    with Client(fake.url, access=Hopeful("t")) as client, pytest.raises(UnknownCallerError):
        client.alarms.show("a-1")

    assert len(fake.asked) == 2


def test_a_connection_that_was_closed_under_us_is_opened_again(fake: Fake, client: Client) -> None:
    fake.says(Says(ALARM), Says(hangs_up=True), Says(ALARM))

    client.alarms.show("a-1")
    client.alarms.show("a-1")

    assert len(fake.asked) == 3


def test_a_change_is_not_sent_twice_over_a_closed_connection(fake: Fake, client: Client) -> None:
    fake.says(Says(ALARM), Says(hangs_up=True), Says(ALARM))
    client.alarms.show("a-1")

    with pytest.raises(UnavailableError):
        client.alarms.clear("a-1")

    assert len(fake.asked) == 2


@pytest.mark.parametrize("url", ["ftp://x", "http://", "http://u:p@x", "http://x?a=b", "http://x:99999", "x"])
def test_a_wrong_address_is_refused(url: str) -> None:
    with pytest.raises(RefusedError, match="the address is wrong"):
        Client(url)


def test_an_address_may_name_the_version(fake: Fake) -> None:
    fake.says(Says(ALARM))

    with Client(f"{fake.url}/v1/") as client:
        client.alarms.show("a/1")
        assert client.url == fake.url

    assert fake.asked[0].path == "/v1/alarms/a%2F1"


def test_a_time_without_a_zone_is_refused() -> None:
    from datetime import UTC, datetime

    assert query({"since": datetime(2026, 1, 2, tzinfo=UTC)}) == "?since=2026-01-02T00%3A00%3A00Z"
    with pytest.raises(RefusedError, match="must name its zone"):
        query({"since": datetime(2026, 1, 2)})


def test_certificates_that_cannot_be_read_are_named() -> None:
    with pytest.raises(RefusedError, match="certificates cannot be read"):
        Client("https://127.0.0.1:1", verify="/nowhere.pem").alarms.show("a-1")
