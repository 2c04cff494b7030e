"""Alarms: list and follow them, acknowledge, comment, clear by hand, and ask why."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from fastapi import Path, Request, Response
from fastapi import Query as QueryParameters
from pydantic import Field

from nfvigil.errors import FieldError, NotFoundError, RefusedError
from nfvigil.model.alarm import Alarm, AlarmState, HistoryEntry
from nfvigil.model.identity import Identity
from nfvigil.model.times import iso
from nfvigil.model.view import alarm_view
from nfvigil.northbound.alarm_filters import AlarmFilters, Cursor
from nfvigil.northbound.etags import answer, require_match, tagged_answer
from nfvigil.northbound.explain import Explanation, explain
from nfvigil.northbound.fields import Body, Flag, Moment, Prose, Shape, Text
from nfvigil.northbound.guarded import OF_A_BODY, Caller, for_administrators, for_readers, for_writers, problems
from nfvigil.northbound.paging import Listing, Page, shown
from nfvigil.northbound.parts import Have, Parts, note
from nfvigil.northbound.places import BEGINNING, PATTERN, Place, Run, too_old, written
from nfvigil.northbound.places import read as read_place
from nfvigil.northbound.shapes import AlarmShape, Time
from nfvigil.northbound.tagged import ETAG, NOT_MODIFIED
from nfvigil.store.alarm_query import AlarmQuery

read = for_readers("alarms")
write = for_writers("alarms")
administer = for_administrators("alarms")

AlarmId = Annotated[Text, Path(description="The alarm's id.")]


class AlarmSelection(StrEnum):
    OPEN = "open"
    RAISED = "raised"
    CONFIRMED = "confirmed"
    CLEARED = "cleared"
    ALL = "all"


class AlarmParameters(AlarmFilters, Page):
    state: Annotated[
        AlarmSelection | None,
        Field(description="`open` if left out; `all` with `changed_after`, which takes no other."),
    ] = None
    root_only: Annotated[Flag, Field(description="Root causes only.")] = False
    acked: Annotated[Flag | None, Field(description="Acknowledged ones only, or only the others.")] = None
    changed_since: Annotated[Moment | None, Field(description="Raised, changed or cleared then or later.")] = None
    cleared_since: Annotated[Moment | None, Field(description="Cleared then or later.")] = None
    changed_after: Annotated[
        Cursor | None,
        Field(
            description="Only what changed after this `cursor`, in the order of the changes; go on with `cursor` of "
            "the answer. `0`: everything that there is."
        ),
    ] = None


class AlarmListing(Listing[AlarmShape]):
    """A page of alarms, and where to go on from with what changes."""

    generation: str
    """Another one where the alarms are those of another database, or of a copy that was put in its place."""
    cursor: str
    """For `changed_after`, and to follow. Of a list the same on each of its pages: from where its first was read."""
    more: bool
    """There may be more at once: of a list as long as it has a next page."""


class HistoryShape(Shape):
    time: Time
    what: str
    by: str
    text: str
    event_id: str | None


class Comment(Body):
    text: Prose


@read.get("/v1/alarms", response_model=AlarmListing, responses=problems(410))
async def list_alarms(
    parts: Have, caller: Caller, parameters: Annotated[AlarmParameters, QueryParameters()]
) -> Response:
    """Alarms, the newest first; or, after a cursor, those that changed."""
    query = _query(parameters, caller.scope)
    runs = await parts.store.runs()
    if parameters.changed_after is not None:
        return await _changes(parts, caller, query, runs, parameters.changed_after)
    place = None
    if parameters.marker is not None:
        cursor, at_us, alarm_id = _split(parameters.marker)
        place = read_place(cursor, runs, caller.scope, "marker")
        query = msgspec.structs.replace(query, place=(at_us, alarm_id))
    found = await parts.store.alarm_page(query)
    cursor = written(place or Place(found.last_change, found.last_change), runs, caller.scope)
    views = await shown(found.alarms, lambda alarm: alarm_view(alarm, caller.scope))
    following = None if found.following is None else f"{cursor}/{found.following[0]}/{found.following[1]}"
    return _listing(views, following, cursor, more=following is not None)


async def _changes(parts: Parts, caller: Identity, query: AlarmQuery, runs: Sequence[Run], cursor: str) -> Response:
    place = None if cursor == BEGINNING else read_place(cursor, runs, caller.scope, "changed_after")
    changes = await parts.store.alarm_changes(msgspec.structs.replace(query, since_change=place.change if place else 0))
    if place is None:
        place = Place(0, changes.last_change)
    elif changes.forgotten > place.safe:
        raise too_old("changed_after")
    views = await shown(changes.alarms, lambda alarm: alarm_view(alarm, caller.scope))
    # Always a next one: this list has no end, it goes on when something changes.
    following = written(Place(changes.next_change, place.start), runs, caller.scope)
    return _listing(views, following, following, more=changes.has_more)


def _listing(views: list[Any], following: str | None, cursor: str, *, more: bool) -> Response:
    generation = cursor.partition(".")[0]
    return answer({"items": views, "next": following, "generation": generation, "cursor": cursor, "more": more})


def _split(marker: str) -> tuple[str, int, str]:
    """Cursor, time and id of a marker. What is behind the cursor is the reader's own alarm, so nothing to hide."""
    cursor, _, rest = marker.partition("/")
    at_us, _, alarm_id = rest.partition("/")
    if not (re.fullmatch(PATTERN, cursor) and at_us.isdecimal() and len(at_us) < 19 and alarm_id):
        raise RefusedError("the request is wrong", [FieldError("marker", "is not the `next` of a page of this list")])
    return cursor, int(at_us), alarm_id


