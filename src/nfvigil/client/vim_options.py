"""The options of a VIM driver from a command line, and never a secret from its arguments: others can read those."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nfvigil.errors import FieldError, RefusedError
from nfvigil.model.secret_fields import hidden, is_secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What was said on the command line."""

    os_cloud: str | None = None
    clouds_file: str | None = None
    region: str | None = None
    auth_url: str | None = None
    username: str | None = None
    password_file: Path | None = None
    project: str | None = None
    user_domain: str | None = None
    project_domain: str | None = None
    cacert: Path | None = None
    insecure: bool | None = None
    bus_file: Path | None = None
    option: Sequence[str] = ()
    option_file: Sequence[str] = ()
    unset: Sequence[str] = ()


def options_of(
    given: Given, *, is_new: bool, read: Callable[[Path], str], ask: Callable[[str], str | None]
) -> dict[str, Any]:
    """As the API takes them. What is to be taken out is null.

    ``read`` gives the text of a file, ``ask`` the secret that a person is asked for; None where there is nobody to ask.
    """
    found: dict[str, Any] = {}
    simple = {
        "cloud": given.os_cloud,
        "clouds_file": given.clouds_file,
        "region": given.region,
        "auth.auth_url": given.auth_url,
        "auth.username": given.username,
        "auth.project_name": given.project,
        "auth.user_domain_name": given.user_domain,
        "auth.project_domain_name": given.project_domain,
        "insecure": given.insecure,
    }
    if is_new and given.username is not None:
        simple = {
            **simple,
            "auth.user_domain_name": given.user_domain or "Default",
            "auth.project_domain_name": given.project_domain or "Default",
        }
    for name, value in simple.items():
        if value is not None:
            _put(found, name, value)
    if given.cacert is not None:
        found["cacert_content"] = read(given.cacert)
    if given.bus_file is not None:
        found["bus"] = _first_line(given.bus_file, read)
    for text in given.option:
        name, value = _pair(text, "option")
        _put(found, name, _value(name, value))
    for text in given.option_file:
        name, value = _pair(text, "option-file")
        _put(found, name, _first_line(Path(value), read))
    for name in given.unset:
        _put(found, name, None)
    if given.password_file is not None:
        _put(found, "auth.password", _first_line(given.password_file, read))
    elif is_new and given.username is not None:
        password = ask(f"Password of {given.username}")
        if password is None:
            raise _wrong("password-file", "is needed where nobody can be asked: a file, or - for standard input")
        _put(found, "auth.password", password)
    return found


def _put(options: dict[str, Any], name: str, value: Any) -> None:
    """A dot leads into a mapping: ``auth.project_name``."""
    *path, last = name.split(".")
    for part in path:
        inner = options.setdefault(part, {})
        if not isinstance(inner, dict):
            raise _wrong("option", f"{part} is a value and a mapping at once")
        options = inner
    options[last] = value


def _pair(text: str, option: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not all(name.split(".")):
        raise _wrong(option, f"must be NAME=VALUE, not {_shown(text)!r}")
    return name, value


def _shown(text: str) -> str:
    return str(hidden(text))


def _value(name: str, text: str) -> Any:
    """JSON, or else the word itself."""
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    if is_secret(name.rpartition(".")[2]) or hidden({name: value}) != {name: value}:
        raise _wrong("option", f"{name} is a secret, which others see on a command line: --option-file {name}=FILE")
    return value


def _first_line(path: Path, read: Callable[[Path], str]) -> str:
    """An editor puts an end of line behind a password."""
    lines = read(path).splitlines()
    if not lines or not lines[0]:
        raise RefusedError(f"{path} is empty")
    if len(lines) > 1 and any(line.strip() for line in lines[1:]):
        raise RefusedError(f"{path} has more than one line: a secret is one")
    return lines[0]


def _wrong(option: str, reason: str) -> RefusedError:
    return RefusedError("the options are wrong", [FieldError(option, reason)])
