"""One raw event into an event of ours, or everything that is wrong with it. Pure: no clock, no I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import tzinfo
from math import isfinite
from typing import Any

from nfvigil.inspector.internal import OURS
from nfvigil.model.event import Event, Flag, Status
from nfvigil.model.raw import RawEvent
from nfvigil.model.resource import Kind
from nfvigil.model.severity import Severity, severity_of
from nfvigil.model.times import SECOND, parse
from nfvigil.southbound.limits import Limits
from nfvigil.southbound.words import status_of

Errors = list[tuple[str, str]]

_TYPE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,254}")
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f]")
_NAME_MAX = 255
_INT_MAX = (1 << 63) - 1
_LEAD_MAX = 10 * 365 * 86_400
_ERRORS_MAX = 50
"""Faults noted inside the details of one event: an answer must not be larger than what it answers."""
_KINDS = frozenset(Kind)

_WORDS = {
    "resource": "resource",
    "status": "status",
    "severity": "severity",
    "source": "source",
    "cause": "cause",
    "monitor": "monitor",
    "monitor_id": "monitor",
    "monitorID": "monitor",
    "monitor_event_id": "monitor_event_id",
    "monitorEventID": "monitor_event_id",
    "related_to": "related_to",
    "relatedto": "related_to",
    "relatedTo": "related_to",
    "lead_time_seconds": "lead_time_seconds",
    "happened_time": "happened_time",
}
"""Details that are fields of ours, in all of Doctor's spellings. The first one that is there counts."""

_NAMES = {
    "server_id": Kind.SERVER,
    "instance_id": Kind.SERVER,
    "port_id": Kind.PORT,
    "volume_id": Kind.VOLUME,
    "network_id": Kind.NETWORK,
    "switch": Kind.SWITCH,
    "pdu": Kind.PDU,
    "rack": Kind.RACK,
    "hostname": Kind.HOST,
}
"""Details that name the resource, the most specific first."""


_TEXTS = ("source", "cause", "monitor", "monitor_event_id")


class _Places:
    """Where in the message a field of ours came from, for telling what is wrong with it."""

    __slots__ = ("_places", "_prefix")

    def __init__(self, prefix: str, places: Mapping[str, str]) -> None:
        self._prefix = prefix
        self._places = places

    def __call__(self, name: str) -> str:
        return self._prefix + self._places.get(name, name)


