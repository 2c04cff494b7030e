"""The documents' examples are run as they stand, against a service of their own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from docs_runner import Block, Nursery, Stage, blocks, commands, fits

ROOT = Path(__file__).parents[2]
DOCUMENTS = [path for path in sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]) if blocks(path)]
LEFT_OUT = ("postgresql",)
"""Words of blocks whose examples need more than this machine surely has: the store's own tests cover them."""


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with tempfile.TemporaryDirectory() as directory:  # a short path: sockets have no room for long ones
        nursery = Nursery(Path(directory))
        yield nursery
        nursery.close()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_a_document_shows_is_what_happens(document: Path, nursery: Nursery, tmp_path: Path) -> None:
    if "$ curl " in document.read_text(encoding="utf-8") and shutil.which("curl") is None:
        pytest.skip("its examples use curl, which this machine lacks")
    with Stage(tmp_path, nursery) as stage:
        for block in blocks(document):
            if not set(LEFT_OUT).intersection(block.words):
                flaws = stage.play(block)

                assert flaws == [], "\n\n".join(flaws)


@pytest.mark.parametrize(
    ("says", "said", "is_so"),
    [
        pytest.param("one\ntwo", "one\ntwo\n", True, id="the same"),
        pytest.param("one\n...\nfour", "one\ntwo\nthree\nfour", True, id="lines left out"),
        pytest.param("...\nfour", "four", True, id="none left out"),
        pytest.param("id: ... (new)", "id: 4711 (new)", True, id="a part of a line left out"),
        pytest.param("one", "one\ntwo", False, id="more than that"),
        pytest.param("one\n...\nfour", "one\ntwo", False, id="the end is missing"),
        pytest.param("a.c", "abc", False, id="nothing is a pattern"),
        pytest.param("", "", True, id="nothing"),
        pytest.param("", "something", False, id="something where nothing was said"),
    ],
)
def test_what_is_said_is_compared_with_room_for_dots(says: str, said: str, is_so: bool) -> None:
    assert fits(says, said) is is_so


def test_a_block_has_commands_with_what_they_must_say() -> None:
    block = Block(10, "console", ("run",), "$ echo one\none\n$ cat <<END\n> two\n> END\ntwo\n")

    assert [(one.line, one.text, one.says) for one in commands(block)] == [
        (11, "echo one", "one"),
        (13, "cat <<END\ntwo\nEND", "two"),
    ]


def test_a_command_that_says_something_else_is_found(tmp_path: Path) -> None:
    block = Block(1, "console", ("run",), "$ echo one\ntwo\n$ false\n$ sh -c 'exit 3'\n[exit 3]\n")

    with Stage(tmp_path) as stage:
        flaws = stage.play(block)

    assert [flaw.splitlines()[0] for flaw in flaws] == ["line 2: echo one", "line 4: false"]
