"""What is heard of OSM's clouds: which servers' records are looked at again, and what is asked for by itself."""

from __future__ import annotations

from typing import Any

import pytest
from osm_players import ACCOUNT, KEY, PROJECT, VNFR, Cloud, port_words

from nfvigil.model.reading import Reading
from nfvigil.model.resource import Port, Server, Snapshot
from nfvigil.vnf.osm.reader import OsmReader
from nfvigil.vnf.osm.records import Work
from nfvigil.vnf.osm.tasks import Target

EDGE = "edge"


def target(server: str = "s-1", **more: Any) -> Target:
    fields = {"account": ACCOUNT, "server": server, "vnfr": VNFR, "number": 0, "key": KEY, "ports": (f"p-{server}",)}
    return Target(**{**fields, **more})


class Stage:
    def __init__(self, *targets: Target) -> None:
        self.woken = 0
        self.cloud = Cloud()
        self.reader = OsmReader(interval_seconds=30, wake=self._wake)
        self.monitor(*(targets or (target(),)))

    def _wake(self) -> None:
        self.woken += 1

    def monitor(self, *targets: Target) -> None:
        self.reader.monitor({EDGE: targets})

    def listed(self) -> list[str]:
        """One listing; the servers whose records are to be looked at for it. All are settled."""
        self.cloud.listed(self.reader)
        return self.settle()

    def settle(self) -> list[str]:
        works = self.reader.works(100)
        for work in works:
            self.reader.settled(work, None)
        return sorted(work.target.server for work in works)

    def work(self) -> Work:
        (found,) = self.reader.works(100)
        return found


@pytest.fixture
def stage() -> Stage:
    """One server, known."""
    stage = Stage()
    stage.cloud.put()
    assert stage.listed() == ["s-1"]
    return stage


def test_only_clouds_of_osms_are_listed_for_it() -> None:
    stage = Stage()

    assert stage.reader.interval_seconds(EDGE) == 30
    assert stage.reader.interval_seconds("other") is None
    assert stage.reader.begin("other") is None
    assert stage.reader.missing(Reading(Snapshot(vim="other", taken_us=0))) == []
    stage.monitor()
    assert stage.reader.interval_seconds(EDGE) is None
    assert stage.reader.begin(EDGE) is None


def test_only_the_words_of_monitored_servers_are_wanted() -> None:
    details = Stage().reader.begin(EDGE)

    assert details is not None
    assert details.wants("s-1")
    assert not details.wants("s-2")


def test_a_cloud_that_has_not_changed_says_nothing(stage: Stage) -> None:
    assert stage.listed() == []
    assert stage.reader.pending == 0


def test_what_changed_has_its_record_looked_at(stage: Stage) -> None:
    stage.cloud.put(status="ERROR")
    assert stage.listed() == ["s-1"]

    stage.cloud.ports["p-s-1"] = port_words(status="DOWN")
    assert stage.listed() == ["s-1"]


def test_a_change_of_a_port_comes_with_all_words_on_the_server(stage: Stage) -> None:
    stage.cloud.ports["p-s-1"] = port_words(status="DOWN")
    stage.cloud.ports["p-2"] = port_words("p-2")
    stage.cloud.listed(stage.reader)

    work = stage.work()

    assert work.words is not None
    assert b"ACTIVE" in work.words.server
    assert b"user_data" not in work.words.server
    assert work.words.ports.keys() == {"p-s-1", "p-2"}
    assert (work.project, work.host) == (PROJECT, "compute-1")


def test_what_is_not_in_a_listing_is_asked_for_and_then_known_to_be_gone(stage: Stage) -> None:
    del stage.cloud.servers["s-1"], stage.cloud.ports["p-s-1"]

    stage.cloud.listed(stage.reader)

    assert stage.cloud.asked == ["server/s-1"]
    assert stage.work().words is None
    stage.settle()
    assert stage.listed() == []
    assert stage.cloud.asked == [], "what is known to be gone is not expected"


