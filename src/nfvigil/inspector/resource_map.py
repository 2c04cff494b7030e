"""Who is where: hosts, servers, ports and volumes, their owners, and what depends on what.

Kept in memory so that a fault's victims are found without asking the cloud, which at that moment may be slow.

    pdu, rack, switch --hosts--> host --servers--> server --ports--> port
                                                   server --group--> group --members--> server
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Protocol

import msgspec

from nfvigil.inspector.links import Links
from nfvigil.inspector.names import Names
from nfvigil.inspector.usage import Usage
from nfvigil.model.resource import (
    CloudRecord,
    Comparison,
    Device,
    Host,
    Kind,
    MapChange,
    Network,
    Port,
    Record,
    Server,
    Snapshot,
    Volume,
    key_of,
    split_key,
)
from nfvigil.model.topology import Topology

AnyRecord = Host | Server | Port | Volume | Network | Device


class Lookup(Protocol):
    """What a decision may ask. All answers are immutable, and the same until the map itself changes."""

    def resolve(self, key: str) -> str | None:
        """The canonical key of a resource as somebody named it (alias, FQDN, upper case); None if unknown, and a key
        that ends with ``DOUBT`` where several VIMs have something of that name.
        """

    def get(self, key: str) -> AnyRecord | None:
        """The record behind a canonical key."""

    def related(self, key: str, relation: str) -> tuple[str, ...]:
        """Keys of what stands in ``relation`` to ``key``; empty where there is nothing or no such relation."""


INVERSE = {
    "servers": "hosting",
    "hosting": "servers",
    "dependents": "depends_on",
    "depends_on": "dependents",
    "hosts": "above",
    "above": "hosts",
    "switches": "hosts",
    "pdus": "hosts",
    "rack": "hosts",
    "group": "members",
    "members": "group",
    "ports": "server",
    "server": "ports",
    "volumes": "users",
    "users": "volumes",
    "peers": "peers",
    "vnf_peers": "vnf_peers",
    "host": "parts",
    "parts": "host",
    "stored_volumes": "storage",
    "storage": "stored_volumes",
    "networks": "attached",
    "attached": "networks",
}
"""Every relation that a policy can name, and the one that leads back."""


def _is_free(_key: str, _vim: str, _was_left_out: bool) -> bool:
    """For a map beside which nobody remembers anything of hosts."""
    return True


def _as_it_is(server: Server) -> Server:
    """For a map beside which nobody knows more of servers than the clouds do."""
    return server


class ResourceMap:
    """The map itself. It is changed by ``load`` and ``apply`` only, between decisions, never during one.

    A key has one record. The VIM that came with it first keeps it; another's is left out until then, and what hangs
    on it in its own VIM never leads to the first's. ``is_free(key, vim, was_left_out)`` says of a host that is new
    whether what is remembered under its key can be the VIM's.
    """

    def __init__(self, topology: Topology | None = None) -> None:
        self.records: dict[str, AnyRecord] = {}
        self.names = Names(self.records)
        self.usage = Usage()
        self.is_free: Callable[[str, str, bool], bool] = _is_free
        self.annotated: Callable[[Server], Server] = _as_it_is
        """What else is known of a server that a cloud tells of: the VNF it is a part of."""
        self.resolve = self.names.resolve
        self._links_of: dict[str, Links] = {}
        self._below: dict[str, tuple[str, ...]] = {}
        self._above: dict[str, tuple[str, ...]] = {}
        self._links: tuple[tuple[str, str], ...] = ()
        self._version = 0
        """Of the names by which the topology's links were followed last."""
        self._relations: dict[str, Callable[[str], Iterable[str]]] = {
            "servers": lambda key: self._at(key, _ON_HOST),
            "hosting": self._hosting,
            "dependents": lambda key: self._below.get(key, ()),
            "depends_on": lambda key: self._above.get(key, ()),
            "hosts": lambda key: self._reach(key, self._below, (Kind.HOST,)),
            "above": lambda key: self._reach(key, self._above, ()),
            "switches": lambda key: self._reach(key, self._above, (Kind.SWITCH,)),
            "pdus": lambda key: self._reach(key, self._above, (Kind.PDU,)),
            "rack": lambda key: self._reach(key, self._above, (Kind.RACK,)),
            "group": self._group,
            "members": lambda key: self._at(key, _MEMBERS),
            "ports": self._ports_of,
            "server": self._server_of,
            "volumes": self._volumes_of,
            "users": lambda key: self._at(key, _USERS),
            "peers": self._peers,
            "vnf_peers": self._vnf_peers,
            "host": self._host_of_part,
            "parts": lambda key: self._reach(key, self._above, (Kind.NIC, Kind.DISK)),
            "stored_volumes": lambda key: self._at(key, _STORED),
            "storage": self._storage,
            "networks": self._networks,
            "attached": lambda key: self._at(key, _ATTACHED),
        }
        if topology:
            self._lay_out(topology)

    # Asking

    def get(self, key: str) -> AnyRecord | None:
        return self.records.get(key)

    def related(self, key: str, relation: str) -> tuple[str, ...]:
        find = self._relations.get(relation)
        return tuple(find(key)) if find else ()

    def count(self) -> dict[str, int]:
        """How many there are of each kind."""
        counts: dict[str, int] = {}
        for key in self.records:
            kind = split_key(key)[0]
            counts[kind] = counts.get(kind, 0) + 1
        return counts

    def find(self, *, kind: str, project: str | None, after: str = "", limit: int = 100) -> list[tuple[str, AnyRecord]]:
        """Resources of a kind in the order of their keys; with ``project``, only its own."""
        prefix = f"{kind}/"
        keys = (
            key
            for key, record in self.records.items()
            if key.startswith(prefix) and key > after and (project is None or (project and record.project == project))
        )
        return [(key, self.records[key]) for key in sorted(keys)[:limit]]

    def hosts(self) -> list[str]:
        """The keys of all hosts, by their own index: a look through all records would hold up news."""
        return sorted(self.names.hosts)

    # Changing

    def load(self, snapshot: Snapshot) -> set[str]:
        """Bring one VIM's part in line with a complete reading of it; returns the keys whose surroundings changed.

        What the snapshot lacks is gone. Other VIMs' records and the static topology stay as they are.
        """
        found = self.compare(snapshot)
        gone = sorted(f"{kind_of(record)}/{record.id}" for record in found.missing)
        put = (*found.added, *found.changed, *found.refused)
        return self.apply(MapChange(vim=snapshot.vim, put=put, gone=(*gone, *found.given_up)))

    def compare(self, snapshot: Snapshot) -> Comparison:
        """What ``load`` would change; nothing is changed yet."""
        seen: set[str] = set()
        added: list[CloudRecord] = []
        changed: list[CloudRecord] = []
        refused: list[CloudRecord] = []
        counts: dict[str, int] = {}
        for group, kind in (
            (snapshot.hosts, Kind.HOST),
            (snapshot.servers, Kind.SERVER),
            (snapshot.ports, Kind.PORT),
            (snapshot.volumes, Kind.VOLUME),
            (snapshot.networks, Kind.NETWORK),
        ):
            before = len(seen)
            records: Sequence[CloudRecord] = group
            for record in records:
                key = f"{kind}/{record.id}"
                seen.add(key)
                known = self.records.get(key)
                if isinstance(record, Server):
                    record = self.annotated(record)
                if known is not record and known != record:
                    if record.vim != snapshot.vim:
                        record = msgspec.structs.replace(record, vim=snapshot.vim)
                    if known is None:
                        added.append(record)
                    elif known.vim != snapshot.vim:
                        refused.append(record)
                    elif known != record:
                        changed.append(record)
            counts[kind] = len(seen) - before
        # Looking through the records costs 20 ms for 300,000; a set of each VIM's keys would cost 8 to 16 MB for good.
        missing = tuple(
            record
            for key, record in self.records.items()
            if key not in seen and record.vim == snapshot.vim and not isinstance(record, Device)
        )
        return Comparison(
            vim=snapshot.vim,
            added=tuple(added),
            changed=tuple(changed),
            missing=missing,
            refused=tuple(refused),
            given_up=tuple(key for key in self.names.left_out(snapshot.vim) if key not in seen),
            counts=counts,
        )

    def apply(self, change: MapChange) -> set[str]:
        """Take in new, changed and removed records; returns the keys whose surroundings changed, old and new.

        A mere change of state (a status, a service forced down) changes nobody's surroundings.
        """
        touched: set[str] = set()
        ports: dict[str, list[str]] = {}
        links = self._links_of.setdefault(change.vim, Links())
        for key in change.gone:
            record = self.records.get(key)
            if record is None or record.vim != change.vim:
                self.names.forget(change.vim, key)
                continue
            del self.records[key]
            touched.add(key)
            touched.update(self._unlink(links, key, record))
            if isinstance(record, Server):
                self.usage.move(record, None)
        for record in change.put:
            if record.vim != change.vim:  # by it we know whose it is
                record = msgspec.structs.replace(record, vim=change.vim)
            key = key_of(kind_of(record), record.id)
            old = self.records.get(key)
            if isinstance(record, Server):
                record = self.annotated(record)
            if old == record:
                continue
            if self._is_anothers(key, record, old):
                self.names.leave_out(change.vim, key)
                continue
            if isinstance(record, Server):
                self.usage.move(old if isinstance(old, Server) else None, record)
            if old is not None and _place(old) == _place(record):
                self.records[key] = record  # its state is another one, but nobody's surroundings changed
                continue
            touched.add(key)
            if old is not None:
                touched.update(self._unlink(links, key, old))
            self.records[key] = record
            if isinstance(record, Port) and old is None and record.server:
                ports.setdefault(key_of(Kind.SERVER, record.server), []).append(key)
                touched.add(key_of(Kind.SERVER, record.server))
                touched.update(links.attach(key, record))
            else:
                touched.update(self._link(links, key, record))
                if isinstance(record, Server) and isinstance(old, Server) and _vnf(old) != _vnf(record):
                    touched.update(links.ports.get(key, ()))  # they are of another VNF with it
        if self._version != self.names.version:
            self._tie()
        for server, keys in ports.items():
            links.plug(server, keys)
        return touched

    def _is_anothers(self, key: str, record: CloudRecord, old: AnyRecord | None) -> bool:
        """Whether the key is another VIM's, by its record or by what is remembered under it."""
        if old is not None:
            return old.vim != record.vim
        was_left_out = key in self.names.left_out(record.vim)
        if isinstance(record, Host) and not self.is_free(key, record.vim, was_left_out):
            return True
        if was_left_out:
            self.names.forget(record.vim, key)
        return False

    def _lay_out(self, topology: Topology) -> None:
        for device in topology.devices:
            self.records[key_of(device.kind, device.id)] = device
        self._links = topology.links
        for alias, canonical in topology.aliases.items():
            self.names.also_called(canonical, alias)
        self._tie()

    def _tie(self) -> None:
        """Follow the topology's links to the hosts by the names that they have now."""
        self._version = self.names.version
        above: dict[str, list[str]] = {}
        below: dict[str, list[str]] = {}
        for source, target in self._links:
            there, here = self.resolve(source) or source, self.resolve(target) or target
            below.setdefault(there, []).append(here)
            above.setdefault(here, []).append(there)
        self._below = {key: tuple(keys) for key, keys in below.items()}
        self._above = {key: tuple(keys) for key, keys in above.items()}

    def _link(self, links: Links, key: str, record: CloudRecord) -> set[str]:
        """Enter a record into the indices; returns its neighbours."""
        if isinstance(record, Host):
            self.names.add(key, record)
            return set()
        return links.enter(key, record)

    def _unlink(self, links: Links, key: str, record: AnyRecord) -> set[str]:
        """Take a record out of the indices; returns who its neighbours were."""
        if isinstance(record, Host):
            self.names.remove(key, record)
            return set()
        return links.leave(key, record)

    # Relations

    def _reach(self, key: str, edges: Mapping[str, tuple[str, ...]], kinds: tuple[Kind, ...]) -> list[str]:
        """All that can be reached over ``edges``; only of ``kinds``, if any are given."""
        found: dict[str, None] = {}
        todo = list(edges.get(key, ()))
        seen = set(todo)
        while todo:
            there = todo.pop(0)
            if not kinds or split_key(there)[0] in kinds:
                found[there] = None
            for beyond in edges.get(there, ()):
                if beyond not in seen:
                    seen.add(beyond)
                    todo.append(beyond)
        return list(found)

    def _links_at(self, key: str, index: _Index) -> Links | None:
        """The links of the VIM that ``key`` is of. What has no record of its own, such as a group, is of the VIM in
        which something hangs on it; of two, nobody knows which is meant.
        """
        record = self.records.get(key)
        if record is not None:
            return self._links_of.get(record.vim)
        found = [links for links in self._links_of.values() if key in index(links)]
        return found[0] if len(found) == 1 else None

    def _at(self, key: str, index: _Index) -> Iterable[str]:
        """What hangs on ``key`` in its own VIM."""
        links = self._links_at(key, index)
        return () if links is None else index(links).get(key, ())

    def _own(self, record: Record, key: str) -> list[str]:
        """What a record names, unless that is another VIM's."""
        there = self.records.get(key)
        return [key] if there is None or there.vim == record.vim else []

    def _hosting(self, key: str) -> list[str]:
        record = self.records.get(key)
        return self._own(record, key_of(Kind.HOST, record.host)) if isinstance(record, Server) and record.host else []

    def _host_of_part(self, key: str) -> list[str]:
        record = self.records.get(key)
        if isinstance(record, Device) and record.host:
            return [self.resolve(key_of(Kind.HOST, record.host)) or key_of(Kind.HOST, record.host)]
        return []

    def _group(self, key: str) -> list[str]:
        record = self.records.get(key)
        return [key_of(Kind.GROUP, record.group)] if isinstance(record, Server) and record.group else []

    def _ports_of(self, key: str) -> Iterable[str]:
        if not key.startswith("host/"):
            return self._at(key, _PORTS)
        links = self._links_at(key, _ON_HOST)
        if links is None:
            return ()
        return [port for server in links.on_host.get(key, ()) for port in links.ports.get(server, ())]

    def _server_of(self, key: str) -> list[str]:
        record = self.records.get(key)
        return (
            self._own(record, key_of(Kind.SERVER, record.server)) if isinstance(record, Port) and record.server else []
        )

    def _volumes_of(self, key: str) -> list[str]:
        record = self.records.get(key)
        if not isinstance(record, Server):
            return []
        return [one for volume in record.volumes for one in self._own(record, key_of(Kind.VOLUME, volume))]

    def _peers(self, key: str) -> list[str]:
        record = self.records.get(key)
        if not isinstance(record, Server) or not record.group:
            return []
        mates = self._links_of[record.vim].members.get(key_of(Kind.GROUP, record.group), ())
        return [peer for peer in mates if peer != key]

    def _vnf_peers(self, key: str) -> list[str]:
        record = self.records.get(key)
        if not isinstance(record, Server) or not record.vnf:
            return []
        peers = self._links_of[record.vim].vnf.get(record.vnf, ())
        # Anybody may write the name of another project's VNF into his servers' metadata.
        return [peer for peer in peers if peer != key and self.records[peer].project == record.project]

    def vnf_servers(self) -> Iterable[Server]:
        """All servers that are a part of some VNF."""
        for links in self._links_of.values():
            for keys in links.vnf.values():
                for key in keys:
                    record = self.records[key]
                    if isinstance(record, Server):
                        yield record

    def _storage(self, key: str) -> list[str]:
        record = self.records.get(key)
        return self._own(record, key_of(Kind.HOST, record.host)) if isinstance(record, Volume) and record.host else []

    def _networks(self, key: str) -> list[str]:
        record = self.records.get(key)
        if not isinstance(record, Port) or not record.network:
            return []
        return self._own(record, key_of(Kind.NETWORK, record.network))


