"""The simulated VIM: options, failures, changes, and a state that outlives the process."""

from __future__ import annotations

import asyncio
import resource
from pathlib import Path
from time import process_time
from typing import Any

import msgspec
import pytest
from controller_players import new_action, new_vim

from nfvigil.controller.feed import Feed
from nfvigil.controller.plugins import action_plugins, open_vim
from nfvigil.controller.vim import Vim
from nfvigil.controller.vims.delta import Delta
from nfvigil.controller.vims.dry_run import DryRunVim
from nfvigil.controller.vims.failure import Failure
from nfvigil.controller.vims.journal import LINES_MAX, Journal
from nfvigil.controller.vims.simulated import SimulatedVim
from nfvigil.errors import NotFoundError, RefusedError, VimUnavailableError
from nfvigil.model.resource import MapChange, Network, Server

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"host": 5}, "host"),
        ({"hosts": 0}, "hosts"),
        ({"hosts": "many"}, "hosts"),
        ({"hosts": 3.5}, "hosts"),
        ({"latency_seconds": -1}, "latency_seconds"),
        ({"latency_by_call": {"show": "long"}}, "latency_by_call"),
        ({"host_prefix": "a/b"}, "host_prefix"),
        ({"state_path": 7}, "state_path"),
    ],
)
def test_a_wrong_option_is_refused_by_its_name(options: dict[str, Any], field: str) -> None:
    with pytest.raises(RefusedError) as refusal:
        SimulatedVim.from_options("sim", {"hosts": 2} | options, lambda: 0)

    assert [error.field for error in refusal.value.errors] == [field]


def test_every_wrong_option_is_named_at_once() -> None:
    with pytest.raises(RefusedError) as refusal:
        SimulatedVim.from_options("sim", {"hosts": 0, "colour": "red", "zones": None}, lambda: 0)

    assert {error.field for error in refusal.value.errors} == {"hosts", "colour", "zones"}


async def test_the_same_options_give_the_same_cloud() -> None:
    assert await new_vim().snapshot() == await new_vim().snapshot()
    assert (await new_vim(seed=1).snapshot()).servers[0].id != (await new_vim(seed=2).snapshot()).servers[0].id


@pytest.mark.no_cover  # it is about time
async def test_a_thousand_hosts_with_a_hundred_servers_are_there_within_seconds() -> None:
    begun = process_time()
    vim = new_vim(hosts=1000, servers_per_host=100, ports_per_server=2, volumes_per_server=0)
    built = process_time()
    snapshot = await vim.snapshot()
    read = process_time()

    assert (len(snapshot.servers), len(snapshot.ports)) == (100_000, 200_000)
    assert built - begun < 15  # About 1 s: the bound catches a change of order, not a slow machine.
    assert read - built < 1


async def test_it_is_a_vim() -> None:
    vim: Vim = new_vim()

    assert vim.name == "sim"
    assert (await vim.show("host/compute-1"))["powered"] is True
    assert (await vim.show("host/compute-1-bmc"))["id"] == "compute-1"
    with pytest.raises(NotFoundError):
        await vim.show("host/nobody")


async def test_describe_is_ready_for_json() -> None:
    vim = new_vim()
    vim.power("compute-2", False)
    vim.inject(Failure(error_rate=0.5))

    described = msgspec.json.decode(msgspec.json.encode(vim.describe()))

    assert described["counts"]["servers"] == 8
    assert described["powered_off"] == ["compute-2"]
    assert described["failure"] == {"error_rate": 0.5}


async def test_a_dead_cloud_answers_nothing_until_it_is_healed() -> None:
    vim = new_vim()
    vim.inject(Failure(dead=True, timeout_seconds=0.001))

    for call in (vim.snapshot(), vim.show("host/compute-1"), vim.perform(new_action("force_down", "host/compute-1"))):
        with pytest.raises(VimUnavailableError):
            await call
    vim.heal()

    assert not (await vim.snapshot()).hosts[0].forced_down


async def test_a_list_that_ends_early_is_no_snapshot() -> None:
    vim = new_vim()
    vim.inject(Failure(partial=True))

    with pytest.raises(VimUnavailableError):
        await vim.snapshot()
    assert await vim.show("host/compute-1")


