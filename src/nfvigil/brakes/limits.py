"""The brakes' settings, and which monitors count as one witness."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

import msgspec

from nfvigil.model.action import ActionKind

DESTRUCTIVE = frozenset(
    {ActionKind.FENCE, ActionKind.EVACUATE, ActionKind.REBUILD, ActionKind.DELETE, ActionKind.STOP, ActionKind.REBOOT}
)
"""What can harm a server that is well. States are restored when they were wrong; these are not."""

MONITORS = "monitors"
"""The channel of all monitors that no other one names: together they are one witness."""
VIM = "vim"
"""The channel of the cloud itself: its own heartbeat, or its own word on a server."""
OPERATOR = "operator"
"""The channel of a person: an administrator who instructs has looked."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much may be done at once, and what counts as a mass failure."""

    witnesses: int = 2
    """Independent channels that must agree before a destructive step."""
    share: float = 0.10
    """Of an aggregate's hosts, so many may be fenced or evacuated at a time; one always may."""
    host_every_seconds: float = 10.0
    """In a VIM, at most one more host in this time."""
    outage_hosts: int = 3
    outage_share: float = 0.30
    """So many hosts of a VIM, or this share of a failure domain (two at least), within the window: HOLD."""
    outage_seconds: float = 60.0
    wait_max_seconds: float = 86_400.0
    """What has waited longer is given up."""
    hold_states: bool = False
    """Whether a HOLD also holds back the states that are restored later (force-down, error, data plane)."""
    channels: Mapping[str, Sequence[str]] = {}
    """Channel -> globs of the monitors that look through it."""


def channel_of(monitor: str, channels: Mapping[str, Sequence[str]]) -> str:
    """The channel that a monitor looks through. Those that nobody assigned may all share one path: they are one."""
    for channel, patterns in channels.items():
        if any(fnmatchcase(monitor, pattern) for pattern in patterns):
            return channel
    return MONITORS


def channels_of(monitors: Iterable[str], channels: Mapping[str, Sequence[str]]) -> set[str]:
    return {channel_of(monitor, channels) for monitor in monitors}
