"""Subscriptions: who wants to hear what, where, and what came of it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Header, Path, Request, Response
from fastapi import Query as QueryParameters
from pydantic import Field

from nfvigil.errors import ConflictError, FieldError, ForbiddenError, NotFoundError, RefusedError
from nfvigil.model.alarm import Alarm
from nfvigil.model.identity import Identity
from nfvigil.model.ids import stable_id
from nfvigil.model.notification import DeliveryState
from nfvigil.model.resource import Kind, ResourceState
from nfvigil.model.secret_fields import hidden
from nfvigil.model.severity import EventType, Severity
from nfvigil.model.subscription import Endpoint, Filter, Mode, Subscription
from nfvigil.model.times import iso
from nfvigil.model.view import alarm_view
from nfvigil.northbound.delivery_views import DeliveryShape, delivery_view
from nfvigil.northbound.etags import answer, require_match, tagged_answer
from nfvigil.northbound.fields import AS_WHOLE, SEQUENCE_MAX, Body, MaybeText, Number, Query, Shape, Switch, Text
from nfvigil.northbound.guarded import OF_A_BODY, Caller, for_readers, for_writers, problems
from nfvigil.northbound.paging import LIMIT, LIMIT_MAX, Listing, Page, page, shown
from nfvigil.northbound.parts import Have, Parts, note
from nfvigil.northbound.shapes import AlarmShape, Id, Time
from nfvigil.northbound.standing_views import VirtualResourceInfo, virtual_view
from nfvigil.northbound.tagged import CREATED, ETAG, NOT_MODIFIED
from nfvigil.store.delivery_records import delivery_marker

read = for_readers("subscriptions")
write = for_writers("subscriptions")

SubscriptionId = Annotated[Text, Path(description="The subscription's id.")]
ENDPOINTS_MAX = 16
SIGNED = "signed"
SECRET_PREFIX = "whsec_"  # noqa: S105 - what the Standard Webhooks specification puts before a key
SECRET_BYTES_MIN = 24


class FilterBody(Body):
    """An empty list matches all; lists are OR inside and AND between."""

    resource_types: Annotated[tuple[Kind, ...], Field(max_length=100)] = ()
    resource_ids: Annotated[tuple[Text, ...], Field(max_length=1000)] = ()
    resource_states: Annotated[tuple[ResourceState, ...], Field(max_length=10)] = ()
    fault_types: Annotated[tuple[Text, ...], Field(max_length=100, description="Globs such as `compute.host.*`.")] = ()
    min_severity: Severity = Severity.CLEARED
    severities: Annotated[
        tuple[Severity, ...],
        Field(max_length=10, description="Just these; `cleared` stands for alarms that are, however bad they were."),
    ] = ()
    event_types: Annotated[tuple[EventType, ...], Field(max_length=10)] = ()
    probable_causes: Annotated[tuple[Text, ...], Field(max_length=100)] = ()
    vnfs: Annotated[tuple[Text, ...], Field(max_length=1000)] = ()
    only_vnfs: Annotated[Switch, Field(description="Alarms of VNFs only, whichever.")] = False
    physical: Annotated[
        Switch | None, Field(description="true: what is the operator's only; false: what is a project's only.")
    ] = None


class EndpointBody(Body):
    url: Annotated[str, Field(min_length=8, max_length=2048, pattern=r"^https?://[\x21-\x7E]+$")]
    format: Annotated[str, Field(min_length=1, max_length=64, pattern="^[a-z0-9-]+$")] = "doctor"
    secret: Annotated[
        str | None,
        Field(
            max_length=512,
            pattern=r"^[\x21-\x7E]*$",
            description="`whsec_` and the key in base64, for signing.",
            repr=False,
        ),
    ] = None
    token: Annotated[
        str | None,
        Field(max_length=1024, pattern=r"^[\x21-\x7E]*$", description="Sent as `X-Auth-Token`.", repr=False),
    ] = None


class SubscriptionBody(Body):
    name: MaybeText = ""
    project: Annotated[
        Text | None, Field(description="For administrators: whose it is; null for the administrator's own.")
    ] = None
    filter: FilterBody = FilterBody()
    endpoints: Annotated[list[EndpointBody], Field(min_length=1, max_length=ENDPOINTS_MAX)]
    mode: Mode = Mode.RAISED
    heartbeat_seconds: Annotated[Number, Field(ge=0, le=86400, description="A sign of life this often; 0: none.")] = 0.0


class FilterShape(Shape):
    resource_types: list[Kind]
    resource_ids: list[str]
    resource_states: list[ResourceState]
    fault_types: list[str]
    min_severity: Severity
    severities: list[Severity]
    event_types: list[EventType]
    probable_causes: list[str]
    vnfs: list[str]
    only_vnfs: bool
    physical: bool | None


class EndpointShape(Shape):
    id: Id
    url: str
    format: str
    has_secret: bool
    has_token: bool
    locked: bool
    """Its secrets cannot be decrypted: its messages wait until the keys are back."""


class SubscriptionShape(Shape):
    """A subscription. Secrets are never shown."""

    id: Id
    project: str | None
    name: str
    filter: FilterShape
    endpoints: list[EndpointShape]
    mode: Mode
    heartbeat_seconds: float
    paused: bool
    created_time: Time
    created_by: str
    owner: str
    """Which API made it, and alone changes it: empty for this one."""


class Standing(Listing[VirtualResourceInfo]):
    """The first of those that it names, or of those with alarms that it covers; the next under `/resources`."""


class CreatedSubscription(SubscriptionShape):
    resources: list[AlarmShape]
    """The open alarms that it covers, as of now; the first thousand of them."""
    virtual_resources: Standing


class SentShape(Shape):
    notification_id: Id
    sequence: int


class RequeuedShape(Shape):
    requeued: int


class ReplayParameters(Query):
    after: Annotated[
        int, Field(ge=0, le=SEQUENCE_MAX, description="Send again what came after this sequence."), AS_WHOLE
    ]


class DeliveryParameters(Page):
    state: DeliveryState | None = None


def subscription_view(subscription: Subscription, caller: Identity) -> dict[str, Any]:
    """A token in an address is its owner's: others who see the subscription see ``***`` in its place."""
    is_owner = caller.scope == subscription.project or (caller.is_admin and not subscription.project)
    return {
        "id": subscription.id,
        "project": subscription.project or None,
        "name": subscription.name,
        "filter": {name: getattr(subscription.filter, name) for name in FilterBody.model_fields},
        "endpoints": [
            {
                "id": endpoint.id,
                "url": endpoint.url if is_owner else hidden(endpoint.url),
                "format": endpoint.format,
                "has_secret": endpoint.has("secret"),
                "has_token": endpoint.has("token"),
                "locked": endpoint.locked,
            }
            for endpoint in subscription.endpoints
        ],
        "mode": subscription.mode,
        "heartbeat_seconds": subscription.heartbeat_seconds,
        "paused": subscription.paused,
        "created_time": iso(subscription.created_us),
        "created_by": subscription.created_by,
        "owner": subscription.owner,
    }


