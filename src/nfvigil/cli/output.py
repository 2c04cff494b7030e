"""Prints what a command found, as a table, JSON or YAML, and what went wrong, with the exit code for it.

Exit codes: 0 done; 1 refused; 2 wrong usage; 3 the service is away; 4 there is no such thing; 5 not allowed.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

import typer

from nfvigil.cli.client import ApiError, UnreachableError
from nfvigil.cli.options import Format, client
from nfvigil.errors import (
    FieldError,
    ForbiddenError,
    NfvigilError,
    NotFoundError,
    RefusedError,
    UnavailableError,
    UnknownCallerError,
)

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "Code",
    "Columns",
    "Format",
    "age",
    "cell",
    "clean",
    "client",
    "code_of",
    "console",
    "fail",
    "field",
    "handled",
    "say",
    "short_age",
    "show",
]

Columns = Mapping[str, str | Callable[[Any], object]]
"""Title -> where the value is: a path with dots such as ``resource.name``, or a function of the item."""

WIDTH_MAX = 100_000
"""Of a table that nobody looks at: it goes into a file or another program, which must get the whole of it."""

STYLES = {
    "critical": "bold red",
    "major": "red",
    "minor": "yellow",
    "warning": "yellow",
    "failed": "red",
    "dead": "red",
    "refused": "red",
}
"""Words that stand out on a terminal."""


class Code(IntEnum):
    DONE = 0
    REFUSED = 1
    USAGE = 2
    UNREACHABLE = 3
    NOT_FOUND = 4
    NOT_ALLOWED = 5


_OF_STATUS = {
    401: Code.NOT_ALLOWED,
    403: Code.NOT_ALLOWED,
    404: Code.NOT_FOUND,
    502: Code.UNREACHABLE,
    503: Code.UNREACHABLE,
    504: Code.UNREACHABLE,
}

# What is printed


def show(data: Any, columns: Columns | None = None, format: Format = Format.TABLE, *, empty: str = "") -> None:
    """Print an object, or a list of them with ``columns`` for the table. ``empty`` is said of a list without items."""
    if not isinstance(data, Mapping | str | Sequence) and isinstance(data, Iterable):
        data = list(data)
    if format is Format.JSON:
        print(as_json(data))
    elif format is Format.YAML:
        import yaml  # costs 30 ms, which only those pay who ask for it

        print(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), end="")
    elif isinstance(data, Mapping):
        _show_object(data, columns)
    elif data:
        _show_table(data, columns or {name: name for name in data[0]})
    elif empty:
        say(empty)


def as_json(data: Any) -> str:
    text = json.dumps(data, indent=2, ensure_ascii=False)
    # JSON escapes the control characters below 32 itself, and leaves the others.
    return text if text.isascii() else "".join(one if is_harmless(one) else f"\\u{ord(one):04x}" for one in text)


def say(text: str) -> None:
    """A remark for people, beside what is printed."""
    print(clean(text), file=sys.stderr)


def console(file: TextIO | None = None) -> Console:
    """Where tables go: in colours only on a terminal."""
    from rich.console import Console  # costs 100 ms, which only those pay who get a table

    file = file or sys.stdout
    is_terminal = file.isatty()
    return Console(
        file=file,
        width=None if is_terminal else WIDTH_MAX,
        no_color=not is_terminal or "NO_COLOR" in os.environ,
        force_terminal=is_terminal,
        highlight=False,
        markup=False,
        emoji=False,
    )


def _show_table(items: Sequence[Any], columns: Columns) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for title in columns:
        table.add_column(title.upper(), overflow="fold")
    for item in items:
        texts = [cell(value_at(item, where)) for where in columns.values()]
        table.add_row(*(Text(text, style=STYLES.get(text, "")) for text in texts))
    _print(table)


def _show_object(data: Mapping[str, Any], columns: Columns | None) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    pairs = [(title, value_at(data, where)) for title, where in columns.items()] if columns else _flat(data)
    for title, value in pairs:
        text = cell(value)
        table.add_row(clean(title), Text(text, style=STYLES.get(text, "")))
    _print(table)


def _print(table: Any) -> None:
    target = console()
    if target.is_terminal:
        target.print(table)
        return
    with target.capture() as captured:
        target.print(table)
    # A table fills its last column up with spaces.
    print("\n".join(line.rstrip() for line in captured.get().splitlines()))


def _flat(data: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in data.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def value_at(item: Any, where: str | Callable[[Any], object]) -> object:
    return where(item) if callable(where) else field(item, where)


def field(item: Any, path: str) -> Any:
    """What stands there, or None."""
    for name in path.split("."):
        item = item.get(name) if isinstance(item, Mapping) else None
    return item


def cell(value: object) -> str:
    """One value in a table."""
    if value is None or value == "" or (isinstance(value, list | tuple | dict) and not value):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(cell, value))
    if isinstance(value, Mapping):
        return ", ".join(f"{clean(str(name))}={cell(one)}" for name, one in value.items())
    return clean(str(value))


def is_harmless(one: str) -> bool:
    return one.isprintable() or one == "\n"


def clean(text: str) -> str:
    """Control characters made visible: what a monitor sent must not steer the administrator's terminal."""
    if text.isprintable():
        return text
    return "".join(one if is_harmless(one) else f"\\x{ord(one):02x}" for one in text)


def age(path: str) -> Callable[[Any], str]:
    """A column: how long ago the time is that stands there."""

    def how_long(item: Any) -> str:
        text = field(item, path)
        return short_age(str(text)) if text else "-"

    return how_long


def short_age(time: str, now: datetime | None = None) -> str:
    """``12s``, ``5m``, ``3h``, ``12d``; ``in 5m`` for what is ahead."""
    try:
        then = datetime.fromisoformat(time)
    except ValueError:
        return time
    seconds = ((now or datetime.now(UTC)) - then.astimezone(UTC)).total_seconds()
    ahead = "in " if seconds <= -1 else ""
    seconds = abs(seconds)
    for unit, length, until in (("s", 1, 120), ("m", 60, 7200), ("h", 3600, 172_800)):
        if seconds < until:
            return f"{ahead}{int(seconds // length)}{unit}"
    return f"{ahead}{int(seconds // 86400)}d"


# What went wrong


@contextmanager
def handled() -> Iterator[None]:
    """Errors of ours within become lines on stderr and the exit code. Every command runs in one already."""
    try:
        yield
    except NfvigilError as error:
        fail(error)


def fail(error: NfvigilError) -> NoReturn:
    """Say what is wrong, field by field, and end with the code for it."""
    errors: Sequence[FieldError] = ()
    message = str(error) or type(error).__name__
    if isinstance(error, ApiError | RefusedError):
        message, errors = error.message, error.errors
    print(f"nfvigil: {clean(message)}", file=sys.stderr)
    for one in errors:
        print(f"  {clean(str(one))}", file=sys.stderr)
    raise typer.Exit(code_of(error))


def code_of(error: NfvigilError) -> Code:
    if isinstance(error, ApiError):
        return _OF_STATUS.get(error.status, Code.REFUSED)
    if isinstance(error, UnreachableError | UnavailableError):
        return Code.UNREACHABLE
    if isinstance(error, NotFoundError):
        return Code.NOT_FOUND
    if isinstance(error, ForbiddenError | UnknownCallerError):
        return Code.NOT_ALLOWED
    return Code.REFUSED