_Index = Callable[[Links], Mapping[str, Iterable[str]]]
_ON_HOST: _Index = attrgetter("on_host")
_PORTS: _Index = attrgetter("ports")
_MEMBERS: _Index = attrgetter("members")
_USERS: _Index = attrgetter("users")
_STORED: _Index = attrgetter("stored")
_ATTACHED: _Index = attrgetter("attached")


def host_of(record: Server | Port, lookup: Lookup) -> str:
    """Key of the host that a record says it is on; "" where it says none, or that key is another VIM's host."""
    if not record.host:
        return ""
    key = key_of(Kind.HOST, record.host)
    there = lookup.get(key)
    return key if there is None or there.vim == record.vim else ""


def _vnf(server: Server) -> tuple[str, str]:
    return server.vnf, server.vnfc


def _place(record: AnyRecord) -> tuple[object, ...]:
    """Where a record stands and whose it is: what the indices are made of."""
    if isinstance(record, Server):
        return (record.host, record.project, record.group, record.vnf, record.vnfc, record.volumes)
    if isinstance(record, Port):
        return (record.server, record.host, record.network, record.project)
    if isinstance(record, Volume):
        return (record.host, record.project)
    if isinstance(record, Host):
        return (record.name, record.aliases, record.zone)
    return (record.project,)


