"""Masakari's notifications: what was sent, how far it got, and how it is shown. One is kept as an event of its own,
with the events that follow from it right behind it in the log.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from nfvigil.model.action import Action, ActionState
from nfvigil.model.event import Event
from nfvigil.model.ids import NODE_BITS, stable_id
from nfvigil.model.verdict import Decision, Verdict

RECORD = "masakari.notification"
"""The type of the event that a notification is kept as. No rule of ours selects it."""
DOOR = "masakari"
FOLLOWERS_MAX = 2
"""So many events at most follow from one notification."""


class NotificationType(StrEnum):
    COMPUTE_HOST = "COMPUTE_HOST"
    PROCESS = "PROCESS"
    VM = "VM"


class NotificationStatus(StrEnum):
    NEW = "new"
    RUNNING = "running"
    FINISHED = "finished"
    ERROR = "error"
    """Something went wrong and is tried again."""
    FAILED = "failed"
    IGNORED = "ignored"


class Meaning(StrEnum):
    """What a notification asks for, in Masakari's sense."""

    RECOVER = "recover"
    WELL = "well"
    SUSPECT = "suspect"
    """Nobody is sure that it is down: told, and nothing is recovered for it."""
    NOTHING = "nothing"


def notification_uuid(now_us: int, chance: bytes) -> str:
    """A UUID of version 7: it begins with the time, by which its event is found. ``chance`` is 8 random bytes."""
    milliseconds, rest = divmod(now_us, 1000)
    value = (milliseconds & ((1 << 48) - 1)) << 80 | 0x7 << 76 | (rest << 2) << 64
    value |= 0b10 << 62 | int.from_bytes(chance, "big") & ((1 << 62) - 1)
    return str(UUID(int=value))


def time_of_uuid(text: str) -> int | None:
    """When such a UUID was made, in microseconds to the millisecond; None where it is none of ours."""
    try:
        value = UUID(text)
    except ValueError:
        return None
    return (value.int >> 80) * 1000 if value.version == 7 else None


def status_of(
    record: Event,
    followers: Sequence[Event],
    decisions: Iterable[Decision],
    actions: Sequence[Action],
    *,
    decided_to: int = 0,
) -> str:
    """How far a notification got: as far as what was decided and done about the events that follow from it.

    ``decided_to`` is the last event that was decided. Of one before it that has no decision nothing came.
    """
    decided = {decision.event.id: decision.verdict for decision in decisions}
    wanted = [event.id for event in followers] or [record.id]
    for event_id in wanted:
        if event_id not in decided:
            if event_id > decided_to:
                return NotificationStatus.NEW
            decided[event_id] = Verdict(event_id=event_id)
    meaning = record.details.get("meaning")
    if meaning in (Meaning.NOTHING, Meaning.SUSPECT):
        return NotificationStatus.IGNORED
    if meaning == Meaning.RECOVER and all(decided[event_id].is_empty for event_id in wanted):
        return NotificationStatus.IGNORED
    if any(fault.suppressed for event_id in wanted for fault in decided[event_id].faults):
        return NotificationStatus.IGNORED
    states = [action.state for action in actions]
    if not all(state.is_over for state in states):
        retried = any(action.attempts > 1 and not action.state.is_over for action in actions)
        return NotificationStatus.ERROR if retried else NotificationStatus.RUNNING
    return NotificationStatus.FAILED if ActionState.FAILED in states else NotificationStatus.FINISHED


def notification_view(
    record: Event, status: str, *, updated_us: int | None = None, actions: Sequence[Action] | None = None
) -> dict[str, Any]:
    """As Masakari shows it. With ``actions`` also what was done, as its ``recovery_workflow_details``."""
    details = record.details
    view: dict[str, Any] = {
        "id": record.id >> NODE_BITS,  # microseconds: few enough digits for any reader of JSON
        "notification_uuid": record.monitor_event_id,
        "type": details.get("type"),
        "status": status,
        "payload": details.get("payload", {}),
        "generated_time": details.get("generated_time"),
        "source_host_uuid": host_uuid(str(details.get("hostname"))),
        "created_at": naive(record.received_us),
        "updated_at": None if updated_us is None else naive(updated_us),
        "deleted": False,
        "deleted_at": None,
    }
    if actions is not None:
        view["recovery_workflow_details"] = [_step(action) for action in actions]
    return view


def host_uuid(hostname: str) -> str:
    """Masakari has its own list of hosts; we name one by its name."""
    return stable_id("masakari-host", hostname)


def naive(us: int) -> str:
    """OpenStack's form: UTC without saying so."""
    return datetime.fromtimestamp(us // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{us % 1_000_000:06d}"


_STATES = {ActionState.DONE: "SUCCESS", ActionState.SKIPPED: "SUCCESS", ActionState.FAILED: "FAILURE"}


def _step(action: Action) -> dict[str, Any]:
    progress = 1.0 if action.state.is_over else 0.0
    ended_us = action.ended_us or 0
    told = [{"timestamp": naive(ended_us), "message": action.result, "progress": str(progress)}]
    return {
        "name": f"{action.kind} {action.target}",
        "state": _STATES.get(action.state, "RUNNING" if action.state is ActionState.RUNNING else "PENDING"),
        "progress": progress,
        "progress_details": told if action.ended_us is not None else [],
    }
