"""Which of Nova's microversions a call is made with, and what a Nova of this age can do. Pure."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from nfvigil.errors import RefusedError, VimUnavailableError

OLDEST = 11
"""2.11 is the first that can force a host down."""
NEWEST = 100
"""The newest whose answers are known here: a later one may mean something else."""

# Which call needs or bears which, by the number behind "2."
HOST_STATUS = 16
LIVE_MIGRATE_AUTO = 25
PAGED_HYPERVISORS = 33
EMBEDDED_FLAVOR = 47
SERVICE_BY_ID = 53
MIGRATE_TO_HOST = 56
EVACUATE_WITHOUT_SHARED_STORAGE = 14
DOWN_CELLS = 69
GROUP_IN_SERVER = 71
HYPERVISORS_WITH_SIZES_MAX = 87
"""From 2.88 on hypervisors say nothing of their processors and memory."""
EVACUATED_KEEPS_RUNNING_MAX = 94
"""From 2.95 on an evacuated server is left stopped."""
LISTED_SERVERS_MAX = 69
"""Later ones put more into each server of a list than is of use here."""

_VERSION = re.compile(r"2\.(\d{1,4})")


class Dialect(msgspec.Struct, frozen=True):
    """What can be spoken with one Nova."""

    newest: int
    base: str = ""
    """To be put behind the endpoint of the catalogue, where that has no version."""

    def version(self, at_most: int = NEWEST) -> str:
        """The newest up to ``at_most``, as the header wants it."""
        return f"2.{min(self.newest, at_most)}"

    def has(self, minor: int) -> bool:
        return self.newest >= minor


def negotiated(document: Any) -> Dialect:
    """Reads the version document: of the endpoint itself, or the list that an address without a version gives."""
    base = ""
    entry = document.get("version") if isinstance(document, dict) else None
    if entry is None and isinstance(document, dict) and isinstance(document.get("versions"), list):
        entry = next((each for each in document["versions"] if isinstance(each, dict) and each.get("id") == "v2.1"), {})
        base = "/v2.1"
    if not isinstance(entry, dict):
        raise VimUnavailableError("Nova's version document is none")
    newest, oldest = _minor(entry.get("version")), _minor(entry.get("min_version"))
    if newest is None or newest < OLDEST:
        spoken = entry.get("version") or "no microversions"
        raise RefusedError(f"this Nova speaks {spoken}; it must be 2.{OLDEST} (Liberty) or newer")
    if oldest is not None and oldest > NEWEST:
        raise RefusedError(f"this Nova speaks 2.{oldest} and newer; up to 2.{NEWEST} is known here")
    return Dialect(newest=min(newest, NEWEST), base=base)


def _minor(version: Any) -> int | None:
    match = _VERSION.fullmatch(version) if isinstance(version, str) else None
    return int(match[1]) if match else None
