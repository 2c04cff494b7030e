"""Passwords of BMCs: where they come from, and that they never print."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nfvigil.controller.fencing.options import OptionReader
from nfvigil.controller.fencing.password import Password
from nfvigil.errors import RefusedError
from nfvigil.model.secret import Secret


@pytest.mark.parametrize(
    "show",
    [str, repr, "{}".format, "{!r}".format, "{:>5}".format, lambda s: repr([s]), lambda s: repr(Password(stated=s))],
)
def test_a_secret_does_not_print(show: Any) -> None:
    shown = show(Secret("hunter2"))

    assert "hunter2" not in shown
    assert "***" in shown


@pytest.mark.parametrize("write", [pickle.dumps, copy.deepcopy, msgspec.json.encode, msgspec.to_builtins])
def test_a_secret_is_not_written_down(write: Any) -> None:
    with pytest.raises(TypeError):
        write(Secret("hunter2"))


def test_secrets_compare_by_what_they_hold() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert bool(Secret("a"))
    assert not Secret("")
    assert Secret("a").reveal() == "a"


def test_a_file_is_read_at_each_use(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("first\r\n")
    password = Password(file=str(path))

    first = password.read().reveal()
    path.write_text("second\n")

    assert (first, password.read().reveal()) == ("first", "second")


def test_a_variable_is_read_at_each_use() -> None:
    environ = {"BMC": "first"}
    password = Password(variable="BMC", environ=environ)

    first = password.read().reveal()
    environ["BMC"] = "second"

    assert (first, password.read().reveal()) == ("first", "second")


def files(folder: Path) -> dict[str, str]:
    found = {"empty": b"", "lines": b"s3cret\nmore\n", "binary": b"\xff\xfe", "long": b"s3cret" * 1000}
    for name, content in found.items():
        (folder / name).write_bytes(content)
    return {name: str(folder / name) for name in found}


WRONG = [
    ({}, "password: one of password, password_file, password_env is needed"),
    ({"password": "s3cret", "password_env": "X"}, "needed, not password and password_env"),
    ({"password": 5}, "password: must be text; write it in quotes"),
    ({"password": ""}, "password: is empty"),
    ({"password": "s3cret\n"}, "password: is more than one line"),
    ({"password": "s3cret" * 200}, "password: is longer than 1024 bytes"),
    ({"password_file": "/nowhere"}, "password_file: cannot be read from /nowhere: No such file or directory"),
    ({"password_file": "empty"}, "empty is empty"),
    ({"password_file": "lines"}, "password_file: is more than one line"),
    ({"password_file": "binary"}, "binary is no text"),
    ({"password_file": "long"}, "password_file: is longer than"),
    ({"password_env": "NFVIGIL_TEST_UNSET"}, "password_env: in $NFVIGIL_TEST_UNSET is empty"),
]


@pytest.mark.parametrize(("options", "reason"), WRONG, ids=[reason for _, reason in WRONG])
def test_a_wrong_password_option_is_told_without_the_password(
    tmp_path: Path, options: dict[str, Any], reason: str
) -> None:
    if name := files(tmp_path).get(options.get("password_file", "")):
        options = {"password_file": name}
    reader = OptionReader(host="compute-1", driver="redfish", options=options)
    reader.password()

    with pytest.raises(RefusedError) as caught:
        reader.done()

    assert reason in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("password", [Password(), Password(stated=Secret("")), Password(file="/nowhere")])
def test_a_password_that_is_not_there_is_refused_when_it_is_needed(password: Password) -> None:
    with pytest.raises(RefusedError, match="the password of the BMC"):
        password.read()
