"""Prometheus Alertmanager's webhook, version 4: each alert by its own status, never by its group's.

    {"version": "4", "receiver": "nfvigil", "truncatedAlerts": 0, "alerts": [{"status": "firing",
      "labels": {"alertname": "HostDown", "instance": "compute-1:9100", "severity": "critical"},
      "startsAt": "...", "endsAt": "...", "fingerprint": "1a30ba71cca2921f"}]}

An alert is one word of one monitor, ``alertmanager/<receiver>/<fingerprint>``: so it is taken back by its own end, and
not by that of another one of the same name. Peers of a cluster send the same alert with the same fingerprint.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from nfvigil.model.raw import Ignored, Item, RawEvent, Refusal
from nfvigil.model.resource import Kind
from nfvigil.model.severity import Severity, severity_of
from nfvigil.southbound.formats.foreign import (
    TypeWord,
    as_object,
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
    texts,
    type_word,
    without_port,
)

MONITOR = "alertmanager"
STATUSES = {"firing": "down", "resolved": "up"}
WORDS = {
    "page": Severity.CRITICAL,
    "disaster": Severity.CRITICAL,
    "medium": Severity.MINOR,
    "notice": Severity.INDETERMINATE,
    "informational": Severity.INDETERMINATE,
    "none": Severity.INDETERMINATE,
}
"""Severities that alerting rules are written with, beside those that intake knows."""

Positive = Annotated[float, Meta(gt=0, le=86_400)]


class AlertmanagerOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[formats.alertmanager]``."""

    host_labels: tuple[str, ...] = ("hypervisor", "nodename", "hostname", "node", "host", "instance")
    """Which label names the host; the first one that an alert has. A port behind the name is taken off."""
    server_labels: tuple[str, ...] = ("server_id", "instance_id", "vm_id")
    """Which label names a server by its id; before the host's, but for types that begin with ``compute.host``."""
    resource_label: str = "nfvigil_resource"
    """A label that names the resource in our own form, ``switch/leaf-1``; before all others."""
    type_label: str = ""
    """A label that names the event's type; before ``types``. None by itself: an alert has the labels of what was
    measured, so whoever runs an exporter, a tenant as well, could make any of its alerts the death of any host."""
    types: dict[str, TypeWord] = {}
    """``alertname`` to event type. All others are ``prometheus.<alertname>``."""
    severity_label: str = "severity"
    severities: dict[str, Severity] = {}
    """The label's words to severities, beside those that are known."""
    ignored: tuple[str, ...] = ("Watchdog", "InfoInhibitor")
    """Alerts by name that are no faults."""
    api_url: str = ""
    """Where Alertmanager's API is. With it, what it has is compared with what we know every ``poll_seconds``."""
    api_token_file: str = ""
    """A file with the token for that, sent as ``Authorization: Bearer``."""
    receiver: str = ""
    """The name of the receiver that sends to us, needed with ``api_url``: of the alerts there, only its are ours."""
    poll_seconds: Positive = 30.0
    settle_seconds: Annotated[float, Meta(ge=0, le=86_400)] = 300.0
    """An Alertmanager that began to run later than this ago has not been told of all alerts yet: nothing is cleared."""


class AlertmanagerFormat:
    """Plugin ``alertmanager``."""

    name = "alertmanager"

    def __init__(self, **options: Any) -> None:
        self.options = options_of(options, AlertmanagerOptions)

    def decode(self, body: bytes) -> Sequence[Item]:
        message = as_object(document(body), "a message of Alertmanager's")
        alerts = many(message.get("alerts"), "alerts")
        receiver = text(message.get("receiver"))
        paths = ((f"alerts[{index}]", alert) for index, alert in enumerate(alerts))
        items = each(paths, lambda path, alert: self.read(path, alert, receiver))
        left_out = number(message.get("truncatedAlerts"))
        if left_out:
            reason = "alerts were left out of the message: raise max_alerts, or give api_url"
            items.append(Ignored(path="truncatedAlerts", reason=reason, number=max(1, left_out), word="truncated"))
        return items

    def read(self, path: str, alert: dict[str, Any], receiver: str) -> Item:
        """One alert of a message, or of the API where it has a ``status`` of the webhook's."""
        labels = texts(alert.get("labels"))
        given = text(alert.get("status"))
        status = STATUSES.get(given)
        if status is None:
            return Refusal(errors=((f"{path}.status", f"must be one of {', '.join(STATUSES)}"),))
        name = labels.get("alertname", "")
        if not name.strip():
            return Refusal(errors=((f"{path}.labels.alertname", "is missing: it is what the alert is called"),))
        if name in self.options.ignored:
            return Ignored(path=path, reason=f"{short(name, 100)} is no fault")
        told = labels.get(self.options.type_label) if self.options.type_label else None
        kind = told or self.options.types.get(name) or f"prometheus.{type_word(name)}"
        resource = self._resource(labels, kind)
        if resource is None:
            wanted = ", ".join((self.options.resource_label, *self.options.server_labels, *self.options.host_labels))
            return Refusal(errors=((f"{path}.labels", f"name no resource: one of {wanted} is wanted"),))
        annotations = texts(alert.get("annotations"))
        starts = text(alert.get("startsAt"))
        return RawEvent(
            path=path,
            type=kind,
            time=moment(alert.get("endsAt") if status == "up" else starts),
            resource=resource,
            status=status,
            severity=None if status == "up" else self._severity(labels),
            source=short(receiver, 200) or None,
            cause=short(first(annotations, ("summary", "description", "message"))) or None,
            monitor=monitor_of(receiver, fingerprint_of(alert)),
            monitor_event_id=short(starts, 64),
            details={
                "alertname": short(name),
                "labels": kept(labels),
                "annotations": kept(annotations),
                "generatorURL": short(text(alert.get("generatorURL"))),
            },
        )

    def _resource(self, labels: dict[str, str], kind: str) -> object:
        own = labels.get(self.options.resource_label)
        if own:
            return own
        server = first(labels, self.options.server_labels).strip()
        host = without_port(first(labels, self.options.host_labels))
        if server and not (host and kind.startswith("compute.host")):
            return {"kind": Kind.SERVER, "id": server}
        return host_named(host) if host else None

    def _severity(self, labels: dict[str, str]) -> Severity | None:
        """None where the label is missing or says nothing that is known: then it is the fault type's."""
        word = labels.get(self.options.severity_label, "").strip()
        found = self.options.severities.get(word) or WORDS.get(word.lower()) or severity_of(word)
        # An alert that fires is no clear, whatever it is labelled with.
        return Severity.INDETERMINATE if found is Severity.CLEARED else found


def monitor_of(receiver: str, fingerprint: str) -> str:
    return f"{MONITOR}/{short(receiver, 200)}/{fingerprint}"


def fingerprint_of(alert: dict[str, Any]) -> str:
    """As it came; where it did not, one that follows from the labels."""
    given = text(alert.get("fingerprint"))
    if given:
        return short(given, 64)
    pairs = sorted(texts(alert.get("labels")).items())
    return blake2b(repr(pairs).encode(errors="replace"), digest_size=8).hexdigest()
