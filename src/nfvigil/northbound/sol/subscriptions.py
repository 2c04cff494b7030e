"""``/vnffm/v1/subscriptions``: who wants to hear of the alarms of VNFs, in ETSI's words and at its callback address."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Path, Request, Response
from fastapi import Query as QueryParameters
from pydantic import ConfigDict, Field

from nfvigil.errors import FieldError, ForbiddenError, NotFoundError, RefusedError
from nfvigil.model.identity import Identity
from nfvigil.model.ids import stable_id
from nfvigil.model.severity import EventType, Severity
from nfvigil.model.sol import TYPES, subscription_href
from nfvigil.model.subscription import AuthKind, Endpoint, EndpointAuth, Filter, Subscription
from nfvigil.model.verdict import News
from nfvigil.northbound.etags import HEADERS, answer, tagged_answer
from nfvigil.northbound.fields import Body, Query, Shape, Text
from nfvigil.northbound.guarded import OF_A_BODY, Caller, problems
from nfvigil.northbound.parts import Have, Parts, note
from nfvigil.northbound.problems import UnprocessableError
from nfvigil.northbound.sol.alarms import LinkShape, PerceivedSeverity, Uri
from nfvigil.northbound.sol.filtering import LENGTH_MAX, PATTERN, Attributes, fits, parse
from nfvigil.northbound.sol.routes import reading, root_of, writing
from nfvigil.northbound.tagged import ETAG, NOT_MODIFIED

read = reading()
write = writing()

OWNER = "sol"
FORMAT = "sol"
PAGE = 100
LIST_MAX = 1000

SubscriptionId = Annotated[Text, Path(description="The subscription's id.")]


class NotificationType(StrEnum):
    ALARM = "AlarmNotification"
    CLEARED = "AlarmClearedNotification"
    REBUILT = "AlarmListRebuiltNotification"


NEWS: dict[NotificationType, tuple[News, ...]] = {
    NotificationType.ALARM: (News.RAISED, News.CHANGED, News.CONFIRMED),
    NotificationType.CLEARED: (News.CLEARED,),
    NotificationType.REBUILT: (News.REBUILT,),
}


class FaultyResourceType(StrEnum):
    COMPUTE = "COMPUTE"
    STORAGE = "STORAGE"
    NETWORK = "NETWORK"


class AuthType(StrEnum):
    BASIC = "BASIC"
    CLIENT_CREDENTIALS = "OAUTH2_CLIENT_CREDENTIALS"
    TLS_CERT = "TLS_CERT"


Texts = Annotated[list[Text], Field(max_length=LIST_MAX)]


class VnfInstanceSubscriptionFilter(Body):
    vnfInstanceIds: Texts | None = None
    vnfInstanceNames: Texts | None = None
    vnfdIds: Annotated[list[Any] | None, Field(description="Refused: descriptors are not known here.")] = None
    vnfProductsFromProviders: Annotated[
        list[Any] | None, Field(description="Refused: products are not known here.")
    ] = None


class FmNotificationsFilter(Body):
    """OR inside a list, AND between."""

    vnfInstanceSubscriptionFilter: VnfInstanceSubscriptionFilter | None = None
    notificationTypes: Annotated[list[NotificationType] | None, Field(max_length=LIST_MAX)] = None
    faultyResourceTypes: Annotated[list[FaultyResourceType] | None, Field(max_length=LIST_MAX)] = None
    perceivedSeverities: Annotated[list[PerceivedSeverity] | None, Field(max_length=LIST_MAX)] = None
    eventTypes: Annotated[list[EventType] | None, Field(max_length=LIST_MAX)] = None
    probableCauses: Texts | None = None


class ParamsBasic(Body):
    model_config = ConfigDict(hide_input_in_errors=True)
    userName: Annotated[str, Field(max_length=255)]
    password: Annotated[str, Field(max_length=1024, repr=False)]


class ParamsOauth2ClientCredentials(Body):
    model_config = ConfigDict(hide_input_in_errors=True)
    clientId: Annotated[str, Field(max_length=255)]
    clientPassword: Annotated[str, Field(max_length=1024, repr=False)]
    tokenEndpoint: Annotated[str, Field(max_length=2048)]


class SubscriptionAuthentication(Body):
    authType: Annotated[list[AuthType], Field(min_length=1, max_length=10)]
    paramsBasic: ParamsBasic | None = None
    paramsOauth2ClientCredentials: ParamsOauth2ClientCredentials | None = None


class FmSubscriptionRequest(Body):
    filter: FmNotificationsFilter | None = None
    callbackUri: Annotated[str, Field(min_length=8, max_length=2048, pattern=r"^https?://[\x21-\x7E]+$")]
    authentication: SubscriptionAuthentication | None = None


class FmSubscriptionLinks(Shape):
    self: LinkShape


class FmSubscription(Shape):
    """What says to the consumer who we are is never shown."""

    id: str
    filter: Annotated[dict[str, Any], Field(default_factory=dict)]
    callbackUri: Uri
    links: Annotated[FmSubscriptionLinks, Field(alias="_links")]


class SolSubscriptionParameters(Query):
    filter: Annotated[
        str | None,
        Field(max_length=LENGTH_MAX, pattern=PATTERN, description="By attribute (SOL013 5.2): `(eq,callbackUri,...)`."),
    ] = None
    nextpage_opaque_marker: Annotated[Text | None, Field(description="From the `Link` of the page before.")] = None


ATTRIBUTES = Attributes(
    texts=frozenset(
        {
            *("id", "callbackUri", "filter/notificationTypes", "filter/faultyResourceTypes"),
            *("filter/perceivedSeverities", "filter/eventTypes", "filter/probableCauses"),
            "filter/vnfInstanceSubscriptionFilter/vnfInstanceIds",
            "filter/vnfInstanceSubscriptionFilter/vnfInstanceNames",
        }
    )
)


def view(subscription: Subscription, root: str) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": subscription.id,
        "callbackUri": subscription.endpoints[0].url,
        "_links": {"self": {"href": subscription_href(root, subscription.id)}},
    }
    return shown | ({"filter": subscription.extra["filter"]} if "filter" in subscription.extra else {})


@write.post(
    "/vnffm/v1/subscriptions",
    status_code=201,
    response_model=FmSubscription,
    responses=problems(422)
    | OF_A_BODY
    | {303: {"description": "There is one with this filter and this callback address; `Location` says where."}},
)
async def create_sol_subscription(
    parts: Have, caller: Caller, request: Request, body: FmSubscriptionRequest
) -> Response:
    """Hear of the alarms of VNFs from now on. The callback address is tried first: it answers a GET with 204."""
    root = root_of(parts, request)
    project = _project(caller)
    # What is shown again is what was asked for, and no more than that.
    asked = _asked(body.filter)
    twin = _twin(parts, caller, project, body.callbackUri, asked)
    if twin is not None:
        return _see(twin, root)
    subscription_id = parts.new_id()
    endpoint = Endpoint(
        id=stable_id(subscription_id, 0), url=body.callbackUri, format=FORMAT, auth=_auth(body.authentication)
    )
    subscription = Subscription(
        id=subscription_id,
        project=project,
        filter=_filter(parts, body.filter, caller.scope),
        endpoints=(endpoint,),
        created_us=parts.clock(),
        created_by=caller.name,
        owner=OWNER,
        extra={"api_root": root} | ({"filter": asked} if asked is not None else {}),
    )
    _check_address(parts, endpoint)
    if parts.vnf.tries_callbacks:
        try:
            await parts.vnf.try_callback(endpoint)
        except RefusedError as error:
            raise UnprocessableError(error.message, error.errors) from error
    async with parts.vnf.subscribing:  # A consumer that asks again while it is tried would hear everything twice.
        twin = _twin(parts, caller, project, body.callbackUri, asked)
        if twin is not None:
            return _see(twin, root)
        await parts.desk.subscribe(subscription)
    await note(parts, caller, "subscribed", subscription.id, OWNER)
    shown = view(subscription, root)
    return answer(shown, 201, {"Location": shown["_links"]["self"]["href"]})


def _twin(
    parts: Parts, caller: Identity, project: str, callback: str, asked: dict[str, Any] | None
) -> Subscription | None:
    """The one with this filter and this callback address, if there is one."""
    for other in parts.desk.owned(OWNER, caller.scope):
        same = other.project == project and other.endpoints[0].url == callback
        if same and other.extra.get("filter") == asked:
            return other
    return None


def _see(other: Subscription, root: str) -> Response:
    return Response(None, 303, HEADERS | {"Location": subscription_href(root, other.id)})


def _asked(given: FmNotificationsFilter | None) -> dict[str, Any] | None:
    if given is None:
        return None
    asked: dict[str, Any] = given.model_dump(mode="json", exclude_none=True)
    if not asked.get("vnfInstanceSubscriptionFilter"):
        asked.pop("vnfInstanceSubscriptionFilter", None)  # the standard knows none that names nothing
    return asked


def _project(caller: Identity) -> str:
    if caller.is_admin:
        return ""
    if not caller.scope:
        raise ForbiddenError("your token speaks for no project, so there is nothing to subscribe to")
    return caller.scope


def _check_address(parts: Parts, endpoint: Endpoint) -> None:
    errors: list[FieldError] = []
    token_url = endpoint.auth.token_url if endpoint.auth is not None else ""
    for field, url in (
        ("callbackUri", endpoint.url),
        ("authentication.paramsOauth2ClientCredentials.tokenEndpoint", token_url),
    ):
        try:
            if url or field == "callbackUri":
                parts.desk.check_endpoint(url)
        except RefusedError as error:
            errors.append(FieldError(field, "; ".join(one.reason for one in error.errors) or error.message))
    if errors:
        raise UnprocessableError("an address is refused", errors)


def _auth(given: SubscriptionAuthentication | None) -> EndpointAuth | None:
    """The first of the ways that the consumer offers and that we have."""
    if given is None:
        return None
    place = "authentication"
    for kind in given.authType:
        if kind is AuthType.BASIC:
            basic = given.paramsBasic
            if basic is None:
                raise _no(f"{place}.paramsBasic", "is needed: nothing was agreed on beforehand")
            return EndpointAuth(kind=AuthKind.BASIC, user=basic.userName, secret=basic.password)
        if kind is AuthType.CLIENT_CREDENTIALS:
            client = given.paramsOauth2ClientCredentials
            if client is None:
                raise _no(f"{place}.paramsOauth2ClientCredentials", "is needed: nothing was agreed on beforehand")
            return EndpointAuth(
                kind=AuthKind.CLIENT_CREDENTIALS,
                user=client.clientId,
                secret=client.clientPassword,
                token_url=client.tokenEndpoint,
            )
    raise _no(f"{place}.authType", "TLS_CERT is not there: NFVigil has no certificate of its own to show")


def _no(field: str, reason: str) -> UnprocessableError:
    return UnprocessableError("the subscription is refused", [FieldError(field, reason)])


def _filter(parts: Parts, given: FmNotificationsFilter | None, scope: str | None) -> Filter:
    given = given or FmNotificationsFilter()
    types = given.notificationTypes or list(NotificationType)
    _check_severities(types, given.perceivedSeverities or ())
    return Filter(
        resource_types=tuple(kind for one in given.faultyResourceTypes or () for kind in TYPES[one]),
        severities=tuple(Severity(one.lower()) for one in given.perceivedSeverities or ()),
        event_types=tuple(given.eventTypes or ()),
        probable_causes=tuple(given.probableCauses or ()),
        vnfs=_vnfs(parts, given.vnfInstanceSubscriptionFilter, scope),
        only_vnfs=True,
        news=tuple(news for one in NotificationType if one in types for news in NEWS[one]),
    )


def _check_severities(types: Sequence[NotificationType], severities: Sequence[PerceivedSeverity]) -> None:
    """What could never be told is refused: a subscription that is silent for ever reads as "all is well"."""
    field = "filter.perceivedSeverities"
    tells_alarms, tells_clears = NotificationType.ALARM in types, NotificationType.CLEARED in types
    if not severities or (tells_alarms and tells_clears):
        return
    if tells_clears and PerceivedSeverity.CLEARED not in severities:
        raise _no(field, "cannot match: what is cleared is CLEARED by then. Name that, or AlarmNotification as well")
    if tells_alarms and set(severities) == {PerceivedSeverity.CLEARED}:
        raise _no(field, "cannot match: an AlarmNotification is of what is not cleared")


def _vnfs(parts: Parts, given: VnfInstanceSubscriptionFilter | None, scope: str | None) -> tuple[str, ...]:
    """By id; names are those that VNFs have now. What we do not know of VNFs could never fit, so it is refused."""
    if given is None:
        return ()
    place = "filter.vnfInstanceSubscriptionFilter"
    errors = []
    if given.vnfdIds:
        errors.append(FieldError(f"{place}.vnfdIds", "descriptors are not known here: name the instances"))
    if given.vnfProductsFromProviders:
        errors.append(FieldError(f"{place}.vnfProductsFromProviders", "products are not known here"))
    if given.vnfInstanceIds is not None and given.vnfInstanceNames is not None:
        errors.append(FieldError(f"{place}.vnfInstanceNames", "does not go with vnfInstanceIds"))
    found = list(given.vnfInstanceIds or ())
    for number, name in enumerate(given.vnfInstanceNames or ()):
        ids = parts.vnf.desk.named(name, scope)
        found += ids
        if not ids:
            errors.append(FieldError(f"{place}.vnfInstanceNames[{number}]", "is no VNF's name that is known here"))
    if errors:
        raise UnprocessableError("the subscription is refused", errors)
    return tuple(dict.fromkeys(found))


@read.get("/vnffm/v1/subscriptions", response_model=list[FmSubscription])
async def list_sol_subscriptions(
    parts: Have, caller: Caller, request: Request, parameters: Annotated[SolSubscriptionParameters, QueryParameters()]
) -> Response:
    """The subscriptions that were made here. A page has a `Link` to the next."""
    expressions = parse(parameters.filter, ATTRIBUTES) if parameters.filter is not None else ()
    root = root_of(parts, request)
    found: list[dict[str, Any]] = []
    marker = parameters.nextpage_opaque_marker or ""
    for one in parts.desk.owned(OWNER, caller.scope):
        if one.id <= marker:
            continue
        shown = view(one, root)
        if fits(expressions, shown):
            found.append(shown)
        if len(found) == PAGE:
            given = {"nextpage_opaque_marker": one.id}
            given |= {"filter": parameters.filter} if parameters.filter is not None else {}
            return answer(found, headers={"Link": f'<{root}/vnffm/v1/subscriptions?{urlencode(given)}>; rel="next"'})
    return answer(found)


async def _find(parts: Parts, subscription_id: str, caller: Identity) -> Subscription:
    found = await parts.store.subscription(subscription_id, caller.scope)
    if found is None or found.owner != OWNER:
        raise NotFoundError("there is no such subscription")
    return found


@read.get(
    "/vnffm/v1/subscriptions/{subscription_id}",
    response_model=FmSubscription,
    responses=problems(404) | ETAG | NOT_MODIFIED,
)
async def show_sol_subscription(
    parts: Have, caller: Caller, request: Request, subscription_id: SubscriptionId
) -> Response:
    """One subscription."""
    return tagged_answer(request, view(await _find(parts, subscription_id, caller), root_of(parts, request)))


@write.delete("/vnffm/v1/subscriptions/{subscription_id}", status_code=204, responses=problems(404))
async def delete_sol_subscription(parts: Have, caller: Caller, subscription_id: SubscriptionId) -> Response:
    """Hear no more."""
    await _find(parts, subscription_id, caller)
    await parts.desk.unsubscribe(subscription_id)
    await note(parts, caller, "unsubscribed", subscription_id, OWNER)
    return Response(None, 204, HEADERS)
