"""Times as people write them: ``10m`` for ten minutes ago, or as the service writes them."""

from __future__ import annotations

import re
import time

from nfvigil.errors import FieldError, RefusedError
from nfvigil.model.times import SECOND, iso

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
SPAN_MAX_SECONDS = 100 * 366 * 86400

_SPAN = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)([smhdw])", re.ASCII)


def now_us() -> int:
    """Microseconds since 1970: the clock that is handed to what wants one."""
    return time.time_ns() // 1000


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
