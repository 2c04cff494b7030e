"""Which of our fault types Tacker hears of, and in which of its words."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from fnmatch import fnmatchcase

import msgspec


class TackerFault(StrEnum):
    """Tacker's ``fault_type``."""

    HOST_FAULT = "10"
    """Physical server fault."""
    HOST_OUT_OF_SERVICE = "11"
    VM_INCONSISTENT = "20"
    VM_REBOOTED = "21"


class FaultRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table: alarms of these fault types on a server go out under this ``fault_id``."""

    fault_id: str
    fault_type: TackerFault
    faults: tuple[str, ...]
    """Globs over our fault types."""


TABLE: tuple[FaultRow, ...] = (
    FaultRow(fault_id="21", fault_type=TackerFault.VM_REBOOTED, faults=("compute.instance.rebooted",)),
    FaultRow(
        fault_id="20",
        fault_type=TackerFault.VM_INCONSISTENT,
        faults=("compute.instance.error", "compute.instance.storage.lost"),
    ),
    FaultRow(fault_id="11", fault_type=TackerFault.HOST_OUT_OF_SERVICE, faults=("compute.instance.disconnected",)),
    FaultRow(fault_id="10", fault_type=TackerFault.HOST_FAULT, faults=("compute.instance.down", "compute.host.*")),
)
"""What is told where the settings say nothing else. The first row that a fault type fits counts."""


def row_for(rows: Sequence[FaultRow], fault_type: str) -> FaultRow | None:
    """The first row that a fault type of ours fits."""
    return next((row for row in rows if any(fnmatchcase(fault_type, glob) for glob in row.faults)), None)
