"""Monitors' words for up and down, in whichever dialect, read as ours."""

from __future__ import annotations

from nfvigil.model.event import Status

_WORDS = {
    Status.DOWN: "down failed fail failure faulty fault error critical major minor warning degraded offline dead "
    "stopped unreachable lost broken firing problem raised alarm crashed timeout",
    Status.UP: "up ok okay online alive normal running reachable restored cleared clear resolved recovered "
    "recovery healthy good",
    Status.UNKNOWN: "unknown undefined undetermined indeterminate nodata no_data",
}
_STATUS = {word: status for status, words in _WORDS.items() for word in words.split()}


def status_of(word: str) -> Status | None:
    """Read a status as monitors write it (``down``, ``FAILED``, ``ok``); None if it is none."""
    return _STATUS.get(word) or _STATUS.get(word.strip().lower().replace("-", "_").replace(" ", "_"))
