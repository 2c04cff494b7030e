"""What Nova's words mean for a deed: it runs, it is done, it failed, it was tried before."""

from __future__ import annotations

from typing import Any

import pytest

from nfvigil.controller.vims.openstack.progress import (
    Stage,
    earlier,
    failure_of,
    has_reported_after,
    judge,
)
from nfvigil.controller.vims.openstack.reading import instant
from nfvigil.controller.vims.openstack.wire import ActionEvent, InstanceAction, WireFault, WireServer
from nfvigil.model.action import ActionKind

SECOND = 1_000_000
AT = "2026-11-21T05:33:54.000000"
AT_US = instant(AT) or 0


def record(*results: str | None, message: str | None = None, **event: Any) -> InstanceAction:
    events = [ActionEvent(event="compute_x", result=result, **event) for result in results]
    return InstanceAction(action="x", request_id="req-1", start_time=AT, message=message, events=events)


def server(status: str, host: str = "h1", task: str | None = None, fault: str = "") -> WireServer:
    # By their names on the wire, which the Struct takes under its own.
    return WireServer(
        id="s",
        status=status,
        tenant_id="p",
        host=host,
        task_state=task,
        fault=WireFault(message=fault) if fault else None,
    )


OVER, BUSY = record("Success"), record("Success", None)
BAD = record("Error", details="no valid host")


@pytest.mark.parametrize(
    ("kind", "seen", "said", "stage", "reason"),
    [
        (ActionKind.STOP, server("ACTIVE", task="powering-off"), None, Stage.RUNNING, ""),
        (ActionKind.STOP, server("SHUTOFF"), OVER, Stage.DONE, ""),
        (ActionKind.STOP, server("SHUTOFF"), None, Stage.DONE, ""),
        (ActionKind.STOP, server("SHUTOFF"), BUSY, Stage.RUNNING, ""),
        (ActionKind.STOP, server("ACTIVE"), None, Stage.RUNNING, ""),
        (ActionKind.STOP, server("ACTIVE"), record(), Stage.RUNNING, ""),
        (ActionKind.STOP, server("ACTIVE"), OVER, Stage.FAILED, "over, but the server is ACTIVE on h1"),
        (ActionKind.STOP, server("ACTIVE"), BAD, Stage.FAILED, "no valid host"),
        (ActionKind.REBOOT, server("ACTIVE"), None, Stage.RUNNING, ""),
        (ActionKind.REBOOT, server("ACTIVE"), OVER, Stage.DONE, ""),
        (ActionKind.REBOOT, server("ACTIVE"), BAD, Stage.FAILED, "no valid host"),
        (ActionKind.REBUILD, server("ERROR", fault="disk"), OVER, Stage.FAILED, "in ERROR: disk"),
        (ActionKind.REBUILD, server("ERROR"), OVER, Stage.FAILED, "in ERROR"),
        (ActionKind.EVACUATE, server("ACTIVE", "h1", "rebuilding"), BUSY, Stage.RUNNING, ""),
        (ActionKind.EVACUATE, server("ACTIVE", "h2"), OVER, Stage.DONE, ""),
        (ActionKind.EVACUATE, server("ACTIVE", "h2"), BUSY, Stage.RUNNING, ""),
        (ActionKind.EVACUATE, server("ACTIVE", "h1"), OVER, Stage.FAILED, "on h1"),
        (ActionKind.EVACUATE, server("ERROR", "h1"), BAD, Stage.FAILED, "no valid host"),
        (ActionKind.EVACUATE, server("ERROR", "h1", fault="no valid host"), BAD, Stage.FAILED, "no valid host"),
        (ActionKind.MIGRATE, server("VERIFY_RESIZE", "h2"), record("Error", "Success"), Stage.DONE, ""),
        (ActionKind.CONFIRM_RESIZE, server("VERIFY_RESIZE"), record(None), Stage.RUNNING, ""),
        (ActionKind.CONFIRM_RESIZE, server("ACTIVE"), OVER, Stage.DONE, ""),
        (ActionKind.LIVE_MIGRATE, server("PAUSED", "h2"), OVER, Stage.DONE, ""),
    ],
)
def test_a_deed_is_judged_by_novas_words(
    kind: str, seen: WireServer, said: InstanceAction | None, stage: Stage, reason: str
) -> None:
    judgement = judge(kind, seen, "h1", said)

    assert judgement.stage is stage
    assert reason in judgement.reason
    assert bool(judgement.reason) is (stage is Stage.FAILED)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (None, ""),
        (record("Success"), ""),
        (record(message="Error"), "Error"),
        (record("Error", details="why"), "why"),
        (record("Error", traceback="Traceback\n  File x\nNoValidHost: none\n\n"), "NoValidHost: none"),
        (record("Error"), "compute_x failed"),
        (record("Success", message="Error"), ""),
    ],
)
def test_a_failure_has_novas_reason(said: InstanceAction | None, reason: str) -> None:
    assert failure_of(said) == reason


def named(name: str, at: str, request: str) -> InstanceAction:
    return InstanceAction(action=name, request_id=request, start_time=at)


@pytest.mark.parametrize(
    ("since", "shift", "found"),
    [
        pytest.param(0, 0, "req-2", id="the newest since it was planned"),
        pytest.param(1, 0, "req-2", id="times are whole seconds"),
        pytest.param(60, 0, None, id="what was before is somebody else's"),
        pytest.param(60, -60, "req-2", id="Nova's clock is behind ours"),
        pytest.param(None, 0, None, id="nobody knows when it was planned"),
    ],
)
def test_an_earlier_try_is_known_by_its_name_and_time(since: int | None, shift: int, found: str | None) -> None:
    actions = [
        named("reboot", AT, "req-2"),
        named("reboot", "2026-11-21T05:33:53.000000", "req-1"),
        named("stop", AT, "req-3"),
        named("reboot", "at noon", "req-4"),
    ]

    tried = earlier(
        ActionKind.REBOOT,
        actions,
        since_us=None if since is None else AT_US + since * SECOND,
        now_us=AT_US,
        their_now_us=AT_US + shift * SECOND,
    )

    assert (tried.request_id if tried else None) == found


def test_without_novas_clock_ours_will_do() -> None:
    tried = earlier(ActionKind.REBOOT, [named("reboot", AT, "req-1")], since_us=AT_US, now_us=AT_US, their_now_us=None)

    assert tried is not None


@pytest.mark.parametrize(
    ("heartbeat", "shift", "contradicts"),
    [
        pytest.param(None, 0, False, id="it never reported"),
        pytest.param(-5, 0, False, id="before the proof"),
        pytest.param(2, 0, False, id="times are whole seconds"),
        pytest.param(3, 0, True, id="after the proof"),
        pytest.param(3, 60, False, id="Nova's clock is ahead of ours"),
        pytest.param(-50, -60, True, id="Nova's clock is behind ours"),
    ],
)
def test_a_heartbeat_contradicts_a_proof(heartbeat: int | None, shift: int, contradicts: bool) -> None:
    assert (
        has_reported_after(
            proof_us=AT_US,
            heartbeat_us=None if heartbeat is None else AT_US + heartbeat * SECOND,
            now_us=AT_US,
            their_now_us=AT_US + shift * SECOND,
        )
        is contradicts
    )


def test_without_novas_clock_the_proof_is_compared_by_ours() -> None:
    assert has_reported_after(proof_us=AT_US, heartbeat_us=AT_US + 3 * SECOND, now_us=0, their_now_us=None)
