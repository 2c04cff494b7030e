#!/usr/bin/env python3
"""Writes docs/reference/cli.md from nfvigil.cli.main, so that it never says anything else.

.venv/bin/python tools/cli_reference.py           writes the file
.venv/bin/python tools/cli_reference.py --check   says whether it is up to date
"""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from nfvigil.cli.main import app

COMPLETION = ("install_completion", "show_completion")
"""What typer adds to the root command; the introduction tells of it."""

TARGET = Path(__file__).parents[1] / "docs" / "reference" / "cli.md"

INTRODUCTION = """\
# The command line

Written by `tools/cli_reference.py` from the code; change it there.

`nfvigil` starts the service, and speaks to one that runs. A token is never given as an argument, as everybody on a
machine can read those: put it into the variable `NFVIGIL_TOKEN`, or the name of its file into `--token-file`.

Commands that print take `--format table`, `json`, `yaml` or `csv`. The table is for people and may change. JSON and
YAML are what the [API](api.md) answers; CSV is the same with a line for each thing of a list, or for each field of one
thing, and a text that a spreadsheet would take for a formula has a `'` before it. What went wrong is said on standard
error, field by field.

`nfvigil --install-completion` lets your shell complete commands and options.

| Exit code | Meaning |
|---|---|
| 0 | done |
| 1 | refused, or failed |
| 2 | wrong usage of the command line |
| 3 | the service does not answer, or is not ready |
| 4 | there is no such thing, or it is not yours |
| 5 | not allowed |
"""


def main() -> int:
    text = render()
    if sys.argv[1:] == ["--check"]:
        is_same = TARGET.exists() and TARGET.read_text(encoding="utf-8") == text
        print(f"{TARGET.name} is {'up to date' if is_same else 'out of date: run tools/cli_reference.py'}")
        return 0 if is_same else 1
    TARGET.write_text(text, encoding="utf-8")
    return 0


def render() -> str:
    parts = [INTRODUCTION]
    for path, command in commands("nfvigil", get_command(app)):
        parts.append(chapter(path, command))
    return "\n".join(parts)


def commands(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    """The command and those below it, by their names with all the words."""
    if command.hidden:
        return
    yield path, command
    if isinstance(command, TyperGroup):
        for name, below in command.commands.items():
            yield from commands(f"{path} {name}", below)


def chapter(path: str, command: Any) -> str:
    context = typer.Context(command, info_name=path, color=False)
    usage = " ".join(" ".join(command.collect_usage_pieces(context)).split())
    lines = [f"{'##' if path.count(' ') < 2 else '###'} `{path}`", ""]
    if help_text := paragraphs(command.help or ""):
        lines += [help_text, ""]
    lines += ["```text", f"{path} {usage}", "```", ""]
    records = [one.get_help_record(context) for one in command.params if one.name not in COMPLETION]
    rows = [f"| `{cell(record[0])}` | {cell(record[1])} |" for record in records if record is not None]
    if rows:
        lines += ["| Option | What it is |", "|---|---|", *rows, ""]
    return "\n".join(lines)


def paragraphs(text: str) -> str:
    """As Markdown: what is not to be wrapped (after a backspace) becomes a block."""
    found = []
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        first, _, rest = paragraph.partition("\n")
        found.append(f"```text\n{textwrap.dedent(rest)}\n```" if first == "\b" else paragraph)
    return "\n\n".join(found)


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main())