@write.post(
    "/v1/subscriptions",
    status_code=201,
    response_model=CreatedSubscription,
    responses=problems(409) | OF_A_BODY | CREATED,
)
async def subscribe(
    parts: Have,
    caller: Caller,
    body: SubscriptionBody,
    idempotency_key: Annotated[
        Text | None, Header(description="The same key with the same body makes one subscription, however often sent.")
    ] = None,
) -> Response:
    """Hear of faults from now on. It is in effect when it is answered."""
    project = _owner(body.project, caller)
    endpoints = checked_endpoints(parts, body.endpoints)
    subscription_id = parts.new_id()
    if idempotency_key is not None:
        subscription_id = stable_id("subscription", caller.scope, caller.name, idempotency_key)
    subscription = Subscription(
        id=subscription_id,
        project=project,
        name=body.name,
        filter=filter_of(body.filter),
        endpoints=tuple(
            Endpoint(
                id=stable_id(subscription_id, index),
                url=endpoint.url,
                format=endpoint.format,
                secret=endpoint.secret or "",
                token=endpoint.token or "",
            )
            for index, endpoint in enumerate(endpoints)
        ),
        mode=body.mode,
        heartbeat_seconds=body.heartbeat_seconds,
        created_us=parts.clock(),
        created_by=caller.name,
    )
    if idempotency_key is not None:
        subscription = await _same_as_before(parts, subscription)
    covered = await parts.desk.subscribe(subscription)
    await note(parts, caller, "subscribed", subscription.id)
    view = await with_standing(parts, caller, subscription, covered)
    return answer(view, 201, {"Location": f"/v1/subscriptions/{subscription.id}"})


