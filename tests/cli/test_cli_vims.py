"""``nfvigil vim`` and ``nfvigil db rotate-key``: what is sent, what is printed, and no secret from an argument."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cli_service import FakeService, run
from typer.testing import CliRunner

from nfvigil.cli.main import app

VIM: dict[str, Any] = {
    "name": "lab",
    "driver": "openstack",
    "source": "api",
    "options": {"cloud": "lab", "password": "***"},
    "interval_seconds": 60.0,
    "enabled": True,
    "created_time": "2026-01-02T03:04:05.000006Z",
    "changed_time": "2026-01-02T03:04:05.000006Z",
    "created_by": "alice",
    "state": "failing",
    "error": "it \x1b[31mdoes not answer",
    "snapshot_time": "2026-01-02T03:04:05.000006Z",
    "snapshot_age_seconds": 12.7,
    "counts": {"hosts": 3, "servers": 5},
    "told": {"release": "2025.1"},
}
ITEMS = [
    {"what": "login", "ok": True, "detail": "as nfvigil", "advice": ""},
    {"what": "role", "ok": False, "detail": "no admin", "advice": "openstack role add"},
]


def sent(service: FakeService, number: int = 0) -> Any:
    return json.loads(service.asked[number][2])


def test_a_cloud_of_clouds_yaml_is_named_to_the_service_which_reads_it(service: FakeService) -> None:
    service.says("POST", "/v1/vims", VIM, 201)

    words = ["--os-cloud", "lab", "--clouds-file", "/etc/clouds.yaml", "--region", "one", "--interval", "30"]
    result = run(service, "vim", "add", "lab", "--driver", "openstack", *words)

    assert result.exit_code == 0
    assert sent(service) == {
        "name": "lab",
        "driver": "openstack",
        "options": {"cloud": "lab", "clouds_file": "/etc/clouds.yaml", "region": "one"},
        "interval_seconds": 30.0,
    }
    assert result.stdout == "added: lab, driver openstack\n"


def test_credentials_come_from_files_and_standard_input(service: FakeService, tmp_path: Path) -> None:
    service.says("POST", "/v1/vims", VIM, 201)
    (tmp_path / "ca").write_text("-----BEGIN-----\nx\n")
    (tmp_path / "bus").write_text("amqp://u:p@h/\n")
    (tmp_path / "key").write_text("k\n")

    words = ["--auth-url", "https://k/v3", "--username", "u", "--password-file", "-", "--project", "service"]
    words += ["--cacert", str(tmp_path / "ca"), "--bus-file", str(tmp_path / "bus"), "--disabled"]
    words += ["--option", "page_size=5", "--option", "down_cells=skip", "--option-file", f"x.secret={tmp_path / 'key'}"]
    result = run(service, "vim", "add", "lab", "--driver", "openstack", *words, stdin="hunter 2\n")

    assert result.exit_code == 0, result.output
    assert sent(service) == {
        "name": "lab",
        "driver": "openstack",
        "enabled": False,
        "options": {
            "auth": {
                "auth_url": "https://k/v3",
                "username": "u",
                "password": "hunter 2",
                "project_name": "service",
                "user_domain_name": "Default",
                "project_domain_name": "Default",
            },
            "cacert_content": "-----BEGIN-----\nx\n",
            "bus": "amqp://u:p@h/",
            "page_size": 5,
            "down_cells": "skip",
            "x": {"secret": "k"},
        },
    }
    assert "hunter" not in result.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["--option", "password=hunter2"], "--option-file password=FILE", id="a password"),
        pytest.param(["--option", "auth.password=hunter2"], "--option-file auth.password=FILE", id="inside"),
        pytest.param(["--option", "bus=amqp://u:hunter2@h/"], "--option-file bus=FILE", id="in a URL"),
        pytest.param(["--option", 'a={"token": "hunter2"}'], "--option-file a=FILE", id="in JSON"),
        pytest.param(["--option", "hosts"], "must be NAME=VALUE", id="no value"),
        pytest.param(["--option", "a..b=1"], "must be NAME=VALUE", id="no name"),
        pytest.param(["--option", "a=1", "--option", "a.b=1"], "a value and a mapping at once", id="both"),
        pytest.param(["--username", "u"], "--password-file|password-file: is needed", id="nobody to be asked"),
        pytest.param(["--password-file", "/nowhere"], "cannot be read", id="no file"),
        pytest.param(["--password-file", "{empty}"], "is empty", id="nothing in it"),
        pytest.param(["--password-file", "{two}"], "more than one line", id="too much in it"),
    ],
)
def test_what_cannot_be_sent_or_must_not_be_seen_is_refused(
    service: FakeService, tmp_path: Path, words: list[str], said: str
) -> None:
    (tmp_path / "empty").write_text("")
    (tmp_path / "two").write_text("a\nb\n")
    words = [word.format(empty=tmp_path / "empty", two=tmp_path / "two") if word[:1] == "{" else word for word in words]

    result = run(service, "vim", "add", "lab", "--driver", "cloud", *words)

    assert result.exit_code == 1
    assert any(one in result.stderr for one in said.split("|"))
    assert "hunter2" not in result.output
    assert service.asked == []


def test_a_dry_run_checks_and_keeps_nothing(service: FakeService) -> None:
    service.says("POST", "/v1/vims/check", {"ok": False, "items": ITEMS})

    result = run(service, "vim", "add", "lab", "--driver", "cloud", "--dry-run")

    assert result.exit_code == 1
    assert "openstack role add" in result.stdout
    assert [path for _, path, _ in service.asked] == ["/v1/vims/check"]


def test_clouds_are_listed_and_cannot_drive_the_terminal(service: FakeService) -> None:
    service.says("GET", "/v1/vims", {"items": [VIM], "next": None})

    result = run(service, "vim", "list")

    assert result.stdout.splitlines()[0].split() == [
        *("NAME", "DRIVER", "FROM", "STATE", "HOSTS", "SERVERS", "LISTED", "ERROR"),
    ]
    assert "failing" in result.stdout
    assert "12s" in result.stdout
    assert "\x1b" not in result.stdout


def test_one_is_shown_with_what_its_driver_tells(service: FakeService) -> None:
    service.says("GET", "/v1/vims/lab", VIM)
    fixed = {"source": "settings", "created_time": None, "changed_time": None, "snapshot_time": None, "told": {}}
    service.says("GET", "/v1/vims/fixed", VIM | fixed | {"counts": {}})

    shown = run(service, "vim", "show", "lab").stdout

    assert "password  ***" in shown
    assert "release  2025.1" in shown
    assert "by alice" in shown
    assert "told by" not in run(service, "vim", "show", "fixed").stdout
    service.says("GET", "/v1/vims/lab", VIM)
    assert json.loads(run(service, "vim", "show", "lab", "-f", "json").stdout) == VIM


def test_only_what_is_named_is_changed(service: FakeService, tmp_path: Path) -> None:
    service.says("PATCH", "/v1/vims/lab", VIM)
    (tmp_path / "new").write_text("hunter3")

    words = ["--password-file", str(tmp_path / "new"), "--unset", "region", "--interval", "5", "--disable", "--secure"]
    result = run(service, "vim", "set", "lab", *words, "--username", "v")

    assert result.exit_code == 0
    assert sent(service) == {
        "options": {"auth": {"username": "v", "password": "hunter3"}, "region": None, "insecure": False},
        "interval_seconds": 5.0,
        "enabled": False,
    }


def test_a_change_of_nothing_is_refused(service: FakeService) -> None:
    result = run(service, "vim", "set", "lab")

    assert result.exit_code == 1
    assert service.asked == []


@pytest.mark.parametrize(("items", "code"), [(ITEMS, 1), (ITEMS[:1], 0)])
def test_a_check_ends_with_1_where_anything_is_not_well(service: FakeService, items: list[Any], code: int) -> None:
    service.says("POST", "/v1/vims/lab/check", {"ok": code == 0, "items": items})

    result = run(service, "vim", "check", "lab")

    assert result.exit_code == code
    assert "as nfvigil" in result.stdout


KNOWN = VIM | {
    "snapshot_seconds": 1.234,
    "period_seconds": 10.0,
    "attempted_time": "2026-01-02T03:05:05.000006Z",
    "listing": False,
    "failures": 4,
    "conditions": ["unreachable", "partial"],
    "differences": {"added": 2, "changed": 0, "gone": 1},
    "unconfirmed": 3,
    "put_back": 1,
    "readers": [
        {"name": "VNF records", "interval_seconds": None, "error": ""},
        {"name": "VES agent", "interval_seconds": 10.0, "error": "KeyError"},
    ],
}
CALM: dict[str, Any] = KNOWN | {
    "name": "calm",
    "state": "watched",
    "error": "",
    "snapshot_seconds": None,
    "period_seconds": None,
    "listing": True,
    "failures": 0,
    "conditions": [],
    "differences": {"added": 0, "changed": 0, "gone": 0},
    "unconfirmed": 0,
    "put_back": 0,
    "readers": [],
}


def test_how_well_clouds_are_known_is_one_line_each(service: FakeService) -> None:
    service.says("GET", "/v1/vims", {"items": [KNOWN, CALM], "next": None})

    lines = run(service, "vim", "status").stdout.splitlines()

    assert lines[0].split() == ["NAME", "STATE", "AGE", "EVERY", "TAKES", "DIFFERENCES", "CONDITIONS", "ERROR"]
    assert lines[1].startswith("lab ")
    assert "failing  12s         10s  1.23s  +2 -1" in lines[1]
    assert "unreachable partial" in lines[1]
    assert lines[2].split() == ["calm", "watched", "12s", "on", "request", "-", "-", "-", "-"]


def test_how_well_one_is_known_is_shown_in_full(service: FakeService) -> None:
    service.says("GET", "/v1/vims/lab", KNOWN)
    service.says("GET", "/v1/vims/calm", CALM)
    service.says("GET", "/v1/vims/lab", KNOWN)

    shown = run(service, "vim", "status", "lab").stdout
    calm = run(service, "vim", "status", "calm").stdout

    for said in ("unreachable, partial", "4 times in a row", "every 10 s; failed with KeyError", "with each listing"):
        assert said in shown
    assert "\x1b" not in shown
    assert "yes" in calm
    assert "read by" not in calm
    assert "on request" in calm
    assert json.loads(run(service, "vim", "status", "lab", "-f", "json").stdout) == KNOWN


def test_waiting_for_a_listing_that_fails_says_why(service: FakeService) -> None:
    service.says("POST", "/v1/vims/lab/refresh", KNOWN, 202)
    service.says("GET", "/v1/vims/lab", KNOWN | {"attempted_time": "2026-01-02T03:06:00.000000Z"})

    result = run(service, "vim", "refresh", "lab", "--wait")

    assert result.exit_code != 0
    assert "lab could not be listed: it" in result.stderr
    assert "\x1b" not in result.stderr


def test_a_listing_is_asked_for(service: FakeService) -> None:
    service.says("POST", "/v1/vims/lab/refresh", VIM, 202)

    assert run(service, "vim", "refresh", "lab").stdout == "is listed again: lab\n"


@pytest.mark.parametrize(
    ("words", "stdin", "asked"),
    [
        pytest.param(["--yes"], None, 1, id="not asked"),
        pytest.param([], "y\n", 1, id="yes"),
        pytest.param([], "n\n", 0, id="no"),
        pytest.param([], "", 0, id="nobody there"),
    ],
)
def test_a_removal_is_asked_about(service: FakeService, words: list[str], stdin: str | None, asked: int) -> None:
    service.says("DELETE", "/v1/vims/lab", b"", 204)

    result = run(service, "vim", "remove", "lab", *words, stdin=stdin)

    assert len(service.asked) == asked
    assert result.exit_code == (0 if asked else 1)


def test_keys_are_changed_and_dropped_where_the_settings_say(tmp_path: Path) -> None:
    from cryptography.fernet import Fernet

    keys = tmp_path / "keys"
    keys.write_text(Fernet.generate_key().decode())
    config = tmp_path / "nfvigil.toml"
    config.write_text(f'database_url = "sqlite:///{tmp_path}/n.db"\n[secrets]\nkey_file = "{keys}"\n')
    runner = CliRunner()

    made = runner.invoke(app, ["db", "rotate-key", "--config", str(config)])
    assert made.stdout == "a new key was made; encrypted anew: 0\n", made.output
    assert len(keys.read_text().split()) == 2

    dropped = runner.invoke(app, ["db", "rotate-key", "--drop-old", "--config", str(config), "-f", "json"])
    assert json.loads(dropped.stdout) == {"dropped": 1}
    assert len(keys.read_text().split()) == 1


def test_without_keys_there_is_nothing_to_change(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["db", "rotate-key", "--database", f"sqlite:///{tmp_path}/n.db"])

    assert result.exit_code == 1
    assert "no keys" in result.stderr


def test_keys_in_two_places_are_refused(tmp_path: Path) -> None:
    config = tmp_path / "nfvigil.toml"
    config.write_text('[secrets]\nkey_file = "/x"\nkeys = "hunter2"\n')

    result = CliRunner().invoke(app, ["db", "rotate-key", "--config", str(config)])

    assert result.exit_code == 1
    assert "not both" in result.stderr
    assert "hunter2" not in result.output
