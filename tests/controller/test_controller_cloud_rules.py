"""The simulated cloud follows the rules of Nova, Neutron and Cinder."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nfvigil.controller.vims.cloud import ALLOWED, Cloud
from nfvigil.controller.vims.layout import SimulatedOptions, everything
from nfvigil.errors import NotYetError, RefusedError
from nfvigil.model.action import RANK, Action, ActionKind, Outcome
from nfvigil.model.cloud_state import WANTED, state_now
from nfvigil.model.resource import Host, Port, Server, Volume

STATUSES = [
    "ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED", "ERROR", "SOFT_DELETED", "DELETED",
    "RESIZED", "VERIFY_RESIZE", "SHELVED_OFFLOADED", "BUILD", "REBOOT",
]  # fmt: skip
SET_TO_ERROR = {"ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED", "BUILD", "REBOOT"}


def new_cloud(**options: Any) -> Cloud:
    settings = SimulatedOptions(
        **({"hosts": 4, "servers_per_host": 2, "volumes_per_server": 1, "projects": 2} | options)
    )
    return Cloud(vim="sim", things=everything("sim", settings), room=settings.room)


def with_(cloud: Cloud, thing: Any, **fields: Any) -> Any:
    changed = msgspec.structs.replace(thing, **fields)
    cloud._put(changed)
    return changed


def do(cloud: Cloud, kind: str, target: str, **fields: Any) -> Outcome:
    if kind == "evacuate":
        fields["params"] = {"proof_us": 1, **fields.get("params", {})}
    action = Action(**{"id": f"{kind} {target} {fields}", "kind": kind, "target": target, "event_id": 1} | fields)
    delta, outcome = cloud.decide(action)
    cloud.apply(delta)
    return outcome


def first_server(cloud: Cloud) -> Server:
    return cloud.servers_on("compute-1")[0]


def target_of(cloud: Cloud, kind: str) -> str:
    server = first_server(cloud)
    port = next(port for port in cloud.snapshot(0).ports if port.server == server.id)
    return {
        ActionKind.FORCE_DOWN: "host/compute-1",
        ActionKind.SERVICE_DISABLE: "host/compute-1",
        ActionKind.SERVER_ERROR: f"server/{server.id}",
        ActionKind.VOLUME_ERROR: f"volume/{server.volumes[0]}",
        ActionKind.PORT_ADMIN_DOWN: f"port/{port.id}",
        ActionKind.PORT_DATA_PLANE_DOWN: f"port/{port.id}",
    }[ActionKind(kind)]


def state(cloud: Cloud, kind: str) -> str:
    now = state_now(kind, cloud.find(target_of(cloud, kind)))
    assert now is not None
    return now


@pytest.mark.parametrize("status", STATUSES)
def test_a_server_is_set_to_error_where_that_makes_sense_and_back_to_what_it_was(status: str) -> None:
    cloud = new_cloud()
    server = with_(cloud, first_server(cloud), status=status)

    outcome = do(cloud, "server_error", f"server/{server.id}", before=status)

    assert outcome.changed is (status in SET_TO_ERROR)
    assert first_server(cloud).status == ("ERROR" if status in SET_TO_ERROR else status)

    undone = do(cloud, "server_error", f"server/{server.id}", before=status, undo_of="x")

    assert undone.changed is (status in SET_TO_ERROR)
    assert first_server(cloud).status == status


@pytest.mark.parametrize("kind", sorted(RANK))
def test_every_state_is_set_once_and_restored_to_what_was_before(kind: str) -> None:
    cloud = new_cloud()
    before, target = state(cloud, kind), target_of(cloud, kind)

    outcomes = [do(cloud, kind, target, before=before, params={"reason": "fault"}) for _ in range(2)]

    assert [outcome.changed for outcome in outcomes] == [True, False]
    assert state(cloud, kind) == WANTED[kind]

    undone = [do(cloud, kind, target, before=before, undo_of="x", params={"reason": "fault"}) for _ in range(2)]

    assert [outcome.changed for outcome in undone] == [True, False]
    assert state(cloud, kind) == before


@pytest.mark.parametrize("kind", sorted(RANK))
def test_what_was_so_already_before_the_fault_stays_so_after_it(kind: str) -> None:
    cloud = new_cloud()
    target = target_of(cloud, kind)
    do(cloud, kind, target)

    outcomes = [do(cloud, kind, target, before=WANTED[kind], undo_of=undo_of) for undo_of in ("", "x")]

    assert not any(outcome.changed for outcome in outcomes)
    assert state(cloud, kind) == WANTED[kind]


OTHERS = {
    "server_error": {"status": "SHUTOFF"},
    "volume_error": {"status": "deleting"},
    "port_data_plane_down": {"data_plane_status": "ACTIVE"},
    "service_disable": {"disabled_reason": "the administrator's own"},
}


@pytest.mark.parametrize("kind", sorted(OTHERS))
def test_what_somebody_else_has_changed_meanwhile_is_left_to_them(kind: str) -> None:
    cloud = new_cloud()
    before, target = state(cloud, kind), target_of(cloud, kind)
    do(cloud, kind, target, before=before, params={"reason": "fault"})
    theirs = with_(cloud, cloud.find(target), **OTHERS[kind])

    outcome = do(cloud, kind, target, before=before, undo_of="x", params={"reason": "fault"})

    assert not outcome.changed
    assert "somebody else" in outcome.text
    assert cloud.find(target) == theirs


@pytest.mark.parametrize(("before", "shown"), [("", "unset"), ("ACTIVE", "ACTIVE"), ("DOWN", "DOWN")])
def test_a_ports_data_plane_status_goes_back_to_what_it_was_even_if_it_was_never_set(before: str, shown: str) -> None:
    cloud = new_cloud()
    target = target_of(cloud, "port_data_plane_down")
    with_(cloud, cloud.find(target), data_plane_status=before)

    do(cloud, "port_data_plane_down", target, before=before)
    outcome = do(cloud, "port_data_plane_down", target, before=before, undo_of="x")

    port = cloud.find(target)
    assert isinstance(port, Port)
    assert port.data_plane_status == before
    assert shown in outcome.text


def test_a_disabled_service_shows_its_reason() -> None:
    cloud = new_cloud()

    do(cloud, "service_disable", "host/compute-1", before="enabled", params={"reason": "fan failure"})

    assert not cloud.host("compute-1").service_enabled
    assert cloud.host("compute-1").disabled_reason == "fan failure"

    do(cloud, "service_disable", "host/compute-1", before="enabled", undo_of="x")

    assert cloud.host("compute-1").service_enabled
    assert cloud.host("compute-1").disabled_reason == ""


MOVES = ("evacuate", "live_migrate", "migrate")
DEEDS = ("evacuate", "live_migrate", "migrate", "reboot", "start", "stop", "rebuild", "delete")


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("kind", DEEDS)
def test_a_deed_is_done_in_the_states_that_nova_allows_and_refused_in_the_others(kind: str, status: str) -> None:
    cloud = new_cloud()
    server = with_(cloud, first_server(cloud), status=status)
    if kind == "evacuate":
        do(cloud, "force_down", "host/compute-1")
    if (
        kind != "delete"
        and status not in ALLOWED[kind]
        and (kind, status) not in {("start", "ACTIVE"), ("stop", "SHUTOFF")}
    ):
        with pytest.raises(RefusedError, match=status):
            do(cloud, kind, f"server/{server.id}")
        return

    outcome = do(cloud, kind, f"server/{server.id}", id="once")
    after = cloud.snapshot(0)
    again = do(cloud, kind, f"server/{server.id}", id="once")

    assert outcome.changed is ((kind, status) not in {("start", "ACTIVE"), ("stop", "SHUTOFF")})
    assert not again.changed
    assert cloud.snapshot(0) == after


def test_a_deed_takes_its_ports_along() -> None:
    cloud = new_cloud()
    server = first_server(cloud)

    do(cloud, "live_migrate", f"server/{server.id}", params={"host": "compute-4.example.net"})

    after = cloud.snapshot(0)
    assert next(s.host for s in after.servers if s.id == server.id) == "compute-4"
    assert {port.host for port in after.ports if port.server == server.id} == {"compute-4"}


def test_a_deleted_server_is_gone_with_its_ports_and_frees_its_volumes() -> None:
    cloud = new_cloud()
    server = first_server(cloud)

    do(cloud, "delete", f"server/{server.id}")

    after = cloud.snapshot(0)
    assert server.id not in {s.id for s in after.servers}
    assert server.id not in {port.server for port in after.ports}
    volume = cloud.find(f"volume/{server.volumes[0]}")
    assert isinstance(volume, Volume)
    assert volume.status == "available"
    undone = do(cloud, "server_error", f"server/{server.id}", before="ACTIVE", undo_of="x")
    assert not undone.changed


def test_nothing_is_evacuated_without_a_proof_that_its_host_is_off() -> None:
    cloud = new_cloud()
    server = first_server(cloud)
    do(cloud, "force_down", "host/compute-1")

    with pytest.raises(RefusedError, match="no proof that compute-1 is off"):
        cloud.decide(Action(id="x", kind="evacuate", target=f"server/{server.id}", event_id=1))


@pytest.mark.parametrize(("kind", "host"), [("confirm_resize", "compute-2"), ("revert_resize", "compute-1")])
def test_a_migration_that_waits_is_confirmed_or_taken_back(kind: str, host: str) -> None:
    cloud = new_cloud()
    key = f"server/{first_server(cloud).id}"
    do(cloud, "migrate", key, params={"confirm": False, "host": "compute-2"})

    do(cloud, kind, key)

    moved = cloud.find(key)
    assert isinstance(moved, Server)
    assert (moved.host, moved.status) == (host, "ACTIVE")


def test_nothing_is_evacuated_from_a_host_that_may_still_be_running() -> None:
    cloud = new_cloud()
    server = first_server(cloud)

    with pytest.raises(RefusedError, match="force it down first"):
        do(cloud, "evacuate", f"server/{server.id}")
    cloud.apply(cloud.power("compute-1", False))

    assert do(cloud, "evacuate", f"server/{server.id}").changed


@pytest.mark.parametrize("kind", [kind for kind in DEEDS if kind not in {"evacuate", "delete"}])
def test_nothing_else_is_done_on_a_host_that_is_down(kind: str) -> None:
    cloud = new_cloud()
    status = "SHUTOFF" if kind == "start" else "ACTIVE"
    server = with_(cloud, first_server(cloud), status=status)
    cloud.apply(cloud.power("compute-1", False))

    with pytest.raises(RefusedError, match="is down"):
        do(cloud, kind, f"server/{server.id}")


def test_servers_that_stand_in_for_one_another_are_not_put_on_one_host() -> None:
    cloud = new_cloud(hosts=6, servers_per_host=4)
    do(cloud, "force_down", "host/compute-1")

    for server in cloud.servers_on("compute-1"):
        do(cloud, "evacuate", f"server/{server.id}")

    placed: dict[str, list[str]] = {}
    for server in cloud.snapshot(0).servers:
        placed.setdefault(server.group, []).append(server.host)
    assert not cloud.servers_on("compute-1")
    assert all(len(set(hosts)) == 2 for hosts in placed.values())


def test_a_server_for_which_no_host_has_room_stays_where_it_is() -> None:
    cloud = new_cloud(hosts=2, servers_per_host=2, servers_max_per_host=3)
    do(cloud, "force_down", "host/compute-1")
    first, second = cloud.servers_on("compute-1")

    assert do(cloud, "evacuate", f"server/{first.id}").changed
    with pytest.raises(RefusedError, match="no valid host"):
        do(cloud, "evacuate", f"server/{second.id}")


@pytest.mark.parametrize("unfit", ["compute-1", "compute-2", "compute-3", "compute-9"])
def test_a_wish_for_a_host_that_cannot_take_the_server_is_refused(unfit: str) -> None:
    cloud = new_cloud()
    do(cloud, "force_down", "host/compute-2")
    do(cloud, "service_disable", "host/compute-3")

    with pytest.raises(RefusedError, match=unfit):
        do(cloud, "live_migrate", f"server/{first_server(cloud).id}", params={"host": unfit})


@pytest.mark.parametrize("kind", MOVES)
def test_a_server_that_has_left_already_is_not_moved_again(kind: str) -> None:
    cloud = new_cloud()
    server = with_(cloud, first_server(cloud), host="compute-3")

    outcome = do(cloud, kind, f"server/{server.id}", params={"source": "compute-1"})

    assert not outcome.changed
    assert "has left compute-1" in outcome.text


def test_a_migration_that_is_not_confirmed_waits_for_it() -> None:
    cloud = new_cloud()
    server = first_server(cloud)

    do(cloud, "migrate", f"server/{server.id}", params={"confirm": False})

    moved = cloud.find(f"server/{server.id}")
    assert isinstance(moved, Server)
    assert moved.status == "VERIFY_RESIZE"
    assert moved.host != server.host


def test_a_host_that_comes_back_is_up_unless_it_is_forced_down() -> None:
    cloud = new_cloud()
    server = first_server(cloud)

    cloud.apply(cloud.power("compute-1-bmc", False))
    assert not cloud.host("compute-1").service_up
    assert first_server(cloud).status == "ACTIVE"
    do(cloud, "force_down", "host/compute-1", before="False")
    do(cloud, "server_error", f"server/{server.id}", before="ACTIVE")
    cloud.apply(cloud.power("compute-1", True))
    assert not cloud.host("compute-1").service_up

    do(cloud, "force_down", "host/compute-1", before="False", undo_of="x")

    assert cloud.host("compute-1").service_up
    assert first_server(cloud).status == "ERROR"


def test_a_host_without_power_is_not_up_because_nobody_forces_it_down_any_more() -> None:
    cloud = new_cloud()
    do(cloud, "force_down", "host/compute-1", before="False")
    cloud.apply(cloud.power("compute-1", False))

    with pytest.raises(NotYetError, match="has not reported"):
        do(cloud, "force_down", "host/compute-1", before="False", undo_of="x")

    assert not cloud.host("compute-1").service_up
    assert cloud.host("compute-1").forced_down


@pytest.mark.parametrize(
    ("kind", "target", "fields"),
    [
        ("force_down", "host/nobody", {}),
        ("server_error", "server/nobody", {}),
        ("server_error", "moon/1", {}),
        ("server_error", "host/compute-1", {}),
        ("force_down", "server/FIRST", {}),
        ("evacuate", "host/compute-1", {}),
        ("reboot", "server/nobody", {}),
        ("teleport", "server/FIRST", {}),
        ("reboot", "server/FIRST", {"undo_of": "x"}),
        ("server_error", "server/FIRST", {"undo_of": "x"}),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(kind: str, target: str, fields: dict[str, Any]) -> None:
    cloud = new_cloud()
    before = cloud.snapshot(0)

    with pytest.raises(RefusedError):
        do(cloud, kind, target.replace("FIRST", first_server(cloud).id), **fields)

    assert cloud.snapshot(0) == before


def test_everything_has_an_owner_and_a_place() -> None:
    all_there = new_cloud(hosts=5, servers_per_host=6, ports_per_server=2, projects=3, zones=2).snapshot(0)

    assert [host.id for host in all_there.hosts] == [f"compute-{n}" for n in range(1, 6)]
    assert all_there.hosts[0].aliases[0] == "compute-1.example.net"
    assert "compute-1-bmc" in all_there.hosts[0].aliases
    assert (len(all_there.servers), len(all_there.ports), len(all_there.volumes)) == (30, 60, 30)
    assert len({thing.id for thing in (*all_there.servers, *all_there.ports, *all_there.volumes)}) == 120
    assert len({server.project for server in all_there.servers}) == 3
    owners = {server.id: (server.project, server.host) for server in all_there.servers}
    assert all(owners[port.server] == (port.project, port.host) for port in all_there.ports)
    groups: dict[str, list[Server]] = {}
    for server in all_there.servers:
        if server.group:
            groups.setdefault(server.group, []).append(server)
    assert all(len(pair) == 2 and pair[0].project == pair[1].project for pair in groups.values())
    assert all(pair[0].host != pair[1].host for pair in groups.values())


tries = st.lists(st.sampled_from(["no effect", "no answer", "answered"]), max_size=4)


@given(
    kind=st.sampled_from(sorted(RANK)),
    rounds=st.lists(st.tuples(tries, tries), max_size=4),
    status=st.sampled_from(STATUSES),
)
def test_whatever_fails_on_the_way_a_fault_and_its_clear_leave_the_cloud_as_it_was(
    kind: str, rounds: list[tuple[list[str], list[str]]], status: str
) -> None:
    cloud = new_cloud()
    with_(cloud, first_server(cloud), status=status)
    first_day = cloud.snapshot(0)

    for number, (deed, undo) in enumerate(rounds):
        action = Action(id=f"{number}", kind=kind, target=target_of(cloud, kind), event_id=1, before=state(cloud, kind))
        for attempt in (*deed, "answered"):
            attempt_it(cloud, action, attempt)
        for attempt in (*undo, "answered"):
            attempt_it(cloud, msgspec.structs.replace(action, id=f"{number}u", undo_of=action.id), attempt)

    assert cloud.snapshot(0) == first_day


def attempt_it(cloud: Cloud, action: Action, attempt: str) -> None:
    if attempt != "no effect":
        cloud.apply(cloud.decide(action)[0])


def test_the_hosts_of_a_cloud_keep_their_kind() -> None:
    assert isinstance(new_cloud().find("host/compute-1.example.net"), Host)
