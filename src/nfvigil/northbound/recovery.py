"""Recovery: what an owner wants done when a server of its is hit, defined beforehand. Without it nothing is done."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Response
from fastapi import Query as QueryParameters
from pydantic import Field, StrictFloat, StrictInt

from nfvigil.model.recovery import RecoveryView
from nfvigil.model.times import iso
from nfvigil.northbound.etags import answer
from nfvigil.northbound.fields import VISIBLE, Body, Shape, Text
from nfvigil.northbound.guarded import OF_A_BODY, Caller, for_readers, for_writers, problems
from nfvigil.northbound.paging import Listing, Page, page
from nfvigil.northbound.parts import Have, note
from nfvigil.northbound.shapes import Time

read = for_readers("recovery")
write = for_writers("recovery")

ResourceKey = Annotated[
    str,
    Path(max_length=300, pattern=VISIBLE, description="`server/<id>`, `group/<id>` or `project/<id>`."),
]


class WantedBody(Body):
    action: Text
    after_seconds: Annotated[StrictInt | StrictFloat, Field(ge=0, le=86_400)] = 0


class RecoveryBody(Body):
    """What to do, by case: ``host_down``, ``host_degraded``, ``server_failed``."""

    do: Annotated[dict[Text, WantedBody], Field(min_length=1, max_length=10)]


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


@read.get("/v1/recovery/{resource:path}", response_model=RecoveryShape, responses=problems(404))
async def show_recovery(parts: Have, caller: Caller, resource: ResourceKey) -> Response:
    """What is defined for one resource."""
    return answer(view(parts.recovery.recovery(resource, caller.scope)))


@write.put("/v1/recovery/{resource:path}", response_model=RecoveryShape, responses=problems(404) | OF_A_BODY)
async def define_recovery(parts: Have, caller: Caller, resource: ResourceKey, body: RecoveryBody) -> Response:
    """Define it, instead of what was defined for this resource before. A server's own goes before its group's, and
    that before the project's.
    """
    do = {case: wanted.model_dump() for case, wanted in body.do.items()}
    defined = await parts.recovery.define_recovery(caller, resource, do)
    await note(parts, caller, "defined recovery", resource)
    return answer(view(defined))


@write.delete("/v1/recovery/{resource:path}", status_code=204, responses=problems(404))
async def forget_recovery(parts: Have, caller: Caller, resource: ResourceKey) -> Response:
    """From now on nothing is done for it that nobody asks for."""
    await parts.recovery.forget_recovery(caller, resource)
    await note(parts, caller, "took recovery back", resource)
    return Response(None, 204)
