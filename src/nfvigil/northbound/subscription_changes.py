"""Subscriptions that are changed (JSON merge patch, RFC 7396), and how what they are about stands."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from fastapi import Query as QueryParameters
from fastapi import Request, Response
from pydantic import Field, ValidationError

from nfvigil.errors import FieldError, RefusedError
from nfvigil.model.ids import stable_id
from nfvigil.model.secret_fields import HIDDEN, hidden
from nfvigil.model.subscription import Endpoint, Filter, Mode, Subscription
from nfvigil.northbound.etags import HEADERS, answer, require_match, tag_of_view
from nfvigil.northbound.fields import Body, MaybeText, Number, Text
from nfvigil.northbound.guarded import OF_A_BODY, Caller, for_readers, for_writers, problems
from nfvigil.northbound.paging import Listing, Page
from nfvigil.northbound.parts import Have, Parts, note
from nfvigil.northbound.standing_views import VirtualResourceInfo
from nfvigil.northbound.subscriptions import (
    ENDPOINTS_MAX,
    CreatedSubscription,
    EndpointBody,
    FilterBody,
    SubscriptionId,
    checked_endpoints,
    filter_of,
    find_subscription,
    own,
    standing_page,
    subscription_view,
    with_standing,
)
from nfvigil.northbound.tagged import ETAG

read = for_readers("subscriptions")
write = for_writers("subscriptions")


class EndpointChange(Body):
    """With the `id` of one that there is: that one, and what is left out stays, secrets too. Without: a new one."""

    id: Text | None = None
    url: Annotated[str | None, Field(min_length=8, max_length=2048, pattern=r"^https?://[\x21-\x7E]+$")] = None
    format: Annotated[
        str | None, Field(min_length=1, max_length=64, pattern="^[a-z0-9-]+$", description="Stays as it is.")
    ] = None
    secret: Annotated[str | None, Field(max_length=512, pattern=r"^[\x21-\x7E]*$", repr=False)] = None
    token: Annotated[str | None, Field(max_length=1024, pattern=r"^[\x21-\x7E]*$", repr=False)] = None


class SubscriptionChange(Body):
    """What is left out stays; null puts back what a new one has. In `filter` the same holds for each of its fields."""

    name: MaybeText | None = None
    filter: Annotated[dict[str, Any] | None, Field(max_length=50, description="As when it is made.")] = None
    endpoints: Annotated[
        list[EndpointChange] | None,
        Field(min_length=1, max_length=ENDPOINTS_MAX, description="All that it is to have."),
    ] = None
    mode: Mode | None = None
    heartbeat_seconds: Annotated[Number, Field(ge=0, le=86400)] | None = None


@write.patch(
    "/v1/subscriptions/{subscription_id}",
    response_model=CreatedSubscription,
    responses=problems(404, 409, 412) | OF_A_BODY | ETAG,
)
async def change_subscription(
    parts: Have, caller: Caller, request: Request, subscription_id: SubscriptionId, body: SubscriptionChange
) -> Response:
    """Change it. What is decided from now on goes by it; what waits for an endpoint that it has no more is dropped."""
    was = own(await find_subscription(parts, subscription_id, caller))
    require_match(request, subscription_view(was, caller))
    becomes = _changed(parts, was, body)
    covered = await parts.desk.change_subscription(was, becomes)
    await note(parts, caller, "changed a subscription", was.id, ", ".join(sorted(body.model_fields_set)))
    view = await with_standing(parts, caller, becomes, covered)
    return answer(view, 200, HEADERS | {"ETag": tag_of_view(subscription_view(becomes, caller))})


def _changed(parts: Parts, was: Subscription, body: SubscriptionChange) -> Subscription:
    given = body.model_fields_set
    fresh = Subscription(id="")
    plain: dict[str, Any] = {
        name: fresh_or(getattr(body, name), getattr(fresh, name))
        for name in ("name", "mode", "heartbeat_seconds")
        if name in given
    }
    if "filter" in given:
        plain["filter"] = _filter(was.filter, body.filter)
    if "endpoints" in given:
        if body.endpoints is None:
            raise RefusedError("the endpoints are wrong", [FieldError("endpoints", "must be one at least")])
        plain["endpoints"] = _endpoints(parts, was, body.endpoints)
    return msgspec.structs.replace(was, **plain)


def fresh_or(value: Any, fresh: Any) -> Any:
    return fresh if value is None else value


def _filter(was: Filter, change: dict[str, Any] | None) -> Filter:
    if change is None:
        return Filter()
    known = {name: getattr(was, name) for name in FilterBody.model_fields}
    merged = {name: value for name, value in {**known, **change}.items() if value is not None}
    try:
        return filter_of(FilterBody.model_validate(merged))
    except ValidationError as error:
        flaws = [
            FieldError(".".join(["filter", *map(str, one["loc"])])[:300], str(one["msg"])[:300])
            for one in error.errors()
        ]
        raise RefusedError("the filter is wrong", flaws) from error


def _endpoints(parts: Parts, was: Subscription, changes: list[EndpointChange]) -> tuple[Endpoint, ...]:
    known = {endpoint.id: endpoint for endpoint in was.endpoints}
    flaws: list[FieldError] = []
    found: list[Endpoint] = []
    for number, change in enumerate(changes):
        place = f"endpoints[{number}]"
        before = None if change.id is None else known.pop(change.id, None)
        if change.id is not None and before is None:
            flaws.append(FieldError(f"{place}.id", "is none of this subscription's, or is there twice"))
        elif before is not None:
            flaws += [FieldError(f"{place}.{name}", reason) for name, reason in _faults(before, change)]
            found.append(_kept(before, change))
        elif change.url is None:
            flaws.append(FieldError(f"{place}.url", "is needed for a new one"))
        else:
            found.append(
                Endpoint(
                    id=stable_id(was.id, parts.new_id()),
                    url=change.url,
                    format=change.format or EndpointBody.model_fields["format"].default,
                    secret=change.secret or "",
                    token=change.token or "",
                )
            )
    if any(one.locked for one in found):
        # Sealed together: new ones would not be kept beside those that cannot be read.
        flaws += [
            FieldError(f"endpoints[{number}]", "can have no secret beside one whose secrets cannot be read")
            for number, one in enumerate(found)
            if not one.locked and (one.secret or one.token) and one.id not in {old.id for old in was.endpoints}
        ]
    if flaws:
        raise RefusedError("the endpoints are wrong", flaws)
    # As for a new subscription: what was good when it was made may be forbidden by now.
    whole = [
        EndpointBody(url=one.url, format=one.format, secret=one.secret or None, token=one.token or None)
        for one in found
        if not one.locked
    ]
    checked_endpoints(parts, whole)
    return tuple(found)


def _faults(before: Endpoint, change: EndpointChange) -> list[tuple[str, str]]:
    faults = []
    if before.locked and change.model_fields_set & {"secret", "token"}:
        faults.append(("id", "its secrets cannot be read for want of their key: give a new endpoint in its place"))
    if change.format is not None and change.format != before.format:
        # What waits for it was cut into messages for its format.
        faults.append(("format", "cannot be changed: give a new endpoint, without id, in its place"))
    url = _url(before, change)
    if HIDDEN in url and url != before.url:
        faults.append(("url", f"{HIDDEN} stands for a secret that is not kept: give it itself"))
    if _origin(url) != _origin(before.url):
        faults += [
            (name, "must be given again, or null, as it would go to another address")
            for name in ("secret", "token")
            if (getattr(before, name) or name in before.kept) and name not in change.model_fields_set
        ]
    return faults


def _origin(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", url
    return parts.scheme, parts.netloc


def _kept(before: Endpoint, change: EndpointChange) -> Endpoint:
    values = {name: getattr(change, name) or "" for name in ("secret", "token") if name in change.model_fields_set}
    return msgspec.structs.replace(before, url=_url(before, change), **values)


def _url(before: Endpoint, change: EndpointChange) -> str:
    """Sent back as it was shown, it is what it was."""
    return before.url if change.url is None or change.url == hidden(before.url) else change.url


@read.get(
    "/v1/subscriptions/{subscription_id}/resources",
    response_model=Listing[VirtualResourceInfo],
    responses=problems(404),
)
async def show_subscribed_resources(
    parts: Have,
    caller: Caller,
    subscription_id: SubscriptionId,
    parameters: Annotated[Page, QueryParameters()],
) -> Response:
    """How what it is about stands now: the resources that it names, or else those with alarms that it covers."""
    found = await find_subscription(parts, subscription_id, caller)
    return answer(await standing_page(parts, caller, found, parameters.marker or "", parameters.limit))
