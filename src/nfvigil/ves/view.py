"""One listing as the VES agent looks at it: which servers and hosts a backlog is about, and in which state."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

from nfvigil.model.reading import Reading
from nfvigil.model.resource import Host, Kind, Server, key_of
from nfvigil.model.ves import VesBacklog
from nfvigil.ves.faults import host_state

VM = "vm"
HOST = "host"
TYPES = (VM, HOST)


class View:
    """Of one reading, for all backlogs of its cloud: servers are gone through once to find those of a tenant."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self.hosts: dict[str, Host] = {host.id: host for host in reading.snapshot.hosts}

    @cached_property
    def _servers_of(self) -> dict[str, list[Server]]:
        found: dict[str, list[Server]] = {}
        for server in self._reading.snapshot.servers:
            found.setdefault(server.project, []).append(server)
        return found

    def get(self, backlog: VesBacklog, source: str) -> Server | Host | None:
        """A source of it, if it is listed."""
        return self.hosts.get(source) if backlog.type == HOST else self._reading.servers.get(source)

    def is_listed(self, backlog: VesBacklog, source: str) -> bool:
        """Whether it is one of ``sources``."""
        return self.get(backlog, source) is not None and self.is_watched(backlog, source)

    def is_watched(self, backlog: VesBacklog, source: str) -> bool:
        """Whether the backlog is about it. A name that it was asked for by may mean something else than it did."""
        if backlog.server_id and source != backlog.server_id:
            return False
        record = self.get(backlog, source)
        return record is None or backlog.tenant_id in ("", record.project)

    def sources(self, backlog: VesBacklog) -> Iterable[Server | Host]:
        """Those that are listed."""
        if backlog.server_id:
            one = self.get(backlog, backlog.server_id)
            return () if one is None else (one,)
        return self.listed_hosts if backlog.type == HOST else self.servers(backlog)

    def servers(self, backlog: VesBacklog) -> Sequence[Server]:
        """The tenant's, or everybody's where no tenant is named."""
        if backlog.tenant_id:
            return self._servers_of.get(backlog.tenant_id, ())
        return self._reading.snapshot.servers

    @property
    def listed_hosts(self) -> Sequence[Host]:
        return self._reading.snapshot.hosts

    def is_gone(self, backlog: VesBacklog, source: str) -> bool:
        """Whether the cloud itself said that there is no such thing any more."""
        return key_of_source(backlog, source) in self._reading.gone

    @cached_property
    def servers_on(self) -> dict[str, list[Server]]:
        """By host."""
        found: dict[str, list[Server]] = {}
        for server in self._reading.snapshot.servers:
            found.setdefault(server.host, []).append(server)
        return found


def key_of_source(backlog: VesBacklog, source: str) -> str:
    return key_of(Kind.HOST if backlog.type == HOST else Kind.SERVER, source)


def state_of(record: Server | Host) -> str:
    return host_state(record) if isinstance(record, Host) else record.status


def name_of(record: Server | Host) -> str:
    """A collector must be told a name."""
    return record.name or record.id
