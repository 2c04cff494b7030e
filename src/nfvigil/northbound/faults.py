"""Faults, their checkpoints from the fault to its handling, and percentiles over many."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from math import ceil
from typing import Annotated, Any

from fastapi import Path, Request, Response
from fastapi import Query as QueryParameters
from pydantic import Field

from nfvigil.errors import NotFoundError
from nfvigil.model.checkpoints import SPANS, Checkpoint, Profile
from nfvigil.model.fault import Fault
from nfvigil.model.severity import Severity
from nfvigil.model.times import iso, iso_or_none
from nfvigil.northbound.etags import answer, tagged_answer
from nfvigil.northbound.explain import profile_of
from nfvigil.northbound.fields import Moment, Query, Shape, Text
from nfvigil.northbound.guarded import Caller, for_administrators, for_readers, problems
from nfvigil.northbound.paging import Limit, Listing, Page, page
from nfvigil.northbound.parts import Have
from nfvigil.northbound.shapes import Id, ProfileShape, Time
from nfvigil.northbound.tagged import ETAG, NOT_MODIFIED
from nfvigil.northbound.views import profile_view, veiled_profile_view

read = for_readers("faults")
administer = for_administrators("faults")

FaultId = Annotated[Text, Path(description="The fault's id.")]


class FaultSelection(StrEnum):
    OPEN = "open"
    ALL = "all"


class FaultParameters(Page):
    state: FaultSelection = FaultSelection.OPEN


class AssertionShape(Shape):
    """A monitor's word that the fault is there."""

    event_id: str
    event_type: str
    resource: str
    monitor: str
    time: Time


class FaultShape(Shape):
    """What monitors observed on a resource, as against what follows from it."""

    id: Id
    type: str
    resource: str
    rule: str
    event_id: str
    severity: Severity
    is_predicted: bool
    expected_time: Time | None
    suppressed: str | None
    """Why there is no alarm for it now."""
    raised_time: Time
    cleared_time: Time | None
    assertions: list[AssertionShape]


class SummaryParameters(Query):
    since: Annotated[Moment | None, Field(description="Faults of then or later.")] = None
    limit: Limit = 1000


class Percentiles(Shape):
    """Over the faults that have both ends of the span."""

    count: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float


class Summary(Shape):
    faults: int
    spans: dict[str, Percentiles]
    """A component's name, `detected_to_received` or `accepted_to_received`; absent where no fault has it."""


def fault_view(fault: Fault) -> dict[str, Any]:
    return {
        "id": fault.id,
        "type": fault.type,
        "resource": fault.resource,
        "rule": fault.rule,
        "event_id": str(fault.event_id),
        "severity": fault.severity,
        "is_predicted": fault.predicted,
        "expected_time": iso_or_none(fault.expected_us),
        "suppressed": fault.suppressed or None,
        "raised_time": iso(fault.raised_us),
        "cleared_time": iso_or_none(fault.cleared_us),
        "assertions": [
            {
                "event_id": str(one.event_id),
                "event_type": one.event_type,
                "resource": one.resource,
                "monitor": one.monitor,
                "time": iso(one.time_us),
            }
            for one in fault.assertions
        ],
    }


@administer.get("/v1/faults", response_model=Listing[FaultShape])
async def list_faults(
    parts: Have, caller: Caller, parameters: Annotated[FaultParameters, QueryParameters()]
) -> Response:
    """Faults, the newest first."""
    found = await parts.store.faults(
        standing_only=parameters.state is FaultSelection.OPEN, marker=parameters.marker, limit=parameters.limit
    )
    return answer(await page(found, parameters.limit, lambda fault: fault.id, fault_view))


@administer.get("/v1/faults/{fault_id}", response_model=FaultShape, responses=problems(404) | ETAG | NOT_MODIFIED)
async def show_fault(parts: Have, caller: Caller, request: Request, fault_id: FaultId) -> Response:
    """One fault, with every monitor's word for it."""
    fault = await parts.store.fault(fault_id)
    if fault is None:
        raise NotFoundError("there is no such fault")
    return tagged_answer(request, fault_view(fault))


@read.get("/v1/faults/{fault_id}/profile", response_model=ProfileShape, responses=problems(404) | ETAG | NOT_MODIFIED)
async def show_profile(
    parts: Have,
    caller: Caller,
    request: Request,
    fault_id: Annotated[Text, Path(description="The id of a fault or of an alarm.")],
) -> Response:
    """A fault's checkpoints; a project asks by the id of its alarm."""
    profile = await parts.store.profile(fault_id) if caller.scope is None else None
    if profile is not None:
        return tagged_answer(request, profile_view(profile))
    alarm = await parts.store.alarm(fault_id, caller.scope)
    profile = None if alarm is None else await profile_of(parts, alarm)
    if alarm is None or profile is None:
        raise NotFoundError("there is no such fault")
    return tagged_answer(
        request, profile_view(profile) if caller.scope is None else veiled_profile_view(profile, alarm)
    )


@administer.get("/v1/profiles/summary", response_model=Summary)
async def summarise(
    parts: Have, caller: Caller, parameters: Annotated[SummaryParameters, QueryParameters()]
) -> Response:
    """Percentiles over the latest faults: what each component took, and the whole."""
    profiles = await parts.store.profiles(since_us=parameters.since or 0, limit=parameters.limit)
    return answer({"faults": len(profiles), "spans": summary_of(profiles)})


def summary_of(profiles: Sequence[Profile]) -> dict[str, dict[str, float]]:
    spans = {component.value: _between(profiles, start, end) for component, (start, end) in SPANS.items()}
    spans["detected_to_received"] = _between(profiles, Checkpoint.DETECTED, Checkpoint.RECEIVED)
    spans["accepted_to_received"] = [
        profile.checkpoints[Checkpoint.RECEIVED] - profile.received_us
        for profile in profiles
        if Checkpoint.RECEIVED in profile.checkpoints
    ]
    return {name: _percentiles(values) for name, values in spans.items() if values}


def _between(profiles: Iterable[Profile], start: Checkpoint, end: Checkpoint) -> list[int]:
    return [
        profile.checkpoints[end] - profile.checkpoints[start]
        for profile in profiles
        if start in profile.checkpoints and end in profile.checkpoints
    ]


def _percentiles(values: list[int]) -> dict[str, float]:
    """Nearest rank: every figure is one that was measured."""
    values.sort()

    def at(share: float) -> float:
        return values[max(0, ceil(share * len(values)) - 1)] / 1000

    return {
        "count": len(values),
        "p50_ms": at(0.5),
        "p90_ms": at(0.9),
        "p99_ms": at(0.99),
        "max_ms": values[-1] / 1000,
    }
