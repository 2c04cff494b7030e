"""SNMP traps as numbers: which one it is, and what the usual ones mean.

From the MIBs of RFC 3418, 2863, 4133, 4268, 3877 and 1628, and the layout of the IPMI platform event trap.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from nfvigil.model.severity import Severity

UPTIME = "1.3.6.1.2.1.1.3.0"
TRAP_OID = "1.3.6.1.6.3.1.1.4.1.0"
ENTERPRISE = "1.3.6.1.6.3.1.1.4.3.0"
TRAP_ADDRESS = "1.3.6.1.6.3.18.1.3.0"
STANDARD = "1.3.6.1.6.3.1.1.5"
IF_INDEX = "1.3.6.1.2.1.2.2.1.1"
IF_ADMIN_STATUS = "1.3.6.1.2.1.2.2.1.7"
PET = "1.3.6.1.4.1.3183.1.1"
ADMIN_DOWN = "2"


class Trap(NamedTuple):
    """``status`` "unknown" is for what begins nothing that another trap would end: it is kept and raises nothing."""

    name: str
    status: str
    type: str
    severity: Severity | None = None
    subject: tuple[str, ...] = ()
    """OIDs of the varbinds that say which part it is about; the same for the trap that ends it."""
    ends: tuple[str, ...] = ()
    """Names of others that it ends, instead of one of its own."""


ENTITY_STATE = ("1.3.6.1.2.1.131.1",)
ALARM_SUBJECT = ("1.3.6.1.2.1.118",)
TRAPS: Mapping[str, Trap] = {
    f"{STANDARD}.1": Trap("coldStart", "unknown", "snmp.coldStart"),
    f"{STANDARD}.2": Trap("warmStart", "unknown", "snmp.warmStart"),
    f"{STANDARD}.3": Trap("linkDown", "down", "snmp.link", Severity.MAJOR, (IF_INDEX,)),
    f"{STANDARD}.4": Trap("linkUp", "up", "snmp.link", None, (IF_INDEX,)),
    f"{STANDARD}.5": Trap("authenticationFailure", "unknown", "snmp.authenticationFailure"),
    f"{STANDARD}.6": Trap("egpNeighborLoss", "unknown", "snmp.egpNeighborLoss"),
    "1.3.6.1.2.1.47.2.0.1": Trap("entConfigChange", "unknown", "snmp.entConfigChange"),
    "1.3.6.1.2.1.131.0.1": Trap("entStateOperEnabled", "up", "snmp.entState", None, ENTITY_STATE),
    "1.3.6.1.2.1.131.0.2": Trap("entStateOperDisabled", "down", "snmp.entState", Severity.MAJOR, ENTITY_STATE),
    "1.3.6.1.2.1.118.0.2": Trap("alarmActiveState", "down", "snmp.alarm", None, ALARM_SUBJECT),
    "1.3.6.1.2.1.118.0.3": Trap("alarmClearState", "up", "snmp.alarm", None, ALARM_SUBJECT),
    "1.3.6.1.2.1.33.2.1": Trap("upsTrapOnBattery", "down", "snmp.upsTrapOnBattery", Severity.MAJOR),
    "1.3.6.1.2.1.33.2.3": Trap(
        "upsTrapAlarmEntryAdded", "down", "snmp.upsAlarm", Severity.MAJOR, ("1.3.6.1.2.1.33.1.6.2.1.1",)
    ),
    "1.3.6.1.2.1.33.2.4": Trap("upsTrapAlarmEntryRemoved", "up", "snmp.upsAlarm", None, ("1.3.6.1.2.1.33.1.6.2.1.1",)),
}

SENSORS = {
    0x01: "compute.host.thermal",
    0x02: "compute.host.power.degraded",
    0x03: "compute.host.power.degraded",
    0x04: "compute.host.fan",
    0x08: "compute.host.power.degraded",
}
"""Types of a BMC's sensors: temperature, voltage, current, fan, power supply."""
WELL = {0x03, 0x04, 0x05, 0x06, 0x07, 0x0B}
"""Event types of which offset 0 says that all is well: transition to OK, fully redundant, no predicted failure."""
PET_OFFSETS = range(1, 16)
NEWS = {(0x07, 7), (0x07, 8)}
"""Transition to monitor and to informational: no fault."""
PRESENCE = {(0x07, 7), (0x08, 0), (0x0C, 6), (0x0D, 0)}
"""Processor, power supply, memory, drive: it is there."""
SPECIFIC = 0x6F
"""The event type of offsets that mean something else for every type of sensor."""

