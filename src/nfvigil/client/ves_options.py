"""From what somebody says on a command line to the VES agent's configuration of a VIM."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nfvigil.errors import FieldError, RefusedError

ROOT = "vesagent_config"
BACKLOG = ("domain", "type", "tenant", "tenantid", "source", "sourceid", "poll_interval")
PRESETS = ("default", "onap")
_FILES = ("password", "ca", "client_cert", "client_key")

Read = Callable[[Path], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class VesGiven:
    """What was said; None or nothing for what was not."""

    file: Path | None = None
    endpoint: str | None = None
    username: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    client_cert_file: Path | None = None
    client_key_file: Path | None = None
    backlog: Sequence[str] = ()
    interval: float | None = None
    faults: str | None = None
    heartbeat: float | None = None


def config_of(given: VesGiven, before: Mapping[str, Any], *, read: Read) -> dict[str, Any]:
    """``before`` is the configuration that is in force, as the service shows it; what is not named stays."""
    config = dict(_document(given.file, read) if given.file is not None else before)
    collector = dict(config.get("ves_subscription") or {})
    for name in ("endpoint", "username"):
        if (text := getattr(given, name)) is not None:
            collector[name] = text
    for name in _FILES:
        path: Path | None = getattr(given, f"{name}_file")
        if path is not None:
            text = read(path)
            collector[name] = text.rstrip("\r\n") if name == "password" else text
    config["ves_subscription"] = collector
    if given.backlog:
        config["backlogs"] = [_backlog(text) for text in given.backlog]
    if given.interval is not None:
        config["poll_interval_default"] = given.interval
    if given.heartbeat is not None:
        config["heartbeat_interval"] = given.heartbeat
    if given.faults is not None:
        states = [one.strip() for one in given.faults.split(",") if one.strip()]
        config["faults"] = given.faults if given.faults in PRESETS else states
    if not collector.get("endpoint"):
        raise RefusedError("it is not said where the collector is", [FieldError("endpoint", "is needed")])
    return config


def _document(path: Path, read: Read) -> Mapping[str, Any]:
    """ONAP's body, or what is in it."""
    try:
        found = json.loads(read(path))
    except ValueError as error:
        raise RefusedError(f"{path} is not JSON: {error}") from error
    inner = found.get(ROOT, found) if isinstance(found, dict) else found
    if not isinstance(inner, dict):
        raise RefusedError(f"{path} holds no configuration of the VES agent", [FieldError(ROOT, "must be an object")])
    return inner


def _backlog(text: str) -> dict[str, Any]:
    """``domain=fault,type=vm,tenant=core``"""
    entry: dict[str, Any] = {}
    for part in text.split(","):
        name, sign, value = part.partition("=")
        name = name.strip()
        if not sign or name not in BACKLOG:
            raise RefusedError(
                "the backlog is wrong",
                [FieldError("backlog", f"{part!r} is not one of {', '.join(BACKLOG)} and a value")],
            )
        entry[name] = value.strip()
    if "poll_interval" in entry:
        try:
            entry["poll_interval"] = float(entry["poll_interval"])
        except ValueError as error:
            raise RefusedError("the backlog is wrong", [FieldError("poll_interval", "must be seconds")]) from error
    return entry
