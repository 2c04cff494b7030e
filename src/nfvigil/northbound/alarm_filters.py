"""Which alarms a list, or somebody who follows, is to have: Doctor's FaultQueryFilter and more."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from nfvigil.errors import FieldError, ForbiddenError
from nfvigil.model.resource import Kind
from nfvigil.model.severity import Severity
from nfvigil.northbound.fields import Moment, Query, Text
from nfvigil.northbound.places import MAX_CHARS, PATTERN
from nfvigil.store.alarm_query import AlarmQuery

LIST_MAX = 100

Cursor = Annotated[str, Field(max_length=MAX_CHARS, pattern=PATTERN)]


class AlarmFilters(Query):
    """What does not change while an alarm lives, and its severity: who follows is told of every one that it had."""

    min_severity: Annotated[Severity | None, Field(description="This one or worse.")] = None
    severity: Annotated[tuple[Severity, ...], Field(max_length=LIST_MAX)] = ()
    fault_type: Annotated[
        tuple[Text, ...], Field(max_length=LIST_MAX, description="Globs such as `compute.host.*`; any of them fits.")
    ] = ()
    probable_cause: Annotated[tuple[Text, ...], Field(max_length=LIST_MAX)] = ()
    resource_type: Annotated[tuple[Kind, ...], Field(max_length=LIST_MAX)] = ()
    resource_id: Annotated[tuple[Text, ...], Field(max_length=LIST_MAX)] = ()
    project: Annotated[Text | None, Field(description="Of this project only; for administrators.")] = None
    vnf: Annotated[tuple[Text, ...], Field(max_length=LIST_MAX, description="Of these VNFs only.")] = ()
    since: Annotated[Moment | None, Field(description="Raised then or later.")] = None
    until: Annotated[Moment | None, Field(description="Raised before then.")] = None
    event_since: Annotated[
        Moment | None, Field(description="Of an event that was observed then or later (Doctor's EventStartTime).")
    ] = None
    event_until: Annotated[
        Moment | None, Field(description="Of an event that was observed before then (Doctor's EventEndTime).")
    ] = None

    def query(self, scope: str | None, limit: int) -> AlarmQuery:
        if self.project is not None and scope is not None and self.project != scope:
            raise ForbiddenError(
                "the alarms of other projects are for administrators", [FieldError("project", "is not yours")]
            )
        return AlarmQuery(
            project=scope,
            of_project=self.project,
            severities=tuple(self.severity),
            min_severity=self.min_severity,
            fault_types=tuple(self.fault_type),
            probable_causes=tuple(self.probable_cause),
            resource_kinds=tuple(self.resource_type),
            resources=tuple(self.resource_id),
            vnfs=tuple(self.vnf),
            from_us=self.since,
            until_us=self.until,
            event_from_us=self.event_since,
            event_until_us=self.event_until,
            limit=limit,
        )
