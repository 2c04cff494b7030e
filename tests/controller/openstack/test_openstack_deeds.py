"""What is done once to a server, over an OpenStack in memory."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from cloud_player import SECOND, CloudPlayer, new_action, undo

from nfvigil.controller.vims.openstack import deeds
from nfvigil.controller.vims.openstack.deeds import Deeds
from nfvigil.controller.vims.openstack.vim import OpenStackVim
from nfvigil.errors import ConflictError, NotFoundError, RefusedError, VimUnavailableError
from nfvigil.model.action import Action, ActionKind

pytestmark = pytest.mark.anyio


def quick(cloud: CloudPlayer, **options: Any) -> OpenStackVim:
    """A driver whose waiting is the cloud's time."""
    vim = cloud.vim(**options)

    async def wait(seconds: float) -> None:
        cloud.pass_seconds(seconds)
        await asyncio.sleep(0)

    vim._deeds = Deeds(
        name="lab",
        nova=vim.nova,
        records=vim._records,
        known=vim._known,
        clock=lambda: cloud.now_us,
        sleep=wait,
    )
    return vim


def deed(cloud: CloudPlayer, kind: str, server: str = "s1", **params: Any) -> Action:
    return new_action(
        kind, f"server/{server}", params=params, planned_us=cloud.now_us, started_us=cloud.now_us, attempts=1
    )


def asked(cloud: CloudPlayer, beginning: str = "POST") -> list[Any]:
    return [body for method, _, body in cloud.requests if method == beginning]


@pytest.mark.parametrize("polls", [0, 3])
@pytest.mark.parametrize(
    ("kind", "status", "params", "body", "text"),
    [
        (ActionKind.STOP, "ACTIVE", {}, {"os-stop": None}, "stopped; Nova says it is SHUTOFF"),
        (ActionKind.START, "SHUTOFF", {}, {"os-start": None}, "started; Nova says it is ACTIVE"),
        (ActionKind.REBOOT, "ACTIVE", {}, {"reboot": {"type": "SOFT"}}, "rebooted"),
        (ActionKind.REBOOT, "ERROR", {}, {"reboot": {"type": "HARD"}}, "rebooted"),
        (ActionKind.REBUILD, "ACTIVE", {}, {"rebuild": {"imageRef": "image-1"}}, "rebuilt"),
        (ActionKind.CONFIRM_RESIZE, "VERIFY_RESIZE", {}, {"confirmResize": None}, "resize confirmed"),
        (ActionKind.REVERT_RESIZE, "VERIFY_RESIZE", {}, {"revertResize": None}, "resize reverted"),
        (
            ActionKind.LIVE_MIGRATE,
            "ACTIVE",
            {"host": "host-3"},
            {"os-migrateLive": {"host": "host-3", "block_migration": "auto"}},
            "live-migrated from host-1 to host-3",
        ),
    ],
)
async def test_a_deed_is_asked_for_and_watched_to_its_end(
    kind: str, status: str, params: Any, body: Any, text: str, polls: int
) -> None:
    cloud = CloudPlayer()
    cloud.polls = polls
    cloud.servers["s1"]["status"] = status

    outcome = await quick(cloud).perform(deed(cloud, kind, **params))

    assert asked(cloud) == [body]
    assert outcome.changed
    assert text in outcome.text


@pytest.mark.parametrize(("confirm", "status"), [(None, "ACTIVE"), (False, "VERIFY_RESIZE")])
async def test_a_migration_is_confirmed_unless_told_otherwise(confirm: bool | None, status: str) -> None:
    cloud = CloudPlayer()
    params = {} if confirm is None else {"confirm": confirm}

    outcome = await quick(cloud).perform(deed(cloud, ActionKind.MIGRATE, **params))

    assert outcome.changed
    assert cloud.servers["s1"]["status"] == status
    assert ("and confirmed" in outcome.text) is (confirm is None)