class Normaliser:
    """``zone`` is where naive times are read; ``ids`` gives each good event its number."""

    def __init__(self, *, ids: Callable[[], int], zone: tzinfo, limits: Limits) -> None:
        self._ids = ids
        self._zone = zone
        self._limits = limits
        self._future_us = int(limits.future_seconds * SECOND)
        self._stale_us = int(limits.stale_seconds * SECOND)

    def __call__(self, raw: RawEvent, now_us: int, door: str, sender: str = "") -> Event | Errors:
        errors: Errors = list(raw.errors)
        prefix = f"{raw.path}." if raw.path else ""
        found = {
            "resource": raw.resource,
            "status": raw.status,
            "severity": raw.severity,
            "source": raw.source,
            "cause": raw.cause,
            "monitor": raw.monitor,
            "monitor_event_id": raw.monitor_event_id,
            "related_to": raw.related_to,
            "lead_time_seconds": raw.lead_time_seconds,
            "happened_time": raw.happened_time,
        }
        details, places = self._lift(raw.details, found, prefix, errors)
        kind = raw.type
        if not isinstance(kind, str) or not _TYPE.fullmatch(kind):
            kind = ""
            errors.append((f"{prefix}type", _type_flaw(raw.type)))
        elif kind.startswith(OURS):
            errors.append((f"{prefix}type", f"begins with {OURS}: that is what NFVigil says itself"))
        resource = self._resource(found, details, kind, prefix, places, errors)
        flags: tuple[Flag, ...] = ()
        time_us = now_us
        if raw.time is None:
            flags = (Flag.NO_TIME,)
        else:
            time_us, flags = self._time(raw.time, now_us, details, prefix, errors)

        field = _Places(prefix, places)
        status = _status(found["status"], field, errors)
        severity = _severity(found["severity"], field, errors)
        if found["status"] is None and severity is Severity.CLEARED:
            status = Status.UP
        source, cause, monitor, monitor_event_id = [self._word(found[name], name, field, errors) for name in _TEXTS]
        related = () if found["related_to"] is None else self._related(found["related_to"], field, errors)
        lead = None if found["lead_time_seconds"] is None else _lead(found["lead_time_seconds"], field, errors)
        happened = None if found["happened_time"] is None else self._happened(found, now_us, details, field, errors)
        if errors:
            return errors
        return Event(
            id=self._ids(),
            type=kind,
            resource=resource,
            time_us=time_us,
            received_us=now_us,
            status=status,
            severity=severity,
            source=source,
            cause=cause,
            monitor=monitor,
            monitor_event_id=monitor_event_id,
            related_to=related,
            lead_time_seconds=lead,
            happened_us=happened,
            flags=flags,
            door=door,
            sender=sender,
            details=details,
        )

    def _lift(
        self, given: Mapping[str, object], found: dict[str, object], prefix: str, errors: Errors
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """Move the words that we know from the details to ``found``; check the rest and return it."""
        rest: dict[str, Any] = {}
        places: dict[str, str] = {}
        budget = self._limits.details_max
        for key, value in given.items():
            word = _WORDS.get(key)
            if word is not None and (value is None or found[word] is None):
                if value is not None:
                    found[word] = value
                    places[word] = f"details.{key}"
                continue
            if type(value) is str and len(value) <= 255 and value.isascii() and "\0" not in value:
                budget -= 1
            else:
                budget = self._checked(value, f"{prefix}details.{key}", 1, budget, errors)
            if type(key) is not str or len(key) > 255 or not _is_sound(key):
                errors.append((f"{prefix}details", "holds a key that is too long or no text"))
                continue
            rest[key] = value
            if budget < 0 or len(errors) > _ERRORS_MAX:
                flaw = f"more than {self._limits.details_max} values" if budget < 0 else "too much that is wrong"
                errors.append((f"{prefix}details", f"holds {flaw}"))
                break
        return rest, places

    def _checked(self, value: object, field: str, depth: int, budget: int, errors: Errors) -> int:
        """Note what is wrong inside a value of the details; returns how many more there may be."""
        budget -= 1
        if budget < 0:
            return budget
        if value is None or isinstance(value, bool):
            return budget
        if isinstance(value, str):
            self._text(value, field, errors, stripped=False)
        elif isinstance(value, int):
            if not -_INT_MAX <= value <= _INT_MAX:
                errors.append((_short(field), "is a number of more than 64 bits"))
        elif isinstance(value, float):
            if not isfinite(value):
                errors.append((_short(field), "is no finite number"))
        elif depth >= self._limits.depth_max:
            errors.append((_short(field), f"is nested more than {self._limits.depth_max} levels deep"))
        elif isinstance(value, list | tuple):
            for index, item in enumerate(value):
                budget = self._checked(item, f"{field}[{index}]", depth + 1, budget, errors)
                if budget < 0 or len(errors) > _ERRORS_MAX:
                    break
        elif isinstance(value, dict):
            for key, item in value.items():
                if not isinstance(key, str) or len(key) > 255 or not _is_sound(key):
                    errors.append((_short(field), "holds a key that is too long or no text"))
                else:
                    budget = self._checked(item, f"{field}.{key}", depth + 1, budget, errors)
                if budget < 0 or len(errors) > _ERRORS_MAX:
                    break
        else:
            errors.append((_short(field), f"is of a type that JSON does not have ({type(value).__name__})"))
        return budget

    def _word(self, value: object, name: str, field: _Places, errors: Errors) -> str:
        if value is None:
            return ""
        if type(value) is str and len(value) <= 255 and value.isascii() and "\0" not in value:
            return value.strip()
        return self._text(value, field(name), errors)

    def _text(self, value: object, field: str, errors: Errors, *, stripped: bool = True) -> str:
        if isinstance(value, int) and not isinstance(value, bool) and -_INT_MAX <= value <= _INT_MAX:
            return str(value)
        if not isinstance(value, str):
            errors.append((_short(field), f"must be text, not {_named(value)}"))
            return ""
        if len(value) > self._limits.text_max:
            reason = f"must be at most {self._limits.text_max} characters, not {len(value)}"
            errors.append((_short(field), reason))
            return ""
        if not _is_sound(value):
            errors.append((_short(field), "holds a NUL or half of a surrogate pair"))
            return ""
        return value.strip() if stripped else value

    def _resource(
        self,
        found: Mapping[str, object],
        details: dict[str, Any],
        kind: str,
        prefix: str,
        places: Mapping[str, str],
        errors: Errors,
    ) -> str:
        """The key of what the event is about; the detail that named it is taken out of the details."""
        given = found["resource"]
        if given is not None:
            return self._key(given, prefix + places.get("resource", "resource"), errors)
        # An event about a host may mention a port or a server that it noticed the fault by: the type decides.
        if kind.startswith("compute.host") and details.get("hostname") is not None:
            return self._named("host", details.pop("hostname"), f"{prefix}details.hostname", errors)
        for name, of_kind in _NAMES.items():
            if details.get(name) is not None:
                return self._named(of_kind, details.pop(name), f"{prefix}details.{name}", errors)
        errors.append((f"{prefix}details.hostname", "is missing: name the resource here or in 'resource'"))
        return ""

    def _key(self, given: object, field: str, errors: Errors) -> str:
        if isinstance(given, dict):
            kind, name = given.get("kind"), given.get("id")
        elif isinstance(given, str):
            kind, _, name = given.strip().partition("/")
        else:
            errors.append((field, 'must be "kind/id" or {"kind": .., "id": ..}'))
            return ""
        if not isinstance(kind, str) or kind not in _KINDS:
            errors.append((field, f"must begin with one of {', '.join(Kind)} and a slash"))
            return ""
        return self._named(kind, name, field, errors)

    def _named(self, kind: str, name: object, field: str, errors: Errors) -> str:
        if isinstance(name, str):
            name = name.strip()
            if 0 < len(name) <= _NAME_MAX and not _UNPRINTABLE.search(name) and _is_sound(name):
                return f"{kind}/{name}"
        reason = f"must be a name of 1 to {_NAME_MAX} characters without spaces"
        errors.append((field, reason if isinstance(name, str) else f"must be text, not {_named(name)}"))
        return ""

    def _time(
        self, given: object, now_us: int, details: dict[str, Any], prefix: str, errors: Errors
    ) -> tuple[int, tuple[Flag, ...]]:
        """When it was observed, if that is to be believed; else now, and what was claimed goes into the details."""
        read = self._moment(given, f"{prefix}time", errors)
        if read is None:
            return now_us, ()
        time_us, zoned = read
        flags: tuple[Flag, ...] = () if zoned else (Flag.NAIVE_TIME,)
        if time_us > now_us + self._future_us:
            flags += (Flag.FUTURE_TIME,)
        elif time_us < now_us - self._stale_us:
            flags += (Flag.STALE_TIME,)
        else:
            return time_us, flags
        details["claimed_time"] = given
        return now_us, flags

    def _happened(
        self,
        found: Mapping[str, object],
        now_us: int,
        details: dict[str, Any],
        field: _Places,
        errors: Errors,
    ) -> int | None:
        read = self._moment(found["happened_time"], field("happened_time"), errors)
        if read is None:
            return None
        if now_us - self._stale_us <= read[0] <= now_us + self._future_us:
            return read[0]
        details["claimed_happened_time"] = found["happened_time"]
        return None

    def _moment(self, given: object, field: str, errors: Errors) -> tuple[int, bool] | None:
        """(microseconds, whether the zone is known) of ISO 8601 or of seconds since 1970."""
        if isinstance(given, str) and len(given) <= 64:
            try:
                return parse(given, self._zone)
            except (ValueError, OverflowError):
                errors.append((field, "is no ISO 8601 time such as 2026-01-02T03:04:05.678Z"))
                return None
        if isinstance(given, int | float) and not isinstance(given, bool):
            if 0 <= given < 1e11:  # NaN is not, and an integer without end has no float to be asked about
                return round(given * SECOND), True
            errors.append((field, "is no number of seconds since 1970"))
            return None
        errors.append((field, f"must be an ISO 8601 time or seconds since 1970, not {_named(given)}"))
        return None

    def _related(self, given: object, field: _Places, errors: Errors) -> tuple[str, ...]:
        items = [given] if isinstance(given, str | int) else given
        if not isinstance(items, list | tuple):
            errors.append((field("related_to"), f"must be a list of ids, not {_named(given)}"))
            return ()
        if len(items) > 100:
            errors.append((field("related_to"), f"must be at most 100 ids, not {len(items)}"))
            return ()
        place = field("related_to")
        return tuple([self._text(item, f"{place}[{index}]", errors) for index, item in enumerate(items)])


def _status(given: object, field: _Places, errors: Errors) -> Status:
    if given is None:
        return Status.DOWN
    if not isinstance(given, str):
        errors.append((field("status"), f"must be text, not {_named(given)}"))
        return Status.UNKNOWN
    status = status_of(given)
    if status is None:
        errors.append((field("status"), "must be down, up or unknown, or a word that means one of them"))
        return Status.UNKNOWN
    return status


def _severity(given: object, field: _Places, errors: Errors) -> Severity | None:
    if given is None:
        return None
    severity = severity_of(given) if isinstance(given, str | int) and not isinstance(given, bool) else None
    if severity is None:
        errors.append((field("severity"), f"must be one of {', '.join(Severity)}, or a number from 0 to 5"))
    return severity


def _lead(given: object, field: _Places, errors: Errors) -> float | None:
    if isinstance(given, int | float) and not isinstance(given, bool) and 0 <= given <= _LEAD_MAX:
        return float(given)
    errors.append((field("lead_time_seconds"), f"must be a number of seconds from 0 to {_LEAD_MAX}"))
    return None


def _type_flaw(given: object) -> str:
    if given is None:
        return "is missing"
    if not isinstance(given, str):
        return f"must be text, not {_named(given)}"
    return "must be a dotted word such as compute.host.down, of at most 255 letters, digits and _ . : -"


def _is_sound(text: str) -> bool:
    """No NUL (databases refuse it) and nothing that UTF-8 cannot say."""
    if "\0" in text:
        return False
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _short(field: str) -> str:
    """A path fit to be shown: keys are the sender's, and may be long or broken."""
    sound = field.encode(errors="replace").decode().replace("\0", "?")
    return sound if len(sound) <= 200 else f"{sound[:197]}..."


_JSON_NAMES = {dict: "an object", list: "a list", str: "text", bool: "a boolean", int: "a number", float: "a number"}


def _named(value: object) -> str:
    return "null" if value is None else _JSON_NAMES.get(type(value), type(value).__name__)
