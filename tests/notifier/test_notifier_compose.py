"""From news to numbered notifications and their deliveries."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from notifier_players import CHANNELS, NOW, alarm, cleared, composer, subscription

from nfvigil.model.alarm import Alarm, VimState
from nfvigil.model.severity import Severity
from nfvigil.model.subscription import Endpoint, Filter, Mode
from nfvigil.model.verdict import News
from nfvigil.notifier.compose import ALARMS_MAX, Composer
from nfvigil.notifier.matcher import Matcher

PENDING = alarm()
SETTLED = alarm(vim_state=VimState.CONSISTENT)
GIVEN_UP = alarm(vim_state=VimState.INCONSISTENT)


@pytest.mark.parametrize(
    ("mode", "news", "one", "heard"),
    [
        (Mode.RAISED, News.RAISED, PENDING, True),
        (Mode.RAISED, News.CHANGED, PENDING, True),
        (Mode.RAISED, News.CONFIRMED, SETTLED, False),
        (Mode.RAISED, News.CLEARED, PENDING, True),
        (Mode.CONFIRMED, News.RAISED, PENDING, False),
        (Mode.CONFIRMED, News.CHANGED, PENDING, False),
        (Mode.CONFIRMED, News.CHANGED, SETTLED, True),
        (Mode.CONFIRMED, News.CONFIRMED, SETTLED, True),
        (Mode.CONFIRMED, News.CONFIRMED, GIVEN_UP, True),
        (Mode.CONFIRMED, News.CLEARED, PENDING, False),
        (Mode.CONFIRMED, News.CLEARED, SETTLED, True),
        (Mode.BOTH, News.RAISED, PENDING, True),
        (Mode.BOTH, News.CHANGED, PENDING, True),
        (Mode.BOTH, News.CONFIRMED, SETTLED, True),
        (Mode.BOTH, News.CLEARED, PENDING, True),
    ],
)
def test_a_mode_chooses_the_news(mode: Mode, news: News, one: Alarm, heard: bool) -> None:
    notifications, deliveries = composer(subscription(mode=mode)).compose([(news, one)], 7, NOW)

    assert [(n.news, n.alarms) for n in notifications] == ([(news, (one,))] if heard else [])
    assert len(deliveries) == len(notifications)


def test_news_of_one_event_comes_in_one_notification_per_kind_in_order_of_a_life() -> None:
    one = composer(subscription(mode=Mode.BOTH))
    a, b, c, d, e = (alarm(f"a{n}") for n in range(5))

    notifications, _ = one.compose(
        [(News.CLEARED, a), (News.RAISED, b), (News.CONFIRMED, c), (News.RAISED, d), (News.CHANGED, e)], 7, NOW
    )

    assert [(n.seq, n.news, n.alarms) for n in notifications] == [
        (1, News.RAISED, (b, d)),
        (2, News.CHANGED, (e,)),
        (3, News.CONFIRMED, (c,)),
        (4, News.CLEARED, (a,)),
    ]
    assert {n.event_id for n in notifications} == {7}


def test_numbers_go_on_where_they_were_and_name_the_same_things_again() -> None:
    def fresh() -> Composer:
        return Composer(matcher=Matcher([subscription()]), seqs={"s1": 41}, channels=CHANNELS)

    first, second = fresh(), fresh()

    assert first.compose([(News.RAISED, alarm())], 7, NOW) == second.compose([(News.RAISED, alarm())], 7, NOW)
    notifications, _ = first.compose([(News.RAISED, alarm("a2"))], 8, NOW)
    assert notifications[0].seq == 43


def test_a_storm_for_one_subscription_is_cut_into_portions() -> None:
    alarms = [alarm(f"a{n}") for n in range(2 * ALARMS_MAX + 1)]

    notifications, _ = composer(subscription()).compose([(News.RAISED, one) for one in alarms], 7, NOW)

    assert [(n.seq, len(n.alarms)) for n in notifications] == [(1, ALARMS_MAX), (2, ALARMS_MAX), (3, 1)]
    assert [one for n in notifications for one in n.alarms] == alarms


def test_each_endpoint_has_its_delivery_and_one_per_alarm_where_its_format_wants_that() -> None:
    endpoints = (Endpoint(id="e1", url="http://a/"), Endpoint(id="e2", url="http://b/", format="aodh"))
    one = composer(subscription(endpoints=endpoints))

    notifications, deliveries = one.compose([(News.RAISED, alarm("a1")), (News.RAISED, alarm("a2"))], 7, NOW)

    assert len(notifications) == 1
    assert [(d.endpoint, d.seq, d.part) for d in deliveries] == [("e1", 1, 0), ("e2", 1, 0), ("e2", 1, 1)]
    assert len({d.id for d in deliveries}) == 3


def test_a_paused_subscription_misses_nothing() -> None:
    notifications, deliveries = composer(subscription(paused=True)).compose([(News.RAISED, alarm())], 7, NOW)

    assert len(notifications) == len(deliveries) == 1


def test_who_was_told_of_an_alarm_hears_that_it_became_harmless_and_that_it_is_over() -> None:
    one = composer(subscription(filter=Filter(min_severity=Severity.MAJOR)))
    one.compose([(News.RAISED, alarm())], 7, NOW)
    harmless = alarm(severity=Severity.WARNING)

    changed, _ = one.compose([(News.CHANGED, harmless)], 8, NOW)
    over, _ = one.compose([(News.CLEARED, cleared(harmless))], 9, NOW)
    again, _ = one.compose([(News.RAISED, harmless)], 10, NOW)

    assert [n.news for n in (*changed, *over)] == [News.CHANGED, News.CLEARED]
    assert again == []


def test_who_was_told_before_a_restart_hears_that_it_is_over() -> None:
    careful = subscription("s2", mode=Mode.CONFIRMED, filter=Filter(min_severity=Severity.MAJOR))
    stranger = subscription("s3", project="green")
    one = composer(subscription(filter=Filter(min_severity=Severity.MAJOR)), careful, stranger)
    harmless = alarm(severity=Severity.WARNING)
    one.remember([harmless])

    over, _ = one.compose([(News.CLEARED, cleared(harmless))], 9, NOW)

    assert [n.subscription for n in over] == ["s1"]  # the careful one was waiting for a confirmation


def test_who_was_given_the_present_state_hears_that_it_is_over() -> None:
    late = subscription(filter=Filter(min_severity=Severity.MAJOR))
    one = composer(late)

    summary, _ = one.compose_single(late, News.SUMMARY, [alarm()], NOW)
    over, _ = one.compose([(News.CLEARED, cleared(alarm(severity=Severity.MINOR)))], 9, NOW)

    assert [(n.seq, n.news) for n in (*summary, *over)] == [(1, News.SUMMARY), (2, News.CLEARED)]


@pytest.mark.parametrize("news", [News.HEARTBEAT, News.TEST, News.SUMMARY])
@pytest.mark.parametrize("format_", sorted(CHANNELS))
def test_a_sign_of_life_takes_a_number_and_goes_to_every_endpoint_once(news: News, format_: str) -> None:
    one = subscription(endpoints=(Endpoint(id="e1", url="http://a/", format=format_),))

    notifications, deliveries = composer(one).compose_single(one, news, [], NOW)

    assert [(n.seq, n.news, n.event_id, n.alarms) for n in notifications] == [(1, news, 0, ())]
    assert [(d.endpoint, d.part) for d in deliveries] == [("e1", 0)]


_steps = st.lists(
    st.tuples(
        st.sampled_from([News.RAISED, News.CHANGED, News.CONFIRMED, News.CLEARED]),
        st.sampled_from(["a1", "a2"]),
        st.sampled_from(Severity),
        st.sampled_from(VimState),
    ),
    max_size=20,
)


@given(st.sampled_from(Mode), st.sampled_from(Severity), _steps)
def test_numbers_have_no_gap_and_every_alarm_told_is_told_to_be_over(
    mode: Mode, least: Severity, steps: list[tuple[News, str, Severity, VimState]]
) -> None:
    one = composer(subscription(mode=mode, filter=Filter(min_severity=least)))
    open_: set[str] = set()
    seqs: list[int] = []
    for news, name, severity, vim_state in steps:
        now = alarm(name, severity=severity, vim_state=vim_state)
        if news is News.CLEARED:
            now = cleared(now)
        notifications, deliveries = one.compose([(news, now)], 7, NOW)
        seqs += [n.seq for n in notifications]
        assert [d.notification for d in deliveries] == [n.id for n in notifications]
        heard = bool(notifications)
        if news in (News.CHANGED, News.CLEARED) and name in open_:
            assert heard
        if news is News.CLEARED:
            open_.discard(name)
        elif heard:
            open_.add(name)

    assert seqs == list(range(1, len(seqs) + 1))


def test_rows_survive_being_written_and_read() -> None:
    notifications, deliveries = composer(subscription()).compose([(News.RAISED, alarm())], 7, NOW)

    for row in (*notifications, *deliveries):
        assert msgspec.json.decode(msgspec.json.encode(row), type=type(row)) == row