@pytest.mark.parametrize("already", [True, False])
async def test_a_migration_that_nova_confirms_itself_is_fine(already: bool) -> None:
    cloud = CloudPlayer()
    vim = quick(cloud)
    usual = cloud._act

    def busy(server: dict[str, Any], body: dict[str, Any]) -> Any:
        if "confirmResize" not in body:
            return usual(server, body)
        if already:
            server["status"] = "ACTIVE"
        else:
            usual(server, body)
        return cloud.answer({"conflictingRequest": {"message": "busy"}}, 409)

    cloud._act = busy

    assert "and confirmed" in (await vim.perform(deed(cloud, ActionKind.MIGRATE))).text


async def test_a_confirmation_that_is_refused_for_good_fails() -> None:
    cloud = CloudPlayer()
    vim = quick(cloud)
    usual = cloud._act
    cloud._act = lambda server, body: (
        cloud.answer({"badRequest": {"message": "no"}}, 400) if "confirmResize" in body else usual(server, body)
    )

    with pytest.raises(RefusedError, match="400 no"):
        await vim.perform(deed(cloud, ActionKind.MIGRATE))


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (ActionKind.LIVE_MIGRATE, "SHUTOFF"),
        (ActionKind.MIGRATE, "ERROR"),
        (ActionKind.CONFIRM_RESIZE, "ACTIVE"),
        (ActionKind.REVERT_RESIZE, "ACTIVE"),
        (ActionKind.START, "PAUSED"),
        (ActionKind.STOP, "PAUSED"),
        (ActionKind.REBUILD, "PAUSED"),
        (ActionKind.REBOOT, "SHELVED_OFFLOADED"),
        (ActionKind.EVACUATE, "PAUSED"),
    ],
)
async def test_a_server_in_the_wrong_state_is_left_alone(kind: str, status: str) -> None:
    cloud = CloudPlayer()
    cloud.servers["s1"]["status"] = status

    with pytest.raises(ConflictError, match=status):
        await quick(cloud).perform(deed(cloud, kind))
    assert asked(cloud) == []


@pytest.mark.parametrize(("kind", "status"), [(ActionKind.START, "ACTIVE"), (ActionKind.STOP, "SHUTOFF")])
async def test_where_there_is_nothing_to_do_nothing_is_done(kind: str, status: str) -> None:
    cloud = CloudPlayer()
    cloud.servers["s1"]["status"] = status

    outcome = await quick(cloud).perform(deed(cloud, kind))

    assert not outcome.changed
    assert "already" in outcome.text


async def test_what_makes_no_sense_is_refused() -> None:
    cloud = CloudPlayer()
    vim = quick(cloud)
    stop = deed(cloud, ActionKind.STOP)

    with pytest.raises(RefusedError, match="cannot be undone"):
        await vim.perform(undo(stop, "ACTIVE"))
    with pytest.raises(RefusedError, match="is for servers"):
        await vim.perform(msgspec.structs.replace(stop, target="host/host-1"))
    with pytest.raises(NotFoundError):
        await vim.perform(deed(cloud, ActionKind.STOP, "nobody"))
    with pytest.raises(NotFoundError, match="nowhere"):
        await vim.perform(deed(cloud, ActionKind.MIGRATE, host="nowhere"))
    cloud.servers["s1"]["status"] = "SHUTOFF"
    with pytest.raises(ConflictError, match="only a hard one"):
        await vim.perform(deed(cloud, ActionKind.REBOOT, type="soft"))
    assert asked(cloud) == []


@pytest.mark.parametrize("fields", [{"state": "down"}, {"forced_down": True}])
async def test_what_a_dead_host_would_have_to_do_is_refused(fields: dict[str, Any]) -> None:
    cloud = CloudPlayer()
    cloud.services["host-1"].update(fields)

    with pytest.raises(ConflictError, match="compute service of host-1 is down"):
        await quick(cloud).perform(deed(cloud, ActionKind.STOP))


