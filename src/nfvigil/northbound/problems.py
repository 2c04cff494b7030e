"""Errors as problem+json (RFC 9457): what is wrong, in which field, and nothing of our inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from math import ceil
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match

from nfvigil.errors import (
    ConflictError,
    FieldError,
    ForbiddenError,
    NfvigilError,
    NotFoundError,
    RefusedError,
    TooOftenError,
    UnavailableError,
    UnknownCallerError,
    UnsafeError,
)

MEDIA_TYPE = "application/problem+json"
ERRORS_MAX = 100
_METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")


class PreconditionError(RefusedError):
    """It is not in the state any more that the caller has seen (``If-Match``)."""


class GoneError(RefusedError):
    """What the caller knows is of a past that is not there any more: it begins anew."""


class VersionError(RefusedError):
    """The caller asks for a version of the API that this service does not speak."""


class BodyTooLargeError(RefusedError):
    """The body is larger than we read."""


class MediaTypeError(RefusedError):
    """The body is not in a form that we read."""


class UnprocessableError(RefusedError):
    """It is understood, and cannot be done: a consumer that does not answer, a way to log in that we do not have."""


class UnknownVersionError(RefusedError):
    """The API is not spoken in the version that the caller wants."""


class SlowBodyError(RefusedError):
    """The body did not come in whole in time."""


_STATUS: dict[type[NfvigilError], HTTPStatus] = {
    UnknownCallerError: HTTPStatus.UNAUTHORIZED,
    ForbiddenError: HTTPStatus.FORBIDDEN,
    NotFoundError: HTTPStatus.NOT_FOUND,
    SlowBodyError: HTTPStatus.REQUEST_TIMEOUT,
    ConflictError: HTTPStatus.CONFLICT,
    GoneError: HTTPStatus.GONE,
    VersionError: HTTPStatus.NOT_ACCEPTABLE,
    UnsafeError: HTTPStatus.CONFLICT,
    PreconditionError: HTTPStatus.PRECONDITION_FAILED,
    BodyTooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    MediaTypeError: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    RefusedError: HTTPStatus.BAD_REQUEST,
    TooOftenError: HTTPStatus.TOO_MANY_REQUESTS,
    UnprocessableError: HTTPStatus.UNPROCESSABLE_ENTITY,
    UnknownVersionError: HTTPStatus.NOT_ACCEPTABLE,
    UnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
}


def type_of(status: int) -> str:
    """Where the page at ``/docs`` says what this sort of problem means and what to do about it."""
    return f"/docs#problem-{int(status)}"


def problem(
    status: int, detail: str, errors: Sequence[FieldError] = (), headers: Mapping[str, str] | None = None
) -> Response:
    body: dict[str, Any] = {
        "type": type_of(status),
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
    }
    if errors:
        body["errors"] = [field_error_view(error) for error in errors[:ERRORS_MAX]]
    return Response(msgspec.json.encode(body), int(status), headers, media_type=MEDIA_TYPE)


def field_error_view(error: FieldError) -> dict[str, Any]:
    view: dict[str, Any] = {"field": error.field, "reason": error.reason}
    return view | {"line": error.line} if error.line else view


def problem_of(error: NfvigilError) -> Response:
    status = next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), None)
    if status is None:
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "something went wrong on our side")
    if isinstance(error, RefusedError):
        headers = {"WWW-Authenticate": "Bearer"} if status is HTTPStatus.UNAUTHORIZED else None
        return problem(status, error.message, error.errors, headers)
    if isinstance(error, UnavailableError):
        after = str(max(1, ceil(error.retry_after_seconds)))
        return problem(status, str(error), headers={"Retry-After": after})
    return problem(status, str(error))


def validation_problem(error: RequestValidationError) -> Response:
    return problem(HTTPStatus.BAD_REQUEST, "the request is wrong", [*map(_field_error, error.errors())])


def install(app: FastAPI) -> None:
    """Every error of this app leaves it as problem+json."""

    async def ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, NfvigilError)
        return problem_of(error)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return validation_problem(error)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            allowed = ", ".join(_allowed(app.routes, request))
            if request.method == "OPTIONS":
                return Response(None, HTTPStatus.NO_CONTENT, {"Allow": allowed})
            return problem(error.status_code, f"allowed are {allowed}", headers={"Allow": allowed})
        detail = "there is no such address" if error.status_code == HTTPStatus.NOT_FOUND else str(error.detail)
        return problem(error.status_code, detail, headers=error.headers)

    async def unexpected(request: Request, error: Exception) -> Response:
        # The server logs it with its traceback; the caller learns nothing of our inside.
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "something went wrong on our side")

    app.add_exception_handler(NfvigilError, ours)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, unexpected)


def _field_error(error: Mapping[str, Any]) -> FieldError:
    place, *path = error["loc"]
    if error["type"] == "json_invalid":
        position = path[0] if path else 0
        return FieldError("body", f"is not JSON: {error.get('ctx', {}).get('error', '')} at character {position}")
    field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
    reason = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        reason = "is not known here"
    return FieldError((field or str(place))[:300], reason[:1].lower() + reason[1:300])


def _allowed(routes: Sequence[BaseRoute], request: Request) -> list[str]:
    """Every method that some route has for this path: several may share one."""
    found = ["OPTIONS"]
    for method in _METHODS:
        scope = {**request.scope, "method": method}
        if any(route.matches(scope)[0] is Match.FULL for route in routes):
            found.append(method)
            found += ["HEAD"] if method == "GET" else []
    return sorted(found)
