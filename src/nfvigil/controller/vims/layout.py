"""What a simulated cloud consists of at first: hosts, servers, ports, volumes, named after its options."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Annotated, Any

import msgspec

from nfvigil.controller.vims.failure import Seconds
from nfvigil.model.resource import Host, Network, Port, Server, Volume

Count = Annotated[int, msgspec.Meta(ge=0, le=100_000)]
AtLeastOne = Annotated[int, msgspec.Meta(ge=1, le=100_000)]
Name = Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]

Thing = Host | Server | Port | Volume | Network

VCPUS_PER_SERVER = 2
MEMORY_MB_PER_SERVER = 4096


class SimulatedOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be said of a simulated cloud in the settings."""

    hosts: AtLeastOne = 20
    servers_per_host: Count = 10
    ports_per_server: Count = 1
    volumes_per_server: Count = 0
    projects: AtLeastOne = 3
    zones: AtLeastOne = 2
    servers_max_per_host: Count = 0
    """Room on a host; 0 for twice ``servers_per_host``, so that half of the cloud can go down."""
    host_prefix: Name = "compute-"
    domain: Name = "example.net"
    latency_seconds: Seconds = 0.0
    latency_by_call: dict[str, Seconds] = {}
    """Where a kind of call (``snapshot``, ``show``, a kind of action) takes another time."""
    state_path: str | None = None
    """A file in which the cloud's state outlives our process; None for a cloud that starts anew with it."""
    seed: int = 0

    @property
    def room(self) -> int:
        return self.servers_max_per_host or max(1, 2 * self.servers_per_host)

    def layout(self) -> dict[str, Any]:
        """The options on which the names depend: a state file is good only for a cloud of the same layout."""
        fields = ("hosts", "servers_per_host", "ports_per_server", "volumes_per_server", "projects", "zones")
        return {name: getattr(self, name) for name in (*fields, "host_prefix", "domain", "seed")}


def _prefix(*parts: object) -> str:
    """The front of a family of UUIDs: hashing once a family instead of once a member makes a big cloud fast."""
    digest = blake2b("\x1f".join(map(str, parts)).encode(), digest_size=10).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-"


def project_ids(options: SimulatedOptions) -> dict[str, str]:
    """``project-1`` -> its id, in Keystone's form. The same in every cloud of one seed, as with one Keystone."""
    return {
        f"project-{number}": blake2b(f"project {options.seed} {number}".encode(), digest_size=16).hexdigest()
        for number in range(1, options.projects + 1)
    }


def hosts_of(vim: str, options: SimulatedOptions) -> Iterator[Host]:
    for index in range(options.hosts):
        name = f"{options.host_prefix}{index + 1}"
        yield Host(
            id=name,
            name=name,
            vim=vim,
            aliases=(f"{name}.{options.domain}", f"{name}.hypervisor.{options.domain}", f"{name}-bmc"),
            zone=f"zone-{index % options.zones + 1}",
            aggregates=_aggregates(index, options.zones),
            vcpus=VCPUS_PER_SERVER * options.room,
            memory_mb=MEMORY_MB_PER_SERVER * options.room,
            hypervisor_version="8.2.0",
            firmware_version="2.14",
        )


def _aggregates(index: int, zones: int) -> tuple[str, ...]:
    """That of its zone, as in Nova; and of every four hosts two for pinned processors, in whatever zone they are."""
    zone = f"zone-{index % zones + 1}"
    return (zone, "pinned") if index % 4 < 2 else (zone,)


def networks_of(vim: str, options: SimulatedOptions) -> Iterator[Network]:
    front = _prefix(vim, options.seed, "network")
    for number, (name, project) in enumerate(project_ids(options).items(), 1):
        yield Network(id=f"{front}{number:012x}", name=f"net-{name}", vim=vim, project=project)


def servers_of(vim: str, options: SimulatedOptions) -> Iterator[Server]:
    """The projects take turns on each host. The servers in one place of two neighbouring hosts are a group.

    They stand in for one another (1+1), so that a group never loses both at once when a host dies. A project's
    servers on such a pair of hosts are one VNF. The last of an odd number of hosts has no neighbour: no groups.
    """
    front, group_front = _prefix(vim, options.seed, "server"), _prefix(vim, options.seed, "group")
    projects = list(project_ids(options).items())
    volumes = options.volumes_per_server
    volume_front = _prefix(vim, options.seed, "volume")
    per_host = options.servers_per_host
    for host in range(options.hosts):
        host_name = f"{options.host_prefix}{host + 1}"
        pair = host // 2
        has_neighbour = host % 2 == 1 or host + 1 < options.hosts
        for place in range(per_host):
            number = host * per_host + place + 1
            project_name, project = projects[place % len(projects)]
            yield Server(
                id=f"{front}{number:012x}",
                name=f"vm-{host + 1}-{place + 1}",
                vim=vim,
                project=project,
                host=host_name,
                group=f"{group_front}{pair * per_host + place + 1:012x}" if has_neighbour else "",
                vnf=f"{project_name}-vnf-{pair + 1}",
                vcpus=VCPUS_PER_SERVER,
                memory_mb=MEMORY_MB_PER_SERVER,
                volumes=tuple(f"{volume_front}{(number - 1) * volumes + volume + 1:012x}" for volume in range(volumes)),
            )


def ports_of(vim: str, options: SimulatedOptions, server: Server, number: int, network: str) -> Iterator[Port]:
    """``number`` counts the servers from 0."""
    front = _prefix(vim, options.seed, "port")
    for index in range(options.ports_per_server):
        yield Port(
            id=f"{front}{number * options.ports_per_server + index + 1:012x}",
            name=f"{server.name}-port-{index + 1}",
            vim=vim,
            project=server.project,
            server=server.id,
            host=server.host,
            network=network,
        )


def volumes_of(vim: str, server: Server, zone: str) -> Iterator[Volume]:
    for index, volume_id in enumerate(server.volumes):
        yield Volume(
            id=volume_id,
            name=f"{server.name}-volume-{index + 1}",
            vim=vim,
            project=server.project,
            host=f"storage-{zone}@ceph#volumes",
        )


def everything(vim: str, options: SimulatedOptions) -> Iterator[Thing]:
    """The whole cloud as it is on its first day."""
    zone_of = {}
    for host in hosts_of(vim, options):
        zone_of[host.id] = host.zone
        yield host
    network_of = {}
    for network in networks_of(vim, options):
        network_of[network.project] = network.id
        yield network
    for number, server in enumerate(servers_of(vim, options)):
        yield server
        yield from ports_of(vim, options, server, number, network_of[server.project])
        yield from volumes_of(vim, server, zone_of[server.host])
