"""What can be made to go wrong with the simulated cloud."""

from __future__ import annotations

from typing import Annotated

import msgspec

Rate = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=3600)]


class Failure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """How the cloud's API misbehaves until it is healed. The default misbehaves in nothing."""

    calls: tuple[str, ...] = ()
    """Which calls: ``snapshot``, ``show`` or kinds of action; empty for all of them."""
    latency_seconds: Seconds | None = None
    """Slow: every call takes this long instead of what is configured."""
    error_rate: Rate = 0.0
    """The share of calls that answer 5xx, without effect."""
    lost_answer_rate: Rate = 0.0
    """The share of actions that take effect while their answer is lost on the way."""
    partial: bool = False
    """Lists end early, so that no snapshot can be had."""
    dead: bool = False
    """No call is answered: each ends after ``timeout_seconds``."""
    timeout_seconds: Seconds = 5.0
    refuse: str = ""
    """Actions are refused for good, for this reason."""

    def concerns(self, call: str) -> bool:
        return not self.calls or call in self.calls


HEALTHY = Failure()
