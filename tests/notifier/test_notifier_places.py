"""Whom a place, an occasion or a happening reaches: filters of the O2 interface and of a cloud's own bus."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from notifier_players import CHANNELS, NOW, alarm, cleared, composer, subscription

from nfvigil.model.alarm import Alarm, AlarmState
from nfvigil.model.happening import Happening
from nfvigil.model.notification import occasion_of
from nfvigil.model.resource import ResourceState, is_infrastructure
from nfvigil.model.subscription import Filter, Mode, Occasion, Subscription
from nfvigil.model.verdict import News
from nfvigil.notifier.compose import Composer
from nfvigil.notifier.matcher import Matcher
from nfvigil.settings import BusEvent, BusSettings
from nfvigil.wiring.buses import is_kept_down, subscription_of

HOST = alarm("h", resource="host/c-1", project="", vim="east")
VM = alarm("v", resource="server/vm-1", vim="east")
ACKED = replace(VM, acked_us=NOW + 9, changed_us=NOW + 9)


def heard(one: Subscription, *news: tuple[News, Alarm]) -> list[News]:
    return [each.news for each in composer(one).compose(news, 7, NOW)[0]]


def admin(**wanted: Any) -> Subscription:
    return subscription(project="", filter=Filter(**wanted))


@pytest.mark.parametrize(
    ("wanted", "host", "vm"),
    [
        ({}, True, True),
        ({"physical": True}, True, False),
        ({"physical": False}, False, True),
        ({"vims": ("east",)}, True, True),
        ({"vims": ("west",)}, False, False),
        ({"vims": ("west", "east"), "physical": True}, True, False),
    ],
)
def test_a_filter_of_places(wanted: dict[str, Any], host: bool, vm: bool) -> None:
    one = admin(**wanted)
    for alarm_, expected in ((HOST, host), (VM, vm)):
        assert heard(one, (News.RAISED, alarm_)) == [News.RAISED] * expected
        assert bool(Matcher([one]).match_for_good(alarm_)) is expected
        assert bool(Matcher([one]).match_resource(alarm_)) is expected
        assert bool(Matcher([one]).covered(one, [alarm_])) is expected


def test_two_clouds_are_not_taken_for_one_by_what_is_remembered_of_alarms() -> None:
    matcher = Matcher([admin(vims=("east",)), subscription("s2", project="", filter=Filter(vims=("west",)))])

    assert [one.id for one in matcher.match(HOST)] == ["s1"]
    assert [one.id for one in matcher.match(replace(HOST, vim="west"))] == ["s2"]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("host", True), ("pdu", True), ("vim", True), ("zone", True), ("server", False), ("port", False), ("new", True)],
)
def test_what_no_project_can_own_is_infrastructure(kind: str, expected: bool) -> None:
    assert is_infrastructure(kind) is expected


@pytest.mark.parametrize(
    ("news", "one", "expected"),
    [
        (News.RAISED, VM, Occasion.NEW),
        (News.SUMMARY, VM, Occasion.NEW),
        (News.CHANGED, replace(VM, changed_us=NOW), Occasion.CHANGE),
        (News.CHANGED, VM, Occasion.CHANGE),
        (News.CHANGED, ACKED, Occasion.ACKNOWLEDGE),
        (News.CHANGED, replace(ACKED, changed_us=NOW + 10), Occasion.CHANGE),
        (News.CHANGED, replace(ACKED, acked_us=None), Occasion.CHANGE),
        (News.CONFIRMED, ACKED, Occasion.CHANGE),
        (News.CLEARED, cleared(ACKED), Occasion.CLEAR),
        (News.ACTION, VM, Occasion.CHANGE),
    ],
)
def test_an_acknowledgement_is_told_apart_from_other_changes(news: News, one: Alarm, expected: Occasion) -> None:
    assert occasion_of(news, one) is expected


@pytest.mark.parametrize(
    ("occasions", "expected"),
    [
        (None, [News.RAISED, News.CHANGED, News.CHANGED, News.CLEARED]),
        ((), []),
        ((Occasion.NEW,), [News.RAISED]),
        ((Occasion.CHANGE,), [News.CHANGED]),
        ((Occasion.ACKNOWLEDGE, Occasion.CLEAR), [News.CHANGED, News.CLEARED]),
    ],
)
def test_only_the_occasions_that_were_asked_for_are_told(occasions: Any, expected: list[News]) -> None:
    one = admin(occasions=occasions)
    source = composer(one)
    told = []
    for news, each in (
        (News.RAISED, VM),
        (News.CHANGED, ACKED),
        (News.CHANGED, replace(ACKED, changed_us=NOW + 20)),
        (News.CLEARED, cleared(ACKED)),
    ):
        told += [notification.news for notification in source.compose([(news, each)], 7, NOW)[0]]

    assert told == expected
    assert [n.seq for n in source.compose([(News.RAISED, HOST)], 8, NOW)[0]] in ([], [len(expected) + 1]), "no gap"


def test_occasions_hold_for_deeds_too() -> None:
    deed = (News.ACTION, VM)

    assert heard(replace(admin(occasions=(Occasion.NEW,)), mode=Mode.BOTH), deed) == []
    assert heard(replace(admin(occasions=(Occasion.CHANGE,)), mode=Mode.BOTH), deed) == [News.ACTION]


def test_who_takes_a_clear_for_well_again_hears_the_last_one_only() -> None:
    open_: dict[str, Alarm] = {}
    one = admin(only_last_clear=True)
    other = subscription("s2", project="")
    source = Composer(
        matcher=Matcher([one, other]),
        seqs={},
        channels=CHANNELS,
        is_kept_down=lambda alarm_: is_kept_down(alarm_, open_, {"server/vm-1": list(open_)}),
    )
    first, second = replace(VM, id="v1"), replace(VM, id="v2")
    source.compose([(News.RAISED, first), (News.RAISED, second)], 7, NOW)

    open_["v2"] = second
    milder = replace(first, resource_state=ResourceState.NORMAL, changed_us=NOW + 1)
    told = source.compose([(News.CHANGED, milder)], 8, NOW)[0]
    assert [notification.subscription for notification in told] == ["s2"], "that would be well again, too"
    told = source.compose([(News.CLEARED, cleared(first))], 8, NOW)[0]
    assert [notification.subscription for notification in told] == ["s2"]

    del open_["v2"]
    told = source.compose([(News.CLEARED, cleared(second))], 9, NOW)[0]
    assert sorted(notification.subscription for notification in told) == ["s1", "s2"]


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (replace(VM, id="other"), True),
        (replace(VM, id="other", resource_state=ResourceState.ERROR), True),
        (replace(VM, id="other", resource_state=ResourceState.NORMAL), False),
        (replace(VM, id="other", state=AlarmState.CLEARED), False),
        (VM, False),
        (None, False),
    ],
)
def test_only_another_open_alarm_keeps_a_server_down(other: Alarm | None, expected: bool) -> None:
    alarms = {other.id: other} if other is not None else {}

    assert is_kept_down(VM, alarms, {"server/vm-1": [*alarms, "gone"]}) is expected
    assert not is_kept_down(VM, alarms, {})


# Happenings


def test_a_happening_is_for_those_who_asked_for_its_type() -> None:
    happening = Happening(type="maintenance.host", payload={"host": "c-1"}, vim="east")
    everybody = [
        admin(events=("maintenance.host",)),
        subscription("west", project="", filter=Filter(events=("maintenance.host",), vims=("west",))),
        subscription("blue", project="blue", filter=Filter(events=("maintenance.host",))),
        subscription("other", project="", filter=Filter(events=("maintenance.scheduled",))),
        subscription("none", project=""),
    ]
    matcher = Matcher(everybody)
    source = Composer(matcher=matcher, seqs={}, channels=CHANNELS)

    [told], [delivery] = source.compose_happening(happening, 7, NOW)

    assert (told.subscription, told.news, told.alarms) == ("s1", News.EVENT, ())
    assert told.event == {"event_type": "maintenance.host", "payload": {"host": "c-1"}}
    assert delivery.notification == told.id
    matcher.remove("s1")
    assert source.compose_happening(happening, 8, NOW) == ([], [])


def test_a_projects_happening_is_heard_by_that_project() -> None:
    one = subscription("blue", project="blue", filter=Filter(events=("maintenance.scheduled",)))
    mine = Happening(type="maintenance.scheduled", payload={}, project="blue")

    assert Matcher([one]).match_event(mine.type, "blue", "") == [one]
    assert Matcher([one]).match_event(mine.type, "green", "") == []


# The bus's subscription


def bus(**given: Any) -> Subscription:
    return subscription_of(BusSettings(**{"name": "east", "url": "rabbit://u:p@h/"} | given), NOW)


@pytest.mark.parametrize(
    ("events", "server", "port", "host", "maintenance"),
    [
        (tuple(BusEvent), True, True, False, True),
        ((BusEvent.SERVER,), True, False, False, False),
        ((BusEvent.PORT,), False, True, False, False),
        ((BusEvent.MAINTENANCE,), False, False, False, True),
    ],
)
def test_a_bus_hears_what_its_settings_name(
    events: tuple[BusEvent, ...], server: bool, port: bool, host: bool, maintenance: bool
) -> None:
    one = bus(events=events)
    for alarm_, expected in ((VM, server), (replace(VM, resource="port/p"), port), (HOST, host)):
        assert heard(one, (News.RAISED, alarm_)) == [News.RAISED] * expected
    told = composer(one).compose_happening(Happening(type="maintenance.host", payload={}), 7, NOW)[0]
    assert bool(told) is maintenance
    assert (one.owner, one.endpoints[0].url) == ("settings", "bus://east")


def test_a_bus_is_told_what_breaks_and_not_who_looks_after_it() -> None:
    well = replace(VM, resource_state=ResourceState.NORMAL, changed_us=NOW + 1)
    assert heard(bus(), (News.RAISED, well)) == []
    assert heard(bus(), (News.CHANGED, replace(well, resource_state=ResourceState.DOWN))) == [News.CHANGED]
    assert heard(bus(), (News.CHANGED, ACKED)) == []
    assert heard(bus(vims=("west",)), (News.RAISED, VM)) == []
