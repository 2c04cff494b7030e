"""What is told on a cloud's bus of a host's maintenance, and that it is told once."""

from __future__ import annotations

from typing import Any

import pytest

from nfvigil.inspector.happenings import happenings_of
from nfvigil.inspector.resource_map import ResourceMap
from nfvigil.model.event import Event
from nfvigil.model.resource import Host, MapChange
from nfvigil.model.verdict import Decision, Verdict


def decision(memory: dict[str, Any], **details: Any) -> Decision:
    event = Event(
        id=7, type="maintenance.host", resource="host/c-1", time_us=1, received_us=1, details=details, door="v1"
    )
    return Decision(event=event, verdict=Verdict(event_id=7, memory=memory))


def known() -> ResourceMap:
    found = ResourceMap(None)
    found.apply(MapChange(vim="east", put=(Host(id="c-1", vim="east"), Host(id="c-2@east", vim="east"))))
    return found


@pytest.mark.parametrize(
    ("memory", "expected"),
    [
        ({}, []),
        ({"window": {"a": 1}}, []),
        ({"maintenance host/c-1": {"since_us": 1}}, [("c-1", "IN_MAINTENANCE", "east")]),
        ({"maintenance host/c-1": None}, [("c-1", "MAINTENANCE_COMPLETE", "east")]),
        ({"maintenance host/c-2@east": None}, [("c-2", "MAINTENANCE_COMPLETE", "east")]),
        ({"maintenance host/nobody": {}}, [("nobody", "IN_MAINTENANCE", "")]),
    ],
)
def test_a_host_that_goes_into_maintenance_or_comes_out_is_told(memory: dict[str, Any], expected: list[Any]) -> None:
    found = happenings_of(decision(memory), known())

    assert [(one.payload["host"], one.payload["state"], one.vim) for one in found] == expected
    assert {one.type for one in found} <= {"maintenance.host"}


def test_whose_session_it_is_is_told_as_it_was_said() -> None:
    [said] = happenings_of(decision({"maintenance host/c-1": {}}, session_id="s", project_id="p"), known())
    [unsaid] = happenings_of(decision({"maintenance host/c-1": {}}), known())
    [again] = happenings_of(decision({"maintenance host/c-1": {}}), known())

    assert (said.payload["session_id"], said.payload["project_id"]) == ("s", "p")
    assert unsaid.payload["project_id"] == ""
    assert unsaid.payload["session_id"] == again.payload["session_id"] != ""
