"""Says in words which names two VIMs have, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

NAMED_MAX = 5
"""So many are named; the rest is counted."""


def text_of_clashes(holders: Mapping[str, str], left_out: int, mistakable: Mapping[str, str]) -> str:
    """``holders`` are some of those that are ``left_out``, each with the VIM whose record is in the map ("" where only
    an alarm of another VIM's is left); ``mistakable`` those that are in the map, each with who has the name as well.
    """
    parts = []
    if left_out:
        parts.append(f"left out, for others have the name: {_named(holders, left_out)}")
    if mistakable:
        parts.append(f"not to be told from others' by name: {_named(mistakable, len(mistakable))}")
    if parts:
        parts.append("nothing is done to either; give these VIMs different host_suffix")
    return "; ".join(parts)


def _named(keys: Mapping[str, str], number: int) -> str:
    shown = [f"{key} ({vim or 'an open alarm'})" for key, vim in islice(keys.items(), NAMED_MAX)]
    return ", ".join(shown) + (f" and {number - len(shown)} more" if number > len(shown) else "")
