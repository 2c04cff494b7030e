"""Masakari's ``POST /v1/notifications``: what one notification says, and which events that makes.

    {"notification": {"type": "COMPUTE_HOST", "hostname": "compute-1", "generated_time": "2026-01-02 03:04:05",
      "payload": {"event": "STOPPED", "host_status": "NORMAL", "cluster_status": "OFFLINE"}}}

``host_status`` NORMAL means that the monitor is sure, not that the host is well. Only then STOPPED is a host that is
down; else it is a suspicion, which is told and for which nothing is fenced or evacuated.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from nfvigil.errors import FieldError, RefusedError
from nfvigil.model.instance_ha import RECORD, Meaning, NotificationType
from nfvigil.model.raw import RawEvent
from nfvigil.model.resource import Kind
from nfvigil.model.severity import Severity
from nfvigil.southbound.formats.foreign import document, kept, short

HOST_DOWN = "compute.host.down"
SUSPECTED = "compute.hypervisor.unreachable"
PROCESS_DOWN = "compute.hypervisor.degraded"
SERVER_ERROR = "compute.instance.error"
SERVER_STOPPED = "compute.instance.stopped"

EVENTS = ("STARTED", "STOPPED")
HOST_STATUSES = ("NORMAL", "UNKNOWN")
CLUSTER_STATUSES = ("ONLINE", "OFFLINE")
VM_EVENTS = (
    "LIFECYCLE",
    "REBOOT",
    "WATCHDOG",
    "IO_ERROR",
    "IO_ERROR_REASON",
    "CONTROL_ERROR",
    "QEMU_GUEST_AGENT_ERROR",
)
WELL = ("STARTED", "RESUMED")
STOPPED = ("STOPPED_SHUTDOWN", "STOPPED_DESTROYED", "SHUTDOWN")
"""Somebody stopped it, perhaps its owner: libvirt says the same of both."""
BROKEN = (
    "STOPPED_FAILED",
    "STOPPED_CRASHED",
    "CRASHED",
    "SUSPENDED_WATCHDOG",
    "SUSPENDED_IOERROR",
    "SUSPENDED_API_ERROR",
)


class HaNotification(msgspec.Struct, frozen=True, kw_only=True):
    """One notification, checked."""

    type: NotificationType
    hostname: str
    generated_time: str
    payload: dict[str, Any]

    @property
    def subject(self) -> tuple[str, ...]:
        """What it is about: of two notifications of one subject the later one counts."""
        part = self.payload.get("process_name") or self.payload.get("instance_uuid") or ""
        return self.type, self.hostname, str(part)

    @property
    def said(self) -> str:
        """What it says of that, to know who says the same again."""
        return msgspec.json.encode(self.payload, order="deterministic").decode()


def read_notification(body: bytes) -> HaNotification:
    """Raises RefusedError naming every field that is wrong."""
    message = document(body)
    given = message.get("notification") if isinstance(message, dict) else None
    if not isinstance(given, dict):
        raise RefusedError("this is no notification", [FieldError("notification", "must be an object")])
    errors: list[FieldError] = []
    prefix = "notification."
    kind = _word(given, "type", tuple(NotificationType), prefix, errors)
    hostname = _text(given, "hostname", prefix, errors)
    time = _time(given.get("generated_time"), errors)
    payload = given.get("payload")
    if not isinstance(payload, dict):
        errors.append(FieldError("notification.payload", "must be an object"))
    elif kind:
        payload = kept(payload)
        _check_payload(NotificationType(kind), payload, errors)
    if errors or not isinstance(payload, dict):
        raise RefusedError("the notification is wrong", errors)
    return HaNotification(type=NotificationType(kind), hostname=hostname, generated_time=time, payload=payload)


def _check_payload(kind: NotificationType, payload: dict[str, Any], errors: list[FieldError]) -> None:
    prefix = "notification.payload."
    if kind is NotificationType.VM:
        _word(payload, "event", VM_EVENTS, prefix, errors)
        _text(payload, "instance_uuid", prefix, errors)
        _text(payload, "vir_domain_event", prefix, errors)
        return
    _word(payload, "event", EVENTS, prefix, errors)
    if kind is NotificationType.PROCESS:
        _text(payload, "process_name", prefix, errors)
        return
    for name, words in (("host_status", HOST_STATUSES), ("cluster_status", CLUSTER_STATUSES)):
        if payload.get(name) is not None:
            _word(payload, name, words, prefix, errors)


def meaning_of(notification: HaNotification) -> tuple[Meaning, tuple[tuple[str, str, Severity | None], ...]]:
    """What it asks for, and (event type, status, severity) of each event that it makes."""
    payload = notification.payload
    if notification.type is NotificationType.VM:
        return _of_server(payload["event"].upper(), payload["vir_domain_event"].upper())
    is_up = payload["event"].upper() == "STARTED"
    if notification.type is NotificationType.PROCESS:
        return (Meaning.WELL if is_up else Meaning.RECOVER), ((PROCESS_DOWN, "up" if is_up else "down", None),)
    if is_up:
        return Meaning.WELL, ((HOST_DOWN, "up", None), (SUSPECTED, "up", None))
    if str(payload.get("host_status") or "").upper() == "NORMAL":
        return Meaning.RECOVER, ((HOST_DOWN, "down", None),)
    return Meaning.SUSPECT, ((SUSPECTED, "down", None),)


def _of_server(event: str, detail: str) -> tuple[Meaning, tuple[tuple[str, str, Severity | None], ...]]:
    if event in ("CONTROL_ERROR", "QEMU_GUEST_AGENT_ERROR"):
        # Nobody can talk to it; it may well do its work.
        return Meaning.RECOVER, ((SERVER_ERROR, "down", Severity.WARNING),)
    if event in ("WATCHDOG", "IO_ERROR", "IO_ERROR_REASON"):
        return Meaning.RECOVER, ((SERVER_ERROR, "down", None),)
    if event == "LIFECYCLE":
        if detail.startswith(WELL):
            return Meaning.WELL, ((SERVER_ERROR, "up", None), (SERVER_STOPPED, "up", None))
        if detail.startswith(BROKEN):
            return Meaning.RECOVER, ((SERVER_ERROR, "down", None),)
        if detail.startswith(STOPPED):
            return Meaning.RECOVER, ((SERVER_STOPPED, "down", None),)
    # A reboot of its own, a migration, a snapshot.
    return Meaning.NOTHING, ()


def events_of(notification: HaNotification, uuid: str) -> Sequence[RawEvent]:
    """The notification's own record, and what follows from it."""
    meaning, found = meaning_of(notification)
    payload = notification.payload
    if notification.type is NotificationType.VM:
        resource = {"kind": Kind.SERVER, "id": payload["instance_uuid"]}
    else:
        resource = {"kind": Kind.HOST, "id": notification.hostname}
    record = RawEvent(
        path="notification",
        type=RECORD,
        time=f"{notification.generated_time}Z",
        resource=resource,
        status="unknown",
        monitor="masakari",
        monitor_event_id=uuid,
        details={
            "type": notification.type.value,
            "hostname": notification.hostname,
            "generated_time": notification.generated_time,
            "payload": payload,
            "meaning": meaning.value,
        },
    )
    process = payload.get("process_name") if notification.type is NotificationType.PROCESS else None
    followers = [
        RawEvent(
            path="notification",
            type=kind,
            time=f"{notification.generated_time}Z",
            resource=resource,
            status=status,
            severity=severity,
            source="masakari",
            cause=short(_cause(notification)),
            monitor=short(f"masakari/{process}" if process else "masakari", 200),
            monitor_event_id=uuid,
            related_to=[uuid],
            details={"payload": payload, "reported_host": notification.hostname},
        )
        for kind, status, severity in found
    ]
    return [record, *followers]