_NAMES = {
    "iso": "1",
    "SNMPv2-MIB::snmpTrapOID.0": TRAP_OID,
    "SNMPv2-MIB::snmpTrapEnterprise.0": ENTERPRISE,
    "SNMPv2-MIB::sysUpTime.0": UPTIME,
    "DISMAN-EVENT-MIB::sysUpTimeInstance": UPTIME,
    "DISMAN-EXPRESSION-MIB::sysUpTimeInstance": UPTIME,
    "SNMP-COMMUNITY-MIB::snmpTrapAddress.0": TRAP_ADDRESS,
    "SNMPv2-MIB::coldStart": f"{STANDARD}.1",
    "SNMPv2-MIB::warmStart": f"{STANDARD}.2",
    "IF-MIB::linkDown": f"{STANDARD}.3",
    "IF-MIB::linkUp": f"{STANDARD}.4",
    "SNMPv2-MIB::authenticationFailure": f"{STANDARD}.5",
    "IF-MIB::ifIndex": IF_INDEX,
    "IF-MIB::ifDescr": "1.3.6.1.2.1.2.2.1.2",
    "IF-MIB::ifAdminStatus": IF_ADMIN_STATUS,
    "IF-MIB::ifOperStatus": "1.3.6.1.2.1.2.2.1.8",
    "SNMPv2-SMI::enterprises": "1.3.6.1.4.1",
    "SNMPv2-SMI::mib-2": "1.3.6.1.2.1",
    "SNMPv2-SMI::snmpModules": "1.3.6.1.6.3",
}
"""What snmptrapd writes instead of numbers where it knows the MIB."""
_STATES = {"up": "1", "down": "2", "testing": "3"}
_HEX = re.compile(r"(?:0x)?(?:[0-9A-Fa-f]{2}\s*)+")
_WORDED = re.compile(r"(?:[A-Za-z-]+\()?(\d+)\)?")


def oid_of(given: str) -> str:
    """An object's number without a dot in front; what has a name that is not known stays as it is."""
    name = given.strip().removeprefix(".")
    if name in _NAMES:
        return _NAMES[name]
    head, dot, rest = name.partition(".")
    return f"{_NAMES[head]}.{rest}" if dot and head in _NAMES else name


def state_of(value: str) -> str:
    """The number of an interface's state: ``2``, ``down``, ``down(2)``."""
    word = value.strip().lower()
    found = _WORDED.fullmatch(word)
    return _STATES.get(word, found[1] if found else word)


def v2_of(enterprise: str, generic: int, specific: int) -> str:
    """The number of a version 1 trap as version 2 has it (RFC 3584, section 3.1)."""
    return f"{STANDARD}.{generic + 1}" if 0 <= generic < 6 else f"{oid_of(enterprise)}.0.{specific}"


def trap_of(oid: str, more: Mapping[str, Trap]) -> Trap | None:
    """``more`` are the settings'. A zero in front of the last number comes and goes with the version."""
    head, _, last = oid.rpartition(".")
    other = f"{head.removesuffix('.0')}.{last}" if head.endswith(".0") else f"{head}.0.{last}"
    return more.get(oid) or more.get(other) or TRAPS.get(oid) or TRAPS.get(other) or _pet(oid)


def _pet(oid: str) -> Trap | None:
    """A BMC's platform event trap: sensor type, event type and offset are its number."""
    head, _, last = oid.rpartition(".")
    if head.removesuffix(".0") != PET or not last.isdecimal() or len(last) > 10:
        return None
    specific = int(last)
    sensor, event, offset = specific >> 16 & 0xFF, specific >> 8 & 0xFF, specific & 0x7F
    kind = SENSORS.get(sensor, f"snmp.pet-{sensor:02x}")
    name = f"PET {sensor:02x}/{event:02x}/{offset:02x}"
    if event == SPECIFIC and (sensor, offset & 0xF) in PRESENCE:
        return Trap(name, "unknown", "snmp.pet-presence")
    if (event, offset) in NEWS:
        return Trap(name, "unknown", kind)
    if event in WELL and offset == 0:
        ends = tuple(f"PET {sensor:02x}/{event:02x}/{one:02x}" for one in PET_OFFSETS)
        return Trap(name, "unknown", kind) if specific & 0x80 else Trap(name, "up", kind, ends=ends)
    return Trap(name, "up" if specific & 0x80 else "down", kind)


def subject_of(trap: Trap, varbinds: Sequence[tuple[str, str]]) -> str:
    """Which part of the sender the trap is about, as far as its varbinds say."""
    found = [
        (oid, value) for oid, value in varbinds for part in trap.subject if oid == part or oid.startswith(f"{part}.")
    ]
    if trap.subject == ENTITY_STATE:
        # The values are the entity's states, which the trap that ends it has others of: its number is the object's.
        return ",".join(sorted({oid.rpartition(".")[2] for oid, _ in found}))
    # A pointer into the table of models ends with the state, which is another one when it is over.
    return ",".join(
        value.rpartition(".")[0] if value.removeprefix(".").startswith(f"{ALARM_SUBJECT[0]}.") else value
        for _, value in found
    )


class PetData(NamedTuple):
    """What the octets of a platform event trap say."""

    sensor: str
    """Number of the sensor, of what it is and of which one of those: two fans send the same trap."""
    id: str
    """The same for each time that the BMC sends it: until somebody acknowledges, which nobody does. May be empty."""


def pet_data(varbinds: Sequence[tuple[str, str]]) -> PetData:
    for oid, value in varbinds:
        if oid.removesuffix(".0").startswith(f"{PET}.") and _HEX.fullmatch(value):
            octets = bytes.fromhex(value.removeprefix("0x"))
            if len(octets) > 30:
                counts = any(octets[16:18])
                return PetData(octets[28:31].hex(), octets[:22].hex() if counts else "")
    return PetData("", "")
