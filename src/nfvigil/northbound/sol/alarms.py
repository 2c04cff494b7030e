"""``/vnffm/v1/alarms``: the alarms of VNFs, in ETSI's words; acknowledge and escalate them."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import Path, Request, Response
from fastapi import Query as QueryParameters
from msgspec.structs import replace
from pydantic import Field

from nfvigil.errors import ConflictError, FieldError, NotFoundError, RefusedError
from nfvigil.model.alarm import Alarm, AlarmState, HistoryEntry
from nfvigil.model.change import Change
from nfvigil.model.identity import Identity
from nfvigil.model.severity import EventType, Severity
from nfvigil.model.sol import TYPES, sol_alarm
from nfvigil.northbound.etags import HEADERS, answer, require_match, tag_of_view, tagged_answer
from nfvigil.northbound.fields import Body, Query, Shape, Text
from nfvigil.northbound.guarded import OF_A_BODY, Caller, problems
from nfvigil.northbound.parts import Have, Parts, note
from nfvigil.northbound.shapes import Time
from nfvigil.northbound.sol.filtering import LENGTH_MAX, PATTERN, Attributes, Expression, fits, parse
from nfvigil.northbound.sol.routes import reading, root_of, writing
from nfvigil.northbound.tagged import ETAG, NOT_MODIFIED
from nfvigil.store.alarm_query import AlarmQuery

read = reading()
write = writing()

PAGE = 100
LOOK = 500
"""Alarms read at once while a filter is looked for."""
LOOKS_MAX = 20
"""What is asked for is so rare that it is not in so many: the answer is a page with little in it."""


class AckState(StrEnum):
    UNACKNOWLEDGED = "UNACKNOWLEDGED"
    ACKNOWLEDGED = "ACKNOWLEDGED"


class PerceivedSeverity(StrEnum):
    CRITICAL = "CRITICAL"
    MAJOR = "MAJOR"
    MINOR = "MINOR"
    WARNING = "WARNING"
    INDETERMINATE = "INDETERMINATE"
    CLEARED = "CLEARED"


AlarmId = Annotated[Text, Path(description="The alarm's id.")]
Uri = str
_MARKER = re.compile(r"(\d{1,18})\.(.+)", re.ASCII)
FAULTY = "rootCauseFaultyResource/faultyResource"
ATTRIBUTES = Attributes(
    texts=frozenset(
        {
            *("id", "managedObjectId", "vnfcInstanceIds", "ackState", "perceivedSeverity", "eventType", "faultType"),
            *("probableCause", "isRootCause", "correlatedAlarmIds", "faultDetails"),
            *("rootCauseFaultyResource/faultyResourceType", f"{FAULTY}/resourceId", f"{FAULTY}/vimConnectionId"),
            f"{FAULTY}/vimLevelResourceType",
        }
    ),
    times=frozenset({"alarmRaisedTime", "alarmChangedTime", "alarmClearedTime", "alarmAcknowledgedTime", "eventTime"}),
    words={
        "ackState": frozenset(AckState),
        "perceivedSeverity": frozenset(PerceivedSeverity),
        "eventType": frozenset(EventType),
        "isRootCause": frozenset({"true", "false"}),
        "rootCauseFaultyResource/faultyResourceType": frozenset(TYPES),
    },
)


class SolAlarmParameters(Query):
    filter: Annotated[
        str | None,
        Field(
            max_length=LENGTH_MAX,
            pattern=PATTERN,
            description="By attribute (SOL013 5.2): `(eq,perceivedSeverity,CRITICAL)`.",
        ),
    ] = None
    nextpage_opaque_marker: Annotated[Text | None, Field(description="From the `Link` of the page before.")] = None


class LinkShape(Shape):
    href: Uri


class SolAlarmLinks(Shape):
    self: LinkShape


class ResourceHandle(Shape):
    resourceId: str
    vimLevelResourceType: str
    vimConnectionId: str
    """For a project, an id that stands for the VIM."""


class FaultyResource(Shape):
    faultyResource: ResourceHandle
    faultyResourceType: Literal["COMPUTE", "STORAGE", "NETWORK"]


class SolAlarm(Shape):
    id: str
    managedObjectId: str
    """The VNF instance."""
    vnfcInstanceIds: Annotated[list[str], Field(default_factory=list)]
    rootCauseFaultyResource: FaultyResource
    alarmRaisedTime: Time
    alarmChangedTime: Time = ""
    alarmClearedTime: Time = ""
    alarmAcknowledgedTime: Time = ""
    ackState: AckState
    perceivedSeverity: PerceivedSeverity
    eventTime: Time
    eventType: EventType
    faultType: str
    probableCause: str
    isRootCause: bool
    correlatedAlarmIds: Annotated[list[str], Field(default_factory=list)]
    faultDetails: list[str]
    links: Annotated[SolAlarmLinks, Field(alias="_links")]


class AlarmModifications(Body):
    ackState: AckState


class PerceivedSeverityRequest(Body):
    proposedPerceivedSeverity: PerceivedSeverity


@read.get("/vnffm/v1/alarms", response_model=list[SolAlarm])
async def list_sol_alarms(
    parts: Have, caller: Caller, request: Request, parameters: Annotated[SolAlarmParameters, QueryParameters()]
) -> Response:
    """The alarms of VNFs, the newest first, the cleared ones among them. A page has a `Link` to the next."""
    expressions = parse(parameters.filter, ATTRIBUTES) if parameters.filter is not None else ()
    root = root_of(parts, request)
    query = _narrowed(
        AlarmQuery(project=caller.scope, only_vnfs=True, limit=LOOK if expressions else PAGE), expressions
    )
    found: list[dict[str, Any]] = []
    place = _place(parameters.nextpage_opaque_marker)
    for _ in range(LOOKS_MAX):
        page = await parts.store.alarm_page(replace(query, place=place))
        for alarm in page.alarms:
            view = sol_alarm(alarm, caller.scope, root)
            place = (alarm.raised_us, alarm.id)
            if fits(expressions, view):
                found.append(view)
            if len(found) == PAGE:
                return answer(found, headers=_next(root, place, parameters.filter))
        place = page.following
        if place is None:
            return answer(found)
    assert place is not None  # it ended above
    return answer(found, headers=_next(root, place, parameters.filter))


def _place(marker: str | None) -> tuple[int, str] | None:
    """Behind which alarm to go on; it need not be there any more."""
    match = _MARKER.fullmatch(marker) if marker is not None else None
    if marker is not None and match is None:
        raise RefusedError("the request is wrong", [FieldError("nextpage_opaque_marker", "is none that was given")])
    return (int(match.group(1)), match.group(2)) if match is not None else None


def _next(root: str, place: tuple[int, str], text: str | None) -> dict[str, str]:
    parameters = {"nextpage_opaque_marker": f"{place[0]}.{place[1]}"} | ({"filter": text} if text is not None else {})
    return {"Link": f'<{root}/vnffm/v1/alarms?{urlencode(parameters)}>; rel="next"'}


def _narrowed(query: AlarmQuery, expressions: tuple[Expression, ...]) -> AlarmQuery:
    """What the database finds by itself. Whether an alarm fits is looked at again: it is only fewer that are read."""
    for op, path, values, _ in expressions:
        if op not in ("eq", "in"):
            continue
        if path == "managedObjectId" and not query.vnfs:
            query = replace(query, vnfs=values)
        elif path == "faultType" and not query.fault_types and not any(set(value) & set("*?[") for value in values):
            query = replace(query, fault_types=values)
        elif path == "ackState" and query.is_acked is None:
            query = replace(query, is_acked=values == (AckState.ACKNOWLEDGED,)) if len(values) == 1 else query
        elif path == "perceivedSeverity" and not query.states:
            query = _narrowed_by_severity(query, values)
    return query


def _narrowed_by_severity(query: AlarmQuery, values: tuple[str, ...]) -> AlarmQuery:
    if values == (PerceivedSeverity.CLEARED,):
        return replace(query, states=(AlarmState.CLEARED,))
    if PerceivedSeverity.CLEARED in values:
        return query
    severities = tuple(Severity(value.lower()) for value in values if value in PerceivedSeverity.__members__)
    is_open = (AlarmState.RAISED, AlarmState.CONFIRMED)
    return replace(query, severities=severities, states=is_open) if severities else query


async def _find(parts: Parts, alarm_id: str, caller: Identity) -> Alarm:
    alarm = await parts.store.alarm(alarm_id, caller.scope)
    if alarm is None or not alarm.vnf:
        raise NotFoundError("there is no such alarm")
    return alarm


@read.get("/vnffm/v1/alarms/{alarm_id}", response_model=SolAlarm, responses=problems(404) | ETAG | NOT_MODIFIED)
async def show_sol_alarm(parts: Have, caller: Caller, request: Request, alarm_id: AlarmId) -> Response:
    """One alarm, with its ETag."""
    found = await _find(parts, alarm_id, caller)
    return tagged_answer(request, sol_alarm(found, caller.scope, root_of(parts, request)))


@write.patch(
    "/vnffm/v1/alarms/{alarm_id}",
    response_model=AlarmModifications,
    responses=problems(404, 409, 412) | OF_A_BODY | ETAG,
)
async def modify_sol_alarm(
    parts: Have, caller: Caller, request: Request, alarm_id: AlarmId, body: AlarmModifications
) -> Response:
    """Acknowledge it, or take that back. Answers with what was changed."""
    root = root_of(parts, request)
    alarm = await _find(parts, alarm_id, caller)
    require_match(request, sol_alarm(alarm, caller.scope, root))
    is_acked = body.ackState is AckState.ACKNOWLEDGED
    if bool(alarm.acked_us) is is_acked:
        raise ConflictError(f"its ackState is {body.ackState} already")
    if not alarm.is_open:
        raise ConflictError("it is cleared")
    changed = await parts.desk.acknowledge(alarm_id, by=caller.name, project=caller.scope, acked=is_acked)
    tag = tag_of_view(sol_alarm(changed, caller.scope, root))
    return answer({"ackState": body.ackState.value}, headers={"ETag": tag})


@write.post("/vnffm/v1/alarms/{alarm_id}/escalate", status_code=204, responses=problems(404) | OF_A_BODY)
async def escalate_sol_alarm(
    parts: Have, caller: Caller, alarm_id: AlarmId, body: PerceivedSeverityRequest
) -> Response:
    """Its consumer finds it worse, or less bad, than we do (SOL002). It is written in the alarm's history, for whoever
    looks after it; the severity stays what the policy says.
    """
    await _find(parts, alarm_id, caller)
    text = f"escalated: {body.proposedPerceivedSeverity.lower()} is proposed"
    entry = HistoryEntry(alarm_id=alarm_id, at_us=parts.clock(), what="commented", by=caller.name, text=text)
    await parts.store.commit(Change(history=(entry,)))
    await note(parts, caller, "escalated an alarm", alarm_id, body.proposedPerceivedSeverity)
    return Response(None, 204, HEADERS)
