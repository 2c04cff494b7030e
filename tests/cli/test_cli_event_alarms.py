"""The command line for event alarms: what it asks for, and how it shows what it is told."""

from __future__ import annotations

import json

import pytest
from cli_service import FakeService, run

ALARM = {
    "alarm_id": "ea-1",
    "name": "web",
    "state": "alarm",
    "severity": "low",
    "enabled": True,
    "time_constraints": [],
    "event_rule": {
        "event_type": "compute.instance.*",
        "query": [
            {"field": "traits.state", "op": "eq", "type": "", "value": "error"},
            {"field": "traits.vcpus", "op": "gt", "type": "integer", "value": "1"},
        ],
    },
}


def test_a_list_is_asked_for_in_aodhs_way(service: FakeService) -> None:
    service.says("GET", "/v2/alarms", [ALARM])

    shown = run(service, "event-alarm", "list", "--state", "alarm", "--all-projects", "--limit", "5")

    assert "ea-1  web   alarm  low       yes      compute.instance.*" in shown.stdout
    path = service.asked[0][1]
    assert path.endswith("q.field=state&q.field=all_projects&q.value=alarm&q.value=true&limit=5")


def test_one_is_shown_with_what_it_asks_for(service: FakeService) -> None:
    service.says("GET", "/v2/alarms/ea-1", ALARM)

    assert "traits.state eq error and traits.vcpus gt 1" in run(service, "event-alarm", "show", "ea-1").stdout


def test_one_is_deleted_and_what_aodh_says_against_it_is_said(service: FakeService) -> None:
    service.says("DELETE", "/v2/alarms/ea-1", b"", 204)
    fault = {"error_message": {"debuginfo": None, "faultcode": "Client", "faultstring": "Alarm ea-1 not found"}}
    service.says("DELETE", "/v2/alarms/ea-1", fault, 404)

    assert run(service, "event-alarm", "delete", "ea-1").stdout == "ea-1 is deleted\n"
    again = run(service, "event-alarm", "delete", "ea-1")

    assert again.exit_code == 4
    assert "Alarm ea-1 not found" in again.stderr


@pytest.mark.parametrize(
    ("word", "value", "says"),
    [
        ("yes", True, "ea-1 returns to ok by itself\n"),
        ("no", False, "ea-1 stays in alarm\n"),
        ("default", None, "ea-1 does as the settings say\n"),
    ],
)
def test_whether_one_returns_by_itself_is_said(service: FakeService, word: str, value: bool | None, says: str) -> None:
    service.says("PUT", "/v1/event-alarms/ea-1/auto-ok", {"id": "ea-1", "auto_ok": value})

    assert run(service, "event-alarm", "auto-ok", "ea-1", word).stdout == says
    assert json.loads(service.asked[0][2]) == {"auto_ok": value}
