"""Deliveries of all subscriptions: what was sent, waits or was given up; and one of those sent again."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Response
from fastapi import Query as QueryParameters
from pydantic import Field

from nfvigil.errors import FieldError, NotFoundError, RefusedError
from nfvigil.model.notification import Delivery, DeliveryState
from nfvigil.northbound.delivery_views import DeliveryShape, delivery_view
from nfvigil.northbound.etags import answer
from nfvigil.northbound.fields import AS_NUMBER, SEQUENCE_MAX, Body, Text
from nfvigil.northbound.guarded import OF_A_BODY, Caller, for_readers, for_writers, problems
from nfvigil.northbound.paging import Listing, Page, page
from nfvigil.northbound.parts import Have, note

read = for_readers("deliveries")
write = for_writers("deliveries")

PART_MAX = (1 << 31) - 1
SEQ_DIGITS_MAX = 18
PART_DIGITS_MAX = 9


class DeliveriesParameters(Page):
    state: DeliveryState | None = None
    subscription: Annotated[Text | None, Field(description="Of this subscription only.")] = None


class DeliveryBody(Body):
    """Which one, as it is listed."""

    endpoint_id: Text
    sequence: Annotated[int, Field(ge=1, le=SEQUENCE_MAX), AS_NUMBER]
    part: Annotated[int, Field(ge=0, le=PART_MAX), AS_NUMBER] = 0


@read.get("/v1/deliveries", response_model=Listing[DeliveryShape])
async def list_all_deliveries(
    parts: Have, caller: Caller, parameters: Annotated[DeliveriesParameters, QueryParameters()]
) -> Response:
    """What was sent, waits, or was given up, of all that the project subscribes to; of everybody's for administrators.

    By subscription, in the order of sending; what waits by endpoint.
    """
    waits = parameters.state is DeliveryState.PENDING
    found = await parts.store.deliveries_of(
        caller.scope,
        subscription=parameters.subscription,
        state=parameters.state,
        after=None if parameters.marker is None else _place(parameters.marker, waits),
        limit=parameters.limit,
    )
    return answer(await page(found, parameters.limit, lambda one: _marker(one, waits), delivery_view))


def _marker(one: Delivery, waits: bool) -> str:
    """Numbers first: what ids may hold does not matter then."""
    return f"{one.seq}/{one.part}/{one.endpoint}/{one.subscription}"


def _place(marker: str, waits: bool) -> tuple[str | int, ...]:
    """In the order of the list."""
    seq, _, rest = marker.partition("/")
    part, _, ids = rest.partition("/")
    endpoint, _, subscription = ids.partition("/")
    good = seq.isdecimal() and part.isdecimal() and len(seq) <= SEQ_DIGITS_MAX and len(part) <= PART_DIGITS_MAX
    if not (good and endpoint and subscription and marker.isascii()):
        raise RefusedError("the request is wrong", [FieldError("marker", "is not the `next` of a page of this list")])
    place = (int(seq), int(part))
    return (endpoint, *place, subscription) if waits else (subscription, *place, endpoint)


@write.post(
    "/v1/subscriptions/{subscription_id}/deliveries/replay",
    status_code=202,
    response_model=DeliveryShape,
    responses=problems(404, 409) | OF_A_BODY,
)
async def send_again(
    parts: Have,
    caller: Caller,
    subscription_id: Annotated[Text, Path(description="The subscription's id.")],
    body: DeliveryBody,
) -> Response:
    """Send one again that was given up, under the same id."""
    if await parts.store.subscription(subscription_id, caller.scope) is None:
        raise NotFoundError("there is no such subscription")
    found = await parts.store.delivery(subscription_id, body.sequence, body.part, body.endpoint_id)
    if found is None:
        raise NotFoundError("there is no such delivery")
    await parts.desk.send_again(found)
    await note(parts, caller, "sent a delivery again", found.id)
    again = await parts.store.delivery(subscription_id, body.sequence, body.part, body.endpoint_id)
    return answer(delivery_view(again or found), 202)
