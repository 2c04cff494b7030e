"""What one listing of a cloud said, for all who read it: they share one listing, and none asks the cloud itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Protocol

from nfvigil.model.resource import Port, Server, Snapshot


class Details(Protocol):
    """Who wants the cloud's own words on some servers and their ports, beside what a record has of them.

    A driver hands them over while it reads, page by page, so that nobody has to hold all of them at once.
    """

    def wants(self, server_id: str) -> bool:
        """Whether this server's words, and those of its ports, are wanted. It is asked right before each ``put``."""

    def put(self, key: str, body: memoryview) -> None:
        """``key`` is ``server/<id>`` or ``port/<id>``, ``body`` the resource as JSON in the words of Nova's
        ``GET /servers/detail`` and Neutron's ``GET /ports``. It is only good until this returns: copy what is kept.
        """


def kept(body: memoryview) -> bytes:
    """What the view shows, for longer than the view is good; many who keep the same share one copy."""
    whole = body.obj
    return whole if type(whole) is bytes and len(whole) == len(body) else bytes(body)


class ChangedDetails:
    """Keeps the words that are not those of last time, and only a digest of each of the others.

    ``known`` has the digests of last time; they are good within one process.
    """

    def __init__(self, *, wants: Callable[[str], bool], known: dict[str, int]) -> None:
        self.digests: dict[str, int] = {}
        """Of everything that was handed over this time."""
        self.changed: dict[str, bytes] = {}
        """The words that are new or other ones, by key."""
        self.wants = wants
        self._known = known

    def put(self, key: str, body: memoryview) -> None:
        said = kept(body)
        digest = hash(said)  # not of the view: it has the hash of what it views, and not all that is viewed has one
        self.digests[key] = digest
        if self._known.get(key) != digest:
            self.changed[key] = said
        else:
            self.changed.pop(key, None)  # a list that was begun anew: what it said first does not count


class Reading:
    """A listing that was believed.

    ``gone`` has the keys of what was expected, is not in it, and does not exist any more, by the cloud's own answer
    when it was asked for that thing alone; of a port that no reader expected, its server's end is enough. What is
    neither in the snapshot nor in ``gone`` is as it was known: nobody can say.
    """

    def __init__(self, snapshot: Snapshot, gone: frozenset[str] = frozenset()) -> None:
        self.snapshot = snapshot
        self.gone = gone

    @property
    def vim(self) -> str:
        return self.snapshot.vim

    @property
    def taken_us(self) -> int:
        """When the listing was begun."""
        return self.snapshot.taken_us

    @cached_property
    def servers(self) -> dict[str, Server]:
        return {server.id: server for server in self.snapshot.servers}

    @cached_property
    def ports(self) -> dict[str, Port]:
        return {port.id: port for port in self.snapshot.ports}

    @cached_property
    def ports_of(self) -> dict[str, list[Port]]:
        """By server, in the listing's order."""
        found: dict[str, list[Port]] = {}
        for port in self.snapshot.ports:
            if port.server:
                found.setdefault(port.server, []).append(port)
        return found


class Reader(Protocol):
    """Who hears of every listing of every cloud that is believed. No method waits: all are called in the loop.

    One that raises is logged, and hears no more of that listing; the next one it hears of again. Its name is what its
    attribute ``name`` says, or else its class.
    """

    def interval_seconds(self, vim: str) -> float | None:
        """How often it needs a listing of this cloud; None where the cloud's own period will do. It is asked after
        each listing: whoever needs the next one sooner than that asks for it.
        """

    def begin(self, vim: str) -> Details | None:
        """A listing begins: who takes the details of it, or None where none are wanted. Of a listing that fails, or is
        not believed, nothing more is heard; the next one is begun anew.
        """

    def missing(self, reading: Reading) -> list[str]:
        """Keys (``server/<id>``, ``port/<id>``) that it expected in this listing and that are not in it: each is asked
        for by itself before the reading is handed out. What is known to be gone is not expected.
        """

    def take(self, reading: Reading, details: Details | None) -> None:
        """``details`` is what its ``begin`` returned for this listing."""

    def forget(self, vim: str) -> None:
        """The cloud is not watched any more."""
