"""Objects that are taken as they come, bounded: only what can be kept and read back as it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

INTEGER_MAX = (1 << 63) - 1


def plain_json(*, depth: int, entries: int) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A check for an object with at most so many levels and entries."""

    def plain(given: dict[str, Any]) -> dict[str, Any]:
        left = [entries]

        def look(value: object, level: int) -> None:
            left[0] -= 1
            if level > depth or left[0] < 0:
                raise ValueError(f"must have at most {depth} levels and {entries} entries")
            if isinstance(value, Mapping):
                for name, one in value.items():
                    look(name, level)
                    look(one, level + 1)
            elif isinstance(value, list):
                for one in value:
                    look(one, level + 1)
            elif isinstance(value, str):
                if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
                    raise ValueError("must hold no NUL and no half of a character")
            elif isinstance(value, int | float) and not abs(value) <= INTEGER_MAX:  # so written, it also finds NaN
                raise ValueError("must hold no number that JSON readers take for another")

        look(given, 0)
        return given

    return plain
