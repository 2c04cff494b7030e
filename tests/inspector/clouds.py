"""Small clouds and policies that the inspector's tests speak about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import yaml

from nfvigil.inspector import internal
from nfvigil.inspector.decide import decide
from nfvigil.inspector.policy import CompiledPolicy
from nfvigil.inspector.reading import read_policy
from nfvigil.inspector.resource_map import ResourceMap
from nfvigil.inspector.state import State
from nfvigil.model.alarm import Alarm
from nfvigil.model.event import Event, Status
from nfvigil.model.resource import Device, Host, Kind, Port, Server, Snapshot, Volume
from nfvigil.model.topology import Topology
from nfvigil.model.verdict import Decision, News, Reason

POLICY = """
policy: test
faults:
  host.down: {title: Host is down, severity: critical}
  host.warm: {title: Host is warm, severity: warning, resource_state: normal}
  switch.down: {title: Switch is down, severity: critical}
  server.down: {title: Server is down, severity: critical}
  server.lost: {title: Server lost its peer, severity: minor}
  group.degraded: {title: Group is degraded, severity: major}
rules:
  - {name: host-down, when: {type: host.down}, mark: [force_down]}
  - {name: host-warm, when: {type: host.warm}}
  - {name: switch-down, when: {type: switch.down}, notify: admin}
  - {name: server-down, when: {type: server.down}}
  - {name: hosts-of-switch, because: switch.down, to: hosts, needs: all, raise: host.down, mark: [force_down]}
  - name: servers-of-host
    because: host.down
    to: servers
    raise: server.down
    mark: [server_error, {port_data_plane_down: ports}]
  - {name: server-lost, when: {type: server.lost}}
  - {name: peers-lost, because: server.lost, to: peers, raise: server.lost}
  - {name: group-of-servers, because: server.down, to: group, more_than: 1, raise: group.degraded}
"""


def small_cloud(hosts: int = 3, servers: int = 2, moved: dict[str, str] | None = None) -> ResourceMap:
    """Hosts h0.. behind switches sw0 and sw1 (h0 behind both), servers s<host>-<n> in groups g<n>."""
    devices = tuple(Device(id=name, name=name, kind=Kind.SWITCH) for name in ("sw0", "sw1"))
    links = [("switch/sw0", "host/h0"), ("switch/sw1", "host/h0")]
    links += [(f"switch/sw{number % 2}", f"host/h{number}") for number in range(1, hosts)]
    there = ResourceMap(Topology(devices=devices, links=tuple(links)))
    there.load(snapshot(hosts, servers, moved or {}))
    return there


def snapshot(hosts: int, servers: int, moved: dict[str, str], gone: Iterable[str] = ()) -> Snapshot:
    names = [f"s{host}-{number}" for host in range(hosts) for number in range(servers)]
    machines = [
        Server(
            id=name,
            name=name,
            vim="v",
            project=f"p{name[-1]}",
            host=moved.get(name, f"h{name[1]}"),
            group=f"g{name[-1]}",
            volumes=(f"v-{name}",),
        )
        for name in names
        if name not in set(gone)
    ]
    return Snapshot(
        vim="v",
        taken_us=0,
        hosts=tuple(
            Host(
                id=f"h{number}", name=f"h{number}", vim="v", zone=f"z{number % 2}", aliases=(f"h{number}.example.net",)
            )
            for number in range(hosts)
        ),
        servers=tuple(machines),
        ports=tuple(Port(id=f"{m.id}-p", vim="v", project=m.project, server=m.id, network="n") for m in machines),
        volumes=tuple(Volume(id=f"v-{m.id}", vim="v", project=m.project) for m in machines),
    )


def ruled(*rules: dict[str, object], faults: dict[str, object] | None = None) -> str:
    """A policy of these rules; a rule without a name is called after its place."""
    named = [{"name": f"rule-{number}", **rule} for number, rule in enumerate(rules)]
    return yaml.safe_dump({"policy": "ruled", "faults": faults or {}, "rules": named}, sort_keys=False)


class Desk:
    """An inspector with its state and a clock that ticks a second an event."""

    def __init__(self, policy: str = POLICY, there: ResourceMap | None = None) -> None:
        self.policy = CompiledPolicy(read_policy(policy, version=1))
        self.map = there or small_cloud()
        self.state = State()
        self.record: list[bytes] = []
        self.number = 0

    def event(self, kind: str, resource: str, status: Status = Status.DOWN, **more: object) -> Event:
        self.number += 1
        now = self.number * 1_000_000
        base = {"id": self.number, "type": kind, "resource": resource, "status": status}
        return msgspec.convert({"time_us": now, "received_us": now, **base, **more}, Event)

    def say(self, kind: str, resource: str, status: Status = Status.DOWN, **more: object) -> Decision:
        return self.take(self.event(kind, resource, status, **more))

    def take(self, event: Event) -> Decision:
        decision = decide(event, self.policy, self.map, self.state)
        self.state.apply(decision.verdict)
        self.record.append(msgspec.json.encode(decision))
        return decision

    def settle(self, event_id: int, failed: Sequence[str] = ()) -> Decision:
        """The controller says that all actions of an event are over."""
        return self.tell(internal.VIM_SETTLED, event_id=event_id, failed=list(failed))

    def tell(self, kind: str, status: Status = Status.DOWN, **details: object) -> Decision:
        """An event that the product sends itself."""
        self.number += 1
        return self.take(internal.internal_event(self.number, kind, "", self.number * 1_000_000, status, details))

    def change(self, there: Snapshot) -> Decision | None:
        """The cloud is another one now, as the pipeline would tell it."""
        touched = self.map.load(there)
        unknown = {fault.resource for fault in self.state.faults.values() if self.map.get(fault.resource) is None}
        keys = {key for key in touched if key in self.state.alarms_on or key in self.state.faults_on}
        keys |= {key for key in unknown if self.map.resolve(key)}
        return self.tell(internal.MAP_CHANGED, keys=sorted(keys)) if keys else None

    def alarm(self, kind: str, resource: str) -> Alarm:
        return self.state.alarms[self.state.alarm_at[kind, resource]]

    def open(self) -> set[tuple[str, str]]:
        return set(self.state.alarm_at)

    def roots(self) -> set[str]:
        return {alarm.resource for alarm in self.state.alarms.values() if alarm.is_root_cause}


def told(decision: Decision, news: News) -> set[str]:
    return {alarm.resource for kind, alarm in decision.verdict.alarms if kind is news}


def planned(decision: Decision) -> list[tuple[str, str, str | None]]:
    """What is to be done in the cloud: kind (``-kind`` for an undo), target, and what was there before."""
    return [
        (f"-{action.kind}" if action.undo_of else action.kind, action.target, action.before)
        for action in decision.verdict.actions
    ]


def reasons(decision: Decision) -> list[Reason]:
    return [step.reason for step in decision.verdict.steps]
