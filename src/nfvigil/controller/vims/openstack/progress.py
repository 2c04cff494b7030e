"""Judges from Nova's own words whether a deed may begin, is under way, is done or has failed. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from nfvigil.controller.vims.openstack.reading import instant
from nfvigil.controller.vims.openstack.wire import InstanceAction, WireServer
from nfvigil.model.action import ActionKind
from nfvigil.model.times import SECOND

SKEW_US = 2 * SECOND
"""Nova's times are whole seconds, and so is the Date by which its clock is compared with ours."""

NAMES: dict[str, str] = {
    ActionKind.EVACUATE: "evacuate",
    ActionKind.LIVE_MIGRATE: "live-migration",
    ActionKind.MIGRATE: "migrate",
    ActionKind.CONFIRM_RESIZE: "confirmResize",
    ActionKind.REVERT_RESIZE: "revertResize",
    ActionKind.START: "start",
    ActionKind.STOP: "stop",
    ActionKind.REBOOT: "reboot",
    ActionKind.REBUILD: "rebuild",
    ActionKind.DELETE: "delete",
}
"""How os-instance-actions calls each deed."""

ALLOWED: dict[str, frozenset[str]] = {
    ActionKind.EVACUATE: frozenset({"ACTIVE", "SHUTOFF", "ERROR"}),
    ActionKind.LIVE_MIGRATE: frozenset({"ACTIVE", "PAUSED"}),
    ActionKind.MIGRATE: frozenset({"ACTIVE", "SHUTOFF"}),
    ActionKind.CONFIRM_RESIZE: frozenset({"VERIFY_RESIZE"}),
    ActionKind.REVERT_RESIZE: frozenset({"VERIFY_RESIZE"}),
    ActionKind.REBOOT: frozenset({"ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED", "ERROR"}),
    ActionKind.START: frozenset({"SHUTOFF"}),
    ActionKind.STOP: frozenset({"ACTIVE", "ERROR"}),
    ActionKind.REBUILD: frozenset({"ACTIVE", "SHUTOFF", "ERROR"}),
}
"""The states of a server in which Nova takes a deed on. Deleting is always possible."""

IDLE: dict[str, str] = {ActionKind.START: "ACTIVE", ActionKind.STOP: "SHUTOFF"}
"""The states in which there is nothing to do."""

MOVES = frozenset({ActionKind.EVACUATE, ActionKind.LIVE_MIGRATE, ActionKind.MIGRATE})

_ENDS: dict[str, frozenset[str]] = {
    ActionKind.EVACUATE: frozenset({"ACTIVE", "SHUTOFF"}),
    ActionKind.LIVE_MIGRATE: frozenset({"ACTIVE", "PAUSED"}),
    ActionKind.MIGRATE: frozenset({"VERIFY_RESIZE", "ACTIVE", "SHUTOFF"}),
    ActionKind.CONFIRM_RESIZE: frozenset({"ACTIVE", "SHUTOFF"}),
    ActionKind.REVERT_RESIZE: frozenset({"ACTIVE", "SHUTOFF"}),
    ActionKind.START: frozenset({"ACTIVE"}),
    ActionKind.STOP: frozenset({"SHUTOFF"}),
    ActionKind.REBOOT: frozenset({"ACTIVE"}),
    ActionKind.REBUILD: frozenset({"ACTIVE", "SHUTOFF"}),
}

_SAME_STATE = frozenset({ActionKind.REBOOT, ActionKind.REBUILD})
"""Their end looks like their beginning: only Nova's record tells."""


class Stage(StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Judgement(msgspec.Struct, frozen=True):
    stage: Stage
    reason: str = ""


RUNNING = Judgement(Stage.RUNNING)
DONE = Judgement(Stage.DONE)


def judge(kind: str, server: WireServer, source: str, record: InstanceAction | None) -> Judgement:
    """``record`` is Nova's of this deed, with its events; None where there is none (yet). ``source`` is the host
    that the server was on when it began, or "" where nobody knows.
    """
    if server.task_state is not None:
        return RUNNING
    is_there = server.status in _ENDS[kind] and (kind not in MOVES or server.host != source)
    failure = failure_of(record)
    is_visible = kind not in _SAME_STATE and (kind not in MOVES or source != "")
    if is_there and is_visible and (record is None or has_ended(record)):
        return DONE  # Nova may have failed on one host and gone on to the next.
    if failure:
        return Judgement(Stage.FAILED, _joined(failure, server))
    if not has_ended(record):
        return RUNNING
    if is_there:
        return DONE
    if server.status == "ERROR":
        return Judgement(Stage.FAILED, _joined("the server is in ERROR", server))
    return Judgement(Stage.FAILED, f"Nova says that it is over, but the server is {server.status} on {server.host}")


def has_ended(record: InstanceAction | None) -> bool:
    """Whether Nova has begun to work on it, and no part of it is unfinished."""
    return record is not None and bool(record.events) and all(event.result for event in record.events)


def failure_of(record: InstanceAction | None) -> str:
    """Why, in Nova's words, or "" where nothing failed."""
    if record is None:
        return ""
    for event in record.events:
        if (event.result or "").lower() == "error":
            return event.details or _last_line(event.traceback) or f"{event.event} failed"
    return record.message or "" if record.message and not record.events else ""


def earlier(
    kind: str, actions: Iterable[InstanceAction], *, since_us: int | None, now_us: int, their_now_us: int | None
) -> InstanceAction | None:
    """The newest deed of this name that began after ours was planned: an earlier try of it, or as good as one.

    ``now_us`` is our clock and ``their_now_us`` Nova's at the same moment.
    """
    if since_us is None:
        return None
    since_us += ((their_now_us - now_us) if their_now_us is not None else 0) - SKEW_US
    found = [
        (begun_us, action)
        for action in actions
        if action.action == NAMES[kind]
        and (begun_us := instant(action.start_time)) is not None
        and begun_us >= since_us
    ]
    return max(found, key=lambda each: each[0])[1] if found else None


def has_reported_after(*, proof_us: int, heartbeat_us: int | None, now_us: int, their_now_us: int | None) -> bool:
    """Whether the source's heartbeat contradicts the proof that it is off. One without a stamp never reported."""
    if heartbeat_us is None:
        return False
    shift_us = (their_now_us - now_us) if their_now_us is not None else 0
    return heartbeat_us > proof_us + shift_us + SKEW_US


def _joined(reason: str, server: WireServer) -> str:
    fault = server.fault.message if server.status == "ERROR" and server.fault else ""
    return f"{reason}: {fault}" if fault and fault not in reason else reason


def _last_line(text: str | None) -> str:
    lines = [line.strip() for line in (text or "").splitlines() if line.strip()]
    return lines[-1][:500] if lines else ""
