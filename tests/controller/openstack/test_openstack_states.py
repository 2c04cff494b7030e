"""What an alarm marks, over an OpenStack in memory: set once, read back, restored unless somebody else changed it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from cloud_player import CloudPlayer, new_action, raising, undo

from nfvigil.errors import NotFoundError, NotYetError, RefusedError, VimUnavailableError
from nfvigil.model.action import ActionKind

pytestmark = pytest.mark.anyio

KINDS = [
    pytest.param(ActionKind.FORCE_DOWN, "host/host-1", "False", id="force down"),
    pytest.param(ActionKind.SERVICE_DISABLE, "host/host-1", "enabled", id="disable"),
    pytest.param(ActionKind.SERVER_ERROR, "server/s1", "ACTIVE", id="server error"),
    pytest.param(ActionKind.PORT_DATA_PLANE_DOWN, "port/p-s1", "", id="data plane down"),
    pytest.param(ActionKind.PORT_ADMIN_DOWN, "port/p-s1", "True", id="admin down"),
    pytest.param(ActionKind.VOLUME_ERROR, "volume/v-s1", "in-use", id="volume error"),
]


def writes(cloud: CloudPlayer) -> list[tuple[str, str, Any]]:
    return [each for each in cloud.requests if each[0] != "GET"]


async def come_back(cloud: CloudPlayer) -> None:
    cloud.pass_seconds(10)
    cloud.heartbeat("host-1")


@pytest.mark.parametrize("newest", ["2.11", "2.52", "2.53", "2.93"])
@pytest.mark.parametrize(("kind", "target", "before"), KINDS)
async def test_a_state_is_set_once_and_restored_once(kind: str, target: str, before: str, newest: str) -> None:
    cloud = CloudPlayer(newest=newest)
    vim = cloud.vim()
    action = new_action(kind, target)
    untouched = await vim.read(target)

    done, again = await vim.perform(action), await vim.perform(action)
    written = len(writes(cloud))
    await come_back(cloud)
    undone, undone_again = await vim.perform(undo(action, before)), await vim.perform(undo(action, before))

    assert (done.changed, again.changed) == (True, False)
    assert done.was == before
    assert (undone.changed, undone_again.changed) == (True, False)
    assert (written, len(writes(cloud))) == (1, 2)
    assert target in done.text
    assert await vim.read(target) == untouched


@pytest.mark.parametrize(("kind", "target", "before"), KINDS)
async def test_what_somebody_else_changed_meanwhile_is_theirs(kind: str, target: str, before: str) -> None:
    cloud = CloudPlayer()
    vim = cloud.vim()
    action = new_action(kind, target, params={"reason": "ours"})
    await vim.perform(action)
    cloud.servers["s1"]["status"] = "PAUSED"
    cloud.ports["p-s1"]["data_plane_status"] = "ACTIVE"
    cloud.volumes["v-s1"]["status"] = "available"
    cloud.services["host-1"]["disabled_reason"] = "theirs"
    written = len(writes(cloud))

    other = "somewhere" if kind in (ActionKind.FORCE_DOWN, ActionKind.PORT_ADMIN_DOWN) else before
    if kind == ActionKind.FORCE_DOWN:
        cloud.services["host-1"]["forced_down"] = False
    if kind == ActionKind.PORT_ADMIN_DOWN:
        cloud.ports["p-s1"]["admin_state_up"] = True
    left = await vim.perform(undo(action, other))

    assert not left.changed
    assert "somebody else" in left.text
    assert len(writes(cloud)) == written


@pytest.mark.parametrize("status", ["SOFT_DELETED", "DELETED", "VERIFY_RESIZE", "SHELVED_OFFLOADED", "ERROR"])
async def test_servers_in_some_states_are_never_touched(status: str) -> None:
    cloud = CloudPlayer()
    cloud.servers["s1"]["status"] = status
    action = new_action(ActionKind.SERVER_ERROR, "server/s1")
    vim = cloud.vim()

    done, undone = await vim.perform(action), await vim.perform(undo(action, status))

    assert (done.changed, undone.changed) == (False, False)
    assert writes(cloud) == []


async def test_what_is_gone_needs_no_restoring_but_cannot_be_set() -> None:
    action = new_action(ActionKind.SERVER_ERROR, "server/nobody")
    vim = CloudPlayer().vim()

    assert "gone" in (await vim.perform(undo(action, "ACTIVE"))).text
    with pytest.raises(NotFoundError):
        await vim.perform(action)


async def test_what_does_not_apply_or_was_not_recorded_is_refused() -> None:
    vim = CloudPlayer().vim()

    with pytest.raises(RefusedError, match="does not apply"):
        await vim.perform(new_action(ActionKind.SERVER_ERROR, "host/host-1"))
    with pytest.raises(RefusedError, match="not recorded"):
        await vim.perform(undo(new_action(ActionKind.SERVER_ERROR, "server/s1"), None))


async def test_a_write_that_did_not_take_is_tried_again() -> None:
    cloud = CloudPlayer()
    cloud.faults["PUT /ports"] = [lambda: cloud.answer({"port": cloud.ports["p-s1"]})]

    with pytest.raises(VimUnavailableError, match="is still unset"):
        await cloud.vim().perform(new_action(ActionKind.PORT_DATA_PLANE_DOWN, "port/p-s1"))


async def test_fifty_servers_and_their_ports_are_looked_at_together_and_each_is_written_to() -> None:
    cloud = CloudPlayer()
    for number in range(10, 60):
        cloud.add_server(f"s{number}", host="host-1")
    vim = cloud.vim()
    await vim.snapshot()
    cloud.requests.clear()
    names = range(10, 60)

    outcomes = await asyncio.gather(
        *(vim.perform(new_action(ActionKind.SERVER_ERROR, f"server/s{number}")) for number in names),
        *(vim.perform(new_action(ActionKind.PORT_DATA_PLANE_DOWN, f"port/p-s{number}")) for number in names),
    )

    assert all(outcome.changed for outcome in outcomes)
    assert {cloud.servers[f"s{number}"]["status"] for number in names} == {"ERROR"}
    assert {cloud.ports[f"p-s{number}"]["data_plane_status"] for number in names} == {"DOWN"}
    writes = [method for method, _, _ in cloud.requests if method != "GET"]
    assert len(writes) == 100
    assert len(cloud.requests) - len(writes) < 10


async def test_a_neutron_that_cannot_unset_a_data_plane_status_is_told_active() -> None:
    cloud = CloudPlayer()
    vim = cloud.vim()
    actions = [new_action(ActionKind.PORT_DATA_PLANE_DOWN, f"port/p-s{number}") for number in (1, 2)]
    for action in actions:
        await vim.perform(action)
    cloud.faults["PUT /ports"] = [lambda: cloud.answer({}, 500)]

    undone = [await vim.perform(undo(action, "")) for action in actions]
    again = await vim.perform(undo(actions[0], ""))

    assert [each.changed for each in undone] == [True, True]
    assert "DOWN -> ACTIVE; read back as ACTIVE; this Neutron cannot unset it" in undone[0].text
    assert [body["port"]["data_plane_status"] for _, _, body in writes(cloud)] == [
        "DOWN",
        "DOWN",
        None,
        "ACTIVE",
        "ACTIVE",
    ]
    assert not again.changed


async def test_a_neutron_that_is_away_is_not_taken_for_one_that_cannot_unset() -> None:
    cloud = CloudPlayer()
    vim = cloud.vim()
    action = new_action(ActionKind.PORT_DATA_PLANE_DOWN, "port/p-s1")
    await vim.perform(action)
    cloud.faults["PUT /ports"] = [lambda: cloud.answer({}, 503)]

    with pytest.raises(VimUnavailableError, match="503"):
        await vim.perform(undo(action, ""))
    assert "unset" in (await vim.perform(undo(action, ""))).text
    assert cloud.ports["p-s1"]["data_plane_status"] is None


# Hosts


async def test_a_host_that_was_forced_down_is_shown_so_to_owners() -> None:
    done = await CloudPlayer().vim().perform(new_action(ActionKind.FORCE_DOWN, "host/host-1.example.org"))

    assert "the service is down, host_status of its servers DOWN" in done.text


async def test_what_owners_see_is_only_said_where_it_can_be_read() -> None:
    cloud = CloudPlayer()
    cloud.faults["GET /servers/detail"] = [raising(TimeoutError())]

    done = await cloud.vim().perform(new_action(ActionKind.FORCE_DOWN, "host/host-1"))

    assert done.changed
    assert "host_status" not in done.text


async def test_our_own_force_down_is_not_taken_for_a_sign_of_life() -> None:
    cloud = CloudPlayer()
    cloud.pass_seconds(100)  # Since then nobody has heard of it.
    vim = cloud.vim()
    action = new_action(ActionKind.FORCE_DOWN, "host/host-1")

    await vim.perform(action)
    host = await vim.read("host/host-1")
    cloud.pass_seconds(5)

    assert not host.is_reporting
    with pytest.raises(NotYetError, match="has not reported yet") as waits:
        await vim.perform(undo(action, "False"))
    assert 1 <= waits.value.retry_after_seconds <= 10
    cloud.heartbeat("host-1")
    assert (await vim.read("host/host-1")).is_reporting
    assert (await vim.perform(undo(action, "False"))).changed


async def test_after_a_restart_an_old_stamp_is_no_sign_of_life_either() -> None:
    cloud = CloudPlayer()
    action = new_action(ActionKind.FORCE_DOWN, "host/host-1")
    await cloud.vim().perform(action)
    cloud.pass_seconds(61)

    with pytest.raises(NotYetError, match="has not reported yet"):
        await cloud.vim().perform(undo(action, "False"))


async def test_a_host_with_evacuations_to_clean_up_is_tried_again_and_other_refusals_are_not() -> None:
    cloud = CloudPlayer()
    vim = cloud.vim()
    action = new_action(ActionKind.FORCE_DOWN, "host/host-1")
    await vim.perform(action)
    await come_back(cloud)
    cloud.fails["force-up"] = "Unable to force up host: `done` evacuation migration records remain"

    with pytest.raises(NotYetError, match="must be started again"):
        await vim.perform(undo(action, "False"))
    cloud.fails["force-up"] = "something else"
    with pytest.raises(RefusedError, match="something else"):
        await vim.perform(undo(action, "False"))


@pytest.mark.parametrize(
    ("newest", "params", "path", "body"),
    [
        ("2.93", {"reason": "why"}, "/os-services/id-host-1", {"status": "disabled", "disabled_reason": "why"}),
        ("2.93", {}, "/os-services/id-host-1", {"status": "disabled"}),
        (
            "2.52",
            {"reason": "why"},
            "/os-services/disable-log-reason",
            {"host": "host-1", "binary": "nova-compute", "disabled_reason": "why"},
        ),
        ("2.52", {}, "/os-services/disable", {"host": "host-1", "binary": "nova-compute"}),
    ],
)
async def test_a_host_is_disabled_as_nova_wants_it(newest: str, params: Any, path: str, body: Any) -> None:
    cloud = CloudPlayer(newest=newest)

    done = await cloud.vim().perform(new_action(ActionKind.SERVICE_DISABLE, "host/host-1", params=params))

    assert writes(cloud) == [("PUT", path, body)]
    assert ("because of 'why'" in done.text) is bool(params)


# Servers


async def test_a_server_that_was_shut_off_is_stopped_again() -> None:
    cloud = CloudPlayer()
    cloud.servers["s1"]["status"] = "SHUTOFF"
    action = new_action(ActionKind.SERVER_ERROR, "server/s1")
    vim = cloud.vim()
    await vim.perform(action)

    undone = await vim.perform(undo(action, "SHUTOFF"))

    assert "Nova was asked to stop it" in undone.text
    assert [body for _, _, body in writes(cloud)][1:] == [{"os-resetState": {"state": "active"}}, {"os-stop": None}]


@pytest.mark.parametrize(("host", "said"), [("host-1", "host-1 does not report"), ("", "no host does not report")])
async def test_a_server_whose_host_does_not_report_cannot_be_stopped(host: str, said: str) -> None:
    cloud = CloudPlayer()
    cloud.servers["s1"].update({"status": "SHUTOFF", "OS-EXT-SRV-ATTR:host": host})
    action = new_action(ActionKind.SERVER_ERROR, "server/s1")
    vim = cloud.vim()
    await vim.perform(action)
    cloud.services["host-1"]["state"] = "down"

    undone = await vim.perform(undo(action, "SHUTOFF"))

    assert undone.changed
    assert said in undone.text


async def test_what_nova_cannot_set_is_said() -> None:
    cloud = CloudPlayer()
    action = new_action(ActionKind.SERVER_ERROR, "server/s1")
    vim = cloud.vim()
    await vim.perform(action)

    undone = await vim.perform(undo(action, "PAUSED"))

    assert "it was PAUSED, but Nova can set nothing else" in undone.text


@pytest.mark.parametrize(
    ("kind", "target"), [(ActionKind.SERVER_ERROR, "server/s1"), (ActionKind.PORT_DATA_PLANE_DOWN, "port/p-s1")]
)
async def test_what_has_left_the_host_that_failed_is_not_touched_and_is_looked_at(kind: str, target: str) -> None:
    cloud = CloudPlayer()
    vim = cloud.vim()
    record = await vim.read(target)

    changes = vim.changes()
    moved = await vim.perform(new_action(kind, target, params={"on_host": "host-9"}))
    async with asyncio.timeout(5):
        told = next(change for change in [await anext(changes) for _ in range(2)] if change and record in change.put)
    stayed = await vim.perform(new_action(kind, target, params={"on_host": "host-1"}))
    await vim.close()

    assert (moved.changed, stayed.changed) == (False, True)
    assert f"{target} has left host-9 for host-1" in moved.text
    assert told