def filter_of(body: FilterBody) -> Filter:
    return Filter(**{name: getattr(body, name) for name in FilterBody.model_fields})


async def with_standing(
    parts: Parts, caller: Identity, subscription: Subscription, covered: Sequence[Alarm]
) -> dict[str, Any]:
    """A subscription that was just made or changed, with the state of what it is about."""
    return subscription_view(subscription, caller) | {
        "resources": await shown(covered[:LIMIT_MAX], lambda alarm: alarm_view(alarm, caller.scope)),
        "virtual_resources": await standing_page(parts, caller, subscription, "", LIMIT),
    }


async def standing_page(
    parts: Parts, caller: Identity, subscription: Subscription, after: str, limit: int
) -> dict[str, Any]:
    found = parts.desk.subscribed(subscription, after, limit)
    return await page(found, limit, lambda one: one.key, lambda one: virtual_view(one, caller.scope))


def _owner(wanted: str | None, caller: Identity) -> str:
    """Whose it will be: "" for the administrator's own."""
    if caller.is_admin:
        return wanted or ""
    if not caller.scope:
        raise ForbiddenError("your token speaks for no project, so there is nothing to subscribe to")
    if wanted is not None and wanted != caller.scope:
        raise ForbiddenError(
            "you can only subscribe for your own project", [FieldError("project", f"is not {caller.scope}")]
        )
    return caller.scope


def checked_endpoints(parts: Parts, endpoints: Sequence[EndpointBody]) -> Sequence[EndpointBody]:
    """Everything that only the running service knows of them: formats, and where nothing may be sent to."""
    formats = parts.desk.channels()
    errors: list[FieldError] = []
    for index, endpoint in enumerate(endpoints):
        place = f"endpoints[{index}]"
        if endpoint.format not in formats:
            errors.append(FieldError(f"{place}.format", f"must be one of {', '.join(formats)}"))
        if endpoint.format == SIGNED and not endpoint.secret:
            errors.append(FieldError(f"{place}.secret", f"is needed for the format {SIGNED}"))
        if endpoint.secret and not _is_secret(endpoint.secret):
            errors.append(
                FieldError(f"{place}.secret", f"must be {SECRET_PREFIX} and {SECRET_BYTES_MIN} bytes or more in base64")
            )
        try:
            parts.desk.check_endpoint(endpoint.url)
        except RefusedError as error:
            errors.append(FieldError(f"{place}.url", "; ".join(one.reason for one in error.errors) or error.message))
    if errors:
        raise RefusedError("the endpoints are wrong", errors)
    return endpoints


def _is_secret(secret: str) -> bool:
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return False
    return secret.startswith(SECRET_PREFIX) and len(key) >= SECRET_BYTES_MIN


async def _same_as_before(parts: Parts, subscription: Subscription) -> Subscription:
    """The one that was made with this key already, if it was; ConflictError where that one is another."""
    before = await parts.store.subscription(subscription.id, None)
    if before is None:
        return subscription

    def content(one: Subscription) -> tuple[object, ...]:
        return one.project, one.name, one.filter, one.endpoints, one.mode, one.heartbeat_seconds

    if content(before) != content(subscription):
        raise ConflictError(
            "this key was used for another subscription", [FieldError("Idempotency-Key", "was used before")]
        )
    return before


@read.get("/v1/subscriptions", response_model=Listing[SubscriptionShape])
async def list_subscriptions(parts: Have, caller: Caller, parameters: Annotated[Page, QueryParameters()]) -> Response:
    """Subscriptions: the project's own, or all for an administrator."""
    found = await parts.store.subscriptions(caller.scope, marker=parameters.marker, limit=parameters.limit)
    return answer(await page(found, parameters.limit, lambda one: one.id, lambda one: subscription_view(one, caller)))


async def find_subscription(parts: Parts, subscription_id: str, caller: Identity) -> Subscription:
    found = await parts.store.subscription(subscription_id, caller.scope)
    if found is None:
        raise NotFoundError("there is no such subscription")
    return found


