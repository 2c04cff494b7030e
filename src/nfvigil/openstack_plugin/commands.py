"""What all commands share: the client, errors as the OpenStack client shows them, pages, and how values look."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cliff.columns import FormattableColumn
from osc_lib import exceptions
from osc_lib.cli.format_columns import DictColumn, ListColumn, ListDictColumn
from osc_lib.command import command

from nfvigil.errors import NfvigilError, RefusedError, UnknownCallerError

if TYPE_CHECKING:
    from nfvigil.client import Client
    from nfvigil.client.answers import Answer, Page

SHOWN = 100
PAGE = 1000

Row = tuple[Any, ...]


class PlainText(FormattableColumn[str]):
    """Text of monitors and clouds, without what a terminal would obey."""

    def human_readable(self) -> str:
        return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in self._value)


def shown(value: Any) -> Any:
    """A value as a form of output can take it."""
    if isinstance(value, Mapping):
        return DictColumn(dict(value))
    if isinstance(value, list | tuple):
        if any(isinstance(one, Mapping) for one in value):
            return ListDictColumn(list(value))
        return ListColumn(list(value))
    if isinstance(value, str) and not value.isprintable():
        return PlainText(value)
    return value


def fields(answer: Answer, but: Sequence[str] = ()) -> tuple[tuple[str, ...], Row]:
    """All of one thing, as the service said it."""
    raw = {name: value for name, value in answer.raw.items() if name not in but}
    return tuple(raw), tuple(map(shown, raw.values()))


def message_of(error: NfvigilError) -> str:
    """What is wrong, a line for each field."""
    if not isinstance(error, RefusedError):
        return str(error)
    lines = [error.message, *(f"  {one}" for one in error.errors)]
    if isinstance(error, UnknownCallerError):
        lines.append("  log in with --os-cloud, or put a token of NFVigil's own into NFVIGIL_TOKEN")
    return "\n".join(lines)


class Nfv(command.Command):
    """A command of ours. ``self.code`` is what it ends with where nothing is raised."""

    code = 0

    _client: Client | None = None

    @property
    def nfv(self) -> Client:
        self._client = self.app.client_manager.nfv  # type: ignore[attr-defined]  # put there by the plugin's loader
        assert self._client is not None
        return self._client

    def say(self, text: str) -> None:
        """Beside the output proper."""
        self.app.stderr.write(f"{text}\n")

    def run(self, parsed_args: argparse.Namespace) -> int:
        try:
            return super().run(parsed_args) or self.code
        except NfvigilError as error:
            raise exceptions.CommandError(message_of(error)) from error
        finally:
            if self._client is not None:
                self._client.close()  # the next command opens it again

    def paged(self, args: argparse.Namespace, page: Callable[[int, str | None], Page[Any]]) -> list[Any]:
        """What ``--limit``, ``--marker`` and ``--all`` ask for. Whoever named no limit hears that there is more."""
        left = None if args.all else args.limit or SHOWN
        found: list[Any] = []
        marker = args.marker
        while True:
            part = page(PAGE if left is None else min(PAGE, left), marker)
            found += part.items
            left = None if left is None else left - len(part.items)
            if part.next is None or part.next == marker:
                return found
            marker = part.next
            if left is not None and left <= 0:
                if args.limit is None:
                    self.say(f"There may be more: --all, or --marker {marker}")
                return found


class NfvLister(Nfv, command.Lister):
    """A command that shows a table."""


class NfvShow(Nfv, command.ShowOne):
    """A command that shows one thing."""


def add_pages(parser: argparse.ArgumentParser) -> None:
    many = parser.add_mutually_exclusive_group()
    many.add_argument("--limit", metavar="<n>", type=positive, help=f"At most this many (default: {SHOWN})")
    many.add_argument("--all", action="store_true", help="All of them, however many there are")
    parser.add_argument("--marker", metavar="<marker>", help="Go on there: as the page before named it")


def add_wait(parser: argparse.ArgumentParser, what: str, seconds: float) -> None:
    parser.add_argument("--wait", action="store_true", help=f"Until {what}; ends with 1 if it failed")
    parser.add_argument(
        "--wait-max",
        metavar="<seconds>",
        type=float,
        default=seconds,
        help=f"Wait no longer than this (default: {seconds:g})",
    )


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


def table(items: Iterable[Any], columns: Mapping[str, Callable[[Any], Any]]) -> tuple[tuple[str, ...], list[Row]]:
    """A row for each, a column for each name."""
    return tuple(columns), [tuple(shown(value(one)) for value in columns.values()) for one in items]


def read_file(path: Path) -> str:
    """The text of a file, or of standard input for ``-``."""
    try:
        return sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RefusedError(f"{path} cannot be read: {error}") from error


def pairs(texts: Iterable[str], option: str) -> dict[str, str]:
    """``NAME=VALUE`` each."""
    found = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise exceptions.CommandError(f"{option} must be NAME=VALUE, not {text!r}")
        found[name] = value
    return found
