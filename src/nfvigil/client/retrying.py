"""Whether something is asked again, and after how long. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nfvigil.client.problems import NobodyThereError, TooManyRequestsError
from nfvigil.errors import NfvigilError, UnavailableError

FIRST_PAUSE_SECONDS = 0.25
DOUBLINGS_MAX = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How often something is asked in all, and how long a pause before the next time may be."""

    tries: int = 3
    pause_max_seconds: float = 10.0

    def pause(self, error: NfvigilError, *, tried: int, may_repeat: bool) -> float | None:
        """Seconds until the next try; None where there is none.

        A service that wants to be left alone for longer than we may wait is left to the caller.
        """
        if not isinstance(error, UnavailableError) or tried >= self.tries:
            return None
        if not may_repeat and not isinstance(error, NobodyThereError | TooManyRequestsError):
            return None  # it may have been done: asked again, it might be done twice
        if isinstance(error, NobodyThereError):
            wanted = FIRST_PAUSE_SECONDS * float(2 ** min(tried - 1, DOUBLINGS_MAX))
            return min(wanted, self.pause_max_seconds)
        return error.retry_after_seconds if error.retry_after_seconds <= self.pause_max_seconds else None


NONE = Retries(tries=1)


def may_repeat(method: str, headers: Mapping[str, str]) -> bool:
    """Whether asking twice does no more than asking once."""
    return method in ("GET", "HEAD") or any(name.lower() == "idempotency-key" for name in headers)
