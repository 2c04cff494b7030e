"""From what was asked for to what is looked at: a backlog for what can be served, a reason for each other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple
from uuid import NAMESPACE_URL, uuid3

from msgspec.structs import replace

from nfvigil.errors import FieldError
from nfvigil.model.resource import Host, Server
from nfvigil.model.ves import VesBacklog, VesConfig, VesEntry
from nfvigil.ves.view import HOST, TYPES, VM

FAULT = "fault"
MEASUREMENT = "measurement"
HEARTBEAT = "heartbeat"
DOMAINS = (FAULT, MEASUREMENT, HEARTBEAT)
ALIASES = {"pm": MEASUREMENT, "measurementsForVfScaling": MEASUREMENT}
"""ONAP's word for it, and that of the event listener's version 5."""

MAY_APPEAR = ("source", "sourceid", "tenant", "tenantid")
"""Fields of an entry that may name what is not there yet, or not there now."""

_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SHOWN = 5


class Built(NamedTuple):
    """``refusals`` name the entry and its field: ``backlogs[1].domain``."""

    backlogs: tuple[VesBacklog, ...]
    refusals: tuple[FieldError, ...]


class _Refused(Exception):
    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field
        self.reason = reason


def reads_listing(backlog: VesBacklog) -> bool:
    """Whether it needs listings of the cloud at all."""
    return backlog.domain != HEARTBEAT


def build(config: VesConfig, *, servers: Iterable[Server], hosts: Iterable[Host], projects: Mapping[str, str]) -> Built:
    """What can be served now. ``projects`` has their names by id, as far as we may know them; ids do without."""
    cloud = _Cloud(servers, hosts, projects)
    made: dict[str, tuple[str, VesBacklog]] = {}
    refusals = []
    for number, entry in enumerate(config.backlogs):
        place = f"backlogs[{number}]"
        try:
            backlog = _built(config, entry, cloud)
            if backlog.backlog_uuid in made:
                raise _Refused("", f"is the same as {made[backlog.backlog_uuid][0]}")
        except _Refused as error:
            refusals.append(FieldError(f"{place}.{error.field}" if error.field else place, error.reason))
        else:
            made[backlog.backlog_uuid] = (place, backlog)
    if config.heartbeat_interval:
        beats = _heartbeat(config, config.heartbeat_interval)
        made.setdefault(beats.backlog_uuid, ("heartbeat_interval", beats))
    return Built(tuple(backlog for _, backlog in made.values()), tuple(refusals))


def staying(config: VesConfig, built: Built, before: Iterable[VesBacklog]) -> list[VesBacklog]:
    """Of those that were looked at before: what is asked for still, and whose source or tenant cannot be found now.
    It is no reason to clear what stands.
    """
    known = {one.backlog_uuid: one for one in before}
    found = {one.backlog_uuid for one in built.backlogs}
    stay = []
    for refusal in built.refusals:
        place, _, name = refusal.field.rpartition(".")
        if name not in MAY_APPEAR:
            continue
        entry = config.backlogs[int(place.removeprefix("backlogs[").removesuffix("]"))]
        uuid = _uuid(config, entry, ALIASES.get(entry.domain, entry.domain))
        if uuid in known and uuid not in found:
            found.add(uuid)
            stay.append(replace(known[uuid], poll_interval=entry.poll_interval or config.poll_interval_default))
    return stay


class _Cloud:
    """What names can mean."""

    def __init__(self, servers: Iterable[Server], hosts: Iterable[Host], projects: Mapping[str, str]) -> None:
        self.servers = {server.id: server for server in servers}
        self.hosts = {host.id: host for host in hosts}
        self.projects = projects
        self.named: dict[str, list[Server]] = {}
        for server in self.servers.values():
            self.named.setdefault(server.name, []).append(server)
        self.owners = {server.project for server in self.servers.values()} | set(projects)

    def tenant(self, entry: VesEntry) -> str:
        """The project's id; "" where the entry names none."""
        if entry.tenantid and entry.tenantid not in self.owners and not _ID.fullmatch(entry.tenantid):
            raise _Refused("tenantid", f"no tenant {entry.tenantid!r} is known in this cloud")
        if entry.tenantid or not entry.tenant:
            return entry.tenantid
        if entry.tenant in self.owners:
            return entry.tenant
        found = sorted(one for one, name in self.projects.items() if name == entry.tenant)
        if not found and _ID.fullmatch(entry.tenant):
            return entry.tenant  # one that has no servers yet
        return _only(found, "tenant", f"no tenant {entry.tenant!r} is known in this cloud", "tenantid")

    def server(self, entry: VesEntry, tenant: str) -> Server | None:
        wanted = entry.sourceid or entry.source
        if not wanted:
            return None
        field = "sourceid" if entry.sourceid else "source"
        one = self.servers.get(wanted)
        if one is not None and tenant in ("", one.project):
            return one
        named = self.named.get(wanted, ()) if field == "source" else ()
        found = sorted(one.id for one in named if tenant in ("", one.project))
        where = f"tenant {entry.tenant or tenant!r}" if tenant else "the cloud"
        return self.servers[_only(found, field, f"no server {wanted!r} is known in {where}", "sourceid")]

    def host(self, entry: VesEntry) -> Host | None:
        wanted = entry.sourceid or entry.source
        if not wanted:
            return None
        field = "sourceid" if entry.sourceid else "source"
        if wanted in self.hosts:
            return self.hosts[wanted]
        found = sorted(one.id for one in self.hosts.values() if wanted == one.name or wanted in one.aliases)
        return self.hosts[_only(found, field, f"no host {wanted!r} is known in this cloud", "sourceid")]