async def test_a_server_that_is_busy_with_something_else_is_waited_for() -> None:
    cloud = CloudPlayer()
    cloud.servers["s1"]["OS-EXT-STS:task_state"] = "image_snapshot"

    with pytest.raises(VimUnavailableError, match="still at image_snapshot"):
        await quick(cloud).perform(deed(cloud, ActionKind.STOP))


@pytest.mark.parametrize("reason", ["ERROR no valid host", "no valid host"])
async def test_what_fails_in_nova_fails_with_novas_reason(reason: str) -> None:
    cloud = CloudPlayer()
    cloud.fails["migrate"] = reason

    with pytest.raises(RefusedError, match=r"migrate of name-s1 failed: .*no valid host"):
        await quick(cloud).perform(deed(cloud, ActionKind.MIGRATE))


async def test_a_deed_that_does_not_end_in_time_is_of_unknown_end() -> None:
    cloud = CloudPlayer()
    cloud.polls = 10_000
    begun_us = cloud.now_us

    with pytest.raises(VimUnavailableError, match="not over in time: Nova is at powering-off"):
        await quick(cloud).perform(deed(cloud, ActionKind.STOP, seconds=20))

    assert 20 <= (cloud.now_us - begun_us) / SECOND < 25


async def test_a_deed_without_a_limit_of_its_own_has_one() -> None:
    cloud = CloudPlayer()
    cloud.polls = 10_000
    begun_us = cloud.now_us

    with pytest.raises(VimUnavailableError):
        await quick(cloud).perform(deed(cloud, ActionKind.STOP, seconds="long"))

    assert 600 <= (cloud.now_us - begun_us) / SECOND < 605


async def test_a_server_that_is_deleted_meanwhile_is_said_to_be_so() -> None:
    cloud = CloudPlayer()
    usual = cloud._act

    def vanish(server: dict[str, Any], body: dict[str, Any]) -> Any:
        answer = usual(server, body)
        del cloud.servers["s1"]
        return answer

    cloud._act = vanish

    with pytest.raises(ConflictError, match="deleted meanwhile"):
        await quick(cloud).perform(deed(cloud, ActionKind.STOP))


# Asked for twice


@pytest.mark.parametrize("kind", [ActionKind.REBOOT, ActionKind.MIGRATE, ActionKind.LIVE_MIGRATE, ActionKind.REBUILD])
@pytest.mark.parametrize("is_over", [True, False])
async def test_a_deed_that_was_tried_before_is_watched_not_asked_for_again(kind: str, is_over: bool) -> None:
    cloud = CloudPlayer()
    vim = quick(cloud)
    action = deed(cloud, kind, source="host-1")
    if is_over:
        await vim.perform(action)
    else:
        cloud.polls = 3
        cloud.servers["s1"]["OS-EXT-STS:task_state"] = None
        first = await quick(cloud)._deeds._body(action, (await vim.nova.server("s1"))[0])
        await vim.nova.act("s1", first[0])
    posts = len(asked(cloud))

    again = await quick(cloud).perform(msgspec.structs.replace(action, attempts=2))

    assert again.changed
    added = asked(cloud)[posts:]
    assert added == ([{"confirmResize": None}] if kind == ActionKind.MIGRATE and not is_over else [])


async def test_two_deeds_of_a_kind_shortly_after_one_another_are_two() -> None:
    cloud = CloudPlayer()
    cloud.polls = 0
    vim = quick(cloud)

    for _ in range(2):
        assert (await vim.perform(deed(cloud, ActionKind.REBOOT))).changed

    assert len(asked(cloud)) == 2


async def test_a_try_that_failed_before_is_not_repeated() -> None:
    cloud = CloudPlayer()
    cloud.fails["migrate"] = "no valid host"
    vim = quick(cloud)
    action = deed(cloud, ActionKind.MIGRATE)
    with pytest.raises(RefusedError):
        await vim.perform(action)

    with pytest.raises(RefusedError, match="no valid host"):
        await vim.perform(msgspec.structs.replace(action, attempts=2))

    assert len(asked(cloud)) == 1


