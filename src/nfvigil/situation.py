"""What the brakes want to know, read from the inspector's state and the resource map as they are at this moment."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from nfvigil.brakes.gate import Witnesses
from nfvigil.inspector import internal
from nfvigil.inspector.resource_map import ResourceMap, host_of
from nfvigil.inspector.state import AUTOMATION_OFF, HOLD, PROOF, State
from nfvigil.model.action import Action, ActionKind
from nfvigil.model.alarm import Alarm
from nfvigil.model.resource import Host, Kind, ResourceState, Server, key_of, split_key
from nfvigil.model.times import SECOND

GROUPS_KEPT_SECONDS = 1.0
"""For so long the aggregates' members are remembered: they change by hand, and are asked for by every host."""

MOST = 0.5
"""A larger share of a VIM's hosts than this does not fall silent because of the hosts."""


class LiveSituation:
    """Reads only. ``unconfirmed_hold`` says of a VIM why it holds where that is not in the log yet; ``doubted`` are the
    hosts whose proof is about to be void.
    """

    def __init__(
        self,
        *,
        state: State,
        resource_map: ResourceMap,
        clock: Callable[[], int],
        unconfirmed_hold: Callable[[str], str],
        doubted: Collection[str] = (),
    ) -> None:
        self._state = state
        self._map = resource_map
        self._clock = clock
        self._unconfirmed_hold = unconfirmed_hold
        self._doubted = doubted
        self._groups: dict[str, dict[str, list[str]]] = {}
        self._silent: dict[str, int] = {}
        """How many hosts of each VIM send no heartbeats; remembered as long as the groups."""
        self._groups_us = 0

    def is_automation_off(self) -> str:
        off = self._state.memory.get(AUTOMATION_OFF)
        return "" if off is None else off["by"] or "somebody"

    def hold(self, vim: str) -> str:
        held = self._state.memory.get(f"{HOLD}{vim}")
        if held is not None:
            return held["text"] or "by an operator"
        return self._unconfirmed_hold(vim) or self._unreachable(vim)

    def _unreachable(self, vim: str) -> str:
        """What we do to a cloud that we cannot see, we cannot see either."""
        is_open = (internal.VIM_UNREACHABLE, key_of(Kind.VIM, vim)) in self._state.alarm_at
        return f"the VIM {vim} cannot be reached" if is_open else ""

    def is_open(self, alarm_id: str) -> bool:
        return alarm_id in self._state.alarms

    def is_failed(self, host: str) -> bool:
        return f"{ActionKind.FORCE_DOWN} {host}" in self._state.wanted

    def host_of(self, action: Action) -> str:
        if action.target.startswith("host/"):
            return action.target
        source = action.params.get("source")
        if source:
            there = self._map.get(key_of(Kind.HOST, source))
            return key_of(Kind.HOST, source) if there is None or there.vim == action.vim else ""
        record = self._map.get(action.target)
        return host_of(record, self._map) if isinstance(record, Server) else ""

    def doubt(self, host: str) -> str:
        """Why it is not clear which host is meant, or ""."""
        found = self._map.resolve(host)
        return "" if found in (host, None) else f"several VIMs have a host {split_key(host)[1]}"

    def proof(self, host: str) -> Mapping[str, Any] | None:
        return None if host in self._doubted else self._state.memory.get(f"{PROOF}{host}")

    def fenced(self, vim: str) -> Collection[str]:
        return [key for key in self._state.proofs if getattr(self._map.get(key), "vim", vim) == vim]

    def witnesses(self, key: str) -> Witnesses:
        """Whose word holds up that the resource is lost: those on its alarms that say so, and on all that they follow
        from. A fan that fails says nothing of a host's being down; rather that it lives.
        """
        state = self._state
        words: set[tuple[str, str]] = set()
        todo = list(state.wanted.get(f"{ActionKind.FORCE_DOWN} {key}", ()))
        if not todo:
            todo = [one for one in state.alarms_on.get(key, ()) if _is_lost(state.alarms[one])]
        seen: set[str] = set()
        while todo:
            alarm_id = todo.pop()
            alarm = state.alarms.get(alarm_id)
            if alarm is None or alarm_id in seen:
                continue
            seen.add(alarm_id)
            fault = state.faults.get(alarm.fault)
            # What a VNF's record says is the cloud's own word, which counts by itself.
            if fault is not None and not fault.predicted and fault.type not in internal.VDUS:
                words.update((word.monitor, word.sender) for word in fault.assertions)
            todo.extend(cause.alarm for cause in alarm.causes)
        return Witnesses(words=frozenset(words), vim_agrees=self._vim_agrees(key))

    def _vim_agrees(self, key: str) -> bool:
        record = self._map.get(key)
        if isinstance(record, Host):
            return self._is_silent(record)
        if isinstance(record, Server):
            is_ours = self._state.before(f"{ActionKind.SERVER_ERROR} {key}") is not None
            host = self._map.get(host_of(record, self._map))
            return (record.status == "ERROR" and not is_ours) or (isinstance(host, Host) and self._is_silent(host))
        return False

    def _is_silent(self, host: Host) -> bool:
        """Whether it alone sends no heartbeats. Where most hosts of a VIM send none, it is rather the VIM's own message
        bus that is away, and the silence of one of them says nothing.
        """
        if host.is_reporting:
            return False
        hosts = self.domains(host.vim).get(f"VIM {host.vim}", ())
        silent = self._silent.get(host.vim)
        if silent is None:
            records = (self._map.get(key) for key in hosts)
            silent = sum(isinstance(one, Host) and not one.is_reporting for one in records)
            self._silent[host.vim] = silent
        return silent <= 1 or silent <= MOST * len(hosts)

    def groups(self, host: str) -> Mapping[str, Collection[str]]:
        record = self._map.get(host)
        if not isinstance(record, Host):
            return {}
        members = self.domains(record.vim)
        return {name: members[name] for name in _groups_of(record) if name in members}

    def domains(self, vim: str) -> Mapping[str, Collection[str]]:
        """Every failure domain of a VIM (aggregates, zones, racks, the VIM itself) with the keys of its hosts."""
        now_us = self._clock()
        if now_us - self._groups_us > GROUPS_KEPT_SECONDS * SECOND:
            self._groups, self._silent, self._groups_us = {}, {}, now_us
        found = self._groups.get(vim)
        if found is None:
            found = self._groups[vim] = self._domains(vim)
        return found

    def _domains(self, vim: str) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for key in self._map.hosts():
            record = self._map.get(key)
            if isinstance(record, Host) and record.vim == vim:
                racks = [f"rack {rack.removeprefix('rack/')}" for rack in self._map.related(key, "rack")]
                zone = [f"zone {record.zone}"] if record.zone else []
                # In one order, so that the same failures give the same reason.
                for name in dict.fromkeys((*_groups_of(record), *zone, *racks, f"VIM {vim}")):
                    found.setdefault(name, []).append(key)
        return found