def _only(found: Sequence[str], field: str, none: str, by: str) -> str:
    if len(found) == 1:
        return found[0]
    if not found:
        raise _Refused(field, none)
    shown = ", ".join(found[:_SHOWN]) + (", ..." if len(found) > _SHOWN else "")
    raise _Refused(field, f"there are {len(found)} of this name: name one by {by} ({shown})")


def _built(config: VesConfig, entry: VesEntry, cloud: _Cloud) -> VesBacklog:
    domain = ALIASES.get(entry.domain, entry.domain)
    if domain not in DOMAINS:
        said = f"not {entry.domain!r}" if entry.domain else "and is missing"
        raise _Refused("domain", f"must be one of {', '.join(DOMAINS)}, {said}")
    if domain == HEARTBEAT:
        for field in ("type", "tenant", "tenantid", "source", "sourceid"):
            if getattr(entry, field):
                raise _Refused(field, "a heartbeat is the agent's own, and has none")
        return _heartbeat(config, entry.poll_interval or config.heartbeat_interval or config.poll_interval_default)
    if entry.type not in TYPES:
        said = f"not {entry.type!r}" if entry.type else "and is missing"
        raise _Refused("type", f"must be one of {', '.join(TYPES)} for {domain}, {said}")
    if entry.type == HOST:
        return _of_hosts(config, entry, domain, cloud)
    return _of_servers(config, entry, domain, cloud)


def _of_servers(config: VesConfig, entry: VesEntry, domain: str, cloud: _Cloud) -> VesBacklog:
    tenant = cloud.tenant(entry)
    server = cloud.server(entry, tenant)
    project = server.project if server is not None else tenant
    listed = f"/{config.vim}/compute/v2.1/{project or 'all'}/servers"
    return VesBacklog(
        backlog_uuid=_uuid(config, entry, domain),
        domain=domain,
        type=VM,
        tenant=entry.tenant or cloud.projects.get(project, ""),
        tenant_id=project,
        source=entry.source or (server.name if server is not None else ""),
        server_id=server.id if server is not None else "",
        poll_interval=entry.poll_interval or config.poll_interval_default,
        api_link=f"{listed}/detail" if server is None else f"{listed}/{server.id}",
    )


def _of_hosts(config: VesConfig, entry: VesEntry, domain: str, cloud: _Cloud) -> VesBacklog:
    for field in ("tenant", "tenantid"):
        if getattr(entry, field):
            raise _Refused(field, "a host is no tenant's")
    host = cloud.host(entry)
    return VesBacklog(
        backlog_uuid=_uuid(config, entry, domain),
        domain=domain,
        type=HOST,
        source=entry.source or (host.name if host is not None else ""),
        server_id=host.id if host is not None else "",
        poll_interval=entry.poll_interval or config.poll_interval_default,
        api_link=f"/{config.vim}/compute/v2.1/os-services",
    )


def _heartbeat(config: VesConfig, interval: float) -> VesBacklog:
    uuid = str(uuid3(NAMESPACE_URL, f"{config.vim}-{HEARTBEAT}"))
    return VesBacklog(backlog_uuid=uuid, domain=HEARTBEAT, type="", poll_interval=interval, api_method="")


def _uuid(config: VesConfig, entry: VesEntry, domain: str) -> str:
    """ONAP's for what it has; the same entry has the same, so that what was told of it stays known."""
    what = "" if (domain, entry.type) == (FAULT, VM) else f"{domain}-{entry.type}-"
    named = f"{config.vim}-{what}{entry.tenant or entry.tenantid}-{entry.source or entry.sourceid}"
    return str(uuid3(NAMESPACE_URL, named))
