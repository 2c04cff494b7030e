"""The policy language: which events count, what they raise, who else is affected, what to set and whom to tell.

A policy is a catalogue of fault types and two sorts of rules. An *event rule* (``when``) turns what monitors say into
a fault; a *cascade rule* (``because``) says what follows from an alarm that stands:

    policy: example
    faults:
      compute.host.down: {title: Host is down, severity: critical, probable_cause: underlyingResourceUnavailable}
      compute.instance.down: {title: Server lost its host, severity: critical}
    rules:
      - name: host-down
        when: {type: compute.host.down}
        mark: [force_down]
      - name: servers-of-a-failed-host
        because: compute.host.down
        to: servers
        where: {status: [ACTIVE, PAUSED]}
        raise: compute.instance.down
        mark: [server_error, {port_data_plane_down: ports}]
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from fnmatch import translate
from functools import lru_cache
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from nfvigil.inspector.own_faults import OWN_FAULTS, VDU_FAULTS
from nfvigil.inspector.resource_map import AnyRecord, Lookup, host_of
from nfvigil.model.alarm import Audience
from nfvigil.model.event import Event, Status
from nfvigil.model.fault import FaultType
from nfvigil.model.resource import Device, Host, Kind, Port, ResourceState, Server, Volume, key_of, split_key
from nfvigil.model.severity import Severity

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:@-]{0,127}$")]
Words = str | list[str]
"""A word, a glob, or a list of them of which one must fit."""
Value = str | int | float | bool | list[str | int | float | bool]


class When(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which events a rule selects. What is not named does not matter; what is named must all fit."""

    type: Words
    status: tuple[Status, ...] = (Status.DOWN,)
    min_severity: Severity | None = None
    """This or worse; an event that names no severity counts as the fault type's."""
    source: Words = "*"
    monitor: Words = "*"
    cause: Words = "*"
    zone: Words = "*"
    resource: dict[str, Value] = {}
    """Attributes of the resource: ``{kind: host, name: "compute-*", zone: az-1}``."""


