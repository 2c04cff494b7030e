"""Whatever monitors say in whatever order: no alarm without a cause, none missing, one root each, the same again."""

from __future__ import annotations

import random

import msgspec
from clouds import POLICY, Desk, small_cloud, snapshot
from hypothesis import given, settings
from hypothesis import strategies as st

from nfvigil.inspector import internal
from nfvigil.inspector.decide import decide
from nfvigil.inspector.policy import CompiledPolicy, Needs
from nfvigil.inspector.reading import read_policy
from nfvigil.inspector.replay import replay
from nfvigil.inspector.resource_map import INVERSE, ResourceMap
from nfvigil.inspector.state import State
from nfvigil.model.event import Status

HOSTS, SERVERS = 4, 3
SERVER_NAMES = [f"s{host}-{number}" for host in range(HOSTS) for number in range(SERVERS)]

faults = st.one_of(
    st.tuples(st.just("host.down"), st.sampled_from([f"host/h{n}" for n in range(HOSTS)])),
    st.tuples(st.just("host.warm"), st.sampled_from([f"host/h{n}" for n in range(HOSTS)])),
    st.tuples(st.just("switch.down"), st.sampled_from(["switch/sw0", "switch/sw1"])),
    st.tuples(
        st.sampled_from(["server.down", "server.lost"]), st.sampled_from([f"server/{name}" for name in SERVER_NAMES])
    ),
)
words = st.tuples(st.just("word"), faults, st.sampled_from(["down", "up"]), st.sampled_from(["", "m1", "m2"]))
moves = st.tuples(
    st.just("move"), st.sampled_from(SERVER_NAMES), st.sampled_from([f"h{n}" for n in range(HOSTS)] + ["gone"])
)
gifts = st.tuples(st.just("give"), st.sampled_from(SERVER_NAMES), st.sampled_from(["p0", "p1", "other", ""]))
maintenance = st.tuples(
    st.just("care"), st.sampled_from([f"h{n}" for n in range(HOSTS)]), st.sampled_from(["in", "out"])
)
settled = st.tuples(st.just("settled"), st.integers(1, 30))
vdus = st.tuples(
    st.just("vdu"),
    st.sampled_from(sorted(internal.VDUS)),
    st.sampled_from(SERVER_NAMES),
    st.sampled_from(["down", "up"]),
    st.sampled_from(["", "h0", "h1"]),
)
listings = st.tuples(st.just("listing"))