async def test_failures_concern_only_the_calls_they_name() -> None:
    vim = new_vim()
    vim.inject(Failure(calls=("force_down",), refuse="the policy does not allow it"))

    with pytest.raises(RefusedError, match="does not allow"):
        await vim.perform(new_action("force_down", "host/compute-1"))
    assert (await vim.perform(new_action("service_disable", "host/compute-1"))).changed


async def test_an_answer_can_be_lost_although_the_deed_is_done() -> None:
    vim = new_vim()
    vim.inject(Failure(lost_answer_rate=1))

    with pytest.raises(VimUnavailableError):
        await vim.perform(new_action("force_down", "host/compute-1"))

    assert (await vim.snapshot()).hosts[0].forced_down


async def test_every_kind_of_call_has_its_own_latency() -> None:
    vim = new_vim(latency_seconds=30, latency_by_call={"show": 0})

    assert await asyncio.wait_for(vim.show("host/compute-1"), 1)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(vim.snapshot(), 0.01)
    vim.inject(Failure(latency_seconds=0))
    assert await asyncio.wait_for(vim.snapshot(), 1)


async def test_readers_are_told_of_every_change() -> None:
    vim = new_vim()
    server = (await vim.snapshot()).servers[0]
    one, other = vim.changes(), vim.changes()

    await vim.perform(new_action("server_error", f"server/{server.id}"))
    vim.power("compute-2", False)
    await vim.perform(new_action("delete", f"server/{server.id}"))

    for reader in (one, other):
        joined, deletion = await anext(reader), await anext(reader)
        assert joined is not None
        assert deletion is not None
        assert [thing.id for thing in joined.put] == [server.id, "compute-2"]
        assert deletion.gone[0] == f"server/{server.id}"


async def test_what_somebody_else_does_is_a_change_too() -> None:
    vim = new_vim()
    reader = vim.changes()

    vim.change(put=[Server(id="new", name="new", vim="sim", project="p", host="compute-1")])

    change = await anext(reader)
    assert change is not None
    assert change.put[0].id == "new"
    assert "new" in (await vim.show("host/compute-1"))["servers"]


async def test_a_reader_that_is_too_slow_is_told_to_take_a_snapshot() -> None:
    feed = Feed(bound=3)
    reader = feed.read()

    for number in range(4):
        feed.publish(MapChange(vim="sim", put=(Network(id=str(number)),)))

    assert await anext(reader) is None
    last = await anext(reader)
    assert last is not None
    assert [thing.id for thing in last.put] == ["3"]


async def test_a_reader_that_waits_is_woken_by_a_change() -> None:
    feed = Feed()
    reader = feed.read()
    waiting = asyncio.ensure_future(anext(reader))
    await asyncio.sleep(0)

    feed.publish(MapChange(vim="sim", gone=("server/1",)))

    assert await asyncio.wait_for(waiting, 1) == MapChange(vim="sim", gone=("server/1",))


async def test_a_reader_that_nobody_holds_costs_nothing() -> None:
    feed = Feed()
    feed.read()

    assert len(feed._readers) == 0


# State that outlives the process


async def lively(vim: SimulatedVim) -> None:
    servers = (await vim.snapshot()).servers
    vim.power("compute-2", False)
    await vim.perform(new_action("force_down", "host/compute-2"))
    await vim.perform(new_action("evacuate", f"server/{servers[2].id}", id="once", params={"proof_us": 1}))
    await vim.perform(new_action("server_error", f"server/{servers[0].id}"))
    await vim.perform(new_action("delete", f"server/{servers[1].id}"))


async def test_the_cloud_is_as_it_was_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "cloud.jsonl"
    vim = new_vim(state_path=str(path))
    await lively(vim)
    before, described = await vim.snapshot(), vim.describe()
    await vim.close()

    for _ in range(2):
        again = new_vim(state_path=str(path))
        now = await again.snapshot()
        assert {thing.id: thing for thing in now.servers} == {thing.id: thing for thing in before.servers}
        assert now.hosts == before.hosts
        assert {thing.id: thing for thing in now.ports} == {thing.id: thing for thing in before.ports}
        assert again.describe() == described
        done = await again.perform(
            new_action("evacuate", f"server/{before.servers[1].id}", id="once", params={"proof_us": 1})
        )
        assert not done.changed
        await again.close()


