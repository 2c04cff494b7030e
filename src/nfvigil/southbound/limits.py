"""How much of anything is taken in. What is beyond is refused, and the answer says so."""

from __future__ import annotations

from dataclasses import dataclass

from nfvigil.errors import RefusedError

EVENTS_MAX = 1000
"""Events in one message: formats do not even split more than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds of intake. The defaults are what the documentation promises."""

    events_max: int = EVENTS_MAX
    body_max_bytes: int = 1 << 20
    body_seconds: float = 10.0
    """A body that has not come in whole by then is given up."""
    text_max: int = 1024
    details_max: int = 256
    """Values in the details of one event, over all levels."""
    depth_max: int = 8
    future_seconds: float = 30.0
    stale_seconds: float = 3600.0
    repeat_window_seconds: float = 3600.0
    repeats_max: int = 100_000


class TooLargeError(RefusedError):
    """More than we take in one message: send less at a time."""
