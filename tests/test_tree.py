"""The tree keeps itself honest: imports under src/nfvigil go down a list of levels, and never in a circle."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"

LEVELS: tuple[tuple[str, ...], ...] = (
    ("errors", "entry_points"),
    ("model", "yaml_nodes", "sealing"),
    ("client", "inspector", "controller", "brakes", "notifier", "store", "maintenance", "ves", "vnf", "cluster"),
    ("pipeline", "southbound", "northbound"),
    ("settings", "desks", "situation", "vdu_news", "accounts"),
    ("retention", "lookout", "policy_start", "listening"),
    ("wiring", "running"),
    ("app",),
    ("verify",),
    ("cli", "openstack_plugin"),
)
"""From the ground up. A part may import those below it; those on one line do not know each other.

The desk answers what is asked for beside events: it needs the pipeline, and northbound knows only its shape.
So does the recovery desk, for what is done in the cloud. The situation is what the brakes look at: the inspector's
state and the map, which they do not know themselves; the look-out tells them what was decided.
Accounts of clouds come and go the same way, and so do VNFs; the registry of those is pure, as the inspector is.
The client knows words and errors only: it speaks to the service over HTTP, and whoever is above may use it.
Whoever keeps a secret may seal it, the store as well as what stands above it: sealing knows errors only.
Retention forgets with its help, by the settings.
The verification runs a whole service of its own beside a cloud.

A new part of the package gets its place here in the change that adds it.
"""

ROOT = ""
"""The package itself (``nfvigil/__init__.py``): the version, which anybody may read."""


def level_of(part: str) -> int | None:
    """Counted from 1; 0 for the package itself, None for a part that has no place yet."""
    if part == ROOT:
        return 0
    return next((number for number, parts in enumerate(LEVELS, start=1) if part in parts), None)


def part_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ROOT


def modules_in(source: Path) -> dict[str, str]:
    """Every module's dotted name and its text."""
    found = {}
    for path in sorted((source / "nfvigil").rglob("*.py")):
        names = path.relative_to(source).with_suffix("").parts
        found[".".join(names[:-1] if names[-1] == "__init__" else names)] = path.read_text(encoding="utf-8")
    return found


def imports_of(module: str, modules: Mapping[str, str], *, at_run_time: bool) -> Iterator[str]:
    """The modules of ours that ``module`` imports, wherever in its text the import stands.

    With ``at_run_time`` only those that run while it is being imported itself: not in a function, not for types.
    """
    package = module if any(name.startswith(f"{module}.") for name in modules) else module.rpartition(".")[0]
    for node in walk(ast.parse(modules[module]), at_run_time=at_run_time):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1]) if node.level else ""
            base = ".".join(filter(None, (above, node.module)))
            # "from package import module" and "from module import name" look the same; the longer match is meant.
            names = [f"{base}.{alias.name}" if f"{base}.{alias.name}" in modules else base for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] == "nfvigil" and name != module)


def walk(node: ast.AST, *, at_run_time: bool) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if at_run_time and isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if at_run_time and isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            continue
        yield child
        yield from walk(child, at_run_time=at_run_time)


def wrong_ways(modules: Mapping[str, str]) -> list[str]:
    """Every import that goes up or sideways, in a sentence."""
    wrong = []
    for module in modules:
        mine = level_of(part_of(module))
        if mine is None:
            wrong.append(f"{module} has no place: name {part_of(module)!r} in LEVELS")
            continue
        for other in imports_of(module, modules, at_run_time=False):
            theirs = level_of(part_of(other))
            if theirs is None or part_of(other) == part_of(module):
                continue
            if theirs > mine:
                wrong.append(f"{module} imports {other}: level {mine} may not know level {theirs}")
            elif theirs == mine:
                wrong.append(f"{module} imports {other}: those on level {mine} do not know each other")
    return wrong


def circle(modules: Mapping[str, str]) -> str:
    """A circle of modules that cannot be imported without each other, or ""."""
    graph = {module: set(imports_of(module, modules, at_run_time=True)) for module in modules}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return " -> ".join(reversed(error.args[1]))
    return ""


def test_imports_only_go_down_the_levels() -> None:
    assert wrong_ways(modules_in(SOURCE)) == []


def test_no_module_needs_itself_to_be_imported() -> None:
    assert circle(modules_in(SOURCE)) == ""


@pytest.mark.parametrize(
    ("module", "text", "said"),
    [
        pytest.param(
            "nfvigil.store.rows",
            "from nfvigil.northbound import views",
            "nfvigil.store.rows imports nfvigil.northbound.views: level 3 may not know level 4",
            id="an import upwards",
        ),
        pytest.param(
            "nfvigil.notifier.match",
            "import nfvigil.store.rows",
            "nfvigil.notifier.match imports nfvigil.store.rows: those on level 3 do not know each other",
            id="an import sideways",
        ),
        pytest.param(
            "nfvigil.model.alarm",
            "def late():\n    from nfvigil.store.rows import table",
            "nfvigil.model.alarm imports nfvigil.store.rows: level 2 may not know level 3",
            id="an import in a function",
        ),
        pytest.param(
            "nfvigil.model.alarm",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from nfvigil import pipeline",
            "nfvigil.model.alarm imports nfvigil.pipeline: level 2 may not know level 4",
            id="an import for types",
        ),
        pytest.param(
            "nfvigil.store.rows",
            "from ..pipeline import Pipeline",
            "nfvigil.store.rows imports nfvigil.pipeline: level 3 may not know level 4",
            id="a relative import",
        ),
        pytest.param(
            "nfvigil.helpers.text",
            "",
            "nfvigil.helpers.text has no place: name 'helpers' in LEVELS",
            id="a part that nobody placed",
        ),
    ],
)
def test_the_check_finds(module: str, text: str, said: str) -> None:
    modules = dict.fromkeys(
        [
            *("nfvigil", "nfvigil.pipeline", "nfvigil.model"),
            *("nfvigil.store", "nfvigil.store.rows", "nfvigil.northbound", "nfvigil.northbound.views"),
        ],
        "",
    )

    assert wrong_ways(modules | {module: text}) == [said]


def test_the_check_finds_a_circle() -> None:
    modules = {
        "nfvigil": "",
        "nfvigil.model": "",
        "nfvigil.model.a": "from nfvigil.model import b",
        "nfvigil.model.b": "import nfvigil.model.a",
    }

    assert circle(modules).count(" -> ") == 2


def test_what_goes_down_is_allowed() -> None:
    modules = {
        "nfvigil": "",
        "nfvigil.errors": "",
        "nfvigil.model": "",
        "nfvigil.model.alarm": "from nfvigil.errors import NfvigilError",
        "nfvigil.store": "from nfvigil.model.alarm import Alarm\nfrom nfvigil import __version__",
    }

    assert wrong_ways(modules) == []
    assert circle(modules) == ""