def own(subscription: Subscription) -> Subscription:
    """ConflictError where another API made it: what it keeps of it would be wrong."""
    if subscription.owner:
        raise ConflictError(
            f"it belongs to the API {subscription.owner}, and is changed and ended there",
            [FieldError("owner", f"is {subscription.owner}")],
        )
    return subscription


@read.get(
    "/v1/subscriptions/{subscription_id}",
    response_model=SubscriptionShape,
    responses=problems(404) | ETAG | NOT_MODIFIED,
)
async def show_subscription(parts: Have, caller: Caller, request: Request, subscription_id: SubscriptionId) -> Response:
    """One subscription, with its ETag."""
    return tagged_answer(request, subscription_view(await find_subscription(parts, subscription_id, caller), caller))


@write.delete("/v1/subscriptions/{subscription_id}", status_code=204, responses=problems(404, 409, 412))
async def unsubscribe(parts: Have, caller: Caller, request: Request, subscription_id: SubscriptionId) -> Response:
    """Hear no more; what was not delivered yet is dropped."""
    found = own(await find_subscription(parts, subscription_id, caller))
    require_match(request, subscription_view(found, caller))
    await parts.desk.unsubscribe(subscription_id)
    await note(parts, caller, "unsubscribed", subscription_id)
    return Response(None, 204)


@write.post(
    "/v1/subscriptions/{subscription_id}/test", status_code=202, response_model=SentShape, responses=problems(404)
)
async def test(parts: Have, caller: Caller, subscription_id: SubscriptionId) -> Response:
    """Send a test notification to its endpoints."""
    await find_subscription(parts, subscription_id, caller)
    sent = await parts.desk.test(subscription_id)
    return answer({"notification_id": sent.id, "sequence": sent.seq}, 202)


@write.post(
    "/v1/subscriptions/{subscription_id}/replay",
    response_model=RequeuedShape,
    responses=problems(404),
)
async def replay(
    parts: Have,
    caller: Caller,
    subscription_id: SubscriptionId,
    parameters: Annotated[ReplayParameters, QueryParameters()],
) -> Response:
    """Send again what came after a sequence number, also what was given up; under the same ids."""
    await find_subscription(parts, subscription_id, caller)
    return answer({"requeued": await parts.desk.replay(subscription_id, parameters.after)})


async def _pause(parts: Parts, caller: Identity, request: Request, subscription_id: str, paused: bool) -> Response:
    require_match(request, subscription_view(await find_subscription(parts, subscription_id, caller), caller))
    await parts.desk.pause(subscription_id, paused)
    await note(parts, caller, "paused a subscription" if paused else "resumed a subscription", subscription_id)
    return tagged_answer(request, subscription_view(await find_subscription(parts, subscription_id, caller), caller))


@write.post(
    "/v1/subscriptions/{subscription_id}/pause",
    response_model=SubscriptionShape,
    responses=problems(404, 412) | ETAG,
)
async def pause(parts: Have, caller: Caller, request: Request, subscription_id: SubscriptionId) -> Response:
    """Send nothing for now; what comes meanwhile is kept."""
    return await _pause(parts, caller, request, subscription_id, True)


@write.post(
    "/v1/subscriptions/{subscription_id}/resume",
    response_model=SubscriptionShape,
    responses=problems(404, 412) | ETAG,
)
async def resume(parts: Have, caller: Caller, request: Request, subscription_id: SubscriptionId) -> Response:
    """Send again, first what was kept meanwhile."""
    return await _pause(parts, caller, request, subscription_id, False)


@read.get(
    "/v1/subscriptions/{subscription_id}/deliveries",
    response_model=Listing[DeliveryShape],
    responses=problems(404),
)
async def list_deliveries(
    parts: Have,
    caller: Caller,
    subscription_id: SubscriptionId,
    parameters: Annotated[DeliveryParameters, QueryParameters()],
) -> Response:
    """What was sent, is waiting, or was given up; in the order of sending."""
    await find_subscription(parts, subscription_id, caller)
    found = await parts.store.deliveries(
        subscription_id, state=parameters.state, marker=parameters.marker, limit=parameters.limit
    )
    return answer(await page(found, parameters.limit, delivery_marker, delivery_view))
