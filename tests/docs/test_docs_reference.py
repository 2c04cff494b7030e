"""The reference says what the code says: fields, routes, tables, limits, settings, examples."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import cast

import docs_example
import pytest
from starlette.routing import Route

from nfvigil.model.event import Flag, ReceiptState, Status
from nfvigil.model.raw import RawEvent
from nfvigil.model.resource import Kind
from nfvigil.model.view import alarm_view
from nfvigil.northbound.api import ROUTERS
from nfvigil.northbound.auth import Guard
from nfvigil.northbound.metrics import Metrics
from nfvigil.notifier.channel import load_channels
from nfvigil.southbound.doors import routes
from nfvigil.southbound.intake import Intake
from nfvigil.southbound.masakari import MasakariDoor, masakari_routes
from nfvigil.southbound.words import status_of
from nfvigil.store.schema import metadata

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"


def text_of(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


def section(text: str, heading: str) -> str:
    """From a heading to the next one of its level or a higher one."""
    level = heading.index(" ")
    match = re.search(rf"^{re.escape(heading)}$(.*?)(?=^#{{1,{level}}} |\Z)", text, re.MULTILINE | re.DOTALL)
    assert match is not None, f"there is no heading {heading!r}"
    return match[1]


def first_cells(text: str) -> list[str]:
    """What stands as code in the first cell of each row of the text's tables."""
    rows = re.findall(r"^\| (.*?) \|", text, re.MULTILINE)
    return [code for row in rows for code in re.findall(r"`([^`]+)`", row)]


@pytest.mark.parametrize("name", ["doctor", "aodh", "cloudevents", "alertmanager", "o2ims", "oslo"])
def test_the_example_of_a_format_is_what_it_sends(name: str) -> None:
    shown = re.search(r"```json\n(.*?)```", section(text_of("notifications.md"), f"### {name}"), re.DOTALL)

    assert shown is not None
    assert json.loads(shown[1]) == json.loads(docs_example.render(name).body)


def test_the_example_of_a_signature_is_what_is_sent() -> None:
    message = docs_example.render("signed")
    channel = load_channels()["signed"]
    endpoint = docs_example.SUBSCRIPTION.endpoints[0]
    stamp = channel.stamp(message, docs_example.MESSAGE_ID, endpoint, docs_example.AT_US)  # type: ignore[attr-defined]  # a stamping one

    for header, value in {"webhook-id": message.headers["webhook-id"], **stamp}.items():
        assert f"{header}: {value}\n" in text_of("notifications.md")


def test_every_format_that_comes_with_the_product_is_explained() -> None:
    headings = re.findall(r"^### (\w+)$", section(text_of("notifications.md"), "## Formats"), re.MULTILINE)

    assert sorted(headings) == sorted(load_channels())


def test_every_field_of_an_alarm_is_explained() -> None:
    text = section(text_of("alarms.md"), "## Fields")
    own, _, administrators = text.partition("For administrators only")
    project_view = alarm_view(docs_example.alarm(), docs_example.PROJECT)
    whole_view = alarm_view(docs_example.alarm(), None)

    assert set(first_cells(own)) == set(project_view)
    assert set(first_cells(administrators)) == whole_view.keys() - project_view.keys()


def test_every_field_of_an_event_is_explained() -> None:
    fields = first_cells(section(text_of("events.md"), "## Our own form"))

    assert set(fields) == set(RawEvent.__struct_fields__) - {"path", "errors"}


def test_every_word_flag_receipt_and_kind_of_an_event_is_named() -> None:
    text = text_of("events.md")

    for status in Status:
        words = re.search(rf"[Ff]or \*\*{status}\*\*:(.*?)\.", text, re.DOTALL)
        assert words is not None
        listed = [word.strip() for word in words[1].replace("\n", " ").split(",")]
        assert {status_of(word) for word in listed} == {status}
    assert set(Flag) <= set(first_cells(section(text, "## Receipts")))
    assert set(ReceiptState) <= set(first_cells(section(text, "## Receipts")))
    assert all(f"`{kind}`" in section(text, "## Our own form") for kind in Kind)


def test_the_settings_are_the_ones_of_the_code() -> None:
    tool = [sys.executable, str(ROOT / "tools" / "settings_reference.py"), "--check"]

    done = subprocess.run(tool, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_are_the_ones_of_the_code() -> None:
    tool = [sys.executable, str(ROOT / "tools" / "policy_reference.py"), "--check"]

    done = subprocess.run(tool, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_table_of_the_database_is_named() -> None:
    assert set(first_cells(section(text_of("database.md"), "## Tables"))) == {*metadata.tables, "alembic_version"}


async def _door(request: object) -> None:
    """Stands for a door: only its addresses count."""


def operations() -> set[str]:
    """Method and path of everything that can be asked for."""
    intake, guard = cast(Intake, None), cast(Guard, None)
    every = [
        *routes(intake=intake, guard=guard),
        *masakari_routes(cast(MasakariDoor, cast(object, _door))),
        *(cast(Route, route) for router in ROUTERS for route in router.routes),
    ]
    found = {(method, route.path) for route in every for method in route.methods or ()}
    return {f"{method} {path}" for method, path in found if method != "HEAD"} | {"GET /openapi.json", "GET /docs"}


def test_every_operation_of_the_api_is_listed_once() -> None:
    listed = re.findall(r"^\| `((?:GET|POST|PUT|PATCH|DELETE) [^`]+)` \|", text_of("api.md"), re.MULTILINE)

    assert sorted(listed) == sorted(operations())


def test_every_metric_is_named() -> None:
    shown = Metrics()
    shown.event("v1", "accepted", 1)
    shown.stage("keep", 0.1)
    shown.delivery("endpoint", "delivered")
    shown.action("evacuate", "done", 0.1)
    names = set(re.findall(r"^# TYPE (\w+)", shown.exposition().decode(), re.MULTILINE))
    text = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")

    assert {name for name in names if not name.endswith("_created")} <= set(first_cells(section(text, "## Metrics")))
