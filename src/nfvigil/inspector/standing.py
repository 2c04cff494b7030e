"""How a resource stands, in Doctor's words: normal, maintenance, down or error, by its alarms and what its VIM says."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from heapq import nsmallest

import msgspec

from nfvigil.inspector.policy import zone_of
from nfvigil.inspector.resource_map import AnyRecord, ResourceMap
from nfvigil.inspector.state import State
from nfvigil.model.alarm import Alarm, Audience
from nfvigil.model.answers import ResourceStanding
from nfvigil.model.resource import Host, Kind, ResourceState, Server, key_of, split_key

AT_ONCE = 2_000
"""Records that are looked at before others have their turn."""

_WORST_FIRST = (ResourceState.ERROR, ResourceState.DOWN, ResourceState.MAINTENANCE)


class StateQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Doctor's StateQueryFilter, for resources of any kind. Empty means all; lists are OR inside and AND between.

    ``project`` is the reader's scope, as everywhere: None sees all, "" nothing.
    """

    kinds: tuple[Kind, ...]
    project: str | None = None
    ids: tuple[str, ...] = ()
    states: tuple[ResourceState, ...] = ()
    zones: tuple[str, ...] = ()
    vims: tuple[str, ...] = ()
    after: str = ""
    """Keys behind this one."""
    limit: int = 100


def may_see(alarm: Alarm, project: str | None) -> bool:
    return project is None or (alarm.project == project and alarm.audience is Audience.OWNERS)


def standing(key: str, record: AnyRecord, state: State, project: str | None) -> ResourceState:
    """As ``project`` may know it: an alarm that it does not see says nothing to it."""
    alarms = alarms_on(key, state, project)
    found = {alarm.resource_state for alarm in alarms if not alarm.predicted}
    for one in _WORST_FIRST:
        if one in found:
            return one
    if key in state.in_maintenance:
        return ResourceState.MAINTENANCE
    match record:
        case Host() if record.forced_down or not record.service_up:
            return ResourceState.DOWN
        case Server(status="ERROR"):
            return ResourceState.ERROR
    return ResourceState.NORMAL


def alarms_on(key: str, state: State, project: str | None) -> tuple[Alarm, ...]:
    return tuple(
        alarm for alarm in (state.alarms[one] for one in state.alarms_on.get(key, ())) if may_see(alarm, project)
    )


async def find(resource_map: ResourceMap, state: State, query: StateQuery) -> list[ResourceStanding]:
    """What fits, in the order of the keys."""
    keys = _named(resource_map, query) if query.ids else list(resource_map.records)
    prefixes = tuple(f"{kind}/" for kind in query.kinds)
    fitting: list[str] = []
    for number, key in enumerate(keys):
        if number % AT_ONCE == AT_ONCE - 1:
            await asyncio.sleep(0)
        if key.startswith(prefixes) and key > query.after and _fits(key, resource_map, state, query):
            fitting.append(key)
    there = (key for key in fitting if key in resource_map.records)  # Others had their turns: some may be gone.
    return [_stands(key, resource_map, state, query.project) for key in nsmallest(query.limit, there)]


def _named(resource_map: ResourceMap, query: StateQuery) -> list[str]:
    found = set()
    for name in query.ids:
        for key in keys_named(name, query.kinds):
            known = key if resource_map.get(key) is not None else resource_map.resolve(key)
            found.update([known] if known is not None else [])
    return sorted(found)


def keys_named(name: str, kinds: Iterable[Kind]) -> list[str]:
    """The key itself, or the keys that a bare id may stand for."""
    if "/" in name and split_key(name)[0] in Kind._value2member_map_:
        return [name]
    return [key_of(kind, name) for kind in kinds]


def _fits(key: str, resource_map: ResourceMap, state: State, query: StateQuery) -> bool:
    record = resource_map.get(key)
    return (
        record is not None
        and (query.project is None or (query.project != "" and record.project == query.project))
        and (not query.vims or record.vim in query.vims)
        and (not query.zones or zone_of(key, resource_map) in query.zones)
        and (not query.states or standing(key, record, state, query.project) in query.states)
    )


def _stands(key: str, resource_map: ResourceMap, state: State, project: str | None) -> ResourceStanding:
    record = resource_map.records[key]
    return ResourceStanding(
        key=key,
        record=record,
        state=standing(key, record, state, project),
        zone=zone_of(key, resource_map),
        alarms=alarms_on(key, state, project),
    )


def of_keys(
    keys: Sequence[str], resource_map: ResourceMap, state: State, project: str | None
) -> list[ResourceStanding]:
    """Those of them that there are, and that ``project`` may see."""
    found = []
    for key in keys:
        record = resource_map.get(key)
        if record is not None and (project is None or record.project == project):
            found.append(_stands(key, resource_map, state, project))
    return found
