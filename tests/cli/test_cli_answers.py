"""The command line against a service that says whatever a test wants: what is asked, printed and returned."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from cli_service import FakeService, run
from typer.main import get_command
from typer.testing import CliRunner

from nfvigil.cli.main import app

ALARM: dict[str, Any] = {
    "id": "3f2a91c0-0000-4000-8000-000000000001",
    "fault_type": "compute.host.down",
    "resource": {"kind": "host", "id": "compute-1", "name": "compute-1"},
    "project_id": None,
    "state": "raised",
    "perceived_severity": "critical",
    "raised_time": "2026-01-02T03:04:05.000006Z",
    "is_root_cause": True,
    "acknowledged_by": None,
}


PROBLEM = {"title": "x", "detail": "it is wrong", "errors": [{"field": "state", "reason": "must be open", "line": 7}]}


@pytest.mark.parametrize(
    ("status", "code"),
    [
        pytest.param(400, 1, id="refused"),
        pytest.param(401, 5, id="who are you"),
        pytest.param(403, 5, id="you may not"),
        pytest.param(404, 4, id="no such thing"),
        pytest.param(409, 1, id="in the wrong state"),
        pytest.param(412, 1, id="changed meanwhile"),
        pytest.param(413, 1, id="too large"),
        pytest.param(302, 1, id="elsewhere"),
        pytest.param(429, 3, id="too often"),
        pytest.param(500, 1, id="failed"),
        pytest.param(503, 3, id="away"),
    ],
)
def test_a_status_becomes_an_exit_code(service: FakeService, status: int, code: int) -> None:
    service.says("GET", "/v1/policies", PROBLEM, status, Location="/elsewhere")

    result = run(service, "policy", "list")

    assert result.exit_code == code
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")


def test_every_field_that_is_wrong_is_named_with_its_reason(service: FakeService) -> None:
    service.says("GET", "/v1/policies", PROBLEM, 400)

    result = run(service, "policy", "list")

    assert result.stderr == "error: it is wrong\n  line 7: state: must be open\n"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        pytest.param(b"<html>", "did not answer with JSON", id="no JSON"),
        pytest.param(b"[]", "did not answer with a list", id="no list"),
    ],
)
def test_what_is_no_nfvigil_is_said_so(service: FakeService, body: bytes, said: str) -> None:
    service.says("GET", "/v1/alarms", body)

    result = run(service, "alarm", "list")

    assert result.exit_code == 1
    assert said in result.stderr


def test_where_nobody_listens_it_ends_with_3() -> None:
    result = CliRunner().invoke(app, ["status", "--url", "http://127.0.0.1:1"])

    assert result.exit_code == 3
    assert "does not answer" in result.stderr


@pytest.mark.parametrize(
    "url", ["ftp://a", "http://", "http://user:secret@host", "http://host:x", "http://host/?a=b", "host:1"]
)
def test_an_address_that_is_none_is_refused_by_its_field(url: str) -> None:
    result = CliRunner().invoke(app, ["--url", url, "status"])

    assert result.exit_code == 1
    assert "url: " in result.stderr


def test_a_list_is_read_to_its_end(service: FakeService) -> None:
    service.says("GET", "/v1/alarms", {"items": [ALARM], "next": "a b"})
    service.says("GET", "/v1/alarms", {"items": [ALARM], "next": None})

    result = run(service, "alarm", "list", "-f", "json")

    assert len(json.loads(result.stdout)) == 2
    assert "marker=a+b" in service.asked[1][1]


def test_a_limit_ends_a_list_early(service: FakeService) -> None:
    service.says("GET", "/v1/alarms", {"items": [ALARM] * 3, "next": "more"})

    result = run(service, "alarm", "list", "--limit", "3", "-f", "yaml")

    assert len(yaml.safe_load(result.stdout)) == 3
    assert [("limit=3" in path) for _, path, _ in service.asked] == [True]


def test_filters_are_passed_on(service: FakeService) -> None:
    service.says("GET", "/v1/alarms", {"items": [], "next": None})

    result = run(service, "alarm", "list", "--fault", "a.*", "--fault", "b", "--unacked", "--root-only")

    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no open alarms\n")
    path = service.asked[0][1]
    for part in ("state=open", "fault_type=a.%2A", "fault_type=b", "acked=false", "root_only=true"):
        assert part in path


def test_what_a_monitor_sent_cannot_drive_the_terminal(service: FakeService) -> None:
    evil = ALARM | {"fault_type": "a\x1b[2Jb\x9bc"}
    for form in ("table", "json", "yaml"):
        service.says("GET", "/v1/alarms", {"items": [evil], "next": None})

        result = run(service, "alarm", "list", "-f", form)

        assert result.exit_code == 0
        assert not re.search(r"[\x1b\x9b]", result.stdout)


def test_the_front_of_an_id_is_enough(service: FakeService) -> None:
    service.says("GET", "/v1/alarms", {"items": [ALARM, ALARM | {"id": "9" * 36}], "next": None})
    service.says("POST", f"/v1/alarms/{ALARM['id']}/ack", ALARM)

    result = run(service, "alarm", "ack", "3f2a")

    assert result.stdout == "3f2a91c0 compute.host.down on host/compute-1: acknowledged\n"


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        pytest.param("3f2a", 1, "2 ids begin with", id="ambiguous"),
        pytest.param("aaaa", 4, "there is none", id="unknown"),
        pytest.param("3f", 1, "at least 4", id="too short"),
    ],
)
def test_the_front_of_an_id_must_name_one(service: FakeService, given: str, code: int, said: str) -> None:
    service.says("GET", "/v1/alarms", {"items": [ALARM, ALARM | {"id": "3f2a" + "0" * 32}], "next": None})

    result = run(service, "alarm", "clear", given)

    assert result.exit_code == code
    assert said in result.stderr
    assert all(method == "GET" for method, _, _ in service.asked)


def test_a_token_comes_from_the_environment_or_a_file(service: FakeService, tmp_path: Path) -> None:
    service.says("GET", "/readyz", {"ready": True, "reasons": []})
    service.says("GET", "/readyz", {"ready": False, "reasons": ["store"]}, 503)
    file = tmp_path / "token"
    file.write_text("nfv_file\n")

    first = run(service, "status", NFVIGIL_TOKEN="nfv_environment")
    second = run(service, "status", "--token-file", str(file), NFVIGIL_TOKEN="nfv_environment")

    assert service.tokens == ["nfv_environment", "nfv_file"]
    assert (first.exit_code, second.exit_code) == (0, 3)
    assert "not ready" in second.stdout


def test_a_token_that_would_split_a_header_is_refused(service: FakeService) -> None:
    result = run(service, "status", NFVIGIL_TOKEN="a\r\nX-Other: b")

    assert result.exit_code == 1
    assert service.asked == []


def test_an_event_is_sent_as_it_was_described(service: FakeService) -> None:
    service.says("POST", "/v1/events", {"events": [{"state": "accepted", "id": "17"}]})

    words = ["--host", "compute-1", "--status", "up", "--monitor", "ping", "--detail", "rack=7", "--lead-time", "60"]
    result = run(service, "event", "send", "compute.host.down", *words)

    sent = json.loads(service.asked[0][2])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT.*Z", sent.pop("time"))
    assert sent == {
        "type": "compute.host.down",
        "resource": "host/compute-1",
        "status": "up",
        "monitor": "ping",
        "lead_time_seconds": 60.0,
        "details": {"rack": "7"},
    }
    assert "accepted  17" in result.stdout


def test_a_batch_of_which_some_is_refused_ends_with_1(service: FakeService) -> None:
    receipts = [
        {"state": "accepted", "id": "17"},
        {"state": "refused", "errors": [{"field": "events[1].type", "reason": "is missing"}]},
    ]
    service.says("POST", "/v1/events", {"events": receipts}, 207)

    result = run(service, "event", "send", "--file", "-", stdin='[{"type": "a"}, {}]')

    assert result.exit_code == 1
    assert json.loads(service.asked[0][2]) == [{"type": "a"}, {}]
    assert "events[1].type: is missing" in result.stderr


@pytest.mark.parametrize(
    "args",
    [
        pytest.param(["event", "send"], id="no type"),
        pytest.param(["event", "send", "a"], id="no resource"),
        pytest.param(["event", "send", "a", "--host", "b", "--resource", "c/d"], id="two resources"),
        pytest.param(["event", "send", "a", "--host", "b", "--detail", "c"], id="a detail without a value"),
        pytest.param(["event", "send", "a", "--file", "-"], id="a type and a file"),
        pytest.param(["simulation", "fail", "partial", "--seconds", "1"], id="seconds of a partial list"),
        pytest.param(["simulation", "set", "server/s", "status"], id="a field without a value"),
        pytest.param(["alarm", "list", "--state", "nonsense"], id="no such state"),
        pytest.param(["alarm", "list", "--limit", "0"], id="nothing at most"),
        pytest.param(["nonsense"], id="no such command"),
    ],
)
def test_wrong_use_ends_with_2_and_asks_nothing(service: FakeService, args: list[str]) -> None:
    result = run(service, *args, stdin="{}")

    assert result.exit_code == 2
    assert service.asked == []


def test_secrets_go_from_files_to_the_endpoints_that_sign(service: FakeService, tmp_path: Path) -> None:
    service.says("POST", "/v1/subscriptions", {"id": "1", "resources": []}, 201)
    key = tmp_path / "key"
    key.write_text("whsec_abc\n")

    endpoints = ["-e", "http://a/x?y=z", "-e", "signed=https://b/"]
    result = run(service, "subscription", "create", *endpoints, "--secret-file", str(key), "--min-severity", "major")

    assert result.exit_code == 0
    sent = json.loads(service.asked[0][2])
    assert sent["endpoints"] == [
        {"url": "http://a/x?y=z", "format": "doctor"},
        {"url": "https://b/", "format": "signed", "secret": "whsec_abc"},
    ]
    assert sent["filter"] == {"min_severity": "major"}


def test_a_replay_that_differs_ends_with_1(service: FakeService) -> None:
    different = [{"event_id": "17", "recorded": "{}", "replayed": "[]"}]
    service.says("POST", "/v1/replay", {"replayed": 3, "equal": 2, "different": different})

    result = run(service, "replay")

    assert result.exit_code == 1
    assert "3 decisions made again: 2 the same, 1 not" in result.stdout


CAPACITY_ROW: dict[str, Any] = {
    "by": "zone",
    "vim": "lab",
    "name": "z1",
    "hosts": {"total": 3, "usable": 1, "lost": 1, "unsized": 0},
    "vcpus": {"total": 16, "used": 4, "left": 12},
    "memory_mb": {"total": 65_536, "used": 8_192, "left": 57_344},
    "largest_free_host": {"host": "compute-2", "vcpus": 12, "memory_mb": 57_344},
    "without_host": {"servers": 2, "vcpus": 8, "memory_mb": 16_384},
    "servers_unsized": 0,
}


def test_capacity_shows_what_is_left_and_who_has_no_host(service: FakeService) -> None:
    service.says("GET", "/v1/capacity", {"items": [CAPACITY_ROW], "next": None})

    result = run(service, "capacity", "--by", "aggregate", COLUMNS="200")

    assert result.exit_code == 0
    assert "by=aggregate" in service.asked[0][1]
    for shown in ("1 of 3", "12 of 16", "56 of 64 GiB", "12 vCPUs, 56 GiB: compute-2", "2 servers: 8 vCPUs, 16 GiB"):
        assert shown in result.stdout
    assert "unknown" not in result.stdout


def test_capacity_says_of_how_many_it_knows_nothing(service: FakeService) -> None:
    nothing = {"servers": 0, "vcpus": 0, "memory_mb": 0}
    row = CAPACITY_ROW | {"name": "", "largest_free_host": None, "servers_unsized": 4, "without_host": nothing}
    row |= {"hosts": {"total": 1, "usable": 1, "lost": 0, "unsized": 1}}
    service.says("GET", "/v1/capacity", {"items": [row], "next": None})
    service.says("GET", "/v1/capacity", {"items": [row], "next": None})

    assert "the size is unknown" in run(service, "capacity").stdout
    assert json.loads(run(service, "capacity", "-f", "json").stdout) == [row]


def test_a_lint_names_file_line_field_and_reason(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text("policy: mine\n")
    bad.write_text("policy: mine\nfaults:\n  a.b:\n    severity: terrible\n")

    result = CliRunner().invoke(app, ["policy", "lint", str(good), str(bad)])

    assert result.exit_code == 1
    assert re.fullmatch(rf"{re.escape(str(bad))}:4: faults\.a\.b\.severity: .*terrible.*\n", result.stdout)
    assert CliRunner().invoke(app, ["policy", "lint", str(good)]).exit_code == 0


def _commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if hasattr(command, "commands"):
        for name, inner in command.commands.items():
            yield from _commands(inner, (*path, name))
    else:
        yield path


COMMANDS = sorted(_commands(get_command(app)))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_explains_itself_and_each_of_its_options(path: tuple[str, ...]) -> None:
    command: Any = get_command(app)
    for name in path:
        command = command.commands[name]

    result = CliRunner().invoke(app, [*path, "--help"])

    assert result.exit_code == 0
    assert command.help
    assert [one.name for one in command.params if not getattr(one, "help", "")] == []


def test_every_command_that_the_product_promises_is_there() -> None:
    promised = """serve; demo; status; replay; event send; alarm list show explain ack unack clear history watch follow;
        subscription create list show delete test replay pause resume deliveries set resources
        redeliver; delivery list; host list; resource list show impact;
        policy list show lint apply rollback dry-run; profile show summary; db upgrade check backup purge
        rotate-key; vim add list show status set check refresh remove;
        token create list revoke; host list show power confirm-off fence; simulation show fail heal power set delete;
        action list; capacity"""
    wanted = set()
    for noun, *verbs in (part.split() for part in promised.split(";")):
        wanted |= {(noun, verb) for verb in verbs} or {(noun,)}

    assert wanted <= set(COMMANDS)


def test_the_completion_script_is_printed() -> None:
    result = CliRunner().invoke(app, [], prog_name="nfvigil", env={"_NFVIGIL_COMPLETE": "source_bash"})

    assert result.exit_code == 0
    assert "complete" in result.stdout
    assert "nfvigil" in result.stdout
