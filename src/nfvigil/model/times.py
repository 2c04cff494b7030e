"""Instants are integers: microseconds since 1970 in UTC, so that they sort, subtract and replay exactly."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

SECOND = 1_000_000


def iso(us: int) -> str:
    """RFC 3339 in UTC with microseconds: ``2026-01-02T03:04:05.000006Z``."""
    seconds, rest = divmod(us, SECOND)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{rest:06d}Z"


def iso_or_none(us: int | None) -> str | None:
    return None if us is None else iso(us)


def parse(text: str, zone: tzinfo) -> tuple[int, bool]:
    """Read ISO 8601; returns (microseconds, whether the text itself named its zone).

    A time without a zone is read in ``zone``. Raises ValueError where it is no time at all.
    """
    moment = datetime.fromisoformat(text.strip())
    zoned = moment.tzinfo is not None
    if not zoned:
        moment = moment.replace(tzinfo=zone)
    return int(moment.timestamp()) * SECOND + moment.microsecond, zoned
