"""O-RAN's subscriptions to alarms: ordinary subscriptions of the operator's, in O-RAN's words."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Request, Response
from fastapi import Query as QueryParameters

from nfvigil.errors import NotFoundError
from nfvigil.model.ids import stable_id
from nfvigil.model.subscription import Endpoint, Filter, Subscription
from nfvigil.northbound.etags import answer
from nfvigil.northbound.guarded import OF_A_BODY, Caller, for_administrators, problems
from nfvigil.northbound.o2ims.desk import O2imsDesk, check_reader, o2ims_of, root_of
from nfvigil.northbound.o2ims.selection import read_selection
from nfvigil.northbound.o2ims.shapes import Selecting, SubscriptionBody, SubscriptionShape, Uuid
from nfvigil.northbound.parts import Have, note
from nfvigil.notifier.o2ims import PREFIX

read = for_administrators("o2ims")
administer = for_administrators("o2ims")

OWNER = "o2ims"
ROOT = f"{PREFIX}/alarmSubscriptions"
FIELDS = tuple(SubscriptionShape.model_fields)
SubscriptionId = Annotated[Uuid, Path(description="The subscription's id.")]
LOCATION: dict[int | str, dict[str, Any]] = {
    201: {"headers": {"Location": {"description": "Where it is.", "schema": {"type": "string"}}}}
}


def view(subscription: Subscription) -> dict[str, Any]:
    """AlarmSubscriptionInfo."""
    shown: dict[str, Any] = {
        "alarmSubscriptionId": subscription.id,
        "callback": subscription.endpoints[0].url,
        "consumerSubscriptionId": subscription.extra.get("consumerSubscriptionId"),
        "filter": subscription.extra.get("filter"),
    }
    return {name: value for name, value in shown.items() if value is not None}


@read.get(ROOT, response_model=list[SubscriptionShape])
async def o2_subscriptions(
    parts: Have, caller: Caller, parameters: Annotated[Selecting, QueryParameters()]
) -> Response:
    """The subscriptions that were made here."""
    check_reader(caller)
    wanted = read_selection(
        filter=parameters.filter, fields=parameters.fields, exclude_fields=parameters.exclude_fields, names=FIELDS
    )
    found = [view(one) for one in o2ims_of(parts).subscriptions()]
    return answer([wanted.shown(one) for one in found if wanted.fits(one)])


@administer.post(
    ROOT, status_code=201, response_model=SubscriptionShape, responses=problems(409) | OF_A_BODY | LOCATION
)
async def o2_subscribe(parts: Have, caller: Caller, request: Request, body: SubscriptionBody) -> Response:
    """Hear of alarms on the infrastructure. The callback must answer a GET with 204."""
    desk = o2ims_of(parts)
    subscription_id = parts.new_id()
    given = {"consumerSubscriptionId": body.consumerSubscriptionId, "filter": body.filter}
    subscription = Subscription(
        id=subscription_id,
        name="O2 IMS",
        filter=Filter(physical=True, occasions=desk.occasions(body.filter)),
        endpoints=(Endpoint(id=stable_id(subscription_id, 0), url=body.callback, format=OWNER),),
        created_us=parts.clock(),
        created_by=caller.name,
        owner=OWNER,
        extra={name: str(value) for name, value in given.items() if value is not None}
        | {"globalCloudID": desk.cloud_id(), "apiRoot": desk.api_root(root_of(request))},
    )
    await desk.subscribe(subscription)
    await note(parts, caller, "subscribed", subscription.id, "by the O2 interface")
    return answer(view(subscription), 201, {"Location": f"{ROOT}/{subscription.id}"})


def _find(desk: O2imsDesk, subscription_id: str) -> Subscription:
    found = next((one for one in desk.subscriptions() if one.id == subscription_id.lower()), None)
    if found is None:
        raise NotFoundError("there is no such subscription")
    return found


@read.get(f"{ROOT}/{{alarmSubscriptionId}}", response_model=SubscriptionShape, responses=problems(404))
async def o2_subscription(parts: Have, caller: Caller, alarmSubscriptionId: SubscriptionId) -> Response:
    """One subscription."""
    check_reader(caller)
    return answer(view(_find(o2ims_of(parts), alarmSubscriptionId)))


@administer.delete(f"{ROOT}/{{alarmSubscriptionId}}", status_code=200, response_class=Response, responses=problems(404))
async def o2_unsubscribe(parts: Have, caller: Caller, alarmSubscriptionId: SubscriptionId) -> Response:
    """Hear no more. The answer is 200, as O-RAN has it, and empty."""
    found = _find(o2ims_of(parts), alarmSubscriptionId)
    await parts.desk.unsubscribe(found.id)
    await note(parts, caller, "unsubscribed", found.id, "by the O2 interface")
    return Response(None, 200)
