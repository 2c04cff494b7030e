"""What hangs on what in one VIM. Each has its own, so that equal names never lead from one cloud into another."""

from __future__ import annotations

from collections.abc import Iterable

from nfvigil.model.resource import Kind, Port, Record, Server, Volume, key_of


class Links:
    """Indices over one VIM's records: from the key of what is hung on to the keys of what hangs on it."""

    __slots__ = ("attached", "members", "on_host", "ports", "stored", "users", "vnf")

    def __init__(self) -> None:
        self.on_host: dict[str, dict[str, None]] = {}
        self.ports: dict[str, tuple[str, ...]] = {}
        self.members: dict[str, dict[str, None]] = {}
        self.vnf: dict[str, dict[str, None]] = {}
        self.users: dict[str, dict[str, None]] = {}
        self.stored: dict[str, dict[str, None]] = {}
        self.attached: dict[str, dict[str, None]] = {}

    def enter(self, key: str, record: Record) -> set[str]:
        """Returns the record's neighbours."""
        if isinstance(record, Server):
            return self._enter_server(key, record)
        if isinstance(record, Port):
            neighbours = self.attach(key, record)
            if record.server:
                server = key_of(Kind.SERVER, record.server)
                self.plug(server, (key,))
                neighbours.add(server)
            return neighbours
        if isinstance(record, Volume) and record.host:
            host = key_of(Kind.HOST, record.host)
            self.stored.setdefault(host, {})[key] = None
            return {host}
        return set()

    def plug(self, server: str, ports: Iterable[str]) -> None:
        """A server's ports at once, if they come at once: a tuple each is a third of a dict's memory."""
        self.ports[server] = (*self.ports.get(server, ()), *ports)

    def attach(self, key: str, port: Port) -> set[str]:
        if not port.network:
            return set()
        network = key_of(Kind.NETWORK, port.network)
        self.attached.setdefault(network, {})[key] = None
        return {network}

    def _enter_server(self, key: str, record: Server) -> set[str]:
        neighbours = set()
        if record.host:
            host = key_of(Kind.HOST, record.host)
            self.on_host.setdefault(host, {})[key] = None
            neighbours.add(host)
        if record.group:
            group = key_of(Kind.GROUP, record.group)
            self.members.setdefault(group, {})[key] = None
            neighbours.add(group)
            neighbours.update(self.members[group])
        if record.vnf:
            self.vnf.setdefault(record.vnf, {})[key] = None
            neighbours.update(self.vnf[record.vnf])
        for volume in record.volumes:
            self.users.setdefault(key_of(Kind.VOLUME, volume), {})[key] = None
            neighbours.add(key_of(Kind.VOLUME, volume))
        return neighbours

    def leave(self, key: str, record: Record) -> set[str]:
        """Returns who the record's neighbours were."""
        neighbours: set[str] = set()

        def leave(index: dict[str, dict[str, None]], place: str) -> None:
            members = index.get(place, {})
            members.pop(key, None)
            neighbours.update(members if index is not self.on_host else ())
            if not members:
                index.pop(place, None)
            neighbours.add(place)

        if isinstance(record, Server):
            if record.host:
                leave(self.on_host, key_of(Kind.HOST, record.host))
            if record.group:
                leave(self.members, key_of(Kind.GROUP, record.group))
            if record.vnf:
                leave(self.vnf, record.vnf)
                neighbours.discard(record.vnf)
            for volume in record.volumes:
                leave(self.users, key_of(Kind.VOLUME, volume))
        elif isinstance(record, Port):
            neighbours.update(self._leave_port(key, record))
        elif isinstance(record, Volume) and record.host:
            leave(self.stored, key_of(Kind.HOST, record.host))
        return neighbours

    def _leave_port(self, key: str, record: Port) -> set[str]:
        neighbours = set()
        if record.server:
            server = key_of(Kind.SERVER, record.server)
            left = tuple(port for port in self.ports.get(server, ()) if port != key)
            if left:
                self.ports[server] = left
            else:
                self.ports.pop(server, None)
            neighbours.add(server)
        if record.network:
            network = key_of(Kind.NETWORK, record.network)
            attached = self.attached.get(network, {})
            attached.pop(key, None)
            if not attached:
                self.attached.pop(network, None)
            neighbours.add(network)
        return neighbours
