"""The driver against a real OpenStack: what is done once to a server, watched to its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from driver_players import clock, driver, new_action, until_it_can
from openstack_players import Client, Lab

from nfvigil.controller.vims.openstack.vim import OpenStackVim
from nfvigil.errors import ConflictError, NotFoundError, RefusedError
from nfvigil.model.action import Action, ActionKind, Outcome
from nfvigil.model.resource import Server

pytestmark = pytest.mark.anyio
Boot = Callable[..., dict[str, Any]]


async def do(vim: OpenStackVim, kind: str, server: str, **params: Any) -> Outcome:
    begun = time.monotonic()
    action = new_action(kind, f"server/{server}", params=params, started_us=clock() + 5_000_000)
    outcome = await until_it_can(lambda: vim.perform(action), seconds=120)
    print(f"{kind}: {time.monotonic() - begun:.1f} s, {outcome.text}")
    return outcome


async def now(vim: OpenStackVim, server: str) -> Server:
    found = await vim.read(f"server/{server}")
    assert isinstance(found, Server)
    return found


async def test_a_server_is_stopped_started_rebooted_and_rebuilt(clouds_yaml: Path, boot: Boot) -> None:
    server = boot("openstack-helper-power", host="compute-2")["id"]

    async with driver(clouds_yaml) as vim:
        assert (await do(vim, ActionKind.STOP, server)).changed
        assert (await now(vim, server)).status == "SHUTOFF"
        assert not (await do(vim, ActionKind.STOP, server)).changed
        with pytest.raises(ConflictError, match="only a hard one"):
            await do(vim, ActionKind.REBOOT, server, type="SOFT")
        assert (await do(vim, ActionKind.START, server)).changed
        assert (await now(vim, server)).status == "ACTIVE"
        assert not (await do(vim, ActionKind.START, server)).changed
        assert (await do(vim, ActionKind.REBOOT, server, type="HARD")).changed
        assert (await do(vim, ActionKind.REBUILD, server)).changed
        assert (await now(vim, server)).status == "ACTIVE"


async def test_a_server_is_live_migrated(clouds_yaml: Path, boot: Boot) -> None:
    server = boot("openstack-helper-live", host="compute-2")["id"]

    async with driver(clouds_yaml) as vim:
        outcome = await do(vim, ActionKind.LIVE_MIGRATE, server, source="compute-2", host="compute-1")
        again = await do(vim, ActionKind.LIVE_MIGRATE, server, source="compute-2", host="compute-1")
        moved = await now(vim, server)

    assert (outcome.changed, moved.host, moved.status) == (True, "compute-1", "ACTIVE")
    assert "from compute-2 to compute-1" in outcome.text
    assert not again.changed


async def test_a_migration_that_nova_refuses_or_cannot_do_fails_with_novas_reason(
    clouds_yaml: Path, boot: Boot
) -> None:
    server = boot("openstack-helper-nowhere", host="compute-2")["id"]

    async with driver(clouds_yaml) as vim:
        with pytest.raises(NotFoundError):
            await do(vim, ActionKind.LIVE_MIGRATE, server, host="nobody")
        with pytest.raises(RefusedError) as refused:
            await do(vim, ActionKind.MIGRATE, server, host="compute-2")

    print(refused.value)


async def test_a_server_is_migrated_and_confirmed_or_reverted(clouds_yaml: Path, boot: Boot) -> None:
    server = boot("openstack-helper-cold", host="compute-2")["id"]

    async with driver(clouds_yaml) as vim:
        confirmed = await do(vim, ActionKind.MIGRATE, server, host="compute-1")
        moved = await now(vim, server)
        waiting = await do(vim, ActionKind.MIGRATE, server, host="compute-2", confirm=False)
        between = await now(vim, server)
        await do(vim, ActionKind.REVERT_RESIZE, server)
        reverted = await now(vim, server)
        await do(vim, ActionKind.MIGRATE, server, host="compute-2", confirm=False)
        await do(vim, ActionKind.CONFIRM_RESIZE, server)
        last = await now(vim, server)
        with pytest.raises(ConflictError, match="not VERIFY_RESIZE"):
            await do(vim, ActionKind.CONFIRM_RESIZE, server)

    assert (moved.host, moved.status) == ("compute-1", "ACTIVE")
    assert "and confirmed" in confirmed.text
    assert (between.host, between.status) == ("compute-2", "VERIFY_RESIZE")
    assert "waits to be confirmed" in waiting.text
    assert (reverted.host, reverted.status) == ("compute-1", "ACTIVE")
    assert (last.host, last.status) == ("compute-2", "ACTIVE")


async def test_a_deed_that_was_tried_before_is_not_asked_for_twice(
    clouds_yaml: Path, boot: Boot, openstack_admin: Client
) -> None:
    server = boot("openstack-helper-twice", host="compute-2")["id"]
    action = new_action(ActionKind.REBOOT, f"server/{server}", planned_us=clock())

    async with driver(clouds_yaml) as vim:
        first = await vim.perform(action)
        after_a_crash = await vim.perform(msgspec.structs.replace(action, attempts=2))

    path = f"/v2.1/servers/{server}/os-instance-actions"
    actions = openstack_admin.request("GET", "compute", path)["instanceActions"]
    assert [each["action"] for each in actions].count("reboot") == 1
    assert first.changed
    assert after_a_crash.changed


async def test_a_server_is_evacuated_only_with_a_proof_and_its_host_comes_back(
    clouds_yaml: Path, boot: Boot, openstack_lab: Lab, openstack_admin: Client, doomed_host: str
) -> None:
    server = boot("openstack-helper-evacuee", host=doomed_host)["id"]
    force_down = new_action(ActionKind.FORCE_DOWN, f"host/{doomed_host}")

    def evacuate(**params: Any) -> Action:
        return new_action(
            ActionKind.EVACUATE, f"server/{server}", params={"source": doomed_host, "host": "compute-2"} | params
        )

    async with driver(clouds_yaml) as vim:
        with pytest.raises(RefusedError, match="no fencing proof"):
            await vim.perform(evacuate())
        with pytest.raises(ConflictError, match="forced down first"):
            await vim.perform(evacuate(proof_us=clock()))
        with pytest.raises(RefusedError, match="future"):
            await vim.perform(evacuate(proof_us=clock() + 3600_000_000))
        await vim.perform(force_down)
        with pytest.raises(RefusedError, match="has reported since"):
            await vim.perform(evacuate(proof_us=clock() - 60_000_000))
        await vim.perform(new_action(ActionKind.SERVER_ERROR, f"server/{server}"))
        openstack_lab.crash(doomed_host)
        begun = time.monotonic()
        outcome = await until_it_can(lambda: vim.perform(evacuate(proof_us=clock())))
        print(f"evacuate: {time.monotonic() - begun:.1f} s, {outcome.text}")
        again = await vim.perform(evacuate(proof_us=clock()))
        moved = await now(vim, server)

    assert outcome.changed
    assert not again.changed
    assert (moved.host, moved.status) == ("compute-2", "ACTIVE")


async def test_a_server_is_deleted(clouds_yaml: Path, boot: Boot) -> None:
    server = boot("openstack-helper-deleted", host="compute-2")["id"]

    async with driver(clouds_yaml) as vim:
        deleted = await do(vim, ActionKind.DELETE, server)
        again = await do(vim, ActionKind.DELETE, server)

    assert (deleted.changed, again.changed) == (True, False)
