"""When an endpoint is left in peace, as a table of what happens and what may be asked."""

from __future__ import annotations

import pytest

from nfvigil.controller.vims.openstack.breaker import Breaker


@pytest.mark.parametrize(
    ("story", "asked"),
    [
        pytest.param("", 0.0, id="a new one lets through"),
        pytest.param("m m", 0.0, id="a few failures are nothing"),
        pytest.param("m m a m m", 0.0, id="an answer in between begins the count anew"),
        pytest.param("m m m", 1.0, id="failures in a row open it"),
        pytest.param("m m m m", 1.0, id="one that was under way says nothing new"),
        pytest.param("m m m +1", 0.0, id="after the pause one goes through"),
        pytest.param("m m m +1 ?", 1.0, id="but one only"),
        pytest.param("m m m +1 ? m", 2.0, id="a probe that fails doubles the pause"),
        pytest.param("m m m +1 ? m +2 ? m", 4.0, id="and so on"),
        pytest.param("m m m +1 ? m +2 ? m +4 ? m", 5.0, id="up to a bound"),
        pytest.param("m m m +1 ? a", 0.0, id="a probe that is answered closes it"),
        pytest.param("m m m +1 ? a m m", 0.0, id="and it counts from nothing again"),
        pytest.param("m m m +1 ? d", 0.0, id="a probe that was given up leaves its place to the next"),
        pytest.param("m m m a", 0.0, id="a late answer closes it too"),
    ],
)
def test_a_breaker(story: str, asked: float) -> None:
    breaker = Breaker(failures_max=3, pause_seconds=1.0, pause_max_seconds=5.0)
    now = 100.0

    for step in story.split():
        match step[0]:
            case "m":
                breaker.missed(now)
            case "a":
                breaker.answered()
            case "d":
                breaker.dropped()
            case "?":
                assert breaker.ask(now) == 0.0
            case _:
                now += float(step)

    assert breaker.ask(now) == asked


def test_it_says_how_many_failed_in_a_row() -> None:
    breaker = Breaker(failures_max=2)
    breaker.missed(0.0)
    breaker.missed(0.0)

    assert breaker.failures == 2
