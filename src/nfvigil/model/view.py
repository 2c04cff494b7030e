"""How an alarm looks to its reader: whole for the administrator, without the physical side for a project."""

from __future__ import annotations

from typing import Any

from nfvigil.model.alarm import Alarm
from nfvigil.model.ids import stable_id
from nfvigil.model.resource import split_key
from nfvigil.model.times import iso, iso_or_none


def veiled(alarm_id: str, project: str) -> str:
    """An id that stands for an alarm which ``project`` may not see.

    All of a project's alarms with one cause share it, and two projects cannot find out by comparing that they
    were on the same host: the same reason for which Nova's ``hostId`` differs by project.
    """
    return stable_id("veiled", alarm_id, project)


def root_for(alarm: Alarm, project: str | None) -> str:
    """The root cause's id as its reader may know it. ``project`` is None for the administrator."""
    if project is None or alarm.root == alarm.id:
        return alarm.root
    return veiled(alarm.root, project)


def alarm_view(alarm: Alarm, project: str | None) -> dict[str, Any]:
    """JSON-ready. ``project`` is the reader's, None for the administrator; times are RFC 3339 in UTC."""
    kind, name = split_key(alarm.resource)
    view: dict[str, Any] = {
        "id": alarm.id,
        "fault_type": alarm.fault_type,
        "resource": {"kind": kind, "id": name, "name": alarm.resource_name or name},
        "project_id": alarm.project or None,
        "vnf_id": alarm.vnf or None,
        "vnfc_id": alarm.vnfc or None,
        "state": alarm.state.value,
        "vim_state": alarm.vim_state.value,
        "resource_state": alarm.resource_state.value,
        "perceived_severity": alarm.severity.value,
        "event_type": alarm.event_type.value,
        "probable_cause": alarm.probable_cause,
        "text": alarm.text,
        "recommended_action": alarm.recommended_action,
        "is_predicted": alarm.predicted,
        "expected_time": iso_or_none(alarm.expected_us),
        "event_time": iso(alarm.event_us),
        "raised_time": iso(alarm.raised_us),
        "changed_time": iso_or_none(alarm.changed_us),
        "cleared_time": iso_or_none(alarm.cleared_us),
        "ack_state": "acknowledged" if alarm.acked_us else "unacknowledged",
        "acknowledged_time": iso_or_none(alarm.acked_us),
        "acknowledged_by": alarm.acked_by or None,
        "is_root_cause": alarm.is_root_cause,
        "root_cause_id": root_for(alarm, project),
        "correlated_ids": [root_for(alarm, project)] if alarm.parent else [],
    }
    if project is None:
        view |= {
            "vim": alarm.vim,
            "repair": alarm.repair,
            "parent_id": alarm.parent or None,
            "correlated_ids": [cause.alarm for cause in alarm.causes],
            "event_id": str(alarm.event_id),
            "fault_id": alarm.fault or None,
            "rule": alarm.rule,
            "policy": alarm.policy,
            "audience": alarm.audience.value,
        }
    return view
