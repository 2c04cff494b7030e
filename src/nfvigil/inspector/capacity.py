"""Capacity left: what the hosts that can be used still hold, by zone, aggregate or VIM.

It is worked out when somebody asks, from the sums that the map keeps for each host: a pass over the hosts, none over
their servers. So it is true the moment a host is lost or comes back, and costs nothing while nobody looks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum, auto
from typing import NamedTuple

from nfvigil.inspector.resource_map import ResourceMap
from nfvigil.inspector.state import State
from nfvigil.inspector.usage import NOTHING, Used
from nfvigil.model.answers import Amount, Capacity, CapacityBy, Demand, FreeHost
from nfvigil.model.resource import Host, Kind, ResourceState, key_of
from nfvigil.model.severity import Severity


class Ratios(NamedTuple):
    """How much more of a thing a VIM hands out than its hosts have."""

    cpu: float = 1.0
    memory: float = 1.0


class Fitness(Enum):
    USABLE = auto()
    CLOSED = auto()
    """Nothing new goes there, but what is there lives on: maintenance, disabled, a failure foretold."""
    LOST = auto()


def capacity(there: ResourceMap, state: State, *, by: CapacityBy, ratios: Mapping[str, Ratios]) -> list[Capacity]:
    """Sorted by VIM and name. A host in several aggregates counts in each of them."""
    tallies: dict[tuple[str, str], _Tally] = {}

    def add(vim: str, names: Iterable[str], host: Host | None, fitness: Fitness, used: Used) -> None:
        for name in names:
            tally = tallies.get((vim, name))
            if tally is None:
                tally = tallies[vim, name] = _Tally(ratios.get(vim, Ratios()))
            tally.add(host, fitness, used)

    seen = set()
    for key in there.hosts():
        host = there.get(key)
        assert isinstance(host, Host)
        seen.add((host.vim, host.id))
        add(host.vim, _names(host, by), host, fitness_of(key, host, state), there.usage.on(host.vim, host.id))
    for vim, name in there.usage.hosts():
        if (vim, name) not in seen and key_of(Kind.HOST, name) not in there.names.left_out(vim):
            add(vim, ("",), None, Fitness.LOST, there.usage.on(vim, name))
    return [tally.result(vim, name) for (vim, name), tally in sorted(tallies.items())]


def fitness_of(key: str, host: Host, state: State) -> Fitness:
    """What a host is good for. An alarm counts before the VIM has noticed, and after it says that all is well."""
    fitness = Fitness.USABLE
    for alarm_id in state.alarms_on.get(key, ()):
        alarm = state.alarms[alarm_id]
        if alarm.severity is Severity.CRITICAL:
            if alarm.resource_state is ResourceState.DOWN and not alarm.predicted:
                return Fitness.LOST
            fitness = Fitness.CLOSED
    if host.forced_down or not host.service_up:
        return Fitness.LOST
    if not host.service_enabled or key in state.in_maintenance:
        return Fitness.CLOSED
    return fitness


def _names(host: Host, by: CapacityBy) -> tuple[str, ...]:
    if by is CapacityBy.ZONE:
        return (host.zone,)
    if by is CapacityBy.AGGREGATE:
        return host.aggregates or ("",)
    return ("",)


class _Tally:
    """The sums of one zone, aggregate or VIM."""

    def __init__(self, ratios: Ratios) -> None:
        self._ratios = ratios
        self._hosts = dict.fromkeys(Fitness, 0)
        self._unsized = 0
        self._vcpus = [0, 0, 0]
        self._memory_mb = [0, 0, 0]
        self._largest: FreeHost | None = None
        self._lost = NOTHING
        self._servers_unsized = 0

    def add(self, host: Host | None, fitness: Fitness, used: Used) -> None:
        """``host`` is None where servers name one that the VIM does not list."""
        if host is not None:
            self._hosts[fitness] += 1
        if fitness is Fitness.LOST:
            self._lost = self._lost.plus(used)
            self._servers_unsized += used.unsized
        elif fitness is Fitness.USABLE and host is not None:
            self._servers_unsized += used.unsized
            if host.vcpus > 0 and host.memory_mb > 0:
                self._add_usable(host, used)
            else:
                self._unsized += 1

    def _add_usable(self, host: Host, used: Used) -> None:
        vcpus, memory_mb = int(host.vcpus * self._ratios.cpu), int(host.memory_mb * self._ratios.memory)
        # A host that is too full is no reason to call another one's room less.
        left = FreeHost(host.id, max(0, vcpus - used.vcpus), max(0, memory_mb - used.memory_mb))
        for sums, values in (
            (self._vcpus, (vcpus, used.vcpus, left.vcpus)),
            (self._memory_mb, (memory_mb, used.memory_mb, left.memory_mb)),
        ):
            for index, value in enumerate(values):
                sums[index] += value
        # The name decides between equals: the order of the map's hosts is another after a restart.
        if self._largest is None or (left[1:], self._largest.host) > (self._largest[1:], left.host):
            self._largest = left

    def result(self, vim: str, name: str) -> Capacity:
        return Capacity(
            vim=vim,
            name=name,
            hosts=sum(self._hosts.values()),
            hosts_usable=self._hosts[Fitness.USABLE],
            hosts_lost=self._hosts[Fitness.LOST],
            hosts_unsized=self._unsized,
            vcpus=Amount(*self._vcpus),
            memory_mb=Amount(*self._memory_mb),
            largest=self._largest,
            without_host=Demand(*self._lost[:3]),
            servers_unsized=self._servers_unsized,
        )
