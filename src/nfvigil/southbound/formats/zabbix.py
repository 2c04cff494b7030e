"""A webhook media type of Zabbix: a problem, its recovery, or an update of it.

What stands in such a message is what the operator configured; these are the parameters that are read, all of them
text: ``event_source``, ``event_value`` (1 problem, 0 recovery), ``event_update_status`` (1: an acknowledgement or a
comment), ``event_id``, ``event_name``, ``event_nseverity``, ``event_tags``, ``host_host``, ``host_name``.

A recovery carries the id of its problem, and takes back that problem only: the monitor is ``zabbix/<event_id>``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from nfvigil.model.raw import Ignored, Item, RawEvent, Refusal
from nfvigil.model.severity import Severity
from nfvigil.southbound.formats.foreign import (
    TypeWord,
    as_object,
    document,
    first,
    host_named,
    kept,
    moment,
    number,
    options_of,
    short,
    text,
    type_word,
)
from nfvigil.southbound.formats.shapes import MALFORMED

SEVERITIES = {
    0: Severity.INDETERMINATE,
    1: Severity.INDETERMINATE,
    2: Severity.WARNING,
    3: Severity.MINOR,
    4: Severity.MAJOR,
    5: Severity.CRITICAL,
}
"""``event_nseverity``: not classified, information, warning, average, high, disaster."""
VALUES = {"1": "down", "0": "up"}
SOURCES = {"1": "discovery", "2": "autoregistration", "3": "an internal event", "4": "a service"}
"""Events of these are not about a host's trigger."""
_MACRO = re.compile(r"\{[A-Z0-9_.$#<>]+\}|\*UNKNOWN\*")
_DATE = re.compile(r"(\d{4})\.(\d{2})\.(\d{2})")


class ZabbixOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[formats.zabbix]``."""

    host_fields: tuple[str, ...] = ("host_host", "host_name", "host", "hostname")
    """Which parameter names the host; the first one that says something."""
    type_tag: str = "nfvigil_type"
    """A tag of the problem that names the event's type, such as ``compute.host.down``."""
    resource_tag: str = "nfvigil_resource"
    """A tag that names the resource in our own form, ``switch/leaf-1``."""
    types: dict[str, TypeWord] = {}
    """Trigger id or name of the problem to event type. All others are ``zabbix.<name of the problem>``."""


class ZabbixFormat:
    """Plugin ``zabbix``."""

    name = "zabbix"

    def __init__(self, **options: Any) -> None:
        self.options = options_of(options, ZabbixOptions)

    def decode(self, body: bytes) -> Sequence[Item]:
        given = as_object(document(body), "a message of Zabbix's")
        fields = {key: text(value) for key, value in given.items()}
        # A macro that Zabbix could not fill in stands there as it is.
        fields = {key: value for key, value in fields.items() if not _MACRO.fullmatch(value)}
        return [self._read(fields, given)]

    def _read(self, fields: dict[str, str], given: dict[str, Any]) -> Item:
        source = SOURCES.get(fields.get("event_source", "0"))
        if source is not None:
            return Ignored(path="event_source", reason=f"is {source}: no problem of a host")
        if fields.get("event_update_status") == "1":
            # Also where the update closes it: then the recovery comes as well.
            return Ignored(path="event_update_status", reason="an update of a problem is no news of it")
        errors: list[tuple[str, str]] = []
        status = VALUES.get(fields.get("event_value", ""))
        if status is None:
            errors.append(("event_value", "must be 1 (problem) or 0 (recovery)"))
        event_id = fields.get("event_id", "")
        if not event_id:
            errors.append(("event_id", "is missing: by it a recovery finds its problem"))
        tags = _tags(given.get("event_tags"))
        host = first(fields, self.options.host_fields)
        own = tags.get(self.options.resource_tag)
        if not host and not own:
            errors.append((self.options.host_fields[0], "is missing: name the host here"))
        if errors:
            return Refusal(errors=tuple(errors))
        name = fields.get("event_name", "")
        kind = (
            tags.get(self.options.type_tag)
            or self.options.types.get(fields.get("trigger_id", ""))
            or self.options.types.get(name)
            or f"zabbix.{type_word(name)}"
        )
        severity = SEVERITIES.get(number(fields.get("event_nseverity")) or 0)
        is_down = status == "down"
        return RawEvent(
            type=kind,
            time=moment(_time(fields, "event" if is_down else "event_recovery")),
            resource=own or host_named(host),
            status=status,
            severity=severity if is_down and "event_nseverity" in fields else None,
            source="zabbix",
            cause=short(name) or None,
            monitor=f"zabbix/{short(event_id, 64)}",
            monitor_event_id=short(event_id, 64),
            details={"zabbix": kept(fields), "tags": kept(tags)},
        )


def _tags(value: object) -> dict[str, str]:
    """``[{"tag": .., "value": ..}]``, usually as text that holds it."""
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value.encode(errors="replace"))
        except MALFORMED:
            return {}
    if not isinstance(value, list):
        return {}
    pairs = [(text(one.get("tag")), text(one.get("value"))) for one in value if isinstance(one, dict)]
    return {tag: word for tag, word in pairs if tag}


def _time(fields: dict[str, str], of: str) -> str | None:
    """``2023.11.14`` and ``22:13:20`` in the zone of the Zabbix server, which ``intake.zone`` should be; None where
    it is not written that way.
    """
    day = _DATE.fullmatch(fields.get(f"{of}_date", ""))
    clock = fields.get(f"{of}_time", "")
    return f"{'-'.join(day.groups())}T{clock}" if day and re.fullmatch(r"\d\d:\d\d:\d\d", clock) else None
