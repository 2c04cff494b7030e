"""Routes that find out who asks, and whether they may, before they read what was sent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Protocol, cast, get_origin

import msgspec
from fastapi import APIRouter, Depends, Request, Response, Security
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.security import APIKeyHeader, HTTPBearer
from pydantic import Field
from starlette.requests import ClientDisconnect

from nfvigil.errors import FieldError, ForbiddenError, NfvigilError, RefusedError
from nfvigil.model.identity import Identity, Via
from nfvigil.northbound.audit_notes import AuditNotes
from nfvigil.northbound.fields import Shape
from nfvigil.northbound.parts import parts_of
from nfvigil.northbound.problems import MEDIA_TYPE, BodyTooLargeError, MediaTypeError, SlowBodyError, problem_of
from nfvigil.northbound.rules.rule import Audience, rule_name

BODY_MAX_BYTES = 1 << 20
BODY_SECONDS = 30.0
KEY = "idempotency-key"

LOOKING = frozenset({"GET", "HEAD"})
"""Methods that change nothing."""


class Permissions(Protocol):
    """The rules in force."""

    def may(self, rule: str, caller: Identity, /) -> bool: ...

    def takers(self, rule: str, /) -> Sequence[str]:
        """The personas that it is for."""


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

    audience: ClassVar[Audience] = Audience.READERS

    @property
    def rule(self) -> str:
        """The name of the rule that says who may."""
        return rule_name(str(self.tags[0]), self.endpoint.__name__)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        rule, audience = self.rule, self.audience
        reads_body = self.body_field is not None
        takes = _parameters(self.dependant) if self.path.startswith("/v1/") else None
        # What is named by its key has that as its own way of being done once; a question has no effect to repeat.
        is_named = any(one.name == "idempotency_key" for one in self.dependant.header_params)
        keeps_answers = "POST" in (self.methods or ()) and not is_named and audience is not Audience.READERS

        async def guarded(request: Request) -> Response:
            identity = await parts_of(request).guard(request)
            notes = notes_of(request)
            try:
                require(request, rule, identity)
            except ForbiddenError:
                if notes is not None:
                    await notes.refused(request, rule, identity)
                raise
            changes = request.method not in LOOKING and audience is not Audience.READERS
            if identity.sees_all and changes:
                # It reads what all projects have, and changes what its own role and project let it.
                identity = msgspec.structs.replace(identity, sees_all=False)
            request.state.identity = identity
            if takes is not None and request.query_params:
                _check_parameters(request, takes)

            async def go_on() -> Response:
                whole = await _bounded(request) if reads_body else request
                if not keeps_answers or KEY not in request.headers:
                    return await handle(whole)
                parts = parts_of(request)
                body = await whole.body() if reads_body else b""
                return await parts.once(parts.store, request, identity, body, lambda: handle(whole))

            if notes is None:
                return await go_on()
            if not changes:
                if identity.via is Via.BREAK_GLASS:
                    await notes.looked(request, rule, identity)
                return await go_on()
            return await audited(notes, request, rule, identity, go_on)

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
    audience = Audience.READERS


class WriteRoute(GuardedRoute):
    audience = Audience.WRITERS


class AdminRoute(GuardedRoute):
    audience = Audience.ADMINISTRATORS


async def audited(
    notes: AuditNotes, request: Request, rule: str, caller: Identity, go_on: Callable[[], Awaitable[Response]]
) -> Response:
    """What may change something is in the audit log before it is begun, and how it ended after that."""
    begun = await notes.begin(request, rule, caller)
    try:
        response = await go_on()
    except NfvigilError as error:
        await notes.end(begun, problem_of(error).status_code, _reason(error))
        raise
    except RequestValidationError:
        await notes.end(begun, 400, "the request is wrong")
        raise
    except BaseException:
        await notes.end(begun, 500)
        raise
    await notes.end(begun, response.status_code)
    response.headers["X-Request-Id"] = begun.request
    return response


def _reason(error: NfvigilError) -> str:
    """What was wrong, and in which fields; not what was sent in them."""
    if not isinstance(error, RefusedError):
        return str(error)
    return error.message + "".join(f"; {one.field}" for one in error.errors[:20])


def notes_of(request: Request) -> AuditNotes | None:
    return cast("AuditNotes | None", request.app.state.audit_notes)


def require(request: Request, rule: str, caller: Identity) -> None:
    """ForbiddenError where the rule does not let this caller."""
    permissions = cast(Permissions, request.app.state.permissions)
    if not permissions.may(rule, caller):
        takers = permissions.takers(rule)
        named = [name for name in takers if name != "system_reader" or "reader" not in takers]
        raise ForbiddenError(f"the role {caller.role} may not do this; it takes {' or '.join(named) or 'nobody'}")


async def may_send(request: Request, caller: Identity) -> None:
    """What an event door asks before it reads a body. ForbiddenError where its rule does not let this caller."""
    rule = request.app.state.door_rules.get(request.scope.get("endpoint"), "")
    try:
        require(request, rule, caller)
    except ForbiddenError:
        notes = notes_of(request)
        if notes is not None:
            await notes.refused(request, rule, caller)
        raise


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
    except ClientDisconnect as error:
        # Nobody is there to hear it, but it is no bug of ours, and the log is not for strangers to fill.
        raise RefusedError("the body was cut off") from error
    return b"".join(chunks)
