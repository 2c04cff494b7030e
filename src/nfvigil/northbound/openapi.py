"""The description of the API (OpenAPI 3.1): what FastAPI knows, our problems, and the plain routes beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from nfvigil.northbound.front import VERSION, VERSION_HEADER
from nfvigil.northbound.guarded import Problem
from nfvigil.northbound.once import HEADER

DESCRIPTION = """Fault management for telco clouds: who is affected, what was done, who was told.

Times are RFC 3339 in UTC, ids are text. Lists come in pages: go on with `marker` set to `next` of the answer.
Errors are `application/problem+json` (RFC 9457) and name every field that is wrong. A project sees only what it owns;
what belongs to others looks as if it were not there.
"""


def describe(app: FastAPI, extra: Mapping[str, Any]) -> dict[str, Any]:
    document = get_openapi(title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(_schemas_of_problems())
    _declare_headers(document)
    return merged(document, extra)


def description_route(app: FastAPI, extra: Mapping[str, Any]) -> Route:
    """``/openapi.json``. It takes a fifth of a second to make, which nobody who only sends events should wait for:
    so it is made when it is first asked for, beside the event loop.
    """
    made: list[bytes] = []
    making = asyncio.Lock()

    async def show(request: Request) -> Response:
        async with making:
            if not made:
                made.append(msgspec.json.encode(await asyncio.to_thread(describe, app, extra)))
        return Response(made[0], media_type="application/json")

    return Route("/openapi.json", show, methods=["GET"], include_in_schema=False)


def merged(document: dict[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """``document`` with the ``paths`` and ``components`` of ``extra``; an operation that both have is an error."""
    for path, operations in extra.get("paths", {}).items():
        mine = document.setdefault("paths", {}).setdefault(path, {})
        for method, operation in operations.items():
            if method in mine:
                raise ValueError(f"{method} {path} is described twice")
            mine[method] = operation
    for group, members in extra.get("components", {}).items():
        document.setdefault("components", {}).setdefault(group, {}).update(members)
    return document


_VERSION: dict[str, Any] = {
    "name": VERSION_HEADER,
    "in": "header",
    "required": False,
    "description": "The version that is wanted; another one than this answers `406`.",
    "schema": {"type": "string", "enum": [VERSION]},
}
_KEY: dict[str, Any] = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "Sent again with the same key, within 24 hours, the same request is answered again and not done "
    "again; another one with this key answers `409`.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]([ -~]{0,253}[!-~])?$"},
}


def _declare_headers(document: Mapping[str, Any]) -> None:
    """What every operation under ``/v1`` takes: its route does not say so itself."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            parameters = operation.setdefault("parameters", [])
            names = {one["name"].lower() for one in parameters}
            if path.startswith("/v1"):
                parameters.append(_VERSION)
            if method == "post" and "security" in operation and HEADER.lower() not in names:
                parameters.append(_KEY)
            if not parameters:
                del operation["parameters"]


def _schemas_of_problems() -> dict[str, Any]:
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    inner: dict[str, Any] = schema.pop("$defs", {})
    return inner | {"Problem": schema}
