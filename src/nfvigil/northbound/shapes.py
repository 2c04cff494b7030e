"""How the things look that several answers hold: for the description of the API."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from nfvigil.model.action import ActionState
from nfvigil.model.alarm import AlarmState, Audience, VimState
from nfvigil.model.event import Flag, Status
from nfvigil.model.resource import ResourceState
from nfvigil.model.severity import EventType, Severity
from nfvigil.northbound.fields import Shape

Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Id = str


class ResourceRef(Shape):
    kind: str
    id: str


class NamedResource(ResourceRef):
    name: str


class AlarmShape(Shape):
    """An alarm. What stands below ``correlated_ids`` is for administrators only."""

    id: Id
    fault_type: str
    resource: NamedResource
    project_id: str | None
    vnf_id: str | None
    """The VNF whose server it is on, or hangs on."""
    vnfc_id: str | None
    state: AlarmState
    vim_state: VimState
    resource_state: ResourceState
    perceived_severity: Severity
    event_type: EventType
    probable_cause: str
    text: str
    recommended_action: str
    is_predicted: bool
    expected_time: Time | None
    event_time: Time
    raised_time: Time
    changed_time: Time | None
    cleared_time: Time | None
    ack_state: Literal["acknowledged", "unacknowledged"]
    acknowledged_time: Time | None
    acknowledged_by: str | None
    is_root_cause: bool
    root_cause_id: Id
    """The alarm at the end of the chain of causes. A project gets an id that stands for one it may not see."""
    correlated_ids: list[Id]
    vim: str = ""
    repair: str = ""
    parent_id: Id | None = None
    event_id: str = ""
    fault_id: Id | None = None
    rule: str = ""
    policy: str = ""
    audience: Audience = Audience.OWNERS


class ActionShape(Shape):
    """A deed in the cloud. ``event_id``, ``vim``, ``params`` and ``result`` are for administrators only."""

    id: Id
    kind: str
    target: str
    project_id: str | None
    event_id: str | None
    alarm_id: Id | None
    state: ActionState
    before: str | None
    undo_of: Id | None
    attempts: int
    planned_time: Time
    started_time: Time | None
    ended_time: Time | None
    vim: str = ""
    params: Annotated[dict[str, Any], Field(default_factory=dict)]
    result: str = ""


class EventShape(Shape):
    id: str
    type: str
    resource: str
    time: Time
    received_time: Time
    status: Status
    severity: Severity | None
    source: str
    cause: str
    monitor: str
    monitor_event_id: str
    related_to: list[str]
    lead_time_seconds: float | None
    happened_time: Time | None
    flags: list[Flag]
    door: str
    details: dict[str, Any]
    is_clear: bool


class StepShape(Shape):
    """One line of the explanation: which rule, on what, and why it did or did not act."""

    rule: str
    reason: str
    resource: str
    text: str


class ToldShape(Shape):
    """Who would be told, and of how many alarms."""

    subscription: Id
    project: str | None
    name: str
    endpoints: list[str]
    alarms: int


class ProfileShape(Shape):
    """Doctor's checkpoints of one fault."""

    fault_id: Id | None
    """Null for a project, as `event_id`, `notified` and `acted`: the fault may be on something that it may not see."""
    fault_type: str
    resource: str
    """For a project its own, whose alarm it asked by."""
    event_id: str | None
    received_time: Time
    """When the event came in at our door."""
    total_ms: float
    """From the first checkpoint to the last."""
    checkpoints: list[CheckpointShape]
    spans: list[SpanShape]
    notified: int | None
    acted: int | None


class CheckpointShape(Shape):
    number: Annotated[int, Field(ge=0, le=10)]
    name: str
    time: Time
    offset_ms: float
    """Since the first checkpoint."""


class SpanShape(Shape):
    """What one component took. Controller and notifier run side by side, so shares may overlap."""

    component: str
    start: str
    end: str
    ms: float
    share: float
    """Of the total."""
