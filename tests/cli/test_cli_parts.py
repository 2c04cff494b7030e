"""The parts of the command line on their own: times, tables, bars, and how a line is taken apart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nfvigil.cli.main import in_front
from nfvigil.cli.moments import age
from nfvigil.cli.serving import vim_of
from nfvigil.cli.terminal import Column, cells, fit, table
from nfvigil.cli.timeline import bar, draw_profile
from nfvigil.client.moments import moment, seconds_of
from nfvigil.errors import RefusedError, SettingsError


@pytest.mark.parametrize(
    ("args", "moved"),
    [
        (["alarm", "list"], ["alarm", "list"]),
        (["alarm", "list", "--url", "u"], ["--url", "u", "alarm", "list"]),
        (["alarm", "--timeout=3", "list"], ["--timeout=3", "alarm", "list"]),
        (["a", "--", "--url", "u"], ["a", "--", "--url", "u"]),
        (["a", "--url"], ["--url", "a"]),
    ],
)
def test_options_of_the_root_may_stand_anywhere(args: list[str], moved: list[str]) -> None:
    assert in_front(args) == moved


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("10m", 600), ("1.5h", 5400), ("30d", 2_592_000)])
def test_a_span_is_read(text: str, seconds: float) -> None:
    assert seconds_of(text, "since") == seconds


@pytest.mark.parametrize("text", ["", "10", "m", "-1m", "1y", "999999999w", "١m"])
def test_what_is_no_span_is_refused_by_its_field(text: str) -> None:
    with pytest.raises(RefusedError, match="expires: must be such as"):
        seconds_of(text, "expires")


def test_a_time_is_passed_on_as_it_was_written() -> None:
    assert moment("2026-01-31T12:00:00Z", "since") == "2026-01-31T12:00:00Z"
    assert moment(None, "since") is None


@pytest.mark.parametrize(
    ("ago", "shown"),
    [(5, "5s"), (119, "119s"), (150, "2m"), (7300, "2h"), (200_000, "2d"), (-600, "in 9m")],
)
def test_an_age_is_short(ago: float, shown: str) -> None:
    then = datetime.now(UTC) - timedelta(seconds=ago)

    assert age(then.isoformat()) == shown


def test_what_is_no_time_is_shown_as_it_is() -> None:
    assert (age("nonsense"), age(None)) == ("nonsense", "-")


@pytest.mark.parametrize(
    ("text", "vim"),
    [
        ("simulated", {"name": "simulated", "driver": "simulated", "options": {}}),
        (
            "lab=simulated:hosts=3,latency_seconds=0.5,state_path=a/b",
            {
                "name": "lab",
                "driver": "simulated",
                "options": {"hosts": 3, "latency_seconds": 0.5, "state_path": "a/b"},
            },
        ),
    ],
)
def test_a_cloud_is_named_on_the_command_line(text: str, vim: dict[str, Any]) -> None:
    assert vim_of(text) == vim


@pytest.mark.parametrize("text", ["", "a=", "=simulated", "simulated:hosts", ":hosts=3"])
def test_a_cloud_that_is_named_wrongly_is_refused(text: str) -> None:
    with pytest.raises(SettingsError):
        vim_of(text)


@given(st.text(max_size=30), st.integers(2, 20))
def test_what_is_cut_to_fit_does_fit(text: str, room: int) -> None:
    assert cells(fit(text, room)) <= room


@given(
    st.floats(0, 1e7, allow_nan=False),
    st.floats(0, 1, allow_nan=False),
    st.floats(0, 1, allow_nan=False),
    st.integers(10, 100),
)
def test_a_bar_is_always_seen_and_never_too_long(total: float, one: float, other: float, room: int) -> None:
    drawn = bar(total * min(one, other), total * max(one, other), total, room)

    assert len(drawn) == room
    assert drawn.strip()


def test_a_table_stands_in_columns(capsys: pytest.CaptureFixture[str]) -> None:
    columns = (Column("NAME", lambda item: item[0]), Column("N", lambda item: item[1], right=True))

    table([("日本", 1), ("a", None), ("b", [])], columns)

    assert capsys.readouterr().out == "NAME  N\n日本  1\na     -\nb     -\n"


def test_a_profile_is_drawn_as_bars_on_one_line_of_time(capsys: pytest.CaptureFixture[str]) -> None:
    profile = {
        "fault_type": "compute.host.down",
        "resource": "host/compute-1",
        "total_ms": 10.0,
        "notified": 4,
        "acted": 31,
        "checkpoints": [
            {"number": 1, "name": "detected", "offset_ms": 0.0},
            {"number": 2, "name": "affected_found", "offset_ms": 5.0},
            {"number": 9, "name": "received", "offset_ms": 10.0},
        ],
        "spans": [
            {"component": "inspector", "start": "detected", "end": "affected_found", "ms": 5.0, "share": 0.5},
            {"component": "notifier", "start": "affected_found", "end": "received", "ms": 5.0, "share": 0.5},
        ],
    }

    draw_profile(profile)

    lines = capsys.readouterr().out.splitlines()
    assert "10.0 ms from the first to the last; 4 notifications delivered, 31 actions ended" in lines[0]
    first, second = (line.partition("█")[0] for line in lines[1:3])
    assert len(second) - len(first) == (100 - 2 - 12 - 24) // 2
    assert "50.0 %" in lines[1]
    assert lines[-1].split() == ["9", "received", "10.0", "ms"]
