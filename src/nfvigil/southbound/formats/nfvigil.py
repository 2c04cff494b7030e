"""Our own form of an event: Doctor's words at the top instead of in the details, and unknown ones refused.

    {"type": "compute.host.down", "resource": "host/compute-1", "status": "down", "time": "2026-01-02T03:04:05Z",
     "severity": "critical", "monitor": "ping", "monitor_event_id": "4711", "details": {"interface": "eth0"}}

``type`` and a resource (``resource``, or a name in the details such as ``hostname``) must be there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nfvigil.model.raw import RawEvent, Refusal
from nfvigil.southbound.formats.shapes import objects

FIELDS = frozenset(RawEvent.__struct_fields__) - {"path", "errors"}


def own_event(path: str, fields: dict[str, Any]) -> RawEvent:
    """Take the known words over as they are; name every other one."""
    errors: list[tuple[str, str]] = []
    prefix = f"{path}." if path else ""
    if not FIELDS.issuperset(fields):
        for name in [name for name in fields if name not in FIELDS]:
            del fields[name]
            errors.append((f"{prefix}{name[:64]}", "is not a field of an event; put it into 'details'"))
    details = fields.get("details")
    if details is None:
        fields.pop("details", None)
    elif not isinstance(details, dict):
        del fields["details"]
        errors.append((f"{prefix}details", "must be an object"))
    return RawEvent(path=path, errors=tuple(errors), **fields)


class NfvigilFormat:
    """Plugin ``nfvigil``."""

    name = "nfvigil"

    def decode(self, body: bytes) -> Sequence[RawEvent | Refusal]:
        return [item if isinstance(item, Refusal) else own_event(*item) for item in objects(body)]
