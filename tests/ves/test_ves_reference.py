"""docs/reference/ves.md says what the code says."""

from __future__ import annotations

import json
import re
from pathlib import Path

from ves_players import agent, server

from nfvigil.model.ves import VesBacklog, VesConfig, VesEntry, VesSubscription
from nfvigil.model.ves_bodies import VesVersion, event_of
from nfvigil.ves.faults import HOST_SEVERITIES, STATES, Faults

TEXT = (Path(__file__).parents[2] / "docs" / "reference" / "ves.md").read_text(encoding="utf-8")


def rows(first: str) -> list[list[str]]:
    """Of the table whose first column is named so."""
    table = re.search(rf"^\| {re.escape(first)} \|.*?\n\|[-|]+\n((?:\|.*\n)+)", TEXT, re.MULTILINE)
    assert table is not None, first
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[1].splitlines()]


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_every_field_of_a_configuration_is_explained() -> None:
    for first, struct, hidden in (
        ("Field", VesConfig, {"vim", "changed_us", "changed_by"}),
        ("Field of `ves_subscription`", VesSubscription, set()),
        ("Field of an entry", VesEntry, set()),
    ):
        told = {name for row in rows(first) for name in names(row[0])}
        assert told == set(struct.__struct_fields__) - hidden
    assert all(f"`{name}`" in TEXT for name in VesBacklog.__struct_fields__)


def test_every_state_of_a_server_is_in_the_table_with_its_severity() -> None:
    told = {state: (row[1], row[2]) for row in rows("State of a server") for state in names(row[0])}
    words = {None: "as it was", "NORMAL": "none"}

    def judged(rule: str, state: str) -> str:
        severity = Faults(rule).severity(state)
        return words.get(severity) or str(severity)

    assert told == {state: (judged("default", state), judged("onap", state)) for state in STATES}


def test_every_state_of_a_host_is_in_the_table_with_its_severity() -> None:
    told = {names(row[0])[0]: row[1].replace("none", "NORMAL") for row in rows("State of a host")}

    assert told == HOST_SEVERITIES


def test_every_field_of_the_header_is_explained() -> None:
    watcher = agent({"domain": "fault", "type": "vm", "tenant": "epc"})
    (raised,) = watcher.see(server("mme", "ERROR"))

    told = {name for row in rows("Field of `commonEventHeader`") for name in names(row[0])}

    assert told == set(event_of(raised, VesVersion.V7)["commonEventHeader"])


def test_the_example_is_what_is_sent() -> None:
    watcher = agent({"domain": "fault", "type": "vm", "tenant": "epc"})
    watcher.see(server("mme"))
    (raised,) = watcher.see(server("mme", "ERROR", host="compute-1"))
    shown = re.search(r"```json\n(.*?)```", TEXT, re.DOTALL)

    assert shown is not None
    assert json.loads(shown[1].replace("EVENT-ID", raised.event_id)) == {"event": event_of(raised, VesVersion.V7)}
