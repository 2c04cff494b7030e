"""An alarm in O-RAN's words (O2 IMS, InfrastructureMonitoring 1.0.0): the record, and the ids that stand for names.

O-RAN names things by UUIDs. Ours follow from our own names, so that they are the same in every answer, every
notification and the dictionary, and need be kept nowhere.
"""

from __future__ import annotations

from typing import Any

from nfvigil.model.alarm import Alarm
from nfvigil.model.ids import stable_id
from nfvigil.model.resource import split_key
from nfvigil.model.severity import Severity
from nfvigil.model.times import iso
from nfvigil.model.view import root_for

PREFIX = "/o2ims-infrastructureMonitoring/v1"

CLEARED = 5
SEVERITIES: dict[Severity, int] = {
    Severity.CRITICAL: 0,
    Severity.MAJOR: 1,
    Severity.MINOR: 2,
    Severity.WARNING: 3,
    Severity.INDETERMINATE: 4,
    Severity.CLEARED: CLEARED,
}
"""PerceivedSeverity is a number, and another one than X.733's or Doctor's."""


def resource_id(key: str) -> str:
    return stable_id("o2ims", "resource", key)


def resource_type_id(kind: str) -> str:
    return stable_id("o2ims", "resource type", kind)


def definition_id(fault_type: str) -> str:
    return stable_id("o2ims", "alarm definition", fault_type)


def cause_id(probable_cause: str) -> str:
    return stable_id("o2ims", "probable cause", probable_cause)


def cloud_id(source: str) -> str:
    """Where the SMO has given none."""
    return stable_id("o2ims", "cloud", source)


def severity_of(alarm: Alarm) -> int:
    return SEVERITIES[alarm.severity] if alarm.is_open else CLEARED


def record(alarm: Alarm, project: str | None = None) -> dict[str, Any]:
    """The AlarmEventRecord. ``project`` is the reader's, None for the operator's own."""
    kind, _ = split_key(alarm.resource)
    view: dict[str, Any] = {
        "alarmEventRecordId": alarm.id,
        "alarmDefinitionID": definition_id(alarm.fault_type),
        "probableCauseID": cause_id(alarm.probable_cause),
        "resourceTypeID": resource_type_id(kind),
        "resourceID": resource_id(alarm.resource),
        "alarmRaisedTime": iso(alarm.raised_us),
        "alarmAcknowledged": alarm.acked_us is not None,
        "perceivedSeverity": severity_of(alarm),
        "extensions": extensions(alarm, project),
    }
    times = {
        "alarmChangedTime": max(filter(None, (alarm.changed_us, alarm.cleared_us)), default=None),
        "alarmClearedTime": alarm.cleared_us,
        "alarmAcknowledgedTime": alarm.acked_us,
    }
    return view | {name: iso(us) for name, us in times.items() if us is not None}


def extensions(alarm: Alarm, project: str | None) -> dict[str, Any]:
    """Our own words for what the record says in numbers and UUIDs; what is empty is left out."""
    kind, name = split_key(alarm.resource)
    words: dict[str, Any] = {
        "resourceKind": kind,
        "resourceName": alarm.resource_name or name,
        "faultType": alarm.fault_type,
        "probableCause": alarm.probable_cause,
        "eventType": alarm.event_type.value,
        "text": alarm.text,
        "raisedSeverity": alarm.severity.value,
        "state": alarm.state.value,
        "recommendedAction": alarm.recommended_action,
        "isRootCause": alarm.is_root_cause,
        "rootCauseAlarm": root_for(alarm, project),
        "acknowledgedBy": alarm.acked_by,
    }
    if project is None:
        words |= {"resource": alarm.resource, "vim": alarm.vim, "repair": alarm.repair}
    return {key: value for key, value in words.items() if value != ""}
