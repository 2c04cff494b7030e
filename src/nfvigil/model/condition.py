"""What can be wrong with our view of a VIM, as against what is wrong in it."""

from __future__ import annotations

from enum import StrEnum


class Condition(StrEnum):
    UNREACHABLE = "unreachable"
    """It cannot be listed, or does not tell what changes: what we know of it grows old."""
    CLIFF = "cliff"
    """More has disappeared at once than operators delete, and it is not yet settled whether that is true."""
    PARTIAL = "partial"
    """Its last listing lacked what is there when asked for by itself: a cell is away, or a list is cut off."""
    NAMES = "names"
    """Something of it has a name that something of another VIM has as well, so that neither can be spoken of."""
