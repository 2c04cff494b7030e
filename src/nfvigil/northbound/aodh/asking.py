"""What the routes of Aodh's API have in common: who may see and change what, and how lists go out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import Path
from fastapi import Query as QueryParameter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from nfvigil.errors import FieldError, ForbiddenError, NotFoundError, RefusedError
from nfvigil.model.identity import Identity
from nfvigil.northbound.aodh.bodies import CONTROL_FREE, user_of
from nfvigil.northbound.aodh.desk import Alarming
from nfvigil.northbound.etags import HEADERS
from nfvigil.northbound.fields import AS_WHOLE
from nfvigil.northbound.parts import Parts

One = TypeVar("One")
AlarmId = Annotated[str, Path(min_length=1, max_length=255, pattern=CONTROL_FREE, description="The alarm's id.")]
_Texts = list[Annotated[str, Field(max_length=1024, pattern=r"^[^\x00]*$")]]
QFields = Annotated[_Texts | None, QueryParameter(alias="q.field", max_length=100)]
QOps = Annotated[_Texts | None, QueryParameter(alias="q.op", max_length=100)]
QValues = Annotated[_Texts | None, QueryParameter(alias="q.value", max_length=100)]
QTypes = Annotated[_Texts | None, QueryParameter(alias="q.type", max_length=100, description="Not looked at.")]
Limit = Annotated[int | None, Field(ge=1, le=1_000_000), AS_WHOLE, QueryParameter(description="All, if left out.")]
Marker = Annotated[str | None, QueryParameter(max_length=255, pattern=CONTROL_FREE)]
Sorts = Annotated[_Texts | None, QueryParameter(max_length=100, description="`name:asc`, `severity:desc`, ...")]
LISTING = frozenset({"q.field", "q.op", "q.value", "q.type", "limit", "marker", "sort"})
_encode = msgspec.json.Encoder().encode


def alarming_of(parts: Parts) -> Alarming:
    if parts.alarming is None:
        raise NotFoundError("there are no event alarms here")
    return parts.alarming


def known_only(request: Request, names: frozenset[str]) -> None:
    """A parameter that is misspelt would show all."""
    unknown = sorted(set(request.query_params) - names)
    if unknown:
        errors = [FieldError(name[:100], "Unknown argument") for name in unknown[:10]]
        raise RefusedError("the request is wrong", errors)


def writable(caller: Identity) -> str | None:
    """Whose alarms it may change: None for all, else the project's."""
    if caller.is_admin:
        return None
    if not caller.project:
        raise ForbiddenError("your token speaks for no project, so there is nothing to change")
    return caller.project


def by(caller: Identity) -> tuple[str, str]:
    return caller.project or "", user_of(caller)


async def listed(pages: AsyncIterator[Sequence[One]], view: Callable[[One], Any]) -> Response:
    """All of them, however many: a page is read when the one before it is on its way."""
    first: list[One] = []
    async for page in pages:
        first = list(page)
        break
    body = _encode([view(one) for one in first])
    if len(first) < FULL:
        return Response(body, headers=HEADERS, media_type="application/json")

    async def rest() -> AsyncIterator[bytes]:
        yield body[:-1]
        async for page in pages:
            if page:
                yield b"," + _encode([view(one) for one in page])[1:-1]
        yield b"]"

    return StreamingResponse(rest(), headers=HEADERS, media_type="application/json")


FULL = 1_000
"""What may be followed by more."""
