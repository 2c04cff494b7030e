"""``nfvigil ves show|set|delete|test``: what is sent, what is printed, and no secret from an argument."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cli_service import FakeService, run

TIME = "2026-01-02T03:04:05.000006Z"
PATH = "/v1/vims/lab/ves"
SHOWN: dict[str, Any] = {
    "vim": "lab",
    "config": {
        "ves_subscription": {"endpoint": "http://c:8080/eventListener/v7", "username": "agent", "password": "***"},
        "poll_interval_default": 10.0,
        "backlogs": [{"domain": "fault", "type": "vm"}],
        "faults": "default",
        "heartbeat_interval": 0.0,
    },
    "changed_time": TIME,
    "changed_by": "alice",
    "backlogs": [
        {
            "backlog_uuid": "b-1",
            "domain": "fault",
            "type": "vm",
            "tenant": "",
            "tenant_id": "",
            "source": "",
            "server_id": "",
            "poll_interval": 10.0,
            "api_method": "GET",
            "api_link": "/lab/x",
            "collected_time": TIME,
            "last_event_time": TIME,
            "raised": [
                {
                    "source_id": "s-1",
                    "name": "mme\x1b[31m",
                    "severity": "CRITICAL",
                    "state": "ERROR",
                    "event_id": "e",
                    "sequence": 0,
                    "raised_time": TIME,
                    "told_time": TIME,
                }
            ],
        }
    ],
    "refused": [{"field": "backlogs[1].source", "reason": "no server 'x' is known"}],
    "collector": {
        "subscription_id": "ves-1",
        "paused": False,
        "locked": False,
        "pending": 3,
        "delivered": 4,
        "dead": 1,
        "delivered_time": None,
        "last_status": 503,
        "last_error": "the endpoint answered 503",
        "skipped": {},
    },
}


def sent(service: FakeService, number: int = -1) -> Any:
    return json.loads(service.asked[number][2])


def test_it_is_shown_what_is_told_what_stands_and_how_it_goes(service: FakeService) -> None:
    service.says("GET", PATH, SHOWN)

    shown = run(service, "ves", "show", "lab").stdout

    for text in ("http://c:8080/eventListener/v7", "the endpoint answered 503", "not looked at: backlogs[1].source"):
        assert text in shown
    assert "raised: mme" in shown
    assert "\x1b" not in shown
    assert "***" not in shown


def test_a_new_one_is_made_of_what_is_named(service: FakeService, tmp_path: Path) -> None:
    service.says("PUT", PATH, SHOWN)
    (tmp_path / "password").write_text("s3cret\n")

    words = ["--endpoint", "http://c/eventListener/v7", "--username", "agent", "--heartbeat", "60", "--interval", "5"]
    words += ["--password-file", str(tmp_path / "password"), "--faults", "ERROR,SHUTOFF"]
    words += ["--backlog", "domain=fault,type=vm,tenant=core,poll_interval=5", "--backlog", "domain=fault,type=host"]
    result = run(service, "ves", "set", "lab", *words)

    assert result.exit_code == 0, result.stderr
    assert sent(service) == {
        "ves_subscription": {"endpoint": "http://c/eventListener/v7", "username": "agent", "password": "s3cret"},
        "poll_interval_default": 5.0,
        "heartbeat_interval": 60.0,
        "faults": ["ERROR", "SHUTOFF"],
        "backlogs": [
            {"domain": "fault", "type": "vm", "tenant": "core", "poll_interval": 5.0},
            {"domain": "fault", "type": "host"},
        ],
    }
    assert "s3cret" not in result.output


def test_what_is_not_named_stays_and_nobody_is_written_over(service: FakeService) -> None:
    service.says("GET", PATH, SHOWN, ETag='"seen"')
    service.says("PUT", PATH, SHOWN)

    result = run(service, "ves", "set", "lab", "--faults", "onap")

    assert result.exit_code == 0, result.stderr
    assert sent(service) == SHOWN["config"] | {"faults": "onap"}


@pytest.mark.parametrize("wrapped", [True, False])
def test_onaps_document_is_taken_from_a_file_or_standard_input(service: FakeService, wrapped: bool) -> None:
    service.says("PUT", PATH, SHOWN)
    document = {"vesagent_config": SHOWN["config"]} if wrapped else SHOWN["config"]

    result = run(service, "ves", "set", "lab", "--file", "-", stdin=json.dumps(document))

    assert result.exit_code == 0, result.stderr
    assert sent(service) == SHOWN["config"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--interval", "5"], "endpoint: is needed"),
        (["--endpoint", "x", "--backlog", "domain"], "'domain' is not one of domain, type"),
        (["--endpoint", "x", "--backlog", "kind=vm"], "'kind=vm' is not one of domain, type"),
        (["--endpoint", "x", "--backlog", "domain=fault,poll_interval=soon"], "must be seconds"),
        (["--file", "/nowhere.json"], "cannot be read"),
    ],
)
def test_what_makes_no_configuration_is_not_sent(service: FakeService, words: list[str], said: str) -> None:
    result = run(service, "ves", "set", "lab", *words)

    assert result.exit_code == 1
    assert said in result.stderr
    assert "PUT" not in {method for method, _, _ in service.asked}


@pytest.mark.parametrize("text", ["{", "[]", '{"vesagent_config": 7}'])
def test_a_file_that_is_no_configuration_is_refused(service: FakeService, text: str) -> None:
    result = run(service, "ves", "set", "lab", "--file", "-", stdin=text)

    assert result.exit_code == 1
    assert "-" in result.stderr


def test_it_is_taken_away_after_a_question(service: FakeService) -> None:
    service.says("DELETE", PATH, b"", 204)

    no = run(service, "ves", "delete", "lab", stdin="n\n")
    yes = run(service, "ves", "delete", "lab", "--yes")

    assert no.exit_code == 1
    assert yes.stdout == "nothing is told of lab any more\n"
    assert [method for method, _, _ in service.asked] == ["DELETE"]


@pytest.mark.parametrize(
    ("ok", "status", "detail", "said", "code"),
    [(True, 202, "", "202 in 0.25 s", 0), (False, 0, "cannot connect", "no answer in 0.25 s: cannot connect", 1)],
)
def test_a_test_says_what_the_collector_answered(
    service: FakeService, ok: bool, status: int, detail: str, said: str, code: int
) -> None:
    found = {"ok": ok, "endpoint": "http://c", "status": status, "detail": detail, "seconds": 0.25}
    service.says("POST", f"{PATH}/test", found)

    result = run(service, "ves", "test", "lab")

    assert (result.exit_code, result.stdout) == (code, f"http://c: {said}\n")
