"""Aodh's alarm about ``maintenance.host``, as the Doctor admin tool's subscribers get it: a host enters or leaves
maintenance.

    {"reason_data": {"event": {"traits": [["state", 1, "IN_MAINTENANCE"], ["host", 1, "compute-1"], ...]}}}
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from nfvigil.errors import FieldError, RefusedError
from nfvigil.model.raw import RawEvent, Refusal
from nfvigil.southbound.formats.shapes import MALFORMED, unreadable, without_lone_surrogates

STATES = {"IN_MAINTENANCE": "down", "MAINTENANCE_COMPLETE": "up"}
_TRAITS = "reason_data.event.traits"


class _Event(msgspec.Struct):
    traits: list[tuple[str, int, object]]
    message_id: str = ""
    generated: str | None = None


class _Reason(msgspec.Struct):
    event: _Event


class _Alarm(msgspec.Struct):
    reason_data: _Reason


_ALARM = msgspec.json.Decoder(_Alarm)


def _zoned(time: str | None) -> str | None:
    """Aodh writes UTC and does not say so."""
    try:
        moment = datetime.fromisoformat(time) if time else None
    except ValueError:
        return time  # intake says what is wrong with it
    return moment.replace(tzinfo=UTC).isoformat() if moment and moment.tzinfo is None else time


class AodhMaintenanceFormat:
    """For the door ``/maintenance``: event type ``maintenance.host``, down while the host is in maintenance."""

    name = "aodh-maintenance"

    def decode(self, body: bytes) -> Sequence[RawEvent | Refusal]:
        try:
            event = _ALARM.decode(without_lone_surrogates(body)).reason_data.event
        except msgspec.ValidationError as error:
            reason, _, path = str(error).partition(" - at `$")
            field = path.rstrip("`").lstrip(".")
            raise RefusedError("this is no alarm of Aodh's about an event", [FieldError(field, reason)]) from error
        except MALFORMED as error:
            raise unreadable(error) from error
        traits = {name: value for name, _, value in event.traits}
        state, host = traits.pop("state", None), traits.pop("host", None)
        errors: list[tuple[str, str]] = []
        if not isinstance(state, str) or state not in STATES:
            errors.append((f"{_TRAITS}.state", f"must be one of {', '.join(STATES)}"))
        if not isinstance(host, str) or not host.strip():
            errors.append((f"{_TRAITS}.host", "must be the name of a host"))
        if errors:
            return [Refusal(errors=tuple(errors))]
        return [
            RawEvent(
                path="reason_data.event",
                type="maintenance.host",
                time=_zoned(event.generated),
                resource={"kind": "host", "id": host},
                status=STATES[str(state)],
                monitor="aodh",
                monitor_event_id=event.message_id or None,
                details=traits | {"state": state},
            )
        ]
