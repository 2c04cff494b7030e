"""Who wants to hear of an alarm."""

from __future__ import annotations

from fnmatch import fnmatchcase
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from notifier_players import alarm, cleared, subscription

from nfvigil.model.alarm import Alarm, AlarmState, Audience, VimState
from nfvigil.model.resource import Kind, ResourceState
from nfvigil.model.severity import EventType, Severity
from nfvigil.model.subscription import Filter, Mode, Subscription
from nfvigil.notifier.matcher import Matcher


@pytest.mark.parametrize(
    ("wanted", "matches"),
    [
        pytest.param({}, True, id="no filter lets all through"),
        pytest.param({"resource_ids": ("vm-1",)}, True, id="a bare id"),
        pytest.param({"resource_ids": ("server/vm-1",)}, True, id="a key"),
        pytest.param({"resource_ids": ("vm-1", "server/vm-1")}, True, id="both, and told once"),
        pytest.param({"resource_ids": ("port/vm-1",)}, False, id="a key of another kind"),
        pytest.param({"resource_ids": ("vm-2",)}, False, id="another id"),
        pytest.param({"resource_types": (Kind.SERVER, Kind.PORT)}, True, id="its kind among several"),
        pytest.param({"resource_types": (Kind.PORT,)}, False, id="another kind"),
        pytest.param({"resource_states": (ResourceState.DOWN,)}, True, id="its state"),
        pytest.param({"resource_states": (ResourceState.ERROR,)}, False, id="another state"),
        pytest.param({"fault_types": ("compute.host.*",)}, True, id="a glob at the end"),
        pytest.param({"fault_types": ("*.down",)}, True, id="a glob at the start"),
        pytest.param({"fault_types": ("compute.h?st.down",)}, True, id="a question mark"),
        pytest.param({"fault_types": ("compute.host.down",)}, True, id="a plain name"),
        pytest.param({"fault_types": ("compute.host",)}, False, id="the beginning of a name is not the name"),
        pytest.param({"fault_types": ("Compute.*",)}, False, id="case counts"),
        pytest.param({"fault_types": ("network.*", "compute.*")}, True, id="one of several globs"),
        pytest.param({"min_severity": Severity.CRITICAL}, True, id="as severe as wanted"),
        pytest.param({"resource_ids": ("vm-1",), "fault_types": ("network.*",)}, False, id="all conditions count"),
    ],
)
def test_a_filter_lets_through_what_it_says(wanted: dict[str, Any], matches: bool) -> None:
    matcher = Matcher([subscription(filter=Filter(**wanted))])

    found = [one.id for one in matcher.match(alarm())]

    assert found == (["s1"] if matches else [])


@pytest.mark.parametrize(
    ("project", "of_project", "audience", "matches"),
    [
        ("blue", "blue", Audience.OWNERS, True),
        ("blue", "green", Audience.OWNERS, False),
        ("blue", "", Audience.OWNERS, False),
        ("blue", "blue", Audience.ADMIN, False),
        ("blue", "blue", Audience.NONE, False),
        ("", "blue", Audience.OWNERS, True),
        ("", "", Audience.OWNERS, True),
        ("", "blue", Audience.ADMIN, True),
        ("", "blue", Audience.NONE, False),
    ],
)
def test_a_project_hears_of_its_own_and_the_administrator_of_all(
    project: str, of_project: str, audience: Audience, matches: bool
) -> None:
    one = subscription(project=project)
    matcher = Matcher([one])
    news = alarm(project=of_project, audience=audience)

    assert list(matcher.match(news)) == ([one] if matches else [])
    assert matcher.covered(one, [news]) == ([news] if matches else [])


def test_a_clear_passes_where_the_raise_did() -> None:
    matcher = Matcher([subscription(filter=Filter(min_severity=Severity.MAJOR))])

    assert matcher.match(cleared(alarm(severity=Severity.MAJOR)))
    assert not matcher.match(cleared(alarm(severity=Severity.MINOR)))


def test_a_subscription_is_effective_at_once_and_gone_at_once() -> None:
    matcher = Matcher()
    assert not matcher.match(alarm())

    matcher.put(subscription(filter=Filter(fault_types=("compute.*",))))
    assert [one.id for one in matcher.match(alarm())] == ["s1"]

    matcher.put(subscription(filter=Filter(fault_types=("network.*",))))
    assert not matcher.match(alarm())

    matcher.put(subscription(filter=Filter(resource_ids=("vm-1",))))
    assert matcher.match(alarm())

    matcher.remove("s1")
    matcher.remove("never was")
    assert not matcher.match(alarm())
    assert len(matcher) == 0