def _query(given: AlarmParameters, scope: str | None) -> AlarmQuery:
    follows = given.changed_after is not None
    flaws = []
    if follows:
        # What changes would leave such a list without a word: a clear, for one, of what is open.
        flaws = [
            FieldError(name, "does not go with changed_after")
            for name, is_given in (
                ("marker", given.marker is not None),
                ("state", given.state not in (None, AlarmSelection.ALL)),
                ("root_only", given.root_only),
                ("acked", given.acked is not None),
            )
            if is_given
        ]
    if flaws:
        raise RefusedError("the request is wrong", flaws)
    state = given.state or (AlarmSelection.ALL if follows else AlarmSelection.OPEN)
    return msgspec.structs.replace(
        given.query(scope, given.limit),
        open_only=state is AlarmSelection.OPEN,
        states=_STATES.get(state, ()),
        is_root_cause=True if given.root_only else None,
        is_acked=given.acked,
        changed_from_us=given.changed_since,
        cleared_from_us=given.cleared_since,
    )


_STATES = {
    AlarmSelection.RAISED: (AlarmState.RAISED,),
    AlarmSelection.CONFIRMED: (AlarmState.CONFIRMED,),
    AlarmSelection.CLEARED: (AlarmState.CLEARED,),
}


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
async def show_history(
    parts: Have, caller: Caller, alarm_id: AlarmId, parameters: Annotated[Page, QueryParameters()]
) -> Response:
    """What happened to an alarm, the oldest first."""
    await find_alarm(parts, alarm_id, caller)
    entries = await parts.store.history(alarm_id)
    start = _number(parameters.marker)
    some = entries[start : start + parameters.limit]
    following = str(start + len(some)) if start + len(some) < len(entries) else None
    return answer({"items": [history_view(entry, caller.scope) for entry in some], "next": following})


def _number(marker: str | None) -> int:
    """How many lines were read already."""
    if marker is not None and not (marker.isascii() and marker.isdecimal() and len(marker) < 10):
        raise RefusedError("the request is wrong", [FieldError("marker", "is not the `next` of a page of this list")])
    return int(marker or 0)


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
    responses=problems(404, 412) | OF_A_BODY,
)
async def comment(parts: Have, caller: Caller, request: Request, alarm_id: AlarmId, body: Comment) -> Response:
    """Add a line to its history, which everybody reads who sees the alarm."""
    alarm = await find_alarm(parts, alarm_id, caller)
    require_match(request, alarm_view(alarm, caller.scope))
    entry = HistoryEntry(alarm_id=alarm_id, at_us=parts.clock(), what="commented", by=caller.name, text=body.text)
    await parts.store.comment(entry)
    parts.feed.hint([alarm.project])
    return answer(history_view(entry, caller.scope), 201)
