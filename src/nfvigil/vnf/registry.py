"""Which VNFs we were told of, and so which server is a part of which. Pure: no store, no clock.

What a server's own metadata says goes first: the VNF's manager wrote it there. What we were told fills what it leaves
blank, and only on servers of the VNF's own project, so that nobody makes another's server a part of a VNF of his.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from msgspec.structs import replace

from nfvigil.model.resource import Server
from nfvigil.model.vnf import Vnf, Vnfc


class Place(NamedTuple):
    """Where in a VNF a server is."""

    project: str
    vnf: str
    vnfc: str


class Registry:
    """All VNFs that we were told of. A change says which servers are to be looked at again in the map."""

    def __init__(self, vnfs: Iterable[Vnf] = ()) -> None:
        self._vnfs: dict[tuple[str, str], Vnf] = {}
        self._places: dict[tuple[str, str], Place] = {}
        """By project and server: what one project says of a server is nothing to another."""
        self._filled: set[str] = set()
        """Servers whose own metadata names no VNF."""
        for vnf in vnfs:
            self.put(vnf)

    def __len__(self) -> int:
        return len(self._vnfs)

    def get(self, project: str, vnf_id: str) -> Vnf | None:
        return self._vnfs.get((project, vnf_id))

    def find(self, vnf_id: str, project: str | None) -> list[Vnf]:
        """All of this id that a reader may see; ``project`` is None for one who sees all."""
        if project is not None:
            return [found] if (found := self._vnfs.get((project, vnf_id))) else []
        return [vnf for (_, one), vnf in self._vnfs.items() if one == vnf_id]

    def each(self, project: str | None) -> Iterator[Vnf]:
        return (vnf for vnf in self._vnfs.values() if project is None or vnf.project == project)

    def place(self, project: str, server_id: str) -> Place | None:
        return self._places.get((project, server_id))

    def put(self, vnf: Vnf) -> set[str]:
        """Add it, or take the place of the one it was; returns the servers to look at again."""
        touched = self.remove(vnf.project, vnf.id)
        self._vnfs[vnf.key] = vnf
        for vnfc in vnf.vnfcs:
            self._places.setdefault((vnf.project, vnfc.server), Place(vnf.project, vnf.id, vnfc.id))
            touched.add(vnfc.server)
        return touched

    def remove(self, project: str, vnf_id: str) -> set[str]:
        """Take it out; nothing happens if it is not in."""
        known = self._vnfs.pop((project, vnf_id), None)
        if known is None:
            return set()
        for vnfc in known.vnfcs:
            place = self._places.get((project, vnfc.server))
            if place is not None and place.vnf == vnf_id:
                del self._places[project, vnfc.server]
        return {vnfc.server for vnfc in known.vnfcs}

    def annotated(self, server: Server) -> Server:
        """The server with the VNF that we were told it is of, where its metadata says nothing else."""
        place = self._places.get((server.project, server.id)) if self._places else None
        if place is None:
            return server
        if not server.vnf:
            self._filled.add(server.id)
        elif server.vnf != place.vnf:
            self._filled.discard(server.id)
            return server
        return replace(server, vnf=place.vnf, vnfc=server.vnfc or place.vnfc)

    def anew(self, server: Server) -> Server:
        """The server as it is annotated now, whatever it was annotated with before."""
        if server.id in self._filled:
            self._filled.discard(server.id)
            server = replace(server, vnf="", vnfc="")
        return self.annotated(server)


def vnfc_of(server: Server) -> Vnfc:
    """The component that a server is by its own metadata."""
    return Vnfc(id=server.vnfc or server.id, server=server.id)