class World:
    """The truth as a naive model has it, beside the inspector."""

    def __init__(self) -> None:
        self.desk = Desk(POLICY, small_cloud(HOSTS, SERVERS))
        self.said: dict[tuple[str, str], set[str]] = {}
        self.moved: dict[str, str] = {}
        self.gone: set[str] = set()
        self.owners: dict[str, str] = {}
        self.broken: set[str] = set()
        """In ERROR, says the cloud"""
        self.vdus: dict[tuple[str, str], str] = {}
        """What a record says that is an alarm -> of whose VNF"""
        self.held: dict[str, str] = {}
        """Servers whose ERROR waits for the end of what told it -> of whose VNF"""

    def step(self, step: tuple) -> None:
        """Any of the strategies above."""
        match step:
            case ("word", fault, status, monitor):
                self.word(fault, status, monitor)
            case ("move", server, host):
                self.move(server, host)
            case ("give", server, project):
                self.give(server, project)
            case ("settled", event_id):
                self.settle(event_id)
            case ("care", host, way):
                self.desk.say(internal.MAINTENANCE, f"host/{host}", Status.DOWN if way == "in" else Status.UP)
            case ("vdu", kind, server, status, host):
                self.vdu(kind, server, status, host)
            case ("listing",):
                self.listing()

    def expected(self) -> set[tuple[str, str]]:
        said = {fault for fault, monitors in self.said.items() if monitors}
        return closure(said, self.desk.policy, self.desk.map) | set(self.vdus)

    def is_told(self, server: str) -> bool:
        """Whether its owner knows by another alarm that it does not work, or the ERROR is ours."""
        said = any(key == f"server/{server}" for kind, key in self.desk.open() if kind.startswith("server."))
        return said or self.desk.state.before(f"server_error server/{server}") is not None

    def vdu(self, kind: str, server: str, status: str, host: str = "") -> None:
        port = f"{server}-p" if kind == internal.VDU_INTERFACE_GONE else ""
        place = (kind, f"port/{port}" if port else f"server/{server}")
        project = self.owners.get(server) or f"p{server[-1]}"
        if kind == internal.VDU_ERROR:
            (self.broken.add if status == "down" else self.broken.discard)(server)
            self.load()
        if status == "up":
            project = self.vdus.pop(place, project)
            if kind == internal.VDU_ERROR:
                project = self.held.pop(server, project)
        elif place in self.vdus:
            project = self.vdus[place]  # again
        else:
            holds = kind == internal.VDU_ERROR and self.is_told(server)
            (self.held if holds else self.vdus)[server if holds else place] = project  # type: ignore[index]  # of both
        details = {"project": project, "vnf": "f", "vnfc": "c", "vim": "v", "name": server, "host": host, "port": port}
        self.desk.say(kind, f"server/{server}", Status(status), door=internal.DOOR, details=details)

    def listing(self) -> None:
        """Everything in ERROR that nothing else tells any more is told now."""
        keys = self.desk.state.free_since("v", (self.desk.number + 1) * 1_000_000)
        still = [key for key in keys if getattr(self.desk.map.get(key), "status", "") == "ERROR"]
        for server, project in list(self.held.items()):
            there = self.desk.map.get(f"server/{server}")
            if there is not None and not self.is_told(server):
                assert f"server/{server}" in still, "it is not forgotten that it was held"
                del self.held[server]
                if getattr(there, "project", "") in ("", project):
                    self.vdus[internal.VDU_ERROR, f"server/{server}"] = project
        if still:
            self.desk.say(internal.VDU_STILL, "", door=internal.DOOR, details={"keys": still})

    def word(self, fault: tuple[str, str], status: str, monitor: str) -> None:
        kind, resource = fault
        known = self.said.setdefault(fault, set())
        if status == "down":
            known.add(monitor)
        elif monitor:
            known.discard(monitor)
        else:
            known.clear()
        self.desk.say(kind, resource, Status(status), monitor=monitor)

    def move(self, server: str, host: str) -> None:
        if host == "gone":
            self.gone.add(server)
            self.said.pop(("server.down", f"server/{server}"), None)
            self.said.pop(("server.lost", f"server/{server}"), None)
        else:
            self.gone.discard(server)
            self.moved[server] = host
        self.load()

    def give(self, server: str, project: str) -> None:
        self.owners[server] = project
        if self.desk.map.get(f"server/{server}") is not None and project:
            for place, owner in list(self.vdus.items()):
                if place[1] == f"server/{server}" and owner != project:
                    del self.vdus[place]
        self.load()

    def load(self) -> None:
        there = snapshot(HOSTS, SERVERS, self.moved, self.gone)
        owned = [
            msgspec.structs.replace(
                one,
                project=self.owners.get(one.id, one.project),
                status="ERROR" if one.id in self.broken else one.status,
            )
            for one in there.servers
        ]
        touched = self.desk.map.load(msgspec.structs.replace(there, servers=tuple(owned)))
        state = self.desk.state
        keys = sorted(key for key in touched if key in state.alarms_on or key in state.faults_on)
        if keys:
            self.desk.say(internal.MAP_CHANGED, "", door=internal.DOOR, details={"keys": keys})

    def settle(self, event_id: int) -> None:
        self.desk.say(internal.VIM_SETTLED, "", door=internal.DOOR, details={"event_id": event_id})


def closure(said: set[tuple[str, str]], policy: CompiledPolicy, there: ResourceMap) -> set[tuple[str, str]]:
    """All alarms that follow from what was said, worked out from nothing."""
    alarms = set(said)
    while True:
        new = set()
        for kind, resource in alarms:
            for rule in policy.cascade_rules(kind):
                for target in there.related(resource, rule.to):
                    failed = {other for fault, other in alarms if rule in policy.cascade_rules(fault)}
                    members = set(there.related(target, INVERSE[rule.to]))
                    if rule.needs is Needs.ALL:
                        peers = {member for member in members if member.split("/")[0] == resource.split("/")[0]}
                        enough = peers <= failed
                    else:
                        enough = len(members & failed) > rule.more_than
                    if enough:
                        new.add((rule.raise_ or kind, target))
        if new <= alarms:
            return alarms
        alarms |= new