def test_what_nobody_can_say_anything_of_is_as_it_was(stage: Stage) -> None:
    stage.cloud.silent = {"server/s-1", "port/p-s-1"}

    assert stage.listed() == []
    assert stage.cloud.asked == ["server/s-1"]

    stage.cloud.silent = set()
    assert stage.listed() == [], "and it is the same again"


def test_what_is_to_be_written_survives_a_listing_without_it(stage: Stage) -> None:
    stage.cloud.put(status="ERROR")
    stage.cloud.listed(stage.reader)
    stage.cloud.silent = {"server/s-1"}
    stage.cloud.listed(stage.reader)

    work = stage.work()

    assert work.words is not None
    assert b"ERROR" in work.words.server


def test_a_server_that_is_back_is_looked_at(stage: Stage) -> None:
    del stage.cloud.servers["s-1"]
    stage.listed()

    stage.cloud.put()

    assert stage.listed() == ["s-1"]


def test_a_port_that_is_gone_is_gone_for_good_and_said_once(stage: Stage) -> None:
    del stage.cloud.ports["p-s-1"]
    stage.cloud.listed(stage.reader)

    assert stage.cloud.asked == ["port/p-s-1"]
    words = stage.work().words
    assert words is not None
    assert words.ports == {"p-s-1": None}
    stage.settle()
    assert stage.listed() == []

    stage.cloud.put()
    assert stage.listed() == ["s-1"]


def test_a_port_that_nobody_can_say_anything_of_is_not_in_the_words(stage: Stage) -> None:
    stage.cloud.silent = {"port/p-s-1"}
    stage.cloud.put(status="ERROR")
    stage.cloud.listed(stage.reader)

    words = stage.work().words

    assert words is not None
    assert words.ports == {}


def test_a_port_that_is_another_servers_now_is_not_this_ones(stage: Stage) -> None:
    stage.cloud.ports["p-s-1"] = port_words(server="s-9")
    stage.cloud.listed(stage.reader)

    words = stage.work().words
    assert words is not None
    assert words.ports == {"p-s-1": None}
    stage.settle()
    assert stage.listed() == []

    stage.cloud.ports["p-s-1"] = port_words()
    assert stage.listed() == ["s-1"]


def test_the_ports_that_a_record_has_are_expected_in_place_of_the_tasks(stage: Stage) -> None:
    stage.cloud.put(status="ERROR")
    stage.cloud.listed(stage.reader)
    stage.reader.settled(stage.work(), ("p-of-the-record",))

    stage.cloud.listed(stage.reader)

    assert stage.cloud.asked == ["port/p-of-the-record"]


def test_what_changed_while_it_was_written_is_looked_at_again(stage: Stage) -> None:
    stage.cloud.put(status="ERROR")
    stage.cloud.listed(stage.reader)
    first = stage.work()
    stage.cloud.put(status="ACTIVE")
    stage.cloud.listed(stage.reader)

    stage.reader.settled(first, None)

    assert stage.reader.pending == 1
    words = stage.work().words
    assert words is not None
    assert b"ACTIVE" in words.server


def test_a_task_that_osm_has_changed_has_its_record_looked_at(stage: Stage) -> None:
    woken = stage.woken
    stage.monitor(target(modified=1.0))

    assert stage.woken > woken
    assert stage.settle() == ["s-1"]
    stage.monitor(target(modified=1.0))
    assert stage.settle() == []


def test_of_a_server_that_was_never_listed_nothing_is_said() -> None:
    stage = Stage()
    stage.monitor(target(modified=1.0))

    assert stage.settle() == []
    assert stage.woken == 0


def test_what_is_not_monitored_any_more_is_forgotten(stage: Stage) -> None:
    del stage.cloud.ports["p-s-1"]
    stage.cloud.put("s-2")
    stage.cloud.listed(stage.reader)
    stage.monitor(target("s-2"))

    assert stage.reader.pending == 0
    assert stage.reader.monitored() == {EDGE: 1}
    assert stage.listed() == ["s-2"]
    stage.reader.monitor({})
    assert stage.reader.monitored() == {}
    assert stage.listed() == []


