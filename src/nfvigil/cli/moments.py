"""Times as people write and read them: ``10m`` for ten minutes ago, ``3m`` for how old something is."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

from nfvigil.errors import FieldError, RefusedError
from nfvigil.model.times import SECOND, iso

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
SPAN_MAX_SECONDS = 100 * 366 * 86400

_SPAN = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)([smhdw])", re.ASCII)


def now_us() -> int:
    """Microseconds since 1970: the clock that is handed to what wants one."""
    return time.time_ns() // 1000


def now() -> str:
    return iso(now_us())


def seconds_of(text: str, field: str) -> float:
    """``90s``, ``10m``, ``2h``, ``30d``, ``4w``."""
    match = _SPAN.fullmatch(text.strip())
    seconds = float(match[1]) * UNITS[match[2]] if match else -1.0
    if not 0 <= seconds <= SPAN_MAX_SECONDS:
        raise RefusedError("the time span is wrong", [FieldError(field, "must be such as 90s, 10m, 2h, 30d or 4w")])
    return seconds


def moment(text: str | None, field: str) -> str | None:
    """A time for the service: one as it is written there, or how long ago."""
    if text is None or not _SPAN.fullmatch(text.strip()):
        return text
    return iso(max(0, now_us() - int(seconds_of(text, field) * SECOND)))


def age(text: str | None) -> str:
    """How long ago: ``12s``, ``5m``, ``3h``, ``2d``; ``in 5m`` for what is to come."""
    if not text:
        return "-"
    try:
        then = datetime.fromisoformat(text)
    except ValueError:
        return text
    seconds = (datetime.now(UTC) - then.astimezone(UTC)).total_seconds()
    return f"in {_short(-seconds)}" if seconds < -1 else _short(max(0.0, seconds))


def _short(seconds: float) -> str:
    for unit, size, limit in (("s", 1, 120), ("m", 60, 120), ("h", 3600, 48)):
        if seconds < size * limit:
            return f"{int(seconds / size)}{unit}"
    return f"{int(seconds / 86400)}d"


def local(text: str | None, precision: str = "milliseconds") -> str:
    """A moment in the reader's own time zone."""
    if not text:
        return "-"
    try:
        return datetime.fromisoformat(text).astimezone().isoformat(sep=" ", timespec=precision)
    except ValueError:
        return text
