"""What the service answers with, typed: alarms, events, subscriptions, resources, clouds and what is done in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from nfvigil.client.answers import Answer


class ResourceRef(msgspec.Struct, frozen=True, kw_only=True):
    kind: str = ""
    id: str = ""
    name: str = ""

    @property
    def key(self) -> str:
        return f"{self.kind}/{self.id}"


class Alarm(Answer, frozen=True, kw_only=True):
    """What stands below ``correlated_ids`` is for administrators only."""

    id: str
    fault_type: str = ""
    resource: ResourceRef = ResourceRef()
    project_id: str | None = None
    state: str = ""
    vim_state: str = ""
    resource_state: str = ""
    perceived_severity: str = ""
    event_type: str = ""
    probable_cause: str = ""
    text: str = ""
    recommended_action: str = ""
    is_predicted: bool = False
    expected_time: str | None = None
    event_time: str = ""
    raised_time: str = ""
    changed_time: str | None = None
    cleared_time: str | None = None
    ack_state: str = ""
    acknowledged_time: str | None = None
    acknowledged_by: str | None = None
    is_root_cause: bool = False
    root_cause_id: str = ""
    correlated_ids: tuple[str, ...] = ()
    vim: str = ""
    repair: str = ""
    parent_id: str | None = None
    event_id: str = ""
    fault_id: str | None = None
    rule: str = ""
    policy: str = ""
    audience: str = ""


class HistoryEntry(Answer, frozen=True, kw_only=True):
    time: str = ""
    what: str = ""
    by: str = ""
    text: str = ""
    event_id: str | None = None


class Explanation(Answer, frozen=True, kw_only=True):
    """Why an alarm stands. All of it is in ``raw``: its parts differ with who asks."""

    alarm: Alarm | None = None


class FieldFlaw(msgspec.Struct, frozen=True, kw_only=True):
    field: str = ""
    reason: str = ""


class Receipt(Answer, frozen=True, kw_only=True):
    """What became of an event that was sent: ``accepted``, ``repeat`` or ``refused``."""

    state: str
    id: str | None = None
    flags: tuple[str, ...] = ()
    errors: tuple[FieldFlaw, ...] = ()

    @property
    def is_refused(self) -> bool:
        return self.state == "refused"


class Event(Answer, frozen=True, kw_only=True):
    id: str
    type: str = ""
    resource: str = ""
    time: str = ""
    received_time: str = ""
    status: str = ""
    severity: str | None = None
    source: str = ""
    cause: str = ""
    monitor: str = ""
    monitor_event_id: str = ""
    related_to: tuple[str, ...] = ()
    lead_time_seconds: float | None = None
    happened_time: str | None = None
    flags: tuple[str, ...] = ()
    door: str = ""
    details: Mapping[str, Any] = {}
    is_clear: bool = False


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    id: str = ""
    url: str = ""
    format: str = ""
    has_secret: bool = False
    has_token: bool = False


class Subscription(Answer, frozen=True, kw_only=True):
    """``resources`` are the alarms that it covers already: only in the answer to its making."""

    id: str
    project: str | None = None
    name: str = ""
    filter: Mapping[str, Any] = {}
    endpoints: tuple[Endpoint, ...] = ()
    mode: str = ""
    heartbeat_seconds: float = 0.0
    paused: bool = False
    owner: str = ""
    created_time: str = ""
    created_by: str = ""
    resources: tuple[Alarm, ...] = ()


class Sent(Answer, frozen=True, kw_only=True):
    notification_id: str
    sequence: int = 0


class Delivery(Answer, frozen=True, kw_only=True):
    id: str
    notification_id: str = ""
    subscription_id: str = ""
    endpoint_id: str = ""
    sequence: int = 0
    part: int = 0
    state: str = ""
    attempts: int = 0
    next_try_time: str | None = None
    first_sent_time: str | None = None
    delivered_time: str | None = None
    http_status: int | None = None
    error: str | None = None


class Resource(Answer, frozen=True, kw_only=True):
    key: str
    record: Mapping[str, Any] = {}

    @property
    def name(self) -> str:
        return str(self.record.get("name") or "")


class ResourceDetail(Resource, frozen=True, kw_only=True):
    related: Mapping[str, list[str]] = {}
    projects: tuple[str, ...] = ()
    alarms: tuple[Alarm, ...] = ()


class Impact(Answer, frozen=True, kw_only=True):
    event_type: str = ""
    resource: str = ""
    alarms: tuple[Alarm, ...] = ()
    actions: tuple[Mapping[str, Any], ...] = ()
    told: tuple[Mapping[str, Any], ...] = ()


class Power(Answer, frozen=True, kw_only=True):
    host: str
    power: str = ""


class Proof(Answer, frozen=True, kw_only=True):
    """A host that is taken to be off."""

    host: str
    epoch: str = ""
    at_time: str = ""
    driver: str = ""
    by: str = ""


class Hold(Answer, frozen=True, kw_only=True):
    vim: str = ""
    since_time: str = ""
    by: str = ""
    text: str = ""
    hosts: tuple[str, ...] = ()


class Brakes(Answer, frozen=True, kw_only=True):
    automation: bool = True
    automation_off: Hold | None = None
    holds: tuple[Hold, ...] = ()
    proofs: tuple[Proof, ...] = ()
    waiting: int = 0


class Vim(Answer, frozen=True, kw_only=True):
    name: str
    driver: str = ""
    source: str = ""
    options: Mapping[str, Any] = {}
    interval_seconds: float = 0.0
    enabled: bool = True
    host_suffix: str = ""
    created_time: str | None = None
    changed_time: str | None = None
    created_by: str = ""
    state: str = ""
    error: str = ""
    snapshot_time: str | None = None
    snapshot_age_seconds: float | None = None
    snapshot_seconds: float | None = None
    period_seconds: float | None = None
    attempted_time: str | None = None
    listing: bool = False
    failures: int = 0
    conditions: tuple[str, ...] = ()
    differences: Mapping[str, int] = {}
    unconfirmed: int = 0
    put_back: int = 0
    readers: tuple[Mapping[str, Any], ...] = ()
    counts: Mapping[str, int] = {}
    told: Mapping[str, Any] = {}


class CheckItem(Answer, frozen=True, kw_only=True):
    what: str = ""
    ok: bool = False
    detail: str = ""
    advice: str = ""


class Check(Answer, frozen=True, kw_only=True):
    ok: bool = False
    items: tuple[CheckItem, ...] = ()


class VesAgent(Answer, frozen=True, kw_only=True):
    """What is told of a VIM to a VES collector."""

    vim: str
    config: Mapping[str, Any] = {}
    """ONAP's ``vesagent_config``; a password is shown as ``***``, and sent back so it stays."""
    changed_time: str = ""
    changed_by: str = ""
    backlogs: tuple[Mapping[str, Any], ...] = ()
    refused: tuple[Mapping[str, str], ...] = ()
    collector: Mapping[str, Any] = {}


