"""Hears of every listing of OSM's clouds, and remembers which servers' records are to be looked at again.

Nothing here waits. The cloud's words on monitored servers are kept, packed, so that a record can be worked out whenever
the database answers, and as often as somebody else was quicker.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from nfvigil.errors import RefusedError
from nfvigil.model.reading import Details, Reading, kept
from nfvigil.vnf.osm.records import Work
from nfvigil.vnf.osm.tasks import Target
from nfvigil.vnf.osm.vdur import Words
from nfvigil.vnf.words import without_user_data

SERVER = "server/"
PORT = "port/"


class _Word(NamedTuple):
    digest: int
    packed: bytes

    @property
    def body(self) -> bytes:
        return zlib.decompress(self.packed)


class _Listing:
    """Takes the words of one listing. What is as it was last time is not packed again."""

    def __init__(self, *, wants: Callable[[str], bool], before: Mapping[str, _Word]) -> None:
        self.wants = wants
        self.words: dict[str, _Word] = {}
        self.changed: set[str] = set()
        self._before = before

    def put(self, key: str, body: memoryview) -> None:
        said = kept(body)
        digest = hash(said)
        self.changed.discard(key)  # a list that was begun anew: what it said first does not count
        self.words.pop(key, None)
        known = self._before.get(key)
        if known is not None and known.digest == digest:
            self.words[key] = known
            return
        try:
            packed = zlib.compress(without_user_data(said), 1)
        except RefusedError:
            return  # as if nobody had said anything of it
        self.words[key] = _Word(digest, packed)
        self.changed.add(key)


@dataclass(slots=True)
class _Seen:
    """What is known of one cloud."""

    targets: Mapping[str, tuple[Target, ...]] = field(default_factory=dict)
    """By server."""
    servers: Mapping[str, list[str]] = field(default_factory=dict)
    """By record."""
    words: dict[str, _Word] = field(default_factory=dict)
    ports: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Those of a record, by server."""
    attached: dict[str, list[str]] = field(default_factory=dict)
    """Those that the listing has, by server."""
    gone: set[str] = field(default_factory=set)
    """Servers and ports, by key: by the cloud's own answer."""
    elsewhere: dict[str, str] = field(default_factory=dict)
    """Ports that a record has and that are another server's."""
    owners: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Project and host, by server, as the map has them."""
    pending: dict[str, int] = field(default_factory=dict)
    """Servers whose records are to be looked at, in order, and by which change."""
    is_blind: bool = False
    """Its driver has servers that are monitored, and no words on them."""


class OsmReader:
    """Plays the Protocol ``Reader``. ``wake`` is called when there is something to be written."""

    name = "osm"

    def __init__(self, *, interval_seconds: float, wake: Callable[[], None]) -> None:
        self._interval_seconds = interval_seconds
        self._wake = wake
        self._clouds: dict[str, _Seen] = {}
        self._turn = 0

    # What is monitored

    def monitor(self, targets: Mapping[str, Iterable[Target]]) -> list[str]:
        """All there is to monitor now, by VIM. Returns the VIMs that have servers which no listing has had yet."""
        new = []
        for vim in self._clouds.keys() - targets.keys():
            del self._clouds[vim]
        for vim, mine in targets.items():
            seen = self._clouds.setdefault(vim, _Seen())
            by_server: dict[str, tuple[Target, ...]] = {}
            for target in mine:
                by_server[target.server] = (*by_server.get(target.server, ()), target)
            for server, theirs in by_server.items():
                # Whenever OSM has written, it may have written into the record.
                if seen.targets.get(server) != theirs and self._is_known(seen, server):
                    self._want(seen, server)
            if by_server.keys() - seen.targets.keys():
                new.append(vim)
            seen.targets = by_server
            seen.servers = _by_record(by_server)
            self._forget_others(seen)
        if self.pending:
            self._wake()
        return new

    def _forget_others(self, seen: _Seen) -> None:
        """What was of servers that are not monitored any more."""
        servers = seen.targets.keys()
        seen.ports = {server: ports for server, ports in seen.ports.items() if server in servers}
        seen.owners = {server: owner for server, owner in seen.owners.items() if server in servers}
        seen.pending = {server: turn for server, turn in seen.pending.items() if server in servers}
        ports = {port for server in servers for port in self._expected(seen, server)}
        seen.elsewhere = {port: server for port, server in seen.elsewhere.items() if port in ports}
        known = {f"{SERVER}{server}" for server in servers} | {f"{PORT}{port}" for port in ports}
        seen.gone &= known

    def look_again(self, vim: str, server: str) -> None:
        """At its record, although nobody has said anything new."""
        seen = self._clouds.get(vim)
        if seen is not None and server in seen.targets and self._is_known(seen, server):
            self._want(seen, server)
            self._wake()

    def monitored(self) -> dict[str, int]:
        return {vim: len(seen.targets) for vim, seen in self._clouds.items()}

    def blind(self) -> list[str]:
        """The clouds of which there is a listing, but none of their own words."""
        return sorted(vim for vim, seen in self._clouds.items() if seen.is_blind)

    def _want(self, seen: _Seen, server: str) -> None:
        self._turn += 1
        seen.pending[server] = self._turn

    @staticmethod
    def _is_known(seen: _Seen, server: str) -> bool:
        key = f"{SERVER}{server}"
        return key in seen.words or key in seen.gone

    # The Protocol

    def interval_seconds(self, vim: str) -> float | None:
        seen = self._clouds.get(vim)
        return self._interval_seconds if seen is not None and seen.targets else None

    def begin(self, vim: str) -> Details | None:
        seen = self._clouds.get(vim)
        if seen is None or not seen.targets:
            return None
        return _Listing(wants=seen.targets.__contains__, before=seen.words)

    def missing(self, reading: Reading) -> list[str]:
        seen = self._clouds.get(reading.vim)
        if seen is None:
            return []
        servers, ports = reading.servers, reading.ports
        found = []
        for server in seen.targets:
            key = f"{SERVER}{server}"
            if server not in servers:
                if key not in seen.gone:
                    found.append(key)
                continue
            found += [
                f"{PORT}{port}"
                for port in self._expected(seen, server)
                if port not in ports and f"{PORT}{port}" not in seen.gone
            ]
        return found

    def take(self, reading: Reading, details: Details | None) -> None:
        seen = self._clouds.get(reading.vim)
        if seen is None or not isinstance(details, _Listing):
            return
        changed = {key.removeprefix(SERVER) for key in details.changed if key.startswith(SERVER)}
        attached: dict[str, list[str]] = {}
        for key in details.words:
            if key.startswith(PORT) and (port := reading.ports.get(key.removeprefix(PORT))) is not None:
                attached.setdefault(port.server, []).append(port.id)
                if key in details.changed:
                    changed.add(port.server)
        seen.is_blind = not details.words and any(server in reading.servers for server in seen.targets)
        self._keep_what_is_silent(seen, details.words, attached, reading)
        seen.words, seen.attached = details.words, attached
        before = set(seen.gone)
        for server in seen.targets:
            if self._has_changed(seen, reading, server):
                changed.add(server)
        for key in before ^ seen.gone:
            # Who speaks for the VNF may be another of its servers now.
            changed |= self._beside(seen, key.removeprefix(SERVER))
        for server in changed:
            if server in seen.targets and self._is_known(seen, server):
                self._want(seen, server)
        if seen.pending:
            self._wake()

    @staticmethod
    def _beside(seen: _Seen, server: str) -> set[str]:
        """The servers that are in a record with this one."""
        return {one for target in seen.targets.get(server, ()) for one in seen.servers[target.vnfr]}

    def forget(self, vim: str) -> None:
        seen = self._clouds.get(vim)
        if seen is not None:
            self._clouds[vim] = _Seen(targets=seen.targets, servers=seen.servers)

    @staticmethod
    def _keep_what_is_silent(
        seen: _Seen, words: dict[str, _Word], attached: dict[str, list[str]], reading: Reading
    ) -> None:
        """Nobody can say how it is with a server: it is as it was, and so are the words on it and on its ports."""
        for server in seen.targets:
            key = f"{SERVER}{server}"
            if key in words or key not in seen.words or key in reading.gone:
                continue
            words[key] = seen.words[key]
            for port in seen.attached.get(server, ()):
                if f"{PORT}{port}" not in words and port not in reading.ports and f"{PORT}{port}" not in reading.gone:
                    words[f"{PORT}{port}"] = seen.words[f"{PORT}{port}"]
                    attached.setdefault(server, []).append(port)

    def _has_changed(self, seen: _Seen, reading: Reading, server: str) -> bool:
        """What is not there, and is known not to be, says no word."""
        key = f"{SERVER}{server}"
        if key not in seen.words:
            if key in reading.gone and key not in seen.gone:
                seen.gone.add(key)
                return True
            return False
        if (found := reading.servers.get(server)) is not None:
            seen.owners[server] = found.project, found.host
        is_changed = key in seen.gone
        seen.gone.discard(key)
        for port in self._expected(seen, server):
            is_changed |= self._port_has_changed(seen, reading, server, port)
        return is_changed

    @staticmethod
    def _port_has_changed(seen: _Seen, reading: Reading, server: str, port: str) -> bool:
        key = f"{PORT}{port}"
        record = reading.ports.get(port)
        was = key in seen.gone or seen.elsewhere.get(port) == server
        if record is not None and record.server == server:
            seen.gone.discard(key)
            seen.elsewhere.pop(port, None)
            return was
        if record is not None:
            seen.elsewhere[port] = server
        elif key in reading.gone:
            seen.gone.add(key)
        return not was and (record is not None or key in seen.gone)

    @staticmethod
    def _expected(seen: _Seen, server: str) -> tuple[str, ...]:
        known = seen.ports.get(server)
        if known is not None:
            return known
        return tuple(port for target in seen.targets[server] for port in target.ports)

    # What is to be written

    @property
    def pending(self) -> int:
        return sum(len(seen.pending) for seen in self._clouds.values())

    def works(self, records_max: int) -> list[Work]:
        """All that wait for some records, of about so many records. They wait on until they are ``settled``."""
        found: list[Work] = []
        records: set[str] = set()
        for vim, seen in self._clouds.items():
            taken: set[str] = set()
            for first in seen.pending:
                if len(records) >= records_max:
                    return found
                # What waits for the same record is written with it.
                mine = {target.vnfr for target in seen.targets[first]} if first not in taken else set()
                records |= mine
                for server in (one for vnfr in mine for one in seen.servers[vnfr]):
                    if server in seen.pending and server not in taken:
                        taken.add(server)
                        found += self._works(vim, seen, server)
        return found

    def _works(self, vim: str, seen: _Seen, server: str) -> list[Work]:
        words, turn = self._words(seen, server), seen.pending[server]
        project, host = seen.owners.get(server, ("", ""))
        return [Work(target, vim, words, project, host, turn) for target in seen.targets[server]]

    def settled(self, work: Work, ports: tuple[str, ...] | None) -> None:
        """Its record was looked at, and says what it has to. ``ports`` are those that it has now."""
        seen, server = self._clouds.get(work.vim), work.target.server
        if seen is None or server not in seen.targets:
            return
        if seen.pending.get(server) == work.turn:  # else there is a newer word
            del seen.pending[server]
        if ports is not None:
            seen.ports[server] = ports

    def postpone(self, work: Work) -> None:
        """It could not be written: the others come first."""
        seen = self._clouds.get(work.vim)
        if seen is not None and (turn := seen.pending.pop(work.target.server, None)) is not None:
            seen.pending[work.target.server] = turn

    def _words(self, seen: _Seen, server: str) -> Words | None:
        if f"{SERVER}{server}" in seen.gone:
            return None
        word = seen.words[f"{SERVER}{server}"]
        ports: dict[str, bytes | None] = {
            port: seen.words[f"{PORT}{port}"].body for port in seen.attached.get(server, ())
        }
        for port in self._expected(seen, server):
            if port not in ports and (f"{PORT}{port}" in seen.gone or seen.elsewhere.get(port) == server):
                ports[port] = None
        return Words(word.body, ports)


def _by_record(targets: Mapping[str, tuple[Target, ...]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for server, theirs in targets.items():
        for target in theirs:
            found.setdefault(target.vnfr, []).append(server)
    return found
