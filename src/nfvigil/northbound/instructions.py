"""Instructions: an owner, or an operator, has something done to a server, and follows how it goes."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Header, Path, Response
from fastapi import Query as QueryParameters
from pydantic import Field, StrictBool, StrictFloat, StrictInt

from nfvigil.errors import FieldError, RefusedError
from nfvigil.model.action import Action, ActionState, Origin
from nfvigil.model.times import iso, iso_or_none
from nfvigil.northbound.etags import answer
from nfvigil.northbound.fields import VISIBLE, Body, Flag, MaybeText, Query, Shape, Text
from nfvigil.northbound.guarded import OF_A_BODY, Caller, for_readers, for_writers, problems
from nfvigil.northbound.paging import Listing, Page, page
from nfvigil.northbound.parts import Have, note
from nfvigil.northbound.shapes import Id, Time
from nfvigil.store.event_records import action_marker

read = for_readers("instructions")
write = for_writers("instructions")

Key = Annotated[str, Header(alias="Idempotency-Key", min_length=1, max_length=255, pattern=VISIBLE)]
InstructionId = Annotated[str, Path(max_length=100, pattern=VISIBLE)]


class InstructionBody(Body):
    action: Text
    """``reboot``, ``start``, ``stop``, ``live_migrate``, ``migrate``, ``confirm_resize``, ``revert_resize``,
    ``evacuate``, ``rebuild``, ``delete``; for administrators also ``fence``."""
    target: Text
    """``server/<id>``; for ``fence``, ``host/<name>``."""
    params: Annotated[
        dict[Text, StrictBool | StrictInt | StrictFloat | MaybeText],
        Field(
            default_factory=dict,
            max_length=20,
            description="`type` (SOFT, HARD), `image`, `confirm`, `seconds`; for administrators `host`,"
            " `override_brakes`.",
        ),
    ]


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


@write.post(
    "/v1/instructions", status_code=202, response_model=InstructionShape, responses=problems(404, 409) | OF_A_BODY
)
async def instruct(
    parts: Have,
    caller: Caller,
    body: InstructionBody,
    parameters: Annotated[DryRunQuery, QueryParameters()],
    idempotency_key: Key | None = None,
) -> Response:
    """Have something done. It is written down when this answers; how it goes is under ``Location``."""
    if not caller.is_admin and not caller.scope:
        raise RefusedError("nothing is yours", [FieldError("token", "speaks for no project")])
    action = await parts.recovery.instruct(
        caller, body.action, body.target, body.params, key=idempotency_key or "", dry_run=parameters.dry_run
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


@read.get("/v1/instructions/{instruction_id}", response_model=InstructionShape, responses=problems(404))
async def show_instruction(parts: Have, caller: Caller, instruction_id: InstructionId) -> Response:
    """How it stands, or how it ended."""
    return answer(view(await parts.recovery.instruction(instruction_id, caller.scope), caller.scope))
