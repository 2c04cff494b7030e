"""collectd: what write_http posts (metrics, and notifications in Alertmanager's first form), and a notification as a
Python plugin has it.

A notification is one word of ``collectd/<what it is about>``; OKAY takes it back. Metrics are counted and not kept:
thresholds are collectd's to watch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from nfvigil.model.raw import Ignored, Item, RawEvent, Refusal
from nfvigil.model.severity import Severity
from nfvigil.southbound.formats.foreign import (
    TypeWord,
    document,
    host_named,
    kept,
    many,
    moment,
    options_of,
    short,
    text,
    texts,
    type_word,
)
from nfvigil.southbound.formats.shapes import MALFORMED

SEVERITIES: Mapping[str, Severity] = {
    "FAILURE": Severity.MAJOR,
    "WARNING": Severity.WARNING,
    "OKAY": Severity.CLEARED,
    "1": Severity.MAJOR,
    "2": Severity.WARNING,
    "4": Severity.CLEARED,
}
"""The words of write_http, and the numbers of the plugins' interface."""
_ALERTNAME = "collectd_"
_OWN_LABELS = frozenset({"alertname", "instance", "type", "severity", "service"})
_LINK = re.compile(r'link state .* changed to "?(UP|DOWN)"?', re.IGNORECASE | re.DOTALL)


class CollectdOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[formats.collectd]``."""

    types: dict[str, TypeWord] = {}
    """Plugin, or ``<plugin>_<type>``, to event type: ``ovs_events``, ``interface_if_octets``. All others are
    ``collectd.<plugin>_<type>``."""


class _Notification(msgspec.Struct, frozen=True, kw_only=True):
    """What both forms say."""

    host: str
    what: str
    """``<plugin>_<type>``."""
    plugin: str
    plugin_instance: str
    type_instance: str
    severity: str
    message: str
    time: object
    details: dict[str, Any]
    ves: dict[str, Any]


class CollectdFormat:
    """Plugin ``collectd``."""

    name = "collectd"

    def __init__(self, **options: Any) -> None:
        self.options = options_of(options, CollectdOptions)

    def decode(self, body: bytes) -> Sequence[Item]:
        given = document(body)
        items: list[Item] = []
        metrics: list[str] = []
        is_list = isinstance(given, list)
        for index, one in enumerate(many(given, "events") if is_list else [given]):
            path = f"[{index}]" if is_list else ""
            if isinstance(one, dict) and "values" in one and "labels" not in one:
                metrics.append(path)
            else:
                items.append(self._read(path, one))
        if metrics:
            reason = "are measurements: send notifications"
            items.append(Ignored(path=metrics[0], reason=reason, number=len(metrics), word="metric"))
        return items

    def _read(self, path: str, one: object) -> Item:
        if not isinstance(one, dict):
            return Refusal(errors=((path, "must be an object"),))
        if "labels" in one:
            said, prefix = _of_alert(one), f"{path}.labels." if path else "labels."
            names = (f"{prefix}instance", f"{prefix}alertname", f"{prefix}severity")
        elif "severity" in one or "plugin" in one:
            said, prefix = _of_plugin(one), f"{path}." if path else ""
            names = (f"{prefix}host", f"{prefix}plugin", f"{prefix}severity")
        else:
            return Refusal(errors=((path, "is neither a notification (labels) nor a measurement (values)"),))
        severity = SEVERITIES.get(said.severity.upper())
        errors = [
            (name, reason)
            for name, reason, is_wrong in zip(
                names,
                (
                    "is missing: it is the host",
                    "is missing: it says what it is about",
                    "must be FAILURE, WARNING or OKAY",
                ),
                (not said.host, not said.what, severity is None),
                strict=True,
            )
            if is_wrong
        ]
        if errors or severity is None:
            return Refusal(errors=tuple(errors))
        is_up = severity is Severity.CLEARED
        link = _LINK.search(said.message)
        if link is not None:
            # The severity of such a notification differs between versions; its words do not.
            is_up = link[1].upper() == "UP"
        if not is_up and severity is Severity.CLEARED:
            severity = Severity.MAJOR
        return RawEvent(
            path=path,
            type=self._type(said),
            time=moment(said.time),
            resource=host_named(said.host),
            status="up" if is_up else "down",
            severity=None if is_up else severity,
            source="collectd",
            cause=short(said.message or text(said.ves.get("eventName"))) or None,
            monitor=short(f"collectd/{said.what}/{said.plugin_instance}/{said.type_instance}"),
            monitor_event_id=short(text(said.time), 64) or None,
            happened_time=_happened(said.ves),
            details=said.details | {"plugin_instance": short(said.plugin_instance)},
        )

    def _type(self, said: _Notification) -> str:
        types = self.options.types
        mapped = types.get(said.what) or types.get(said.plugin)
        if mapped is None:
            # Without an instance of the plugin the alert does not say where its name ends.
            mapped = next((kind for name, kind in types.items() if said.what.startswith(f"{name}_")), None)
        return mapped or f"collectd.{type_word(said.what)}"


def _of_alert(one: dict[str, Any]) -> _Notification:
    labels, annotations = texts(one.get("labels")), texts(one.get("annotations"))
    what = labels.get("alertname", "").removeprefix(_ALERTNAME)
    plugin = next((name for name in labels if name not in _OWN_LABELS and what.startswith(f"{name}_")), "")
    return _Notification(
        host=labels.get("instance", "").strip(),
        what=what,
        plugin=plugin,
        plugin_instance=labels.get(plugin, ""),
        type_instance=labels.get("type", ""),
        severity=labels.get("severity", ""),
        message=annotations.get("summary", ""),
        time=one.get("startsAt") or None,
        details={"labels": kept(labels), "annotations": kept(annotations)},
        ves=_ves(annotations.get("ves")),
    )


def _of_plugin(one: dict[str, Any]) -> _Notification:
    plugin, kind = text(one.get("plugin")), text(one.get("type"))
    meta = one.get("meta")
    return _Notification(
        host=text(one.get("host")),
        what=f"{plugin}_{kind}".strip("_") if plugin else "",
        plugin=plugin,
        plugin_instance=text(one.get("plugin_instance")),
        type_instance=text(one.get("type_instance")),
        severity=text(one.get("severity")),
        message=text(one.get("message")),
        time=one.get("time") or None,
        details={"notification": kept(one)},
        ves=_ves(meta.get("ves") if isinstance(meta, dict) else None),
    )


def _ves(value: object) -> dict[str, Any]:
    """The event in ONAP's words that connectivity, procevent and sysevent put into an annotation, as text."""
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value.encode(errors="replace"))
        except MALFORMED:
            return {}
    return value if isinstance(value, dict) else {}


def _happened(ves: Mapping[str, Any]) -> float | None:
    """When it happened by the clock of the host itself."""
    start = ves.get("startEpochMicrosec")
    if isinstance(start, bool) or not isinstance(start, int | float):
        return None
    return start / 1e6 if 0 < start < 1e17 else None
