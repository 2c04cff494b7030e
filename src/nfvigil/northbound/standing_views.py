"""How a resource and its state look: Doctor's VirtualResourceInfo and PhysicalResourceInfo."""

from __future__ import annotations

from typing import Any

from nfvigil.model.answers import ResourceStanding
from nfvigil.model.resource import Device, Host, Kind, ResourceState, split_key
from nfvigil.model.view import alarm_view
from nfvigil.northbound.fields import Shape
from nfvigil.northbound.shapes import AlarmShape

_METADATA = (
    *("aliases", "aggregates", "service_up", "is_reporting", "service_enabled", "disabled_reason", "forced_down"),
    *("vcpus", "memory_mb"),
)


class VirtualResourceInfo(Shape):
    """Doctor's: what a subscription is about, how it stands, and the open alarms on it that the subscription covers."""

    key: str
    kind: str
    id: str
    name: str
    state: ResourceState
    faults: list[AlarmShape]


class PhysicalResourceInfo(Shape):
    """Doctor's: a host, or a piece of hardware that the topology file names."""

    key: str
    kind: Kind
    id: str
    name: str
    state: ResourceState
    firmware_version: str | None
    hypervisor_version: str | None
    zone_id: str | None
    vim: str | None
    metadata: dict[str, Any]


def virtual_view(one: ResourceStanding, project: str | None) -> dict[str, Any]:
    kind, name = split_key(one.key)
    return {
        "key": one.key,
        "kind": kind,
        "id": name,
        "name": one.record.name or name,
        "state": one.state,
        "faults": [alarm_view(alarm, project) for alarm in one.alarms],
    }


def physical_view(one: ResourceStanding) -> dict[str, Any]:
    kind, name = split_key(one.key)
    record = one.record
    metadata: dict[str, Any] = {}
    if isinstance(record, Host):
        metadata = {field: getattr(record, field) for field in _METADATA}
    elif isinstance(record, Device):
        metadata = {"host": record.host, "redundant": record.redundant, **record.attributes}
    return {
        "key": one.key,
        "kind": kind,
        "id": name,
        "name": record.name or name,
        "state": one.state,
        "firmware_version": getattr(record, "firmware_version", "") or None,
        "hypervisor_version": getattr(record, "hypervisor_version", "") or None,
        "zone_id": one.zone or None,
        "vim": record.vim or None,
        "metadata": metadata,
    }
