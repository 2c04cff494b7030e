"""What is set in the cloud while an alarm stands, what is done once, and what is restored."""

from __future__ import annotations

import msgspec
import pytest
from clouds import Desk, planned, ruled, small_cloud, snapshot, told

from nfvigil.inspector import internal
from nfvigil.inspector.resource_map import ResourceMap
from nfvigil.model.alarm import AlarmState, VimState
from nfvigil.model.cloud_state import UNTOUCHED
from nfvigil.model.event import Status
from nfvigil.model.resource import MapChange, Snapshot
from nfvigil.model.verdict import Decision, News

HOST = {"when": {"type": "host.down"}, "mark": ["force_down"]}
SERVERS = {
    "because": "host.down",
    "to": "servers",
    "raise": "server.down",
    "mark": ["server_error", {"port_data_plane_down": "ports", "port_admin_down": "ports", "volume_error": "volumes"}],
}


def with_states(*, status: str = "ACTIVE", data_plane: str = "") -> ResourceMap:
    """One host with one server and its port in these states."""
    there = ResourceMap()
    there.load(states(status=status, data_plane=data_plane))
    return there


def states(*, status: str = "ACTIVE", data_plane: str = "", forced_down: bool = False) -> Snapshot:
    cloud = snapshot(1, 1, {})
    replace = msgspec.structs.replace
    return replace(
        cloud,
        hosts=tuple(replace(host, forced_down=forced_down) for host in cloud.hosts),
        servers=tuple(replace(server, status=status) for server in cloud.servers),
        ports=tuple(replace(port, data_plane_status=data_plane) for port in cloud.ports),
    )


@pytest.mark.parametrize("status", ["ACTIVE", "SHUTOFF", "PAUSED"])
@pytest.mark.parametrize("data_plane", ["", "ACTIVE"])
def test_what_was_before_is_restored(status: str, data_plane: str) -> None:
    desk = Desk(ruled(HOST, SERVERS), with_states(status=status, data_plane=data_plane))

    down = desk.say("host.down", "host/h0")
    up = desk.say("host.down", "host/h0", Status.UP)

    states_set = planned(down)
    assert states_set == [
        ("force_down", "host/h0", "False"),
        ("server_error", "server/s0-0", status),
        ("port_data_plane_down", "port/s0-0-p", data_plane),
        ("port_admin_down", "port/s0-0-p", "True"),
        ("volume_error", "volume/v-s0-0", "in-use"),
    ]
    assert planned(up) == [(f"-{kind}", target, before) for kind, target, before in states_set]
    assert [undo.undo_of for undo in up.verdict.actions] == [action.id for action in down.verdict.actions]


@pytest.mark.parametrize("status", sorted(UNTOUCHED))
def test_servers_that_are_gone_or_at_two_places_are_not_touched(status: str) -> None:
    desk = Desk(ruled(HOST, SERVERS), with_states(status=status))

    decision = desk.say("host.down", "host/h0")

    assert "server/s0-0" in told(decision, News.RAISED), "their owner hears of it all the same"
    assert "server_error" not in {kind for kind, _, _ in planned(decision)}


def test_a_state_that_the_resource_does_not_have_is_not_set() -> None:
    desk = Desk(ruled({"when": {"type": "a"}, "mark": ["server_error", {"service_disable": "self"}]}))

    assert planned(desk.say("a", "host/h0")) == [("service_disable", "host/h0", "enabled")]
    assert planned(desk.say("a", "host/nobody")) == []


def test_two_alarms_share_a_state_and_the_last_one_restores_it() -> None:
    desk = Desk(ruled({"when": {"type": ["a", "b"]}, "mark": ["force_down"]}), with_states())
    first = desk.say("a", "host/h0")
    assert planned(desk.say("b", "host/h0")) == []

    assert planned(desk.say("a", "host/h0", Status.UP)) == []

    last = desk.say("b", "host/h0", Status.UP)
    assert planned(last) == [("-force_down", "host/h0", "False")]
    assert last.verdict.actions[0].undo_of == first.verdict.actions[0].id


def test_a_state_that_two_alarms_shared_is_restored_once_when_they_end_together() -> None:
    desk = Desk(
        ruled(HOST, SERVERS, {"because": "host.down", "to": "servers", "raise": "b", "mark": ["server_error"]}),
        with_states(),
    )
    down = desk.say("host.down", "host/h0")

    up = desk.say("host.down", "host/h0", Status.UP)

    assert len(planned(up)) == len(planned(down)) == len(set(planned(up)))


