"""What the cloud says of the state that an action sets: one spelling for who plans, who does and who undoes.

The inspector reads it from the resource map as ``Action.before``; a VIM driver reads it again from the cloud to
find out whether there is something to do, and at an undo whether the state is still the one that was set.
"""

from __future__ import annotations

from nfvigil.model.action import Action, ActionKind
from nfvigil.model.resource import Host, Port, Record, Server, Volume

WANTED: dict[str, str] = {
    ActionKind.FORCE_DOWN: "True",
    ActionKind.SERVICE_DISABLE: "disabled",
    ActionKind.SERVER_ERROR: "ERROR",
    ActionKind.VOLUME_ERROR: "error",
    ActionKind.PORT_ADMIN_DOWN: "False",
    ActionKind.PORT_DATA_PLANE_DOWN: "DOWN",
}
"""What each action that sets a state sets it to."""

UNTOUCHED = frozenset({"SOFT_DELETED", "DELETED", "RESIZED", "VERIFY_RESIZE", "SHELVED_OFFLOADED", "ERROR"})
"""Server states that are never set to error: the server is gone, is at two places, is nowhere, or is so already."""


def state_now(kind: str, record: Record) -> str | None:
    """The state of ``record`` that an action of ``kind`` would set, or None if it has no such state."""
    match record:
        case Host() if kind == ActionKind.FORCE_DOWN:
            return str(record.forced_down)
        case Host() if kind == ActionKind.SERVICE_DISABLE:
            return "enabled" if record.service_enabled else "disabled"
        case Server() if kind == ActionKind.SERVER_ERROR:
            return record.status
        case Volume() if kind == ActionKind.VOLUME_ERROR:
            return record.status
        case Port() if kind == ActionKind.PORT_ADMIN_DOWN:
            return str(record.admin_up)
        case Port() if kind == ActionKind.PORT_DATA_PLANE_DOWN:
            return record.data_plane_status
        case _:
            return None


def has_left(action: Action, record: Record) -> str:
    """Why a state that follows from a host is not to be set on this, in a sentence; "" where it is."""
    host = action.params.get("on_host")
    if not host or not isinstance(record, Server | Port) or record.host == host:
        return ""
    return f"{action.target} has left {host} for {record.host or 'no host'}, and is not touched"
