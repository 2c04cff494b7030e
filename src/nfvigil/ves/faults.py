"""Which states of a server and of a host are faults, and how bad."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nfvigil.model.resource import Host

NORMAL = "NORMAL"
CRITICAL = "CRITICAL"
MAJOR = "MAJOR"

DEFAULT = "default"
ONAP = "onap"
PRESETS = (DEFAULT, ONAP)

STATES = frozenset(
    {
        "ACTIVE",
        "BUILD",
        "ERROR",
        "HARD_REBOOT",
        "MIGRATING",
        "PASSWORD",
        "PAUSED",
        "REBOOT",
        "REBUILD",
        "RESCUE",
        "RESIZE",
        "REVERT_RESIZE",
        "SHELVED",
        "SHELVED_OFFLOADED",
        "SHUTOFF",
        "SOFT_DELETED",
        "SUSPENDED",
        "UNKNOWN",
        "VERIFY_RESIZE",
    }
)
"""Nova's, of servers that a listing can have. DELETED is none: a server that is gone is in no listing."""

UNDER_WAY = frozenset({"BUILD", "HARD_REBOOT", "MIGRATING", "PASSWORD", "REBOOT", "REBUILD", "RESIZE", "REVERT_RESIZE"})
"""States that pass: what comes of them shows later, so an alarm stands until then, and none is raised."""

ONAP_GOOD = frozenset({"BUILD", "ACTIVE", "HARD_REBOOT", "REBOOT", "MIGRATING", "PASSWORD"})
"""ONAP's agent calls everything else a fault, also what somebody stopped, paused or resizes."""

SEVERITIES: Mapping[str, str] = {"ERROR": CRITICAL, "UNKNOWN": MAJOR}
"""The default's: the server failed; Nova cannot tell. Everything else is as somebody wanted it."""


class Faults:
    """Judges a server's state by a rule as ``VesConfig.faults`` has it. Remembers what it has judged."""

    def __init__(self, rule: str | Sequence[str] = DEFAULT) -> None:
        self.rule = rule
        self._judged: dict[str, str | None] = {}

    def severity(self, status: str) -> str | None:
        """VES's severity, ``NORMAL`` where it is no fault; None while it is under way: it stays what it was."""
        if status not in self._judged:
            if len(self._judged) > 2 * len(STATES):
                self._judged.clear()  # a cloud with words of its own must not fill the memory
            self._judged[status] = self._judge(status)
        return self._judged[status]

    def _judge(self, status: str) -> str | None:
        if self.rule == ONAP:
            return NORMAL if status in ONAP_GOOD else CRITICAL
        if self.rule != DEFAULT and status in self.rule:
            return SEVERITIES.get(status, CRITICAL)
        if status in UNDER_WAY:
            return None
        if self.rule != DEFAULT:
            return NORMAL
        # A state that Nova does not have says no more than its UNKNOWN.
        return SEVERITIES.get(status, NORMAL) if status in STATES else SEVERITIES["UNKNOWN"]


def refused_states(states: Sequence[str]) -> dict[str, str]:
    """Those that a list of faults cannot have, each with why."""
    reasons = {}
    for state in states:
        if state == "DELETED":
            reasons[state] = "a server that is gone is in no listing: its alarm is cleared"
        elif state == "ACTIVE":
            reasons[state] = "is what a server is meant to be"
        elif state not in STATES:
            reasons[state] = "is no state of Nova's"
    return reasons


UP = "UP"
DOWN = "DOWN"
FORCED_DOWN = "FORCED_DOWN"
DISABLED = "DISABLED"
AUTO_DISABLED = "AUTO_DISABLED"
AUTO = "AUTO:"
"""So a reason begins that nova-compute itself gave when it took its host out of service."""

HOST_SEVERITIES: Mapping[str, str] = {
    UP: NORMAL,
    DISABLED: NORMAL,
    DOWN: CRITICAL,
    FORCED_DOWN: CRITICAL,
    AUTO_DISABLED: MAJOR,
}
"""One rule for all presets: ONAP's agent knows no hosts. What an operator disables is no fault."""


def host_state(host: Host) -> str:
    if host.forced_down:
        return FORCED_DOWN
    if not host.service_up:
        return DOWN
    if host.service_enabled:
        return UP
    return AUTO_DISABLED if host.disabled_reason.startswith(AUTO) else DISABLED
