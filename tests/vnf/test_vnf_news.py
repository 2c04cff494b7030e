"""What was said of VNF records and not decided yet is read back out of the log as it was said."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from nfvigil.inspector import internal
from nfvigil.model.event import Event, Status
from nfvigil.model.vnf_record import VduCondition, VduNews
from nfvigil.vdu_news import news_event, undecided_news

SAID = VduNews(
    condition=VduCondition.INTERFACE_GONE,
    is_on=True,
    project="blue",
    vnf="epc",
    vnfc="mme",
    vim="sim",
    server="s1",
    port="p1",
)


def made(kind: str, resource: str, status: Status, **details: str) -> Event:
    return internal.internal_event(1, kind, resource, 1, status, details)


@pytest.mark.parametrize("condition", VduCondition)
@pytest.mark.parametrize("is_on", [True, False])
def test_news_is_read_back_as_it_was_said(condition: VduCondition, is_on: bool) -> None:
    said = replace(SAID, condition=condition, is_on=is_on)

    assert undecided_news([news_event(made, said)]) == [said]


def test_other_events_are_no_news_and_nobody_else_can_say_some() -> None:
    other = made(internal.MAP_CHANGED, "", Status.DOWN)
    foreign = replace(news_event(made, SAID), door="nfvigil")

    assert undecided_news([other, foreign]) == []
