"""How bad, and of which kind: X.733 severities and event types, and Doctor's integers."""

from __future__ import annotations

from enum import StrEnum


class Severity(StrEnum):
    """Perceived severity (ITU-T X.733). Compare by ``rank``: the standard's own numbers are no order."""

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"
    WARNING = "warning"
    INDETERMINATE = "indeterminate"
    CLEARED = "cleared"

    @property
    def rank(self) -> int:
        """Higher is worse; also Doctor's integer severity, where higher is worse and 0 is cleared."""
        return _RANK[self]

    @classmethod
    def from_rank(cls, rank: int) -> Severity:
        """Doctor's integer to ours: below 0 counts as 0, above 5 as 5."""
        return _BY_RANK[max(0, min(5, rank))]


_RANK = {
    Severity.CRITICAL: 5,
    Severity.MAJOR: 4,
    Severity.MINOR: 3,
    Severity.WARNING: 2,
    Severity.INDETERMINATE: 1,
    Severity.CLEARED: 0,
}
_BY_RANK = {rank: severity for severity, rank in _RANK.items()}

_SPELLINGS = {
    "crit": Severity.CRITICAL,
    "fatal": Severity.CRITICAL,
    "emergency": Severity.CRITICAL,
    "error": Severity.MAJOR,
    "failure": Severity.MAJOR,
    "high": Severity.MAJOR,
    "moderate": Severity.MINOR,
    "warn": Severity.WARNING,
    "low": Severity.WARNING,
    "info": Severity.INDETERMINATE,
    "information": Severity.INDETERMINATE,
    "unknown": Severity.INDETERMINATE,
    "ok": Severity.CLEARED,
    "okay": Severity.CLEARED,
    "normal": Severity.CLEARED,
    "clear": Severity.CLEARED,
}


def severity_of(value: str | int) -> Severity | None:
    """Read a severity as monitors write it (``critical``, ``WARN``, ``OK``, 4); None if it is none."""
    if isinstance(value, int):
        return Severity.from_rank(value) if value >= 0 else None  # a negative one is no "cleared"
    word = value.strip().lower()
    if word.isdecimal() and len(word) < 10:
        return Severity.from_rank(int(word))
    if word in Severity._value2member_map_:
        return Severity(word)
    return _SPELLINGS.get(word)


class EventType(StrEnum):
    """X.733 event type, in ETSI SOL's spelling."""

    COMMUNICATIONS = "COMMUNICATIONS_ALARM"
    PROCESSING_ERROR = "PROCESSING_ERROR_ALARM"
    ENVIRONMENTAL = "ENVIRONMENTAL_ALARM"
    QOS = "QOS_ALARM"
    EQUIPMENT = "EQUIPMENT_ALARM"