def check(desk: Desk, expected: set[tuple[str, str]]) -> None:
    state = desk.state
    assert desk.open() == expected
    for alarm in state.alarms.values():
        chain = state.chain(alarm.id)
        root = state.alarms[chain[-1]]
        assert len(chain) == len(set(chain))
        assert root.is_root_cause
        assert root.fault, "a root cause was observed"
        assert alarm.root == root.id
        assert alarm.fault or alarm.causes, "no alarm without a cause"
        # A server's interface that is gone is its owner's news, whoever has the port.
        is_interface = alarm.fault_type == internal.VDU_INTERFACE_GONE
        owner = "" if is_interface else getattr(desk.map.get(alarm.resource), "project", "")
        assert not owner or alarm.project == owner, "no alarm of another than whose the thing is"
        for cause in alarm.causes:
            assert cause.alarm in state.alarms, "no cause that is over"
        if alarm.is_root_cause:
            others = [cause.alarm for cause in alarm.causes]
            assert all(alarm.id in state.chain(other) for other in others), "a consequence is not a root cause"


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(words, words, words, moves, gifts, settled, vdus, vdus, listings), max_size=40))
def test_alarms_are_what_follows_from_what_was_said_and_each_has_one_root_cause(steps: list[tuple]) -> None:
    world = World()
    for step in steps:
        if step[0] == "word" and step[1][1].removeprefix("server/") in world.gone:
            continue
        world.step(step)
        check(world.desk, world.expected())


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(words, words, moves, gifts, maintenance, settled, vdus, vdus, listings), max_size=40))
def test_recorded_decisions_are_made_again_to_the_same_bytes(steps: list[tuple]) -> None:
    world = World()
    for step in steps:
        world.step(step)
    again = CompiledPolicy(read_policy(POLICY, version=1))

    for _, recorded, replayed in replay(world.desk.record, lambda _: again, State()):
        assert replayed == recorded


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(words, words, gifts, vdus), max_size=30))
def test_when_all_is_taken_back_nothing_is_left_and_every_state_is_restored(steps: list[tuple]) -> None:
    world = World()
    set_states: dict[str, str] = {}
    for step in steps:
        world.step(step)
    for fault in list(world.said):
        world.word(fault, "up", "")
    for kind, key in list(world.vdus):
        world.vdu(kind, key.partition("/")[2].removesuffix("-p"), "up")
    for server in list(world.held):
        world.vdu(internal.VDU_ERROR, server, "up")
    for body in world.desk.record:
        for action in msgspec.json.decode(body)["verdict"].get("actions", ()):
            key = f"{action['kind']} {action['target']}"
            if action.get("undo_of"):
                assert set_states.pop(key) == action.get("before", ""), "restored to what was before"
            else:
                assert key not in set_states, "never set twice"
                set_states[key] = action.get("before", "")

    assert world.desk.open() == set()
    assert world.desk.state.faults == {}
    assert world.desk.state.held == set()
    assert set_states == {}


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(words, words, maintenance, moves), max_size=30))
def test_what_was_suppressed_in_maintenance_stands_when_it_ends(steps: list[tuple]) -> None:
    world = World()
    inside: set[str] = set()
    for step in steps:
        if step[0] == "word":
            if step[1][1].removeprefix("server/") not in world.gone:
                world.word(*step[1:])
        elif step[0] == "move":
            world.move(*step[1:])
        else:
            (inside.add if step[2] == "in" else inside.discard)(step[1])
            world.desk.say(internal.MAINTENANCE, f"host/{step[1]}", Status.DOWN if step[2] == "in" else Status.UP)
    for host in sorted(inside):
        world.desk.say(internal.MAINTENANCE, f"host/{host}", Status.UP)

    said = {fault for fault, monitors in world.said.items() if monitors}
    check(world.desk, closure(said, world.desk.policy, world.desk.map))


@settings(max_examples=100, deadline=None)
@given(st.lists(words, min_size=1, max_size=25))
def test_a_decision_leaves_the_state_as_it_was_until_it_is_applied(steps: list[tuple]) -> None:
    world = World()
    for _, fault, status, monitor in steps[:-1]:
        world.word(fault, status, monitor)
    before = _picture(world.desk.state)
    _, (kind, resource), status, monitor = steps[-1]

    event = world.desk.event(kind, resource, Status(status), monitor=monitor)
    decide(event, world.desk.policy, world.desk.map, world.desk.state)

    assert _picture(world.desk.state) == before


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.one_of(words, words, moves, maintenance, settled, vdus, listings), max_size=30),
    st.randoms(use_true_random=False),
)
def test_neither_a_restart_nor_a_trial_makes_the_next_decision_another_one(
    steps: list[tuple], chance: random.Random
) -> None:
    world, other = World(), World()
    for step in steps:
        for one in (world, other):
            match step:
                case ("word", (kind, resource), status, monitor):
                    if one is other:  # tried first, as a dry run is
                        trial = one.desk.event(kind, resource, Status(status), monitor=monitor)
                        decide(trial, one.desk.policy, one.desk.map, one.desk.state)
                        one.desk.number -= 1
                    one.word((kind, resource), status, monitor)
                case _:
                    one.step(step)
        assert world.desk.record[-1:] == other.desk.record[-1:]
        other.desk.state = _restarted(other.desk.state, chance)


def _restarted(state: State, chance: random.Random) -> State:
    """The state as it is read from rows, in whatever order they come."""
    memory = list(state.memory.items())
    parts = (list(state.faults.values()), list(state.alarms.values()), memory)
    for part in parts:
        chance.shuffle(part)
    return State(faults=parts[0], alarms=parts[1], memory=dict(memory))


def _picture(state: State) -> object:
    indices = (state.fault_at, state.alarm_at, state.memory, state.restoring, state.faults, state.alarms)
    held = set(state.held)
    sets = (state.faults_on, state.alarms_on, state.effects, state.waiting)
    wanted = {key: dict(marks) for key, marks in state.wanted.items()}
    return [dict(index) for index in indices], [{k: set(v) for k, v in index.items()} for index in sets], wanted, held