def test_a_state_named_twice_is_set_once() -> None:
    desk = Desk(ruled({"when": {"type": "a"}, "mark": ["force_down", {"force_down": "self"}]}))

    assert planned(desk.say("a", "host/h0")) == [("force_down", "host/h0", "False")]


def test_a_host_that_flaps_faster_than_the_cloud_ends_as_it_began() -> None:
    desk = Desk(ruled(HOST, {**SERVERS, "where": {"status": "SHUTOFF"}}), with_states(status="SHUTOFF"))
    desk.say("host.down", "host/h0")
    desk.change(states(status="ERROR", data_plane="DOWN", forced_down=True))  # what was set has been set ...
    desk.say("host.down", "host/h0", Status.UP)  # ... and what is restored is not yet

    again = desk.say("host.down", "host/h0")

    assert ("server_error", "server/s0-0", "SHUTOFF") in planned(again)
    assert ("port_data_plane_down", "port/s0-0-p", "") in planned(again)
    assert ("force_down", "host/h0", "False") in planned(again)
    end = desk.say("host.down", "host/h0", Status.UP)
    assert ("-server_error", "server/s0-0", "SHUTOFF") in planned(end)


def test_what_we_set_ourselves_does_not_hide_a_server_from_the_next_rule() -> None:
    rules = (HOST, SERVERS, {"because": "x", "to": "servers", "where": {"status": "ACTIVE"}, "raise": "y"})
    desk = Desk(ruled(*rules, {"when": {"type": "x", "resource": {"forced_down": False}}}), with_states())
    desk.say("host.down", "host/h0")
    desk.change(states(status="ERROR", forced_down=True))

    assert told(desk.say("x", "host/h0"), News.RAISED) == {"host/h0", "server/s0-0"}


def test_what_somebody_else_changed_meanwhile_counts_as_it_is() -> None:
    rules = (HOST, SERVERS, {"because": "x", "to": "servers", "where": {"status": "ACTIVE"}, "raise": "y"})
    desk = Desk(ruled(*rules, {"when": {"type": "x"}}), with_states())
    desk.say("host.down", "host/h0")
    desk.change(states(status="SHUTOFF"))

    assert told(desk.say("x", "host/h0"), News.RAISED) == {"host/h0"}


def test_what_is_restored_counts_as_it_is_once_the_cloud_has_settled() -> None:
    desk = Desk(ruled(HOST), with_states())
    desk.say("host.down", "host/h0")
    up = desk.say("host.down", "host/h0", Status.UP)
    desk.settle(up.event.id)
    assert desk.state.restoring == {}
    desk.change(states(forced_down=True))

    assert planned(desk.say("host.down", "host/h0")) == [("force_down", "host/h0", "True")]


# Deeds


def test_a_deed_is_done_once_and_not_undone() -> None:
    desk = Desk(ruled({"when": {"type": "a"}, "do": ["reboot", {"stop": "self"}]}))

    assert planned(desk.say("a", "server/s0-0")) == [("reboot", "server/s0-0", None), ("stop", "server/s0-0", None)]
    assert planned(desk.say("a", "server/s0-0", monitor="other")) == []
    assert planned(desk.say("a", "server/s0-0", Status.UP)) == []


def test_a_deed_on_what_stands_in_a_relation() -> None:
    desk = Desk(ruled({"when": {"type": "a"}, "do": [{"evacuate": "servers"}]}), with_states())

    assert planned(desk.say("a", "host/h0")) == [("evacuate", "server/s0-0", None), ("fence", "host/h0", None)]


def test_a_rule_that_fires_on_an_alarm_that_stands_sets_and_does_what_it_says() -> None:
    desk = Desk(ruled({"when": {"type": "server.down"}}, HOST, {**SERVERS, "do": ["stop"]}), with_states())
    desk.say("server.down", "server/s0-0")

    decision = desk.say("host.down", "host/h0")

    assert ("server_error", "server/s0-0", "ACTIVE") in planned(decision)
    assert ("stop", "server/s0-0", None) in planned(decision)
    desk.say("host.down", "host/h0", Status.UP)
    assert desk.open() == {("server.down", "server/s0-0")}
    assert ("-server_error", "server/s0-0", "ACTIVE") in planned(desk.say("server.down", "server/s0-0", Status.UP))


def test_a_second_cause_by_the_same_rule_does_nothing_twice() -> None:
    rules = ({"when": {"type": "*"}}, {**SERVERS, "because": ["a", "b"], "do": ["stop"]})
    desk = Desk(ruled(*rules), with_states())
    assert planned(desk.say("a", "host/h0"))

    assert planned(desk.say("b", "host/h0")) == []


# Confirmed


