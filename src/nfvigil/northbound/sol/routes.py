"""Routes in the manner of ETSI SOL013: the header ``Version`` both ways, and Basic for those who know nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Response
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request

from nfvigil.errors import FieldError, NfvigilError
from nfvigil.northbound.basic import with_token
from nfvigil.northbound.guarded import ReadRoute, WriteRoute, for_readers, for_writers
from nfvigil.northbound.parts import Parts
from nfvigil.northbound.problems import UnknownVersionError, problem_of, validation_problem

VERSION = "1.3.0"
TAG = "sol-fm"

_VERSION = re.compile(r"(\d{1,4})(\.\d{1,4}){0,2}(-impl:.{1,200})?", re.ASCII)
Handle = Callable[[Request], Coroutine[Any, Any, Response]]


def _spoken(handle: Handle) -> Handle:
    async def answered(request: Request) -> Response:
        try:
            check_version(request.headers.get("version"))
            answer = await handle(with_token(request))
        except NfvigilError as error:
            answer = problem_of(error)
        except RequestValidationError as error:
            answer = validation_problem(error)
        answer.headers["Version"] = VERSION
        return answer

    return answered


def check_version(given: str | None) -> None:
    """Any 1.x is what we speak. One that names none is taken as it comes: what is simple leaves the header out."""
    match = _VERSION.fullmatch(given.strip()) if given is not None else None
    if given is not None and (match is None or match.group(1) != VERSION.partition(".")[0]):
        raise UnknownVersionError(f"this API is spoken in {VERSION}", [FieldError("Version", "is another one")])


class SolReadRoute(ReadRoute):
    def get_route_handler(self) -> Handle:
        return _spoken(super().get_route_handler())


class SolWriteRoute(WriteRoute):
    def get_route_handler(self) -> Handle:
        return _spoken(super().get_route_handler())


def reading() -> APIRouter:
    router = for_readers(TAG)
    router.route_class = SolReadRoute
    return router


def writing() -> APIRouter:
    router = for_writers(TAG)
    router.route_class = SolWriteRoute
    return router


def root_of(parts: Parts, request: Request) -> str:
    """The address under which this consumer reaches us: links are for it."""
    return parts.vnf.sol_root or str(request.base_url).rstrip("/")
