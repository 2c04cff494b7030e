#!/usr/bin/env python3
"""Writes docs/reference/fault-catalogue.md from the default policy, so that it never says anything else.

.venv/bin/python tools/fault_catalogue.py           writes the file
.venv/bin/python tools/fault_catalogue.py --check   says whether it is up to date
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from nfvigil.inspector.own_faults import OWN_FAULTS, VDU_FAULTS
from nfvigil.inspector.policy import CascadeRule, EventRule, Rule, fits
from nfvigil.inspector.reading import read_policy
from nfvigil.model.alarm import Audience
from nfvigil.model.fault import FaultType

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "nfvigil" / "inspector" / "default_policy.yaml"
TARGET = ROOT / "docs" / "reference" / "fault-catalogue.md"

INTRODUCTION = """\
# Fault catalogue

Written by `tools/fault_catalogue.py` from
[default_policy.yaml](../../src/nfvigil/inspector/default_policy.yaml); change it there.

These are the NFVI faults of the annex to OPNFV Doctor's requirements, with the annex's severities and actions and
X.733's probable causes. They are what NFVigil knows out of the box; [a policy of your own](../how-to/policies.md) may
know others. An event of another type is kept and answered, and raises nothing.

The severity is the one that an alarm has when the monitor names none. *Predicted* faults have not happened yet: their
alarms say when they are expected, and nothing is changed in the cloud.
"""

HEADS = (
    "| Fault | What it is | Severity | The resource is | Probable cause | The owner should | The administrator should |"
)
VDUS = f"""\

## What a VNF's record tells

Every policy has these without naming them, by what the clouds' listings say of the servers of VNFs that we were told
of. They are told to the VNF's owner and change nothing in the cloud: [VNFs](../how-to/vnfs-and-sol.md).

{HEADS}
{"|---" * 7}|
"""
OWN = """\

## NFVigil's own footing

Every policy has these without naming them. They are told to administrators, change no resource's state and end by
themselves, except where somebody has to say so.

| Fault | What it is | Severity | Probable cause | The administrator should |
|---|---|---|---|---|
"""
RULES = """\
## What the events do

| Rule | Events | Raises | In the cloud | Tells |
|---|---|---|---|---|
"""
CASCADES = """\

## What follows from an alarm

| Rule | Because of | Then on its | Raises | In the cloud | Tells |
|---|---|---|---|---|---|
"""
TOLD = {Audience.OWNERS: "owners", Audience.ADMIN: "the administrator", Audience.NONE: "nobody"}


def main() -> int:
    text = render()
    if sys.argv[1:] == ["--check"]:
        is_same = TARGET.exists() and TARGET.read_text(encoding="utf-8") == text
        print(f"{TARGET.name} is {'up to date' if is_same else 'out of date: run tools/fault_catalogue.py'}")
        return 0 if is_same else 1
    TARGET.write_text(text, encoding="utf-8")
    return 0


def render() -> str:
    source = SOURCE.read_text(encoding="utf-8")
    policy = read_policy(source)
    parts = [INTRODUCTION]
    for title, names in sections(source):
        parts.append(f"\n## {title}\n\n{HEADS}\n{'|---' * 7}|\n")
        for name in names:
            fault = policy.faults[name]
            is_predicted = any(rule.lead_time and fits(rule.when.type, name) for rule in policy.event_rules)
            parts.append(row(name, fault, ", predicted" if is_predicted else ""))
    parts.append(VDUS)
    parts += [row(name, fault) for name, fault in VDU_FAULTS.items()]
    parts.append(OWN)
    parts += [
        f"| `{name}` | {fault.title} | {fault.severity} | {fault.probable_cause} | {fault.repair} |\n"
        for name, fault in OWN_FAULTS.items()
    ]
    parts += ["\n", RULES, *map(event_row, policy.event_rules), CASCADES, *map(cascade_row, policy.cascade_rules)]
    return "".join(parts)


def row(name: str, fault: FaultType, is_predicted: str = "") -> str:
    return (
        f"| `{name}` | {fault.title} | {fault.severity}{is_predicted} | {fault.resource_state} "
        f"| {fault.probable_cause} | {fault.recommended_action} | {fault.repair} |\n"
    )


def sections(source: str) -> Iterator[tuple[str, list[str]]]:
    """The catalogue's parts, as the comments in the file divide it."""
    body = source.partition("\nfaults:\n")[2].partition("\nrules:\n")[0]
    for part in re.split(r"^  # ", body, flags=re.MULTILINE)[1:]:
        title, _, rest = part.partition("\n")
        yield title, re.findall(r"^  ([\w.-]+):$", rest, re.MULTILINE)


def event_row(rule: EventRule) -> str:
    when = words(rule.when.type)
    if rule.count is not None:
        apart = "" if rule.count.repeats else ", each part once,"
        when = f"{rule.count.needed} within {rule.count.within:g} s{apart} of {when}"
    if rule.lead_time is not None:
        when += f", expected in {rule.lead_time:g} s unless the event says when"
    raises = f"`{rule.raise_}`" if rule.raise_ else "the same"
    return f"| {rule.name} | {when} | {raises} | {states(rule)} | {TOLD[rule.notify]} |\n"


def cascade_row(rule: CascadeRule) -> str:
    there = rule.to + (", when all such above it have failed" if rule.needs == "all" else "")
    return (
        f"| {rule.name} | {words(rule.because)} | {there} | `{rule.raise_}` | {states(rule)} | {TOLD[rule.notify]} |\n"
    )


def words(found: str | list[str]) -> str:
    return ", ".join(f"`{word}`" for word in ([found] if isinstance(found, str) else found))


def states(rule: Rule) -> str:
    said = []
    for entry in rule.mark:
        pairs = {entry: ""} if isinstance(entry, str) else entry
        said += [f"`{kind}`" + (f" on its {relation}" if relation else "") for kind, relation in pairs.items()]
    return ", ".join(said)


if __name__ == "__main__":
    sys.exit(main())
