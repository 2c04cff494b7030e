"""By which names hosts go, and which keys more than one VIM claims: what could mean two things means neither."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from nfvigil.model.resource import DOUBT, Host, Kind, Record, split_key

_ADDRESS = re.compile(r"\d+(?:\.\d+){3}")


class Names:
    """Over the map's records, which it only reads. ``version`` changes whenever a name may mean another thing."""

    def __init__(self, records: Mapping[str, Record]) -> None:
        self.hosts: dict[str, None] = {}
        self.version = 0
        self._records = records
        self._names: dict[str, tuple[str, ...]] = {}  # lower-case name -> the hosts that go by it
        self._aliases: dict[str, list[str]] = {}  # canonical name of a host -> what the topology also calls it
        self._left_out: dict[str, dict[str, None]] = {}  # VIM -> keys of what it has and another's records are in for
        self._is_complete = True
        self._in_doubt: frozenset[str] = frozenset()

    def begin(self, in_doubt: Iterable[str]) -> None:
        """After a start, until ``complete``: a VIM that is not read yet may have a name as well. ``in_doubt`` are those
        whose hosts could not be told from others' when the last process ended.
        """
        self._is_complete, self._in_doubt = False, frozenset(in_doubt)
        self.version += 1

    def complete(self) -> None:
        """Every VIM has been read."""
        if not self._is_complete:
            self._is_complete, self._in_doubt = True, frozenset()
            self.version += 1

    # What a name stands for

    def resolve(self, key: str) -> str | None:
        """The canonical key; None where nothing is known by the name. Where it may mean things of several VIMs, a key
        with ``DOUBT`` at its end, which no record ever has: what is said of it is nobody's.
        """
        kind, name = split_key(key)
        if kind == Kind.HOST:
            return self._host_named(key, name.lower())
        if self._left_out and self._is_claimed(key):
            return f"{key}{DOUBT}"
        return key if key in self._records else None

    def _host_named(self, key: str, name: str) -> str | None:
        found = self._names.get(name, ())
        # What stands behind an @ tells clouds apart: cut off with the domain, the name could be another cloud's host.
        if not found and "." in name and "@" not in name and not name.endswith(DOUBT):
            found = self._names.get(_short(name), ())
        if len(found) > 1 and len({self._records[one].vim for one in found}) > 1:
            return f"{key}{DOUBT}"
        # A name that two hosts have names neither, unless one is called so: better no victim than the wrong one.
        called_so = [one for one in found if split_key(one)[1].lower() == name]
        candidates = called_so or found
        if self._left_out and any(self._is_claimed(one) for one in (key, *candidates)):
            return f"{key}{DOUBT}"
        if len(candidates) != 1:
            return None
        return candidates[0] if self._is_complete else self._early(candidates[0], key)

    def _early(self, found: str, key: str) -> str | None:
        """What a name stands for while not every VIM has been read: a suffix says that others have the plain name."""
        if self._records[found].vim in self._in_doubt:
            return f"{key}{DOUBT}"
        return found if "@" not in found or "@" in key else None

    def add(self, key: str, host: Host) -> None:
        self.version += 1
        self.hosts[key] = None
        for name in self._names_of(host):
            self._names[name] = (*self._names.get(name, ()), key)

    def remove(self, key: str, host: Host) -> None:
        self.version += 1
        self.hosts.pop(key, None)
        for name in self._names_of(host):
            left = tuple(other for other in self._names.get(name, ()) if other != key)
            if left:
                self._names[name] = left
            else:
                self._names.pop(name, None)

    def also_called(self, canonical: str, alias: str) -> None:
        self._aliases.setdefault(canonical, []).append(alias)

    def _names_of(self, host: Host) -> set[str]:
        names = {host.id.lower(), host.name.lower(), _short(host.id.lower())}
        names.update(alias.lower() for alias in host.aliases)
        names.update(alias.lower() for alias in self._aliases.get(host.id, ()))
        names.discard("")
        return names

    # What is left out of the map

    def left_out(self, vim: str) -> Mapping[str, None]:
        """Keys of what the VIM has and the map has not, because they were another's first."""
        return self._left_out.get(vim, {})

    def leave_out(self, vim: str, key: str) -> None:
        claims = self._left_out.setdefault(vim, {})
        if key not in claims:
            self.version += 1
            claims[key] = None

    def forget(self, vim: str, key: str) -> None:
        """It is in the map now, or its VIM has it no more."""
        claims = self._left_out.get(vim)
        if claims is not None and key in claims:
            self.version += 1
            del claims[key]
            if not claims:
                del self._left_out[vim]

    def mistakable(self, vim: str) -> dict[str, str]:
        """Records of the VIM that their own keys do not lead to, each with a VIM that has the name as well."""
        found = {}
        for claimant, claims in self._left_out.items():
            found.update({key: claimant for key in claims if self._is_of(key, vim)})
        for key in self.hosts:
            if key not in found and self._is_of(key, vim) and self.resolve(key) != key:
                found[key] = self._other(vim, self._names.get(split_key(key)[1].lower(), ()))
        return found

    def _is_claimed(self, key: str) -> bool:
        return any(key in claims for claims in self._left_out.values())

    def _is_of(self, key: str, vim: str) -> bool:
        record = self._records.get(key)
        return record is not None and record.vim == vim

    def _other(self, vim: str, keys: Iterable[str]) -> str:
        return next((self._records[key].vim for key in keys if self._records[key].vim != vim), "")


def _short(name: str) -> str:
    """Without its domain. The first number of an IP address is nobody's name."""
    return name if _ADDRESS.fullmatch(name) else name.split(".", 1)[0]
