"""Instructions: an owner, or an operator, has something done to a server, and follows how it goes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Header, Path, Request, Response
from fastapi import Query as QueryParameters
from pydantic import Field, WithJsonSchema

from nfvigil.errors import FieldError, RefusedError
from nfvigil.model.action import OWNERS_DEEDS, Action, ActionKind, ActionState, Origin
from nfvigil.model.times import iso, iso_or_none
from nfvigil.northbound.etags import answer, tagged_answer
from nfvigil.northbound.fields import VISIBLE, Body, Flag, Number, Query, Shape, Switch, Text
from nfvigil.northbound.guarded import OF_A_BODY, Caller, for_readers, for_writers, problems
from nfvigil.northbound.paging import Listing, Page, page
from nfvigil.northbound.parts import Have, note
from nfvigil.northbound.shapes import Id, Time
from nfvigil.northbound.tagged import ETAG, NOT_MODIFIED
from nfvigil.store.event_records import action_marker

read = for_readers("instructions")
write = for_writers("instructions")

InstructionId = Annotated[str, Path(max_length=100, pattern=VISIBLE)]
Deed = Annotated[Text, WithJsonSchema({"type": "string", "enum": [*OWNERS_DEEDS, ActionKind.FENCE]})]
"""Who may ask for which is the desk's to say."""


class ParamsBody(Body):
    """What the deed is to be done with. ``host`` (where to) and ``override_brakes`` are for administrators."""

    type: Literal["SOFT", "HARD"] | None = None
    image: Text | None = None
    confirm: Switch | None = None
    seconds: Annotated[Number, Field(ge=10, le=86_400)] | None = None
    host: Text | None = None
    override_brakes: Switch | None = None


class InstructionBody(Body):
    action: Annotated[Deed, Field(description="`fence` is for administrators.")]
    target: Annotated[Text, Field(description="`server/<id>`; for `fence`, `host/<name>`.")]
    params: ParamsBody = ParamsBody()


class InstructionShape(Shape):
    """``text`` says why it waits, or how it ended; for a project without what names hosts."""

    id: Id
    action: str
    target: str
    project_id: str | None
    state: ActionState
    origin: Origin
    by: str
    attempts: int
    planned_time: Time
    started_time: Time | None
    ended_time: Time | None
    text: str


class DryRunQuery(Query):
    dry_run: Annotated[Flag, Field(description="Check it, and do nothing.")] = False


def view(action: Action, project: str | None) -> dict[str, Any]:
    return {
        "id": f"{action.event_id}-{action.id}",
        "action": action.kind,
        "target": action.target,
        "project_id": action.project or None,
        "state": action.state,
        "origin": action.origin,
        "by": action.by if project is None or action.origin is Origin.OWNER else "",
        "attempts": action.attempts,
        "planned_time": iso(action.planned_us),
        "started_time": iso_or_none(action.started_us),
        "ended_time": iso_or_none(action.ended_us),
        "text": action.result if project is None else "",
    }


TAKEN: dict[int | str, dict[str, Any]] = {
    200: {"model": InstructionShape, "description": "A dry run: what would be planned."},
    202: {"headers": {"Location": {"schema": {"type": "string"}}}},
}


@write.post(
    "/v1/instructions",
    status_code=202,
    response_model=InstructionShape,
    responses=problems(404, 409) | OF_A_BODY | TAKEN,
)
async def instruct(
    parts: Have,
    caller: Caller,
    body: InstructionBody,
    parameters: Annotated[DryRunQuery, QueryParameters()],
    idempotency_key: Annotated[
        Text | None, Header(description="The same key with the same body is one instruction, however often sent.")
    ] = None,
) -> Response:
    """Have something done. It is written down when this answers; how it goes is under ``Location``."""
    if not caller.is_admin and not caller.scope:
        raise RefusedError("nothing is yours", [FieldError("token", "speaks for no project")])
    params = body.params.model_dump(exclude_none=True)
    action = await parts.recovery.instruct(
        caller, body.action, body.target, params, key=idempotency_key or "", dry_run=parameters.dry_run
    )
    if parameters.dry_run:
        return answer(view(action, caller.scope))
    await note(parts, caller, f"instructed: {body.action}", body.target)
    shown = view(action, caller.scope)
    return answer(shown, 202, {"Location": f"/v1/instructions/{shown['id']}"})


@read.get("/v1/instructions", response_model=Listing[InstructionShape])
async def list_instructions(parts: Have, caller: Caller, parameters: Annotated[Page, QueryParameters()]) -> Response:
    """What was asked for, oldest first; a project sees what concerns its own servers."""
    found = await parts.recovery.instructions(caller.scope, parameters.marker, parameters.limit)
    return answer(await page(found, parameters.limit, action_marker, lambda action: view(action, caller.scope)))


@read.get(
    "/v1/instructions/{instruction_id}", response_model=InstructionShape, responses=problems(404) | ETAG | NOT_MODIFIED
)
async def show_instruction(parts: Have, caller: Caller, request: Request, instruction_id: InstructionId) -> Response:
    """How it stands, or how it ended."""
    found = await parts.recovery.instruction(instruction_id, caller.scope)
    return tagged_answer(request, view(found, caller.scope))
