"""Event alarms: which query an event hits, which can never be hit, and what becomes of those that are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from notifier_players import NOW, alarm, cleared, composer

from nfvigil.errors import ForbiddenError
from nfvigil.model.alarm import Audience
from nfvigil.model.event import Event, Status
from nfvigil.model.event_alarm import AodhState, CloudEvent, Condition, EventAlarm, Trait
from nfvigil.model.resource import ResourceState
from nfvigil.model.verdict import Decision, News, Verdict
from nfvigil.notifier import event_index
from nfvigil.notifier.channels.aodh import AodhChannel
from nfvigil.notifier.event_alarms import EventAlarms, subscription_of
from nfvigil.notifier.event_index import EventIndex
from nfvigil.notifier.event_query import flaws
from nfvigil.notifier.event_values import comparison, holds, moment, values_of
from nfvigil.notifier.matcher import Matcher
from nfvigil.notifier.own_events import events_of

UPDATE = "compute.instance.update"


def wish(name: str = "w", *query: tuple[str, str, str, str] | tuple[str, str], **given: Any) -> EventAlarm:
    """A query of (trait, value) or (trait, op, value, type)."""
    conditions = []
    for one in query:
        trait, op, value, kind = one if len(one) == 4 else (one[0], "eq", one[1], "")
        conditions.append(Condition(f"traits.{trait}", op, value, kind))
    values: dict[str, Any] = {"project": "blue", "event_type": UPDATE, "alarm_actions": ("http://192.0.2.1/hook",)}
    return EventAlarm(id=name, name=name, query=tuple(conditions), **values | given)


def happened(event_type: str = UPDATE, project: str = "blue", message_id: str = "m", **traits: Any) -> CloudEvent:
    numbers = {str: 1, int: 2, float: 3}
    found: list[Trait] = [(name, numbers[type(value)], value) for name, value in traits.items()]
    return CloudEvent(
        message_id=message_id, event_type=event_type, generated_us=NOW, project=project, traits=tuple(found)
    )


def hits(index: EventIndex, event: CloudEvent) -> list[str]:
    return sorted(one.id for one in index.match(event))


# Comparing, as Aodh does


@pytest.mark.parametrize(
    ("query", "traits", "is_hit"),
    [
        pytest.param([("state", "error")], {"state": "error"}, True, id="no type is text"),
        pytest.param([("state", "error")], {"state": "active"}, False, id="another value"),
        pytest.param([("state", "error")], {}, False, id="the trait is missing"),
        pytest.param([("state", "ne", "error", "")], {}, True, id="what is missing is unlike"),
        pytest.param([("state", "lt", "z", "")], {}, False, id="what is missing is not less"),
        pytest.param([("vcpus", "eq", "2", "integer")], {"vcpus": 2}, True, id="a number"),
        pytest.param([("vcpus", "eq", "2.0", "float")], {"vcpus": 2}, True, id="a float is like a whole number"),
        pytest.param([("vcpus", "eq", "2", "string")], {"vcpus": 2}, False, id="text is unlike a number"),
        pytest.param([("vcpus", "gt", "a", "string")], {"vcpus": 2}, False, id="text against a number"),
        pytest.param([("vcpus", "gt", "1", "integer"), ("vcpus", "le", "2", "integer")], {"vcpus": 2}, True, id="and"),
        pytest.param([("vcpus", "ge", "3", "integer"), ("vcpus", "le", "4", "integer")], {"vcpus": 2}, False, id="not"),
        pytest.param([("state", "error"), ("host", "ne", "x", "")], {"state": "error"}, True, id="eq and ne"),
    ],
)
def test_a_query_hits(query: list[Any], traits: dict[str, Any], is_hit: bool) -> None:
    assert bool(hits(EventIndex([wish("w", *query)]), happened(**traits))) is is_hit


def test_times_are_compared_as_instants() -> None:
    event = CloudEvent(
        message_id="m",
        event_type=UPDATE,
        generated_us=NOW,
        project="blue",
        traits=(("launched_at", 4, "2026-01-02T03:04:05+01:00"), ("deleted_at", 4, "never")),
    )

    assert hits(EventIndex([wish("w", ("launched_at", "eq", "2026-01-02T02:04:05", "datetime"))]), event) == ["w"]
    assert hits(EventIndex([wish("w", ("launched_at", "lt", "2026-01-02T02:04:05Z", "datetime"))]), event) == []
    assert "deleted_at" not in values_of(event.traits), "what is none of its type compares with nothing"
    assert moment(" 2026-01-02 ").year == 2026


@pytest.mark.parametrize(
    ("glob", "event_type", "is_hit"),
    [
        ("*", "anything", True),
        ("compute.instance.*", UPDATE, True),
        ("compute.*.update", UPDATE, True),
        ("compute.instance", UPDATE, False),
        ("port.update.*", "port.update.end", True),
        ("?", "ab", False),
    ],
)
def test_an_event_type_is_a_glob(glob: str, event_type: str, is_hit: bool) -> None:
    index = EventIndex([wish("w", event_type=glob)])

    assert index.is_watched(event_type) is is_hit
    assert bool(hits(index, happened(event_type))) is is_hit


# The index


def linear(alarms: list[EventAlarm], event: CloudEvent) -> list[str]:
    """As one would do it for few: every alarm, one after another."""
    found = []
    for one in alarms:
        is_all = one.is_operators or not one.project
        if not is_all and (event.operators_only or one.project != event.project):
            continue
        if is_all and one.project and event.project and one.project != event.project:
            continue
        values = values_of(event.traits + (event.physical if is_all else ()))
        names = (event.event_type, *event.other_names)
        is_meant = any(event_index._fits(one.event_type, (name,)) for name in names)
        if is_meant and all(holds(comparison(condition), values) for condition in one.query):
            found.append(one.id)
    return sorted(found)


_traits = st.sampled_from(["a", "b", "host"])
_values = st.sampled_from(["1", "2", "x"])
_conditions = st.lists(
    st.tuples(_traits, st.sampled_from(["eq", "ne", "lt"]), _values, st.just("")), max_size=3, unique_by=lambda c: c[0]
)
_wishes = st.lists(
    st.tuples(
        _conditions,
        st.sampled_from(["", "blue", "red"]),
        st.booleans(),
        st.sampled_from(["*", "x.*", "x.y", "z"]),
    ),
    max_size=8,
)


@given(
    wishes=_wishes,
    traits=st.dictionaries(_traits, _values, max_size=3),
    project=st.sampled_from(["", "blue", "red"]),
    event_type=st.sampled_from(["x.y", "x.z", "z"]),
    secret=st.booleans(),
    removed=st.sets(st.integers(0, 7)),
)
def test_the_index_finds_what_looking_at_each_finds(
    wishes: list[Any], traits: dict[str, str], project: str, event_type: str, secret: bool, removed: set[int]
) -> None:
    alarms = [
        wish(str(number), *query, project=owner, is_operators=operators, event_type=glob)
        for number, (query, owner, operators, glob) in enumerate(wishes)
    ]
    index = EventIndex(alarms)
    event = happened(event_type, project, **{name: value for name, value in traits.items() if name != "host"})
    physical: tuple[Trait, ...] = (("host", 1, traits["host"]),) if "host" in traits else ()
    event = replace_event(event, physical=physical, operators_only=secret, other_names=("x.y.end",))

    assert hits(index, event) == linear(alarms, event)

    for number in removed:
        index.remove(str(number))
    left = [one for number, one in enumerate(alarms) if number not in removed]
    assert hits(index, event) == linear(left, event)
    assert len(index) == len(left)
    for one in left:
        index.remove(one.id)
    assert (index._projects, index._operators, index._types, index._counts, index._entries) == ({}, {}, {}, {}, {})


def replace_event(event: CloudEvent, **given: Any) -> CloudEvent:
    return replace(event, **given)


def test_a_changed_alarm_takes_its_own_place_and_a_disabled_one_is_blind() -> None:
    index = EventIndex([wish("w", ("state", "error"))])
    event = happened(state="error")

    index.put(wish("w", ("state", "active")))
    assert hits(index, event) == []
    index.put(wish("w", ("state", "error"), enabled=False))
    assert (hits(index, event), index.is_watched(UPDATE)) == ([], False)
    index.put(wish("w", ("state", "error")))
    assert (hits(index, event), index.is_watched(UPDATE)) == (["w"], True)
    assert index.count("blue") == 1


def test_a_project_may_ask_for_so_many_different_things(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_index, "QUESTIONS_MAX", 1)
    index = EventIndex([wish("w", ("state", "error"))])

    index.check_room(wish("v", ("state", "active")))
    index.check_room(wish("v", ("a", "1"), project="red"))
    with pytest.raises(ForbiddenError, match="1 different sets"):
        index.check_room(wish("v", ("a", "1")))


def test_a_project_may_ask_for_the_same_so_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nfvigil.notifier.event_index.SAME_MAX", 2)
    index = EventIndex([wish("a", ("state", "error")), wish("b", ("state", "error"), ("vcpus", "gt", "2", "integer"))])

    index.check_room(wish("a", ("state", "error"), repeat_actions=True))
    index.check_room(wish("c", ("state", "active")))
    index.check_room(wish("c", ("state", "error"), project="red"))
    with pytest.raises(ForbiddenError, match="2 of the project's alarms ask for the same"):
        index.check_room(wish("c", ("state", "error"), ("vcpus", "lt", "9", "integer")))


def test_what_is_remembered_of_event_types_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_index, "_SIGHTS_MAX", 2)
    index = EventIndex([wish("w", event_type="*")])

    for number in range(5):
        assert hits(index, happened(f"x.{number}")) == ["w"]
        assert index.is_watched(f"x.{number}")
    assert len(index._watched) <= 2
    assert len(index._projects["blue"]._sights) <= 2


# What cannot match


@pytest.mark.parametrize(
    ("query", "more", "field", "reason"),
    [
        pytest.param([], {"event_type": ""}, "event_type", "1 to", id="no type"),
        pytest.param([], {"event_type": "*" * 9}, "event_type", "stars", id="stars"),
        pytest.param([("state", "x")] * 33, {}, "query", "more than 32", id="too many"),
        pytest.param([("state", "is", "x", "")], {}, "query[0].op", "none of", id="an op"),
        pytest.param([("state", "eq", "x", "boolean")], {}, "query[0].type", "boolean cannot match", id="boolean"),
        pytest.param([("state", "eq", "x", "text")], {}, "query[0].type", "none of", id="a type"),
        pytest.param([("vcpus", "eq", "two", "integer")], {}, "query[0].value", "no integer", id="no number"),
        pytest.param([("vcpus", "eq", "nan", "float")], {}, "query[0].value", "no number", id="nan"),
        pytest.param([("launched_at", "eq", "soon", "datetime")], {}, "query[0].value", "no datetime", id="no time"),
        pytest.param([("state", "x" * 1025)], {}, "query[0].value", "longer", id="long"),
        pytest.param([("instance", "x")], {}, "query[0].field", "never has it; it may have access", id="unknown"),
        pytest.param([("vcpus", "1")], {}, "query[0].field", "of the type integer", id="number as text"),
        pytest.param([("host", "x")], {}, "query[0].field", "physical", id="a host, for a project"),
        pytest.param([("my_node", "x")], {"event_type": "*"}, "query[0].field", "physical", id="a node of any type"),
        pytest.param([("project_id", "red")], {}, "query[0].value", "of blue only", id="another's"),
        pytest.param([("state", "a"), ("state", "b")], {}, "query[1].value", "something else", id="two values"),
    ],
)
def test_what_can_never_match_is_refused_by_field(
    query: list[Any], more: dict[str, Any], field: str, reason: str
) -> None:
    (flaw,) = flaws(wish("w", *query, **more))

    assert flaw.field == f"event_rule.{field}"
    assert reason in flaw.reason


@pytest.mark.parametrize("field", ["state", "trait.state", "traits.", "event_type", "traits.a b", "x" * 300])
def test_only_traits_can_be_asked_for(field: str) -> None:
    (flaw,) = flaws(EventAlarm(id="w", name="w", query=(Condition(field),)))

    assert "only traits.<name> can" in flaw.reason


@pytest.mark.parametrize(
    ("query", "more"),
    [
        ([("instance_id", "x"), ("state", "eq", "error", "string")], {}),
        ([("vcpus", "gt", "1", "integer"), ("vcpus", "gt", "1.5", "float")], {}),
        ([("hostname", "x")], {}),
        ([("whatever", "x")], {"event_type": "port.update.*"}),
        ([("host", "x")], {"is_operators": True}),
        ([("host", "x"), ("project_id", "red")], {"project": ""}),
        ([("project_id", "blue"), ("state", "a"), ("state", "a")], {}),
    ],
)
def test_what_can_match_is_taken(query: list[Any], more: dict[str, Any]) -> None:
    assert flaws(wish("w", *query, **more)) == []


# Our own decisions


def decided(*news: tuple[News, Any], event: Event | None = None) -> Decision:
    event = event or Event(id=7, type="compute.host.down", resource="host/c1", time_us=NOW, received_us=NOW)
    return Decision(event=event, verdict=Verdict(event_id=event.id, alarms=news))


def told(decision: Decision, **given: Any) -> list[CloudEvent]:
    given.setdefault("host_of", lambda _resource: "c1")
    given.setdefault("is_ill", lambda _resource: False)
    given.setdefault("is_wanted", lambda *_: True)
    return list(events_of(decision, **given))


def test_a_server_that_fails_is_an_update_to_error_and_its_host_is_not_told_to_the_project() -> None:
    (event,) = told(decided((News.RAISED, alarm(resource="server/vm-1", resource_name="web"))))

    traits = {name: value for name, _, value in event.traits}
    assert (event.event_type, event.project, event.resource) == (UPDATE, "blue", "server/vm-1")
    assert (traits["state"], traits["old_state"], traits["instance_id"]) == ("error", "active", "vm-1")
    assert (traits["project_id"], traits["tenant_id"], traits["display_name"]) == ("blue", "blue", "web")
    assert (event.physical, event.is_well) == ((("host", 1, "c1"),), False)
    assert told(decided((News.RAISED, alarm(resource="server/vm-1", resource_name="web")))) == [event]


def test_when_its_last_alarm_is_over_it_is_active_again() -> None:
    over = decided((News.CLEARED, cleared(alarm())))

    (event,) = told(over)
    assert {"active", "error"} == {value for name, _, value in event.traits if name.endswith("state")}
    assert event.is_well
    assert told(over, is_ill=lambda resource: resource == "server/vm-1") == []


@pytest.mark.parametrize(
    ("resource", "event_type", "also", "traits"),
    [
        ("port/p", "port.update", "port.update.end", {"port_id": "p", "status": "DOWN", "data_plane_status": "DOWN"}),
        ("volume/v", "volume.update", "volume.update.end", {"volume_id": "v", "status": "error"}),
        ("network/n", "network.update", "network.update.end", {"network_id": "n", "status": "ERROR"}),
    ],
)
def test_other_resources_have_events_too(resource: str, event_type: str, also: str, traits: dict[str, str]) -> None:
    (event,) = told(decided((News.RAISED, alarm(resource=resource))))

    assert (event.event_type, event.other_names) == (event_type, (also,))
    assert traits.items() <= {name: value for name, _, value in event.traits}.items()
    for glob in (event_type, also, f"{event_type}.*"):
        assert hits(EventIndex([wish("w", event_type=glob)]), event) == ["w"]


@pytest.mark.parametrize(
    "decision",
    [
        pytest.param(decided((News.RAISED, alarm(resource="host/c1", project=""))), id="a host"),
        pytest.param(decided((News.CONFIRMED, alarm())), id="the cloud says the same"),
        pytest.param(decided((News.RAISED, alarm(audience=Audience.NONE))), id="for nobody"),
        pytest.param(decided((News.RAISED, alarm(resource_state=ResourceState.NORMAL))), id="a prediction"),
        pytest.param(
            decided(
                (News.CHANGED, alarm()),
                event=Event(
                    id=8,
                    type="nfvigil.alarm.acknowledged",
                    resource="",
                    time_us=NOW,
                    received_us=NOW,
                    door="internal",
                ),
            ),
            id="acknowledged",
        ),
    ],
)
def test_what_changes_nothing_in_the_cloud_is_no_event(decision: Decision) -> None:
    assert told(decision) == []


def test_what_the_policy_keeps_from_owners_only_administrators_alarms_see() -> None:
    (event,) = told(decided((News.RAISED, alarm(audience=Audience.ADMIN))))

    index = EventIndex([wish("owner"), wish("all", project=""), wish("operator", is_operators=True)])
    assert hits(index, event) == ["all", "operator"]


@pytest.mark.parametrize(("status", "state"), [(Status.DOWN, "IN_MAINTENANCE"), (Status.UP, "MAINTENANCE_COMPLETE")])
def test_a_host_in_maintenance_is_the_operators_event(status: Status, state: str) -> None:
    event = Event(id=9, type="maintenance.host", resource="host/c1", time_us=NOW, received_us=NOW, status=status)
    decision = Decision(event=event, verdict=Verdict(event_id=9, memory={"maintenance host/c1": {}}))

    (made,) = told(decision)
    values = {name: value for name, _, value in made.physical}
    assert (made.event_type, values["host"], values["state"], made.project) == ("maintenance.host", "c1", state, "")
    index = EventIndex(
        [
            wish("owner", event_type="maintenance.host"),
            wish("operator", ("host", "c1"), event_type="maintenance.host", project="ops", is_operators=True),
        ]
    )
    assert hits(index, made) == ["operator"]
    assert told(Decision(event=event, verdict=Verdict(event_id=9))) == [], "it was so already"


def test_what_nobody_asks_for_is_not_even_made() -> None:
    raised = decided((News.RAISED, alarm(resource="port/p")))
    index = EventIndex([wish("server"), wish("fired", state=AodhState.ALARM, fired_for="port/q", event_type="z")])

    def made(decision: Decision) -> int:
        return len(told(decision, is_wanted=index.is_wanted))

    assert made(raised) == 0, "no type of a port is asked for"
    assert made(decided((News.CLEARED, cleared(alarm(resource="port/q"))))) == 1, "one may return by it"
    assert made(decided((News.RAISED, alarm(project="red")))) == 0, "the project has no alarms"
    index.put(wish("port", event_type="port.update.*"))
    assert made(raised) == 1
    assert not index.is_wanted(("compute.instance.update",), "", "server/x")
    index.put(wish("all", project=""))
    assert made(decided((News.RAISED, alarm(project="red")))) == 1
    assert index.is_wanted(("compute.instance.update",), "", "server/x")


# What becomes of them


class World:
    def __init__(self, *alarms: EventAlarm, **given: Any) -> None:
        self.composer = composer()
        self.observed: list[str] = []
        self.alarms = EventAlarms(alarms=alarms, numbers=self.composer, observe=self.observed.append, **given)

    def hears(self, *events: CloudEvent) -> Any:
        return self.alarms.heard(events, NOW)

    def state(self, name: str = "w") -> AodhState:
        found = self.alarms.index.get(name)
        assert found is not None
        return found.state


def rendered(fired: Any) -> Iterator[dict[str, Any]]:
    for one in fired.notifications:
        way = subscription_of(wish(one.subscription))
        yield json.loads(AodhChannel().render(one, way, way.endpoints[0], 0, "here").body)


def test_an_alarm_fires_once_with_its_message_and_a_line_of_history() -> None:
    world = World(wish("w", ("state", "error")))

    fired = world.hears(happened(state="error"), happened(message_id="m2", state="error"))

    (body,) = rendered(fired)
    assert (body["previous"], body["current"], body["severity"]) == ("insufficient data", "alarm", "low")
    query = '[{"field": "traits.state", "op": "eq", "type": "", "value": "error"}]'
    assert body["reason"] == f"Event <id=m,event_type={UPDATE}> hits the query <query={query}>."
    assert [change.type for change in fired.changes] == ["state transition"]
    assert json.loads(fired.changes[0].detail) == {"state": "alarm", "transition_reason": body["reason"]}
    assert [one.state for one in fired.alarms] == [AodhState.ALARM]
    assert [(one.endpoint, one.seq) for one in fired.deliveries] == [(subscription_of(wish("w")).endpoints[0].id, 1)]
    assert fired.events == (("m", NOW),)


def test_one_that_repeats_fires_for_each_event_but_not_for_the_same_one_twice() -> None:
    world = World(wish("w", ("state", "error"), repeat_actions=True), known=["old"])

    fired = world.hears(*(happened(message_id=name, state="error") for name in ("m1", "m2", "m1", "old")))

    assert [(body["previous"], body["current"]) for body in rendered(fired)] == [
        ("insufficient data", "alarm"),
        ("alarm", "alarm"),
    ]
    assert [one.seq for one in fired.notifications] == [1, 2]
    assert world.observed == ["alarm", "alarm", "repeat", "repeat"]


def test_known_messages_are_forgotten_beyond_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nfvigil.notifier.event_alarms.KNOWN_MAX", 2)
    world = World(wish("w", repeat_actions=True))

    world.hears(*(happened(message_id=str(number)) for number in range(4)))

    assert list(world.alarms._known) == ["2", "3"]


def test_an_event_that_fires_nothing_is_not_written() -> None:
    assert World(wish("w", ("state", "error"))).hears(happened(state="active")).is_empty
    assert World().alarms.decided([decided((News.RAISED, alarm()))], NOW).is_empty


def test_a_decision_fires_in_its_own_turn_and_one_that_cannot_be_told_harms_no_other() -> None:
    def host_of(resource: str) -> str:
        if resource == "server/broken":
            raise KeyError(resource)
        return ""

    world = World(wish("w", ("instance_id", "vm-1"), ("state", "error")), host_of=host_of)

    fired = world.alarms.decided(
        [decided((News.RAISED, alarm(resource="server/broken"))), decided((News.RAISED, alarm()))], NOW
    )

    assert len(fired.notifications) == 1
    assert fired.events == (), "our own are known by the cursor"
    assert fired.alarms[0].fired_for == "server/vm-1"


@pytest.mark.parametrize(
    ("auto_ok", "of_alarm", "state"),
    [
        (True, None, AodhState.OK),
        (False, None, AodhState.ALARM),
        (False, True, AodhState.OK),
        (True, False, AodhState.ALARM),
    ],
)
def test_it_returns_to_ok_by_itself_where_that_is_wanted(
    auto_ok: bool, of_alarm: bool | None, state: AodhState
) -> None:
    one = wish("w", ("instance_id", "vm-1"), ("state", "error"), auto_ok=of_alarm, ok_actions=("http://192.0.2.1/ok",))
    world = World(one, auto_ok=auto_ok)
    world.alarms.decided([decided((News.RAISED, alarm()))], NOW)

    fired = world.alarms.decided([decided((News.CLEARED, cleared(alarm())))], NOW + 1)

    assert world.state() is state
    assert [(body["previous"], body["current"]) for body in rendered(fired)] == (
        [("alarm", "ok")] if state is AodhState.OK else []
    )
    again = world.alarms.decided([decided((News.RAISED, alarm()))], NOW + 2)
    assert bool(again.notifications) is (state is AodhState.OK)


@pytest.mark.parametrize(
    ("one", "given", "state"),
    [
        (wish("w"), {}, AodhState.OK),
        (wish("w"), {"project": "red"}, AodhState.ALARM),
        (wish("w"), {"project": ""}, AodhState.ALARM),
        (wish("w"), {"operators_only": True}, AodhState.ALARM),
        (wish("w", is_operators=True), {"operators_only": True}, AodhState.OK),
        (wish("w", is_operators=True), {"project": "red"}, AodhState.ALARM),
        (wish("w", is_operators=True), {"project": ""}, AodhState.OK),
        (wish("w", project=""), {"project": "red"}, AodhState.OK),
    ],
)
def test_it_returns_by_no_event_that_its_owner_may_not_see(
    one: EventAlarm, given: dict[str, Any], state: AodhState
) -> None:
    world = World(replace(one, event_type="x.y", state=AodhState.ALARM, fired_for="server/vm-1"), auto_ok=True)

    world.hears(replace_event(happened(), **{"resource": "server/vm-1", "is_well": True} | given))

    assert world.state() is state


def test_it_stays_in_alarm_while_the_cloud_says_active_of_what_we_know_to_be_broken() -> None:
    ill = {"server/vm-1"}
    one = wish("w", event_type="x.y", state=AodhState.ALARM, fired_for="server/vm-1")
    world = World(one, auto_ok=True, is_ill=ill.__contains__)

    def says_active(message_id: str) -> AodhState:
        world.hears(replace_event(happened(message_id=message_id), resource="server/vm-1", is_well=True))
        return world.state()

    assert says_active("m1") is AodhState.ALARM
    ill.clear()
    assert says_active("m2") is AodhState.OK


def test_an_alarm_that_waits_for_well_fires_by_it_and_does_not_return() -> None:
    world = World(wish("w", ("state", "active"), repeat_actions=True), auto_ok=True)
    well = decided((News.CLEARED, cleared(alarm())))

    world.alarms.decided([well], NOW)
    world.alarms.decided([well], NOW)

    assert world.state() is AodhState.ALARM


def test_a_state_that_a_person_sets_does_that_states_actions_once() -> None:
    one = wish("w", insufficient_data_actions=("http://192.0.2.1/unknown",), ok_actions=("http://192.0.2.1/ok",))
    world = World(replace(one, repeat_actions=True, state=AodhState.ALARM, fired_for="server/vm-1"))

    def put(state: AodhState) -> Any:
        current = world.alarms.index.get("w")
        assert current is not None
        return world.alarms.put_state(current, state, ("blue", "me"), NOW)

    first, again = put(AodhState.OK), put(AodhState.OK)

    (body,) = rendered(first)
    assert (body["previous"], body["current"], body["reason"]) == ("alarm", "ok", "Manually set via API")
    assert (first.changes[0].user, first.changes[0].project) == ("me", "blue")
    assert (len(again.changes), again.notifications) == (1, ())
    assert world.alarms.index.fired_for("server/vm-1") == []
    assert [body["current"] for body in rendered(put(AodhState.UNKNOWN))] == ["insufficient data"]


def test_the_state_of_a_disabled_alarm_can_be_set_too() -> None:
    world = World(wish("w", enabled=False))
    current = world.alarms.index.get("w")
    assert current is not None

    world.alarms.put_state(current, AodhState.ALARM, ("blue", "me"), NOW)

    assert world.state() is AodhState.ALARM
    assert hits(world.alarms.index, happened()) == []


def test_log_and_test_actions_are_done_here_once_it_is_written() -> None:
    world = World(wish("w", alarm_actions=("test://", "log://", "http://192.0.2.1/hook")))

    fired = world.hears(happened())
    assert not world.alarms.tested
    world.alarms.told(fired)

    assert [(url, message["current"]) for url, message in world.alarms.tested] == [("test://", "alarm")]
    assert len(fired.deliveries) == 1
    local = World(wish("w", alarm_actions=("log://",))).hears(happened())
    assert (local.notifications, len(local.notes)) == ((), 1)
    silent = World(wish("w", alarm_actions=())).hears(happened())
    assert (silent.notifications, len(silent.changes)) == ((), 1)


def test_the_same_address_for_two_states_is_one_endpoint_and_a_pause_outlives_a_change() -> None:
    url = "http://192.0.2.1/hook"
    one = wish("w", ok_actions=(url, "log://"))

    way = subscription_of(one)
    assert [endpoint.url for endpoint in way.endpoints] == [url]
    assert subscription_of(one, replace(way, paused=True)).paused
    assert (way.owner, way.project) == ("aodh", "blue")


def test_a_subscription_of_an_event_alarm_is_known_and_matches_nothing() -> None:
    way = subscription_of(wish("w"))
    matcher = Matcher([way])

    assert matcher.get("w") == way
    assert list(matcher.match(alarm())) == list(matcher.match_for_good(alarm())) == []
    assert matcher.covered(way, [alarm()]) == []
    matcher.remove("w")
    assert matcher.get("w") is None


def test_of_two_that_fired_for_one_server_the_other_stays() -> None:
    index = EventIndex([wish(name, state=AodhState.ALARM, fired_for="server/vm-1") for name in ("v", "w")])

    index.remove("v")
    index.remove("no such one")

    assert [one.id for one in index.fired_for("server/vm-1")] == ["w"]
    assert index.is_watched(UPDATE)
