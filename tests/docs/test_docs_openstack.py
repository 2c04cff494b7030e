"""docs/reference/openstack-cli.md and client.md say what the commands and the client do."""

from __future__ import annotations

import importlib.util
import re
import tomllib
import warnings
from pathlib import Path
from types import ModuleType

from nfvigil.client import Client
from nfvigil.client.part import Part

ROOT = Path(__file__).parents[2]


def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("openstack_reference", ROOT / "tools" / "openstack_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the OpenStack client's own, of modules of its own
        spec.loader.exec_module(module)
    return module


def test_the_reference_of_openstack_nfv_is_up_to_date() -> None:
    reference = tool()

    text = reference.render()

    assert reference.TARGET.read_text(encoding="utf-8") == text, "run tools/openstack_reference.py"


def test_every_command_of_the_plugin_is_one_of_the_package() -> None:
    points = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]
    defined = set()
    for path in (ROOT / "src" / "nfvigil" / "openstack_plugin").glob("*.py"):
        classes = re.findall(r"^class (\w+)\((?:Nfv|NfvLister|NfvShow)\):", path.read_text(encoding="utf-8"), re.M)
        defined |= {f"nfvigil.openstack_plugin.{path.stem}:{name}" for name in classes}

    assert set(points["openstack.nfv.v1"].values()) == defined - {
        "nfvigil.openstack_plugin.commands:NfvLister",
        "nfvigil.openstack_plugin.commands:NfvShow",
    }


def test_the_reference_names_every_part_of_the_client_and_what_it_does() -> None:
    text = (ROOT / "docs" / "reference" / "client.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (`.*) \|$", text, re.M))
    client = Client("http://127.0.0.1:1")
    parts = {name: part for name, part in vars(client).items() if isinstance(part, Part)}

    named = {name: set(re.findall(r"`(\w+)", row)) for name, row in rows.items()}

    assert named == {name: {one for one in dir(part) if not one.startswith("_")} for name, part in parts.items()}
