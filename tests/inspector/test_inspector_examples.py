"""The examples of the how-to on policies happen as they are told, and are the files that come with the product."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from policy_stories import told

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "examples" / "policies").glob("*.yaml"))
BLOCKS = re.findall(
    r"^```(yaml file=\S+|text)\n(.*?)^```$",
    (ROOT / "docs" / "how-to" / "policies.md").read_text(encoding="utf-8"),
    re.MULTILINE | re.DOTALL,
)


def examples() -> dict[str, tuple[str, list[str]]]:
    """By file: the policy, and the stories that are told below it."""
    found: dict[str, tuple[str, list[str]]] = {}
    stories: list[str] = []
    for head, body in BLOCKS:
        if head == "text":
            stories.append(body)
        else:
            stories = []
            found[head.removeprefix("yaml file=")] = (body, stories)
    return found


STORIES = [
    pytest.param(policy, story, id=f"{name}-{number}")
    for name, (policy, stories) in examples().items()
    for number, story in enumerate(stories)
]


@pytest.mark.parametrize(("policy", "story"), STORIES)
def test_what_the_document_tells_is_what_happens(policy: str, story: str) -> None:
    assert told(policy, story) == story


def test_every_example_is_a_file_and_every_file_is_an_example_with_a_story() -> None:
    shown = examples()

    assert {path.name: path.read_text(encoding="utf-8") for path in FILES} == {
        name: policy for name, (policy, _) in shown.items()
    }
    assert all(stories for _, stories in shown.values())


def test_the_fault_catalogue_is_the_one_of_the_default_policy() -> None:
    tool = [sys.executable, str(ROOT / "tools" / "fault_catalogue.py"), "--check"]

    done = subprocess.run(tool, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
