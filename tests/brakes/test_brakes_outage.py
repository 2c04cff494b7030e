"""One host that fails, or many at once: what makes a HOLD, and what keeps it until it is in the log."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nfvigil.brakes.limits import Limits
from nfvigil.brakes.outage import Failed, Outage, outage
from nfvigil.brakes.watch import OutageWatch
from nfvigil.errors import StoreUnavailableError
from virtual_time import run_virtually

SECOND = 1_000_000
LIMITS = Limits()
ZONES = {"zone a": {f"a{n}" for n in range(10)}, "zone b": {f"b{n}" for n in range(4)}}


def failed(*times: tuple[str, float]) -> list[Failed]:
    return [Failed(host, int(seconds * SECOND)) for host, seconds in times]


@pytest.mark.parametrize(
    ("times", "reason"),
    [
        pytest.param([], "", id="none"),
        pytest.param([("b0", 0)], "", id="one is no mass, even of few"),
        pytest.param([("a0", 0), ("a1", 1)], "", id="two of ten"),
        pytest.param([("b0", 0), ("b1", 1)], "2 of 4 hosts of zone b failed within 60 s", id="two of four"),
        pytest.param([("a0", 0), ("a1", 30), ("b0", 60)], "3 hosts failed within 60 s", id="three of a VIM"),
        pytest.param([("a0", 0), ("a1", 30), ("a2", 60.1)], "", id="not within a minute"),
        pytest.param([("a0", 0), ("a1", 50), ("a2", 100), ("a3", 105)], "3 hosts", id="any window counts"),
        pytest.param([("a0", 0), ("a0", 1), ("a0", 2)], "", id="one that fails again and again"),
        pytest.param([("b0", 0), ("b1", 61)], "", id="two of four, one after the other"),
    ],
)
def test_so_many_at_once_are_an_outage(times: list[tuple[str, float]], reason: str) -> None:
    found = outage(failed(*times), ZONES, LIMITS)

    assert bool(found) is bool(reason)
    assert found is None or reason in found.reason


@given(st.lists(st.tuples(st.sampled_from([f"a{n}" for n in range(10)]), st.integers(0, 300)), max_size=12))
def test_an_outage_is_found_exactly_where_some_window_has_three(times: list[tuple[str, int]]) -> None:
    naive = any(len({host for host, at in times if start <= at <= start + 60}) >= 3 for _, start in times)

    assert (outage(failed(*times), {}, LIMITS) is not None) is naive


def watch_of(keep: Any, **limits: Any) -> OutageWatch:
    return OutageWatch(domains=lambda _vim: ZONES, keep=keep, limits=Limits(**limits))


async def keep_nothing(_vim: str, _reason: str, _hosts: tuple[str, ...]) -> None:
    """Nobody asks."""


def test_a_hold_counts_at_once_and_ends_by_release_only() -> None:
    watch = watch_of(keep_nothing)
    for number in range(3):
        watch.failed("sim", f"a{number}", number * SECOND)

    assert watch.reason("sim") == "3 hosts failed within 60 s"
    assert watch.reason("another") == ""
    watch.failed("sim", "a9", 500 * SECOND)
    assert watch.reason("sim")
    watch.released("sim")
    assert watch.reason("sim") == ""
    watch.failed("sim", "a8", 501 * SECOND)
    assert watch.reason("sim") == "", "what failed before the release is no reason any more"


@pytest.mark.parametrize("cut_off_first", [True, False])
def test_a_host_that_fails_while_its_cloud_cannot_be_seen_is_a_hold(cut_off_first: bool) -> None:
    watch = watch_of(keep_nothing)
    if cut_off_first:
        watch.unreachable("sim", True, 0)
        assert watch.reason("sim") == ""
        watch.failed("sim", "a1", SECOND)
    else:
        watch.failed("sim", "a1", 0)
        watch.unreachable("sim", True, SECOND)

    assert watch.reason("sim") == "the VIM cannot be reached while a1 failed"


@pytest.mark.parametrize("seconds", [61, 3600])
def test_a_host_that_failed_long_before_is_none(seconds: int) -> None:
    watch = watch_of(keep_nothing)
    watch.failed("sim", "a1", 0)

    watch.unreachable("sim", True, seconds * SECOND)
    watch.unreachable("sim", False, (seconds + 1) * SECOND)

    assert watch.reason("sim") == ""


def test_a_hold_that_cannot_be_kept_yet_is_kept_later_and_one_that_was_released_is_not() -> None:
    kept: list[tuple[str, str, tuple[str, ...]]] = []
    away = True

    async def keep(vim: str, reason: str, hosts: tuple[str, ...]) -> None:
        if away:
            raise StoreUnavailableError("away")
        kept.append((vim, reason, hosts))

    async def story() -> None:
        nonlocal away
        watch = watch_of(keep, outage_hosts=2)
        running = asyncio.ensure_future(watch.run())
        for vim in ("one", "two"):
            watch.failed(vim, "a0", 0)
            watch.failed(vim, "a1", 0)
        await asyncio.sleep(5)
        watch.released("two")
        away = False
        await asyncio.sleep(5)
        running.cancel()

    run_virtually(story())

    assert kept == [("one", "2 hosts failed within 60 s", ("a0", "a1"))]


def test_a_hold_that_is_in_the_log_is_not_called_again() -> None:
    watch = watch_of(keep_nothing)
    watch.held("sim", "by ann")
    for number in range(5):
        watch.failed("sim", f"a{number}", 0)

    assert watch.reason("sim") == "by ann"
    assert Outage((), "") == Outage((), "")
