"""An event as the versions of the VES event listener spell it: v5 (schema 28) and v7 (schema 30).

What a collector takes follows from the endpoint's path, so an event is written for it only when it is sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import msgspec

from nfvigil.errors import FieldError, RefusedError
from nfvigil.model.ves import VesEvent

EVENTS_MAX = 100
"""In one batch."""
BYTES_MAX = 512 * 1024
"""Of one batch. Collectors take a megabyte or two."""
TEXT_MAX = 255
"""Of one value in an event, in characters."""
BATCH = "eventBatch"

_LISTENER = re.compile(r"(?P<prefix>(?:/[^/]+)*)/eventListener/(?P<version>v[^/]*)(?:/(?P<topic>[^/]+))?/?")
_encode = msgspec.json.Encoder().encode


class VesVersion(StrEnum):
    """Of the event listener's API, as it stands in the path."""

    V5 = "v5"
    V7 = "v7"


HEADER: dict[VesVersion, dict[str, Any]] = {
    VesVersion.V5: {"version": 3.0},
    # Collectors of 7.1 and of 7.2 take 7.1.1; those of 7.1 refuse 7.2.1, and we send nothing that is new in it.
    VesVersion.V7: {"version": "4.1", "vesEventListenerVersion": "7.1.1", "timeZoneOffset": "UTC+00.00"},
}
"""What each version's common header says of itself."""

DOMAINS: dict[VesVersion, dict[str, tuple[str, str, dict[str, Any]]]] = {
    VesVersion.V5: {
        "fault": ("fault", "faultFields", {"faultFieldsVersion": 2.0}),
        "heartbeat": ("heartbeat", "heartbeatFields", {"heartbeatFieldsVersion": 1.0}),
        "measurement": (
            "measurementsForVfScaling",
            "measurementsForVfScalingFields",
            {"measurementsForVfScalingVersion": 2.0},
        ),
    },
    VesVersion.V7: {
        "fault": ("fault", "faultFields", {"faultFieldsVersion": "4.0"}),
        "heartbeat": ("heartbeat", "heartbeatFields", {"heartbeatFieldsVersion": "3.0"}),
        "measurement": ("measurement", "measurementFields", {"measurementFieldsVersion": "4.0"}),
    },
}
"""Our domains in each version: its name, the name of its fields, and what those say of themselves."""


def version_of(url: str) -> VesVersion:
    """RefusedError where it is no address of an event listener that we speak to."""
    return VesVersion(_listener(url)["version"])


def batch_url(url: str) -> str:
    """Where the endpoint takes batches; "" for one with a topic, which has no address for them: send one by one."""
    found = _listener(url)
    if found["topic"]:
        return ""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{found['prefix']}/eventListener/{found['version']}/{BATCH}"))


def without_topic(url: str) -> str:
    found = _listener(url)
    return urlunsplit(urlsplit(url)._replace(path=f"{found['prefix']}/eventListener/{found['version']}"))


def _listener(url: str) -> re.Match[str]:
    reason = _refusal(url)
    found = _LISTENER.fullmatch(urlsplit(url).path) if not reason else None
    if found is None:
        reason = reason or "its path must end with /eventListener/v5 or /eventListener/v7, and may have a topic behind"
    elif found["version"] not in tuple(VesVersion):
        reason = f"the event listener's version must be v5 or v7, not {found['version']!r}"
    elif found["topic"] == BATCH:
        reason = f"leave out /{BATCH}: it is added where it is needed"
    else:
        return found
    raise RefusedError("this is no VES collector's address", [FieldError("endpoint", reason)])


def _refusal(url: str) -> str:
    """What is wrong with it as an address."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        # The library's words repeat parts of it.
        return "is no URL, and must not hold a user or a password" if "@" in url else f"is no URL: {error}"
    if not url.isprintable() or " " in url:
        return "has a blank or a character that is not printable"
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        return "must be http://HOST[:PORT]/... or https://..."
    if parts.username is not None or parts.password is not None:
        return "must not hold a user or a password: they have fields of their own"
    if parts.query or parts.fragment:
        return "must not have a query or a fragment"
    return ""


def event_of(event: VesEvent, version: VesVersion) -> dict[str, Any]:
    """The event's object: its header, and the fields of its domain."""
    domain, fields_name, fields_say = DOMAINS[version][event.domain]
    fields = event.fields if version is VesVersion.V7 else {key: _in_v5(value) for key, value in event.fields.items()}
    return {"commonEventHeader": _header(event, version, domain), fields_name: fields_say | _clipped(fields)}


def _header(event: VesEvent, version: VesVersion, domain: str) -> dict[str, Any]:
    told = HEADER[version] | {
        "domain": domain,
        "eventName": event.name,
        "eventId": event.event_id,
        "sequence": event.sequence,
        "priority": event.priority,
        "reportingEntityId": event.reporting,
        "reportingEntityName": event.reporting,
        "sourceId": event.source_id,
        "sourceName": event.source_name,
        "startEpochMicrosec": event.start_us,
        "lastEpochMicrosec": event.last_us,
    }
    clipped: dict[str, Any] = _clipped(told)
    return clipped


def _in_v5(value: Any) -> Any:
    """v5 has lists of names and values where v7 has maps."""
    if isinstance(value, Mapping):
        return [{"name": name, "value": text} for name, text in value.items()]
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [{"name": one["name"], "arrayOfFields": _in_v5(one["hashMap"])} for one in value]
    return value


def _clipped(value: Any) -> Any:
    """Bounded: names and texts are the cloud's."""
    if isinstance(value, str):
        return value[:TEXT_MAX]
    if isinstance(value, Mapping):
        return {_clipped(name): _clipped(one) for name, one in value.items()}
    if isinstance(value, Sequence):
        return [_clipped(one) for one in value]
    return value


def single_body(event: VesEvent, version: VesVersion) -> bytes:
    return _encode({"event": event_of(event, version)})


def batch_body(events: Sequence[VesEvent], version: VesVersion) -> bytes:
    """A collector refuses a batch of several domains, so we do too."""
    domains = sorted({event.domain for event in events})
    if len(domains) != 1:
        raise ValueError(f"a batch has events of one domain, not of {domains}")
    return _encode({"eventList": [event_of(event, version) for event in events]})


def message(events: Sequence[VesEvent], version: VesVersion) -> tuple[bool, bytes]:
    """The body for these, and whether it is a batch's, which goes to ``batch_url``."""
    if len(events) == 1:
        return False, single_body(events[0], version)
    return True, batch_body(events, version)


def batches(
    events: Sequence[VesEvent], version: VesVersion, *, events_max: int = EVENTS_MAX, bytes_max: int = BYTES_MAX
) -> list[tuple[VesEvent, ...]]:
    """The same events in the same order, in as many messages as the bounds and the domains ask for."""
    made: list[list[VesEvent]] = []
    size = 0
    for event in events:
        own = len(_encode(event_of(event, version))) + 1
        last = made[-1] if made else []
        if last and last[0].domain == event.domain and len(last) < events_max and size + own <= bytes_max:
            last.append(event)
            size += own
        else:
            made.append([event])
            size = own + len(b'{"eventList":[]}')
    return [tuple(one) for one in made]
