"""The events that are told to event alarms, and the traits that each can have: what is not here cannot match."""

from __future__ import annotations

from collections.abc import Mapping

SERVER = "compute.instance.update"
PORT = "port.update"
VOLUME = "volume.update"
NETWORK = "network.update"
MAINTENANCE_SCHEDULED = "maintenance.scheduled"
MAINTENANCE_HOST = "maintenance.host"

_COMMON = {
    "service": 1,
    "request_id": 1,
    "project_id": 1,
    "tenant_id": 1,
    "user_id": 1,
    "resource_id": 1,
    "display_name": 1,
    "state": 1,
    "old_state": 1,
    "nfvigil_alarm_id": 1,
    "nfvigil_fault_type": 1,
    "host": 1,
}

TRAITS: Mapping[str, Mapping[str, int]] = {
    SERVER: _COMMON
    | {
        **dict.fromkeys(("instance_id", "cell_name", "instance_type", "instance_type_id", "instance_flavor_id"), 1),
        **dict.fromkeys(("hostname", "node", "availability_zone", "reservation_id", "state_description"), 1),
        **dict.fromkeys(("os_type", "architecture", "image_ref_url", "progress", "kernel_id", "ramdisk_id"), 1),
        **dict.fromkeys(("access_ip_v4", "access_ip_v6", "old_task_state", "new_task_state"), 1),
        **dict.fromkeys(("os_architecture", "os_version", "os_distro", "old_display_name"), 1),
        **dict.fromkeys(("memory_mb", "disk_gb", "root_gb", "ephemeral_gb", "vcpus"), 2),
        **dict.fromkeys(("created_at", "launched_at", "deleted_at", "terminated_at"), 4),
        **dict.fromkeys(("audit_period_beginning", "audit_period_ending"), 4),
    },
    PORT: _COMMON | {"port_id": 1, "name": 1, "status": 1, "data_plane_status": 1, "device_id": 1, "network_id": 1},
    VOLUME: _COMMON | {"volume_id": 1, "name": 1, "status": 1, "size": 2},
    NETWORK: _COMMON | {"network_id": 1, "name": 1, "status": 1},
    MAINTENANCE_SCHEDULED: {
        **dict.fromkeys(("service", "request_id", "project_id", "tenant_id", "user_id", "resource_id"), 1),
        **dict.fromkeys(("session_id", "state", "instance_ids", "reply_url", "allowed_actions", "metadata"), 1),
        **dict.fromkeys(("actions_at", "reply_at"), 4),
    },
    MAINTENANCE_HOST: {
        **dict.fromkeys(("service", "request_id", "project_id", "tenant_id", "user_id", "resource_id"), 1),
        **dict.fromkeys(("session_id", "state", "host"), 1),
    },
}
"""By event type, each trait with Ceilometer's number for its type. Of other types the cloud decides what they have."""

OTHER_NAMES: Mapping[str, tuple[str, ...]] = {
    PORT: ("port.update.end",),
    VOLUME: ("volume.update.end",),
    NETWORK: ("network.update.end",),
}
"""What the cloud's own services call these."""

_PHYSICAL = frozenset({"host", "node", "hypervisor", "compute", "agent", "publisher", "pci", "segment", "rack", "cell"})
_INNOCENT = frozenset({"hostname"})
"""Of a server: its owner gave it that name."""


def is_physical(trait: str) -> bool:
    """Whether a trait is by its name about the operator's side, which no project sees."""
    return trait not in _INNOCENT and any(word in trait for word in _PHYSICAL)