class Count(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """k of n: the rule acts once ``needed`` selected events were seen within ``within`` seconds."""

    needed: Annotated[int, Meta(ge=2, le=1000)]
    within: Annotated[float, Meta(gt=0, le=7 * 86400)]
    per: str = "resource"
    """What they are counted for: the ``resource``, its ``zone``, or a relation (``rack``, ``switches``, ``group``)."""
    distinct: bool = False
    """Count resources, not events."""
    repeats: bool = True
    """Whether a monitor that says the same of the same again counts again."""


class OnMaintenance(StrEnum):
    SUPPRESS = "suppress"
    RAISE = "raise"


class Needs(StrEnum):
    ANY = "any"
    ALL = "all"
    """Only when everything of that sort above the target has failed: both switches of a bonded host."""


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What both sorts of rules say of the alarm they raise."""

    name: Name
    raise_: Name | None = msgspec.field(default=None, name="raise")
    """The fault type; default: the event's type, or the cause's."""
    severity: Severity | None = None
    """Instead of the event's and the catalogue's."""
    state: ResourceState | None = None
    """Instead of the catalogue's."""
    mark: list[str | dict[str, str]] = []
    """VIM states to set while the alarm stands: on its resource, or ``{state: relation}``."""
    do: list[str | dict[str, str]] = []
    """Deeds to do once. Nothing is done on our own unless a rule says so."""
    notify: Audience = Audience.OWNERS
    in_maintenance: OnMaintenance = OnMaintenance.SUPPRESS


class EventRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """From what monitors say to a fault."""

    when: When
    count: Count | None = None
    at: str = "self"
    """Where the fault is: on the resource itself (``self``) or on what stands in this relation to it."""
    lead_time: Annotated[float, Meta(gt=0, le=366 * 86400)] | None = None
    """The fault is expected in so many seconds; an event's own lead time goes before."""


class CascadeRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """From an alarm that stands to those that follow from it."""

    because: Words
    to: str
    where: dict[str, Value] = {}
    """Attributes of the target; looked at when the alarm is raised, not again later."""
    more_than: Annotated[int, Meta(ge=0, le=10_000)] = 0
    """Raise only when more than so many of the target's members have such an alarm (an N+M group: M)."""
    needs: Needs = Needs.ANY
    from_: dict[str, Value] = msgspec.field(default={}, name="from")
    """Attributes of the resource that has the cause."""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """A policy that was read and found in order. ``version`` counts from 1 per name; 0 is one that was never kept."""

    name: str
    version: int = 0
    description: str = ""
    faults: dict[str, FaultType] = {}
    event_rules: tuple[EventRule, ...] = ()
    cascade_rules: tuple[CascadeRule, ...] = ()

    @property
    def label(self) -> str:
        return f"{self.name}@{self.version}"


TYPES_MAX = 10_000
"""For so many types the rules are remembered: types come from outside."""


class CompiledPolicy:
    """A policy with its rules found by type at once. Which rules a type concerns is worked out once per type."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.label = policy.label
        self.cascade_by_name = {rule.name: rule for rule in policy.cascade_rules}
        self.rule_by_name: dict[str, Rule] = {rule.name: rule for rule in (*policy.event_rules, *policy.cascade_rules)}
        self._events: dict[str, tuple[EventRule, ...]] = {}
        self._cascades: dict[str, tuple[CascadeRule, ...]] = {}

    def fault_type(self, name: str) -> FaultType:
        found = self.policy.faults.get(name) or OWN_FAULTS.get(name) or VDU_FAULTS.get(name)
        return found or FaultType(title=name)

    def event_rules(self, event_type: str) -> tuple[EventRule, ...]:
        found = self._events.get(event_type)
        if found is None:
            found = tuple(rule for rule in self.policy.event_rules if fits(rule.when.type, event_type))
            if len(self._events) >= TYPES_MAX:
                self._events.clear()
            self._events[event_type] = found
        return found

    def cascade_rules(self, fault_type: str) -> tuple[CascadeRule, ...]:
        found = self._cascades.get(fault_type)
        if found is None:
            found = tuple(rule for rule in self.policy.cascade_rules if fits(rule.because, fault_type))
            if len(self._cascades) >= TYPES_MAX:
                self._cascades.clear()
            self._cascades[fault_type] = found
        return found

    def is_cause(self, rule: CascadeRule, fault_type: str) -> bool:
        return any(rule is other for other in self.cascade_rules(fault_type))


def fits(pattern: Words, word: str) -> bool:
    """Whether a word fits a glob, or one of several."""
    if isinstance(pattern, str):
        return pattern == "*" or pattern == word or _glob(pattern).match(word) is not None
    return any(fits(one, word) for one in pattern)


@lru_cache(maxsize=4096)
def _glob(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern))


def selects(when: When, event: Event, key: str, lookup: Lookup, catalogue: Severity) -> bool:
    """Whether an event rule is for this event; ``key`` is its resource's canonical key."""
    if event.status not in when.status:
        return False
    if when.min_severity and (event.severity or catalogue).rank < when.min_severity.rank:
        return False
    if not (fits(when.source, event.source) and fits(when.monitor, event.monitor) and fits(when.cause, event.cause)):
        return False
    if when.zone != "*" and not fits(when.zone, zone_of(key, lookup)):
        return False
    return not when.resource or has(when.resource, key, lookup)


def has(wanted: Mapping[str, Value], key: str, lookup: Lookup) -> bool:
    """Whether the resource has all the attributes that are asked for."""
    return all(_value_fits(value, attribute(name, key, lookup)) for name, value in wanted.items())


def _value_fits(wanted: Value, actual: Any) -> bool:
    if isinstance(wanted, list):
        return any(_value_fits(one, actual) for one in wanted)
    if isinstance(actual, tuple):  # aliases of a host, volumes of a server
        return any(_value_fits(wanted, one) for one in actual)
    if isinstance(wanted, bool) or isinstance(actual, bool):
        return wanted is actual
    if isinstance(wanted, str):
        return fits(wanted, "" if actual is None else str(actual))
    return bool(wanted == actual)


def attribute(name: str, key: str, lookup: Lookup) -> Any:
    """One attribute of a resource, as a policy names it; None where it has none of that name."""
    kind, plain = split_key(key)
    if name == "kind":
        return kind
    if name == "zone":
        return zone_of(key, lookup)
    if name == "project":
        return project_of(key, lookup)
    record = lookup.get(key)
    if name in ("id", "name"):
        return plain if record is None else (getattr(record, name) or plain)
    if name.startswith(OWN):
        return record.attributes.get(name.removeprefix(OWN)) if isinstance(record, Device) else None
    return getattr(record, name, None) if name in ATTRIBUTES else None


OWN = "attributes."
"""Before the name of an attribute that the topology file gives a device."""
ATTRIBUTES = frozenset(
    field for record in (Host, Server, Port, Volume, Device) for field in record.__struct_fields__
) - {"attributes"}
"""What else ``resource``, ``where`` and ``from`` may ask for."""


def host_key(key: str, lookup: Lookup) -> str | None:
    """The host that a resource is, sits in or runs on."""
    if key.startswith("host/"):
        return key
    record = lookup.get(key)
    if isinstance(record, Server):
        return host_of(record, lookup) or None
    if isinstance(record, Port):
        if record.host:
            return host_of(record, lookup) or None
        return host_key(key_of(Kind.SERVER, record.server), lookup) if record.server else None
    if isinstance(record, Device) and record.host:
        return lookup.resolve(key_of(Kind.HOST, record.host))
    return None


def zone_of(key: str, lookup: Lookup) -> str:
    record = lookup.get(key)
    if isinstance(record, Host | Device) and record.zone:
        return record.zone
    host = host_key(key, lookup)
    if host is None or host == key:
        return ""
    there = lookup.get(host)
    return there.zone if isinstance(there, Host) else ""


def _record_of(key: str, lookup: Lookup) -> AnyRecord | None:
    """The record of a resource; of a group, which has none, one of its members'."""
    record = lookup.get(key)
    if record is None and key.startswith("group/"):
        members = lookup.related(key, "members")
        return lookup.get(members[0]) if members else None
    return record


def project_of(key: str, lookup: Lookup) -> str:
    """Who owns a resource; "" for what is the operator's. A group belongs to the project of its members."""
    record = _record_of(key, lookup)
    return "" if record is None else record.project


def vnf_of(key: str, lookup: Lookup) -> tuple[str, str]:
    """The VNF of a server and which component of it, or of the server that a port or a volume hangs on."""
    record = lookup.get(key)
    if isinstance(record, Port) and record.server:
        record = lookup.get(key_of(Kind.SERVER, record.server))
    elif isinstance(record, Volume):
        users = (lookup.get(user) for user in sorted(lookup.related(key, "users")))
        record = next((user for user in users if isinstance(user, Server) and user.vnf), None)
    return (record.vnf, record.vnfc) if isinstance(record, Server) else ("", "")


def identity_of(key: str, lookup: Lookup) -> tuple[str, str, str]:
    """Name, owner and VIM of a resource."""
    record = lookup.get(key)
    if record is not None:
        return record.name or record.id, record.project, record.vim
    member = _record_of(key, lookup)
    name = split_key(key)[1]
    return (name, "", "") if member is None else (name, member.project, member.vim)
