"""What a try that failed leads to: another one, when, or none."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime

import msgspec

from nfvigil.model.times import SECOND

_GONE = 410
_WAIT_AND_SEE = frozenset({408, 425, 429})
"""Client errors that say "later", not "never"."""


class Retry(msgspec.Struct, frozen=True, kw_only=True):
    """How patient we are with an endpoint."""

    first_seconds: float = 0.5
    max_seconds: float = 60.0
    give_up_seconds: float = 86400.0
    """A message is given up when its endpoint has failed for that long since there is the message."""
    refusals_max: int = 5
    """Tries for a message that the endpoint says is wrong: it may be in the middle of an upgrade."""
    retry_after_max_seconds: float = 3600.0

    def delay_seconds(self, tries: int, jitter: float, retry_after: float | None = None) -> float:
        """Full jitter: anywhere up to a ceiling that doubles with each of ``tries``; ``jitter`` is in [0, 1)."""
        ceiling = min(self.max_seconds, self.first_seconds * 2.0 ** min(tries - 1, 32))
        delay = ceiling * jitter
        if retry_after is not None:
            # Asked to wait, we do, and still not all at the same instant.
            delay = min(retry_after, self.retry_after_max_seconds) + delay
        return delay

    def is_over(self, *, status: int, is_refusal: bool, refusals: int, failing_us: int) -> bool:
        """Whether to give up, when the endpoint has failed for ``failing_us`` while there was the message."""
        if status == _GONE or failing_us >= self.give_up_seconds * SECOND:
            return True
        return is_refusal and refusals >= self.refusals_max


def is_success(status: int) -> bool:
    return 200 <= status < 300


def is_refusal(status: int) -> bool:
    """Whether the endpoint says that the message itself is wrong. A redirect is one: it is never followed."""
    return 300 <= status < 500 and status not in _WAIT_AND_SEE


def retry_after_seconds(text: str, now_us: int) -> float | None:
    """Read a Retry-After header: seconds or a date; None if it is neither."""
    text = text.strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return float(min(int(text[:10]), 10**9))
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, moment.timestamp() - now_us / SECOND)
