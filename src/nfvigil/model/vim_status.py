"""How well we know a VIM, for those who look after us."""

from __future__ import annotations

import msgspec


class Differences(msgspec.Struct, frozen=True, kw_only=True):
    """What snapshots found that no change had told: more than a few say that changes do not arrive."""

    added: int = 0
    changed: int = 0
    gone: int = 0

    def plus(self, other: Differences) -> Differences:
        return Differences(
            added=self.added + other.added, changed=self.changed + other.changed, gone=self.gone + other.gone
        )


class ReaderStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One who reads the listings of a VIM beside the map."""

    name: str
    interval_seconds: float | None = None
    """How often it needs one; None where the VIM's own period will do."""
    error: str = ""
    """Which error it raised over the last listing that was believed; "" where it did not."""


class VimStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How well we know one VIM."""

    taken_us: int | None = None
    """When the last snapshot that was believed was taken; None before the first."""
    age_seconds: float | None = None
    snapshot_seconds: float | None = None
    """How long the VIM took to list everything."""
    period_seconds: float | None = None
    """The time between two snapshots: the VIM's own, or a reader's that needs them more often. None where there are
    only those that are asked for."""
    attempted_us: int | None = None
    """When the last snapshot was begun, whatever became of it."""
    is_listing: bool = False
    """Whether that is still under way."""
    failures: int = 0
    """Snapshots that could not be had or believed, in a row."""
    error: str = ""
    """Why the last attempt failed; "" where it did not."""
    readers: tuple[ReaderStatus, ...] = ()
    """Who reads its snapshots beside the map."""
    servers: int = 0
    hosts: int = 0
    differences: Differences = Differences()
    """Of the last snapshot."""
    differences_total: Differences = Differences()
    unconfirmed: int = 0
    """What the last snapshot lacked and could not be asked for: kept without proof."""
    put_back: int = 0
    """What the last snapshot lacked and was there all the same."""
    put_back_total: int = 0
    """The same of all snapshots, and of changes that told it to be gone."""
    left_out: int = 0
    """What it has and the map has not: another VIM's was there first under the same key."""
    mistakable: int = 0
    """What the map has of it, and another VIM has as well by the same name: what is said of it is nobody's."""
    conditions: tuple[str, ...] = ()
    """What is wrong with our view of it now."""
