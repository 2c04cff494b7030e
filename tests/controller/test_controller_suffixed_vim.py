"""A cloud whose hosts have a suffix: it is the same cloud, and its hosts are named otherwise throughout."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from controller_players import Told, new_action, new_vim

from nfvigil.controller.plugins import open_vim
from nfvigil.controller.vim import Vim, checked
from nfvigil.controller.vims.simulated import SimulatedVim
from nfvigil.controller.vims.suffixed import SuffixedVim, inmost
from nfvigil.errors import NotFoundError, RefusedError
from nfvigil.model.action import ActionKind
from nfvigil.model.resource import Host, MapChange, Network, Port, Server, Volume

pytestmark = pytest.mark.anyio


def new_suffixed(**options: Any) -> tuple[SuffixedVim, SimulatedVim]:
    inner = new_vim(**options)
    return SuffixedVim(inner=inner, suffix="@east"), inner


def test_it_comes_with_the_suffix_of_the_account_and_only_then() -> None:
    vim = open_vim(driver="simulated", name="sim", options={"hosts": 1}, clock=lambda: 0, host_suffix="@east")
    plain = open_vim(driver="simulated", name="sim", options={"hosts": 1}, clock=lambda: 0)

    assert isinstance(vim, SuffixedVim)
    assert isinstance(inmost(vim), SimulatedVim)
    assert inmost(plain) is plain
    assert (vim.name, vim.describe()["driver"]) == ("sim", "simulated")


async def test_every_host_of_a_listing_is_named_with_it_and_all_else_is_as_it_was() -> None:
    vim, inner = new_suffixed()

    found, plain = await vim.snapshot(), await inner.snapshot()

    assert [host.id for host in found.hosts] == [f"{host.id}@east" for host in plain.hosts]
    assert [server.host for server in found.servers] == [f"{server.host}@east" for server in plain.servers]
    assert [port.host for port in found.ports] == [f"{port.host}@east" for port in plain.ports]
    assert [volume.host for volume in found.volumes] == [f"{volume.host}@east" for volume in plain.volumes]
    assert found.networks == plain.networks
    for mine, theirs in zip(found.servers, plain.servers, strict=True):
        assert msgspec.structs.replace(mine, host=theirs.host) == theirs


@pytest.mark.parametrize(
    ("host", "name", "aliases"),
    [
        (Host(id="c1"), "c1@east", {"c1"}),
        (Host(id="c1", name="One"), "One@east", {"c1", "One", "One@east"}),
        (
            Host(id="c1.example.net", name="c1.example.net", aliases=("bmc",)),
            "c1.example.net@east",
            {"c1.example.net", "c1", "bmc", "c1@east", "bmc@east"},
        ),
    ],
)
async def test_a_host_goes_by_all_its_names_with_and_without_it(host: Host, name: str, aliases: set[str]) -> None:
    vim, inner = new_suffixed(hosts=1)
    inner.change(put=[host])

    found = next(one for one in (await vim.snapshot()).hosts if one.id == f"{host.id}@east")

    assert found.name == name
    assert set(found.aliases) == aliases
    assert len(found.aliases) == len(aliases)


async def test_changes_are_listened_to_from_the_call_on_and_named_likewise() -> None:
    vim, inner = new_suffixed(hosts=1, servers_per_host=1)
    changes = vim.changes()

    inner.change(
        put=[Server(id="s", host="compute-1"), Server(id="t"), Port(id="p", host="compute-1"), Network(id="n")]
    )
    inner.change(put=[Host(id="new"), Volume(id="v", host="new")], gone=["host/compute-1", "server/s"])

    first, second = await anext(changes), await anext(changes)
    assert first is not None
    assert [getattr(one, "host", None) for one in first.put] == ["compute-1@east", "", "compute-1@east", None]
    assert second is not None
    assert [one.id for one in second.put] == ["new@east", "v"]
    assert second.gone == ("host/compute-1@east", "server/s")


async def test_that_something_was_missed_is_passed_on_and_the_cloud_is_let_go_in_the_end() -> None:
    closed = []

    class Missing(Told):
        async def changes(self) -> AsyncIterator[MapChange | None]:  # type: ignore[override]  # a generator as well
            try:
                yield None
                raise AssertionError("asked for more")
            finally:
                closed.append(True)

    changes = SuffixedVim(inner=Missing(), suffix="@east").changes()  # type: ignore[arg-type]  # a VIM in all that counts
    assert await anext(changes) is None
    await changes.aclose()

    assert closed == [True]


async def test_one_resource_is_read_and_shown_by_its_name_here_only() -> None:
    vim, inner = new_suffixed()
    server = (await inner.snapshot()).servers[0]

    assert (await vim.read("host/compute-1@east")).id == "compute-1@east"
    assert (await vim.read(f"server/{server.id}")) == msgspec.structs.replace(server, host="compute-1@east")
    assert (await vim.show("host/compute-1@east"))["id"] == "compute-1@east"
    shown = await vim.show(f"server/{server.id}")
    assert (shown["id"], shown["name"], shown["host"]) == (server.id, server.name, "compute-1@east")
    for key in ("host/compute-1", "host/compute-1@west", "host/nobody@east"):
        with pytest.raises(NotFoundError):
            await vim.read(key)
        with pytest.raises(NotFoundError):
            await vim.show(key)


@pytest.mark.parametrize("target", ["host/compute-1@east", "host/compute-1"])
async def test_a_state_is_set_on_the_host_of_the_plain_name(target: str) -> None:
    """Also what was planned before there was a suffix: the action names the VIM, and there it is one host."""
    vim, inner = new_suffixed()

    outcome = await vim.perform(new_action(ActionKind.FORCE_DOWN, target, before="False"))

    assert outcome.changed
    assert (await inner.show("host/compute-1"))["forced_down"] is True
    assert (await inner.show("host/compute-2"))["forced_down"] is False


async def test_a_state_that_follows_from_a_host_is_set_on_what_is_still_there() -> None:
    vim, inner = new_suffixed()
    server = next(one for one in (await inner.snapshot()).servers if one.host == "compute-1")

    left = await vim.perform(
        new_action(
            ActionKind.SERVER_ERROR, f"server/{server.id}", before="ACTIVE", params={"on_host": "compute-2@east"}
        )
    )
    there = await vim.perform(
        new_action(
            ActionKind.SERVER_ERROR, f"server/{server.id}", before="ACTIVE", params={"on_host": "compute-1@east"}
        )
    )

    assert (left.changed, there.changed) == (False, True)


async def test_another_clouds_host_is_not_taken_for_one_of_its_own() -> None:
    vim, inner = new_suffixed()

    with pytest.raises(NotFoundError):
        await vim.perform(new_action(ActionKind.FORCE_DOWN, "host/compute-1@west", before="False"))
    server = (await inner.snapshot()).servers[0]
    with pytest.raises(RefusedError):
        await vim.perform(new_action(ActionKind.MIGRATE, f"server/{server.id}", params={"host": "compute-3@west"}))


async def test_a_server_is_moved_from_and_to_hosts_that_are_named_with_it() -> None:
    vim, inner = new_suffixed()
    server = next(one for one in (await inner.snapshot()).servers if one.host == "compute-1")
    params = {"source": "compute-1@east", "host": "compute-3@east", "type": "x"}
    action = new_action(ActionKind.LIVE_MIGRATE, f"server/{server.id}", params=params)

    outcome = await vim.perform(action)

    assert outcome.changed
    assert getattr(await vim.read(f"server/{server.id}"), "host", "") == "compute-3@east"
    again = await vim.perform(new_action(ActionKind.LIVE_MIGRATE, f"server/{server.id}", params=params))
    assert not again.changed, "it has left compute-1@east already"


async def test_what_does_not_name_hosts_reaches_the_cloud_as_it_is() -> None:
    inner = Told()
    vim: Vim = SuffixedVim(inner=inner, suffix="@east")  # type: ignore[arg-type]  # a VIM in all that counts
    action = new_action("reboot", "server/x@east", params={"type": "SOFT", "host": 7})

    await vim.perform(action)

    assert inner.begun == [action]
    assert await checked(vim) == await checked(inner)
