"""From OpenStack's answers to our records. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC
from typing import NamedTuple

import msgspec
from msgspec import UNSET

from nfvigil.controller.vims.openstack.heartbeats import Heartbeats
from nfvigil.controller.vims.openstack.wire import (
    Flavor,
    WireAggregate,
    WireGroup,
    WireHypervisor,
    WireNetwork,
    WirePort,
    WireServer,
    WireService,
    WireVolume,
)
from nfvigil.errors import VimUnavailableError
from nfvigil.model.resource import Host, Network, Port, Server, Volume
from nfvigil.model.times import SECOND, parse

COMPUTE = "nova-compute"
UNKNOWN = "UNKNOWN"
NAME_MAX = 255


class Pool:
    """One object for each text that repeats: a hundred thousand servers share their few states and hosts."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {"": ""}

    def __call__(self, text: str | None) -> str:
        return self._texts.setdefault(text, text) if text else ""


class HostFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What does not come with the compute service, and changes rarely."""

    aliases: tuple[str, ...] = ()
    aggregates: tuple[str, ...] = ()
    vcpus: int = 0
    memory_mb: int = 0
    hypervisor_version: str = ""


VNF_KEYS = ("vnf", "vnf_instance_id", "vnf_id", "vnfInstanceId")
VNFC_KEYS = ("vnfc", "vnfc_instance_id", "vnfc_id", "vnfcInstanceId")


class VnfKeys(NamedTuple):
    """In which of a server's metadata stand the VNF that it is a part of, and the component: the first there counts."""

    vnf: tuple[str, ...] = VNF_KEYS
    vnfc: tuple[str, ...] = VNFC_KEYS


def named_in(metadata: Mapping[str, str], keys: Iterable[str]) -> str:
    """What the first of ``keys`` that is there says. An owner may write anything: what is no name is none."""
    name = next((metadata[key] for key in keys if metadata.get(key)), "")
    return name if len(name) <= NAME_MAX and name.isprintable() else ""


def server_of(
    wire: WireServer,
    *,
    vim: str,
    pool: Pool,
    groups: Mapping[str, str],
    flavors: Mapping[str, Flavor],
    vnf_keys: VnfKeys = VnfKeys(),  # noqa: B008 - a constant
) -> Server:
    """``groups`` is server -> group, ``flavors`` is for a Nova that does not embed them."""
    if wire.status == UNKNOWN:
        raise VimUnavailableError(f"server {wire.id} is in a cell that does not answer")
    if wire.host is UNSET:
        raise VimUnavailableError(
            "Nova does not show OS-EXT-SRV-ATTR:host: allow os_compute_api:os-extended-server-attributes"
        )
    flavor = wire.flavor
    vcpus, memory_mb = (flavor.vcpus, flavor.ram) if flavor else (0, 0)
    if flavor and not vcpus and flavor.id in flavors:
        vcpus, memory_mb = flavors[flavor.id].vcpus, flavors[flavor.id].ram
    vnf = named_in(wire.metadata, vnf_keys.vnf)
    group = wire.server_groups[0] if wire.server_groups else groups.get(wire.id, "")
    return Server(
        id=wire.id,
        name=wire.name or "",
        vim=vim,
        project=pool(wire.tenant_id),
        host=pool(wire.host),
        status=pool(wire.status),
        group=pool(group),
        vnf=pool(vnf),
        vnfc=named_in(wire.metadata, vnf_keys.vnfc) if vnf else "",
        host_status=pool(wire.host_status),
        vcpus=vcpus,
        memory_mb=memory_mb,
        volumes=tuple([volume.id for volume in wire.volumes]),
    )


def port_of(wire: WirePort, *, vim: str, pool: Pool) -> Port:
    if wire.host is UNSET:
        raise VimUnavailableError(
            "Neutron does not show binding:host_id, and so not the ports of all projects: it needs an administrator"
        )
    is_of_server = (wire.device_owner or "").startswith("compute:")
    return Port(
        id=wire.id,
        name=wire.name or "",
        vim=vim,
        project=pool(wire.project_id or wire.tenant_id),
        server=(wire.device_id or "") if is_of_server else "",
        host=pool(wire.host),
        network=pool(wire.network_id),
        status=pool(wire.status),
        admin_up=wire.admin_state_up,
        data_plane_status=pool(wire.data_plane_status or ""),
    )