_KINDS: dict[type[Record], Kind] = {
    Host: Kind.HOST,
    Server: Kind.SERVER,
    Port: Kind.PORT,
    Volume: Kind.VOLUME,
    Network: Kind.NETWORK,
}


def kind_of(record: AnyRecord) -> Kind:
    return record.kind if isinstance(record, Device) else _KINDS[type(record)]


class Recorder:
    """Passes questions on to the map and remembers the answers, so that a decision can be made again from them."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self.resolved: dict[str, str | None] = {}
        self.records: dict[str, AnyRecord | None] = {}
        self.relations: dict[str, tuple[str, ...]] = {}

    def resolve(self, key: str) -> str | None:
        if key not in self.resolved:
            self.resolved[key] = self._lookup.resolve(key)
        return self.resolved[key]

    def get(self, key: str) -> AnyRecord | None:
        if key not in self.records:
            self.records[key] = self._lookup.get(key)
        return self.records[key]

    def related(self, key: str, relation: str) -> tuple[str, ...]:
        name = f"{key} {relation}"
        found = self.relations.get(name)
        if found is None:
            found = self.relations[name] = self._lookup.related(key, relation)
        return found

    def entries(self) -> dict[str, Any]:
        return {"resolved": self.resolved, "records": self.records, "relations": self.relations}


class RecordedMap:
    """The map as one decision saw it, rebuilt from what was recorded with it."""

    def __init__(self, entries: Mapping[str, Any]) -> None:
        self._resolved: dict[str, str | None] = dict(entries.get("resolved", {}))
        self._records = {
            key: None if value is None else msgspec.convert(value, AnyRecord)
            for key, value in entries.get("records", {}).items()
        }
        self._relations = {name: tuple(keys) for name, keys in entries.get("relations", {}).items()}

    def resolve(self, key: str) -> str | None:
        return self._resolved.get(key)

    def get(self, key: str) -> AnyRecord | None:
        return self._records.get(key)

    def related(self, key: str, relation: str) -> tuple[str, ...]:
        return self._relations.get(f"{key} {relation}", ())
