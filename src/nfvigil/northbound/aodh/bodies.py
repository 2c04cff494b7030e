"""What is sent to Aodh's API, and the alarm that is meant by it."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec.structs import replace
from pydantic import BeforeValidator, Field

from nfvigil.errors import FieldError, RefusedError
from nfvigil.model.event_alarm import AodhSeverity, AodhState, Condition, EventAlarm
from nfvigil.model.identity import Identity
from nfvigil.model.secret_fields import hidden
from nfvigil.northbound.aodh.errors import UnauthorizedError
from nfvigil.northbound.aodh.views import Severity, State
from nfvigil.northbound.fields import Body
from nfvigil.notifier.event_alarms import is_local

CONTROL_FREE = r"^[^\x00-\x1F\x7F]*$"
ACTIONS_MAX = 64
QUERY_MAX = 64


def _text(given: object) -> object:
    """A number or a truth is taken for the text that it is written as."""
    if isinstance(given, bool):
        return str(given).lower()
    return str(given) if isinstance(given, int | float) else given


Word = Annotated[str, Field(max_length=255, pattern=CONTROL_FREE)]
Name = Annotated[str, Field(min_length=1, max_length=255, pattern=CONTROL_FREE)]
Url = Annotated[str, Field(min_length=1, max_length=2048, pattern=CONTROL_FREE)]
Urls = Annotated[list[Url], Field(max_length=ACTIONS_MAX)]
Ignored = Annotated[Any, Field(description="Of what was shown; not looked at.")]


class ConditionBody(Body):
    field: Annotated[str, Field(max_length=512, pattern=CONTROL_FREE)]
    op: Word | None = None
    value: Annotated[
        str, Field(max_length=4096, pattern=r"^[^\x00]*$"), BeforeValidator(_text, json_schema_input_type=str)
    ]
    type: Word | None = None


class EventRuleBody(Body):
    event_type: Word | None = None
    query: Annotated[list[ConditionBody], Field(max_length=QUERY_MAX)] | None = None


class AlarmBody(Body):
    """An alarm as Aodh takes it: what was shown may be sent back whole."""

    name: Name
    type: Word
    event_rule: EventRuleBody | None = None
    description: Annotated[str, Field(max_length=4096, pattern=r"^[^\x00]*$")] | None = None
    enabled: bool | None = None
    severity: Severity | None = None
    state: State | None = None
    repeat_actions: bool | None = None
    alarm_actions: Urls | None = None
    ok_actions: Urls | None = None
    insufficient_data_actions: Urls | None = None
    time_constraints: Annotated[list[dict[str, Any]], Field(max_length=ACTIONS_MAX)] | None = None
    project_id: Word | None = None
    user_id: Word | None = None
    alarm_id: Ignored = None
    timestamp: Ignored = None
    state_timestamp: Ignored = None
    state_reason: Ignored = None
    evaluate_timestamp: Ignored = None


class QueryBody(Body):
    """A complex query. ``filter`` and ``orderby`` are JSON in a text."""

    filter: Annotated[str, Field(max_length=65536)] | None = None
    orderby: Annotated[str, Field(max_length=4096)] | None = None
    limit: Annotated[int, Field(ge=1, le=1_000_000)] | None = None


def alarm_of(body: AlarmBody, base: EventAlarm) -> EventAlarm:
    """``base`` with everything that its owner says; what he leaves out is as Aodh has it."""
    errors: list[FieldError] = []
    if body.type != "event":
        errors.append(FieldError("type", f"{body.type!r} is not evaluated here: only event is"))
    elif body.event_rule is None:
        errors.append(FieldError("event_rule", "must be set for event type alarm"))
    if body.time_constraints:
        errors.append(FieldError("time_constraints", "are not evaluated here: the alarm would fire at any time"))
    if errors:
        raise RefusedError("the alarm is refused", errors)
    rule = body.event_rule or EventRuleBody()
    event_type = rule.event_type or "*"
    return replace(
        base,
        name=body.name,
        description=body.description or f"Alarm when {event_type} event occurred.",
        enabled=True if body.enabled is None else body.enabled,
        severity=AodhSeverity(body.severity or AodhSeverity.LOW),
        repeat_actions=bool(body.repeat_actions),
        event_type=event_type,
        query=tuple(
            Condition(field=one.field, op=one.op or "eq", value=one.value, type=one.type or "")
            for one in rule.query or ()
        ),
        alarm_actions=tuple(dict.fromkeys(body.alarm_actions or ())),
        ok_actions=tuple(dict.fromkeys(body.ok_actions or ())),
        insufficient_data_actions=tuple(dict.fromkeys(body.insufficient_data_actions or ())),
        state=AodhState(body.state or AodhState.UNKNOWN),
    )


def check_owner(body: AlarmBody, caller: Identity) -> None:
    """What only administrators may: say whose it is, and have something written into our log."""
    if caller.is_admin:
        return
    if body.project_id is not None and body.project_id != caller.project:
        raise UnauthorizedError(f"Not Authorized to access project {body.project_id}")
    if body.user_id is not None and body.user_id != user_of(caller):
        raise UnauthorizedError(f"Not Authorized to access user {body.user_id}")
    for urls in (body.alarm_actions, body.ok_actions, body.insufficient_data_actions):
        for url in urls or ():
            if is_local(url):
                raise UnauthorizedError(f"You are not authorized to create action: {hidden(url)}")


def user_of(caller: Identity) -> str:
    return caller.id or caller.name