async def test_a_file_from_before_servers_had_sizes_is_taken_and_they_have_them(tmp_path: Path) -> None:
    path = tmp_path / "cloud.jsonl"
    vim = new_vim(state_path=str(path))
    await lively(vim)
    before = await vim.snapshot()
    vim.change(put=(Server(id="made-by-hand", vim="sim", host="compute-1"),))
    await vim.close()
    head, *lines = path.read_bytes().splitlines()
    old = [head]
    for line in lines:
        delta = msgspec.json.decode(line)
        for thing in delta.get("put", ()):
            for field in ("aggregates", *(("vcpus", "memory_mb") if thing["type"] == "server" else ())):
                thing.pop(field, None)
        old.append(msgspec.json.encode(delta))
    path.write_bytes(b"\n".join([*old, b""]))

    again = new_vim(state_path=str(path))

    now = await again.snapshot()
    known = {server.id: server for server in now.servers}
    assert now.hosts == before.hosts
    assert known.pop("made-by-hand").vcpus == 0
    assert known == {server.id: server for server in before.servers}
    await again.close()


async def test_servers_have_sizes_that_fit_their_hosts_and_hosts_aggregates() -> None:
    there = await new_vim().snapshot()

    for host in there.hosts:
        here = [server for server in there.servers if server.host == host.id]
        assert 0 < sum(server.vcpus for server in here) <= host.vcpus
        assert 0 < sum(server.memory_mb for server in here) <= host.memory_mb
    assert {name for host in there.hosts for name in host.aggregates} == {
        "pinned",
        *(host.zone for host in there.hosts),
    }


async def test_the_file_is_made_shorter_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "cloud.jsonl"
    vim = new_vim(state_path=str(path))
    for number in range(100):
        undo_of = "x" if number % 2 else ""
        await vim.perform(new_action("force_down", "host/compute-1", before="False", undo_of=undo_of))
    await vim.close()
    assert len(path.read_bytes().splitlines()) == 101

    await new_vim(state_path=str(path)).close()

    assert len(path.read_bytes().splitlines()) == 2
    assert LINES_MAX > 100


async def test_a_process_killed_while_writing_loses_only_what_it_had_not_answered(tmp_path: Path) -> None:
    path = tmp_path / "cloud.jsonl"
    vim = new_vim(state_path=str(path))
    await vim.perform(new_action("force_down", "host/compute-1"))
    await vim.perform(new_action("force_down", "host/compute-2"))
    await vim.close()
    whole = path.read_bytes()
    second = whole.rindex(b"\n", 0, -1) + 1

    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        again = new_vim(state_path=str(path))
        forced = [host.forced_down for host in (await again.snapshot()).hosts[:2]]
        assert forced[1] == (length == len(whole))
        assert forced[0] == (length >= second)
        await again.perform(new_action("force_down", "host/compute-3"))
        await again.close()
        once_more = new_vim(state_path=str(path))
        assert (await once_more.snapshot()).hosts[2].forced_down
        await once_more.close()


def test_a_torn_line_does_not_swallow_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "cloud.jsonl"
    first, second = Delta(off=("compute-1",)), Delta(on=("compute-1",))
    journal = Journal(path, owner={})
    journal.open()
    journal.append(first)
    journal.close()
    with path.open("ab") as file:
        file.write(b'{"off":["comp')

    assert journal.open() == [first]
    journal.append(second)
    journal.close()

    assert journal.open() == [first, second]
    journal.close()


