"""What every part of the store works with: the reader, the writer, the clock, the node's name and the keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, false
from sqlalchemy.sql.elements import SQLCoreOperations

from nfvigil.sealing.keys import Keys
from nfvigil.store.ops import Writer
from nfvigil.store.reading import Reader

LOAD_LIMIT_MAX = 100_000
"""What is loaded at the start comes in larger pages than what is asked for at a door."""


class Access:
    """The parts of ``Store`` are classes over this one, an idea each."""

    def __init__(
        self,
        *,
        reader: Reader,
        writer: Writer,
        clock: Callable[[], int],
        node: str,
        lease_seconds: float,
        keys: Keys | None = None,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._clock = clock
        self._node = node
        self._lease_seconds = lease_seconds
        self._keys = keys

    @property
    def node(self) -> str:
        return self._node


def in_scope(column: SQLCoreOperations[str], project: str | None) -> list[ColumnElement[bool]]:
    """The condition that a reader's scope puts on a query: None sees all, "" nothing, a project its own."""
    if project is None:
        return []
    if not project:
        return [false()]
    return [column == project]


def bounded(limit: int) -> int:
    return max(1, min(limit, LOAD_LIMIT_MAX))


def like_any(column: SQLCoreOperations[str], globs: tuple[str, ...], *, on_sqlite: bool) -> ColumnElement[bool] | None:
    """``column`` fits one of ``globs``; None where there are none. Both databases compare by case."""
    if not globs:
        return None
    tests: list[Any] = []
    for glob in globs:
        if not any(character in glob for character in "*?["):
            tests.append(column == glob)
        elif on_sqlite:
            tests.append(column.op("GLOB", is_comparison=True)(glob.replace("[!", "[^")))
        else:
            tests.append(column.op("~", is_comparison=True)(_regex(glob)))
    test: ColumnElement[bool] = tests[0]
    for other in tests[1:]:
        test = test | other
    return test


def _regex(glob: str) -> str:
    """A glob as a regular expression of PostgreSQL's."""
    out = []
    position = 0
    while position < len(glob):
        character = glob[position]
        end = glob.find("]", position + 2) if character == "[" else -1
        if end > 0:
            inside = glob[position + 1 : end].replace("\\", "\\\\").replace("[", "\\[")
            out.append("[" + ("^" + inside[1:] if inside[0] == "!" else inside) + "]")
            position = end
        else:
            out.append({"*": ".*", "?": "."}.get(character) or _literal(character))
        position += 1
    return "^" + "".join(out) + "$"


def _literal(character: str) -> str:
    return character if character.isalnum() or character in "_-/ :@" else "\\" + character
