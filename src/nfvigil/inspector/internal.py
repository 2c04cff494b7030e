"""The events that NFVigil sends itself: whatever changes an alarm goes through the log like a monitor's word."""

from __future__ import annotations

from typing import Any

from nfvigil.model.event import Event, Status

DOOR = "internal"

MAINTENANCE = "maintenance.host"
"""A host goes into maintenance (down) or comes out of it (up). May come from outside too."""
MAP_CHANGED = "nfvigil.map.changed"
"""The surroundings of resources that have open alarms changed: ``details.keys``, and ``details.gone``, those of them
that the map did not have any more, and ``details.returned``, the hosts whose compute service reports again."""
VIM_SETTLED = "nfvigil.vim.settled"
"""All actions of an event are over: ``details.event_id``, ``details.failed`` (targets), ``details.found``: states
that were not what the map had, and what they were."""
ALARM_ACKED = "nfvigil.alarm.acknowledged"
"""Somebody acknowledged an alarm (down) or took that back (up): ``details.alarm_id``, ``details.by``."""
ALARM_CLEARED = "nfvigil.alarm.cleared"
"""An administrator cleared an alarm's own fault by hand: ``details.alarm_id``, ``details.by``."""

VIM_UNREACHABLE = "nfvigil.vim.unreachable"
"""A VIM cannot be listed (down), or can again (up): ``details.text``."""
VIM_CLIFF = "nfvigil.vim.cliff"
"""Much is missing from a VIM's listing at once and is being looked for (down), or that is settled (up)."""
VIM_PARTIAL = "nfvigil.vim.partial"
"""A VIM's listing lacks what is there when asked for by itself (down), or is whole again (up)."""
VIM_NAMES = "nfvigil.vim.names"
"""Hosts of a VIM go by names that another VIM's have as well (down), or they can be told apart (up)."""
HOLD = "nfvigil.hold"
"""Nothing destructive happens in a VIM any more (down), until an operator releases it (up): ``details.text``,
``details.by``, ``details.hosts``."""
AUTOMATION_OFF = "nfvigil.automation.off"
"""Somebody has switched all automatic actions off (down) or on again (up): ``details.by``, ``details.text``."""
FENCE_PROOF = "nfvigil.fence.proof"
"""A host was proven off (down), or that does not hold any more (up): ``details.at_us``, ``details.driver``,
``details.by``."""
RECOVERY = "nfvigil.recovery"
"""An owner has said what to do when a resource of its is hit (down), or takes that back (up): ``details.project``,
``details.by``, ``details.do`` (see ``recovery``)."""
INSTRUCTION = "nfvigil.instruction"
"""Somebody asks for a deed: ``details.deed``, ``details.by``, ``details.origin``, ``details.project`` (None for an
operator), ``details.params``, ``details.key`` ("" or what makes a repeat known)."""
DEEDS_OVER = "nfvigil.deeds.over"
"""Deeds have come to their end: ``details.deeds``, a list of ``[id, kind, target, vim, project, state, result]``."""

VDU_ERROR = "nfvigil.vdu.error"
"""The cloud has a server of a VNF in ERROR (down), or not any more (up). ``details``, as for its likes: ``project``,
``vnf``, ``vnfc``, ``vim``, ``name``, ``host``, ``port``, ``text``."""
VDU_DELETED = "nfvigil.vdu.deleted"
"""A server of a VNF was deleted externally (down), or is there after all, or no part of it any more (up)."""
VDU_INTERFACE_GONE = "nfvigil.vdu.interface-gone"
"""An interface of a VNF's server, ``details.port``, was deleted externally (down), or is there, or not missed any more
(up)."""
VDU_STILL = "nfvigil.vdu.still"
"""Servers that were in ERROR when something else told their owners so are still, now that this is over:
``details.keys``."""

VDUS = frozenset({VDU_ERROR, VDU_DELETED, VDU_INTERFACE_GONE})
"""What the record of a VNF says of its servers; each is an alarm for their owner, and a fault type."""
CONDITIONS = frozenset({VIM_UNREACHABLE, VIM_CLIFF, VIM_PARTIAL, VIM_NAMES, HOLD, AUTOMATION_OFF})
"""What is wrong with our own footing; each is an alarm for the administrator."""

OURS = "nfvigil."
"""Prefix of the types that nobody may send from outside."""


def internal_event(
    number: int, kind: str, resource: str, now_us: int, status: Status, details: dict[str, Any]
) -> Event:
    return Event(
        id=number,
        type=kind,
        resource=resource,
        time_us=now_us,
        received_us=now_us,
        status=status,
        source="nfvigil",
        door=DOOR,
        cause=str(details.get("text", "")),
        details=details,
    )