async def test_a_full_disk_is_an_answer_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    path = tmp_path / "cloud.jsonl"
    vim = new_vim(state_path=str(path))
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 10, hard))
    try:
        with pytest.raises(VimUnavailableError):
            await vim.perform(new_action("force_down", "host/compute-1"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert path.read_bytes() == before
    assert not (await vim.snapshot()).hosts[0].forced_down
    assert (await vim.perform(new_action("force_down", "host/compute-1"))).changed
    await vim.close()
    again = new_vim(state_path=str(path))
    assert (await again.snapshot()).hosts[0].forced_down
    await again.close()


async def test_a_file_that_has_grown_long_is_made_shorter_while_running(tmp_path: Path) -> None:
    path = tmp_path / "cloud.jsonl"
    vim = new_vim(state_path=str(path))
    assert vim._journal is not None
    await vim.perform(new_action("force_down", "host/compute-1"))
    vim._journal.lines = LINES_MAX

    await vim.perform(new_action("force_down", "host/compute-2"))

    assert vim._journal.lines == len(path.read_bytes().splitlines()) == 3
    with pytest.raises(RefusedError, match="in use"):
        new_vim(state_path=str(path))
    await vim.close()
    again = new_vim(state_path=str(path))
    assert [host.forced_down for host in (await again.snapshot()).hosts] == [True, True, False, False]
    await again.close()


async def test_a_file_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="state_path"):
        new_vim(state_path=str(tmp_path / "nowhere" / "cloud.jsonl"))


async def test_a_damaged_file_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "cloud.jsonl"
    vim = new_vim(state_path=str(path))
    await vim.perform(new_action("force_down", "host/compute-1"))
    await vim.close()
    head, _ = path.read_bytes().splitlines()
    path.write_bytes(head + b"\n{nonsense\n" + head + b"\n")

    with pytest.raises(RefusedError) as refusal:
        new_vim(state_path=str(path))

    assert (refusal.value.errors[0].field, refusal.value.errors[0].line) == ("state_path", 2)


async def test_the_file_of_another_cloud_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "cloud.jsonl")
    await new_vim(state_path=path).close()

    with pytest.raises(RefusedError, match="another layout"):
        new_vim(state_path=path, hosts=5)


async def test_two_processes_do_not_write_one_file(tmp_path: Path) -> None:
    path = str(tmp_path / "cloud.jsonl")
    vim = new_vim(state_path=path)

    with pytest.raises(RefusedError, match="in use"):
        new_vim(state_path=path)

    await vim.close()
    await new_vim(state_path=path).close()


async def test_what_cannot_be_written_down_is_not_done(tmp_path: Path) -> None:
    vim = new_vim(state_path=str(tmp_path / "cloud.jsonl"))
    await vim.close()

    with pytest.raises(VimUnavailableError):
        await vim.perform(new_action("force_down", "host/compute-1"))

    assert not (await vim.snapshot()).hosts[0].forced_down


# Dry run and plugins


async def test_a_dry_run_changes_nothing_and_says_what_it_would_do() -> None:
    inner = new_vim()
    before = await inner.snapshot()
    vim: Vim = DryRunVim(inner=inner)
    action = new_action("force_down", "host/compute-1")

    outcome = await vim.perform(action)

    assert not outcome.changed
    assert "dry run: force_down" in outcome.text
    assert isinstance(vim, DryRunVim)
    assert list(vim.recorded) == [action]
    assert await vim.snapshot() == before
    assert (await vim.show("host/compute-1"))["forced_down"] is False


def test_drivers_are_found_by_their_entry_points() -> None:
    vim = open_vim(driver="simulated", name="east", options={"hosts": 1}, clock=lambda: 0)
    dry = open_vim(driver="dry-run", name="west", options={"options": {"hosts": 1}}, clock=lambda: 0)

    assert (type(vim), vim.name) == (SimulatedVim, "east")
    assert (type(dry), dry.name) == (DryRunVim, "west")
    assert action_plugins() == {}
    with pytest.raises(RefusedError, match="simulated"):
        open_vim(driver="vmware", name="x", options={}, clock=lambda: 0)


@pytest.mark.parametrize("options", [{"driver": "dry-run"}, {"driver": 3}, {"options": 1}, {"other": 1}])
def test_wrong_options_of_a_dry_run_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(RefusedError, match=next(iter(options))):
        DryRunVim.from_options("x", options, lambda: 0)
