#!/usr/bin/env python3
"""Writes docs/reference/openstack-cli.md from the plugin's commands, so that it never says anything else.

.venv/bin/python tools/openstack_reference.py           writes the file
.venv/bin/python tools/openstack_reference.py --check   says whether it is up to date
"""

from __future__ import annotations

import argparse
import inspect
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from cliff.display import DisplayCommandBase
from osc_lib.command.command import Command

from nfvigil.openstack_plugin.plugin import build_option_parser

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "docs" / "reference" / "openstack-cli.md"
GROUP = "openstack.nfv.v1"

INTRODUCTION = """\
# `openstack nfv`

Written by `tools/openstack_reference.py` from the code; change it there.

The same service through the OpenStack client, with its credentials. How to install and use it:
[use the OpenStack client](../how-to/openstack-client.md). Our own command line is [`nfvigil`](cli.md).

Commands that show something take the OpenStack client's own options for that: `-f table`, `json`, `yaml`, `csv`
(lists), `shell` (single things) or `value`, `-c COLUMN`, `--sort-column COLUMN` and more. JSON and YAML of a single
thing are what the [API](api.md) answers. A command ends with 0 if all went well, else with 1 and the reason on standard
error, field by field; with 2 for wrong use.

Lists show 100 things and say on standard error when there are more: `--limit N`, `--marker ID` (begin behind it),
`--all`.

Options before the command, beside the OpenStack client's own:
"""


def main() -> int:
    text = render()
    if sys.argv[1:] == ["--check"]:
        is_same = TARGET.exists() and TARGET.read_text(encoding="utf-8") == text
        print(f"{TARGET.name} is {'up to date' if is_same else 'out of date: run tools/openstack_reference.py'}")
        return 0 if is_same else 1
    TARGET.write_text(text, encoding="utf-8")
    return 0


def render() -> str:
    common = options(build_option_parser(argparse.ArgumentParser(add_help=False)))
    parts = [INTRODUCTION, table(common)]
    for name, kind in commands():
        parts.append(chapter(f"openstack {name}", kind))
    return "\n".join(parts)


def commands() -> Iterator[tuple[str, type[Command]]]:
    """Each command's words and its class, as the package names them."""
    package = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for name, place in sorted(package["project"]["entry-points"][GROUP].items()):
        module, _, kind = place.partition(":")
        yield name.replace("_", " "), getattr(import_module(module), kind)


def chapter(path: str, kind: type[Command]) -> str:
    parser = kind(argparse.Namespace(), None).get_parser(path)
    own = options(parser)
    if issubclass(kind, DisplayCommandBase):
        # What a command without options of ours has is the OpenStack client's.
        own = [one for one in own if one.dest not in shown_by_cliff(kind)]
    words = [path, *(usage(one) for one in own if one.required or not one.option_strings)]
    words += ["[options]"] if any(one.option_strings and not one.required for one in own) else []
    lines = [f"## `{path}`", "", inspect.cleandoc(kind.__doc__ or ""), "", "```text", " ".join(words), "```", ""]
    return "\n".join([*lines, table(own)] if own else lines)


def shown_by_cliff(kind: type[Command]) -> set[str]:
    base = next(one for one in kind.__mro__ if one.__module__.startswith("osc_lib."))
    bare = type("Bare", (base,), {"__module__": __name__, "take_action": lambda self, parsed_args: None})
    return {action.dest for action in options(bare(argparse.Namespace(), None).get_parser("bare"))}


def options(parser: argparse.ArgumentParser) -> list[Any]:
    return [action for action in parser._actions if not isinstance(action, argparse._HelpAction)]


def names(action: Any) -> str:
    metavar = action.metavar or ("{" + ",".join(map(str, action.choices)) + "}" if action.choices else "")
    if not action.option_strings:
        return str(metavar or f"<{action.dest}>")
    return " ".join([", ".join(action.option_strings), *([metavar] if action.nargs != 0 and metavar else [])])


def usage(action: Any) -> str:
    if not action.option_strings:
        word = names(action)
        return {"?": f"[{word}]", "+": f"{word} [{word} ...]"}.get(action.nargs, word)
    return names(action)


def table(actions: list[Any]) -> str:
    rows = [f"| `{cell(names(action))}` | {cell(action.help or '')} |" for action in actions]
    return "\n".join(["| Option | What it is |", "|---|---|", *rows, ""])


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main())
