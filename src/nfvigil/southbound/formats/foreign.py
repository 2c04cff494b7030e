"""What the formats of other monitoring systems share: reading what may be anything, and never more than is kept.

Their texts are written for people and may be of any length. An alarm is not refused for a long summary: what is beyond
the bounds of an event is cut off here, and what names the resource or the fault is left for intake to judge.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC
from math import isfinite
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from nfvigil.errors import FieldError, RefusedError, SettingsError
from nfvigil.model.raw import Item, Refusal
from nfvigil.model.resource import Kind
from nfvigil.model.times import parse
from nfvigil.southbound.formats.shapes import MALFORMED, unreadable, without_lone_surrogates
from nfvigil.southbound.limits import EVENTS_MAX, TooLargeError

TEXT_MAX = 1000
VALUES_MAX = 200
KEY_MAX = 200
DEPTH_MAX = 5
WORD_MAX = 100
NAME_MAX = 255

_NO_WORD = re.compile(r"[^A-Za-z0-9_:-]+")
_BLANK = re.compile(r"[\x00-\x20\x7f]+")
_PORT = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:/\s]+):\d{1,5}")
_ANY = msgspec.json.Decoder()

TypeWord = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,254}$")]
"""An event type in the settings: intake would refuse each event that has another word for it."""

Options = TypeVar("Options", bound=msgspec.Struct)


def document(body: bytes) -> Any:
    """The JSON of a body; RefusedError where it is none."""
    try:
        return _ANY.decode(without_lone_surrogates(body))
    except MALFORMED as error:
        raise unreadable(error) from error


def as_object(value: object, what: str) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise RefusedError(f"this is not {what}", [FieldError("", "must be an object")])


def many(value: object, field: str) -> list[Any]:
    """A list of bounded length; RefusedError where it is none."""
    if not isinstance(value, list):
        raise RefusedError(f"there is no list in {field}", [FieldError(field, "must be a list")])
    if len(value) > EVENTS_MAX:
        reason = f"must be at most {EVENTS_MAX}, not {len(value)}"
        raise TooLargeError("too many events in one message", [FieldError(field, reason)])
    return value


def each(items: Iterable[tuple[str, object]], read: Callable[[str, dict[str, Any]], Item]) -> list[Item]:
    """``read`` for every (path, object); what is no object is refused in its place."""
    return [
        read(path, one) if isinstance(one, dict) else Refusal(errors=((path, "must be an object"),))
        for path, one in items
    ]


def texts(value: object) -> dict[str, str]:
    """The pairs of an object whose values are text: labels, annotations."""
    if not isinstance(value, dict):
        return {}
    return {key: one for key, one in value.items() if isinstance(one, str)}


def text(value: object) -> str:
    """Text as it stands, and a number as text; "" for all else."""
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def moment(value: object) -> object:
    """A time that intake can read, as it stands; None for all else: no alarm is refused for a clock that was never set,
    or for a way of writing times that nobody else has.
    """
    if isinstance(value, str) and len(value) <= 64:
        try:
            parse(value, UTC)
        except (ValueError, OverflowError):
            return None
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e11:
        return value
    return None


def number(value: object) -> int | None:
    """A small whole number, also where it came as text."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str) and value.strip().isdecimal() and value.isascii() and len(value) < 10:
        value = int(value)
    return value if isinstance(value, int) and abs(value) < 10**9 else None


def short(value: str, most: int = TEXT_MAX) -> str:
    clean = value.encode(errors="replace").decode().replace("\0", "?")
    return clean if len(clean) <= most else f"{clean[: most - 3]}..."


def type_word(value: str) -> str:
    """Part of an event's type made of somebody's name for it: ``Link down on eno2`` is ``Link_down_on_eno2``."""
    return _NO_WORD.sub("_", value).strip("_")[:WORD_MAX] or "unnamed"


def without_port(value: str) -> str:
    """``compute-1:9100`` is ``compute-1``, and an IPv6 address stays whole."""
    found = _PORT.fullmatch(value.strip())
    return (found["host"] if found else value.strip()).strip("[]")


def host_named(name: str) -> dict[str, str]:
    """The host of a name as others write it. ``Compute 1`` is ``Compute_1``, which the topology can have as an alias: a
    name that intake refuses would lose every alarm of its host.
    """
    return {"kind": Kind.HOST, "id": short(_BLANK.sub("_", name.strip()), NAME_MAX)}


def kept(value: Mapping[str, object]) -> dict[str, Any]:
    """What was sent, cut to what an event's details may hold."""
    budget = [VALUES_MAX]
    found = _kept(value, budget, 1)
    assert isinstance(found, dict)
    return found


def _kept(value: object, budget: list[int], depth: int) -> Any:
    budget[0] -= 1
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return short(value)
    if isinstance(value, int):
        return value if abs(value) < 1 << 62 else short(str(value)[:TEXT_MAX])
    if isinstance(value, float):
        return value if isfinite(value) else str(value)
    if depth > DEPTH_MAX:
        return "..."
    if isinstance(value, dict):
        pairs = {}
        for key, one in value.items():
            if budget[0] <= 0:
                break
            pairs[short(str(key), KEY_MAX)] = _kept(one, budget, depth + 1)
        return pairs
    if isinstance(value, list | tuple):
        items = []
        for one in value:
            if budget[0] <= 0:
                break
            items.append(_kept(one, budget, depth + 1))
        return items
    return short(str(value))


def options_of(given: Mapping[str, Any], kind: type[Options]) -> Options:
    """The settings of a format, checked; SettingsError names what is wrong."""
    if unknown := sorted(given.keys() - set(kind.__struct_fields__)):
        known = ", ".join(kind.__struct_fields__)
        wrong = [FieldError(name, f"there is no such setting; there are: {known or 'none'}") for name in unknown]
        raise SettingsError("the settings are wrong", wrong)
    try:
        return msgspec.convert(dict(given), kind, strict=False)
    except msgspec.ValidationError as error:
        reason, _, place = str(error).partition(" - at `$")
        raise SettingsError("the settings are wrong", [FieldError(place.strip("`."), reason)]) from error


def first(fields: Mapping[str, str], names: Sequence[str]) -> str:
    """The first of ``names`` that says something."""
    return next((fields[name] for name in names if fields.get(name, "").strip()), "")
