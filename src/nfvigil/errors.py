"""Every error we raise, by what the catcher should do.

NfvigilError
├── RefusedError            the request is wrong: say so, do not retry
│   ├── NotFoundError         there is no such thing, or it is not yours
│   ├── ConflictError         it was changed meanwhile, or is in the wrong state for this
│   ├── ForbiddenError        you are known, but may not
│   ├── UnknownCallerError    we do not know who you are
│   └── SettingsError         a setting is missing or wrong: the process does not start
├── UnavailableError        the other side is away: retry later, nothing is lost
│   ├── StoreUnavailableError  the database is full, locked or gone
│   ├── OverloadedError       a queue has reached its bound
│   ├── TooOftenError         this caller asks more often than it may: others are served
│   ├── VimUnavailableError   the cloud did not answer, or answered 5xx
│   ├── NotYetError           it is somebody else's turn: asked again, and no failed try
│   └── FenceUnavailableError a BMC did not answer: the power state of its host is unknown
└── UnsafeError             going on could harm a workload: stop and call a person
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class NfvigilError(Exception):
    """The root: catch it only where nothing better can be done."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing that is wrong with what was sent.

    ``field`` is a path such as ``events[3].details.hostname``; ``line`` counts from 1 in a text
    (a policy, a topology file) and is 0 where there are no lines.
    """

    field: str
    reason: str
    line: int = 0

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line else ""
        return f"{place}{self.field}: {self.reason}" if self.field else f"{place}{self.reason}"


class RefusedError(NfvigilError):
    """The request is wrong. ``errors`` holds every fault that was found in it, not just the first."""

    def __init__(self, message: str, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.errors = tuple(errors)

    def __str__(self) -> str:
        return "; ".join([self.message, *map(str, self.errors)])


class NotFoundError(RefusedError):
    """There is no such thing, or it belongs to somebody else: both look the same from outside."""


class ConflictError(RefusedError):
    """It was changed meanwhile, exists already, or is in the wrong state for this."""


class ForbiddenError(RefusedError):
    """The caller is known, and its role does not allow this."""


class UnknownCallerError(RefusedError):
    """No token, or one that is wrong, revoked or expired."""


class SettingsError(RefusedError):
    """A setting is missing or wrong: the process does not start."""


class UnavailableError(NfvigilError):
    """The other side is away. Nothing is lost; try again after ``retry_after_seconds``."""

    def __init__(self, message: str, retry_after_seconds: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class StoreUnavailableError(UnavailableError):
    """The database is full, locked or gone: what was asked for is not durable."""


class OverloadedError(UnavailableError):
    """A queue has reached its bound."""


class TooOftenError(UnavailableError):
    """This caller asks more often than it may, or has tried too many credentials; others are served."""


class VimUnavailableError(UnavailableError):
    """The cloud did not answer in time, or answered that it cannot at the moment."""


class NotYetError(UnavailableError):
    """It cannot be done before somebody else has done something (an operator's word): ask again, for as long as it
    takes. It is no failed try.
    """


class FenceUnavailableError(UnavailableError):
    """What switches a host off (its BMC) cannot be reached: whether the host is off is unknown, not "yes"."""


class UnsafeError(NfvigilError):
    """Going on could harm a workload: stop, and call a person."""
