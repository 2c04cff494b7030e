"""What the event doors answer: receipts as JSON, and errors as problem+json (RFC 9457)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from math import ceil
from typing import Any

import msgspec
from starlette.responses import Response

from nfvigil.errors import (
    ConflictError,
    ForbiddenError,
    NfvigilError,
    RefusedError,
    TooOftenError,
    UnavailableError,
    UnknownCallerError,
)
from nfvigil.model.event import Receipt, ReceiptState
from nfvigil.southbound.limits import TooLargeError

_encode = msgspec.json.Encoder().encode


class MediaTypeError(RefusedError):
    """The body is not in a form that this door reads."""


class SlowBodyError(RefusedError):
    """The body did not come in whole in time."""


_STATUS: dict[type[NfvigilError], HTTPStatus] = {
    UnknownCallerError: HTTPStatus.UNAUTHORIZED,
    ForbiddenError: HTTPStatus.FORBIDDEN,
    ConflictError: HTTPStatus.CONFLICT,
    TooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    MediaTypeError: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    SlowBodyError: HTTPStatus.REQUEST_TIMEOUT,
}


def json_answer(value: object, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(_encode(value), status, media_type="application/json")


def problem(status: HTTPStatus, detail: str, headers: dict[str, str] | None = None, **more: Any) -> Response:
    body = {
        "type": f"/docs#problem-{status.value}",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
    } | more
    return Response(_encode(body), status, headers, media_type="application/problem+json")


def problem_of(error: NfvigilError) -> Response:
    """The answer to a request as a whole that was refused, or cannot be served now."""
    if isinstance(error, UnavailableError):
        after = str(max(1, ceil(error.retry_after_seconds)))
        too_often = isinstance(error, TooOftenError)
        status = HTTPStatus.TOO_MANY_REQUESTS if too_often else HTTPStatus.SERVICE_UNAVAILABLE
        return problem(status, str(error), {"Retry-After": after})
    if not isinstance(error, RefusedError):
        raise error
    status = _STATUS.get(type(error), HTTPStatus.BAD_REQUEST)
    headers = {"WWW-Authenticate": "Bearer"} if status is HTTPStatus.UNAUTHORIZED else None
    errors = [{"field": one.field, "reason": one.reason} for one in error.errors]
    return problem(status, error.message, headers, **({"errors": errors} if errors else {}))


def receipt_view(receipt: Receipt) -> dict[str, Any]:
    """JSON-ready. The id is text: many readers of JSON lose the last digits of a 63-bit number."""
    view: dict[str, Any] = {"state": receipt.state}
    if receipt.id is not None:
        view["id"] = str(receipt.id)
    if receipt.flags:
        view["flags"] = receipt.flags
    if receipt.errors:
        view["errors"] = [{"field": field, "reason": reason} for field, reason in receipt.errors]
    return view


def refused(receipts: Sequence[Receipt]) -> Response:
    """400 with what is wrong; it says so where others of the same message were kept nevertheless."""
    bad = sum(receipt.state is ReceiptState.REFUSED for receipt in receipts)
    detail = "the event was refused" if len(receipts) == 1 else f"{bad} of {len(receipts)} events were refused"
    if bad < len(receipts):
        detail += "; the others were taken in and need not be sent again"
    return problem(HTTPStatus.BAD_REQUEST, detail, errors=_errors(receipts), events=[*map(receipt_view, receipts)])


def _errors(receipts: Iterable[Receipt]) -> list[dict[str, str]]:
    return [{"field": field, "reason": reason} for receipt in receipts for field, reason in receipt.errors]