def _cause(notification: HaNotification) -> str:
    payload = notification.payload
    words = [payload.get(name) for name in ("process_name", "event", "vir_domain_event", "host_status")]
    return f"{notification.type} {' '.join(str(word) for word in words if word)}"


def _text(given: dict[str, Any], name: str, prefix: str, errors: list[FieldError]) -> str:
    value = given.get(name)
    if isinstance(value, str) and 0 < len(value.strip()) <= 255:
        return value.strip()
    errors.append(FieldError(f"{prefix}{name}", "must be text of 1 to 255 characters"))
    return ""


def _word(given: dict[str, Any], name: str, words: tuple[str, ...], prefix: str, errors: list[FieldError]) -> str:
    value = given.get(name)
    if isinstance(value, str) and value.strip().upper() in words:
        return value.strip().upper()
    errors.append(FieldError(f"{prefix}{name}", f"must be one of {', '.join(words)}"))
    return ""


def _time(given: object, errors: list[FieldError]) -> str:
    """As Masakari writes it: UTC without saying so."""
    try:
        moment = datetime.fromisoformat(given.strip()) if isinstance(given, str) and len(given) < 64 else None
        if moment is not None:
            if moment.tzinfo is not None:
                moment = moment.astimezone(UTC)
            return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond:06d}"
    except (ValueError, OverflowError):
        pass  # It is said below, as for what is no text at all.
    errors.append(FieldError("notification.generated_time", "must be an ISO 8601 time"))
    return ""
