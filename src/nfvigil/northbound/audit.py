"""The audit log: who did what to what, and how it ended. For administrators, and readers of the whole system."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query as QueryParameters
from fastapi import Response
from pydantic import Field

from nfvigil.model.audit import AuditQuery, AuditRecord, Outcome
from nfvigil.model.times import iso
from nfvigil.northbound.cadf import cadf_event
from nfvigil.northbound.etags import answer
from nfvigil.northbound.fields import EventId, Moment, Shape, Text
from nfvigil.northbound.guarded import for_administrators
from nfvigil.northbound.paging import Listing, Page, page
from nfvigil.northbound.parts import Have, Parts
from nfvigil.northbound.shapes import Time

administer = for_administrators("audit")

Globs = Annotated[tuple[Text, ...], Field(max_length=20)]
ID_MAX = (1 << 63) - 1


class AuditParameters(Page):
    marker: Annotated[EventId | None, Field(description="`next` of the page before.")] = None
    who: Annotated[Globs, Field(description="A name or an id; a glob, any of them fits.")] = ()
    what: Annotated[Globs, Field(description="A rule such as `nfvigil:alarms:*`, or what was done.")] = ()
    target: Annotated[Globs, Field(description="What it was done to.")] = ()
    outcome: Outcome | None = None
    request: Annotated[Globs, Field(description="Of this request.")] = ()
    since: Annotated[Moment | None, Field(description="Then or later.")] = None
    until: Annotated[Moment | None, Field(description="Before then.")] = None


class AuditShape(Shape):
    """A line of the audit log. What was begun is `pending`; how it ended is a later line of the same `request_id`."""

    id: str
    time: Time
    who: str
    who_id: str
    project_id: str | None
    role: str
    via: str
    what: str
    rule: str | None
    method: str
    target: str
    text: str
    outcome: Outcome
    status: int | None
    address: str
    request_id: str
    hash: str


class CadfShape(Shape):
    """DMTF's event (DSP0262)."""

    typeURI: str
    id: str
    eventType: str
    eventTime: Time
    action: str
    outcome: str
    initiator: dict[str, Any]
    target: dict[str, Any]
    observer: dict[str, Any]
    reason: Annotated[dict[str, str], Field(default_factory=dict)]
    tags: Annotated[list[str], Field(default_factory=list)]
    attachments: list[dict[str, str]]


def record_view(record: AuditRecord) -> dict[str, Any]:
    return {
        "id": str(record.id),
        "time": iso(record.at_us),
        "who": record.who,
        "who_id": record.who_id,
        "project_id": record.project or None,
        "role": record.role,
        "via": record.via,
        "what": record.what,
        "rule": record.rule or None,
        "method": record.method,
        "target": record.target,
        "text": record.text,
        "outcome": record.outcome,
        "status": record.status or None,
        "address": record.address,
        "request_id": record.request,
        "hash": record.hash,
    }


async def _found(parts: Parts, given: AuditParameters) -> list[AuditRecord]:
    query = AuditQuery(
        who=tuple(given.who),
        what=tuple(given.what),
        target=tuple(given.target),
        outcome=given.outcome,
        request=tuple(given.request),
        since_us=given.since,
        until_us=given.until,
        before=None if given.marker is None else min(int(given.marker), ID_MAX),
        limit=given.limit,
    )
    return list(await parts.store.audit_log(query))


@administer.get("/v1/audit", response_model=Listing[AuditShape])
async def list_audit(parts: Have, parameters: Annotated[AuditParameters, QueryParameters()]) -> Response:
    """What was done by hand, the newest first."""
    found = await _found(parts, parameters)
    return answer(await page(found, parameters.limit, lambda record: record.id, record_view))


@administer.get("/v1/audit/cadf", response_model=Listing[CadfShape])
async def export_cadf(parts: Have, parameters: Annotated[AuditParameters, QueryParameters()]) -> Response:
    """The same as CADF events."""
    found = await _found(parts, parameters)
    return answer(await page(found, parameters.limit, lambda record: record.id, cadf_event))
