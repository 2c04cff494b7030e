"""What parameters and bodies are made of: types that refuse what only looks like the right thing."""

from __future__ import annotations

import re
from datetime import UTC
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictFloat, WithJsonSchema

from nfvigil.model import times
from nfvigil.model.ids import NODE_BITS

US_MAX = (1 << (63 - NODE_BITS)) - 1
"""The last instant that an event id can name."""

_MOMENT = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)[Tt ](?P<time>\d\d:\d\d):(?P<second>\d\d)(?P<rest>\.\d+)?(?P<zone>[Zz]|[ +-]\d\d:\d\d)",
    re.ASCII,
)


def _moment(given: object) -> object:
    """RFC 3339 with its zone, as microseconds since 1970."""
    match = _MOMENT.fullmatch(given) if isinstance(given, str) else None
    if match is None:
        raise ValueError("must be a time such as 2026-01-31T12:00:00Z")
    day, time, second, rest, zone = match.groups()
    # A + that was not escaped in an address arrives as a space.
    zone = "Z" if zone in "Zz" else zone.replace(" ", "+")
    leap = second == "60"
    text = f"{day}T{time}:{'59' if leap else second}{(rest or '')[:7]}{zone}"
    try:
        us, _ = times.parse(text, UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError("must be a time that exists, such as 2026-01-31T12:00:00Z") from error
    return min(max(us + leap * times.SECOND, 0), US_MAX)


def _whole(given: object) -> object:
    """A whole number as text; pydantic would take ``1_0`` and `` 1`` as well."""
    if isinstance(given, str) and not re.fullmatch(r"-?\d{1,19}", given, re.ASCII):
        raise ValueError("must be a whole number")
    return given


def _number(given: object) -> object:
    """A whole number in JSON, where 5.0 is one; pydantic would take ``"5"`` and ``true`` as well."""
    if isinstance(given, str | bool):
        raise ValueError("must be a whole number")
    return given


def _flag(given: object) -> object:
    if isinstance(given, str):
        if given not in ("true", "false"):
            raise ValueError("must be true or false")
        return given == "true"
    return given


VISIBLE = r"^[^\x00-\x1F\x7F]+$"
"""No control characters: PostgreSQL refuses NUL, and the others have no place in a name."""

Text = Annotated[str, Field(min_length=1, max_length=255, pattern=VISIBLE)]
"""A name or an id."""
MaybeText = Annotated[str, Field(max_length=255, pattern=r"^[^\x00-\x1F\x7F]*$")]
Prose = Annotated[str, Field(min_length=1, max_length=4096, pattern=r"^[^\x00]+$")]
PolicyText = Annotated[str, Field(min_length=1, max_length=150_000, pattern=r"^[^\x00]+$")]
"""So short that it fits into a body however it is escaped."""
EventId = Annotated[str, Field(pattern=r"^[0-9]{1,19}$")]
Moment = Annotated[
    int,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
AS_NUMBER = BeforeValidator(_number)
AS_WHOLE = BeforeValidator(_whole)
"""After the bounds in an annotation: what stands before them would hide them from the description."""
Flag = Annotated[bool, BeforeValidator(_flag)]
Number = Annotated[StrictFloat, Field(allow_inf_nan=False)]
Switch = StrictBool

SEQUENCE_MAX = (1 << 53) - 1
"""The last whole number that every reader of JSON gets right."""


class Query(BaseModel):
    """The parameters of an operation. One that it does not have is refused: a misspelt filter would show all."""

    model_config = ConfigDict(extra="forbid")


class Body(BaseModel):
    """What is sent. A field that it does not have is refused, as it was meant to do something."""

    model_config = ConfigDict(extra="forbid")


class Shape(BaseModel):
    """What is answered, for the description: the bytes are made without it."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


def described(schema: dict[str, Any], text: str) -> dict[str, Any]:
    return schema | {"description": text}
