"""The audit log's line: who did what to what, from where, and how it ended."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Outcome(StrEnum):
    PENDING = "pending"
    """It was begun. How it ended is in a later line of the same request; if there is none, we died in between."""
    SUCCESS = "success"
    FAILURE = "failure"


COMMAND_LINE = "command-line"
"""``via`` of what was done on the database itself, by whoever may open it."""


class AuditRecord(msgspec.Struct, frozen=True, kw_only=True):
    """``id`` rises; it is 0 until the record is kept."""

    id: int = 0
    at_us: int
    who: str
    what: str
    target: str = ""
    text: str = ""
    who_id: str = ""
    project: str = ""
    role: str = ""
    via: str = ""
    rule: str = ""
    """The rule that was asked, "" where nobody asked over the API."""
    method: str = ""
    outcome: Outcome = Outcome.SUCCESS
    status: int = 0
    """The answer's, 0 where there is none."""
    address: str = ""
    request: str = ""
    hash: str = ""
    """Over this record and the hash of the one before: a record that is changed or gone breaks the chain."""


class AuditQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Globs for ``who``, ``what`` (of the rule as well) and ``target``, of which one has to fit; none for any."""

    who: tuple[str, ...] = ()
    what: tuple[str, ...] = ()
    target: tuple[str, ...] = ()
    outcome: Outcome | None = None
    request: tuple[str, ...] = ()
    since_us: int | None = None
    until_us: int | None = None
    before: int | None = None
    """Only those with a lower id: where the page before ended."""
    limit: int = 100


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What a look at the whole chain found."""

    count: int
    unchained: int
    """From before there was a chain."""
    first: int
    last: int
    hash: str
    """Of the last: whoever has written it down elsewhere can see later that nothing was cut off."""
    flaws: tuple[str, ...] = ()
