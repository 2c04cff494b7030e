"""Alarms: list and follow them, acknowledge, comment, clear by hand, and ask why."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from fastapi import Path, Request, Response
from fastapi import Query as QueryParameters
from pydantic import Field

from nfvigil.errors import FieldError, ForbiddenError, NotFoundError, RefusedError
from nfvigil.model.alarm import Alarm, AlarmState, HistoryEntry
from nfvigil.model.change import Change
from nfvigil.model.identity import Identity
from nfvigil.model.resource import Kind
from nfvigil.model.severity import Severity
from nfvigil.model.times import iso
from nfvigil.model.view import alarm_view
from nfvigil.northbound.etags import answer, require_match, tagged_answer
from nfvigil.northbound.explain import Explanation, explain
from nfvigil.northbound.fields import AS_WHOLE, SEQUENCE_MAX, Body, Flag, Moment, Prose, Shape, Text
from nfvigil.northbound.guarded import OF_A_BODY, Caller, for_administrators, for_readers, for_writers, problems
from nfvigil.northbound.paging import Listing, Page, page, shown
from nfvigil.northbound.parts import Have, Parts, note
from nfvigil.northbound.shapes import AlarmShape, Time
from nfvigil.northbound.tagged import ETAG, NOT_MODIFIED
from nfvigil.store.alarm_query import AlarmQuery

read = for_readers("alarms")
write = for_writers("alarms")
administer = for_administrators("alarms")

AlarmId = Annotated[Text, Path(description="The alarm's id.")]
LIST_MAX = 100


class AlarmSelection(StrEnum):
    OPEN = "open"
    RAISED = "raised"
    CONFIRMED = "confirmed"
    CLEARED = "cleared"
    ALL = "all"


class AlarmParameters(Page):
    state: AlarmSelection = AlarmSelection.OPEN
    min_severity: Annotated[Severity | None, Field(description="This one or worse.")] = None
    severity: Annotated[tuple[Severity, ...], Field(max_length=LIST_MAX)] = ()
    fault_type: Annotated[
        tuple[Text, ...], Field(max_length=LIST_MAX, description="Globs such as `compute.host.*`; any of them fits.")
    ] = ()
    resource_type: Annotated[tuple[Kind, ...], Field(max_length=LIST_MAX)] = ()
    resource_id: Annotated[tuple[Text, ...], Field(max_length=LIST_MAX)] = ()
    project: Annotated[Text | None, Field(description="Of this project only; for administrators.")] = None
    vnf: Annotated[tuple[Text, ...], Field(max_length=LIST_MAX, description="Of these VNFs only.")] = ()
    root_only: Annotated[Flag, Field(description="Root causes only.")] = False
    acked: Annotated[Flag | None, Field(description="Acknowledged ones only, or only the others.")] = None
    since: Annotated[Moment | None, Field(description="Raised then or later.")] = None
    until: Annotated[Moment | None, Field(description="Raised before then.")] = None
    changed_after: Annotated[
        Annotated[int, Field(ge=0, le=SEQUENCE_MAX), AS_WHOLE] | None,
        Field(
            description="Only what changed after this point, in the order of the changes; begin with 0 and "
            "`state=all`, go on with `next` of the answer.",
        ),
    ] = None


class HistoryShape(Shape):
    time: Time
    what: str
    by: str
    text: str
    event_id: str | None


class Comment(Body):
    text: Prose


@read.get("/v1/alarms", response_model=Listing[AlarmShape])
async def list_alarms(
    parts: Have, caller: Caller, parameters: Annotated[AlarmParameters, QueryParameters()]
) -> Response:
    """Alarms, the newest first."""
    scope = caller.scope
    query = _query(parameters, scope)
    if parameters.changed_after is not None:
        if parameters.marker is not None:
            raise RefusedError("the request is wrong", [FieldError("marker", "does not go with changed_after")])
        changes = await parts.store.alarm_changes(query)
        # Always a cursor: this list has no end, it goes on when something changes.
        views = await shown(changes.alarms, lambda alarm: alarm_view(alarm, scope))
        return answer({"items": views, "next": str(changes.next_change)})
    found = await parts.store.alarms(query)
    return answer(await page(found, parameters.limit, lambda alarm: alarm.id, lambda alarm: alarm_view(alarm, scope)))


def _query(given: AlarmParameters, scope: str | None) -> AlarmQuery:
    if given.project is not None and scope is not None and given.project != scope:
        raise ForbiddenError(
            "the alarms of other projects are for administrators", [FieldError("project", "is not yours")]
        )
    states = {
        AlarmSelection.RAISED: (AlarmState.RAISED,),
        AlarmSelection.CONFIRMED: (AlarmState.CONFIRMED,),
        AlarmSelection.CLEARED: (AlarmState.CLEARED,),
    }
    return AlarmQuery(
        project=scope,
        of_project=given.project,
        open_only=given.state is AlarmSelection.OPEN,
        states=states.get(given.state, ()),
        severities=tuple(given.severity),
        min_severity=given.min_severity,
        fault_types=tuple(given.fault_type),
        resource_kinds=tuple(given.resource_type),
        resources=tuple(given.resource_id),
        vnfs=tuple(given.vnf),
        is_root_cause=True if given.root_only else None,
        is_acked=given.acked,
        from_us=given.since,
        until_us=given.until,
        since_change=given.changed_after,
        marker=given.marker,
        limit=given.limit,
    )


async def find_alarm(parts: Parts, alarm_id: str, caller: Identity) -> Alarm:
    alarm = await parts.store.alarm(alarm_id, caller.scope)
    if alarm is None:
        raise NotFoundError("there is no such alarm")
    return alarm


@read.get("/v1/alarms/{alarm_id}", response_model=AlarmShape, responses=problems(404) | ETAG | NOT_MODIFIED)
async def show_alarm(parts: Have, caller: Caller, request: Request, alarm_id: AlarmId) -> Response:
    """One alarm, with its ETag."""
    return tagged_answer(request, alarm_view(await find_alarm(parts, alarm_id, caller), caller.scope))


@read.get("/v1/alarms/{alarm_id}/history", response_model=Listing[HistoryShape], responses=problems(404))
async def show_history(parts: Have, caller: Caller, alarm_id: AlarmId) -> Response:
    """What happened to an alarm, the oldest first."""
    await find_alarm(parts, alarm_id, caller)
    entries = await parts.store.history(alarm_id)
    return answer({"items": [history_view(entry, caller.scope) for entry in entries], "next": None})


def history_view(entry: HistoryEntry, project: str | None) -> dict[str, Any]:
    # Monitors are known by the names of hosts, events are the administrator's; a comment is meant to be read.
    by_people = entry.what in ("acknowledged", "unacknowledged", "commented")
    return {
        "time": iso(entry.at_us),
        "what": entry.what,
        "by": entry.by if project is None or by_people else "",
        "text": entry.text,
        "event_id": str(entry.event_id) if project is None and entry.event_id is not None else None,
    }


@read.get("/v1/alarms/{alarm_id}/explain", response_model=Explanation, responses=problems(404))
async def explain_alarm(parts: Have, caller: Caller, alarm_id: AlarmId) -> Response:
    """Why an alarm stands, what was done for it, who was told, and when.

    A project hears of the deeds on its own resources; event, rule and map are the administrator's.
    """
    return answer(await explain(parts, await find_alarm(parts, alarm_id, caller), caller.scope))


async def _acknowledge(parts: Parts, caller: Identity, request: Request, alarm_id: str, acked: bool) -> Response:
    seen = await find_alarm(parts, alarm_id, caller)
    require_match(request, alarm_view(seen, caller.scope))
    alarm = await parts.desk.acknowledge(alarm_id, by=caller.name, project=caller.scope, acked=acked)
    return tagged_answer(request, alarm_view(alarm, caller.scope))


CHANGES = problems(404, 409, 412) | ETAG


@write.post("/v1/alarms/{alarm_id}/ack", response_model=AlarmShape, responses=CHANGES)
async def acknowledge(parts: Have, caller: Caller, request: Request, alarm_id: AlarmId) -> Response:
    """Somebody looks after it."""
    return await _acknowledge(parts, caller, request, alarm_id, True)


@write.delete("/v1/alarms/{alarm_id}/ack", response_model=AlarmShape, responses=CHANGES)
async def take_back_acknowledgement(parts: Have, caller: Caller, request: Request, alarm_id: AlarmId) -> Response:
    """Nobody looks after it any more."""
    return await _acknowledge(parts, caller, request, alarm_id, False)


@administer.post("/v1/alarms/{alarm_id}/clear", response_model=AlarmShape, responses=CHANGES)
async def clear(parts: Have, caller: Caller, request: Request, alarm_id: AlarmId) -> Response:
    """Clear it by hand, where its monitor never will. What only follows from another is cleared with its root."""
    require_match(request, alarm_view(await find_alarm(parts, alarm_id, caller), caller.scope))
    alarm = await parts.desk.clear(alarm_id, by=caller.name)
    await note(parts, caller, "cleared an alarm", alarm_id)
    return tagged_answer(request, alarm_view(alarm, caller.scope))


@write.post(
    "/v1/alarms/{alarm_id}/comments",
    status_code=201,
    response_model=HistoryShape,
    responses=problems(404) | OF_A_BODY,
)
async def comment(parts: Have, caller: Caller, alarm_id: AlarmId, body: Comment) -> Response:
    """Add a line to its history, which everybody reads who sees the alarm."""
    await find_alarm(parts, alarm_id, caller)
    entry = HistoryEntry(alarm_id=alarm_id, at_us=parts.clock(), what="commented", by=caller.name, text=body.text)
    await parts.store.commit(Change(history=(entry,)))
    return answer(history_view(entry, caller.scope), 201)
