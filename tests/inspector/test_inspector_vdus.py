"""What the records of VNFs say of their servers: alarms of their owners, one root each, told once."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import pytest
from clouds import Desk, planned, reasons, ruled, snapshot, told

from nfvigil.inspector import internal
from nfvigil.inspector.replay import replay
from nfvigil.inspector.standing import may_see
from nfvigil.inspector.state import HELD, State
from nfvigil.model.alarm import AlarmState, Audience
from nfvigil.model.event import Status
from nfvigil.model.resource import MapChange, Port, ResourceState, Server
from nfvigil.model.severity import Severity
from nfvigil.model.verdict import Decision, News, Reason
from nfvigil.situation import LiveSituation

SERVER = "server/s0-0"
PORT = "port/s0-0-p"
HOST = "host/h0"
INSTANCE = {"when": {"type": "server.bad"}}


def say(desk: Desk, kind: str, status: Status = Status.DOWN, server: str = SERVER, **details: str) -> Decision:
    """The record of the VNF that the server is of says something, as ``vdu_news`` makes it an event."""
    desk.number += 1
    known = {"project": f"p{server[-1]}", "vnf": "vnf-1", "vnfc": "c1", "vim": "v", "name": "web-1", "port": ""}
    now = desk.number * 1_000_000
    return desk.take(internal.internal_event(desk.number, kind, server, now, status, {**known, **details}))


def over(desk: Desk, kind: str, **details: str) -> Decision:
    return say(desk, kind, Status.UP, **details)


def put(desk: Desk, **changes: str) -> Decision | None:
    """The cloud says something else of the server; its events for the map are told as the pipeline would."""
    server = desk.map.get(SERVER)
    assert isinstance(server, Server)
    touched = desk.map.apply(MapChange(vim="v", put=(msgspec.structs.replace(server, **changes),)))
    return desk.tell(internal.MAP_CHANGED, keys=sorted(touched), gone=[]) if touched else None


def delete(desk: Desk, keys: Iterable[str] = (SERVER, PORT), *, is_told: bool = True) -> Decision | None:
    touched = desk.map.apply(MapChange(vim="v", gone=tuple(keys)))
    keys = sorted(touched)
    gone = [key for key in keys if desk.map.get(key) is None]
    return desk.tell(internal.MAP_CHANGED, keys=keys, gone=gone) if is_told else None


def listing(desk: Desk) -> Decision | None:
    """The next listing is there: what is in ERROR still, of what was held and is free."""
    keys = desk.state.free_since("v", (desk.number + 1) * 1_000_000)
    still = [key for key in keys if getattr(desk.map.get(key), "status", "") == "ERROR"]
    return desk.tell(internal.VDU_STILL, keys=still) if still else None


def in_error(desk: Desk) -> Decision:
    put(desk, status="ERROR")
    return say(desk, internal.VDU_ERROR)


# What is told, and to whom


def test_a_server_in_error_is_an_alarm_of_its_owner_that_is_confirmed_at_once() -> None:
    desk = Desk()

    decision = in_error(desk)

    alarm = desk.alarm("nfvigil.vdu.error", SERVER)
    assert (alarm.project, alarm.vnf, alarm.vnfc, alarm.vim, alarm.resource_name) == (
        *("p0", "vnf-1", "c1", "v", "web-1"),
    )
    assert (alarm.severity, alarm.resource_state, alarm.state) == (
        *(Severity.CRITICAL, ResourceState.ERROR, AlarmState.CONFIRMED),
    )
    assert alarm.text == "The cloud has the server in ERROR: web-1"
    assert (alarm.audience, alarm.is_root_cause, planned(decision)) == (Audience.OWNERS, True, [])
    assert [news for news, _ in decision.verdict.alarms] == [News.RAISED, News.CONFIRMED]

    assert told(over(desk, internal.VDU_ERROR), News.CLEARED) == {SERVER}
    assert desk.open() == set()


def test_only_the_owner_and_administrators_see_the_alarm_of_a_server_that_is_gone() -> None:
    desk = Desk()
    delete(desk)
    say(desk, internal.VDU_DELETED)

    alarm = desk.alarm("nfvigil.vdu.deleted", SERVER)

    assert [who for who in ("p0", "p1", "", None) if may_see(alarm, who)] == ["p0", None]


def test_an_interface_that_is_gone_is_an_alarm_on_the_port_each_with_its_own() -> None:
    desk = Desk()

    for port in ("eth-a", "eth-b"):
        say(desk, internal.VDU_INTERFACE_GONE, port=port)

    alarm = desk.alarm("nfvigil.vdu.interface-gone", "port/eth-a")
    assert (alarm.project, alarm.vnf, alarm.vnfc, alarm.vim) == ("p0", "vnf-1", "c1", "v")
    assert alarm.text == "An interface of the server was deleted externally: eth-a of web-1"
    assert told(over(desk, internal.VDU_INTERFACE_GONE, port="eth-b"), News.CLEARED) == {"port/eth-b"}
    assert desk.open() == {("nfvigil.vdu.interface-gone", "port/eth-a")}


def test_what_the_record_says_in_its_own_words_is_not_for_owners() -> None:
    desk = Desk()

    say(desk, internal.VDU_DELETED, text="gone from compute-17")

    assert "compute-17" not in desk.alarm("nfvigil.vdu.deleted", SERVER).text


def test_a_policy_may_call_it_otherwise() -> None:
    desk = Desk(ruled(faults={"nfvigil.vdu.deleted": {"title": "Weg", "severity": "minor"}}))

    say(desk, internal.VDU_DELETED)

    alarm = desk.alarm("nfvigil.vdu.deleted", SERVER)
    assert (alarm.text, alarm.severity) == ("Weg: web-1", Severity.MINOR)


@pytest.mark.parametrize("status", list(Status))
def test_nobody_says_it_from_outside_or_takes_it_back(status: Status) -> None:
    desk = Desk(ruled({"when": {"type": "*"}}))
    say(desk, internal.VDU_DELETED)
    before = desk.open()

    decision = desk.say(internal.VDU_DELETED, SERVER, status)
    other = desk.say(internal.VDU_DELETED, "server/s1-1", status)

    assert decision.verdict.is_empty
    assert other.verdict.is_empty
    assert desk.open() == before


def test_a_vnf_with_another_projects_server_is_told_nothing_of_it() -> None:
    desk = Desk()
    put(desk, status="ERROR")

    decision = say(desk, internal.VDU_ERROR, project="nosy")

    assert (decision.verdict.is_empty, reasons(decision)) == (True, [Reason.REFUSED])


def test_a_server_that_turns_out_to_be_anothers_ends_the_alarm_and_gives_it_to_nobody() -> None:
    desk = Desk()
    delete(desk)
    say(desk, internal.VDU_DELETED)
    given = desk.map.apply(MapChange(vim="v", put=(Server(id="s0-0", vim="v", project="other"),)))

    decision = desk.tell(internal.MAP_CHANGED, keys=sorted(given), gone=[])

    assert [(news, alarm.project) for news, alarm in decision.verdict.alarms] == [(News.CLEARED, "p0")]
    assert desk.open() == set()


def test_owners_recoveries_are_not_begun_by_it() -> None:
    desk = Desk()
    desk.take(
        internal.internal_event(
            *(desk.number + 1, internal.RECOVERY, SERVER, 1, Status.DOWN),
            {"do": {"server_failed": {"action": "rebuild"}}, "project": "p0", "by": "ann"},
        )
    )
    desk.number += 1

    assert planned(in_error(desk)) == []


# What stays


@pytest.mark.parametrize("is_claimed", [False, True], ids=["unknown", "another VIM's name"])
def test_the_alarm_of_a_deleted_server_stays_as_it_is_whatever_the_map_says(is_claimed: bool) -> None:
    desk = Desk()
    delete(desk)
    say(desk, internal.VDU_DELETED)
    say(desk, internal.VDU_INTERFACE_GONE, port="s0-0-p")
    before = dict(desk.state.alarms)
    if is_claimed:
        desk.map.names.leave_out("w", SERVER)

    desk.tell(internal.MAP_CHANGED, keys=[SERVER, PORT], gone=[SERVER, PORT])
    restarted = State(faults=desk.state.faults.values(), alarms=desk.state.alarms.values(), memory=desk.state.memory)
    desk.state = restarted
    desk.tell(internal.MAP_CHANGED, keys=[SERVER, PORT], gone=[SERVER, PORT])

    assert desk.state.alarms == before


def test_an_interface_that_another_server_has_now_stays_an_alarm_of_this_vnf() -> None:
    desk = Desk()
    say(desk, internal.VDU_INTERFACE_GONE, port="s0-0-p")
    before = dict(desk.state.alarms)
    port = Port(id="s0-0-p", name="eth", vim="v", project="other", server="s1-1", network="n")
    touched = desk.map.apply(MapChange(vim="v", put=(port,)))

    desk.tell(internal.MAP_CHANGED, keys=sorted(touched), gone=[])

    assert desk.state.alarms == before


@pytest.mark.parametrize("kind", sorted(internal.VDUS))
def test_the_same_news_again_and_an_end_without_a_beginning_change_nothing(kind: str) -> None:
    desk = Desk()
    put(desk, status="ERROR")
    details = {"port": "eth-a"} if kind == internal.VDU_INTERFACE_GONE else {}

    assert over(desk, kind, **details).verdict.is_empty
    assert not say(desk, kind, **details).verdict.is_empty
    again = say(desk, kind, **details)
    assert (again.verdict.is_empty, reasons(again)) == (True, [Reason.ALREADY_KNOWN])
    assert not over(desk, kind, **details).verdict.is_empty
    assert over(desk, kind, **details).verdict.is_empty


def test_what_two_vnfs_say_of_one_server_ends_when_both_have_taken_it_back() -> None:
    desk = Desk()
    put(desk, status="ERROR")
    say(desk, internal.VDU_ERROR)
    assert say(desk, internal.VDU_ERROR, vnf="vnf-2").verdict.alarms == ()

    assert reasons(over(desk, internal.VDU_ERROR)) == [Reason.STILL_ASSERTED]
    assert over(desk, internal.VDU_ERROR, vnf="vnf-3").verdict.is_empty
    assert told(over(desk, internal.VDU_ERROR, vnf="vnf-2"), News.CLEARED) == {SERVER}


def test_a_server_that_is_there_after_all_is_well_again() -> None:
    desk = Desk()
    delete(desk)
    say(desk, internal.VDU_DELETED)
    desk.change(snapshot(3, 2, {}))
    assert desk.open() == {("nfvigil.vdu.deleted", SERVER)}

    assert told(over(desk, internal.VDU_DELETED), News.CLEARED) == {SERVER}


def test_an_administrator_clears_it_by_hand() -> None:
    desk = Desk()
    delete(desk)
    say(desk, internal.VDU_DELETED)

    desk.tell(internal.ALARM_CLEARED, alarm_id=desk.alarm("nfvigil.vdu.deleted", SERVER).id, by="ann")

    assert (desk.open(), desk.state.faults) == (set(), {})


def test_a_hosts_maintenance_hides_nothing_of_it() -> None:
    desk = Desk()
    desk.say(internal.MAINTENANCE, HOST)

    assert told(in_error(desk), News.RAISED) == {SERVER}


# One root each


def test_error_that_we_set_ourselves_is_not_told_and_over_when_it_is_undone() -> None:
    desk = Desk()
    down = desk.say("host.down", HOST)
    desk.settle(down.event.id)

    held = in_error(desk)
    assert (held.verdict.alarms, reasons(held)) == ((), [Reason.SUPPRESSED])
    assert say(desk, internal.VDU_ERROR).verdict.is_empty

    up = desk.say("host.down", HOST, Status.UP)
    assert listing(desk) is None, "it is being undone"
    desk.settle(up.event.id)
    put(desk, status="ACTIVE")
    assert listing(desk) is None
    assert over(desk, internal.VDU_ERROR).verdict.alarms == ()
    assert (desk.open(), desk.state.held) == (set(), set())


def test_a_server_that_is_in_error_still_when_its_hosts_alarm_is_over_is_told_then() -> None:
    desk = Desk()
    desk.settle(desk.say("host.down", HOST).event.id)
    in_error(desk)
    up = desk.say("host.down", HOST, Status.UP)
    assert desk.open() == set()
    desk.settle(up.event.id, failed=[SERVER])

    decision = listing(desk)

    assert decision is not None
    assert told(decision, News.RAISED) == {SERVER}
    alarm = desk.alarm("nfvigil.vdu.error", SERVER)
    assert (alarm.is_root_cause, alarm.project, alarm.vnf, alarm.state) == (
        *(True, "p0", "vnf-1"),
        AlarmState.CONFIRMED,
    )
    assert told(over(desk, internal.VDU_ERROR), News.CLEARED) == {SERVER}


def test_a_listing_from_before_the_end_says_nothing_of_it() -> None:
    desk = Desk()
    desk.settle(desk.say("host.down", HOST).event.id)
    in_error(desk)
    up = desk.say("host.down", HOST, Status.UP)
    settled = desk.settle(up.event.id)

    assert desk.state.free_since("v", settled.event.received_us) == []
    assert desk.state.free_since("w", settled.event.received_us + 1) == []
    assert desk.state.free_since("v", settled.event.received_us + 1) == [SERVER]


def test_error_while_a_monitor_says_so_already_is_told_once() -> None:
    desk = Desk(ruled(INSTANCE))
    desk.say("server.bad", SERVER)

    assert in_error(desk).verdict.alarms == ()
    desk.say("server.bad", SERVER, Status.UP)
    decision = listing(desk)

    assert decision is not None
    assert told(decision, News.RAISED) == {SERVER}


def test_what_is_told_again_before_the_next_listing_is_held_on() -> None:
    desk = Desk(ruled(INSTANCE))
    desk.say("server.bad", SERVER)
    in_error(desk)
    desk.say("server.bad", SERVER, Status.UP)
    desk.say("server.bad", SERVER)

    assert told(listing(desk) or pytest.fail("it is looked at"), News.RAISED) == set()
    assert listing(desk) is None
    desk.say("server.bad", SERVER, Status.UP)
    assert told(listing(desk) or pytest.fail("it is looked at"), News.RAISED) == {SERVER}


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param({"notify": "admin"}, id="an alarm that owners do not hear of"),
        pytest.param({"state": "normal"}, id="an alarm that does not say that it does not work"),
        pytest.param({"lead_time": 60}, id="a prediction"),
    ],
)
def test_error_is_told_beside(rule: dict[str, object]) -> None:
    desk = Desk(ruled({**INSTANCE, **rule}))
    desk.say("server.bad", SERVER)

    assert told(in_error(desk), News.RAISED) == {SERVER}


def test_error_that_the_map_has_not_is_looked_at_with_the_next_listing() -> None:
    desk = Desk()

    assert say(desk, internal.VDU_ERROR).verdict.alarms == ()
    assert listing(desk) is None
    put(desk, status="ERROR")
    assert told(listing(desk) or pytest.fail("it is looked at"), News.RAISED) == {SERVER}


def test_two_vnfs_that_hold_one_server_are_both_known_when_it_is_told() -> None:
    desk = Desk(ruled(INSTANCE))
    desk.say("server.bad", SERVER)
    in_error(desk)
    say(desk, internal.VDU_ERROR, vnf="vnf-2")
    say(desk, internal.VDU_ERROR, vnf="vnf-3")
    over(desk, internal.VDU_ERROR, vnf="vnf-3")
    desk.say("server.bad", SERVER, Status.UP)
    listing(desk)

    over(desk, internal.VDU_ERROR)
    assert desk.open() == {("nfvigil.vdu.error", SERVER)}
    over(desk, internal.VDU_ERROR, vnf="vnf-2")
    assert desk.open() == set()


def test_a_held_server_that_turns_out_to_be_anothers_is_forgotten() -> None:
    desk = Desk(ruled(INSTANCE))
    desk.say("server.bad", SERVER)
    in_error(desk)
    desk.say("server.bad", SERVER, Status.UP)
    put(desk, project="other")

    assert told(listing(desk) or pytest.fail("it is looked at"), News.RAISED) == set()
    assert desk.state.held == set()
    assert desk.tell(internal.VDU_STILL, keys=[SERVER]).verdict.is_empty


def test_error_on_a_failed_host_whose_servers_no_rule_names_follows_from_the_host() -> None:
    desk = Desk(ruled({"when": {"type": "host.bad"}}))
    desk.say("host.bad", HOST)

    in_error(desk)

    alarm, host = desk.alarm("nfvigil.vdu.error", SERVER), desk.alarm("host.bad", HOST)
    assert (alarm.parent, alarm.root) == (host.id, host.id)


@pytest.mark.parametrize("is_told", [False, True], ids=["before the map's change is decided", "after it"])
@pytest.mark.parametrize("host", ["h0", "h0.example.net", ""])
def test_a_server_deleted_while_its_host_is_down_follows_from_the_host(is_told: bool, host: str) -> None:
    desk = Desk()
    desk.settle(desk.say("host.down", HOST).event.id)
    delete(desk, is_told=is_told)
    say(desk, internal.VDU_DELETED, host=host)
    if not is_told:
        desk.tell(internal.MAP_CHANGED, keys=[HOST, SERVER, PORT], gone=[SERVER, PORT])

    alarm, root = desk.alarm("nfvigil.vdu.deleted", SERVER), desk.alarm("host.down", HOST)
    if is_told and not host:
        assert alarm.is_root_cause, "nobody knows where it was"
        return
    assert (alarm.parent, alarm.root, alarm.is_root_cause) == (root.id, root.id, False)
    assert ("server.down", SERVER) not in desk.open()

    up = desk.say("host.down", HOST, Status.UP)
    assert SERVER in told(up, News.CHANGED)
    assert desk.alarm("nfvigil.vdu.deleted", SERVER).is_root_cause
    assert told(over(desk, internal.VDU_DELETED), News.CLEARED) == {SERVER}


def test_a_host_of_that_name_in_another_cloud_explains_nothing() -> None:
    desk = Desk()
    desk.say("host.down", HOST)
    delete(desk)

    say(desk, internal.VDU_DELETED, host="h0", vim="w")

    assert desk.alarm("nfvigil.vdu.deleted", SERVER).is_root_cause


def test_what_follows_from_the_host_ends_before_the_host_does() -> None:
    desk = Desk()
    desk.settle(desk.say("host.down", HOST).event.id)
    delete(desk)
    say(desk, internal.VDU_DELETED, host="h0")
    desk.tell(internal.MAP_CHANGED, keys=[HOST], gone=[])
    assert desk.alarm("nfvigil.vdu.deleted", SERVER).parent

    assert told(over(desk, internal.VDU_DELETED), News.CLEARED) == {SERVER}
    assert ("host.down", HOST) in desk.open()


def test_of_two_reasons_of_the_host_the_second_explains_it_when_the_first_is_over() -> None:
    desk = Desk(ruled({"when": {"type": ["host.bad", "host.worse"]}}))
    desk.say("host.bad", HOST)
    desk.say("host.worse", HOST)
    in_error(desk)

    desk.say("host.bad", HOST, Status.UP)

    assert desk.alarm("nfvigil.vdu.error", SERVER).root == desk.alarm("host.worse", HOST).id


def test_what_a_policy_lets_follow_from_it_follows() -> None:
    desk = Desk(ruled({"because": "nfvigil.vdu.error", "to": "peers", "raise": "server.lonely"}))

    in_error(desk)

    peer = desk.alarm("server.lonely", "server/s1-0")
    assert peer.root == desk.alarm("nfvigil.vdu.error", SERVER).id
    put(desk, group="")
    assert desk.open() == {("nfvigil.vdu.error", SERVER)}


def test_it_is_decided_again_to_the_byte_from_what_was_recorded() -> None:
    desk = Desk()
    down = desk.say("host.down", HOST)
    desk.settle(down.event.id)
    in_error(desk)
    delete(desk)
    over(desk, internal.VDU_ERROR)
    say(desk, internal.VDU_DELETED, host="h0")
    desk.settle(desk.say("host.down", HOST, Status.UP).event.id)
    over(desk, internal.VDU_DELETED)

    again = list(replay(desk.record, lambda _: desk.policy, State()))

    assert [recorded for _, recorded, _ in again] == [made for _, _, made in again]


def test_what_is_held_is_remembered_over_a_restart() -> None:
    desk = Desk(ruled(INSTANCE))
    desk.say("server.bad", SERVER)
    in_error(desk)

    desk.state = State(faults=desk.state.faults.values(), alarms=desk.state.alarms.values(), memory=desk.state.memory)

    assert f"{HELD}{SERVER}" in desk.state.memory
    desk.say("server.bad", SERVER, Status.UP)
    assert told(listing(desk) or pytest.fail("it is looked at"), News.RAISED) == {SERVER}


def test_a_server_that_is_well_by_the_time_it_is_looked_at_is_not_told() -> None:
    desk = Desk(ruled(INSTANCE))
    desk.say("server.bad", SERVER)
    in_error(desk)
    desk.say("server.bad", SERVER, Status.UP)
    put(desk, status="ACTIVE")

    assert desk.tell(internal.VDU_STILL, keys=[SERVER]).verdict.is_empty


def test_what_a_new_owners_vnf_says_takes_the_place_of_what_was_held_for_the_old_one() -> None:
    desk = Desk(ruled(INSTANCE))
    desk.say("server.bad", SERVER)
    in_error(desk)
    desk.say("server.bad", SERVER, Status.UP)
    put(desk, project="other")

    assert told(say(desk, internal.VDU_ERROR, project="other"), News.RAISED) == {SERVER}
    assert (desk.alarm("nfvigil.vdu.error", SERVER).project, desk.state.held) == ("other", set())


def test_the_record_is_no_witness_beside_the_cloud_whose_word_it_is() -> None:
    desk = Desk()
    in_error(desk)
    situation = LiveSituation(state=desk.state, resource_map=desk.map, clock=lambda: 0, unconfirmed_hold=lambda _: "")

    witnesses = situation.witnesses(SERVER)

    assert (witnesses.words, witnesses.vim_agrees) == (frozenset(), True)
