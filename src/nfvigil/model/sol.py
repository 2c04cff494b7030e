"""An alarm in the words of ETSI SOL002 and SOL003 (VNF fault management)."""

from __future__ import annotations

from typing import Any

from nfvigil.model.alarm import Alarm
from nfvigil.model.resource import Kind, split_key
from nfvigil.model.severity import Severity
from nfvigil.model.times import iso
from nfvigil.model.view import root_for, veiled

ROOT = "/vnffm/v1"

TYPES: dict[str, tuple[Kind, ...]] = {
    "COMPUTE": (Kind.SERVER, Kind.GROUP),
    "STORAGE": (Kind.VOLUME,),
    "NETWORK": (Kind.PORT, Kind.NETWORK),
}
"""``faultyResourceType`` and our kinds of resources that are of it."""
_TYPE_OF = {kind.value: name for name, kinds in TYPES.items() for kind in kinds}
_VIM_TYPE: dict[str, str] = {
    Kind.SERVER: "OS::Nova::Server",
    Kind.GROUP: "OS::Nova::ServerGroup",
    Kind.VOLUME: "OS::Cinder::Volume",
    Kind.PORT: "OS::Neutron::Port",
    Kind.NETWORK: "OS::Neutron::Net",
}


def severity_of(alarm: Alarm) -> str:
    """A cleared alarm is CLEARED, however bad it was."""
    return (alarm.severity if alarm.is_open else Severity.CLEARED).value.upper()


def sol_alarm(alarm: Alarm, project: str | None, root: str) -> dict[str, Any]:
    """``project`` is the reader's, None for one who sees all; ``root`` is the address under which it reaches us.

    What is faulty is named as far as its owner sees it: the server, not the host under it.
    """
    kind, name = split_key(alarm.resource)
    handle = {"resourceId": name, "vimLevelResourceType": _VIM_TYPE.get(kind, kind)}
    if project is None:
        handle["vimConnectionId"] = alarm.vim
        correlated = [cause.alarm for cause in alarm.causes]
    else:
        # Older schemas require it, and a cloud's name is not for projects: theirs stands for it.
        handle["vimConnectionId"] = veiled(alarm.vim, project)
        correlated = [root_for(alarm, project)] if alarm.parent else []
    optional: dict[str, Any] = {
        "vnfcInstanceIds": [alarm.vnfc] if alarm.vnfc else None,
        "alarmChangedTime": iso(alarm.changed_us) if alarm.changed_us is not None else None,
        "alarmClearedTime": iso(alarm.cleared_us) if alarm.cleared_us is not None else None,
        "alarmAcknowledgedTime": iso(alarm.acked_us) if alarm.acked_us is not None else None,
        "correlatedAlarmIds": correlated or None,
    }
    return {
        "id": alarm.id,
        "managedObjectId": alarm.vnf,
        "rootCauseFaultyResource": {
            "faultyResource": handle,
            "faultyResourceType": _TYPE_OF.get(kind, "COMPUTE"),
        },
        "alarmRaisedTime": iso(alarm.raised_us),
        "ackState": "ACKNOWLEDGED" if alarm.acked_us else "UNACKNOWLEDGED",
        "perceivedSeverity": severity_of(alarm),
        "eventTime": iso(alarm.event_us),
        "eventType": alarm.event_type.value,
        "faultType": alarm.fault_type,
        "probableCause": alarm.probable_cause,
        "isRootCause": alarm.is_root_cause,
        "faultDetails": _details(alarm),
        "_links": {"self": {"href": alarm_href(root, alarm.id)}},
    } | {field: value for field, value in optional.items() if value is not None}


def _details(alarm: Alarm) -> list[str]:
    details = [alarm.text, f"resourceState={alarm.resource_state.value}", f"vimState={alarm.vim_state.value}"]
    if alarm.recommended_action:
        details.append(f"recommendedAction={alarm.recommended_action}")
    if alarm.predicted:
        details.append("isPredicted=true")
    return [detail for detail in details if detail]


def alarm_href(root: str, alarm_id: str) -> str:
    return f"{root}{ROOT}/alarms/{alarm_id}"


def subscription_href(root: str, subscription_id: str) -> str:
    return f"{root}{ROOT}/subscriptions/{subscription_id}"
