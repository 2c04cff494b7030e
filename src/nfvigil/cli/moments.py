"""Times as people read them: in their own time zone, and ``3m`` for how old something is."""

from __future__ import annotations

from datetime import UTC, datetime

from nfvigil.client.moments import now_us
from nfvigil.model.times import iso


def now() -> str:
    return iso(now_us())


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
