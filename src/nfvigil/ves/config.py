"""Reads a ``vesagent_config`` as ONAP's clients post it, and shows one without its secrets.

A wrong shape refuses the whole of it, with every wrong field's name. Whether an entry can be served is decided later,
for that entry alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from nfvigil.errors import FieldError, RefusedError
from nfvigil.model.ves import VesBacklog, VesConfig, VesEntry, VesSubscription
from nfvigil.model.ves_bodies import version_of
from nfvigil.ves.faults import DEFAULT, PRESETS, refused_states
from nfvigil.ves.pem import credential_errors

ROOT = "vesagent_config"
BACKLOGS_MAX = 1000
INTERVAL_MIN = 1.0
INTERVAL_MAX = 86_400.0
INTERVAL_DEFAULT = 10.0
NAME_MAX = 255
URL_MAX = 2000
SECRET_MAX = 1000
PEM_MAX = 64 * 1024
SECRETS = frozenset({"password", "client_key"})

_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_CONTROL_IN_PEM = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
"""The same without blanks and line ends. Half a character, as JSON may hold one, can be neither kept nor answered."""


def read_config(vim: str, document: object, *, now_us: int = 0, by: str = "") -> VesConfig:
    """``document`` is the decoded body, ``{"vesagent_config": {...}}``. RefusedError names all that is wrong in it."""
    errors: list[FieldError] = []
    root = _Fields(document, "", errors).only(ROOT)
    fields = _Fields(root.take(ROOT, dict, needed=True), ROOT, errors)
    config = VesConfig(
        vim=vim,
        ves_subscription=_subscription(fields.take("ves_subscription", dict, needed=True), errors),
        poll_interval_default=fields.interval("poll_interval_default") or INTERVAL_DEFAULT,
        backlogs=_entries(fields.take("backlogs", list), errors),
        faults=_faults(fields, errors),
        heartbeat_interval=fields.interval("heartbeat_interval", may_be_zero=True) or 0.0,
        changed_us=now_us,
        changed_by=by,
    )
    fields.only("ves_subscription", "poll_interval_default", "backlogs", "faults", "heartbeat_interval")
    if not errors and not config.backlogs and not config.heartbeat_interval:
        errors.append(FieldError(f"{ROOT}.backlogs", "has no entry, and there is no heartbeat_interval either"))
    if errors:
        raise RefusedError("the configuration of the VES agent is wrong", errors)
    return config


class _Fields:
    """An object of the document. Whatever is wrong with it is noted, and read as if it were not there."""

    def __init__(self, value: object, path: str, errors: list[FieldError]) -> None:
        self._path = path
        self._errors = errors
        self._value: Mapping[str, Any] = value if isinstance(value, dict) else {}
        if value is not None and not isinstance(value, dict):
            self.wrong("", "must be an object")

    def wrong(self, name: str, reason: str) -> None:
        self._errors.append(FieldError(".".join(filter(None, (self._path, name))) or "body", reason))

    def only(self, *known: str) -> _Fields:
        """Note whatever has another name: a field that is misspelt would be without effect in silence."""
        for name in self._value:
            if name not in known:
                shown = "".join(one if one.isprintable() else "?" for one in str(name)[:NAME_MAX])
                self.wrong(shown, f"there is no such field: there are {', '.join(known)}")
        return self

    def take(self, name: str, kind: type | tuple[type, ...], *, needed: bool = False) -> Any:
        """None where it is missing, null or of another kind."""
        value = self._value.get(name)
        if value is None:
            if needed:
                self.wrong(name, "is missing")
            return None
        if isinstance(value, kind) and not (kind is _NUMBER and isinstance(value, bool)):
            return value
        self.wrong(name, f"must be {_KINDS[kind]}")
        return None

    def text(self, name: str, *, max_length: int = NAME_MAX, needed: bool = False, is_pem: bool = False) -> str:
        value: str | None = self.take(name, str, needed=needed)
        if value is None:
            return ""
        if len(value) > max_length:
            self.wrong(name, f"must not be longer than {max_length} characters")
        elif (_CONTROL_IN_PEM if is_pem else _CONTROL).search(value):
            self.wrong(name, "must not have control characters")
        elif needed and not value:
            self.wrong(name, "must not be empty")
        else:
            return value
        return ""

    def interval(self, name: str, *, may_be_zero: bool = False) -> float | None:
        value: float | None = self.take(name, _NUMBER)
        if value is None or (may_be_zero and value == 0):
            return value
        if not INTERVAL_MIN <= value <= INTERVAL_MAX:  # NaN is not between them either
            self.wrong(name, f"must be {INTERVAL_MIN:g} to {INTERVAL_MAX:g} seconds")
            return None
        return float(value)


_NUMBER = (int, float)
_KINDS: Mapping[type | tuple[type, ...], str] = {dict: "an object", list: "a list", str: "a text", _NUMBER: "a number"}


def _subscription(value: object, errors: list[FieldError]) -> VesSubscription:
    path = f"{ROOT}.ves_subscription"
    fields = _Fields(value, path, errors).only(*VesSubscription.__struct_fields__)
    told = VesSubscription(
        endpoint=fields.text("endpoint", max_length=URL_MAX, needed=value is not None),
        username=fields.text("username"),
        password=fields.text("password", max_length=SECRET_MAX),
        ca=fields.text("ca", max_length=PEM_MAX, is_pem=True),
        client_cert=fields.text("client_cert", max_length=PEM_MAX, is_pem=True),
        client_key=fields.text("client_key", max_length=PEM_MAX, is_pem=True),
    )
    if told.endpoint:
        try:
            version_of(told.endpoint)
        except RefusedError as error:
            errors += [FieldError(f"{path}.{one.field}", one.reason) for one in error.errors]
    if ":" in told.username:
        fields.wrong("username", "must not have a colon: basic authentication cannot carry it")
    if told.password and not told.username:
        fields.wrong("username", "is missing, and there is a password")
    for name, reason in credential_errors(told):
        fields.wrong(name, reason)
    return told


def _entries(value: list[Any] | None, errors: list[FieldError]) -> tuple[VesEntry, ...]:
    if value is not None and len(value) > BACKLOGS_MAX:
        errors.append(FieldError(f"{ROOT}.backlogs", f"must not have more than {BACKLOGS_MAX} entries"))
        return ()
    return tuple(_entry(one, f"{ROOT}.backlogs[{number}]", errors) for number, one in enumerate(value or ()))


def _entry(value: object, path: str, errors: list[FieldError]) -> VesEntry:
    if value is None:
        errors.append(FieldError(path, "must be an object"))
    fields = _Fields(value, path, errors).only(*VesEntry.__struct_fields__)
    return VesEntry(
        domain=fields.text("domain"),
        type=fields.text("type"),
        tenant=fields.text("tenant"),
        tenantid=fields.text("tenantid"),
        source=fields.text("source"),
        sourceid=fields.text("sourceid"),
        poll_interval=fields.interval("poll_interval"),
    )


def _faults(fields: _Fields, errors: list[FieldError]) -> str | tuple[str, ...]:
    value = fields.take("faults", object)
    if value is None or value in PRESETS:
        return value or DEFAULT
    if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
        fields.wrong("faults", f"must be one of {', '.join(PRESETS)}, or a list of the states that are faults")
        return DEFAULT
    for state, reason in refused_states(value).items():
        fields.wrong("faults", f"{state[:NAME_MAX]!r} {reason}")
    return tuple(dict.fromkeys(value))


def config_document(config: VesConfig) -> dict[str, Any]:
    """What is shown of it: everything but its secrets."""
    shown: dict[str, Any] = msgspec.to_builtins(config)
    for name in ("vim", "changed_us", "changed_by"):
        shown.pop(name, None)
    subscription = {name: value for name, value in shown["ves_subscription"].items() if name not in SECRETS}
    return shown | {
        "ves_subscription": subscription,
        "poll_interval_default": config.poll_interval_default,
        "backlogs": [entry_document(one) for one in config.backlogs],
        "faults": config.faults if isinstance(config.faults, str) else list(config.faults),
    }


def entry_document(entry: VesEntry) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(entry)
    return shown


def backlog_document(backlog: VesBacklog) -> dict[str, Any]:
    """All of its fields, as ONAP shows them: its clients do not look whether one is there."""
    return {name: getattr(backlog, name) for name in VesBacklog.__struct_fields__}
