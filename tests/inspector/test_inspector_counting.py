"""k of n: several events within a window make one fault."""

from __future__ import annotations

from typing import Any

import pytest
from clouds import Desk, reasons, ruled, small_cloud, snapshot

from nfvigil.inspector import faults
from nfvigil.inspector.resource_map import ResourceMap
from nfvigil.inspector.state import WINDOW
from nfvigil.model.event import Status
from nfvigil.model.resource import Device, Kind
from nfvigil.model.topology import Topology
from nfvigil.model.verdict import Reason


def counting(count: dict[str, Any], **rule: Any) -> Desk:
    return Desk(ruled({"when": {"type": "warn.*"}, "raise": "outage", "count": count, **rule}), racks())


def racks() -> ResourceMap:
    """Hosts h0 and h1 in rack r0, h2 in rack r1; all in zones z0 and z1 by turns."""
    there = ResourceMap(
        Topology(
            devices=(Device(id="r0", kind=Kind.RACK), Device(id="r1", kind=Kind.RACK)),
            links=(("rack/r0", "host/h0"), ("rack/r0", "host/h1"), ("rack/r1", "host/h2")),
        )
    )
    there.load(snapshot(3, 2, {}))
    return there


STORIES: dict[str, tuple[dict[str, Any], dict[str, Any], list[tuple[str, str, int]], set[str]]] = {
    "one too few": ({"needed": 3, "within": 60}, {}, [("warn.a", "host/h0", 1), ("warn.b", "host/h0", 2)], set()),
    "enough": (
        {"needed": 3, "within": 60},
        {},
        [("warn.a", "host/h0", 1), ("warn.b", "host/h0", 2), ("warn.c", "host/h0", 3)],
        {"host/h0"},
    ),
    "of one kind as well": (
        {"needed": 2, "within": 60},
        {},
        [("warn.a", "host/h0", 1), ("warn.a", "host/h0", 2)],
        {"host/h0"},
    ),
    "the first is too long ago": (
        {"needed": 3, "within": 60},
        {},
        [("warn.a", "host/h0", 1), ("warn.b", "host/h0", 50), ("warn.c", "host/h0", 61)],
        set(),
    ),
    "just in time": (
        {"needed": 3, "within": 60},
        {},
        [("warn.a", "host/h0", 1), ("warn.b", "host/h0", 50), ("warn.c", "host/h0", 60)],
        {"host/h0"},
    ),
    "the window slides": (
        {"needed": 3, "within": 60},
        {},
        [("warn.a", "host/h0", n) for n in (1, 50, 70, 100)],
        {"host/h0"},
    ),
    "each resource for itself": (
        {"needed": 2, "within": 60},
        {},
        [("warn.a", "host/h0", 1), ("warn.a", "host/h1", 2)],
        set(),
    ),
    "over a rack, on the rack": (
        {"needed": 2, "within": 60, "per": "rack"},
        {"at": "rack"},
        [("warn.a", "host/h0", 1), ("warn.a", "host/h1", 2)],
        {"rack/r0"},
    ),
    "two racks": (
        {"needed": 2, "within": 60, "per": "rack"},
        {"at": "rack"},
        [("warn.a", "host/h0", 1), ("warn.a", "host/h2", 2)],
        set(),
    ),
    "over a zone": (
        {"needed": 2, "within": 60, "per": "zone"},
        {},
        [("warn.a", "host/h0", 1), ("warn.a", "host/h2", 2)],
        {"host/h2"},
    ),
    "over a group": (
        {"needed": 2, "within": 60, "per": "group"},
        {"at": "group"},
        [("warn.a", "server/s0-0", 1), ("warn.a", "server/s1-0", 2)],
        {"group/g0"},
    ),
    "the same resource twice is one": (
        {"needed": 2, "within": 60, "per": "rack", "distinct": True},
        {"at": "rack"},
        [("warn.a", "host/h0", 1), ("warn.b", "host/h0", 2)],
        set(),
    ),
    "two resources are two": (
        {"needed": 2, "within": 60, "per": "rack", "distinct": True},
        {"at": "rack"},
        [("warn.a", "host/h0", 1), ("warn.b", "host/h0", 2), ("warn.a", "host/h1", 3)],
        {"rack/r0"},
    ),
}


@pytest.mark.parametrize(("count", "rule", "events", "expected"), STORIES.values(), ids=STORIES.keys())
def test_enough_events_in_time_make_one_fault(
    count: dict[str, Any], rule: dict[str, Any], events: list[tuple[str, str, int]], expected: set[str]
) -> None:
    desk = counting(count, **rule)

    for kind, resource, second in events:
        desk.say(kind, resource, received_us=second * 1_000_000)

    assert desk.open() == {("outage", resource) for resource in expected}


def test_a_part_whose_warning_is_sent_again_is_one_where_repeats_do_not_count() -> None:
    desk = counting({"needed": 3, "within": 60, "repeats": False})
    for monitor in ("fan/1", "fan/1", "fan/1", "fan/2", "fan/1"):
        desk.say("warn.a", "host/h0", monitor=monitor)
    assert desk.open() == set()

    desk.say("warn.b", "host/h0", monitor="fan/1")

    assert desk.open() == {("outage", "host/h0")}


