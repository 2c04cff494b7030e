"""Recovery: what an owner wants done when a server of its is hit, defined beforehand. Without it nothing is done."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from fastapi import Path, Request, Response
from fastapi import Query as QueryParameters
from pydantic import Field, WithJsonSchema

from nfvigil.errors import NotFoundError
from nfvigil.inspector.deeds import DEEDS_FOR, Case
from nfvigil.model.identity import Identity
from nfvigil.model.recovery import RecoveryView
from nfvigil.model.resource import key_of
from nfvigil.model.times import iso
from nfvigil.northbound.etags import answer, require_match, tagged_answer
from nfvigil.northbound.fields import Body, Number, Shape, Text
from nfvigil.northbound.guarded import OF_A_BODY, Caller, for_readers, for_writers, problems
from nfvigil.northbound.paging import Listing, Page, page
from nfvigil.northbound.parts import Have, Parts, note
from nfvigil.northbound.shapes import Time
from nfvigil.northbound.tagged import ETAG, NOT_MODIFIED

read = for_readers("recovery")
write = for_writers("recovery")

ResourceId = Annotated[Text, Path(description="Its id.")]


class CoveredKind(StrEnum):
    """What a recovery may be defined for."""

    SERVER = "server"
    GROUP = "group"
    PROJECT = "project"


CaseName = Annotated[Text, WithJsonSchema({"type": "string", "enum": list(Case)})]
DeedName = Annotated[Text, WithJsonSchema({"type": "string", "enum": sorted(set().union(*DEEDS_FOR.values()))})]


class WantedBody(Body):
    action: DeedName
    after_seconds: Annotated[Number, Field(ge=0, le=86_400, description="How long to wait first.")] = 0.0


class RecoveryBody(Body):
    do: Annotated[
        dict[CaseName, WantedBody],
        Field(
            min_length=1,
            max_length=10,
            description="What to do, by case. "
            + "; ".join(f"`{case}`: {', '.join(sorted(deeds))}" for case, deeds in DEEDS_FOR.items()),
        ),
    ]


class WantedShape(Shape):
    action: str
    after_seconds: float


class RecoveryShape(Shape):
    resource: str
    project_id: str
    by: str
    set_time: Time
    do: dict[str, WantedShape]


def view(recovery: RecoveryView) -> dict[str, Any]:
    return {
        "resource": recovery.resource,
        "project_id": recovery.project,
        "by": recovery.by,
        "set_time": iso(recovery.set_us),
        "do": recovery.do,
    }


@read.get("/v1/recovery", response_model=Listing[RecoveryShape])
async def list_recoveries(parts: Have, caller: Caller, parameters: Annotated[Page, QueryParameters()]) -> Response:
    """All that is defined: the project's own, or everybody's for an administrator."""
    found = parts.recovery.recoveries(caller.scope, parameters.marker or "", parameters.limit)
    return answer(await page(found, parameters.limit, lambda one: one.resource, view))


@read.get(
    "/v1/recovery/{kind}/{resource_id}", response_model=RecoveryShape, responses=problems(404) | ETAG | NOT_MODIFIED
)
async def show_recovery(
    parts: Have, caller: Caller, request: Request, kind: CoveredKind, resource_id: ResourceId
) -> Response:
    """What is defined for one resource."""
    return tagged_answer(request, view(parts.recovery.recovery(key_of(kind, resource_id), caller.scope)))


def _require_match(parts: Parts, caller: Identity, request: Request, resource: str) -> None:
    """Where the caller says which state it has seen: nothing defined is a state like any other."""
    if "if-match" not in request.headers:
        return
    try:
        seen: Any = view(parts.recovery.recovery(resource, caller.scope))
    except NotFoundError:
        seen = None
    require_match(request, seen)


@write.put(
    "/v1/recovery/{kind}/{resource_id}", response_model=RecoveryShape, responses=problems(404, 412) | ETAG | OF_A_BODY
)
async def define_recovery(
    parts: Have, caller: Caller, request: Request, kind: CoveredKind, resource_id: ResourceId, body: RecoveryBody
) -> Response:
    """Define it, instead of what was defined for this resource before. A server's own goes before its group's, and
    that before the project's.
    """
    resource = key_of(kind, resource_id)
    _require_match(parts, caller, request, resource)
    do = {case: wanted.model_dump() for case, wanted in body.do.items()}
    defined = await parts.recovery.define_recovery(caller, resource, do)
    await note(parts, caller, "defined recovery", resource)
    return tagged_answer(request, view(defined))


@write.delete("/v1/recovery/{kind}/{resource_id}", status_code=204, responses=problems(404, 412))
async def forget_recovery(
    parts: Have, caller: Caller, request: Request, kind: CoveredKind, resource_id: ResourceId
) -> Response:
    """From now on nothing is done for it that nobody asks for."""
    resource = key_of(kind, resource_id)
    _require_match(parts, caller, request, resource)
    await parts.recovery.forget_recovery(caller, resource)
    await note(parts, caller, "took recovery back", resource)
    return Response(None, 204)
