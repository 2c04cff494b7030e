"""What one listing of a cloud says of the servers of VNF records.

``Hearing`` is handed the cloud's words while the listing is read, ``Sight`` is what they make of a VDU. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from nfvigil.errors import RefusedError
from nfvigil.model.reading import ChangedDetails, Reading
from nfvigil.model.resource import Port, Server
from nfvigil.model.vnf_record import Interface, Vdu, VduDetails
from nfvigil.vnf.records import PORT, SERVER
from nfvigil.vnf.rules import Followed, conditions_of, follow, gone
from nfvigil.vnf.words import SeenPort, SeenServer, seen_port, seen_server, without_user_data

FINE = "ACTIVE"


class Hearing(ChangedDetails):
    """``fresh`` are the servers of which all words are wanted, whether they are those of last time or not."""

    def __init__(
        self,
        *,
        wants: Callable[[str], bool],
        known: dict[str, int],
        fresh: frozenset[str] = frozenset(),
        is_ours: Callable[[str], bool],
        held: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(wants=wants, known=known)
        self.fresh = fresh
        self.is_plain = False
        """The driver has no words: what stands here follows from its records."""
        self.ours = {server for server in held if is_ours(server)}
        """Servers whose ERROR was set by us when the cloud said it: by the time that it is looked at, it may be gone
        again.
        """
        self._is_ours = is_ours

    def put(self, key: str, body: memoryview) -> None:
        super().put(key, body)
        if key in self.changed and key.startswith(SERVER) and self._is_ours(key.removeprefix(SERVER)):
            self.ours.add(key.removeprefix(SERVER))

    def is_new(self, key: str) -> bool:
        """It was not known last time: whether it is other words than those that are kept, nobody has looked."""
        return key not in self._known


class Sight:
    """``ports`` are the keys of ports whose words changed, by server. ``is_watched``: whether a cloud is ours still."""

    def __init__(
        self,
        *,
        reading: Reading,
        hearing: Hearing,
        ports: Mapping[str, list[str]],
        is_watched: Callable[[str], bool],
    ) -> None:
        self.vim = reading.vim
        self.hearing = hearing
        self.unreadable = 0
        self._unbelieved: set[str] = set()
        """Keys of words that could not be read."""
        self._reading = reading
        self._ports = ports
        self._is_watched = is_watched

    def server(self, server: str) -> Server | None:
        return self._reading.servers.get(server)

    def followed(self, project: str, vdu: Vdu, *, at_us: int) -> Followed | None:
        """None where it says nothing of it: another's server of the same id is none of the project's business."""
        listed = self._reading.servers.get(vdu.server)
        if listed is None:
            is_gone = vdu.vim == self.vim and SERVER + vdu.server in self._reading.gone
            return gone(vdu, at_us=at_us) if is_gone else None
        if listed.project != project or self._is_elsewhere(vdu):
            return None
        ports = self._seen_ports(vdu)
        server = self._seen_server(vdu)
        if server is None:
            return Followed(vdu, conditions=conditions_of(vdu)) if vdu.status and not vdu.is_deleted else None
        return follow(vdu, server, ports, at_us=at_us, adopts=True)

    def words(self, vdu: Vdu) -> VduDetails:
        """What is kept of the cloud's words that changed, of a VDU as they made it. Of an interface that is not healthy
        none are: its record is of a better time too.
        """
        if self.hearing.is_plain:
            return VduDetails()
        server = SERVER + vdu.server
        healthy = {PORT + one.port for one in vdu.interfaces if not one.message}
        ports = [key for key in self._ports.get(vdu.server, ()) if key in healthy and key not in self._unbelieved]
        return VduDetails(
            server=self._kept(server) if server in self.hearing.changed and server not in self._unbelieved else b"",
            ports={key.removeprefix(PORT): self._kept(key) for key in ports},
        )

    def _is_elsewhere(self, vdu: Vdu) -> bool:
        """Two clouds may have a server of one id: the one that had it first keeps it, for as long as it is watched."""
        return vdu.vim not in ("", self.vim) and not vdu.is_deleted and self._is_watched(vdu.vim)

    def _seen_server(self, vdu: Vdu) -> SeenServer | None:
        body = self.hearing.changed.get(SERVER + vdu.server)
        if body is not None:
            try:
                return seen_server(body)
            except RefusedError:
                self.unreadable += 1
                self._unbelieved.add(SERVER + vdu.server)
                return None
        if not vdu.status or vdu.is_deleted:
            return None
        return SeenServer(id=vdu.server, status=vdu.status, name=vdu.name, host=vdu.host)

    def _seen_ports(self, vdu: Vdu) -> dict[str, SeenPort | None]:
        found: dict[str, SeenPort | None] = {}
        for one in vdu.interfaces or vdu.interfaces_backup:
            listed = self._reading.ports.get(one.port)
            is_lost = PORT + one.port in self._reading.gone if listed is None else listed.server != vdu.server
            if is_lost:
                found[one.port] = None
            elif PORT + one.port in self.hearing.digests and not one.message:
                found[one.port] = _as_known(one, vdu)  # of the server something else may be said than before
        for key in self._ports.get(vdu.server, ()):
            try:
                port = seen_port(self.hearing.changed[key])
            except RefusedError:
                self.unreadable += 1
                self._unbelieved.add(key)
                continue
            found[port.id] = port
        return found

    def _kept(self, key: str) -> bytes:
        try:
            return without_user_data(self.hearing.changed[key])
        except RefusedError:
            return b""


def _as_known(interface: Interface, vdu: Vdu) -> SeenPort:
    """A port that is as it was."""
    return SeenPort(
        id=interface.port,
        status=FINE,
        server=vdu.server,
        network=interface.network,
        mac_address=interface.mac_address,
        addresses=tuple(filter(None, interface.ip_address.split(";"))),
    )


def plain_server(server: Server) -> bytes:
    """What a driver without details knows of a server, in Nova's words."""
    words = {"id": server.id, "name": server.name, "status": server.status, "OS-EXT-SRV-ATTR:host": server.host}
    return msgspec.json.encode(words)


def plain_port(port: Port) -> bytes:
    """The same of a port, in Neutron's."""
    words = {"id": port.id, "status": port.status, "device_id": port.server, "network_id": port.network}
    return msgspec.json.encode(words)
