"""``nfvigil audit``, and what the commands on the database itself leave in the log."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from nfvigil.cli.audit import ended
from nfvigil.cli.main import app


def run(database: Path, *arguments: str) -> Any:
    return CliRunner().invoke(app, [*arguments, "--database", f"sqlite:///{database}"])


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "n.db"
    made = run(path, "token", "create", "--role", "admin", "--name", "ann", "-f", "json")
    token = json.loads(made.stdout)
    assert run(path, "token", "revoke", token["id"]).exit_code == 0
    assert token["token"].encode() not in path.read_bytes()
    return path


def test_what_is_done_on_the_database_itself_is_in_the_log(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        lines = connection.execute("SELECT what, via, text FROM audit ORDER BY id").fetchall()

    assert [line[:2] for line in lines] == [("token made", "command-line"), ("token revoked", "command-line")]
    assert lines[0][2] == "ann, role admin, project -"


def test_a_check_says_that_all_is_there_and_how_to_know_later(database: Path) -> None:
    checked = run(database, "audit", "check")

    assert checked.exit_code == 0
    assert "2 lines, 1 to 2" in checked.stdout
    last = checked.stdout.split("last: ")[1].strip()
    assert run(database, "audit", "check", "--known", last).exit_code == 0
    assert run(database, "audit", "check", "--known", "9:abc").exit_code == 1
    assert run(database, "audit", "check", "--known", "abc").exit_code == 1


def test_a_check_finds_what_the_owner_of_the_database_changed(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        with pytest.raises(sqlite3.IntegrityError, match="not changed"):
            connection.execute("UPDATE audit SET who = 'somebody else' WHERE id = 1")
        connection.execute("DROP TRIGGER audit_not_changed")
        connection.execute("UPDATE audit SET who = 'somebody else' WHERE id = 1")
        connection.commit()

    checked = run(database, "audit", "check", "-f", "json")

    assert checked.exit_code == 1
    assert json.loads(checked.stdout)["flaws"] == ["1 was changed, or what stood before it was"]


def test_an_empty_log_is_well(tmp_path: Path) -> None:
    assert run(tmp_path / "new.db", "db", "upgrade").exit_code == 0

    assert "is empty" in run(tmp_path / "new.db", "audit", "check").stdout


def test_a_beginning_is_left_out_where_the_end_is_shown() -> None:
    lines = [
        {"request_id": "1", "outcome": "success"},
        {"request_id": "1", "outcome": "pending"},
        {"request_id": "2", "outcome": "pending"},
    ]

    assert ended(lines) == [lines[0], lines[2]]
