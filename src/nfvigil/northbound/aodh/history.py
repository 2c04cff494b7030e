"""What became of event alarms: of one, or by a complex query."""

from __future__ import annotations

from fastapi import Request, Response

from nfvigil.northbound.aodh.asking import (
    LISTING,
    AlarmId,
    Limit,
    Marker,
    QFields,
    QOps,
    QTypes,
    QValues,
    Sorts,
    alarming_of,
    known_only,
    listed,
)
from nfvigil.northbound.aodh.bodies import QueryBody
from nfvigil.northbound.aodh.errors import UnauthorizedError, reading
from nfvigil.northbound.aodh.filters import CHANGES, complex_order, complex_query, owners_asked, simple_query, sorts_of
from nfvigil.northbound.aodh.views import EventAlarmChangeShape, change_view
from nfvigil.northbound.guarded import Caller
from nfvigil.northbound.parts import Have
from nfvigil.store.event_alarm_query import And, EventAlarmQuery, Is

read = reading()


@read.get("/v2/alarms/{alarm_id}/history", response_model=list[EventAlarmChangeShape])
async def show_history(
    parts: Have,
    caller: Caller,
    request: Request,
    alarm_id: AlarmId,
    q_field: QFields = None,
    q_op: QOps = None,
    q_value: QValues = None,
    q_type: QTypes = None,
    limit: Limit = None,
    marker: Marker = None,
    sort: Sorts = None,
) -> Response:
    """What became of an alarm, the last first."""
    known_only(request, LISTING)
    tests = simple_query(CHANGES, q_field or (), q_op or (), q_value or ())
    query = EventAlarmQuery(
        project=caller.scope,
        tree=And((Is("alarm_id", "=", alarm_id), *tests)),
        sorts=sorts_of(CHANGES, sort or ()),
        marker=marker,
        limit=limit,
    )
    return await listed(alarming_of(parts).changes(query), change_view)


@read.post("/v2/query/alarms/history", response_model=list[EventAlarmChangeShape])
async def query_history(parts: Have, caller: Caller, request: Request, body: QueryBody) -> Response:
    """What became of alarms, by a complex query."""
    known_only(request, frozenset())
    tree = complex_query(CHANGES, body.filter)
    for project in owners_asked(tree, "on_behalf_of") if caller.scope is not None else ():
        if project != caller.scope:
            raise UnauthorizedError(f"Not Authorized to access project {project}")
    query = EventAlarmQuery(
        project=caller.scope, tree=tree, sorts=complex_order(CHANGES, body.orderby), limit=body.limit
    )
    return await listed(alarming_of(parts).changes(query), change_view)
