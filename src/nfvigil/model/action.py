"""A deed in the VIM: what, on which target, for which alarm, and what came of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec


class ActionKind(StrEnum):
    """What the built-in VIM drivers can do. Entry points may add others: a kind is a string in the records."""

    # States that are restored when the fault is gone
    FORCE_DOWN = "force_down"
    SERVICE_DISABLE = "service_disable"
    SERVER_ERROR = "server_error"
    PORT_DATA_PLANE_DOWN = "port_data_plane_down"
    PORT_ADMIN_DOWN = "port_admin_down"
    VOLUME_ERROR = "volume_error"
    # Deeds that are done once
    FENCE = "fence"
    """Switch the host off, and read it back: what the proof rests on without which nothing is evacuated."""
    EVACUATE = "evacuate"
    LIVE_MIGRATE = "live_migrate"
    MIGRATE = "migrate"
    CONFIRM_RESIZE = "confirm_resize"
    REVERT_RESIZE = "revert_resize"
    REBOOT = "reboot"
    START = "start"
    STOP = "stop"
    REBUILD = "rebuild"
    DELETE = "delete"


RANK: dict[str, int] = {
    ActionKind.FORCE_DOWN: 3,
    ActionKind.SERVICE_DISABLE: 3,
    ActionKind.VOLUME_ERROR: 2,
    ActionKind.SERVER_ERROR: 2,
    ActionKind.PORT_ADMIN_DOWN: 1,
    ActionKind.PORT_DATA_PLANE_DOWN: 1,
}
"""States are set all at once and restored from the highest rank down: the host first, then what is on it.
A deed that is done once has rank 0 and waits until every state of its event is set."""


OWNERS_DEEDS: tuple[ActionKind, ...] = (
    ActionKind.REBOOT,
    ActionKind.START,
    ActionKind.STOP,
    ActionKind.LIVE_MIGRATE,
    ActionKind.MIGRATE,
    ActionKind.CONFIRM_RESIZE,
    ActionKind.REVERT_RESIZE,
    ActionKind.EVACUATE,
    ActionKind.REBUILD,
    ActionKind.DELETE,
)
"""What the owner of a server may ask for, at most."""


def is_state(kind: str) -> bool:
    """Whether the action sets a state that can be restored, rather than doing something once."""
    return kind in RANK


class ActionState(StrEnum):
    PLANNED = "planned"
    RUNNING = "running"
    DONE = "done"
    SKIPPED = "skipped"
    """There was nothing to do, or the target's state forbids it; ``result`` says which."""
    FAILED = "failed"

    @property
    def is_over(self) -> bool:
        return self in (ActionState.DONE, ActionState.SKIPPED, ActionState.FAILED)


class Origin(StrEnum):
    """Who wanted it."""

    POLICY = "policy"
    """A rule of the policy."""
    RECOVERY = "recovery"
    """What the owner has defined beforehand for the case."""
    OWNER = "owner"
    """The owner's instruction."""
    OPERATOR = "operator"
    """An administrator's instruction."""

    @property
    def is_automatic(self) -> bool:
        return self in (Origin.POLICY, Origin.RECOVERY)


class Action(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """One deed on one target. ``id`` follows from what decided it, so that asking twice takes effect once.

    ``before`` is what the VIM said before (``ACTIVE``, ``False`` ...), read from the resource map when it was
    decided and thereby durable before anything is done. An undo (``undo_of``) sets ``before`` again, unless
    somebody else has changed the state meanwhile.
    """

    id: str
    kind: str
    target: str
    """Key of the resource: ``server/<id>``, ``host/<name>``."""
    vim: str = ""
    project: str = ""
    event_id: int
    alarm_id: str = ""
    before: str | None = None
    undo_of: str = ""
    origin: Origin = Origin.POLICY
    by: str = ""
    """Who instructed it; "" where nobody did."""
    params: dict[str, Any] = {}
    planned_us: int = 0
    state: ActionState = ActionState.PLANNED
    attempts: int = 0
    started_us: int | None = None
    ended_us: int | None = None
    found: str | None = None
    """What the cloud said the state was, where that is not ``before``: somebody was faster than the map."""
    result: str = ""
    """In a sentence: what was done, why nothing was, or what went wrong."""

    @property
    def mark(self) -> str:
        """Key of the VIM state that it sets: two alarms that ask for the same share it."""
        return f"{self.kind} {self.target}"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a VIM driver answers: whether the state was changed, and what happened in a sentence."""

    changed: bool
    text: str = ""
    was: str | None = None
    """What a state was found to be before it was set: the map, by which that was planned, may have been older."""
