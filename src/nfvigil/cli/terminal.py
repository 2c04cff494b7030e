"""What people read: tables that fit the terminal, colours only where there is one, nothing that could drive it."""

from __future__ import annotations

import os
import shutil
import sys
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

GAP = "  "
SHRUNK_MIN = 5
COLOURS = {
    "critical": "31;1",
    "major": "31",
    "minor": "33",
    "warning": "33",
    "cleared": "32",
    "failed": "31",
    "dead": "31",
    "inconsistent": "31",
    "refused": "31",
    "done": "32",
    "delivered": "32",
    "consistent": "32",
    "active": "32",
}
"""Of words in tables."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its title, what stands in it for an item, and whether it gives way where the terminal is narrow."""

    title: str
    value: Callable[[Any], Any]
    shrink: bool = False
    right: bool = False


def say(text: str = "") -> None:
    print(text)


def complain(text: str) -> None:
    print(text, file=sys.stderr)


def printable(text: str) -> str:
    """Without what a terminal would obey: names and texts come from monitors and clouds."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def is_coloured() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def paint(text: str, colour: str) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m" if colour and is_coloured() else text


def bold(text: str) -> str:
    return paint(text, "1")


def width() -> int:
    """Of the terminal; without one there is nothing to fit into."""
    return shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() else 10_000


def drawing_width() -> int:
    """For bars, which need an end."""
    return min(width(), 120) if sys.stdout.isatty() else 100


def cells(text: str) -> int:
    """How wide it is on a terminal."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def fit(text: str, room: int) -> str:
    """At most ``room`` wide; what was cut off leaves an ellipsis."""
    if cells(text) <= room:
        return text
    while text and cells(text) > room - 1:
        text = text[:-1]
    return text + "…"


def pad(text: str, room: int, right: bool = False) -> str:
    space = " " * (room - cells(text))
    return space + text if right else text + space


def as_text(value: Any) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(as_text, value)) or "-"
    if isinstance(value, dict):
        return ", ".join(f"{key}={as_text(one)}" for key, one in value.items()) or "-"
    return printable(str(value))


def table(items: Iterable[Any], columns: Sequence[Column], *, empty: str = "", indent: str = "") -> None:
    """One line an item. Where there is none, ``empty`` is said instead, beside the output proper."""
    rows = [[as_text(column.value(item)) for column in columns] for item in items]
    if not rows:
        if empty:
            complain(empty)
        return
    widths = [max(cells(column.title), *(cells(row[i]) for row in rows)) for i, column in enumerate(columns)]
    _shrink(widths, columns, width() - len(indent))
    say(indent + bold(_line([column.title for column in columns], columns, widths, is_title=True)))
    for row in rows:
        say(indent + _line(row, columns, widths))


def _shrink(widths: list[int], columns: Sequence[Column], room: int) -> None:
    """The widest of those that may gives way, a cell at a time: to its title, and where that is not enough beyond."""
    for least in ([max(8, cells(column.title)) for column in columns], [SHRUNK_MIN] * len(columns)):
        while sum(widths) + len(GAP) * (len(widths) - 1) > room:
            may = [i for i, column in enumerate(columns) if column.shrink and widths[i] > least[i]]
            if not may:
                break
            widths[max(may, key=lambda i: widths[i])] -= 1


def _line(texts: Sequence[str], columns: Sequence[Column], widths: Sequence[int], is_title: bool = False) -> str:
    parts = []
    for text, column, room in zip(texts, columns, widths, strict=True):
        shown = pad(fit(text, room) if column.shrink else text, room, column.right)
        parts.append(shown if is_title else paint(shown, COLOURS.get(text.lower(), "")))
    # Nothing behind the last word, so that lines can be compared and copied.
    return GAP.join(parts).rstrip()


def fields(pairs: Iterable[tuple[str, Any]], *, indent: str = "") -> None:
    """One thing, a line a field; what it does not have is left out."""
    shown = [(name, as_text(value)) for name, value in pairs if value not in (None, "", [], {}, ())]
    room = max((len(name) for name, _ in shown), default=0)
    for name, text in shown:
        say(f"{indent}{name:<{room}}{GAP}{paint(text, COLOURS.get(text.lower(), ''))}")
