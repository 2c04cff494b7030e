"""What is asked for by hand: what is refused at once, and for how long a wish's key is known."""

from __future__ import annotations

import pytest
from clouds import Desk, planned, reasons

from nfvigil.inspector import internal
from nfvigil.inspector.deeds import KEY_HOLDS_US
from nfvigil.inspector.state import ASKED
from nfvigil.model.event import Status
from nfvigil.model.verdict import Decision, Reason


def ask(desk: Desk, key: str, *, project: str | None = None, wish: str = "") -> Decision:
    desk.number += 1
    details = {"deed": "reboot", "by": "ann", "origin": "operator", "project": project, "params": {}, "key": wish}
    now = desk.number * 1_000_000
    return desk.take(internal.internal_event(desk.number, internal.INSTRUCTION, key, now, Status.DOWN, details))


@pytest.mark.parametrize(
    ("key", "project"),
    [
        pytest.param("server/nowhere", None, id="what is not there, to an operator"),
        pytest.param("server/nowhere", "p0", id="what is not there"),
        pytest.param("server/s0-1", "p0", id="what is another's"),
    ],
)
def test_an_instruction_for_nothing_of_ones_own_is_refused_in_the_same_words(key: str, project: str | None) -> None:
    decision = ask(Desk(), key, project=project)

    assert (planned(decision), reasons(decision)) == ([], [Reason.REFUSED])
    assert decision.verdict.steps[0].text == "there is no such resource"


def test_the_key_of_a_wish_is_forgotten_after_a_day_by_one_that_comes_later() -> None:
    desk = Desk()
    ask(desk, "server/s0-0", wish="once")
    desk.number += KEY_HOLDS_US // 1_000_000 + 1

    ask(desk, "server/s0-0", wish="twice")

    assert [name.removeprefix(ASKED) for name in desk.state.asked] == ["twice"]


def test_what_the_cloud_knew_better_is_a_matter_of_that_event_alone() -> None:
    desk = Desk()
    down = desk.say("host.down", "host/h0")
    mark = desk.alarm("host.down", "host/h0").marks[0]

    desk.tell(internal.VIM_SETTLED, event_id=down.event.id + 1_000, failed=[], found={mark.key: "elsewhere"})
    assert desk.alarm("host.down", "host/h0").marks[0].before == mark.before

    desk.tell(internal.VIM_SETTLED, event_id=down.event.id, failed=[], found={mark.key: "elsewhere"})
    assert desk.alarm("host.down", "host/h0").marks[0].before == "elsewhere"
