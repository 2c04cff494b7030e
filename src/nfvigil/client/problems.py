"""What the service refuses or cannot do now, as errors: which one says what to do about it.

RefusedError                 do not ask again as it is; ``errors`` names every wrong field
├── NotFoundError              404
├── ForbiddenError             403
├── UnknownCallerError         401
├── TooOldError                410: what was kept to go on from is no good any more; list anew
└── ConflictError              409
    └── ChangedMeanwhileError  412: read it again first
UnavailableError             ask again after ``retry_after_seconds``
├── TooManyRequestsError       429
└── NobodyThereError           nothing listens there, so nothing was done
BadAnswerError               500, or it does not speak as NFVigil does
"""

from __future__ import annotations

import http.client
import json
from typing import Any

from nfvigil.errors import (
    ConflictError,
    FieldError,
    ForbiddenError,
    NfvigilError,
    NotFoundError,
    RefusedError,
    UnavailableError,
    UnknownCallerError,
)


class BadAnswerError(NfvigilError):
    """What answered failed, or does not speak as NFVigil does."""


class ChangedMeanwhileError(ConflictError):
    """Somebody else changed it since it was read."""


class TooOldError(RefusedError):
    """What changed since then is not known any more: list everything anew, and go on from there."""


class TooManyRequestsError(UnavailableError):
    """We ask more often than we may."""


class NobodyThereError(UnavailableError):
    """The connection was refused: nothing was sent, so anything may be asked again."""


_REFUSED: dict[int, type[RefusedError]] = {
    401: UnknownCallerError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    410: TooOldError,
    412: ChangedMeanwhileError,
}
_AWAY = frozenset({408, 425, 502, 503, 504})


def error_of(url: str, status: int, after: str, text: bytes) -> NfvigilError:
    """The error that an answer is; ``after`` is its ``Retry-After``."""
    message, errors = _read(text)
    message = message or f"{url} answered {status} {http.client.responses.get(status, '')}".rstrip()
    seconds = float(after) if after.isdecimal() else 1.0
    if status == 429:
        return TooManyRequestsError(message, seconds)
    if status in _AWAY:
        return UnavailableError(message, seconds)
    if 400 <= status < 500:
        return _REFUSED.get(status, RefusedError)(message, errors)
    if 300 <= status < 400:
        return RefusedError(f"{url} leads elsewhere ({status}); redirects are not followed")
    return BadAnswerError(message)


def _read(text: bytes) -> tuple[str, list[FieldError]]:
    """Detail and errors of a problem+json (RFC 9457) or of Aodh's errors, as far as there are any."""
    try:
        body: Any = json.loads(text)
    except ValueError:
        return "", []
    if not isinstance(body, dict):
        return "", []
    fault = body.get("error_message")
    if isinstance(fault, dict):  # Aodh's form
        return str(fault.get("faultstring") or ""), []
    given = body.get("errors")
    errors = [
        FieldError(str(one.get("field", "")), str(one.get("reason", "")), _whole(one.get("line")))
        for one in (given if isinstance(given, list) else [])
        if isinstance(one, dict)
    ]
    return str(body.get("detail") or body.get("title") or ""), errors


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
