"""Errors as Aodh's clients read them, and routes that answer so."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Literal

import msgspec
from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from nfvigil.errors import NfvigilError
from nfvigil.northbound.fields import Shape
from nfvigil.northbound.guarded import ReadRoute, WriteRoute, for_readers, for_writers
from nfvigil.northbound.problems import problem_of, validation_problem

TAG = "aodh"


class FaultText(Shape):
    debuginfo: str | None
    faultcode: Literal["Client", "Server"]
    faultstring: str


class AodhFault(Shape):
    """An error in Aodh's form."""

    error_message: FaultText


class UnauthorizedError(NfvigilError):
    """Aodh answers 401 where somebody asks for what is another project's."""


def error_view(text: str, status: int) -> dict[str, Any]:
    fault = {"debuginfo": None, "faultcode": "Client" if status < 500 else "Server", "faultstring": text}
    return {"error_message": fault}


def _answer(error: NfvigilError | RequestValidationError | HTTPException) -> Response:
    """The status and the headers of our own API, with the body of Aodh's."""
    if isinstance(error, UnauthorizedError):
        return _response(str(error), 401, {})
    if isinstance(error, HTTPException):
        return _response(str(error.detail), error.status_code, dict(error.headers or {}))
    told = validation_problem(error) if isinstance(error, RequestValidationError) else problem_of(error)
    problem = msgspec.json.decode(bytes(told.body))
    flaws = [f"{one['field']}: {one['reason']}" for one in problem.get("errors", ())]
    text = "; ".join([problem["detail"], *flaws]) if flaws else problem["detail"]
    kept = {name: told.headers[name] for name in ("retry-after", "www-authenticate") if name in told.headers}
    return _response(text, told.status_code, kept)


def _response(text: str, status: int, headers: dict[str, str]) -> Response:
    return Response(msgspec.json.encode(error_view(text, status)), status, headers, media_type="application/json")


Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def _spoken(handle: Handler) -> Handler:
    async def spoken(request: Request) -> Response:
        try:
            return await handle(request)
        except (NfvigilError, RequestValidationError, HTTPException) as error:
            return _answer(error)

    return spoken


class AodhReadRoute(ReadRoute):
    def get_route_handler(self) -> Handler:
        return _spoken(super().get_route_handler())


class AodhWriteRoute(WriteRoute):
    def get_route_handler(self) -> Handler:
        return _spoken(super().get_route_handler())


_TEXTS: dict[int | str, str] = {
    400: "The request is wrong; `faultstring` names the fields.",
    401: "No token, one that is not valid, or it is another project's.",
    403: "The caller may not, or there are as many alarms as there may be.",
    404: "There is no such alarm, or it is another project's.",
    "default": "Another error.",
}
_DECLARED: dict[int | str, dict[str, Any]] = {
    status: {"description": text, "model": AodhFault} for status, text in _TEXTS.items()
}


def reading() -> APIRouter:
    return _in_aodhs_words(for_readers(TAG), AodhReadRoute)


def writing() -> APIRouter:
    return _in_aodhs_words(for_writers(TAG), AodhWriteRoute)


def _in_aodhs_words(router: APIRouter, route_class: type[ReadRoute] | type[WriteRoute]) -> APIRouter:
    router.route_class = route_class
    router.responses = dict(_DECLARED)
    return router
