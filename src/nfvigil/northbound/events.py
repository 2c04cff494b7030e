"""The log of events, for administrators: what monitors sent."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Request, Response
from fastapi import Query as QueryParameters
from pydantic import Field

from nfvigil.errors import NotFoundError
from nfvigil.model.ids import ID_MAX
from nfvigil.northbound.etags import answer, tagged_answer
from nfvigil.northbound.fields import EventId, Moment, Text
from nfvigil.northbound.guarded import Caller, for_administrators, problems
from nfvigil.northbound.paging import Listing, Page, page
from nfvigil.northbound.parts import Have
from nfvigil.northbound.shapes import EventShape
from nfvigil.northbound.tagged import ETAG, NOT_MODIFIED
from nfvigil.northbound.views import event_view

administer = for_administrators("events")


class EventParameters(Page):
    marker: Annotated[EventId | None, Field(description="`next` of the page before.")] = None
    type: Annotated[Text | None, Field(description="A type, or a glob such as `compute.*`.")] = None
    since: Annotated[Moment | None, Field(description="Taken in then or later.")] = None
    until: Annotated[Moment | None, Field(description="Taken in before then.")] = None


@administer.get("/v1/events", response_model=Listing[EventShape])
async def list_events(
    parts: Have, caller: Caller, parameters: Annotated[EventParameters, QueryParameters()]
) -> Response:
    """Events as they were taken in, the oldest first."""
    after = 0 if parameters.marker is None else min(int(parameters.marker), ID_MAX)
    found = await parts.store.events(
        after=after,
        limit=parameters.limit,
        since_us=parameters.since,
        until_us=parameters.until,
        type=parameters.type,
    )
    return answer(await page(found, parameters.limit, lambda event: event.id, event_view))


@administer.get("/v1/events/{event_id}", response_model=EventShape, responses=problems(404) | ETAG | NOT_MODIFIED)
async def show_event(
    parts: Have, caller: Caller, request: Request, event_id: Annotated[EventId, Path(description="The event's id.")]
) -> Response:
    """One event."""
    event = await parts.store.event(int(event_id)) if int(event_id) <= ID_MAX else None
    if event is None:
        raise NotFoundError("there is no such event")
    return tagged_answer(request, event_view(event))