def test_alarms_for_which_nothing_is_set_are_confirmed_at_once() -> None:
    desk = Desk(ruled({"when": {"type": "a"}}))

    decision = desk.say("a", "host/h0")

    assert [news for news, _ in decision.verdict.alarms] == [News.RAISED, News.CONFIRMED]
    assert desk.alarm("a", "host/h0").vim_state is VimState.CONSISTENT


def test_alarms_are_confirmed_when_the_cloud_says_the_same() -> None:
    desk = Desk(ruled(HOST, SERVERS), with_states())
    down = desk.say("host.down", "host/h0")
    assert told(down, News.CONFIRMED) == set()

    assert told(desk.settle(down.event.id), News.CONFIRMED) == {"host/h0", "server/s0-0"}
    assert {alarm.vim_state for alarm in desk.state.alarms.values()} == {VimState.CONSISTENT}
    assert desk.state.memory == {}
    assert told(desk.settle(down.event.id), News.CONFIRMED) == set(), "once is enough"


def test_alarms_whose_states_could_not_be_set_are_inconsistent() -> None:
    desk = Desk(ruled(HOST, SERVERS), with_states())
    down = desk.say("host.down", "host/h0")

    settled = desk.settle(down.event.id, failed=["port/s0-0-p"])

    assert told(settled, News.CONFIRMED) == {"host/h0", "server/s0-0"}
    assert desk.alarm("server.down", "server/s0-0").vim_state is VimState.INCONSISTENT
    assert desk.alarm("host.down", "host/h0").vim_state is VimState.CONSISTENT


def sharing() -> tuple[Desk, int]:
    """Alarm a on the host asked for the state; alarm b asks for the same before it is set."""
    desk = Desk(ruled({"when": {"type": ["a", "b"]}, "mark": ["force_down"]}), with_states())
    first = desk.say("a", "host/h0")
    second = desk.say("b", "host/h0")
    assert told(second, News.CONFIRMED) == set()
    return desk, first.event.id


def test_an_alarm_that_shares_a_state_is_confirmed_with_it() -> None:
    desk, first = sharing()

    assert len([news for news, _ in desk.settle(first).verdict.alarms if news is News.CONFIRMED]) == 2


def test_an_alarm_that_shares_a_state_is_confirmed_even_if_the_first_is_over() -> None:
    desk, first = sharing()
    desk.say("a", "host/h0", Status.UP)

    desk.settle(first)

    assert desk.alarm("b", "host/h0").state is AlarmState.CONFIRMED


def test_an_alarm_that_shares_a_state_which_could_not_be_set_is_inconsistent_too() -> None:
    desk, first = sharing()

    desk.settle(first, failed=["host/h0"])
    desk.say("c", "host/h0")

    assert desk.alarm("a", "host/h0").vim_state is VimState.INCONSISTENT
    assert desk.alarm("b", "host/h0").vim_state is VimState.INCONSISTENT


def test_an_alarm_that_comes_to_share_a_state_later_knows_that_it_could_not_be_set() -> None:
    desk = Desk(ruled({"when": {"type": ["a", "b"]}, "mark": ["force_down"]}), with_states())
    first = desk.say("a", "host/h0")
    desk.settle(first.event.id, failed=["host/h0"])

    assert told(desk.say("b", "host/h0"), News.CONFIRMED) == {"host/h0"}
    assert desk.alarm("b", "host/h0").vim_state is VimState.INCONSISTENT


def test_a_state_that_a_confirmed_alarm_asks_for_later_may_fail_too() -> None:
    desk = Desk(ruled({"when": {"type": "server.down"}}, HOST, SERVERS), with_states())
    desk.say("server.down", "server/s0-0")
    down = desk.say("host.down", "host/h0")

    desk.settle(down.event.id, failed=["server/s0-0"])

    alarm = desk.alarm("server.down", "server/s0-0")
    assert (alarm.state, alarm.vim_state) == (AlarmState.CONFIRMED, VimState.INCONSISTENT)


def test_what_another_event_could_not_set_is_no_matter_of_this_alarm() -> None:
    desk = Desk(ruled(HOST), with_states())
    down = desk.say("host.down", "host/h0")
    desk.settle(down.event.id)

    desk.settle(12345, failed=["host/h0"])

    assert desk.alarm("host.down", "host/h0").vim_state is VimState.CONSISTENT


def test_new_ports_of_a_failed_server_are_set_too() -> None:
    desk = Desk(ruled(HOST, SERVERS), with_states())
    desk.say("host.down", "host/h0")
    port = next(iter(snapshot(1, 1, {}).ports))
    new = msgspec.structs.replace(port, id="new")

    desk.map.apply(MapChange(vim="v", put=(new,)))
    decision = desk.tell("nfvigil.map.changed", keys=["server/s0-0"])

    assert ("port_data_plane_down", "port/new", "") in planned(decision)