@pytest.mark.parametrize("source", ["host-2", "host/host-2", "host-2.example.org", "host-gone"])
async def test_a_server_that_has_left_already_is_not_moved_again(source: str) -> None:
    cloud = CloudPlayer()

    outcome = await quick(cloud).perform(deed(cloud, ActionKind.MIGRATE, source=source))

    assert not outcome.changed
    assert "has left" in outcome.text
    assert asked(cloud) == []


async def test_only_so_many_records_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deeds, "ASKED_MAX", 1)
    cloud = CloudPlayer()
    vim = quick(cloud)

    for _ in range(3):
        await vim.perform(deed(cloud, ActionKind.REBOOT))

    assert len(vim._deeds._asked) == 1


async def test_without_a_request_id_the_newest_of_its_name_is_ours() -> None:
    cloud = CloudPlayer()
    usual = cloud.answer

    def bare(value: Any, status: int = 200, **headers: str) -> Any:
        answer = usual(value, status, **headers)
        headers = {name: text for name, text in answer.headers.items() if name != "x-openstack-request-id"}
        return msgspec.structs.replace(answer, headers=headers)

    cloud.answer = bare
    vim = quick(cloud)

    assert (await vim.perform(deed(cloud, ActionKind.REBOOT))).changed


# Evacuation


def evacuation(cloud: CloudPlayer, **params: Any) -> Action:
    return deed(cloud, ActionKind.EVACUATE, **{"source": "host-1"} | params)


async def fenced(cloud: CloudPlayer) -> tuple[OpenStackVim, int]:
    """The host is forced down, and then proven off."""
    vim = quick(cloud)
    await vim.perform(new_action(ActionKind.FORCE_DOWN, "host/host-1"))
    cloud.pass_seconds(5)
    return vim, cloud.now_us


@pytest.mark.parametrize("status", ["ACTIVE", "SHUTOFF", "ERROR"])
async def test_a_server_is_evacuated_from_a_host_that_is_proven_off(status: str) -> None:
    cloud = CloudPlayer()
    cloud.servers["s1"]["status"] = status
    vim, proof_us = await fenced(cloud)

    outcome = await vim.perform(evacuation(cloud, proof_us=proof_us, host="host-3"))

    assert asked(cloud) == [{"evacuate": {"host": "host-3"}}]
    assert cloud.headers[-3]["OpenStack-API-Version"]
    assert "evacuated from host-1 to host-3" in outcome.text
    assert cloud.servers["s1"]["OS-EXT-SRV-ATTR:host"] == "host-3"


@pytest.mark.parametrize("proof", [None, 0, -5, True, "yesterday"])
async def test_without_a_proof_nothing_is_evacuated(proof: Any) -> None:
    cloud = CloudPlayer()
    vim, _ = await fenced(cloud)

    with pytest.raises(RefusedError, match="no fencing proof"):
        await vim.perform(evacuation(cloud, proof_us=proof))
    assert asked(cloud) == []


async def test_a_proof_of_the_future_is_none() -> None:
    cloud = CloudPlayer()
    vim, proof_us = await fenced(cloud)

    with pytest.raises(RefusedError, match="lies in the future"):
        await vim.perform(evacuation(cloud, proof_us=proof_us + 60 * SECOND))


async def test_a_host_that_reports_after_its_proof_is_not_evacuated() -> None:
    cloud = CloudPlayer()
    vim, proof_us = await fenced(cloud)
    cloud.pass_seconds(5)
    cloud.heartbeat("host-1")

    with pytest.raises(RefusedError, match="has reported since"):
        await vim.perform(evacuation(cloud, proof_us=proof_us))
    assert asked(cloud) == []


async def test_our_own_change_after_the_proof_does_not_contradict_it() -> None:
    cloud = CloudPlayer()
    vim = quick(cloud)
    proof_us = cloud.now_us
    cloud.pass_seconds(30)
    await vim.perform(new_action(ActionKind.FORCE_DOWN, "host/host-1"))
    await vim.perform(new_action(ActionKind.SERVICE_DISABLE, "host/host-1"))

    assert (await vim.perform(evacuation(cloud, proof_us=proof_us))).changed


