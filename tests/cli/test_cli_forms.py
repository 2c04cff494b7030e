"""What the command line prints for programs, and what it waits for."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from cli_service import FakeService, run
from typer.testing import CliRunner

from nfvigil.cli.main import app
from nfvigil.cli.output import as_csv
from nfvigil.cli.terminal import Column, table

VIM = {"name": "lab", "driver": "simulated", "snapshot_time": None, "counts": {}}
SENT = {"notification_id": "n-7", "sequence": 7}
SUBSCRIPTION = "3f2a91c0-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param([{"a": 1, "b": "x"}, {"b": None, "c": True}], "a,b,c\n1,x,\n,,true", id="a list"),
        pytest.param({"a": 1.5, "b": {"c": [1]}}, 'field,value\na,1.5\nb,"{""c"": [1]}"', id="one thing"),
        pytest.param([], "", id="nothing"),
        pytest.param(["a", 1], "value\na\n1", id="plain values"),
        pytest.param([{"a": "=1+1"}, {"a": "@x"}, {"a": -1}], "a\n'=1+1\n'@x\n-1", id="what a spreadsheet would obey"),
        pytest.param([{"a": "\x1b[2J\x9b"}], "a\n��[2J�".replace("��", "�"), id="what a terminal would obey"),
        pytest.param([{"a": "one\ntwo"}], 'a\n"one\ntwo"', id="lines"),
    ],
)
def test_a_list_has_a_line_each_and_a_thing_a_line_a_field(value: Any, text: str) -> None:
    assert as_csv(value) == text


def test_csv_is_read_back(service: FakeService) -> None:
    service.says("GET", "/v1/vims", {"items": [VIM, {**VIM, "name": "a,b"}], "next": None})

    result = run(service, "vim", "list", "-f", "csv")

    assert [row["name"] for row in csv.DictReader(io.StringIO(result.stdout))] == ["lab", "a,b"]


def delivery(state: str) -> dict[str, Any]:
    return {
        "id": "d-1",
        "notification_id": "n-7",
        "sequence": 7,
        "part": 0,
        "endpoint_id": "e-1",
        "attempts": 1,
        "subscription_id": SUBSCRIPTION,
        "state": state,
        "error": None,
        "http_status": 200,
        "first_sent_time": None,
        "delivered_time": None,
        "next_try_time": None,
    }


@pytest.mark.parametrize(("state", "code"), [("delivered", 0), ("dead", 1)])
def test_a_test_notification_is_waited_for(service: FakeService, state: str, code: int) -> None:
    place = f"/v1/subscriptions/{SUBSCRIPTION}"
    service.says("POST", f"{place}/test", SENT, 202)
    service.says("GET", f"{place}/deliveries", {"items": [delivery("pending")], "next": None})
    service.says("GET", f"{place}/deliveries", {"items": [delivery(state)], "next": None})

    result = run(service, "subscription", "test", SUBSCRIPTION, "--wait", "-f", "json")

    assert result.exit_code == code
    assert [one["state"] for one in json.loads(result.stdout)["deliveries"]] == [state]


def test_what_is_not_over_in_time_ends_with_1(service: FakeService) -> None:
    place = f"/v1/subscriptions/{SUBSCRIPTION}"
    service.says("POST", f"{place}/test", SENT, 202)
    service.says("GET", f"{place}/deliveries", {"items": [delivery("pending")], "next": None})

    result = run(service, "subscription", "test", SUBSCRIPTION, "--wait", "--wait-max", "0")

    assert result.exit_code == 1
    assert "is not over after 0 s, and goes on" in result.stderr


def test_a_listing_is_waited_for(service: FakeService) -> None:
    service.says("POST", "/v1/vims/lab/refresh", VIM, 202)
    service.says("GET", "/v1/vims/lab", VIM)
    service.says("GET", "/v1/vims/lab", {**VIM, "snapshot_time": "2026-01-02T03:04:05Z"})

    result = run(service, "vim", "refresh", "lab", "--wait")

    assert (result.exit_code, result.stdout) == (0, "was listed again: lab\n")


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("nfvigil sub", ["subscription"]),
        ("nfvigil --url http://x alarm l", ["list"]),
        ("nfvigil alarm list --sev", ["--severity"]),
        ("nfvigil alarm list -f ", ["table", "json", "yaml", "csv"]),
    ],
)
def test_a_shell_completes_commands_options_and_values(line: str, offered: list[str]) -> None:
    words = {"_NFVIGIL_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}

    result = CliRunner().invoke(app, [], env=words, prog_name="nfvigil")

    assert result.stdout.split() == offered


def test_hosts_are_listed_and_shown_under_their_own_name(service: FakeService) -> None:
    record = {"name": "compute-1", "forced_down": False, "service_up": True, "service_enabled": True, "zone": "zone-1"}
    one = {"key": "host/compute-1", "record": record}
    info = {
        "key": "host/compute-1",
        "state": "normal",
        "zone_id": "zone-1",
        "vim": "cloud",
        "hypervisor_version": None,
        "firmware_version": None,
    }
    service.says("GET", "/v1/physical-resources", {"items": [info], "next": None})
    service.says("GET", "/v1/resources/host/compute-1", {**one, "related": {}, "projects": [], "alarms": []})

    listed = run(service, "host", "list")
    shown = run(service, "host", "show", "compute-1")

    assert listed.stdout.splitlines()[1].split() == ["host/compute-1", "normal", "zone-1", "cloud"]
    assert shown.stdout.startswith("host/compute-1: up")


def test_a_table_fits_a_narrow_terminal_though_its_titles_are_long(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("nfvigil.cli.terminal.width", lambda: 30)
    columns = [Column("NAME", lambda _: "x" * 12), *(Column(f"A LONG TITLE {n}", str, shrink=True) for n in range(2))]

    table(["a longer value than there is room for"], columns)

    assert [len(line) for line in capsys.readouterr().out.splitlines()] == [30, 30]


def test_the_status_of_a_cloud_is_a_line(service: FakeService) -> None:
    read = {"taken_us": 1, "hosts": 8, "servers": 32, "age_seconds": 58.4, "error": "", "differences": {"added": 0}}
    vims = {"a": read, "b": {**read, "error": "timed out"}, "c": {"taken_us": None, "error": ""}, "d": {"error": "no"}}
    service.says("GET", "/readyz", {"ready": True, "reasons": [], "details": {"alarms_open": 3, "vims": vims}})

    assert run(service, "status").stdout.splitlines() == [
        "ready",
        "  alarms open  3",
        "  VIM a        8 hosts, 32 servers, listed 58 s ago",
        "  VIM b        8 hosts, 32 servers, listed 58 s ago; timed out",
        "  VIM c        not read yet: its first listing is on its way",
        "  VIM d        not read yet: no",
    ]
