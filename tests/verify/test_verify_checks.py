"""What counts as well before, during and after a fault, and what is said where it is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from verify_players import alarm, ill, message, well

from nfvigil.model.subscription import Mode
from nfvigil.verify import checks
from nfvigil.verify.checks import Check, Figures
from nfvigil.verify.seen import ServerSeen
from nfvigil.verify.told import complete_at, counts, news_of

OURS = frozenset("ab")


def failed(found: Sequence[Check]) -> dict[str, str]:
    return {check.what: check.seen for check in found if not check.is_ok}


def test_a_cloud_that_is_well_passes_before() -> None:
    assert failed(checks.before(well(), 2)) == {}


def test_a_cloud_that_followed_passes_during() -> None:
    assert failed(checks.during(ill(), 2)) == {}


SHOWN_TO_NOBODY = {name: ServerSeen(status="ERROR", host_status="DOWN") for name in "ab"}
ONE_ACTIVE = {"a": ill().servers["a"], "b": well().servers["b"]}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"forced_down": False}, {"the host's service is forced down and down": "state down, not forced down"}),
        ({"service_state": "up"}, {"the host's service is forced down and down": "state up, forced down"}),
        ({"ports": {"p": "DOWN", "q": ""}}, {"data_plane_status of the ports is DOWN": "1 DOWN, 1 (not shown)"}),
        ({"ports": {"p": "DOWN"}}, {"data_plane_status of the ports is DOWN": "1 DOWN"}),
        ({"alarms": (alarm("a"),)}, {"NFVigil's alarms agree with the cloud": "1 consistent"}),
        ({"alarms": ()}, {"NFVigil's alarms agree with the cloud": "none"}),
        (
            {"alarms": (alarm("a"), alarm("b", "inconsistent"), alarm("stranger", "pending"))},
            {"NFVigil's alarms agree with the cloud": "1 consistent, 1 inconsistent"},
        ),
        (
            {"servers": ONE_ACTIVE},
            {
                "the servers are in ERROR": "1 ERROR, 1 ACTIVE",
                "host_status is DOWN for the administrator": "1 DOWN, 1 UP",
                "host_status is DOWN for the owner": "1 DOWN, 1 UP",
            },
        ),
    ],
    ids=["not forced", "still up", "one port", "a port gone", "an alarm missing", "none", "inconsistent", "one server"],
)
def test_what_is_not_so_during_a_fault_is_said(fields: dict[str, Any], said: dict[str, str]) -> None:
    assert failed(checks.during(ill(**fields), 2)) == said


def test_what_a_cloud_cannot_show_is_skipped_and_no_failure() -> None:
    found = checks.during(ill(ports=None, servers=SHOWN_TO_NOBODY), 2)

    assert failed(found) == {}
    assert {check.what for check in found if check.is_skipped} == {
        "host_status is DOWN for the owner",
        "data_plane_status of the ports is DOWN",
    }


@pytest.mark.parametrize(
    ("mode", "figures", "is_ok"),
    [
        (Mode.BOTH, Figures(raised_s=1.0, confirmed_s=9.0), True),
        (Mode.RAISED, Figures(raised_s=1.001), False),
        (Mode.CONFIRMED, Figures(confirmed_s=0.9), True),
        (Mode.CONFIRMED, Figures(raised_s=0.1, confirmed_s=1.1), False),
        (Mode.BOTH, Figures(), False),
    ],
    ids=["held to the point", "just missed", "confirmed held", "confirmed missed", "never came"],
)
def test_the_limit_is_for_the_news_that_owners_hear_first(mode: Mode, figures: Figures, is_ok: bool) -> None:
    assert [check.is_ok for check in checks.limit(figures, mode, 1.0)] == [is_ok]


def test_owners_who_were_told_of_theirs_once_pass_in_each_mode() -> None:
    news = news_of([message("1", "raised", "a", "b"), message("2", "confirmed", "a", "b")], "owner")

    for mode, lines in ((Mode.BOTH, 3), (Mode.RAISED, 2), (Mode.CONFIRMED, 2)):
        found = checks.told(news, [], OURS, mode)
        assert failed(found) == {}
        assert len(found) == lines


def test_a_server_told_of_twice_missing_or_strange_is_said() -> None:
    news = news_of([message("1", "raised", "a"), message("2", "raised", "a", "stranger")], "owner")
    others = news_of([message("3", "raised", "a", to="other")], "other")

    assert failed(checks.told(news, others, OURS, Mode.RAISED)) == {
        "owners were told of exactly their servers, once: raised": (
            "0 of 2 once, 1 not at all, 1 more than once, 1 not theirs"
        ),
        "another project was told nothing": "1 messages",
    }


def test_owners_who_were_told_of_a_strangers_server_too_are_a_failure() -> None:
    news = news_of([message("1", "raised", "a", "b", "stranger")], "owner")

    assert list(failed(checks.told(news, [], OURS, Mode.RAISED)).values()) == ["2 of 2 once, 1 not theirs"]


def test_after_the_clear_all_is_as_it_was() -> None:
    news = news_of([message("1", "cleared", "a", "b")], "owner")
    # Neutron of Zed cannot unset the status.
    seen = well(ports={"p": "ACTIVE", "q": ""})

    assert failed(checks.after(seen, {"p": "", "q": ""}, news, [], OURS)) == {}
    assert checks.settled(seen, {"p": "", "q": ""}, 2)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"forced_down": True}, {"the host is no longer forced down, and up": "state up, forced down"}),
        ({"servers": ONE_ACTIVE}, {"the servers are ACTIVE again": "1 ERROR, 1 ACTIVE"}),
        ({"alarms": (alarm("a"),)}, {"no alarm is open": "1 open"}),
        (
            {"ports": {"p": "DOWN", "new": ""}},
            {
                "data_plane_status of the ports is as it was": (
                    "1 DOWN instead of not set, 1 gone instead of not set, 1 not set instead of no port"
                )
            },
        ),
    ],
    ids=["still forced down", "a server in ERROR", "an alarm", "ports"],
)
def test_what_is_not_as_it_was_is_said(fields: dict[str, Any], said: dict[str, str]) -> None:
    news = news_of([message("1", "cleared", "a", "b")], "owner")
    before = {"p": "", "q": ""}

    assert failed(checks.after(well(**fields), before, news, [], OURS)) == said
    assert not checks.settled(well(**fields), before, 2)


def test_without_data_plane_status_its_check_is_skipped_after_too() -> None:
    found = checks.after(well(ports=None), None, news_of([message("1", "cleared", "a", "b")], "owner"), [], OURS)

    assert [check.what for check in found if check.is_skipped] == ["data_plane_status of the ports is as it was"]
    assert failed(found) == {}


@pytest.mark.parametrize(
    ("wrong", "kept", "is_ok", "seen"),
    [
        ([], "", True, "nothing is left"),
        ([""], "nfvigil-verify-1", True, "kept on purpose: nfvigil-verify-1"),
        (["a port", "", "a server"], "", False, "a port; a server"),
    ],
    ids=["tidy", "kept", "left"],
)
def test_what_is_left_at_the_end_is_a_failure(wrong: list[str], kept: str, is_ok: bool, seen: str) -> None:
    (found,) = checks.at_the_end(wrong, kept)

    assert (found.is_ok, found.seen) == (is_ok, seen)


def test_a_message_that_comes_again_counts_once_and_the_last_server_sets_the_time() -> None:
    messages = [
        message("1", "raised", "a", at_ns=5),
        message("1", "raised", "a", at_ns=6),
        message("9", "raised", "b", at_ns=6, to="other"),
        message("2", "confirmed", "b", at_ns=7),
        message("3", "raised", "b", at_ns=8),
    ]

    news = news_of(messages, "owner")

    assert counts(news, "raised") == {"a": 1, "b": 1}
    assert complete_at(news, "raised", OURS) == 8
    assert complete_at(news, "confirmed", OURS) is None


def test_a_message_that_cannot_be_read_is_news_that_nobody_should_have_had() -> None:
    (news,) = news_of([msgspec.structs.replace(message("1", "raised"), body=b"{")], "owner")

    assert news.kind == "unreadable"