def test_the_present_state_has_no_cleared_alarms_and_nothing_unconfirmed_for_who_waits_for_that() -> None:
    careful = subscription(mode=Mode.CONFIRMED)
    raised, confirmed = alarm("a1"), alarm("a2", vim_state=VimState.CONSISTENT)

    assert Matcher().covered(careful, [raised, confirmed, cleared(confirmed)]) == [confirmed]


_names = st.sampled_from(["vm-1", "vm-2", "server/vm-1", "port/vm-1", "host/vm-2"])
_types = st.sampled_from(["compute.host.down", "compute.host.cpu", "network.link.down", "x"])
_globs = st.sampled_from(["*", "compute.*", "*.down", "compute.host.down", "c?mpute*", "[xy]", "x", "Compute.*"])
_filters = st.builds(
    Filter,
    resource_types=st.lists(st.sampled_from([Kind.SERVER, Kind.PORT, Kind.HOST]), max_size=2).map(tuple),
    resource_ids=st.lists(_names, max_size=2).map(tuple),
    resource_states=st.lists(st.sampled_from(ResourceState), max_size=2).map(tuple),
    fault_types=st.lists(_globs, max_size=2).map(tuple),
    min_severity=st.sampled_from(Severity),
    severities=st.lists(st.sampled_from(Severity), max_size=2).map(tuple),
    event_types=st.lists(st.sampled_from(EventType), max_size=1).map(tuple),
    probable_causes=st.lists(st.sampled_from(["other", "lanError"]), max_size=1).map(tuple),
    vnfs=st.lists(st.sampled_from(["v1", "v2"]), max_size=2).map(tuple),
    only_vnfs=st.booleans(),
)
_subscriptions = st.builds(
    Subscription,
    id=st.sampled_from([f"s{n}" for n in range(6)]),
    project=st.sampled_from(["", "blue", "green"]),
    filter=_filters,
)
_numbers = count()
_alarms = st.builds(
    lambda resource, fault_type, project, severity, state, audience, vnf, event_type, is_cleared: alarm(
        f"a{next(_numbers)}",
        resource=resource,
        fault_type=fault_type,
        project=project,
        severity=severity,
        resource_state=state,
        audience=audience,
        vnf=vnf,
        event_type=event_type,
        state=AlarmState.CLEARED if is_cleared else AlarmState.RAISED,
    ),
    st.sampled_from(["server/vm-1", "server/vm-2", "port/vm-1", "host/vm-2"]),
    _types,
    st.sampled_from(["", "blue", "green"]),
    st.sampled_from(Severity),
    st.sampled_from(ResourceState),
    st.sampled_from(Audience),
    st.sampled_from(["", "v1", "v2"]),
    st.sampled_from([EventType.EQUIPMENT, EventType.QOS]),
    st.booleans(),
)


def naive(one: Subscription, news: Alarm) -> bool:
    """The rules again, in the plainest words."""
    kind, name = news.resource.split("/")
    wanted = one.filter
    if news.audience is Audience.NONE:
        return False
    if one.project and (one.project != news.project or news.audience is not Audience.OWNERS):
        return False
    return (
        (not wanted.resource_types or kind in wanted.resource_types)
        and (not wanted.resource_ids or name in wanted.resource_ids or news.resource in wanted.resource_ids)
        and (not wanted.resource_states or news.resource_state in wanted.resource_states)
        and (not wanted.fault_types or any(fnmatchcase(news.fault_type, glob) for glob in wanted.fault_types))
        and news.severity.rank >= wanted.min_severity.rank
        and (not wanted.severities or (news.severity if news.is_open else Severity.CLEARED) in wanted.severities)
        and (not wanted.event_types or news.event_type in wanted.event_types)
        and (not wanted.probable_causes or news.probable_cause in wanted.probable_causes)
        and (not wanted.vnfs or news.vnf in wanted.vnfs)
        and (not wanted.only_vnfs or news.vnf != "")
    )


@given(st.lists(st.one_of(_subscriptions, _alarms, st.sampled_from([f"s{n}" for n in range(6)])), max_size=40))
def test_the_index_finds_what_looking_at_each_finds(steps: list[Subscription | Alarm | str]) -> None:
    matcher = Matcher()
    known: dict[str, Subscription] = {}
    for step in steps:
        if isinstance(step, Subscription):
            matcher.put(step)
            known[step.id] = step
        elif isinstance(step, str):
            matcher.remove(step)
            known.pop(step, None)
        else:
            found = list(matcher.match(step))
            assert len(found) == len({one.id for one in found})
            assert {one.id for one in found} == {one.id for one in known.values() if naive(one, step)}
            assert {one.id for one in found} <= {one.id for one in matcher.match_for_good(step)}
