"""Two clouds in one map: whatever has a name in both is told apart, or is nobody's."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from nfvigil.inspector import internal
from nfvigil.inspector.capacity import capacity
from nfvigil.inspector.decide import decide
from nfvigil.inspector.policy import CompiledPolicy, host_key, zone_of
from nfvigil.inspector.reading import read_policy
from nfvigil.inspector.resource_map import INVERSE, ResourceMap, host_of
from nfvigil.inspector.state import MAINTENANCE, PROOF, State
from nfvigil.model.action import Action
from nfvigil.model.alarm import AlarmState
from nfvigil.model.answers import CapacityBy
from nfvigil.model.event import Event, Status
from nfvigil.model.resource import CloudRecord, Host, MapChange, Network, Port, Server, Snapshot, Volume, key_of_record
from nfvigil.model.topology import Topology
from nfvigil.model.verdict import Decision, News
from nfvigil.situation import HostsOfVims, LiveSituation

POLICY = CompiledPolicy(
    read_policy(
        """
policy: test
faults: {host.down: {title: Host is down, severity: critical}, server.down: {title: Server is down}}
rules:
  - {name: host, when: {type: host.down}, mark: [force_down], do: [{evacuate: servers}]}
  - {name: servers, because: host.down, to: servers, raise: server.down, mark: [server_error]}
  - {name: server, when: {type: server.down}, do: [evacuate]}