class VesTest(Answer, frozen=True, kw_only=True):
    """What a collector answered."""

    ok: bool = False
    endpoint: str = ""
    status: int = 0
    detail: str = ""
    seconds: float = 0.0


class Action(Answer, frozen=True, kw_only=True):
    id: str
    kind: str = ""
    target: str = ""
    project_id: str | None = None
    event_id: str = ""
    alarm_id: str | None = None
    state: str = ""
    attempts: int = 0
    planned_time: str = ""
    started_time: str | None = None
    ended_time: str | None = None
    result: str = ""


class Instruction(Answer, frozen=True, kw_only=True):
    id: str
    action: str = ""
    target: str = ""
    project_id: str | None = None
    state: str = ""
    origin: str = ""
    by: str = ""
    attempts: int = 0
    planned_time: str = ""
    started_time: str | None = None
    ended_time: str | None = None
    text: str = ""

    @property
    def is_over(self) -> bool:
        return self.state in ("done", "skipped", "failed")

    @property
    def is_well(self) -> bool:
        return self.state in ("done", "skipped")


class Recovery(Answer, frozen=True, kw_only=True):
    resource: str = ""
    project_id: str = ""
    do: Mapping[str, Mapping[str, Any]] = {}
    set_time: str = ""
    by: str = ""


class Policy(Answer, frozen=True, kw_only=True):
    name: str
    version: int = 0
    active: bool = False
    created_time: str = ""
    created_by: str = ""
    text: str = ""


class Lint(Answer, frozen=True, kw_only=True):
    ok: bool = False
    errors: tuple[Mapping[str, Any], ...] = ()


class Fault(Answer, frozen=True, kw_only=True):
    """A fault as monitors see it; all of it is in ``raw``."""

    id: str


class Profile(Answer, frozen=True, kw_only=True):
    fault_id: str | None = None
    fault_type: str = ""
    resource: str = ""
    total_ms: float = 0.0
    checkpoints: tuple[Mapping[str, Any], ...] = ()
    spans: tuple[Mapping[str, Any], ...] = ()


class Capacity(Answer, frozen=True, kw_only=True):
    by: str = ""
    vim: str = ""
    name: str = ""
    hosts: Mapping[str, int] = {}
    vcpus: Mapping[str, int] = {}
    memory_mb: Mapping[str, int] = {}
    largest_free_host: Mapping[str, Any] | None = None
    without_host: Mapping[str, int] = {}
    servers_unsized: int = 0


class Health(Answer, frozen=True, kw_only=True):
    ready: bool = False
    reasons: tuple[str, ...] = ()
    details: Mapping[str, Any] = {}
