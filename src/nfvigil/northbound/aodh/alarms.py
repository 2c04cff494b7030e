"""``/v2/alarms``: make, list, show, change and delete event alarms, and their states."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, Request, Response
from msgspec.structs import replace

from nfvigil.errors import ForbiddenError
from nfvigil.model.event_alarm import AodhState, EventAlarm
from nfvigil.model.identity import Identity
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
    by,
    known_only,
    listed,
    writable,
)
from nfvigil.northbound.aodh.bodies import AlarmBody, QueryBody, alarm_of, check_owner, user_of
from nfvigil.northbound.aodh.errors import UnauthorizedError, reading, writing
from nfvigil.northbound.aodh.filters import ALARMS, complex_order, complex_query, owners_asked, simple_query, sorts_of
from nfvigil.northbound.aodh.views import EventAlarmShape, State, alarm_view
from nfvigil.northbound.etags import answer
from nfvigil.northbound.guarded import Caller
from nfvigil.northbound.parts import Have, note
from nfvigil.store.event_alarm_query import And, EventAlarmQuery

read = reading()
write = writing()


@write.post("/v2/alarms", status_code=201, response_model=EventAlarmShape)
async def create_alarm(parts: Have, caller: Caller, request: Request, body: AlarmBody) -> Response:
    """Make an alarm. It is in effect when it is answered."""
    known_only(request, frozenset())
    check_owner(body, caller)
    mine = writable(caller)
    own = caller.project or ""
    project = mine if mine is not None else own if body.project_id is None else body.project_id
    base = EventAlarm(
        id=parts.new_id(),
        name=body.name,
        project=project,
        user=body.user_id or user_of(caller),
        is_operators=caller.is_admin and project == own,
    )
    made = await alarming_of(parts).create(alarm_of(body, base), by=by(caller))
    await note(parts, caller, "event alarm made", made.id)
    return answer(alarm_view(made), 201, {"Location": f"/v2/alarms/{made.id}"})


@read.get("/v2/alarms", response_model=list[EventAlarmShape])
async def list_alarms(
    parts: Have,
    caller: Caller,
    request: Request,
    q_field: QFields = None,
    q_op: QOps = None,
    q_value: QValues = None,
    q_type: QTypes = None,
    limit: Limit = None,
    marker: Marker = None,
    sort: Sorts = None,
) -> Response:
    """Alarms, the last changed first: the project's own, or with the filter `all_projects` everybody's."""
    known_only(request, LISTING)
    names, ops, values = list(q_field or ()), list(q_op or ()), list(q_value or ())
    scope = _scope(caller, names, ops, values)
    query = EventAlarmQuery(
        project=scope,
        tree=And(tuple(simple_query(ALARMS, names, ops, values))),
        sorts=sorts_of(ALARMS, sort or ()),
        marker=marker,
        limit=limit,
    )
    return await listed(alarming_of(parts).alarms(query), alarm_view)


def _scope(caller: Identity, names: list[str], ops: list[str], values: list[str]) -> str | None:
    """Whose alarms are meant. ``all_projects`` is taken out of the lists, which come in step."""
    is_all = False
    if "all_projects" in names and len(names) == len(values):
        at = names.index("all_projects")
        is_all = values[at].lower() in ("1", "t", "true", "on", "y", "yes")
        for one in (names, ops, values):
            if at < len(one):
                del one[at]
    asked = [value for name, value in zip(names, values, strict=False) if name in ("project", "project_id")]
    if caller.scope is not None:
        if is_all:
            raise ForbiddenError("RBAC Authorization Failed")
        _check_asked(caller.scope, asked)
        return caller.scope
    return None if is_all or asked or not caller.project else caller.project


def _check_asked(scope: str, asked: list[str]) -> None:
    for project in asked:
        if project != scope:
            raise UnauthorizedError(f"Not Authorized to access project {project}")


@read.post("/v2/query/alarms", response_model=list[EventAlarmShape])
async def query_alarms(parts: Have, caller: Caller, request: Request, body: QueryBody) -> Response:
    """Alarms by a complex query."""
    known_only(request, frozenset())
    tree = complex_query(ALARMS, body.filter)
    if caller.scope is not None:
        _check_asked(caller.scope, owners_asked(tree, "project_id"))
    query = EventAlarmQuery(
        project=caller.scope, tree=tree, sorts=complex_order(ALARMS, body.orderby), limit=body.limit
    )
    return await listed(alarming_of(parts).alarms(query), alarm_view)


@read.get("/v2/alarms/{alarm_id}", response_model=EventAlarmShape)
async def show_alarm(parts: Have, caller: Caller, alarm_id: AlarmId) -> Response:
    """One alarm."""
    return answer(alarm_view(await alarming_of(parts).show(alarm_id, caller.scope)))


@write.put("/v2/alarms/{alarm_id}", response_model=EventAlarmShape)
async def change_alarm(parts: Have, caller: Caller, alarm_id: AlarmId, body: AlarmBody) -> Response:
    """Take another definition for it. What is left out is as for a new one."""
    mine = writable(caller)
    check_owner(body, caller)

    def make(before: EventAlarm) -> EventAlarm:
        after = alarm_of(body, before)
        project = body.project_id if mine is None and body.project_id is not None else before.project
        return replace(
            after,
            project=project,
            user=body.user_id or before.user,
            is_operators=before.is_operators and project == before.project,
        )

    changed = await alarming_of(parts).change(alarm_id, mine, make, by=by(caller))
    await note(parts, caller, "event alarm changed", alarm_id)
    return answer(alarm_view(changed))


@write.delete("/v2/alarms/{alarm_id}", status_code=204)
async def delete_alarm(parts: Have, caller: Caller, alarm_id: AlarmId) -> Response:
    """Forget it, with its history; what was not delivered yet is dropped."""
    await alarming_of(parts).delete(alarm_id, writable(caller))
    await note(parts, caller, "event alarm deleted", alarm_id)
    return Response(None, 204)


@read.get("/v2/alarms/{alarm_id}/state", response_model=State)
async def show_state(parts: Have, caller: Caller, alarm_id: AlarmId) -> Response:
    """The state it is in."""
    return answer((await alarming_of(parts).show(alarm_id, caller.scope)).state.value)


@write.put("/v2/alarms/{alarm_id}/state", response_model=State)
async def set_state(parts: Have, caller: Caller, alarm_id: AlarmId, state: Annotated[State, Body()]) -> Response:
    """Say which state it is in. What is to be done when it gets there, is done."""
    await alarming_of(parts).set_state(alarm_id, writable(caller), AodhState(state), by=by(caller))
    await note(parts, caller, "event alarm state set", alarm_id, state)
    return answer(state)
