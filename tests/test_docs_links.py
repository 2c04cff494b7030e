"""The documents keep their word: links lead somewhere, named files, commands and plugin groups exist."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))

LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(<?([^()\s>]+)>?(?:\s+\"[^\"]*\")?\)")
FENCE = re.compile(r"^( *)(```|~~~).*?^\1\2 *$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
FILE = re.compile(r"(?:src|tests|tools|bench|docs|\.ci)/[\w./-]*\w")
MAKE = re.compile(r"\bmake ((?:[a-z][a-z-]* ?)+)")
GROUP = re.compile(r'entry-points\."(nfvigil\.\w+)"')


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)


def prose(document: Path) -> str:
    return FENCE.sub("", document.read_text(encoding="utf-8"))


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as they are commonly made from the heading's text."""
    headings = re.findall(r"^#+ +(.+?) *#*$", prose(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(text: str) -> Iterator[str]:
    """Where the links of a text lead; code is not read for links."""
    for target in LINK.findall(CODE.sub("", FENCE.sub("", text))):
        if not re.match(r"[a-z]+:", target):
            yield unquote(target)


def broken_links(document: Path) -> list[str]:
    broken = []
    for target in links(document.read_text(encoding="utf-8")):
        path, _, anchor = target.partition("#")
        there = (document.parent / path).resolve() if path else document
        if not there.exists():
            broken.append(f"{target}: there is no such file")
        elif anchor and there.suffix == ".md" and anchor not in anchors(there):
            broken.append(f"{target}: there is no such heading")
    return broken


@each_document
def test_every_link_leads_somewhere(document: Path) -> None:
    assert broken_links(document) == []


@each_document
def test_every_file_that_is_named_exists(document: Path) -> None:
    named = [code for code in CODE.findall(prose(document)) if FILE.fullmatch(code)]

    assert [path for path in named if not (ROOT / path).exists()] == []


@each_document
def test_every_make_command_that_is_named_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    text = document.read_text(encoding="utf-8")
    code = [found[0] for found in re.finditer(FENCE, text)] + CODE.findall(FENCE.sub("", text))
    # Only lines of code that start with "make": prose makes all sorts of things.
    commands = [line for block in code for line in block.splitlines() if line.lstrip("$ ").startswith("make ")]
    named = {target for line in commands for found in MAKE.findall(line.split("#")[0]) for target in found.split()}

    assert named - targets == set()


@each_document
def test_every_plugin_group_that_is_named_is_read_by_the_product(document: Path) -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))

    for group in GROUP.findall(document.read_text(encoding="utf-8")):
        assert f'"{group}"' in source


def test_every_entry_point_of_ours_names_a_module_that_exists() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = [project["scripts"], *project["entry-points"].values()]
    modules = [target.partition(":")[0] for group in groups for target in group.values()]

    paths = [ROOT / "src" / Path(*module.split(".")) for module in modules]
    assert [str(path) for path in paths if not (path.with_suffix(".py").exists() or path.is_dir())] == []


def test_every_document_can_be_found_from_the_front_page_or_the_guide() -> None:
    found: set[Path] = set()
    todo = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    while todo:
        document = todo.pop()
        if document in found or document.suffix != ".md" or not document.exists():
            continue
        found.add(document)
        text = document.read_text(encoding="utf-8")
        todo += [(document.parent / target.partition("#")[0]).resolve() for target in links(text)]

    assert [name_of(document) for document in DOCUMENTS if document not in found] == []


def test_decisions_are_numbered_without_a_gap() -> None:
    numbers = [int(path.name[:4]) for path in DECISIONS]

    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("decision", DECISIONS, ids=name_of)
def test_a_decision_tells_context_choice_and_price_on_one_page(decision: Path) -> None:
    text = decision.read_text(encoding="utf-8")

    assert text.startswith(f"# {decision.name[:4]}: ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Choice", "Price"]
    assert len(text.splitlines()) <= 60


def test_the_check_finds_a_broken_link(tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text("# A heading\n")
    document = tmp_path / "here.md"
    document.write_text("[good](there.md#a-heading) [bad](there.md#another) [gone](away.md) `[code](no.md)`\n")

    assert broken_links(document) == [
        "there.md#another: there is no such heading",
        "away.md: there is no such file",
    ]