def test_what_is_gone_is_restored_by_name_in_its_own_cloud() -> None:
    desk = Desk(ruled(HOST, SERVERS), small_cloud(1, 2))
    desk.say("host.down", "host/h0")

    decision = desk.change(snapshot(1, 2, {}, gone=["s0-1"]))

    assert decision is not None
    assert {(action.target, action.vim, action.project) for action in decision.verdict.actions} >= {
        ("server/s0-1", "v", "p1")
    }


def test_what_follows_from_a_host_says_so_and_what_does_not_does_not() -> None:
    desk = Desk(ruled(HOST, SERVERS, {"when": {"type": "server.down"}, "mark": ["server_error"]}), with_states())
    ports = tuple(msgspec.structs.replace(port, host="h0") for port in states().ports)
    desk.map.apply(MapChange(vim=ports[0].vim, put=ports))

    own = desk.say("server.down", "server/s0-0")
    desk.say("server.down", "server/s0-0", Status.UP)
    of_host = desk.say("host.down", "host/h0")

    assert {action.kind: action.params for action in own.verdict.actions} == {"server_error": {}}
    assert {action.kind: action.params for action in of_host.verdict.actions} == {
        "force_down": {},
        "server_error": {"on_host": "h0"},
        "port_data_plane_down": {"on_host": "h0"},
        "port_admin_down": {"on_host": "h0"},
        "volume_error": {},
    }


def given_up(*failed: str) -> Desk:
    """The host is down, and of its states those of ``failed`` could not be set while the cloud was away."""
    desk = Desk(ruled(HOST, SERVERS), with_states())
    desk.settle(desk.say("host.down", "host/h0").event.id, failed=failed)
    return desk


def back(desk: Desk, vim: str) -> Decision:
    desk.take(desk.event(internal.VIM_UNREACHABLE, f"vim/{vim}", door=internal.DOOR))
    return desk.take(desk.event(internal.VIM_UNREACHABLE, f"vim/{vim}", Status.UP, door=internal.DOOR))


def test_what_a_cloud_that_was_away_could_not_be_told_is_set_when_it_is_back() -> None:
    desk = given_up("host/h0", "server/s0-0")
    vim = states().vim
    # Of its ports and volumes the cloud says that they are as they were wanted.
    cloud = states()
    ports = tuple(msgspec.structs.replace(one, data_plane_status="DOWN", admin_up=False) for one in cloud.ports)
    volumes = tuple(msgspec.structs.replace(one, status="error") for one in cloud.volumes)
    desk.map.apply(MapChange(vim=vim, put=(*ports, *volumes)))

    again = back(desk, vim)

    assert planned(again) == [("force_down", "host/h0", "False"), ("server_error", "server/s0-0", "ACTIVE")]
    assert all(action.params["again"] for action in again.verdict.actions)
    settled = desk.settle(again.event.id)
    assert told(settled, News.CHANGED) == {"host/h0", "server/s0-0"}
    assert {alarm.vim_state for alarm in desk.state.alarms.values()} == {VimState.CONSISTENT}
    up = desk.say("host.down", "host/h0", Status.UP)
    assert len(up.verdict.actions) == 5
    assert {one.id for one in again.verdict.actions} <= {undo.undo_of for undo in up.verdict.actions}


def test_what_is_given_up_again_stays_inconsistent_and_another_clouds_return_changes_nothing() -> None:
    desk = given_up("host/h0")

    assert planned(back(desk, "elsewhere")) == []
    again = back(desk, states().vim)
    desk.settle(again.event.id, failed=["host/h0"])

    assert desk.alarm("host.down", "host/h0").vim_state is VimState.INCONSISTENT
    assert planned(back(desk, states().vim)) == [("force_down", "host/h0", "False")]


def test_alarms_that_share_a_state_that_was_given_up_have_it_set_once() -> None:
    desk, first = sharing()
    desk.settle(first, failed=["host/h0"])

    again = back(desk, states().vim)
    desk.settle(again.event.id)

    assert planned(again) == [("force_down", "host/h0", "False")]
    assert {alarm.vim_state for alarm in desk.state.alarms.values()} == {VimState.CONSISTENT}


def test_a_state_that_somebody_else_set_meanwhile_is_not_set_again() -> None:
    desk = given_up("host/h0")
    desk.map.apply(MapChange(vim=states().vim, put=states(forced_down=True).hosts))

    assert planned(back(desk, states().vim)) == []
