"""Which versions of the API there are (ETSI SOL013, 9.3)."""

from __future__ import annotations

from fastapi import Request, Response

from nfvigil.northbound.etags import answer
from nfvigil.northbound.fields import Shape
from nfvigil.northbound.guarded import Caller
from nfvigil.northbound.parts import Have, Parts
from nfvigil.northbound.sol.routes import VERSION, reading, root_of

read = reading()


class ApiVersion(Shape):
    version: str
    isDeprecated: bool


class ApiVersionInformation(Shape):
    uriPrefix: str
    apiVersions: list[ApiVersion]


def _versions(parts: Parts, request: Request, path: str) -> Response:
    return answer(
        {
            "uriPrefix": f"{root_of(parts, request)}{path}",
            "apiVersions": [{"version": VERSION, "isDeprecated": False}],
        }
    )


@read.get("/vnffm/api_versions", response_model=ApiVersionInformation)
async def list_sol_versions(parts: Have, caller: Caller, request: Request) -> Response:
    """The versions of this API."""
    return _versions(parts, request, "/vnffm")


@read.get("/vnffm/v1/api_versions", response_model=ApiVersionInformation)
async def list_sol_versions_of_v1(parts: Have, caller: Caller, request: Request) -> Response:
    """The versions of this API of the major version 1."""
    return _versions(parts, request, "/vnffm/v1")
