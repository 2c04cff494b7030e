"""The fault types of NFVigil's own footing, which every policy has without naming them (and may name otherwise)."""

from __future__ import annotations

from nfvigil.model.fault import FaultType
from nfvigil.model.resource import ResourceState
from nfvigil.model.severity import EventType, Severity

OWN_FAULTS: dict[str, FaultType] = {
    "nfvigil.vim.unreachable": FaultType(
        title="The VIM cannot be reached",
        severity=Severity.CRITICAL,
        event_type=EventType.COMMUNICATIONS,
        probable_cause="communicationsSubsystemFailure",
        resource_state=ResourceState.NORMAL,
        repair="Look whether its API answers at all, and to us; what happens there meanwhile is not seen.",
    ),
    "nfvigil.vim.cliff": FaultType(
        title="Much is missing from the VIM's listing at once",
        severity=Severity.MAJOR,
        event_type=EventType.PROCESSING_ERROR,
        probable_cause="corruptData",
        resource_state=ResourceState.NORMAL,
        repair="Each is being asked for by itself. Look for a cell that is down, or a mass deletion.",
    ),
    "nfvigil.vim.partial": FaultType(
        title="The VIM's listing lacks what is there",
        severity=Severity.WARNING,
        event_type=EventType.PROCESSING_ERROR,
        probable_cause="corruptData",
        resource_state=ResourceState.NORMAL,
        repair="Look for a cell that is away, or for a proxy that cuts lists off.",
    ),
    "nfvigil.vim.names": FaultType(
        title="The VIM has hosts with the names of another VIM's",
        severity=Severity.CRITICAL,
        event_type=EventType.PROCESSING_ERROR,
        probable_cause="configurationOrCustomizationError",
        resource_state=ResourceState.NORMAL,
        repair="What is said of them is believed of neither. Give both VIMs a host_suffix, or remove the one that is"
        " there twice.",
    ),
    "nfvigil.hold": FaultType(
        title="HOLD: nothing destructive is done in the VIM",
        severity=Severity.CRITICAL,
        event_type=EventType.PROCESSING_ERROR,
        probable_cause="thresholdCrossed",
        resource_state=ResourceState.NORMAL,
        repair="Find out what fails so widely, or whether it is our own view. Then release it: nfvigil brakes release.",
    ),
    "nfvigil.automation.off": FaultType(
        title="Automatic actions are switched off",
        severity=Severity.WARNING,
        event_type=EventType.PROCESSING_ERROR,
        probable_cause="outOfService",
        resource_state=ResourceState.NORMAL,
        repair="Owners are told, and nothing else is done. Switch them on again: nfvigil brakes on.",
    ),
}
"""By type. What is wrong with a VIM or with us makes no server unwell: the resource's state stays normal."""
