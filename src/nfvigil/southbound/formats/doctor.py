"""OPNFV Doctor's EventNotification, in every shape in which its monitors and its specification send it.

A bare list (the sample monitor), ``{"event": {..}}``, ``{"events": [..]}``, ``{"events": [{"event": {..}}]}``,
``[{"event": {..}}]`` and a single bare event.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nfvigil.model.raw import RawEvent, Refusal
from nfvigil.southbound.formats.shapes import objects


def doctor_event(path: str, fields: dict[str, Any]) -> RawEvent:
    """``{"time", "type", "details"}``. Anything else at the top (collectd's plugin adds ``id``) joins the details."""
    kind, time, details = fields.pop("type", None), fields.pop("time", None), fields.pop("details", None)
    if details is None:
        details = fields
    elif not isinstance(details, dict):
        where = f"{path}.details" if path else "details"
        return RawEvent(path=path, type=kind, time=time, errors=((where, "must be an object"),))
    elif fields:
        details = fields | details
    return RawEvent(path=path, type=kind, time=time, details=details)


class DoctorFormat:
    """Plugin ``doctor``."""

    name = "doctor"

    def decode(self, body: bytes) -> Sequence[RawEvent | Refusal]:
        return [item if isinstance(item, Refusal) else doctor_event(*item) for item in objects(body)]
