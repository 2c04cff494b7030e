"""Failure policies: list, check, apply, roll back; what one would decide, and whether decisions can be made again."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import Path, Request, Response
from fastapi import Query as QueryParameters
from pydantic import Field

from nfvigil.errors import FieldError, NotFoundError, RefusedError
from nfvigil.model.times import iso
from nfvigil.model.verdict import News
from nfvigil.northbound.etags import answer, tagged_answer
from nfvigil.northbound.fields import AS_NUMBER, AS_WHOLE, Body, Moment, PolicyText, Query, Shape, Text
from nfvigil.northbound.guarded import OF_A_BODY, Caller, Flaw, for_administrators, problems
from nfvigil.northbound.paging import LIMIT, LIMIT_MAX, Listing, Page, page
from nfvigil.northbound.parts import Have, Parts, note
from nfvigil.northbound.problems import field_error_view
from nfvigil.northbound.shapes import ActionShape, AlarmShape, EventShape, StepShape, Time, ToldShape
from nfvigil.northbound.tagged import CREATED, ETAG, NOT_MODIFIED
from nfvigil.northbound.views import dry_run_view
from nfvigil.store.records import PolicyRecord

administer = for_administrators("policies")

VERSION_MAX = (1 << 31) - 1
Version = Annotated[int, Field(ge=1, le=VERSION_MAX), AS_NUMBER]
PolicyName = Annotated[Text, Path(description="The policy's name.")]


class PolicyHead(Shape):
    name: str
    version: int
    active: bool
    created_time: Time
    created_by: str


class PolicyShape(PolicyHead):
    text: str


class VersionParameters(Query):
    version: Annotated[
        Annotated[int, Field(ge=1, le=VERSION_MAX), AS_WHOLE] | None, Field(description="The newest if left out.")
    ] = None


class PolicyBody(Body):
    text: PolicyText


class LintResult(Shape):
    ok: bool
    errors: list[Flaw]


class RollbackBody(Body):
    version: Annotated[Version | None, Field(description="The one before the present if left out.")] = None


class DryRunBody(Body):
    text: Annotated[PolicyText | None, Field(description="The policy to try; the active one if left out.")] = None
    event: Annotated[
        dict[str, Any] | None, Field(description="An event in our own form; recorded ones if left out.")
    ] = None
    since: Moment | None = None
    until: Moment | None = None
    limit: Annotated[int, Field(ge=1, le=LIMIT_MAX), AS_NUMBER] = LIMIT


class NewsShape(Shape):
    news: News
    alarm: AlarmShape


class DryRunShape(Shape):
    event: EventShape
    steps: list[StepShape]
    alarms: list[NewsShape]
    actions: list[ActionShape]
    told: list[ToldShape]


class DryRuns(Shape):
    results: list[DryRunShape]


class ReplayBody(Body):
    since: Moment | None = None
    limit: Annotated[int, Field(ge=1, le=1_000_000), AS_NUMBER] = 10_000


class DifferenceShape(Shape):
    event_id: str
    recorded: str
    replayed: str


class ReplayShape(Shape):
    replayed: int
    equal: int
    different: list[DifferenceShape]


def policy_head(policy: PolicyRecord) -> dict[str, Any]:
    return {
        "name": policy.name,
        "version": policy.version,
        "active": policy.is_active,
        "created_time": iso(policy.created_us),
        "created_by": policy.created_by,
    }


def policy_view(policy: PolicyRecord) -> dict[str, Any]:
    return policy_head(policy) | {"text": policy.text}


@administer.get("/v1/policies", response_model=Listing[PolicyHead])
async def list_policies(parts: Have, caller: Caller, parameters: Annotated[Page, QueryParameters()]) -> Response:
    """Every version of every policy, without their texts; by name, the newest first."""
    found = list(await parts.store.policies())
    if parameters.marker is not None:
        marks = [_marker(policy) for policy in found]
        if parameters.marker not in marks:
            raise NotFoundError("there is no such policy to go on from")
        found = found[marks.index(parameters.marker) + 1 :]
    return answer(await page(found[: parameters.limit], parameters.limit, _marker, policy_head))


def _marker(policy: PolicyRecord) -> str:
    return f"{policy.name}@{policy.version}"


async def _find(parts: Parts, name: str, version: int | None) -> PolicyRecord:
    policy = await parts.store.policy(name, version)
    if policy is None:
        raise NotFoundError("there is no such policy, or no such version of it")
    return policy


@administer.get("/v1/policies/{name}", response_model=PolicyShape, responses=problems(404) | ETAG | NOT_MODIFIED)
async def show_policy(
    parts: Have,
    caller: Caller,
    request: Request,
    name: PolicyName,
    parameters: Annotated[VersionParameters, QueryParameters()],
) -> Response:
    """One version of a policy, with its text and its ETag."""
    return tagged_answer(request, policy_view(await _find(parts, name, parameters.version)))


@administer.post("/v1/policies/lint", response_model=LintResult, responses=OF_A_BODY)
async def lint(parts: Have, caller: Caller, body: PolicyBody) -> Response:
    """What is wrong with a policy, by line and field; nothing is changed."""
    errors = parts.desk.lint(body.text)
    return answer({"ok": not errors, "errors": [field_error_view(error) for error in errors]})


@administer.post("/v1/policies", status_code=201, response_model=PolicyShape, responses=OF_A_BODY | CREATED)
async def apply(parts: Have, caller: Caller, body: PolicyBody) -> Response:
    """Make it the next version of its name, and the one in force."""
    applied = await parts.desk.apply_policy(body.text, by=caller.name)
    policy = await _find(parts, applied.name, applied.version)
    await note(parts, caller, "applied a policy", f"{policy.name}@{policy.version}")
    return answer(policy_view(policy), 201, {"Location": f"/v1/policies/{policy.name}?version={policy.version}"})


@administer.post("/v1/policies/{name}/rollback", response_model=PolicyShape, responses=problems(404, 409) | OF_A_BODY)
async def roll_back(parts: Have, caller: Caller, name: PolicyName, body: RollbackBody | None = None) -> Response:
    """Put an earlier version in force again."""
    version = None if body is None else body.version
    active = await parts.desk.roll_back(name, version, by=caller.name)
    await note(parts, caller, "rolled back a policy", f"{active.name}@{active.version}")
    return answer(policy_view(await _find(parts, active.name, active.version)))


@administer.post("/v1/policies/dry-run", response_model=DryRuns, responses=OF_A_BODY)
async def dry_run(parts: Have, caller: Caller, body: DryRunBody) -> Response:
    """What a policy would decide, on one event as things stand or on recorded ones; nothing of it is done."""
    event = None
    if body.event is not None:
        try:
            event = parts.read_event(msgspec.json.encode(body.event))
        except RefusedError as error:
            flaws = [FieldError(f"event.{one.field}".rstrip("."), one.reason) for one in error.errors]
            raise RefusedError("the event is wrong", flaws or [FieldError("event", error.message)]) from error
    runs = await parts.desk.dry_run(body.text, event, since_us=body.since, until_us=body.until, limit=body.limit)
    return answer({"results": [dry_run_view(run) for run in runs]})


@administer.post("/v1/replay", response_model=ReplayShape, responses=OF_A_BODY)
async def replay(parts: Have, caller: Caller, body: ReplayBody | None = None) -> Response:
    """Make the recorded decisions again: are they the same, to the byte?"""
    body = body or ReplayBody()
    found = await parts.desk.replay_decisions(since_us=body.since, limit=body.limit)
    return answer(
        {
            "replayed": found.replayed,
            "equal": found.equal,
            "different": [
                {"event_id": str(one.event_id), "recorded": one.recorded, "replayed": one.replayed}
                for one in found.different
            ],
        }
    )
