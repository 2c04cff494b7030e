"""What is answered about VNFs: how each stands, what became of it, what an import makes of a document."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from nfvigil.model.vnf import Vnf
from nfvigil.model.vnf_record import ChangeKind, Vdu, VduChange, VnfRecord


class Freshness(msgspec.Struct, frozen=True, kw_only=True):
    """How well a cloud is known right now."""

    read_us: int | None = None
    """When the last listing that was believed was begun; None before the first."""
    is_stale: bool = True
    """It cannot be read, or not as often as it should be: what is shown of it may be over."""


class VnfFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which VNFs are wanted: all words of one kind are alternatives; an empty one asks for nothing."""

    statuses: tuple[str, ...] = ()
    """Any of its components has one of these."""
    vims: tuple[str, ...] = ()
    """Any of its components is in one of these."""
    names: tuple[str, ...] = ()


class VnfStanding(msgspec.Struct, frozen=True, kw_only=True):
    """A VNF beside what its servers are now."""

    vnf: Vnf
    record: VnfRecord
    """A VDU for each component: as it is recorded, or as the resource map has it."""
    recorded: frozenset[str] = frozenset()
    """Components that a record is kept of; of the others only the map says something."""
    vims: Mapping[str, Freshness] = {}
    """Of the clouds that its components are in."""

    @property
    def read_us(self) -> int | None:
        """The oldest of its clouds' listings; None where one was never read."""
        times = [one.read_us for one in self.vims.values()]
        known = [one for one in times if one is not None]
        return min(known) if known and len(known) == len(times) else None

    @property
    def is_stale(self) -> bool:
        """A VNF without servers has nothing that could be over."""
        if not self.vnf.vnfcs:
            return False
        return not self.vims or any(one.is_stale for one in self.vims.values())

    def vdu(self, component: str) -> Vdu | None:
        return next((one for one in self.record.vdus if one.id == component), None)


class VnfPage(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a list of VNFs. ``following`` is the marker to go on from, None at the end."""

    items: tuple[VnfStanding, ...]
    following: str | None


class HistoryQuery(msgspec.Struct, frozen=True, kw_only=True):
    component: str | None = None
    kinds: tuple[ChangeKind, ...] = ()
    since_us: int | None = None
    after: int = 0
    """Behind the line of this number."""
    limit: int = 100


class HistoryLine(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    """Its place in the order of all lines."""
    change: VduChange


class HistoryPage(msgspec.Struct, frozen=True, kw_only=True):
    lines: tuple[HistoryLine, ...]
    following: int | None
    """Go on behind the line of this number; None at the end."""


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What a document is read as."""

    vnf: Vnf
    record: VnfRecord
    notes: tuple[str, ...] = ()
    """What whoever sent it should look at."""


class VnfChanges(msgspec.Struct, frozen=True, kw_only=True):
    """VNFs that changed behind a place in the order of changes, each once, as it is now."""

    changed: tuple[tuple[str, str], ...]
    """Keys (project, id), the first that changed first."""
    removed: tuple[tuple[str, str], ...]
    last: int
    """The place to go on from."""
    has_more: bool = False
