"""``nfvigil token``, ``monitor-key`` and ``break-glass``: made, shown once, listed, taken back."""

from __future__ import annotations

import base64
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from nfvigil.cli.main import app
from nfvigil.cli.tokens import the_one
from nfvigil.errors import ConflictError


class Shell:
    def __init__(self, directory: Path) -> None:
        self.database = directory / "nfvigil.db"

    def __call__(self, *arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, [*arguments, "--database", f"sqlite:///{self.database}"])
        assert done.exit_code == code, done.output
        return done.output

    def json(self, *arguments: str) -> Any:
        done = CliRunner().invoke(app, [*arguments, "--database", f"sqlite:///{self.database}", "-f", "json"])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_a_monitors_key_is_shown_once_listed_and_taken_back(shell: Shell) -> None:
    made = shell.json("monitor-key", "create", "ping", "--expires", "30d")

    assert len(base64.b64decode(made["key"].removeprefix("whsec_"))) == 32
    assert shell.database.with_name("nfvigil.db.keys").stat().st_mode & 0o777 == 0o600
    listed = shell.json("monitor-key", "list")
    assert [(one["name"], one["revoked_time"]) for one in listed] == [("ping", None)]
    assert made["key"] not in json.dumps(listed) + shell("monitor-key", "list")
    assert made["key"].encode() not in shell.database.read_bytes()
    assert made["id"] in shell("monitor-key", "revoke", made["id"][:6])
    assert shell.json("monitor-key", "list")[0]["revoked_time"] is not None
    shell("monitor-key", "revoke", "nobody", code=4)
    shell("monitor-key", "revoke", "", code=4)
    shell("monitor-key", "revoke", made["id"], code=4)


def test_an_id_must_be_of_one_only() -> None:
    assert the_one(["abc", "abd"], "abc", "key") == "abc"
    with pytest.raises(ConflictError, match="give more of it"):
        the_one(["abc", "abd"], "ab", "key")


def test_a_monitors_key_needs_a_name_and_a_span_that_is_one(shell: Shell) -> None:
    assert "name" in shell("monitor-key", "create", "", code=1)
    assert "expires" in shell("monitor-key", "create", "ping", "--expires", "soon", code=1)
    assert "over already" in shell("monitor-key", "create", "ping", "--expires", "0s", code=1)
    assert "no keys" in shell("monitor-key", "list")


def test_what_is_wrong_with_a_token_is_said(shell: Shell) -> None:
    assert "speaks for a project" in shell("token", "create", "--role", "manager", code=1)
    assert "speaks for none" in shell("token", "create", "--role", "monitor", "--project", "p", code=1)
    made = shell.json("token", "create", "--role", "service", "--project", "p", "--name", "tacker", "--expires", "1h")
    assert (made["role"], made["project"], made["name"]) == ("service", "p", "tacker")
    assert shell.json("token", "list")[0]["id"] == made["id"]
    shell("token", "revoke", made["id"][:8])
    shell("token", "revoke", made["id"], code=4)


def test_breaking_glass_needs_no_database() -> None:
    runner = CliRunner()
    made = json.loads(runner.invoke(app, ["break-glass", "create", "-f", "json"]).stdout)
    other = runner.invoke(app, ["break-glass", "create"]).output

    assert made["break_glass_hash"] == sha256(made["secret"].encode()).hexdigest()
    assert made["secret"] not in other
    assert "break_glass_hash = " in other
