#!/usr/bin/env python3
"""Writes docs/reference/policy.md from the rules in the code, so that it never says anything else.

.venv/bin/python tools/policy_reference.py           writes the file
.venv/bin/python tools/policy_reference.py --check   says whether it is up to date
"""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path

from nfvigil.cli.permissions import rules_of_this_version
from nfvigil.northbound.rules.rule import PERSONAS, Rule

TARGET = Path(__file__).parents[1] / "docs" / "reference" / "policy.md"

INTRODUCTION = """\
# Who may do what: the rules

Written by `tools/policy_reference.py` from the code; change them there.

Every operation has a rule, in oslo.policy's language. A policy file (setting `policy_file` in
[`[access]`](settings.md#access)) puts others in their place: [how to](../how-to/who-may-do-what.md). What a rule
allows, it allows on what the caller sees: a project's own, or everything for administrators. `nfvigil policy-check`
shows the same for the rules in force, `nfvigil policy-sample` prints a file to begin with.

## Personas

| Rule | Default |
|---|---|
"""


def main() -> int:
    text = render()
    if sys.argv[1:] == ["--check"]:
        is_same = TARGET.exists() and TARGET.read_text(encoding="utf-8") == text
        print(f"{TARGET.name} is {'up to date' if is_same else 'out of date: run tools/policy_reference.py'}")
        return 0 if is_same else 1
    TARGET.write_text(text, encoding="utf-8")
    return 0


def render() -> str:
    parts = [INTRODUCTION, *(f"| `{name}` | `{check}` |\n" for name, check in PERSONAS.items())]
    for tag, rules in groupby(rules_of_this_version(), lambda rule: rule.name.split(":")[1]):
        parts.append(f"\n## {tag}\n\n| Rule | Default | Operations |\n|---|---|---|\n")
        parts += map(_row, rules)
    return "".join(parts)


def _row(rule: Rule) -> str:
    operations = ", ".join(f"`{one}`" for one in rule.operations)
    return f"| `{rule.name}` | `{rule.check}` | {operations} |\n"


if __name__ == "__main__":
    sys.exit(main())
