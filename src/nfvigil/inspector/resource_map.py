"""Who is where: hosts, servers, ports and volumes, their owners, and what depends on what.

Kept in memory so that a fault's victims are found without asking the cloud, which at that moment may be slow.

    pdu, rack, switch --hosts--> host --servers--> server --ports--> port
                                                   server --group--> group --members--> server
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

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
        """The canonical key of a resource as somebody named it (alias, FQDN, upper case); None if unknown."""

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


class ResourceMap:
    """The map itself. It is changed by ``load`` and ``apply`` only, between decisions, never during one."""

    def __init__(self, topology: Topology | None = None) -> None:
        self.records: dict[str, AnyRecord] = {}
        self.usage = Usage()
        self._hosts: dict[str, None] = {}
        self._names: dict[str, tuple[str, ...]] = {}  # lower-case name -> the hosts that go by it
        self._on_host: dict[str, dict[str, None]] = {}
        self._ports: dict[str, tuple[str, ...]] = {}
        self._members: dict[str, dict[str, None]] = {}
        self._vnf: dict[str, dict[str, None]] = {}
        self._users: dict[str, dict[str, None]] = {}
        self._stored: dict[str, dict[str, None]] = {}
        self._attached: dict[str, dict[str, None]] = {}
        self._below: dict[str, tuple[str, ...]] = {}
        self._above: dict[str, tuple[str, ...]] = {}
        self._links: tuple[tuple[str, str], ...] = ()
        self._is_renamed = False
        self._aliases: dict[str, list[str]] = {}  # canonical name of a host -> what the topology also calls it
        self._relations: dict[str, Callable[[str], Iterable[str]]] = {
            "servers": lambda key: self._on_host.get(key, ()),
            "hosting": self._hosting,
            "dependents": lambda key: self._below.get(key, ()),
            "depends_on": lambda key: self._above.get(key, ()),
            "hosts": lambda key: self._reach(key, self._below, (Kind.HOST,)),
            "above": lambda key: self._reach(key, self._above, ()),
            "switches": lambda key: self._reach(key, self._above, (Kind.SWITCH,)),
            "pdus": lambda key: self._reach(key, self._above, (Kind.PDU,)),
            "rack": lambda key: self._reach(key, self._above, (Kind.RACK,)),
            "group": self._group,
            "members": lambda key: self._members.get(key, ()),
            "ports": self._ports_of,
            "server": self._server_of,
            "volumes": self._volumes_of,
            "users": lambda key: self._users.get(key, ()),
            "peers": self._peers,
            "vnf_peers": self._vnf_peers,
            "host": self._host_of_part,
            "parts": lambda key: self._reach(key, self._above, (Kind.NIC, Kind.DISK)),
            "stored_volumes": lambda key: self._stored.get(key, ()),
            "storage": self._storage,
            "networks": self._networks,
            "attached": lambda key: self._attached.get(key, ()),
        }
        if topology:
            self._lay_out(topology)

    # Asking

    def resolve(self, key: str) -> str | None:
        if key in self.records:
            return key
        kind, name = split_key(key)
        if kind == Kind.HOST:
            return self._host_named(name.lower())
        return None

    def _host_named(self, name: str) -> str | None:
        found = self._names.get(name, ())
        if not found and "." in name:
            found = self._names.get(name.split(".", 1)[0], ())
        # A name that two hosts have names neither, unless one is called so: better no victim than the wrong one.
        called_so = [key for key in found if split_key(key)[1].lower() == name]
        candidates = called_so or found
        return candidates[0] if len(candidates) == 1 else None

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
        return sorted(self._hosts)

    # Changing

    def load(self, snapshot: Snapshot) -> set[str]:
        """Bring one VIM's part in line with a complete reading of it; returns the keys whose surroundings changed.

        What the snapshot lacks is gone. Other VIMs' records and the static topology stay as they are.
        """
        found = self.compare(snapshot)
        gone = sorted(f"{kind_of(record)}/{record.id}" for record in found.missing)
        return self.apply(MapChange(vim=snapshot.vim, put=(*found.added, *found.changed), gone=tuple(gone)))

    def compare(self, snapshot: Snapshot) -> Comparison:
        """What ``load`` would change; nothing is changed yet."""
        seen: set[str] = set()
        added: list[CloudRecord] = []
        changed: list[CloudRecord] = []
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
                if known != record:
                    if record.vim != snapshot.vim:
                        record = msgspec.structs.replace(record, vim=snapshot.vim)
                    if known is None:
                        added.append(record)
                    elif known != record:
                        changed.append(record)
            counts[kind] = len(seen) - before
        # Looking through the records costs 20 ms for 300,000; a set of each VIM's keys would cost 8 to 16 MB for good.
        missing = tuple(
            record
            for key, record in self.records.items()
            if key not in seen and record.vim == snapshot.vim and not isinstance(record, Device)
        )
        return Comparison(vim=snapshot.vim, added=tuple(added), changed=tuple(changed), missing=missing, counts=counts)

    def apply(self, change: MapChange) -> set[str]:
        """Take in new, changed and removed records; returns the keys whose surroundings changed, old and new.

        A mere change of state (a status, a service forced down) changes nobody's surroundings.
        """
        touched: set[str] = set()
        ports: dict[str, list[str]] = {}
        for key in change.gone:
            record = self.records.pop(key, None)
            if record is not None:
                touched.add(key)
                touched.update(self._unlink(key, record))
                if isinstance(record, Server):
                    self.usage.move(record, None)
        for record in change.put:
            if record.vim != change.vim:  # by it we know whose it is
                record = msgspec.structs.replace(record, vim=change.vim)
            key = key_of(kind_of(record), record.id)
            old = self.records.get(key)
            if old == record:
                continue
            if isinstance(record, Server):
                self.usage.move(old if isinstance(old, Server) else None, record)
            if old is not None and _place(old) == _place(record):
                self.records[key] = record  # its state is another one, but nobody's surroundings changed
                continue
            touched.add(key)
            if old is not None:
                touched.update(self._unlink(key, old))
            self.records[key] = record
            if isinstance(record, Port) and old is None and record.server:
                ports.setdefault(key_of(Kind.SERVER, record.server), []).append(key)
                touched.add(key_of(Kind.SERVER, record.server))
                if record.network:
                    network = key_of(Kind.NETWORK, record.network)
                    self._attached.setdefault(network, {})[key] = None
                    touched.add(network)
            else:
                touched.update(self._link(key, record))
        if self._is_renamed:
            self._tie()
        for server, keys in ports.items():  # a server's ports at once: a tuple each is a third of a dict's memory
            self._ports[server] = (*self._ports.get(server, ()), *keys)
        return touched

    def _lay_out(self, topology: Topology) -> None:
        for device in topology.devices:
            self.records[key_of(device.kind, device.id)] = device
        self._links = topology.links
        for alias, canonical in topology.aliases.items():
            self._aliases.setdefault(canonical, []).append(alias)
        self._tie()

    def _tie(self) -> None:
        """Follow the topology's links to the hosts by the names that they have now."""
        self._is_renamed = False
        above: dict[str, list[str]] = {}
        below: dict[str, list[str]] = {}
        for source, target in self._links:
            there, here = self.resolve(source) or source, self.resolve(target) or target
            below.setdefault(there, []).append(here)
            above.setdefault(here, []).append(there)
        self._below = {key: tuple(keys) for key, keys in below.items()}
        self._above = {key: tuple(keys) for key, keys in above.items()}

    def _link(self, key: str, record: AnyRecord) -> set[str]:
        """Enter a record into the indices; returns its neighbours."""
        if isinstance(record, Host):
            self._name(key, record)
            return set()
        if isinstance(record, Server):
            return self._link_server(key, record)
        if isinstance(record, Port):
            neighbours = set()
            if record.server:
                server = key_of(Kind.SERVER, record.server)
                self._ports[server] = (*self._ports.get(server, ()), key)
                neighbours.add(server)
            if record.network:
                network = key_of(Kind.NETWORK, record.network)
                self._attached.setdefault(network, {})[key] = None
                neighbours.add(network)
            return neighbours
        if isinstance(record, Volume) and record.host:
            host = key_of(Kind.HOST, record.host)
            self._stored.setdefault(host, {})[key] = None
            return {host}
        return set()

    def _link_server(self, key: str, record: Server) -> set[str]:
        neighbours = set()
        if record.host:
            host = key_of(Kind.HOST, record.host)
            self._on_host.setdefault(host, {})[key] = None
            neighbours.add(host)
        if record.group:
            group = key_of(Kind.GROUP, record.group)
            self._members.setdefault(group, {})[key] = None
            neighbours.add(group)
            neighbours.update(self._members[group])
        if record.vnf:
            self._vnf.setdefault(record.vnf, {})[key] = None
            neighbours.update(self._vnf[record.vnf])
        for volume in record.volumes:
            self._users.setdefault(key_of(Kind.VOLUME, volume), {})[key] = None
            neighbours.add(key_of(Kind.VOLUME, volume))
        return neighbours

    def _unlink(self, key: str, record: AnyRecord) -> set[str]:
        """Take a record out of the indices; returns who its neighbours were."""
        neighbours: set[str] = set()

        def leave(index: dict[str, dict[str, None]], place: str) -> None:
            members = index.get(place, {})
            members.pop(key, None)
            neighbours.update(members if index is not self._on_host else ())
            if not members:
                index.pop(place, None)
            neighbours.add(place)

        if isinstance(record, Host):
            self._is_renamed = True
            self._hosts.pop(key, None)
            for name in self._names_of(record):
                left = tuple(other for other in self._names.get(name, ()) if other != key)
                if left:
                    self._names[name] = left
                else:
                    self._names.pop(name, None)
        elif isinstance(record, Server):
            if record.host:
                leave(self._on_host, key_of(Kind.HOST, record.host))
            if record.group:
                leave(self._members, key_of(Kind.GROUP, record.group))
            if record.vnf:
                leave(self._vnf, record.vnf)
                neighbours.discard(record.vnf)
            for volume in record.volumes:
                leave(self._users, key_of(Kind.VOLUME, volume))
        elif isinstance(record, Port):
            if record.server:
                server = key_of(Kind.SERVER, record.server)
                left = tuple(port for port in self._ports.get(server, ()) if port != key)
                if left:
                    self._ports[server] = left
                else:
                    self._ports.pop(server, None)
                neighbours.add(server)
            if record.network:
                network = key_of(Kind.NETWORK, record.network)
                attached = self._attached.get(network, {})
                attached.pop(key, None)
                if not attached:
                    self._attached.pop(network, None)
                neighbours.add(network)
        elif isinstance(record, Volume) and record.host:
            leave(self._stored, key_of(Kind.HOST, record.host))
        return neighbours

    def _names_of(self, host: Host) -> set[str]:
        names = {host.id.lower(), host.name.lower(), host.id.split(".", 1)[0].lower()}
        names.update(alias.lower() for alias in host.aliases)
        names.update(alias.lower() for alias in self._aliases.get(host.id, ()))
        names.discard("")
        return names

    def _name(self, key: str, host: Host) -> None:
        self._is_renamed = True
        self._hosts[key] = None
        for name in self._names_of(host):
            self._names[name] = (*self._names.get(name, ()), key)

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

    def _hosting(self, key: str) -> list[str]:
        record = self.records.get(key)
        return [key_of(Kind.HOST, record.host)] if isinstance(record, Server) and record.host else []

    def _host_of_part(self, key: str) -> list[str]:
        record = self.records.get(key)
        if isinstance(record, Device) and record.host:
            return [self.resolve(key_of(Kind.HOST, record.host)) or key_of(Kind.HOST, record.host)]
        return []

    def _group(self, key: str) -> list[str]:
        record = self.records.get(key)
        return [key_of(Kind.GROUP, record.group)] if isinstance(record, Server) and record.group else []

    def _ports_of(self, key: str) -> Iterable[str]:
        if key.startswith("host/"):
            return [port for server in self._on_host.get(key, ()) for port in self._ports.get(server, ())]
        return self._ports.get(key, ())

    def _server_of(self, key: str) -> list[str]:
        record = self.records.get(key)
        return [key_of(Kind.SERVER, record.server)] if isinstance(record, Port) and record.server else []

    def _volumes_of(self, key: str) -> list[str]:
        record = self.records.get(key)
        return [key_of(Kind.VOLUME, volume) for volume in record.volumes] if isinstance(record, Server) else []

    def _peers(self, key: str) -> list[str]:
        return [peer for group in self._group(key) for peer in self._members.get(group, ()) if peer != key]

    def _vnf_peers(self, key: str) -> list[str]:
        record = self.records.get(key)
        if not isinstance(record, Server) or not record.vnf:
            return []
        return [peer for peer in self._vnf.get(record.vnf, ()) if peer != key]

    def _storage(self, key: str) -> list[str]:
        record = self.records.get(key)
        return [key_of(Kind.HOST, record.host)] if isinstance(record, Volume) and record.host else []

    def _networks(self, key: str) -> list[str]:
        record = self.records.get(key)
        return [key_of(Kind.NETWORK, record.network)] if isinstance(record, Port) and record.network else []


def _place(record: AnyRecord) -> tuple[object, ...]:
    """Where a record stands and whose it is: what the indices are made of."""
    if isinstance(record, Server):
        return (record.host, record.project, record.group, record.vnf, record.volumes)
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
