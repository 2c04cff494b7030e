"""Resources: what there is, what hangs on it, and who would be told if it died."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Request, Response
from fastapi import Query as QueryParameters
from pydantic import Field

from nfvigil.errors import FieldError, ForbiddenError, NotFoundError
from nfvigil.inspector.standing import StateQuery
from nfvigil.model.answers import ResourceStanding
from nfvigil.model.resource import Kind, Record, ResourceState, key_of, split_key
from nfvigil.model.view import alarm_view, veiled
from nfvigil.northbound.etags import answer, tagged_answer
from nfvigil.northbound.fields import Query, Shape, Text
from nfvigil.northbound.guarded import Caller, for_administrators, for_readers, problems
from nfvigil.northbound.paging import Listing, Page, page
from nfvigil.northbound.parts import Have
from nfvigil.northbound.shapes import AlarmShape, ToldShape
from nfvigil.northbound.tagged import ETAG, NOT_MODIFIED
from nfvigil.northbound.views import plain, told_views

read = for_readers("resources")
administer = for_administrators("resources")

PHYSICAL_FIELDS = ("host", "vim")
"""What a project does not see of its own resources."""

LIST_MAX = 100
ResourceId = Annotated[Text, Path(description="Its id, or for a host any of its names.")]


class ResourceParameters(Page):
    kind: Annotated[Kind, Field(description="Which kind of resource.")]
    id: Annotated[tuple[Text, ...], Field(max_length=LIST_MAX)] = ()
    state: Annotated[tuple[ResourceState, ...], Field(max_length=LIST_MAX, description="By its open alarms.")] = ()
    zone: Annotated[tuple[Text, ...], Field(max_length=LIST_MAX)] = ()
    vim: Annotated[tuple[Text, ...], Field(max_length=LIST_MAX, description="For administrators.")] = ()
    project: Annotated[Text | None, Field(description="Of this project only; for administrators.")] = None


class ResourceShape(Shape):
    key: str
    """`kind/id`."""
    state: ResourceState
    """By its open alarms, and what the cloud says."""
    record: dict[str, Any]
    """What is known of it. A project sees `host_id`, which tells its hosts apart, in place of a host's name."""


class ResourceDetailShape(ResourceShape):
    related: dict[str, list[str]]
    """A relation such as `servers`, and the keys of what it leads to."""
    projects: list[str]
    """Who owns something on it."""
    alarms: list[AlarmShape]


class ImpactParameters(Query):
    type: Annotated[
        Text | None, Field(description="The event, such as `compute.host.down`; the usual one if left out.")
    ] = None


class Would(Shape):
    kind: str
    target: str
    before: str | None


class Impact(Shape):
    event_type: str
    resource: str
    alarms: list[AlarmShape]
    actions: list[Would]
    told: list[ToldShape]


def record_view(record: Record, project: str | None) -> dict[str, Any]:
    view: dict[str, Any] = {field: plain(getattr(record, field)) for field in record.__struct_fields__}
    if project is not None:
        host = view.get("host")
        for field in PHYSICAL_FIELDS:
            view.pop(field, None)
        if host:
            view["host_id"] = veiled(key_of(Kind.HOST, host), project)
    return view


def _is_shown(key: str, project: str | None) -> bool:
    kind = split_key(key)[0]
    return project is None or kind == Kind.ZONE or (kind in Kind._value2member_map_ and Kind(kind).is_virtual)


@read.get("/v1/resources", response_model=Listing[ResourceShape])
async def list_resources(
    parts: Have, caller: Caller, parameters: Annotated[ResourceParameters, QueryParameters()]
) -> Response:
    """The resources of a kind, in the order of their keys."""
    scope = caller.scope
    if parameters.project is not None and scope is not None and parameters.project != scope:
        raise ForbiddenError(
            "the resources of other projects are for administrators", [FieldError("project", "is not yours")]
        )
    if parameters.vim and scope is not None:
        raise ForbiddenError("where resources are is for administrators", [FieldError("vim", "is not for projects")])
    found = await parts.desk.resources(
        StateQuery(
            kinds=(parameters.kind,),
            project=parameters.project if scope is None else scope,
            ids=tuple(parameters.id),
            states=tuple(parameters.state),
            zones=tuple(parameters.zone),
            vims=tuple(parameters.vim),
            after=parameters.marker or "",
            limit=parameters.limit,
        )
    )

    def view(one: ResourceStanding) -> dict[str, Any]:
        return {"key": one.key, "state": one.state, "record": record_view(one.record, scope)}

    return answer(await page(found, parameters.limit, lambda one: one.key, view))


@read.get(
    "/v1/resources/{kind}/{resource_id}",
    response_model=ResourceDetailShape,
    responses=problems(404) | ETAG | NOT_MODIFIED,
)
async def show_resource(parts: Have, caller: Caller, request: Request, kind: Kind, resource_id: ResourceId) -> Response:
    """One resource, what hangs on it, who owns something there, and its open alarms."""
    scope = caller.scope
    key = key_of(kind, resource_id)
    if not _is_shown(key, scope):
        raise NotFoundError("there is no such resource")
    detail = parts.desk.resource(key, scope)
    related = {word: [one for one in keys if _is_shown(one, scope)] for word, keys in detail.related.items()}
    return tagged_answer(
        request,
        {
            "key": detail.key,
            "state": detail.state,
            "record": record_view(detail.record, scope),
            "related": {word: keys for word, keys in related.items() if keys},
            "projects": [one for one in detail.projects if scope is None or one == scope],
            "alarms": [alarm_view(alarm, scope) for alarm in detail.alarms],
        },
    )


@administer.get("/v1/resources/{kind}/{resource_id}/impact", response_model=Impact, responses=problems(404))
async def show_impact(
    parts: Have,
    caller: Caller,
    kind: Kind,
    resource_id: ResourceId,
    parameters: Annotated[ImpactParameters, QueryParameters()],
) -> Response:
    """Who would be told, and what would be done, if it died now. Nothing of it is done."""
    run = parts.desk.impact(key_of(kind, resource_id), parameters.type)
    verdict = run.decision.verdict
    return answer(
        {
            "event_type": run.event.type,
            "resource": run.event.resource,
            "alarms": [alarm_view(alarm, None) for _, alarm in verdict.alarms],
            "actions": [
                {"kind": action.kind, "target": action.target, "before": action.before} for action in verdict.actions
            ],
            "told": told_views(run.told),
        }
    )
