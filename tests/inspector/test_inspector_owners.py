"""What a resource's new owner gets, and what stays with the old one."""

from __future__ import annotations

import msgspec
import pytest
from clouds import Desk, planned, ruled, small_cloud, snapshot, told

from nfvigil.inspector import internal
from nfvigil.inspector.replay import replay
from nfvigil.inspector.state import State
from nfvigil.model.alarm import Alarm, AlarmState, VimState
from nfvigil.model.event import Status
from nfvigil.model.resource import MapChange, Server
from nfvigil.model.verdict import Decision, News

VOLUME = {"when": {"type": "volume.bad"}, "mark": ["volume_error"]}
USERS = {"because": "volume.bad", "to": "users", "raise": "server.bad"}
PEERS = {"because": "server.bad", "to": "ports", "raise": "port.bad"}
KEY = "volume/v-s0-0"


def desk_with_chain() -> Desk:
    desk = Desk(ruled(VOLUME, USERS, PEERS), small_cloud())
    desk.say("volume.bad", KEY, cause="bay 7 of storage-9")
    return desk


def give(desk: Desk, project: str) -> Decision:
    volume = msgspec.structs.replace(desk.map.get(KEY), project=project)  # type: ignore[type-var]  # it is there
    touched = desk.map.apply(MapChange(vim="v", put=(volume,)))
    return desk.tell(internal.MAP_CHANGED, keys=sorted(set(touched)), gone=[])


def open_alarm(desk: Desk) -> Alarm:
    return desk.alarm("volume.bad", KEY)


@pytest.mark.parametrize("is_settled", [False, True], ids=["raised", "confirmed"])
def test_the_old_owners_alarm_ends_and_the_new_owners_begins(is_settled: bool) -> None:
    desk = desk_with_chain()
    if is_settled:
        desk.settle(1)
    old = open_alarm(desk)
    desk.tell(internal.ALARM_ACKED, alarm_id=old.id, by="ann")

    given = give(desk, "other")

    new = open_alarm(desk)
    by_news = {news: alarm for news, alarm in given.verdict.alarms if alarm.resource == KEY}
    assert (by_news[News.CLEARED].id, by_news[News.CLEARED].project) == (old.id, "p0")
    assert by_news[News.CLEARED].state is AlarmState.CLEARED
    assert by_news[News.RAISED].id == new.id != old.id
    assert (new.project, new.acked_us, new.acked_by, new.fault) == ("other", None, "", old.fault)
    assert new.marks == old.marks
    assert (News.CONFIRMED in by_news) is is_settled
    # Nothing is set or restored for it.
    assert planned(given) == []


def test_a_cloud_that_did_not_agree_does_not_by_another_owner() -> None:
    desk = desk_with_chain()
    desk.settle(1, failed=[KEY])

    give(desk, "other")

    assert (open_alarm(desk).state, open_alarm(desk).vim_state) == (AlarmState.CONFIRMED, VimState.INCONSISTENT)


def test_an_alarm_that_is_being_set_is_confirmed_for_its_new_owner_when_it_is() -> None:
    desk = desk_with_chain()
    give(desk, "other")
    assert open_alarm(desk).state is AlarmState.RAISED

    settled = desk.settle(1)

    assert KEY in told(settled, News.CONFIRMED)


def test_what_follows_from_it_follows_from_the_new_one_to_the_end() -> None:
    desk = desk_with_chain()
    before = set(desk.state.alarms)

    given = give(desk, "other")

    new = open_alarm(desk)
    server, port = desk.alarm("server.bad", "server/s0-0"), desk.alarm("port.bad", "port/s0-0-p")
    assert {server.id, port.id} < before
    assert (server.parent, server.root, [cause.alarm for cause in server.causes]) == (new.id, new.id, [new.id])
    assert (port.parent, port.root) == (server.id, new.id)
    assert new.is_root_cause
    assert told(given, News.CHANGED) == set()

    cleared = desk.say("volume.bad", KEY, Status.UP)
    assert told(cleared, News.CLEARED) == {KEY, "server/s0-0", "port/s0-0-p"}
    assert desk.open() == set()


def test_an_alarm_in_the_middle_keeps_its_root() -> None:
    desk = desk_with_chain()
    root = open_alarm(desk)
    server = desk.map.get("server/s0-0")
    assert isinstance(server, Server)
    touched = desk.map.apply(MapChange(vim="v", put=(msgspec.structs.replace(server, project="other"),)))
    desk.tell(internal.MAP_CHANGED, keys=sorted({*touched, "server/s0-0"}), gone=[])

    there, port = desk.alarm("server.bad", "server/s0-0"), desk.alarm("port.bad", "port/s0-0-p")
    assert (there.project, there.root, there.parent) == ("other", root.id, root.id)
    assert (port.parent, port.root) == (there.id, root.id)


def test_a_listing_that_names_no_owner_takes_it_from_nobody() -> None:
    desk = desk_with_chain()
    old = open_alarm(desk)

    given = give(desk, "")

    assert open_alarm(desk).id == old.id
    assert open_alarm(desk).project == "p0"
    assert given.verdict.alarms == ()


def test_what_comes_back_to_its_first_owner_is_a_third_alarm() -> None:
    desk = desk_with_chain()
    ids = {open_alarm(desk).id}
    for project in ("other", "p0"):
        give(desk, project)
        ids.add(open_alarm(desk).id)

    assert len(ids) == 3
    assert open_alarm(desk).project == "p0"


def test_an_owner_learned_late_reads_nothing_of_what_the_monitor_said() -> None:
    desk = Desk(ruled(VOLUME, {"when": {"type": "server.bad"}}), small_cloud())
    desk.say("server.bad", "server/s9-0", cause="bay 7 of storage-9")
    assert "bay 7" in desk.alarm("server.bad", "server/s9-0").text

    late = Server(id="s9-0", name="late", vim="v", project="p0", host="h1")
    given = desk.change(msgspec.structs.replace(snapshot(3, 2, {}), servers=(*snapshot(3, 2, {}).servers, late)))

    assert given is not None
    new = desk.alarm("server.bad", "server/s9-0")
    assert (new.project, new.text, new.resource_name) == ("p0", "server.bad: late", "late")
    assert ("raised", "p0") in {(news.value, alarm.project) for news, alarm in given.verdict.alarms}


def test_what_was_decided_is_decided_again_to_the_byte() -> None:
    desk = desk_with_chain()
    give(desk, "other")
    desk.settle(1)
    desk.say("volume.bad", KEY, Status.UP)

    again = list(replay(desk.record, lambda _: desk.policy, State()))

    assert [recorded for _, recorded, _ in again] == [made for _, _, made in again]
