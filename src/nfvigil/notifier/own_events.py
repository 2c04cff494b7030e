"""Our own decisions as events in Ceilometer's form, for event alarms. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from nfvigil.model.alarm import Alarm, Audience
from nfvigil.model.event import Event
from nfvigil.model.event_alarm import CloudEvent, Trait
from nfvigil.model.ids import stable_id
from nfvigil.model.resource import Kind, ResourceState, split_key
from nfvigil.model.verdict import Decision, News
from nfvigil.notifier.event_types import MAINTENANCE_HOST, NETWORK, OTHER_NAMES, PORT, SERVER, VOLUME

_INTERNAL = "internal"
_ACKED = "nfvigil.alarm.acknowledged"
_TEXT = 1

_TYPES: dict[str, str] = {Kind.SERVER: SERVER, Kind.PORT: PORT, Kind.VOLUME: VOLUME, Kind.NETWORK: NETWORK}
_SERVICES = {SERVER: "compute", PORT: "network", NETWORK: "network", VOLUME: "volume"}
_ID_TRAITS = {SERVER: "instance_id", PORT: "port_id", NETWORK: "network_id", VOLUME: "volume_id"}
_BROKEN = {PORT: "DOWN", VOLUME: "error", NETWORK: "ERROR"}
_WELL = {PORT: "ACTIVE", VOLUME: "available", NETWORK: "ACTIVE"}

HostOf = Callable[[str], str]
"""The host that a resource is on, or ""."""
IsIll = Callable[[str], bool]
"""Whether an alarm stands on a resource that says that it does not work."""


IsWanted = Callable[[tuple[str, ...], str, str], bool]
"""Whether anything could come of an event by these names, of a project, about a resource."""


def events_of(decision: Decision, *, host_of: HostOf, is_ill: IsIll, is_wanted: IsWanted) -> Iterator[CloudEvent]:
    """What a decision means for the resources of the cloud, as far as anybody could be told of it. The same decision
    makes the same events.
    """
    event = decision.event
    if event.door == _INTERNAL and event.type == _ACKED:
        return  # somebody has taken note of it: nothing is different in the cloud
    if event.type == MAINTENANCE_HOST and not decision.verdict.is_empty:
        yield _maintenance(event)
    for news, alarm in decision.verdict.alarms:
        event_type = _TYPES.get(split_key(alarm.resource)[0])
        if event_type is None or alarm.audience is Audience.NONE:
            continue
        # A rack's thousands of ports are passed by at once where nobody asks for ports.
        if is_wanted((event_type, *OTHER_NAMES.get(event_type, ())), alarm.project, alarm.resource):
            made = _event(event_type, news, alarm, event.id, host_of=host_of, is_ill=is_ill)
            if made is not None:
                yield made


def says_broken(alarm: Alarm) -> bool:
    return alarm.is_open and alarm.resource_state in (ResourceState.DOWN, ResourceState.ERROR)


def _event(
    event_type: str, news: News, alarm: Alarm, event_id: int, *, host_of: HostOf, is_ill: IsIll
) -> CloudEvent | None:
    name = split_key(alarm.resource)[1]
    if news not in (News.RAISED, News.CHANGED, News.CLEARED):
        return None
    is_broken = says_broken(alarm)
    if not is_broken and is_ill(alarm.resource):
        return None  # another alarm says that it does not work: it is not well again
    if not is_broken and news is not News.CLEARED:
        return None  # a prediction: the cloud says that it works
    message_id = stable_id("cloud event", event_id, alarm.id, news.value)
    before = {News.RAISED: "active", News.CLEARED: "error"}.get(news, "")
    values = {
        "service": _SERVICES[event_type],
        "request_id": f"req-{message_id}",
        "project_id": alarm.project,
        "tenant_id": alarm.project,
        _ID_TRAITS[event_type]: name,
        "resource_id": name,
        "display_name": alarm.resource_name or name,
        "state": "error" if is_broken else "active",
        "old_state": before,
        "status": (_BROKEN if is_broken else _WELL).get(event_type, ""),
        "data_plane_status": ("DOWN" if is_broken else "ACTIVE") if event_type == PORT else "",
        "nfvigil_alarm_id": alarm.id,
        "nfvigil_fault_type": alarm.fault_type,
    }
    host = host_of(alarm.resource)
    at_us = alarm.cleared_us if news is News.CLEARED else alarm.changed_us if news is News.CHANGED else alarm.raised_us
    return CloudEvent(
        message_id=message_id,
        event_type=event_type,
        generated_us=at_us or alarm.raised_us,
        project=alarm.project,
        traits=_texts(values),
        physical=_texts({"host": host}),
        other_names=OTHER_NAMES.get(event_type, ()),
        resource=alarm.resource,
        is_well=not is_broken,
        operators_only=alarm.audience is Audience.ADMIN,
    )


def _maintenance(event: Event) -> CloudEvent:
    """A host goes into maintenance or comes out of it: the operator's business."""
    message_id = stable_id("cloud event", event.id, "maintenance")
    name = split_key(event.resource)[1]
    values = {
        "service": "nfvigil",
        "request_id": f"req-{message_id}",
        "resource_id": name,
        "host": name,
        "state": "MAINTENANCE_COMPLETE" if event.is_clear else "IN_MAINTENANCE",
    }
    return CloudEvent(
        message_id=message_id,
        event_type=MAINTENANCE_HOST,
        generated_us=event.time_us,
        physical=_texts(values),
        resource=event.resource,
        is_well=event.is_clear,
    )


def _texts(values: dict[str, str]) -> tuple[Trait, ...]:
    return tuple((name, _TEXT, value) for name, value in values.items() if value)
