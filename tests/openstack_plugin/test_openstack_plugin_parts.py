"""The commands of ``openstack nfv`` on their own: what they make of their arguments, and of what came."""

from __future__ import annotations

import argparse
import warnings
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # osc_lib's own, of modules of its own
    from osc_lib.exceptions import CommandError

    from nfvigil.openstack_plugin.alarms import ListAlarms
    from nfvigil.openstack_plugin.commands import message_of, pairs, read_file, shown
    from nfvigil.openstack_plugin.events import events_of
    from nfvigil.openstack_plugin.instructions import params_of
    from nfvigil.openstack_plugin.subscriptions import change_of, endpoints_of
    from nfvigil.openstack_plugin.vims import GIVEN, GIVEN_FILES, body_of
from nfvigil.client.answers import Page
from nfvigil.errors import FieldError, RefusedError, UnavailableError, UnknownCallerError


def given(names: str = "", **more: Any) -> argparse.Namespace:
    return argparse.Namespace(**{**dict.fromkeys(names.split()), **more})


@pytest.mark.parametrize(
    ("value", "people", "programs"),
    [
        pytest.param({"a": 1}, "a='1'", {"a": 1}, id="a mapping"),
        pytest.param(["a", "b"], "a, b", ["a", "b"], id="a list"),
        pytest.param([{"a": "x"}], "a='x'", [{"a": "x"}], id="a list of mappings"),
        pytest.param("\x1b[2Jboo", "�[2Jboo", "\x1b[2Jboo", id="what a terminal would obey"),
    ],
)
def test_a_value_is_shown_to_people_and_programs(value: Any, people: str, programs: Any) -> None:
    column = shown(value)

    assert column.human_readable() == people
    assert column.machine_readable() == programs


@pytest.mark.parametrize("value", [None, 5, True, "plain"])
def test_what_is_plain_is_shown_as_it_is(value: Any) -> None:
    assert shown(value) is value


def test_what_is_wrong_is_said_by_field() -> None:
    flaws = [FieldError("a.b", "is wrong"), FieldError("c", "too", 3)]

    assert message_of(RefusedError("no", flaws)) == "no\n  a.b: is wrong\n  line 3: c: too"
    assert "NFVIGIL_TOKEN" in message_of(UnknownCallerError("who are you?"))
    assert message_of(UnavailableError("away")) == "away"


@pytest.mark.parametrize("text", ["", "a", "=b"])
def test_what_is_no_pair_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match="--param must be NAME=VALUE"):
        pairs([text], "--param")


def test_a_file_that_cannot_be_read_is_named() -> None:
    with pytest.raises(RefusedError, match="/nowhere cannot be read"):
        read_file(Path("/nowhere"))


def test_the_parameters_of_a_deed_are_what_the_service_takes() -> None:
    asked = given(param=["type=SOFT", "confirm=false", "seconds=90"], host="compute-3")

    assert params_of(asked) == {"type": "SOFT", "confirm": False, "seconds": 90.0, "host": "compute-3"}
    with pytest.raises(CommandError, match="must be a number"):
        params_of(given(param=["seconds=soon"], host=None))


EVENT = "type host resource file status severity monitor monitor_event_id cause source time detail"


def test_an_event_is_made_of_its_options() -> None:
    made = events_of(given(EVENT, type="a.b", resource="switch/s-1", status="up", detail=["x=1"], time="now"))

    assert made == {"type": "a.b", "resource": "switch/s-1", "status": "up", "time": "now", "details": {"x": "1"}}


def test_a_file_of_events_may_be_a_list_or_one(tmp_path: Path) -> None:
    file = tmp_path / "events.json"
    file.write_text('[{"type": "a.b"}]')
    assert events_of(given(EVENT, file=file)) == [{"type": "a.b"}]

    file.write_text("no json")
    with pytest.raises(CommandError, match="is not JSON"):
        events_of(given(EVENT, file=file))


def test_secrets_of_endpoints_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("whsec_x\n")
    (tmp_path / "token").write_text("t\n")
    urls = ["http://a/?x=1", "signed=http://b"]

    found = endpoints_of(given(endpoint=urls, secret_file=tmp_path / "key", endpoint_token_file=tmp_path / "token"))

    assert found == [
        {"url": "http://a/?x=1", "format": "doctor", "token": "t"},
        {"url": "http://b", "format": "signed", "secret": "whsec_x", "token": "t"},
    ]


CHANGE = (
    "name mode heartbeat endpoint no_filter secret_file endpoint_token_file "
    "resource_type resource_id resource_state fault_type min_severity"
)


@pytest.mark.parametrize(
    ("options", "change"),
    [
        pytest.param({"name": "", "heartbeat": 0.0}, {"name": "", "heartbeat_seconds": 0.0}, id="to nothing"),
        pytest.param({"min_severity": "major"}, {"filter": {"min_severity": "major"}}, id="some of the filter"),
        pytest.param(
            {"no_filter": True, "fault_type": ["a"]},
            {
                "filter": {
                    "resource_types": None,
                    "resource_ids": None,
                    "resource_states": None,
                    "fault_types": ["a"],
                    "min_severity": None,
                }
            },
            id="all of the filter",
        ),
        pytest.param(
            {"endpoint": ["e-1", "aodh=http://b"]},
            {"endpoints": [{"id": "e-1"}, {"url": "http://b", "format": "aodh"}]},
            id="endpoints",
        ),
    ],
)
def test_a_subscription_is_changed_in_what_is_named(options: dict[str, Any], change: dict[str, Any]) -> None:
    assert change_of(given(CHANGE, **options)) == change


@pytest.mark.parametrize("options", [{}, {"secret_file": Path("key"), "endpoint": ["e-1"]}])
def test_a_change_that_says_nothing_or_loses_a_secret_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(CommandError):
        change_of(given(CHANGE, **options))


def test_a_cloud_is_described_by_its_options(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("sesame\n")
    names = " ".join([*GIVEN, *GIVEN_FILES, "insecure option option_file unset interval host_suffix"])
    asked = given(names, auth_url="https://k", username="me", password_file=tmp_path / "password", host_suffix="@east")

    made = body_of(asked, is_new=True)

    assert made["host_suffix"] == "@east"
    assert made["options"]["auth"]["password"] == "sesame"
    assert body_of(given(names, unset=["region"]), is_new=False) == {"options": {"region": None}}
    assert body_of(given(names), is_new=False) == {}


def test_times_may_be_how_long_ago() -> None:
    asked: list[dict[str, Any]] = []

    def page(**parameters: Any) -> Page[Any]:
        asked.append(parameters)
        return Page(items=(), next=None)

    service = SimpleNamespace(alarms=SimpleNamespace(page=page), close=lambda: None)
    command = ListAlarms(SimpleNamespace(client_manager=SimpleNamespace(nfv=service)), None)
    command.take_action(command.get_parser("list").parse_args(["--since", "10m", "--until", "2026-01-31T12:00:00Z"]))

    ago = datetime.now(UTC) - datetime.fromisoformat(asked[0]["since"])
    assert 595 < ago.total_seconds() < 660
    assert asked[0]["until"] == "2026-01-31T12:00:00Z"