def test_it_is_said_how_many_there_are_yet() -> None:
    desk = counting({"needed": 3, "within": 60})

    desk.say("warn.a", "host/h0")
    decision = desk.say("warn.a", "host/h0")

    assert [(step.reason, step.text) for step in decision.verdict.steps] == [
        (Reason.BELOW_THRESHOLD, "2 of 3 within 60 s")
    ]


def test_what_is_in_no_rack_is_not_counted_by_rack() -> None:
    desk = counting({"needed": 2, "within": 60, "per": "rack"})

    decision = desk.say("warn.a", "server/s0-0")

    assert [(step.reason, step.text) for step in decision.verdict.steps] == [(Reason.NOT_SELECTED, "it has no rack")]


def test_a_warning_that_is_taken_back_does_not_count_any_more() -> None:
    desk = counting({"needed": 3, "within": 60})
    desk.say("warn.a", "host/h0")
    desk.say("warn.b", "host/h0")
    desk.say("warn.a", "host/h0", Status.UP)

    desk.say("warn.c", "host/h0")

    assert desk.open() == set()
    desk.say("warn.d", "host/h0")
    assert desk.open() == {("outage", "host/h0")}


def test_a_monitor_takes_back_only_what_it_said_itself() -> None:
    desk = counting({"needed": 2, "within": 60})
    desk.say("warn.a", "host/h0", monitor="m1")
    desk.say("warn.a", "host/h0", Status.UP, monitor="m2")

    desk.say("warn.b", "host/h0", monitor="m2")

    assert desk.open() == {("outage", "host/h0")}


def test_the_outage_ends_when_too_few_warnings_are_left() -> None:
    desk = counting({"needed": 2, "within": 60})
    for kind in ("warn.a", "warn.b", "warn.c"):
        desk.say(kind, "host/h0")

    decision = desk.say("warn.b", "host/h0", Status.UP)
    assert desk.open() == {("outage", "host/h0")}
    assert Reason.STILL_ASSERTED in reasons(decision)

    desk.say("warn.a", "host/h0", Status.UP)
    assert desk.open() == set()


def test_an_outage_of_several_resources_ends_when_too_few_of_them_are_left() -> None:
    desk = counting({"needed": 2, "within": 60, "per": "rack", "distinct": True}, at="rack")
    desk.say("warn.a", "host/h0")
    desk.say("warn.a", "host/h1")

    desk.say("warn.a", "host/h0", Status.UP)

    assert desk.open() == set()


def test_a_word_that_is_enough_by_itself_holds_the_outage_up() -> None:
    rules = (
        {"when": {"type": "warn.*"}, "raise": "outage", "count": {"needed": 2, "within": 60}},
        {"when": {"type": "bang"}, "raise": "outage"},
    )
    desk = Desk(ruled(*rules))
    desk.say("warn.a", "host/h0")
    desk.say("warn.b", "host/h0")
    desk.say("bang", "host/h0")

    desk.say("warn.a", "host/h0", Status.UP)
    desk.say("warn.b", "host/h0", Status.UP)
    assert desk.open() == {("outage", "host/h0")}

    desk.say("bang", "host/h0", Status.UP)
    assert desk.open() == set()


def test_a_clear_of_the_outage_itself_takes_back_all_its_warnings() -> None:
    desk = counting({"needed": 2, "within": 60})
    desk.say("warn.a", "host/h0")
    desk.say("warn.b", "host/h0")

    desk.say("outage", "host/h0", Status.UP)

    assert desk.open() == set()


def test_a_storm_of_warnings_is_kept_in_a_window_of_the_size_that_is_needed() -> None:
    desk = counting({"needed": 3, "within": 600})

    for _ in range(50):
        desk.say("warn.a", "host/h0")

    (window,) = desk.state.memory.values()
    assert len(window["seen"]) == 3
    (fault,) = desk.state.faults.values()
    assert len(fault.assertions) == 3, "whoever says the same again adds nothing"


def test_windows_of_what_is_not_heard_of_again_do_not_stay() -> None:
    desk = counting({"needed": 2, "within": 5})

    for number in range(200):
        desk.say("warn.a", f"host/made-up-{number}")

    assert len([name for name in desk.state.memory if name.startswith(WINDOW)]) <= 6
    assert len(desk.state.windows) <= 6


def test_windows_are_bounded_in_number_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "WINDOWS_MAX", 10)
    desk = counting({"needed": 2, "within": 3600})

    for number in range(50):
        desk.say("warn.a", f"host/made-up-{number}")

    assert len(desk.state.windows) <= 10


@pytest.mark.no_cover  # the same a thousand times
def test_one_fault_keeps_a_bounded_number_of_words() -> None:
    desk = Desk(there=small_cloud(1, 1))

    for number in range(faults.WORDS_MAX + 5):
        desk.say("host.warm", "host/h0", monitor=f"m{number}")

    (fault,) = desk.state.faults.values()
    assert len(fault.assertions) == faults.WORDS_MAX
