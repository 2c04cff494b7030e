"""The fault types that every policy has without naming them (and may name otherwise): of NFVigil's own footing, and
of what the records of VNFs say of their servers.
"""

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
"""Of our own footing. What is wrong with a VIM or with us makes no server unwell: the resource's state stays normal."""

VDU_FAULTS: dict[str, FaultType] = {
    "nfvigil.vdu.error": FaultType(
        title="The cloud has the server in ERROR",
        severity=Severity.CRITICAL,
        event_type=EventType.PROCESSING_ERROR,
        probable_cause="softwareProgramError",
        resource_state=ResourceState.ERROR,
        recommended_action="rebuild",
        repair="Ask the cloud for the server's fault; rebuild it, or reset its state once the reason is gone.",
    ),
    "nfvigil.vdu.deleted": FaultType(
        title="The server was deleted externally",
        severity=Severity.CRITICAL,
        event_type=EventType.PROCESSING_ERROR,
        probable_cause="underlyingResourceUnavailable",
        resource_state=ResourceState.DOWN,
        recommended_action="switch-to-standby",
        repair="Ask its owner whether that was wanted; the VNF still counts on it.",
    ),
    "nfvigil.vdu.interface-gone": FaultType(
        title="An interface of the server was deleted externally",
        severity=Severity.MAJOR,
        event_type=EventType.COMMUNICATIONS,
        probable_cause="underlyingResourceUnavailable",
        resource_state=ResourceState.DOWN,
        recommended_action="switch-to-standby",
        repair="Ask its owner whether that was wanted; attach another port to the server if not.",
    ),
}
"""Of a VNF's servers, as its record has them."""
