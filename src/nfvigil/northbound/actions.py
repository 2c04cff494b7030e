"""Actions: what was done in the cloud, is being done, or was planned."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query as QueryParameters
from fastapi import Response
from pydantic import Field

from nfvigil.model.action import Action, ActionState
from nfvigil.model.ids import ID_MAX
from nfvigil.northbound.etags import answer
from nfvigil.northbound.fields import EventId, Text
from nfvigil.northbound.guarded import Caller, for_readers
from nfvigil.northbound.paging import Listing, Page, page
from nfvigil.northbound.parts import Have
from nfvigil.northbound.places import opened, sealed
from nfvigil.northbound.shapes import ActionShape
from nfvigil.northbound.views import action_view
from nfvigil.store.event_records import action_marker

read = for_readers("actions")


class ActionParameters(Page):
    state: ActionState | None = None
    alarm: Annotated[Text | None, Field(description="For this alarm only.")] = None
    event: Annotated[EventId | None, Field(description="Because of this event only.")] = None


@read.get("/v1/actions", response_model=Listing[ActionShape])
async def list_actions(
    parts: Have, caller: Caller, parameters: Annotated[ActionParameters, QueryParameters()]
) -> Response:
    """Actions; a project sees those on its own resources, and the alarm that each is for where that is its own."""
    event_id = None if parameters.event is None else min(int(parameters.event), ID_MAX)
    scope, marker = caller.scope, parameters.marker
    runs = await parts.store.runs() if scope is not None else ()
    if marker is not None and scope is not None:
        marker = opened(marker, runs, scope)
    found = await parts.store.actions(
        event_id=event_id,
        alarm_id=parameters.alarm,
        state=parameters.state,
        project=scope,
        marker=marker,
        limit=parameters.limit,
    )
    if scope is None:
        return answer(await page(found, parameters.limit, action_marker, lambda action: action_view(action, None)))
    owned = await parts.store.owned_alarms(scope, {action.alarm_id for action in found})

    def following(action: Action) -> str:
        # It names the event, by which two projects that compare would know that they are on one host.
        return sealed(action_marker(action), runs, scope)

    return answer(await page(found, parameters.limit, following, lambda action: action_view(action, scope, owned)))
