"""What is installed and offers itself by an entry point. Read once for each group: every package is looked into."""

from __future__ import annotations

import importlib.metadata
from functools import cache


@cache
def entry_points(group: str) -> importlib.metadata.EntryPoints:
    """What is installed while this process runs is seen by the next one."""
    return importlib.metadata.entry_points(group=group)
