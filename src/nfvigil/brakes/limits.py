"""The brakes' settings, and which monitors count as one witness."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

import msgspec

from nfvigil.model.action import ActionKind

DESTRUCTIVE = frozenset(
    {ActionKind.FENCE, ActionKind.EVACUATE, ActionKind.REBUILD, ActionKind.DELETE, ActionKind.STOP, ActionKind.REBOOT}
)
"""What can harm a server that is well. States are restored when they were wrong; these are not."""

MONITORS = "monitors"
"""The path of all monitors that no other one names: together they are one witness."""
VIM = "vim"
"""The path of the cloud itself: its own heartbeat, or its own word on a server."""
OPERATOR = "operator"
"""The path of a person: an administrator who instructs has looked."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much may be done at once, and what counts as a mass failure."""

    witnesses: int = 2
    """Independent ones that must agree before a destructive step: what came by one path is one witness."""
    share: float = 0.10
    """Of an aggregate's hosts, so many may be fenced or evacuated at a time; one always may."""
    settle_seconds: float = 5.0
    """Nothing destructive begins on a host sooner after it was planned: the first of many that fail is not known as
    such.
    """
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
    paths: Mapping[str, Sequence[str]] = {}
    """Path -> globs of the monitors that see by it."""


def path_of(monitor: str, paths: Mapping[str, Sequence[str]]) -> str:
    """The path by which a monitor sees. Those that nobody assigned may all share one: they are one witness."""
    for path, patterns in paths.items():
        if any(fnmatchcase(monitor, pattern) for pattern in patterns):
            return path
    return MONITORS


def paths_of(words: Iterable[tuple[str, str]], paths: Mapping[str, Sequence[str]]) -> set[str]:
    """The independent paths by which it was seen, of (monitor, sender) pairs. A monitor that nobody assigned may share
    its path with any other: beside one that was assigned it adds nothing. A sender is one witness, however many
    monitors it calls itself; "" is trusted to pass on the words of many.
    """
    senders: dict[str, set[str]] = {}
    for monitor, sender in words:
        senders.setdefault(path_of(monitor, paths), set()).add(sender)
    if len(senders) > 1:
        senders.pop(MONITORS, None)
    free = {path for path, some in senders.items() if "" in some}
    return free | _each_by_another({path: some for path, some in senders.items() if path not in free})


def _each_by_another(senders: Mapping[str, Collection[str]]) -> set[str]:
    """As many paths as can be vouched for, each by a sender of its own (a greatest matching)."""
    vouches: dict[str, str] = {}

    def find(path: str, tried: set[str]) -> bool:
        for sender in sorted(senders[path]):
            if sender not in tried:
                tried.add(sender)
                if sender not in vouches or find(vouches[sender], tried):
                    vouches[sender] = path
                    return True
        return False

    for path in sorted(senders):
        find(path, set())
    return set(vouches.values())
