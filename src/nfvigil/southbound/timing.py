"""How long the inventory waits, and what it finds suspicious."""

from __future__ import annotations

import msgspec


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds and numbers; the defaults are for an ordinary cloud."""

    timeout_seconds: float = 300.0
    """For one listing."""
    retry_min_seconds: float = 0.5
    retry_max_seconds: float = 60.0
    gap_seconds: float = 1.0
    """Between two listings at least."""
    cliff_least: int = 10
    cliff_share: float = 0.5
    """More missing than both at once, of any kind, is a cliff."""
    second_look_seconds: float = 2.0
    """How long after a cliff everything is listed again."""
    confirm_seconds: float = 60.0
    """For asking for all that one listing lacks; what was not asked by then is kept."""
    read_seconds: float = 10.0
    """For asking for one of them."""
    unreachable_after_seconds: float = 10.0
    unreachable_failures: int = 3
