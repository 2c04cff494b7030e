"""The forms in which every command that prints data prints it: a table for people, the others for programs."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from nfvigil.cli.terminal import say

_DRIVES_TERMINALS = re.compile("[\x7f-\x9f\u2028\u2029]")
_CONTROLS = re.compile("[\x00-\x09\x0b-\x1f]")
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


class Form(StrEnum):
    TABLE = "table"
    JSON = "json"
    YAML = "yaml"
    CSV = "csv"


def emit(value: Any, form: Form, draw: Callable[[Any], None]) -> None:
    """``value`` as the service gave it; ``draw`` shows it to people."""
    if form is Form.JSON:
        say(as_json(value))
    elif form is Form.YAML:
        import yaml  # only who asks for it waits for it

        say(yaml.safe_dump(value, sort_keys=False, allow_unicode=True).rstrip("\n"))
    elif form is Form.CSV:
        if text := as_csv(value):
            say(text)
    else:
        draw(value)


def as_json(value: Any) -> str:
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return _DRIVES_TERMINALS.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def as_csv(value: Any, *, with_titles: bool = True) -> str:
    """A line for each thing of a list; of a single thing a line for each field. What is nested is JSON."""
    if isinstance(value, dict):
        value = [{"field": name, "value": one} for name, one in value.items()]
    rows = [one if isinstance(one, dict) else {"value": one} for one in (value if isinstance(value, list) else [value])]
    titles = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if with_titles and titles:
        writer.writerow(titles)
    writer.writerows([_cell(row.get(name)) for name in titles] for row in rows)
    return text.getvalue().rstrip("\n")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    # Names and texts come from projects and monitors, and a spreadsheet would take these for a formula of its owner's.
    text = f"'{value}" if value.startswith(_FORMULAS) else value
    return _DRIVES_TERMINALS.sub("\N{REPLACEMENT CHARACTER}", _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text))
