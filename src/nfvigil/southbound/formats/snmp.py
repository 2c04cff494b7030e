"""A trap or inform, as ``nfvigil trap-handler`` passes it on from snmptrapd.

    {"host": "leaf-1", "address": "192.0.2.7", "varbinds": [["1.3.6.1.6.3.1.1.4.1.0", "1.3.6.1.6.3.1.1.5.3"], ...]}

A version 1 trap may also come with ``enterprise``, ``generic`` and ``specific``. A linkDown of an interface that is
switched off on purpose is no fault.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from nfvigil.model.raw import Ignored, Item, RawEvent, Refusal
from nfvigil.model.severity import Severity
from nfvigil.southbound.formats.foreign import (
    TypeWord,
    as_object,
    document,
    host_named,
    kept,
    moment,
    number,
    options_of,
    short,
    text,
    type_word,
)
from nfvigil.southbound.formats.snmp_traps import (
    ADMIN_DOWN,
    IF_ADMIN_STATUS,
    TRAP_ADDRESS,
    TRAP_OID,
    Trap,
    oid_of,
    pet_data,
    state_of,
    subject_of,
    trap_of,
    v2_of,
)

VARBINDS_MAX = 100


class TrapOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a maker's own trap means."""

    type: TypeWord
    status: Literal["down", "up", "unknown"] = "down"
    severity: Severity | None = None
    subject: tuple[str, ...] = ()
    """OIDs of the varbinds that say which part of the sender it is about."""


class SnmpOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[formats.snmp]``."""

    agents: dict[str, str] = {}
    """A sender's name or address to what it is: ``"192.0.2.7" = "switch/leaf-1"``. All others are hosts."""
    traps: dict[str, TrapOptions] = {}
    """A trap's number to what it means."""
    types: dict[str, TypeWord] = {}
    """Event type of ours to another one: ``"snmp.link" = "compute.host.nic.error"``."""


class SnmpFormat:
    """Plugin ``snmp``."""

    name = "snmp"

    def __init__(self, **options: Any) -> None:
        self.options = options_of(options, SnmpOptions)
        self._traps = {
            oid_of(oid): Trap(oid, one.status, one.type, one.severity, tuple(map(oid_of, one.subject)))
            for oid, one in self.options.traps.items()
        }

    def decode(self, body: bytes) -> Sequence[Item]:
        return self._read(as_object(document(body), "a trap"))

    def _read(self, given: dict[str, Any]) -> list[Item]:
        errors: list[tuple[str, str]] = []
        varbinds = _varbinds(given.get("varbinds"), errors)
        values = dict(varbinds)
        oid = oid_of(values.get(TRAP_OID, ""))
        generic = number(given.get("generic"))
        if not oid and generic is not None:
            oid = v2_of(text(given.get("enterprise")), generic, number(given.get("specific")) or 0)
        if not oid:
            errors.append(("varbinds", "name no trap: snmpTrapOID.0 is missing"))
        resource = self._resource(text(given.get("host")), values.get(TRAP_ADDRESS, ""), text(given.get("address")))
        if resource is None:
            errors.append(("host", "is missing, as is address"))
        if errors:
            return [Refusal(errors=tuple(errors))]
        trap = trap_of(oid, self._traps) or Trap(oid, "unknown", f"snmp.{type_word(oid.replace('.', '_'))}")
        if trap.name == "linkDown":
            states = [value for name, value in varbinds if name.startswith(f"{IF_ADMIN_STATUS}.")]
            if states and state_of(states[0]) == ADMIN_DOWN:
                return [Ignored(path="varbinds", reason="the interface is switched off on purpose")]
        values.setdefault(TRAP_OID, oid)
        if not trap.name.startswith("PET"):
            return [self._event(given, trap, resource, subject_of(trap, varbinds), values)]
        # A platform event trap says which kind of sensor and which event by its very number, and which one in octets.
        data = pet_data(varbinds)
        subjects = [f"{name} {data.sensor}".strip() for name in trap.ends or (trap.name,)]
        return [self._event(given, trap, resource, subject, values, data.id) for subject in subjects]

    def _event(
        self, given: dict[str, Any], trap: Trap, resource: object, subject: str, values: dict[str, str], id: str = ""
    ) -> RawEvent:
        kind = self.options.types.get(trap.type, trap.type)
        return RawEvent(
            type=kind,
            time=moment(given.get("time")),
            resource=resource,
            status=trap.status,
            severity=trap.severity,
            source="snmp",
            cause=short(f"{trap.name} {subject}".strip()),
            monitor=short(f"snmp/{trap.type}/{subject}" if subject else f"snmp/{trap.type}"),
            monitor_event_id=id or short(text(given.get("id")), 200) or None,
            details={"trap": oid_of(values[TRAP_OID])[:255], "varbinds": kept(values)},
        )

    def _resource(self, host: str, trap_address: str, address: str) -> object:
        """A relayed trap names the agent that it is from; the handler knows who sent it to us."""
        names = [name for name in (trap_address, host, address) if name and name not in ("0.0.0.0", "<UNKNOWN>")]  # noqa: S104
        known = next((self.options.agents[name] for name in names if name in self.options.agents), None)
        if known is not None:
            return known
        is_relayed = trap_address in names and trap_address != address
        order = (trap_address, host, address) if is_relayed else (host, address)
        name = next((one for one in order if one in names), None)
        return host_named(name) if name else None


def _varbinds(given: object, errors: list[tuple[str, str]]) -> list[tuple[str, str]]:
    if given is None:
        return []
    if not isinstance(given, list) or len(given) > VARBINDS_MAX:
        errors.append(("varbinds", f"must be a list of at most {VARBINDS_MAX} pairs"))
        return []
    found = []
    for index, pair in enumerate(given):
        if isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str):
            found.append((oid_of(pair[0]), text(pair[1]).strip('"')))
        else:
            errors.append((f"varbinds[{index}]", "must be [object, value]"))
    return found