class HostsOfVims:
    """Which hosts each VIM has in the map, and of which of them something is remembered by their names."""

    def __init__(self, *, state: State, resource_map: ResourceMap) -> None:
        self._state = state
        self._map = resource_map

    def of(self, vim: str) -> list[str]:
        return [key for key in self._map.hosts() if getattr(self._map.get(key), "vim", "") == vim]

    def spoken_of(self, vim: str) -> list[str]:
        """Hosts with alarms or faults, in maintenance, proven off, or with states that we set or restore."""
        state = self._state
        remembered = {mark.partition(" ")[2] for marks in (state.wanted, state.restoring) for mark in marks}
        remembered.update(state.alarms_on, state.in_maintenance, state.proofs)
        remembered.update(fault.resource for fault in state.faults.values())
        return sorted(remembered.intersection(self.of(vim)) | hosts_with_alarms(state, vim))


def hosts_with_alarms(state: State, vim: str) -> set[str]:
    """Of the map it needs nothing: also those of a VIM that was not read yet."""
    return {one.resource for one in state.alarms.values() if one.vim == vim and one.resource.startswith("host/")}


def _is_lost(alarm: Alarm) -> bool:
    return not alarm.predicted and alarm.resource_state in (ResourceState.DOWN, ResourceState.ERROR)


def _groups_of(host: Host) -> list[str]:
    if host.aggregates:
        return [f"aggregate {name}" for name in host.aggregates]
    return [f"zone {host.zone}"] if host.zone else [f"VIM {host.vim}"]
