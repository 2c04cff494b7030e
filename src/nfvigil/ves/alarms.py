"""The events of an alarm: it is raised, it changes, it is cleared. One id from the first to the last.

Names are those of ONAP's agent where it has them. It gave the clear an id and a condition of its own, so that no
collector could tell what was cleared: here both are the raise's.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from nfvigil.model.ids import stable_id
from nfvigil.model.resource import Host, Server
from nfvigil.model.times import iso
from nfvigil.model.ves import VesBacklog, VesEvent, VesState
from nfvigil.ves.faults import NORMAL
from nfvigil.ves.view import HOST, name_of, state_of

GONE = "DELETED"
"""The state that is told of a source that does not exist any more."""
NOT_WATCHED = "is not watched any more"

PRIORITIES: Mapping[str, str] = {
    "CRITICAL": "High",
    "MAJOR": "High",
    "MINOR": "Medium",
    "WARNING": "Low",
    NORMAL: "Normal",
}

VM_NAME = "Fault_MultiCloud_VMFailure"
VM_CONDITION = "Guest_Os_Failure"
HOST_NAME = "Fault_MultiCloud_HostFailure"
HOST_CONDITION = "Host_Failure"
CLEARED = "Cleared"
"""At the end of a clear's name."""


def told(known: VesState, record: Server | Host, severity: str, now_us: int, number: int) -> VesState:
    """What is known of a source once this severity was told: a new alarm if none stands, the same one otherwise.

    ``number`` counts the backlog's alarms.
    """
    now_us = max(now_us, known.last_us + 1)  # a clock that was put back must not turn the order around
    if known.is_raised:
        begun = replace(known, sequence=known.sequence + 1)
    else:
        # With the number in it no two alarms have one id, whatever the clock does.
        event_id = stable_id("ves", known.vim, known.backlog, known.source, now_us, number)
        begun = replace(known, event_id=event_id, sequence=0, start_us=now_us)
    return replace(begun, name=name_of(record), last_us=now_us, severity=severity, status=state_of(record))


def cleared(known: VesState, status: str, now_us: int) -> VesState:
    """What is known of a source whose alarm ends without a word of the cloud on its state."""
    last_us = max(now_us, known.last_us + 1)
    return replace(known, sequence=known.sequence + 1, last_us=last_us, severity=NORMAL, status=status)


def event_of(backlog: VesBacklog, before: str, state: VesState, record: Server | Host | None, text: str) -> VesEvent:
    """The event that tells ``state``. ``before`` is what was told of the source's state, "" for nothing."""
    is_host = backlog.type == HOST
    name = HOST_NAME if is_host else VM_NAME
    information = {
        "objectType": "VIM",
        "eventTime": iso(state.last_us),
        "hostState" if is_host else "vmState": state.status,
        "previousState": before,
        "text": f"{state.name or state.source} {text}",
    }
    if isinstance(record, Server):
        information |= {"tenantId": record.project, "host": record.host, "vnf": record.vnf, "vnfc": record.vnfc}
    elif isinstance(record, Host):
        information |= {"zone": record.zone, "disabledReason": record.disabled_reason}
    return VesEvent(
        domain="fault",
        name=name if state.is_raised else name + CLEARED,
        event_id=state.event_id,
        source_id=state.source,
        source_name=state.name or state.source,
        reporting=state.vim,
        sequence=state.sequence,
        start_us=state.start_us,
        last_us=state.last_us,
        priority=PRIORITIES[state.severity],
        fields={
            "alarmCondition": HOST_CONDITION if is_host else VM_CONDITION,
            "eventSeverity": state.severity,
            "eventSourceType": "host" if is_host else "virtualMachine",
            "specificProblem": name,
            "vfStatus": "Active",
            "alarmAdditionalInformation": {key: value for key, value in information.items() if value},
        },
    )