def test_a_late_answer_on_what_was_forgotten_is_ignored(stage: Stage) -> None:
    stage.cloud.put(status="ERROR")
    stage.cloud.listed(stage.reader)
    work = stage.work()
    stage.monitor()

    stage.reader.settled(work, ())
    stage.reader.postpone(work)
    stage.reader.monitor({})
    stage.reader.settled(work, ())
    stage.reader.postpone(work)

    assert stage.reader.pending == 0


def test_a_cloud_that_is_watched_anew_is_read_from_the_start(stage: Stage) -> None:
    stage.reader.forget(EDGE)
    stage.reader.forget("other")

    assert stage.listed() == ["s-1"]


def test_words_that_cannot_be_read_are_none(stage: Stage) -> None:
    details = stage.reader.begin(EDGE)
    assert details is not None
    details.put("server/s-1", memoryview(b"no json"))
    snapshot = Snapshot(vim=EDGE, taken_us=0, servers=(Server(id="s-1", vim=EDGE),))

    stage.reader.take(Reading(snapshot), details)

    assert stage.reader.pending == 0


def test_a_list_that_was_begun_anew_counts_as_it_was_said_last(stage: Stage) -> None:
    details: Any = stage.reader.begin(EDGE)
    same = stage.reader._clouds[EDGE].words["server/s-1"].body
    details.put("server/s-1", memoryview(b'{"id":"s-1","status":"ERROR"}'))
    before = details.changed.copy()
    stage.cloud.listed(stage.reader)

    assert before == {"server/s-1"}
    assert same
    assert stage.reader.pending == 0


def test_words_on_a_port_alone_make_no_record(stage: Stage) -> None:
    """A server that no listing has had any words on, and a port of it."""
    stage.monitor(target(), target("s-2"))
    details = stage.reader.begin(EDGE)
    assert details is not None
    details.put("port/p-s-2", memoryview(b'{"id":"p-s-2"}'))
    ports = (Port(id="p-s-2", vim=EDGE, server="s-2"),)

    stage.reader.take(Reading(Snapshot(vim=EDGE, taken_us=0, ports=ports)), details)

    assert stage.settle() == []


def test_a_driver_that_hands_over_no_words_is_named(stage: Stage) -> None:
    assert stage.reader.blind() == []
    details = stage.reader.begin(EDGE)
    snapshot = Snapshot(vim=EDGE, taken_us=0, servers=(Server(id="s-1", vim=EDGE),))

    stage.reader.take(Reading(snapshot), details)

    assert stage.reader.blind() == [EDGE]
    assert stage.listed() == []
    assert stage.reader.blind() == []


def test_a_listing_that_somebody_else_has_begun_is_none_of_ours(stage: Stage) -> None:
    stage.reader.take(Reading(Snapshot(vim=EDGE, taken_us=0)), None)

    assert stage.reader.pending == 0


# Batches


def test_what_waits_for_one_record_comes_together_and_records_are_counted() -> None:
    several = [target(f"s-{n}", vnfr=f"v-{n % 3}", number=n) for n in range(9)]
    stage = Stage(*several)
    for one in several:
        stage.cloud.put(one.server)
    stage.cloud.listed(stage.reader)

    first = stage.reader.works(2)

    assert len({work.target.vnfr for work in first}) == 2
    assert len(first) == 6
    for work in first:
        stage.reader.settled(work, None)
    assert len(stage.reader.works(2)) == 3


def test_a_server_in_two_records_is_written_to_both() -> None:
    stage = Stage(target(), target(vnfr="v-2"))
    stage.cloud.put()
    stage.cloud.listed(stage.reader)

    assert [work.target.vnfr for work in stage.reader.works(1)] == [VNFR, "v-2"]


def test_what_is_postponed_lets_the_others_go_first() -> None:
    stage = Stage(target(), target("s-2", vnfr="v-2"))
    stage.cloud.put()
    stage.cloud.put("s-2")
    stage.cloud.listed(stage.reader)
    first = stage.reader.works(1)[0]

    stage.reader.postpone(first)

    assert stage.reader.works(1)[0].target.server != first.target.server
