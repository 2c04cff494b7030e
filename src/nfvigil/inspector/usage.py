"""What the servers on each host take of it: sums that are kept with every change of the map, never counted anew."""

from __future__ import annotations

from typing import NamedTuple

from nfvigil.model.resource import Server


class Used(NamedTuple):
    """``unsized`` is how many of the servers have a flavor that we could not read: they take nothing in the sums."""

    servers: int = 0
    vcpus: int = 0
    memory_mb: int = 0
    unsized: int = 0

    def plus(self, other: Used) -> Used:
        return Used(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


NOTHING = Used()


class Usage:
    """By VIM and host, as the servers name them: also of hosts that the VIM does not list."""

    def __init__(self) -> None:
        self._hosts: dict[tuple[str, str], list[int]] = {}

    def on(self, vim: str, host: str) -> Used:
        sums = self._hosts.get((vim, host))
        return Used(*sums) if sums else NOTHING

    def hosts(self) -> list[tuple[str, str]]:
        """Of every VIM the names of the hosts that have servers."""
        return list(self._hosts)

    def move(self, old: Server | None, new: Server | None) -> None:
        """A server came (no ``old``), went (no ``new``), or became another: elsewhere, larger or smaller."""
        if old is not None and new is not None and _takes(old) == _takes(new):
            return
        if old is not None and old.host:
            self._add(old, -1)
        if new is not None and new.host:
            self._add(new, 1)

    def _add(self, server: Server, times: int) -> None:
        place = (server.vim, server.host)
        sums = self._hosts.get(place)
        if sums is None:
            sums = self._hosts[place] = [0, 0, 0, 0]
        sums[0] += times
        sums[1] += times * server.vcpus
        sums[2] += times * server.memory_mb
        if not server.vcpus:
            sums[3] += times
        if not sums[0]:
            del self._hosts[place]


def _takes(server: Server) -> tuple[str, str, int, int]:
    return server.vim, server.host, server.vcpus, server.memory_mb
