"""The physical side and its state: Doctor's StateQuery. A project is told nothing of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query as QueryParameters
from fastapi import Response
from pydantic import Field

from nfvigil.errors import ForbiddenError
from nfvigil.inspector.standing import StateQuery
from nfvigil.model.resource import Kind, ResourceState
from nfvigil.northbound.etags import answer
from nfvigil.northbound.fields import Text
from nfvigil.northbound.guarded import Caller, for_administrators
from nfvigil.northbound.paging import Listing, Page, page
from nfvigil.northbound.parts import Have
from nfvigil.northbound.standing_views import PhysicalResourceInfo, physical_view

read = for_administrators("physical resources")

LIST_MAX = 100
PHYSICAL = (Kind.DISK, Kind.HOST, Kind.NIC, Kind.PDU, Kind.RACK, Kind.SWITCH)


class PhysicalParameters(Page):
    kind: Annotated[tuple[Kind, ...], Field(max_length=LIST_MAX, description="`host`, `nic`, `switch` ...")] = ()
    id: Annotated[tuple[Text, ...], Field(max_length=LIST_MAX, description="An id, or any of a host's names.")] = ()
    state: Annotated[tuple[ResourceState, ...], Field(max_length=LIST_MAX)] = ()
    zone: Annotated[tuple[Text, ...], Field(max_length=LIST_MAX)] = ()
    vim: Annotated[tuple[Text, ...], Field(max_length=LIST_MAX)] = ()


@read.get("/v1/physical-resources", response_model=Listing[PhysicalResourceInfo])
async def list_physical_resources(
    parts: Have, caller: Caller, parameters: Annotated[PhysicalParameters, QueryParameters()]
) -> Response:
    """Hosts and other hardware with their states. For administrators and readers of the whole system."""
    if caller.scope is not None:
        raise ForbiddenError("the physical side is for administrators and readers of the whole system")
    kinds = tuple(kind for kind in PHYSICAL if not parameters.kind or kind in parameters.kind)
    found = await parts.desk.resources(
        StateQuery(
            kinds=kinds,
            ids=tuple(parameters.id),
            states=tuple(parameters.state),
            zones=tuple(parameters.zone),
            vims=tuple(parameters.vim),
            after=parameters.marker or "",
            limit=parameters.limit,
        )
    )
    return answer(await page(found, parameters.limit, lambda one: one.key, physical_view))
