"""Tells in a few lines what a policy decides on events, in the cloud that the how-to on policies speaks of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from clouds import Desk

from nfvigil.inspector.resource_map import ResourceMap
from nfvigil.model.action import is_state
from nfvigil.model.alarm import Alarm, Audience
from nfvigil.model.event import Status
from nfvigil.model.resource import Device, Host, Kind, Port, Server, Snapshot
from nfvigil.model.topology import Topology
from nfvigil.model.verdict import Decision, News

SECOND = 1_000_000
LISTED_MAX = 3


def cloud() -> ResourceMap:
    """Web servers of project blue, a group of five of project green, and a rack of project red behind one switch."""
    racked = [f"rack-{number}" for number in range(1, 41)]
    there = ResourceMap(
        Topology(
            devices=(Device(id="leaf-1", kind=Kind.SWITCH),),
            links=tuple(("switch/leaf-1", f"host/{name}") for name in racked),
        )
    )
    servers = [
        Server(id="web-1", vim="lab", project="blue", host="compute-1"),
        Server(id="web-2", vim="lab", project="blue", host="compute-1", status="SHUTOFF"),
        *(
            Server(id=f"cell-{n}", vim="lab", project="green", host=f"compute-{n + 1}", group="cell")
            for n in range(1, 6)
        ),
        *(Server(id=f"{host}-{n}", vim="lab", project="red", host=host) for host in racked for n in (1, 2)),
    ]
    there.load(
        Snapshot(
            vim="lab",
            taken_us=0,
            hosts=tuple(Host(id=name, vim="lab") for name in [*(f"compute-{n}" for n in range(1, 7)), *racked]),
            servers=tuple(servers),
            ports=(Port(id="web-1-eth0", vim="lab", project="blue", server="web-1"),),
        )
    )
    return there


class Teller:
    """Takes lines such as ``event compute.host.down host/compute-1 up`` and says what comes of them."""

    def __init__(self, policy: str) -> None:
        self.desk = Desk(policy, cloud())
        self.now = 0

    def take(self, line: str) -> list[str]:
        _, kind, resource, *words = line.split()
        status = Status.UP if "up" in words else Status.DOWN
        more: dict[str, object] = dict(word.split("=", 1) for word in words if "=" in word)
        self.now += int(str(more.pop("after", 1))) * SECOND
        if "lead_time_seconds" in more:
            more["lead_time_seconds"] = float(str(more["lead_time_seconds"]))
        decisions = []
        for key in expand(resource):
            decision = self.desk.say(kind, key, status, time_us=self.now, received_us=self.now, **more)
            decisions.append(decision)
            self.desk.settle(decision.event.id)
        return list(dict.fromkeys(self._said(decisions)))

    def _said(self, decisions: Iterable[Decision]) -> Iterator[str]:
        lines: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for decision in decisions:
            for news, alarm in decision.verdict.alarms:
                if news is not News.CONFIRMED:
                    line = (f"{news} {alarm.fault_type} on", self._about(news, alarm))
                    lines.setdefault(line, []).append((alarm.resource, self._root(alarm)))
            for action in decision.verdict.actions:
                verb = "restores" if action.undo_of else "sets" if is_state(action.kind) else "does"
                detail = f" to {action.before}" if action.undo_of else ""
                lines.setdefault((f"{verb} {action.kind} on", detail), []).append((action.target, ""))
        for (begin, end), found in lines.items():
            resources, roots = ({pair[side] for pair in found} for side in (0, 1))
            yield f"{begin} {listed(resources)}{end.format(listed(roots))}"
        if not lines:
            for decision in decisions:
                for step in decision.verdict.steps:
                    yield f"no news: {step.reason}" + (f", {step.text}" if step.text else "")

    def _about(self, news: News, alarm: Alarm) -> str:
        if news is News.CLEARED:
            return ""
        told = {Audience.OWNERS: alarm.project or "the administrator", Audience.ADMIN: "the administrator"}
        parts = [
            "because of {}" if alarm.parent else "root cause",
            f"tells {told.get(alarm.audience, 'nobody')}",
        ]
        if alarm.predicted and alarm.expected_us is not None:
            parts.append(f"expected in {(alarm.expected_us - self.now) // SECOND} s")
        return f": {', '.join(parts)}"

    def _root(self, alarm: Alarm) -> str:
        return self.desk.state.alarms.get(alarm.root, alarm).resource


def expand(resource: str) -> list[str]:
    """``host/rack-{1..40}`` stands for forty."""
    found = re.fullmatch(r"(.*)\{(\d+)\.\.(\d+)\}", resource)
    if found is None:
        return [resource]
    return [f"{found[1]}{number}" for number in range(int(found[2]), int(found[3]) + 1)]


def listed(resources: Iterable[str]) -> str:
    names = sorted(resources)
    return ", ".join(names) if len(names) <= LISTED_MAX else f"{len(names)} {names[0].split('/')[0]}s"


def told(policy: str, story: str) -> str:
    """The story with what happens after each of its events."""
    teller = Teller(policy)
    lines: list[str] = []
    for line in story.splitlines():
        if line.startswith("event "):
            lines += [line, *(f"  {said}" for said in teller.take(line))]
    return "\n".join(lines) + "\n"
