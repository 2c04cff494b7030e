"""Icinga 2: objects of its event stream, one or a list or one a line, and the JSON of a notification script.

    {"type": "StateChange", "host": "compute-1", "service": "link eno2", "state": 2, "state_type": 1, ...}
    {"notification_type": "PROBLEM", "host_name": "compute-1", "service_name": "", "state": "DOWN", "output": "..."}

Only hard states count, and none that begins in a downtime; that something is well again always counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from nfvigil.model.raw import Ignored, Item, RawEvent, Refusal
from nfvigil.model.severity import Severity
from nfvigil.southbound.formats.foreign import (
    TypeWord,
    document,
    each,
    first,
    host_named,
    kept,
    many,
    moment,
    number,
    options_of,
    short,
    text,
    type_word,
)

HOST_STATES: dict[str, tuple[str, Severity | None]] = {
    "0": ("up", None),
    "UP": ("up", None),
    "1": ("down", Severity.CRITICAL),
    "DOWN": ("down", Severity.CRITICAL),
    "UNREACHABLE": ("unknown", None),
}
SERVICE_STATES: dict[str, tuple[str, Severity | None]] = {
    "0": ("up", None),
    "OK": ("up", None),
    "1": ("down", Severity.WARNING),
    "WARNING": ("down", Severity.WARNING),
    "2": ("down", Severity.CRITICAL),
    "CRITICAL": ("down", Severity.CRITICAL),
    "3": ("unknown", None),
    "UNKNOWN": ("unknown", None),
}
"""A check that could not look says neither that a fault is there nor that it is over."""
NEWS = frozenset({"StateChange", "Notification"})
NOTIFICATIONS = {"PROBLEM": None, "RECOVERY": ("up", None), "CUSTOM": None}
"""Of these a notification is news of a state; the others are about downtimes, acknowledgements and flapping."""
HARD = 1


class Icinga2Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[formats.icinga2]``."""

    host_type: TypeWord = "icinga.host"
    """The type of an event about a host's own check."""
    types: dict[str, TypeWord] = {}
    """Name of a service to event type. All others are ``icinga.<service>``."""


class Icinga2Format:
    """Plugin ``icinga2``."""

    name = "icinga2"

    def __init__(self, **options: Any) -> None:
        self.options = options_of(options, Icinga2Options)

    def decode(self, body: bytes) -> Sequence[Item]:
        lines = [line for line in body.splitlines() if line.strip()]
        if len(lines) > 1 and all(line.lstrip()[:1] == b"{" and line.rstrip()[-1:] == b"}" for line in lines):
            return each(
                ((f"[{index}]", document(line)) for index, line in enumerate(many(lines, "events"))), self._read
            )
        given = document(body)
        if isinstance(given, list):
            return each(((f"[{index}]", one) for index, one in enumerate(many(given, "events"))), self._read)
        return each([("", given)], self._read)

    def _read(self, path: str, one: dict[str, Any]) -> Item:
        prefix = f"{path}." if path else ""
        kind = text(one.get("type"))
        notified = text(one.get("notification_type")).upper()
        if kind and kind not in NEWS and not notified:
            return Ignored(path=path, reason=f"{short(kind, 100)} is no news of a state")
        if notified and notified not in NOTIFICATIONS:
            return Ignored(path=path, reason=f"{short(notified, 100)} is no news of a state")
        host = first({name: text(one.get(name)) for name in ("host", "host_name")}, ("host", "host_name"))
        service = text(one.get("service")) or text(one.get("service_name"))
        found = (NOTIFICATIONS.get(notified) if notified else None) or self._state(one, bool(service))
        errors: list[tuple[str, str]] = []
        if not host:
            errors.append((f"{prefix}host", "is missing"))
        if found is None:
            errors.append((f"{prefix}state", f"must be one of {', '.join(SERVICE_STATES if service else HOST_STATES)}"))
        if errors or found is None:
            return Refusal(errors=tuple(errors))
        status, severity = found
        if status != "up":
            state_type = number(one.get("state_type"))
            if text(one.get("state_type")).upper() == "SOFT" or (state_type is not None and state_type != HARD):
                return Ignored(path=f"{prefix}state_type", reason="is soft: it is checked again first")
            if (number(one.get("downtime_depth")) or 0) > 0:
                return Ignored(path=f"{prefix}downtime_depth", reason="it is in a downtime")
        time = one.get("timestamp") or one.get("time") or None
        check = one.get("check_result")
        output = text(check.get("output")) if isinstance(check, dict) else text(one.get("output"))
        return RawEvent(
            path=path,
            type=self.options.types.get(service, f"icinga.{type_word(service)}") if service else self.options.host_type,
            time=moment(time),
            resource=host_named(host),
            status=status,
            severity=severity,
            source="icinga2",
            cause=short(output) or None,
            monitor=short(f"icinga/{service}" if service else "icinga"),
            monitor_event_id=short(text(time), 64) or None,
            details={"icinga": kept({**one, "check_result": {"output": output}})},
        )

    def _state(self, one: dict[str, Any], is_service: bool) -> tuple[str, Severity | None] | None:
        state = one.get("state")
        check = one.get("check_result")
        if state is None and is_service and isinstance(check, dict):
            state = check.get("state")  # of a host this is the plugin's state, which is another scale
        if state is None and not is_service and text(one.get("notification_type")).upper() == "PROBLEM":
            state = "DOWN"  # of nothing else a host's problem is told
        whole = number(state)
        word = text(state).upper() if whole is None else str(whole)
        return (SERVICE_STATES if is_service else HOST_STATES).get(word)
