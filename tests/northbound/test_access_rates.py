"""How often a caller may ask, and how many wrong credentials an address may try."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from nfvigil.errors import OverloadedError, TooOftenError
from nfvigil.model.identity import Identity, Role, Via
from nfvigil.model.times import SECOND
from nfvigil.northbound.access.pace import PROVEN_US, Pace
from nfvigil.northbound.access.rates import Buckets, Tries
from nfvigil.northbound.access.settings import RateSettings
from nfvigil.northbound.access.unproven import Unproven

NOW = 1_700_000_000 * SECOND
ALICE = Identity(name="alice", project="A", role=Role.MEMBER, id="1")
BOB = Identity(name="bob", project="A", role=Role.MEMBER, id="2")
FROM_NETWORK = Identity(name="doctor", project=None, role=Role.MONITOR, via=Via.NETWORK)


def test_what_nobody_has_vouched_for_has_a_bound_for_each_address_and_for_all() -> None:
    unproven = Unproven(total_max=3 << 20, address_max=2 << 20)

    with ExitStack() as reading:
        reading.enter_context(unproven.hold("a", None))
        reading.enter_context(unproven.hold("a", str(9 << 40)))
        with pytest.raises(OverloadedError):
            reading.enter_context(unproven.hold("a", "1"))
        reading.enter_context(unproven.hold("b", "1000"))
        reading.enter_context(unproven.hold("b", "1000"))
        with pytest.raises(OverloadedError):
            reading.enter_context(unproven.hold("c", "chunked"))
        reading.enter_context(unproven.hold("c", "1000"))
    with unproven.hold("a", None), unproven.hold("a", None), unproven.hold("b", None):
        pass


def test_a_full_bucket_is_a_burst_and_it_fills_at_its_pace() -> None:
    buckets = Buckets(per_second=2, burst=3)

    assert [buckets.take(("a",), NOW) for _ in range(4)] == [0, 0, 0, 0.5]
    assert buckets.take(("b",), NOW) == 0
    assert buckets.take(("a",), NOW + SECOND // 4) == pytest.approx(0.25)
    assert buckets.take(("a",), NOW + SECOND // 2) == 0
    assert buckets.take(("a",), NOW + SECOND // 2) == pytest.approx(0.5)
    assert [buckets.take(("a",), NOW + 100 * SECOND) for _ in range(4)] == [0, 0, 0, 0.5]


def test_a_clock_that_goes_back_gives_and_takes_nothing() -> None:
    buckets = Buckets(per_second=1, burst=1)

    assert buckets.take(("a",), NOW) == 0
    assert buckets.take(("a",), NOW - 100 * SECOND) == 1
    assert buckets.take(("a",), NOW - 99 * SECOND) == 0


def test_without_a_bound_nothing_is_remembered_and_with_one_not_too_much() -> None:
    free, bounded = Buckets(per_second=0, burst=1), Buckets(per_second=1, burst=1, callers_max=10)

    for number in range(50):
        assert free.take(("a",), NOW) == 0
        assert bounded.take((str(number),), NOW) == 0
    assert (len(free), len(bounded)) == (0, 10)
    assert bounded.take(("49",), NOW) == 1
    assert bounded.take(("0",), NOW) == 0


def test_an_address_may_be_wrong_so_often_in_a_minute() -> None:
    tries = Tries(per_minute=2)

    assert tries.wait("here", "x", NOW) == 0
    tries.failed("here", "x", NOW)
    tries.failed("here", "y", NOW + 10 * SECOND)
    assert tries.wait("here", "z", NOW + 20 * SECOND) == 40
    assert tries.wait("there", "z", NOW + 20 * SECOND) == 0
    # What was seen to be wrong is no new try: a monitor whose token has ended sends it again and again.
    assert tries.wait("here", "x", NOW + 20 * SECOND) == 0
    tries.failed("here", "x", NOW + 20 * SECOND)
    assert tries.wait("here", "z", NOW + 60 * SECOND) == 0
    tries.failed("here", "z", NOW + 60 * SECOND)
    assert tries.wait("here", "w", NOW + 61 * SECOND) == 9
    assert tries.wait("here", "w", NOW + 121 * SECOND) == 0
    assert len(tries) == 0


def test_addresses_are_forgotten_for_want_of_room_and_one_keeps_no_more_than_its_bound() -> None:
    tries, free = Tries(per_minute=3, addresses_max=5), Tries(per_minute=0)

    for number in range(20):
        tries.failed(f"address-{number}", "x", NOW)
        tries.failed("busy", str(number), NOW)
        free.failed("here", str(number), NOW)
    assert len(tries) == 5
    assert len(tries._wrong["busy"]) == 3
    assert (len(free), free.wait("here", "y", NOW)) == (0, 0)


def pace(clock: list[int], counted: list[str], **more: float) -> Pace:
    settings = RateSettings.model_validate({"per_second": 1, "burst": 2, "failures_per_minute": 2, **more})
    return Pace(settings=settings, clock=lambda: clock[0], count=counted.append)


def test_callers_do_not_share_and_event_doors_have_a_bound_of_their_own() -> None:
    counted: list[str] = []
    held = pace([NOW], counted, events_per_second=1, events_burst=1)

    for caller in (ALICE, BOB):
        held.spend(caller, "10.0.0.1", at_door=False)
        held.spend(caller, "10.0.0.2", at_door=False)
        with pytest.raises(TooOftenError) as caught:
            held.spend(caller, "10.0.0.3", at_door=False)
        assert caught.value.retry_after_seconds == 1
        held.spend(caller, "10.0.0.1", at_door=True)
    with pytest.raises(TooOftenError):
        held.spend(ALICE, "10.0.0.1", at_door=True)
    assert counted == ["requests", "requests", "events"]


def test_monitors_of_one_network_are_told_apart_by_address_and_developers_are_free() -> None:
    held = pace([NOW], [], events_per_second=1, events_burst=1)
    developer = Identity(name="developer", project=None, role=Role.ADMIN, via=Via.DEVELOPMENT)

    held.spend(FROM_NETWORK, "10.0.0.1", at_door=True)
    held.spend(FROM_NETWORK, "10.0.0.2", at_door=True)
    with pytest.raises(TooOftenError):
        held.spend(FROM_NETWORK, "10.0.0.1", at_door=True)
    for _ in range(100):
        held.spend(developer, "127.0.0.1", at_door=False)


def test_whoever_was_good_lately_is_not_locked_out_by_others_at_its_address() -> None:
    clock, counted = [NOW], list[str]()
    held = pace(clock, counted)
    held.was_good("nat", "monitor")
    for wrong in ("x", "y"):
        held.may_try("nat", wrong)
        held.was_wrong("nat", wrong)

    held.may_try("nat", "monitor")
    held.may_try("elsewhere", "z")
    with pytest.raises(TooOftenError) as caught:
        held.may_try("nat", "z")
    assert caught.value.retry_after_seconds == 60
    assert counted == ["credentials"]

    # Once wrong, it is like any other.
    held.was_wrong("nat", "monitor")
    with pytest.raises(TooOftenError):
        held.may_try("nat", "monitor")


def test_what_was_good_long_ago_does_not_count_and_memory_has_a_bound() -> None:
    clock = [NOW]
    held = pace(clock, [])
    held.was_good("nat", "monitor")
    clock[0] += PROVEN_US
    for wrong in ("x", "y"):
        held.was_wrong("nat", wrong)

    with pytest.raises(TooOftenError):
        held.may_try("nat", "monitor")
    for number in range(20_050):
        held.was_good("nat", str(number))
    assert len(held._proven) == 20_000
