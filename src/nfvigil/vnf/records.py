"""All VNF records in memory: which of them a server is in, and what listings of each cloud are expected to show."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from nfvigil.model.vnf_record import Vdu, VnfRecord
from nfvigil.vnf.rules import is_gone

Key = tuple[str, str]
"""A VNF's project and id."""
SERVER, PORT = "server/", "port/"
"""How the keys of resources begin."""


class Records:
    def __init__(self) -> None:
        self._records: dict[Key, VnfRecord] = {}
        self._of: dict[str, tuple[Key, ...]] = {}
        """By server. Two projects may name one, and a project may in two VNFs."""
        self._expected: dict[str, dict[str, str]] = {}
        """By VIM, the keys of servers and their ports that are not known to be gone, each with its server."""

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[VnfRecord]:
        return iter(self._records.values())

    def get(self, key: Key) -> VnfRecord | None:
        return self._records.get(key)

    @property
    def has_server(self) -> Callable[[str], bool]:
        """Asked for each server and port of a listing."""
        return self._of.__contains__

    def of(self, server: str) -> tuple[Key, ...]:
        return self._of.get(server, ())

    def expected(self, vim: str) -> dict[str, str]:
        return self._expected.get(vim, {})

    def put(self, record: VnfRecord) -> None:
        """Add it, or take the place of what it was."""
        before = self._records.get(record.key)
        old = {vdu.server: vdu for vdu in before.vdus} if before is not None else {}
        self._records[record.key] = record
        for vdu in record.vdus:
            was = old.pop(vdu.server, None)
            if was is vdu:
                continue
            if was is None:
                self._of[vdu.server] = (*self.of(vdu.server), record.key)
            else:
                self._forget(record.key, was)
            self._expect(vdu)
        for vdu in old.values():
            self._leave(record.key, vdu)

    def remove(self, key: Key) -> VnfRecord | None:
        before = self._records.pop(key, None)
        for vdu in before.vdus if before is not None else ():
            self._leave(key, vdu)
        return before

    def _leave(self, key: Key, vdu: Vdu) -> None:
        left = tuple(one for one in self.of(vdu.server) if one != key)
        if left:
            self._of[vdu.server] = left
        else:
            self._of.pop(vdu.server, None)
        self._forget(key, vdu)

    def _expect(self, vdu: Vdu) -> None:
        if vdu.vim and not vdu.is_deleted:
            self._expected.setdefault(vdu.vim, {}).update(dict.fromkeys(_keys_of(vdu), vdu.server))

    def _forget(self, key: Key, vdu: Vdu) -> None:
        expected = self.expected(vdu.vim)
        for resource in _keys_of(vdu):
            if expected.get(resource) == vdu.server:
                del expected[resource]
        for record_key in self.of(vdu.server):  # another VNF's word on the same server still counts
            if record_key == key:  # a look through all of its VDUs, for each of them, would be long
                continue
            record = self._records.get(record_key)
            for other in record.vdus if record is not None else ():
                if other.server == vdu.server:
                    self._expect(other)


def _keys_of(vdu: Vdu) -> list[str]:
    keys = [PORT + one.port for one in vdu.interfaces if not is_gone(one)]
    keys.append(SERVER + vdu.server)
    return keys
