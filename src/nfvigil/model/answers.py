"""What those who ask are answered: plain values about decisions, resources and health, made fresh for each question."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from nfvigil.model.alarm import Alarm
from nfvigil.model.event import Event
from nfvigil.model.resource import Record, ResourceState
from nfvigil.model.subscription import Subscription
from nfvigil.model.verdict import Decision
from nfvigil.model.vim_account import VimAccount
from nfvigil.model.vim_status import VimStatus


class DryRun(msgspec.Struct, frozen=True, kw_only=True):
    """What would be decided on an event, and who would be told of how many alarms; nothing of it is done."""

    event: Event
    decision: Decision
    told: tuple[tuple[Subscription, int], ...] = ()


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A recorded event that is decided otherwise today: both decisions, as JSON text."""

    event_id: int
    recorded: str
    replayed: str


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """What came of deciding recorded events again."""

    replayed: int
    equal: int
    different: tuple[Difference, ...] = ()


class ResourceDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the resource map with what hangs on it.

    ``related`` leads from a word (``servers``, ``ports``, ``host``, ``depends_on`` ...) to keys of resources.
    Everything in it is already limited to what the asking project may see.
    """

    key: str
    record: Record
    state: ResourceState = ResourceState.NORMAL
    related: dict[str, tuple[str, ...]] = {}
    projects: tuple[str, ...] = ()
    """Who owns something on it."""
    alarms: tuple[Alarm, ...] = ()
    """The open ones on it."""


class ResourceStanding(msgspec.Struct, frozen=True, kw_only=True):
    """A resource and how it stands, as whoever asks may know it."""

    key: str
    record: Record
    state: ResourceState
    zone: str = ""
    alarms: tuple[Alarm, ...] = ()
    """The open ones on it."""


class CapacityBy(StrEnum):
    ZONE = "zone"
    AGGREGATE = "aggregate"
    VIM = "vim"


class Amount(NamedTuple):
    """What the usable hosts have of one thing, what servers take of it, and what is left: no less than 0 a host."""

    total: int = 0
    used: int = 0
    left: int = 0


class FreeHost(NamedTuple):
    host: str
    vcpus: int
    memory_mb: int


class Demand(NamedTuple):
    """What servers want."""

    servers: int = 0
    vcpus: int = 0
    memory_mb: int = 0


class Capacity(msgspec.Struct, frozen=True, kw_only=True):
    """What is left in one zone, aggregate or VIM. ``name`` is "" for hosts that are in none."""

    vim: str
    name: str
    hosts: int = 0
    hosts_usable: int = 0
    hosts_lost: int = 0
    """Those whose servers are down with them; hosts in maintenance or disabled are neither usable nor lost."""
    hosts_unsized: int = 0
    """Usable, but the VIM does not say how large: they count for nothing."""
    vcpus: Amount = Amount()
    memory_mb: Amount = Amount()
    largest: FreeHost | None = None
    """The usable host with the most vCPUs left; of several the one with more memory, then the first by name."""
    without_host: Demand = Demand()
    """Servers whose host is lost, or is none that the VIM lists."""
    servers_unsized: int = 0
    """Those on usable and lost hosts whose flavor could not be read: they are counted, but take nothing."""


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the service can do its work now, and if not, why: a sentence each."""

    ready: bool
    reasons: tuple[str, ...] = ()
    details: dict[str, Any] = {}


class CheckItem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a driver looked at in its cloud before anybody relies on it."""

    what: str
    ok: bool
    detail: str = ""
    """What was found."""
    advice: str = ""
    """What to do about it, where it is not well."""


class VimState(StrEnum):
    """How it stands with an account."""

    WATCHED = "watched"
    UNREAD = "unread"
    """Its first listing has not come in yet."""
    FAILING = "failing"
    """The last try to read it failed; what was known before still counts."""
    DISABLED = "disabled"
    LOCKED = "locked"
    """Its options cannot be decrypted."""
    UNUSABLE = "unusable"
    """The driver is not there, or refuses the options."""


class VimDetail(msgspec.Struct, frozen=True, kw_only=True):
    """An account without its secrets, and how it stands with the cloud."""

    account: VimAccount
    state: VimState
    error: str = ""
    """Why it cannot be read or used, in a sentence."""
    taken_us: int | None = None
    """When the last listing that was believed was made."""
    age_seconds: float | None = None
    counts: dict[str, int] = {}
    """How much of each kind the last listing had."""
    status: VimStatus | None = None
    """How well it is known; None where it is not watched."""
    told: dict[str, Any] = {}
    """What the driver tells of itself."""
