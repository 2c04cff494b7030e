"""The driver against a real OpenStack: what an alarm marks is set once, read back, and restored unless changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from driver_players import clock, driver, driver_of_an_old_nova, new_action, undo, until_it_can
from openstack_players import Client, Lab

from nfvigil.controller.vims.openstack.vim import OpenStackVim
from nfvigil.errors import NotYetError
from nfvigil.model.action import ActionKind
from nfvigil.model.resource import Host

pytestmark = pytest.mark.anyio
Boot = Callable[..., dict[str, Any]]


async def force_down_and_up(vim: OpenStackVim, host: str) -> str:
    action = new_action(ActionKind.FORCE_DOWN, f"host/{host}")

    done = await vim.perform(action)
    again = await vim.perform(action)
    marked = await vim.read(f"host/{host}")
    undone = await until_it_can(lambda: vim.perform(undo(action, "False")))
    undone_again = await vim.perform(undo(action, "False"))

    assert (done.changed, again.changed, undone.changed, undone_again.changed) == (True, False, True, False)
    assert isinstance(marked, Host)
    assert (marked.forced_down, marked.service_up) == (True, False)
    return done.text


async def test_a_host_is_forced_down_and_up(clouds_yaml: Path, boot: Boot, doomed_host: str) -> None:
    boot("openstack-helper-owner", host=doomed_host)

    async with driver(clouds_yaml) as vim:
        text = await force_down_and_up(vim, doomed_host)

    assert "host_status of its servers DOWN" in text
    assert "the service is down" in text


async def test_a_host_is_forced_down_and_up_as_before_2_53(clouds_yaml: Path, doomed_host: str) -> None:
    async with driver_of_an_old_nova(clouds_yaml, "2.11") as vim:
        text = await force_down_and_up(vim, doomed_host)

    assert "the service is down" in text


async def test_a_host_that_has_not_come_back_stays_forced_down(
    clouds_yaml: Path, openstack_lab: Lab, doomed_host: str
) -> None:
    action = new_action(ActionKind.FORCE_DOWN, f"host/{doomed_host}")

    async with driver(clouds_yaml) as vim:
        openstack_lab.crash(doomed_host)
        await vim.perform(action)

        with pytest.raises(NotYetError, match="has not reported yet"):
            await vim.perform(undo(action, "False"))
        openstack_lab.start(doomed_host)
        undone = await until_it_can(lambda: vim.perform(undo(action, "False")))

    assert undone.changed


@pytest.mark.parametrize("newest", ["2.93", "2.11"])
async def test_a_host_is_disabled_with_a_reason_and_enabled_unless_the_reason_is_anothers(
    clouds_yaml: Path, openstack_admin: Client, doomed_host: str, newest: str
) -> None:
    action = new_action(ActionKind.SERVICE_DISABLE, f"host/{doomed_host}", params={"reason": "nfvigil a1"})

    async with driver_of_an_old_nova(clouds_yaml, newest) as vim:
        done = await vim.perform(action)
        assert openstack_admin.compute_service(doomed_host)["disabled_reason"] == "nfvigil a1"
        again = await vim.perform(action)
        undone = await vim.perform(undo(action, "enabled"))
        assert openstack_admin.compute_service(doomed_host)["status"] == "enabled"
        await vim.perform(action)
        path = f"/v2.1/os-services/{openstack_admin.compute_service(doomed_host)['id']}"
        theirs = {"status": "disabled", "disabled_reason": "maintenance"}
        openstack_admin.request("PUT", "compute", path, theirs)
        left = await vim.perform(undo(action, "enabled"))

    assert (done.changed, again.changed, undone.changed, left.changed) == (True, False, True, False)
    assert "somebody else" in left.text


async def test_a_server_is_set_to_error_and_back(clouds_yaml: Path, boot: Boot, openstack_admin: Client) -> None:
    made = boot("openstack-helper-error", host="compute-2")
    action = new_action(ActionKind.SERVER_ERROR, f"server/{made['id']}")

    async with driver(clouds_yaml) as vim:
        done = await vim.perform(action)
        assert openstack_admin.server(made["id"])["status"] == "ERROR"
        again = await vim.perform(action)
        undone = await vim.perform(undo(action, "ACTIVE"))
        assert openstack_admin.server(made["id"])["status"] == "ACTIVE"
        left = await vim.perform(undo(action, "PAUSED"))

        openstack_admin.action(made["id"], "os-stop")
        openstack_admin.wait_for_server(made["id"], status="SHUTOFF")
        await vim.perform(action)
        stopped = await vim.perform(undo(action, "SHUTOFF"))
        openstack_admin.wait_for_server(made["id"], status="SHUTOFF")

    assert (done.changed, again.changed, undone.changed, left.changed) == (True, False, True, False)
    assert stopped.changed
    assert "asked to stop it" in stopped.text


async def test_a_server_that_nova_cannot_set_back_is_said_to_be_so(clouds_yaml: Path, boot: Boot) -> None:
    made = boot("openstack-helper-paused", host="compute-2")
    action = new_action(ActionKind.SERVER_ERROR, f"server/{made['id']}")

    async with driver(clouds_yaml) as vim:
        await vim.perform(action)
        undone = await vim.perform(undo(action, "PAUSED"))

    assert undone.changed
    assert "it was PAUSED, but Nova can set nothing else" in undone.text


async def test_a_ports_states_are_set_and_restored(clouds_yaml: Path, boot: Boot, openstack_admin: Client) -> None:
    made = boot("openstack-helper-port", host="compute-2")
    port = openstack_admin.ports_of(made["id"])[0]["id"]
    data_plane = new_action(ActionKind.PORT_DATA_PLANE_DOWN, f"port/{port}")
    admin = new_action(ActionKind.PORT_ADMIN_DOWN, f"port/{port}")

    async with driver(clouds_yaml) as vim:
        done = [await vim.perform(data_plane), await vim.perform(admin)]
        marked = openstack_admin.ports_of(made["id"])[0]
        again = [await vim.perform(data_plane), await vim.perform(admin)]
        undone = [await vim.perform(undo(data_plane, "")), await vim.perform(undo(admin, "True"))]
        restored = openstack_admin.ports_of(made["id"])[0]

    assert (marked["data_plane_status"], marked["admin_state_up"]) == ("DOWN", False)
    # Neutron of Zed cannot unset a data plane status.
    assert (restored["data_plane_status"], restored["admin_state_up"]) == ("ACTIVE", True)
    assert [each.changed for each in done + again + undone] == [True, True, False, False, True, True]


async def test_what_is_gone_needs_no_restoring(clouds_yaml: Path) -> None:
    action = new_action(ActionKind.SERVER_ERROR, "server/11111111-2222-3333-4444-555555555555", started_us=clock())

    async with driver(clouds_yaml) as vim:
        undone = await vim.perform(undo(action, "ACTIVE"))

    assert not undone.changed
    assert "gone" in undone.text