def network_of(wire: WireNetwork, *, vim: str, pool: Pool) -> Network:
    return Network(id=wire.id, name=wire.name or "", vim=vim, project=pool(wire.project_id or wire.tenant_id))


def volume_of(wire: WireVolume, *, vim: str, pool: Pool) -> Volume:
    return Volume(
        id=wire.id,
        name=wire.name or "",
        vim=vim,
        project=pool(wire.project_id),
        host=pool(wire.host),
        status=pool(wire.status),
    )


def groups_of(groups: Iterable[WireGroup]) -> dict[str, str]:
    """Server -> its group."""
    return {server: group.id for group in groups for server in group.members}


def facts_of(
    hosts: Iterable[str], hypervisors: Sequence[WireHypervisor], aggregates: Iterable[WireAggregate]
) -> dict[str, HostFacts]:
    """By the compute service's host name. A name that two hosts would have is nobody's."""
    known = sorted(set(hosts) | {hypervisor.service.host for hypervisor in hypervisors})
    names: dict[str, list[str]] = {host: [host, _short(host)] for host in known}
    sizes: dict[str, tuple[int, int, str]] = {}
    for hypervisor in hypervisors:
        host = hypervisor.service.host
        name = hypervisor.hypervisor_hostname
        names[host] += [name, _short(name)]
        vcpus, memory_mb, _ = sizes.get(host, (0, 0, ""))
        version = " ".join(filter(None, (hypervisor.hypervisor_type, str(hypervisor.hypervisor_version or ""))))
        sizes[host] = (vcpus + (hypervisor.vcpus or 0), memory_mb + (hypervisor.memory_mb or 0), version)
    owners = Counter(name for mine in names.values() for name in set(mine))
    within: dict[str, list[str]] = {}
    for aggregate in aggregates:
        for host in aggregate.hosts:
            within.setdefault(host, []).append(aggregate.name)
    facts = {}
    for host in known:
        aliases = sorted({name for name in names[host] if name != host and owners[name] == 1})
        vcpus, memory_mb, version = sizes.get(host, (0, 0, ""))
        facts[host] = HostFacts(
            aliases=tuple(aliases),
            aggregates=tuple(sorted(within.get(host, ()))),
            vcpus=vcpus,
            memory_mb=memory_mb,
            hypervisor_version=version,
        )
    return facts


def host_of(
    service: WireService,
    facts: HostFacts,
    *,
    vim: str,
    now_us: int | None,
    heartbeats: Heartbeats,
    heartbeat_seconds: float,
) -> Host:
    """``now_us`` is Nova's clock when it answered."""
    return Host(
        id=service.host,
        name=service.host,
        vim=vim,
        aliases=facts.aliases,
        zone=service.zone,
        aggregates=facts.aggregates,
        service_up=service.state == "up",
        is_reporting=is_reporting(service, now_us=now_us, heartbeats=heartbeats, heartbeat_seconds=heartbeat_seconds),
        service_enabled=service.status == "enabled",
        disabled_reason=service.disabled_reason or "",
        forced_down=service.forced_down,
        vcpus=facts.vcpus,
        memory_mb=facts.memory_mb,
        hypervisor_version=facts.hypervisor_version,
    )


def is_reporting(service: WireService, *, now_us: int | None, heartbeats: Heartbeats, heartbeat_seconds: float) -> bool:
    """Of a host that is forced down, only the age of its last heartbeat tells; Nova says down in any case."""
    if not service.forced_down:
        return service.state == "up"
    stamp_us = stamp_of(service)
    if stamp_us is None or now_us is None:
        return False
    return now_us - heartbeats.last(service.host, stamp_us) < heartbeat_seconds * SECOND


def stamp_of(service: WireService) -> int | None:
    """When Nova's record of it was written last: by a heartbeat, or by a change through the API."""
    return instant(service.updated_at)


def instant(text: str | None) -> int | None:
    """Nova's times are UTC and do not say so."""
    if not text:
        return None
    try:
        return parse(text, UTC)[0]
    except ValueError:
        return None


def now_at(services: Iterable[WireService], date_us: int | None) -> int | None:
    """Nova's clock by the Date of its answer; where a proxy took that away, the newest heartbeat of all."""
    if date_us is not None:
        return date_us
    return max((stamp for service in services if (stamp := stamp_of(service)) is not None), default=None)


def _short(name: str) -> str:
    return name.partition(".")[0]
