"""The three forms in which every command that prints data prints it: a table for people, JSON or YAML for programs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from nfvigil.cli.terminal import say

_DRIVES_TERMINALS = re.compile("[\x7f-\x9f\u2028\u2029]")


class Form(StrEnum):
    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


def emit(value: Any, form: Form, draw: Callable[[Any], None]) -> None:
    """``value`` as the service gave it; ``draw`` shows it to people."""
    if form is Form.JSON:
        say(as_json(value))
    elif form is Form.YAML:
        import yaml  # only who asks for it waits for it

        say(yaml.safe_dump(value, sort_keys=False, allow_unicode=True).rstrip("\n"))
    else:
        draw(value)


def as_json(value: Any) -> str:
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return _DRIVES_TERMINALS.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
