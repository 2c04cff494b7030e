"""Routes that find out who asks, and whether they may, before they read what was sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Annotated, Any, ClassVar, cast, get_origin

from fastapi import APIRouter, Depends, Request, Response, Security
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.security import APIKeyHeader, HTTPBearer
from pydantic import Field

from nfvigil.errors import FieldError, ForbiddenError, RefusedError
from nfvigil.model.identity import Identity, Role
from nfvigil.northbound.fields import Shape
from nfvigil.northbound.parts import parts_of
from nfvigil.northbound.problems import MEDIA_TYPE, BodyTooLargeError, MediaTypeError, SlowBodyError

BODY_MAX_BYTES = 1 << 20
BODY_SECONDS = 30.0
KEY = "idempotency-key"

READERS = frozenset({Role.READER, Role.MEMBER, Role.MANAGER, Role.ADMIN})
WRITERS = frozenset({Role.MEMBER, Role.MANAGER, Role.ADMIN})
ADMINISTRATORS = frozenset({Role.ADMIN})


class Flaw(Shape):
    """One thing that is wrong with what was sent."""

    field: str
    reason: str
    line: int | None = None


class Problem(Shape):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
    errors: list[Flaw] | None = None
    """Every fault that was found in the request."""


_TEXTS = {
    400: "The request is wrong; `errors` says where.",
    401: "No token, or one that is not valid.",
    403: "The caller's role does not allow this.",
    404: "There is no such thing, or it is not the caller's.",
    406: "There is no such version of the API: see the header that names it.",
    408: "The body did not come in whole in time.",
    409: "It is in the wrong state for this.",
    410: "What the caller knows is of a past that is not there any more: begin anew.",
    412: "It was changed since the caller has seen it (`If-Match`).",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "It is understood and cannot be done; `errors` says why.",
    503: "The database or the cloud is away: try again after `Retry-After` seconds.",
}
_HEADERS = {
    401: {"WWW-Authenticate": {"schema": {"type": "string"}}},
    503: {"Retry-After": {"schema": {"type": "string", "pattern": "^[0-9]+$"}}},
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Declares errors of an operation."""
    return {status: _declared(_TEXTS[status], _HEADERS.get(status)) for status in statuses}


def _declared(text: str, headers: dict[str, Any] | None = None) -> dict[str, Any]:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": text, "content": content} | ({"headers": headers} if headers else {})


ANY_PROBLEM: dict[int | str, dict[str, Any]] = {"default": _declared("Another error.")}
OF_A_BODY = problems(408, 413, 415)


class GuardedRoute(APIRoute):
    """First who, then what: a stranger's megabyte is not read."""

    roles: ClassVar[frozenset[Role]] = READERS

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        roles = self.roles
        reads_body = self.body_field is not None
        takes = _parameters(self.dependant) if self.path.startswith("/v1/") else None
        # What is named by its key has that as its own way of being done once.
        is_named = any(one.name == "idempotency_key" for one in self.dependant.header_params)
        keeps_answers = "POST" in (self.methods or ()) and not is_named

        async def guarded(request: Request) -> Response:
            identity = await parts_of(request).guard(request)
            if identity.role not in roles:
                raise ForbiddenError(f"the role {identity.role} may not do this; it takes {_one_of(roles)}")
            request.state.identity = identity
            if takes is not None and request.query_params:
                _check_parameters(request, takes)
            whole = await _bounded(request) if reads_body else request
            if not keeps_answers or KEY not in request.headers:
                return await handle(whole)
            parts = parts_of(request)
            body = await whole.body() if reads_body else b""
            return await parts.once(parts.store, request, identity, body, lambda: handle(whole))

        return guarded


def _parameters(dependant: Dependant) -> dict[str, bool]:
    """The query parameters of an operation, and whether each may be repeated."""
    models = [one.field_info.annotation for one in dependant.query_params]
    fields = {
        field.alias or name: field for model in models for name, field in getattr(model, "model_fields", {}).items()
    }
    return {name: get_origin(field.annotation) in (list, tuple) for name, field in fields.items()}


def _check_parameters(request: Request, takes: Mapping[str, bool]) -> None:
    """Refuse what would be passed by in silence: one that the operation does not have, or has once."""
    given = request.query_params
    flaws = [FieldError(name[:300], "is not known here") for name in given if name not in takes]
    flaws += [
        FieldError(name, "is given more than once")
        for name, is_many in takes.items()
        if not is_many and len(given.getlist(name)) > 1
    ]
    if flaws:
        raise RefusedError("the request is wrong", flaws)


class ReadRoute(GuardedRoute):
    roles = READERS


class WriteRoute(GuardedRoute):
    roles = WRITERS


class AdminRoute(GuardedRoute):
    roles = ADMINISTRATORS


def _one_of(roles: frozenset[Role]) -> str:
    return " or ".join(role for role in Role if role in roles)


_header = APIKeyHeader(name="X-Auth-Token", scheme_name="token", description="A local token.", auto_error=False)
_bearer = HTTPBearer(scheme_name="bearer", description="The same token.", auto_error=False)


def _router(route_class: type[GuardedRoute], tag: str) -> APIRouter:
    return APIRouter(
        route_class=route_class,
        tags=[tag],
        dependencies=[Security(_header), Security(_bearer)],
        responses=problems(400, 401, 403, 503) | ANY_PROBLEM,
    )


def for_readers(tag: str) -> APIRouter:
    return _router(ReadRoute, tag)


def for_writers(tag: str) -> APIRouter:
    return _router(WriteRoute, tag)


def for_administrators(tag: str) -> APIRouter:
    return _router(AdminRoute, tag)


def caller_of(request: Request) -> Identity:
    return cast(Identity, request.state.identity)


Caller = Annotated[Identity, Depends(caller_of)]


class _ReadRequest(Request):
    """A request whose body is here already."""

    def __init__(self, request: Request, body: bytes) -> None:
        super().__init__(request.scope, request.receive)
        self._body = body


async def _bounded(request: Request) -> Request:
    """The same request with its body read: JSON, within a size and a time."""
    body = await _read(request)
    given = request.headers.get("content-type")
    media = (given or "").partition(";")[0].strip().lower()
    if body and media != "application/json" and not (media.startswith("application/") and media.endswith("+json")):
        raise MediaTypeError("send application/json", [FieldError("Content-Type", f"is {media[:100] or 'missing'}")])
    return _ReadRequest(request, body)


async def _read(request: Request) -> bytes:
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told[:20]) > BODY_MAX_BYTES:
        raise BodyTooLargeError(f"the body must be at most {BODY_MAX_BYTES} bytes")
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                size += len(chunk)
                if size > BODY_MAX_BYTES:
                    raise BodyTooLargeError(f"the body must be at most {BODY_MAX_BYTES} bytes")
                chunks.append(chunk)
    except TimeoutError as error:
        raise SlowBodyError(f"the body did not come in within {BODY_SECONDS:g} s") from error
    return b"".join(chunks)