async def test_a_change_that_an_earlier_process_made_after_the_proof_does() -> None:
    cloud = CloudPlayer()
    proof_us = cloud.now_us
    cloud.pass_seconds(30)
    await quick(cloud).perform(new_action(ActionKind.FORCE_DOWN, "host/host-1"))

    with pytest.raises(RefusedError, match="fence it again"):
        await quick(cloud).perform(evacuation(cloud, proof_us=proof_us))


async def test_a_host_that_is_not_forced_down_is_not_evacuated() -> None:
    cloud = CloudPlayer()

    with pytest.raises(ConflictError, match="must be forced down first"):
        await quick(cloud).perform(evacuation(cloud, proof_us=cloud.now_us))


async def test_a_task_that_the_dead_host_will_never_end_does_not_hold_up_an_evacuation() -> None:
    cloud = CloudPlayer()
    cloud.servers["s1"]["OS-EXT-STS:task_state"] = "powering-off"
    vim, proof_us = await fenced(cloud)

    assert (await vim.perform(evacuation(cloud, proof_us=proof_us))).changed


async def test_an_evacuation_under_way_is_not_asked_for_again() -> None:
    cloud = CloudPlayer()
    vim, proof_us = await fenced(cloud)
    cloud.servers["s1"]["OS-EXT-STS:task_state"] = "rebuilding"

    with pytest.raises(VimUnavailableError, match="still at rebuilding"):
        await vim.perform(evacuation(cloud, proof_us=proof_us))


# Deleting


async def test_a_server_is_deleted_once() -> None:
    cloud = CloudPlayer()
    vim = quick(cloud)

    deleted = await vim.perform(deed(cloud, ActionKind.DELETE))
    again = await vim.perform(deed(cloud, ActionKind.DELETE))

    assert (deleted.changed, again.changed) == (True, False)
    assert cloud.called("DELETE") == 1


async def test_a_server_whose_deletion_is_under_way_is_waited_for() -> None:
    cloud = CloudPlayer()
    await cloud.vim().nova.delete("s1")

    assert (await quick(cloud).perform(deed(cloud, ActionKind.DELETE))).changed
    assert cloud.called("DELETE") == 1


@pytest.mark.parametrize("status", ["SOFT_DELETED", "DELETED"])
async def test_a_server_that_is_softly_deleted_is_deleted(status: str) -> None:
    cloud = CloudPlayer()
    cloud.servers["s1"]["status"] = status

    assert not (await quick(cloud).perform(deed(cloud, ActionKind.DELETE))).changed


async def test_a_soft_deletion_is_one() -> None:
    cloud = CloudPlayer()

    def softly() -> Any:
        cloud.servers["s1"]["status"] = "SOFT_DELETED"
        return cloud.answer({}, 204)

    cloud.faults["DELETE"] = [softly]

    assert "SOFT_DELETED" in (await quick(cloud).perform(deed(cloud, ActionKind.DELETE))).text


async def test_a_deletion_that_fails_says_why_and_one_that_hangs_ends() -> None:
    cloud = CloudPlayer()
    cloud.fails["delete"] = "ERROR disk is busy"
    with pytest.raises(RefusedError, match="disk is busy"):
        await quick(cloud).perform(deed(cloud, ActionKind.DELETE))

    cloud.faults["DELETE"] = [lambda: cloud.answer({}, 204)]
    with pytest.raises(VimUnavailableError, match="not over in time"):
        await quick(cloud).perform(deed(cloud, ActionKind.DELETE, "s2", seconds=5))


async def test_a_server_that_was_deleted_by_somebody_else_just_now_is_gone() -> None:
    cloud = CloudPlayer()

    def gone() -> Any:
        del cloud.servers["s1"]
        return cloud.answer({"itemNotFound": {"message": "gone"}}, 404)

    cloud.faults["DELETE"] = [gone]

    assert (await quick(cloud).perform(deed(cloud, ActionKind.DELETE))).changed
