"""How the lines of the audit log hang together: each carries a hash over itself and the hash of the one before."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

import msgspec

from nfvigil.model.audit import AuditRecord, Checked

DROPPED = "old audit records dropped"
"""``what`` of the record that says so: its target is the last that was dropped, its text that one's hash."""
FLAWS_MAX = 20


def chained(records: Iterable[AuditRecord], last_id: int, last_hash: str) -> list[AuditRecord]:
    """The same, numbered and hashed as what follows on ``last_id``."""
    found = []
    for record in records:
        last_id += 1
        numbered = msgspec.structs.replace(record, id=last_id, hash="")
        last_hash = hash_of(numbered, last_hash)
        found.append(msgspec.structs.replace(numbered, hash=last_hash))
    return found


def hash_of(record: AuditRecord, before: str) -> str:
    plain = msgspec.structs.astuple(msgspec.structs.replace(record, hash=""))
    return sha256(before.encode() + b"\n" + msgspec.json.encode(plain)).hexdigest()


class Chain:
    """Takes the records in their order, and remembers what does not fit. ``dropped``: id -> hash of what was dropped,
    as the log itself says; ``known``: id -> hash as somebody has written it down elsewhere.
    """

    def __init__(self, *, dropped: dict[int, str], known: dict[int, str] | None = None) -> None:
        self._dropped = dropped
        self._known = dict(known or {})
        self._flaws: list[str] = []
        self._count = self._unchained = self._first = self._last = 0
        self._hash = ""

    def take(self, record: AuditRecord) -> None:
        self._count += 1
        if not self._first:
            self._first = record.id
            self._begin(record)
        elif record.id != self._last + 1:
            self._say(f"{self._last + 1} to {record.id - 1} are missing")
        if not record.hash:
            if self._hash:
                self._say(f"{record.id} has no hash")
            self._unchained += 1
        elif hash_of(record, self._hash) != record.hash:
            self._say(f"{record.id} was changed, or what stood before it was")
        # What follows is held against what stands here: one change is one flaw.
        self._hash, self._last = record.hash, record.id
        if self._known.pop(record.id, record.hash) != record.hash:
            self._say(f"{record.id} is another than was written down")

    def _begin(self, first: AuditRecord) -> None:
        if first.id == 1 or not first.hash:
            return
        if first.id - 1 in self._dropped:
            self._hash = self._dropped[first.id - 1]
        else:
            self._say(f"what stood before {first.id} is missing, and no record says that it was dropped")

    def _say(self, flaw: str) -> None:
        if len(self._flaws) < FLAWS_MAX:
            self._flaws.append(flaw)

    def result(self) -> Checked:
        for missing in sorted(self._known):
            self._say(f"{missing} was written down, and is not there")
        return Checked(
            count=self._count,
            unchained=self._unchained,
            first=self._first,
            last=self._last,
            hash=self._hash,
            flaws=tuple(self._flaws),
        )
