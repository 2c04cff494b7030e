"""The shapes a message may have: one event, a list, and the wrappings of either, told apart without reading the events.

Each event stays undecoded until it is read by itself, so that one which is broken inside leaves the others good.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from nfvigil.errors import FieldError, RefusedError
from nfvigil.model.raw import Refusal
from nfvigil.southbound.limits import EVENTS_MAX, TooLargeError

MALFORMED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are no JSON, no UTF-8, or nested without end."""

_NONE = msgspec.Raw(b"")


class _Envelope(msgspec.Struct):
    event: msgspec.Raw = _NONE
    events: msgspec.Raw = _NONE


_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_ENVELOPE = msgspec.json.Decoder(_Envelope)
_ANY = msgspec.json.Decoder()


_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)


def without_lone_surrogates(body: bytes) -> bytes:
    """Put a NUL for each half of a surrogate pair that stands alone.

    The decoder gives up the whole message for one; this way intake refuses just the event with it, by its field.
    """
    if b"\\ud" not in body and b"\\uD" not in body:
        return body
    return _ESCAPE.sub(lambda match: b"\\u0000" if match[1] else match[0], body)


def reason_of(error: Exception) -> str:
    """Why it cannot be read, in words that help whoever sent it."""
    if isinstance(error, RecursionError):
        return "is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "is not UTF-8"
    return f"is not JSON: {error}"


def unreadable(error: Exception, field: str = "") -> RefusedError:
    reason = reason_of(error)
    return RefusedError(f"the body {reason}", [FieldError(field, reason)])


def split(body: bytes) -> list[tuple[str, msgspec.Raw | bytes]]:
    """(path, one event's JSON) for a list, ``{"events": [..]}``, ``{"event": {..}}`` or a bare event."""
    if body.lstrip(b" \t\r\n")[:1] == b"[":
        return _many(body)
    try:
        envelope = _ENVELOPE.decode(body)
    except MALFORMED as error:
        if isinstance(error, msgspec.ValidationError):
            wrong = FieldError("", "must be an event, or a list of events")
            raise RefusedError("the body is neither an event nor a list of events", [wrong]) from error
        raise unreadable(error) from error
    if envelope.events is not _NONE:
        if envelope.event is not _NONE:
            raise RefusedError("the body is ambiguous", [FieldError("event", "cannot stand beside 'events'")])
        return _many(envelope.events)
    if envelope.event is not _NONE:
        return [("event", envelope.event)]
    return [("", body)]


def _many(raw: msgspec.Raw | bytes) -> list[tuple[str, msgspec.Raw | bytes]]:
    try:
        items = _LIST.decode(raw)
    except MALFORMED as error:
        if isinstance(error, msgspec.ValidationError):
            raise RefusedError("there is no list of events", [FieldError("events", "must be a list")]) from error
        raise unreadable(error, "events") from error
    if len(items) > EVENTS_MAX:
        reason = f"must be at most {EVENTS_MAX}, not {len(items)}"
        raise TooLargeError("too many events in one message", [FieldError("events", reason)])
    return [(f"events[{index}]", item) for index, item in enumerate(items)]


def objects(body: bytes) -> Iterator[tuple[str, dict[str, Any]] | Refusal]:
    """Each event of ``body`` as an unchecked dict with its path, unwrapped once more where it came wrapped."""
    for path, raw in split(without_lone_surrogates(body)):
        try:
            value = _ANY.decode(raw)
        except MALFORMED as error:
            yield Refusal(errors=((path, reason_of(error)),))
            continue
        if isinstance(value, dict) and len(value) == 1 and "event" in value:
            value = value["event"]
            path = f"{path}.event" if path else "event"
        if isinstance(value, dict):
            yield path, value
        else:
            yield Refusal(errors=((path, "must be an object"),))
