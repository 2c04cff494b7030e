"""The reference of the policy language names everything that a policy can say, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from nfvigil.inspector.policy import ATTRIBUTES, OWN, CascadeRule, Count, EventRule, Rule, When
from nfvigil.inspector.resource_map import INVERSE
from nfvigil.model.action import ActionKind
from nfvigil.model.fault import FaultType

TEXT = (Path(__file__).parents[2] / "docs" / "reference" / "policy-language.md").read_text(encoding="utf-8")


def named(heading: str) -> set[str]:
    """What stands as code in the first cells of the tables between a heading and the next."""
    found = re.search(rf"^#+ {re.escape(heading)}$(.*?)(?=^#|\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert found is not None
    cells = re.findall(r"^\| ([^|]*?) \|", found[1], re.MULTILINE)
    return {word for cell in cells for word in re.findall(r"`([^`]+)`", cell)} - {"mark", "do"}


def fields(struct: type[msgspec.Struct]) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(struct)}


@pytest.mark.parametrize(
    ("heading", "words"),
    [
        ("Policy language", {"policy", "description", "faults", "rules"}),
        ("`faults`", fields(FaultType)),
        ("Rules on events", fields(EventRule) - fields(Rule)),
        ("`when`", fields(When)),
        ("`count`", fields(Count)),
        ("Rules on alarms", fields(CascadeRule) - fields(Rule)),
        ("Relations", set(INVERSE)),
        ("Attributes", ATTRIBUTES | {f"{OWN}NAME"}),
        ("States and deeds", set(ActionKind)),
    ],
)
def test_every_word_is_explained(heading: str, words: set[str]) -> None:
    assert named(heading) == words


def test_every_word_that_both_sorts_of_rules_have_is_explained() -> None:
    found = re.search(r"^## Every rule$(.*?)(?=^#)", TEXT, re.MULTILINE | re.DOTALL)

    assert found is not None
    assert set(re.findall(r"^\| `(\w+)` \|", found[1], re.MULTILINE)) == fields(Rule)