""",
        version=1,
    )
)


def cloud(vim: str, *, host: str = "c1", **fields: object) -> Snapshot:
    """One host with a server, its port and its volume; ids are the cloud's own, and the host's name is not."""
    return Snapshot(
        vim=vim,
        taken_us=0,
        hosts=(msgspec.structs.replace(Host(id=host, name=host, vim=vim, zone=f"z-{vim}"), **fields),),
        servers=(Server(id=f"s-{vim}", vim=vim, project=f"p-{vim}", host=host, vnf="f", volumes=(f"d-{vim}",)),),
        ports=(Port(id=f"p-{vim}", vim=vim, server=f"s-{vim}", host=host, network=f"n-{vim}"),),
        volumes=(Volume(id=f"d-{vim}", vim=vim, host=host),),
        networks=(Network(id=f"n-{vim}", vim=vim),),
    )


def both(topology: Topology | None = None) -> ResourceMap:
    there = ResourceMap(topology)
    there.load(cloud("a"))
    there.load(cloud("b"))
    return there


def decided(there: ResourceMap, state: State, number: int, resource: str, **fields: object) -> Decision:
    event = Event(id=number, type="host.down", resource=resource, time_us=number, received_us=number, monitor="m")
    decision = decide(msgspec.structs.replace(event, **fields), POLICY, there, state)
    state.apply(decision.verdict)
    return decision


def test_the_first_keeps_the_name_and_the_other_loses_its_host_and_nothing_else() -> None:
    there = both()

    assert sorted(there.records) == sorted(
        ["host/c1", *(f"{kind}-{vim}" for kind in ("server/s", "port/p", "volume/d", "network/n") for vim in "ab")]
    )
    assert there.records["host/c1"].vim == "a"
    assert list(there.names.left_out("b")) == ["host/c1"]
    assert there.names.mistakable("a") == {"host/c1": "b"}
    assert (list(there.names.left_out("a")), there.names.mistakable("b")) == ([], {})


APART = [
    ("host/c1", "servers", ("server/s-a",)),
    ("host/c1", "ports", ("port/p-a",)),
    ("host/c1", "stored_volumes", ("volume/d-a",)),
    ("server/s-a", "hosting", ("host/c1",)),
    ("server/s-b", "hosting", ()),
    ("volume/d-b", "storage", ()),
    ("server/s-b", "ports", ("port/p-b",)),
    ("server/s-b", "volumes", ("volume/d-b",)),
    ("volume/d-b", "users", ("server/s-b",)),
    ("port/p-b", "networks", ("network/n-b",)),
    ("network/n-b", "attached", ("port/p-b",)),
    ("server/s-a", "vnf_peers", ()),
]


@pytest.mark.parametrize(("key", "relation", "expected"), APART)
def test_no_relation_leads_from_one_cloud_into_the_other(key: str, relation: str, expected: tuple[str, ...]) -> None:
    assert both().related(key, relation) == expected


@pytest.mark.parametrize("record", [Server(id="s", vim="b", host="c1"), Port(id="p", vim="b", host="c1")])
def test_what_is_on_a_host_that_was_left_out_is_on_none(record: Server | Port) -> None:
    there = both()
    there.apply(MapChange(vim="b", put=(record,)))
    key = key_of_record(record)

    assert (host_of(record, there), host_key(key, there), zone_of(key, there)) == ("", None, "")
    assert zone_of("port/p-a", there) == "z-a"


def test_of_a_host_that_neither_lists_nobody_knows_whose_servers_are_meant() -> None:
    there = ResourceMap()
    there.apply(MapChange(vim="a", put=(Server(id="1", host="c9", group="g"),)))
    assert there.related("host/c9", "servers") == ("server/1",)

    there.apply(MapChange(vim="b", put=(Server(id="2", host="c9"),)))

    assert there.related("host/c9", "servers") == ()
    assert there.related("group/g", "members") == ("server/1",)


DOUBTFUL = ["host/c1", "host/C1", "host/c1.example.net", "host/alias"]


@pytest.mark.parametrize("name", DOUBTFUL)
def test_a_name_that_a_host_was_left_out_for_is_nobodys(name: str) -> None:
    there = ResourceMap()
    there.load(cloud("a", aliases=("alias",)))
    assert there.resolve(name) == "host/c1"

    there.load(cloud("b"))

    assert there.resolve(name) == f"{name}?"
    assert there.get(f"{name}?") is None
    assert there.resolve(f"{name}?") is None


def test_a_fault_of_a_name_that_nobody_had_becomes_that_of_one_which_two_have_and_stays_so() -> None:
    there, state = ResourceMap(), State()
    decided(there, state, 1, "host/c1.example.net")
    there.load(cloud("a"))
    there.load(cloud("b", host="c1@b", aliases=("c1",)))

    for number in (2, 3):
        keys = [fault.resource for fault in state.faults.values() if there.resolve(fault.resource)]
        decided(there, state, number, "", type="nfvigil.map.changed", door="internal", details={"keys": keys})

    assert [fault.resource for fault in state.faults.values()] == ["host/c1.example.net?"]
    assert [alarm.resource for alarm in state.alarms.values()] == ["host/c1.example.net?"]


def test_a_name_that_hosts_of_two_clouds_go_by_is_nobodys_even_if_one_is_called_so() -> None:
    there = ResourceMap()
    there.load(cloud("a"))
    there.load(cloud("b", host="c1@b", aliases=("c1", "c1.example.net")))

    assert there.resolve("host/c1") == "host/c1?"
    assert there.resolve("host/c1@b") == there.resolve("host/C1.example.net") == "host/c1@b"
    assert there.names.mistakable("a") == {"host/c1": "b"}
    assert there.names.mistakable("b") == {}
    there.load(cloud("a", host="c1@a", aliases=("c1",)))
    assert there.resolve("host/c1@a") == "host/c1@a"
    assert there.resolve("host/c1.elsewhere.net") == "host/c1.elsewhere.net?"
    assert there.names.mistakable("a") == there.names.mistakable("b") == {}


def test_before_every_cloud_is_read_a_suffix_says_that_the_plain_name_may_be_anothers() -> None:
    there = ResourceMap()
    there.names.begin([])
    there.load(cloud("a", host="c1@a", aliases=("c1", "x@a")))
    there.load(cloud("b", host="c2"))

    assert there.resolve("host/c1") is None
    assert there.resolve("host/C1@a") == there.resolve("host/x@a") == "host/c1@a"
    assert there.resolve("host/c2") == "host/c2"
    before = there.names.version
    there.names.complete()
    assert there.names.version > before
    assert there.resolve("host/c1") == "host/c1@a"


def test_before_every_cloud_is_read_what_could_not_be_told_apart_cannot_be() -> None:
    there, state = both(), State()
    condition = Event(id=1, type=internal.VIM_NAMES, resource="vim/a", time_us=1, received_us=1, door="internal")
    state.apply(decide(condition, POLICY, there, state).verdict)
    again = ResourceMap()
    again.names.begin(state.mistakable)
    again.load(cloud("a"))

    assert again.resolve("host/c1") == "host/c1?"
    decision = decided(again, state, 2, "host/c1")
    assert {alarm.resource for _, alarm in decision.verdict.alarms} == {"host/c1?"}
    again.names.complete()
    assert again.resolve("host/c1") == "host/c1"


def test_another_clouds_suffix_is_not_cut_off_with_the_domain() -> None:
    there = ResourceMap()
    there.load(cloud("a", host="c1.example.net@a", aliases=("c1.example.net", "c1")))

    assert there.resolve("host/c1.example.net@b") is None
    assert there.resolve("host/c1.other.net") == "host/c1.example.net@a"


@pytest.mark.parametrize("record", [*cloud("a").servers, *cloud("a").ports, *cloud("a").volumes, *cloud("a").networks])
def test_the_same_id_in_two_clouds_is_nobodys_and_comes_back_when_one_lets_go(record: CloudRecord) -> None:
    there = ResourceMap()
    there.load(cloud("a"))
    key = key_of_record(record)

    there.apply(MapChange(vim="b", put=(record,)))
    assert there.records[key].vim == "a"
    assert there.resolve(key) == f"{key}?"
    assert there.names.mistakable("a") == {key: "b"}
    there.apply(MapChange(vim="b", gone=(key,)))
    assert there.resolve(key) == key
    assert there.records[key].vim == "a"


def test_what_waited_for_a_name_comes_in_when_its_cloud_is_read_again() -> None:
    there = both()

    there.load(Snapshot(vim="a", taken_us=1))
    assert there.resolve("host/c1") == "host/c1?", "somebody still has it, though the map has not"
    there.load(cloud("b"))

    assert there.resolve("host/c1") == "host/c1"
    assert there.related("host/c1", "servers") == ("server/s-b",)
    assert there.related("server/s-b", "hosting") == ("host/c1",)
    assert list(there.names.left_out("b")) == []


def test_what_was_left_out_and_is_not_listed_any_more_is_forgotten() -> None:
    there = both()

    compared = there.compare(cloud("b", host="c2"))
    there.load(cloud("b", host="c2"))

    assert compared.given_up == ("host/c1",)
    assert [record.id for record in compared.added] == ["c2"]
    assert there.compare(cloud("b", host="c2")).counts["host"] == 1
    assert there.resolve("host/c1") == "host/c1"


def test_a_topology_that_names_a_host_of_two_clouds_ties_neither() -> None:
    there = ResourceMap(Topology(links=(("switch/s", "host/c1"),)))
    there.load(cloud("a"))
    assert there.related("switch/s", "hosts") == ("host/c1",)

    there.load(cloud("b"))

    assert there.related("switch/s", "hosts") == ("host/c1?",)
    assert there.related("host/c1", "switches") == ()
    there.load(Snapshot(vim="b", taken_us=2))
    assert there.related("host/c1", "switches") == ("switch/s",)


# Decisions


def test_an_event_on_a_name_of_two_clouds_is_told_to_the_administrator_and_nothing_is_done() -> None:
    there, state = both(), State()

    decision = decided(there, state, 1, "host/c1")

    assert {(alarm.resource, alarm.vim) for _, alarm in decision.verdict.alarms} == {("host/c1?", "")}
    assert decision.verdict.actions == ()
    assert "several VIMs" in " ".join(step.text for step in decision.verdict.steps)
    cleared = decided(there, state, 2, "host/c1", status=Status.UP)
    assert [news for news, _ in cleared.verdict.alarms] == [News.CLEARED]


def test_what_was_said_of_neither_does_not_become_one_hosts_fault_later() -> None:
    there, state = both(), State()
    decided(there, state, 1, "host/c1")

    there.load(Snapshot(vim="b", taken_us=1))
    keys = [fault.resource for fault in state.faults.values()]
    details = {"keys": [*keys, "host/c1"], "gone": keys}
    event = Event(
        id=2, type="nfvigil.map.changed", resource="", time_us=2, received_us=2, door="internal", details=details
    )
    decision = decide(event, POLICY, there, state)

    assert decision.verdict.alarms == decision.verdict.actions == ()
    cleared = decided(there, state, 3, "host/c1", status=Status.UP)
    assert [news for news, _ in cleared.verdict.alarms] == [News.CLEARED]


def test_a_server_whose_host_was_left_out_is_not_evacuated_from_the_others_host() -> None:
    there, state = both(), State()
    before = ResourceMap()
    before.load(cloud("a"))
    decided(before, state, 1, "host/c1")

    decision = decided(there, state, 2, "server/s-b", type="server.down")

    assert [(one.kind, one.target, one.vim) for one in decision.verdict.actions] == [("evacuate", "server/s-b", "b")]


@pytest.mark.parametrize("remembered", ["alarm", "fault", PROOF, MAINTENANCE])
def test_what_is_remembered_of_one_clouds_host_is_not_taken_for_the_others(remembered: str) -> None:
    there, state = ResourceMap(), State()
    there.is_free = state.is_free
    there.load(cloud("a"))
    decision = decided(there, state, 1, "host/c1")
    if remembered != "alarm":
        for _, alarm in decision.verdict.alarms:
            state.put_alarm(msgspec.structs.replace(alarm, cleared_us=2, state=AlarmState.CLEARED))
    if remembered not in ("alarm", "fault"):
        for fault in list(state.faults.values()):
            state.put_fault(msgspec.structs.replace(fault, cleared_us=2))
        state.put_memory(f"{remembered}host/c1", {"epoch": 1})
    there.load(cloud("b"))

    there.load(Snapshot(vim="a", taken_us=1))
    there.load(cloud("b"))
    assert there.get("host/c1") is None
    assert list(there.names.left_out("b")) == ["host/c1"]

    for alarm in list(state.alarms.values()):
        state.put_alarm(msgspec.structs.replace(alarm, cleared_us=2, state=AlarmState.CLEARED))
    for fault in list(state.faults.values()):
        state.put_fault(msgspec.structs.replace(fault, cleared_us=2))
    state.put_memory(f"{remembered}host/c1", None)
    there.load(cloud("b"))
    assert there.records["host/c1"].vim == "b"


def test_after_a_restart_an_open_alarm_keeps_its_hosts_name_whoever_is_read_first() -> None:
    before, state = ResourceMap(), State()
    before.load(cloud("a"))
    decided(before, state, 1, "host/c1")
    there = ResourceMap()
    there.is_free = state.is_free

    there.load(cloud("b"))
    there.load(cloud("a"))

    assert there.records["host/c1"].vim == "a"


def test_the_hosts_of_which_something_is_remembered_are_those_of_that_vim() -> None:
    there, state = ResourceMap(), State()
    there.load(cloud("a"))
    there.load(cloud("b", host="c2"))
    hosts = HostsOfVims(state=state, resource_map=there)
    assert hosts.of("b") == ["host/c2"]
    assert hosts.spoken_of("a") == hosts.spoken_of("b") == []

    decided(there, state, 1, "host/c1")
    state.put_memory(f"{MAINTENANCE}host/c2", {})

    assert hosts.spoken_of("a") == ["host/c1"]
    assert hosts.spoken_of("b") == ["host/c2"]
    there.load(Snapshot(vim="a", taken_us=1))
    assert hosts.spoken_of("a") == ["host/c1"], "the alarm outlives the record"


def test_what_the_brakes_look_at_is_never_another_clouds_host() -> None:
    there, state = both(), State()
    situation = LiveSituation(state=state, resource_map=there, clock=lambda: 0, unconfirmed_hold=lambda _: "")
    move = Action(id="m", kind="evacuate", target="server/s-b", vim="b", event_id=1, params={"source": "c1"})
    ours = msgspec.structs.replace(move, target="server/s-a", vim="a")

    assert situation.host_of(move) == situation.host_of(msgspec.structs.replace(move, params={})) == ""
    assert situation.host_of(ours) == situation.host_of(msgspec.structs.replace(ours, params={})) == "host/c1"
    assert situation.doubt("host/c1") == "several VIMs have a host c1"
    assert situation.doubt("host/c9") == situation.doubt("") == ""
    there.apply(MapChange(vim="a", put=(Host(id="c1", is_reporting=False),)))
    assert situation.witnesses("server/s-a").vim_agrees
    assert not situation.witnesses("server/s-b").vim_agrees


def test_servers_of_a_host_that_was_left_out_are_not_counted_as_lost() -> None:
    rows = capacity(both(), State(), by=CapacityBy.VIM, ratios={})

    assert [(row.vim, row.hosts, row.without_host.servers) for row in rows] == [("a", 1, 0)]


# Whatever happens in whatever order

NAMES = some.sampled_from(["1", "2", "3"])
VIMS = some.sampled_from(["a", "b"])


@some.composite
def records(draw: some.DrawFn) -> CloudRecord:
    """Ids, hosts, groups and all else that names something are drawn from the same few for both clouds."""
    name, other = draw(NAMES), draw(some.sampled_from(["", "1", "2", "3"]))
    match draw(some.integers(0, 4)):
        case 0:
            return Host(id=name, aliases=(f"h{other}",) if other else ())
        case 1:
            return Server(id=name, host=other, group=draw(NAMES), vnf=draw(NAMES), volumes=(draw(NAMES),))
        case 2:
            return Port(id=name, server=other, host=draw(NAMES), network=draw(NAMES))
        case 3:
            return Volume(id=name, host=other)
    return Network(id=name)


STEPS = some.lists(
    some.tuples(VIMS, some.booleans(), some.lists(records(), max_size=8), some.booleans()), min_size=1, max_size=12
)


@given(STEPS)
@settings(max_examples=300, deadline=None)
def test_no_record_of_one_cloud_ever_answers_for_the_other(
    steps: list[tuple[str, bool, list[CloudRecord], bool]],
) -> None:
    there = ResourceMap()
    has: dict[str, dict[str, CloudRecord]] = {"a": {}, "b": {}}
    for vim, is_listing, things, is_gone in steps:
        latest = {key_of_record(thing): msgspec.structs.replace(thing, vim=vim) for thing in things}
        if is_listing:
            has[vim] = latest
            there.load(_listing(vim, latest))
        elif is_gone:
            for key in latest:
                has[vim].pop(key, None)
            there.apply(MapChange(vim=vim, gone=tuple(latest)))
        else:
            has[vim].update(latest)
            there.apply(MapChange(vim=vim, put=tuple(latest.values())))
        _check(there, has)
    for vim in ("a", "b"):  # when both are read once more, every name has somebody
        there.load(_listing(vim, has[vim]))
    _check(there, has)
    assert set(there.records) == has["a"].keys() | has["b"].keys()


def _listing(vim: str, things: dict[str, CloudRecord]) -> Snapshot:
    return Snapshot(
        vim=vim,
        taken_us=0,
        hosts=tuple(one for one in things.values() if isinstance(one, Host)),
        servers=tuple(one for one in things.values() if isinstance(one, Server)),
        ports=tuple(one for one in things.values() if isinstance(one, Port)),
        volumes=tuple(one for one in things.values() if isinstance(one, Volume)),
        networks=tuple(one for one in things.values() if isinstance(one, Network)),
    )


def _check(there: ResourceMap, has: dict[str, dict[str, CloudRecord]]) -> None:
    for key, record in there.records.items():
        assert has[record.vim][key] == record
        for relation in INVERSE:
            for other in there.related(key, relation):
                beyond = there.get(other)
                assert beyond is None or beyond.vim == record.vim, (key, relation, other)
        if key in has["a"] and key in has["b"]:
            assert there.resolve(key) == f"{key}?"
    for vim, other in (("a", "b"), ("b", "a")):
        mine = {key for key, record in there.records.items() if record.vim == vim}
        assert mine | set(there.names.left_out(vim)) == has[vim].keys()
        assert has[vim].keys() & has[other].keys() & mine <= there.names.mistakable(vim).keys()
    for name in ("1", "2", "3", "h1", "h2", "h3"):
        bearers = {
            vim
            for vim in ("a", "b")
            for record in has[vim].values()
            if isinstance(record, Host)
            and name in (record.id, *record.aliases)
            and there.get(f"host/{record.id}") == record
        }
        found = there.resolve(f"host/{name}")
        assert len(bearers) < 2 or found == f"host/{name}?"


def test_of_two_things_that_were_left_out_one_is_given_up_by_itself() -> None:
    there = both()
    there.names.leave_out("b", "server/x")
    assert list(there.names.left_out("b")) == ["host/c1", "server/x"]

    there.names.forget("b", "server/x")

    assert list(there.names.left_out("b")) == ["host/c1"]


def test_a_server_that_is_on_no_host_is_on_none() -> None:
    assert host_of(Server(id="s", vim="a"), both()) == ""
