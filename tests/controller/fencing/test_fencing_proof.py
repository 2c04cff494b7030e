"""The proof that a host is off: what counts as one, and what never does."""

from __future__ import annotations

from itertools import pairwise

import anyio
import pytest
from fencing_players import NO_ANSWER, ScriptedFence, Time
from hypothesis import given
from hypothesis import strategies as st

from nfvigil.controller.fencing.fence import Power
from nfvigil.controller.fencing.manual import ManualFence
from nfvigil.controller.fencing.proof import Proof, Seen, Sight, Step, next_step, offs_at_end, prove_off, still_off
from nfvigil.errors import FenceUnavailableError, RefusedError, UnavailableError

pytestmark = pytest.mark.anyio
ON, OFF = Power.ON, Power.OFF


def sequence(text: str, gap: float = 1.0) -> list[Seen]:
    """``1`` on, ``0`` off, ``?`` unknown, ``!`` ordered, each a gap after the last; ``.`` makes the next one follow
    half a gap earlier, and ``~`` waits for six seconds.
    """
    sights = {"1": Sight.ON, "0": Sight.OFF, "?": Sight.UNKNOWN, "!": Sight.ORDERED}
    seen, at = [], 0.0
    for letter in text:
        if letter == ".":
            at -= gap / 2
        elif letter == "~":
            at += 6.0
        else:
            seen.append(Seen(what=sights[letter], asked=at, answered=at))
            at += gap
    return seen


STEPS = [
    ("nothing was seen", "", Step.LOOK),
    ("on", "1", Step.ORDER),
    ("off once", "0", Step.LOOK),
    ("off already", "00", Step.PROVEN),
    ("no answer", "?", Step.LOOK),
    ("no answer, for long", "????", Step.LOOK),
    ("ordered", "1!", Step.LOOK),
    ("on while the order takes effect", "1!1", Step.LOOK),
    ("on long after the order", "1!~1", Step.ORDER),
    ("off after the order", "1!0", Step.LOOK),
    ("off twice after the order", "1!00", Step.PROVEN),
    ("off twice too soon", "1!0.0", Step.LOOK),
    ("off three times, each too soon after the last", "1!0.0.0", Step.PROVEN),
    ("no answer between two", "1!0?0", Step.LOOK),
    ("no answer, then off twice", "1!0?00", Step.PROVEN),
    ("on between two", "1!010", Step.LOOK),
    ("on again after off", "1!01", Step.ORDER),
    ("on again after off was proven", "1!001", Step.ORDER),
    ("no answer after off was proven", "1!00?", Step.LOOK),
    ("on again right after a second order", "1!01!1", Step.LOOK),
    ("an order between two", "0!0", Step.LOOK),
    ("on after no answer to the order", "1!?1", Step.LOOK),
]


@pytest.mark.parametrize(("text", "step"), [row[1:] for row in STEPS], ids=[row[0] for row in STEPS])
def test_what_follows_from_what_was_seen(text: str, step: Step) -> None:
    assert next_step(sequence(text), reads=2, gap_seconds=1.0) is step


@given(
    st.lists(st.tuples(st.sampled_from(Sight), st.floats(0, 3), st.floats(0, 2)), max_size=30),
    st.integers(1, 4),
    st.floats(0.1, 2),
)
def test_nothing_is_proven_unless_the_last_readings_were_all_off(
    given: list[tuple[Sight, float, float]], reads: int, gap: float
) -> None:
    seen, at = [], 0.0
    for what, pause, took in given:
        seen.append(Seen(what=what, asked=at + pause, answered=at + pause + took))
        at += pause + took

    step = next_step(seen, reads=reads, gap_seconds=gap)

    last = seen[-reads:]
    if step is Step.PROVEN:
        assert len(last) == reads
        assert all(one.what is Sight.OFF for one in last)
        assert offs_at_end(seen, gap) >= reads
    if step is Step.ORDER:
        assert seen[-1].what is Sight.ON
    if all(one.what is Sight.OFF for one in last) and len(last) == reads:
        apart = all(after.asked - before.answered >= gap for before, after in pairwise(last))
        assert step is Step.PROVEN or not apart


ANSWERS = st.sampled_from([ON, OFF, NO_ANSWER])


@given(st.lists(ANSWERS, min_size=1, max_size=40), st.integers(1, 4), st.lists(st.sampled_from([None, NO_ANSWER])))
async def test_whatever_a_bmc_says_a_proof_ends_in_off_alone(
    says: list[Power | Exception], reads: int, orders: list[Exception | None]
) -> None:
    time = Time()
    fence = ScriptedFence(time, says, orders)
    said = [*says, *[says[-1]] * 100]

    try:
        proof = await prove_off(
            fence, clock=time.clock, now=time.now, sleep=time.sleep, reads=reads, timeout_seconds=20.0
        )
    except UnavailableError:
        assert time.now() - 1000.0 <= 20.0
        return

    asked = fence.asked_at
    assert said[len(asked) - reads : len(asked)] == [OFF] * reads
    assert proof.at_us == round(asked[-1] * 1_000_000)
    assert proof.was_off_already is (fence.orders == 0)
    spaces = [after - before for before, after in pairwise(asked[-reads:])]
    assert all(space >= 1.0 for space in spaces) or reads == 1


async def prove(time: Time, fence: ScriptedFence, seconds: float = 10.0) -> Proof:
    return await prove_off(fence, clock=time.clock, now=time.now, sleep=time.sleep, timeout_seconds=seconds)


async def test_a_host_that_is_on_is_switched_off_and_looked_at_twice() -> None:
    time = Time()
    fence = ScriptedFence(time, [ON, OFF])

    proof = await prove(time, fence)

    assert fence.orders == 1
    assert proof == Proof(
        host="compute-1", driver="scripted", at_us=round(fence.asked_at[-1] * 1e6), reads=2, was_off_already=False
    )


async def test_a_host_that_is_off_already_gets_no_order() -> None:
    time = Time()
    fence = ScriptedFence(time, [OFF])

    proof = await prove(time, fence)

    assert fence.orders == 0
    assert proof.was_off_already
    assert len(fence.asked_at) == 2


async def test_a_host_that_comes_back_between_two_looks_is_switched_off_again() -> None:
    time = Time()
    fence = ScriptedFence(time, [ON, OFF, ON, OFF, OFF])

    proof = await prove(time, fence)

    assert fence.orders == 2
    assert len(fence.asked_at) == 5
    assert proof.reads == 2


async def test_a_host_that_stays_on_is_told_as_such_and_may_be_tried_again() -> None:
    time = Time()
    fence = ScriptedFence(time, [ON])

    with pytest.raises(UnavailableError, match="compute-1 is still on 10 s after it was to be switched off") as caught:
        await prove(time, fence)

    assert not isinstance(caught.value, FenceUnavailableError)
    assert fence.orders == 2  # the second one when the first had had its time


async def test_a_bmc_that_does_not_answer_is_no_proof() -> None:
    time = Time()
    fence = ScriptedFence(time, [NO_ANSWER])

    with pytest.raises(FenceUnavailableError, match=r"whether compute-1 is off is not known.*the BMC does not answer"):
        await prove(time, fence)

    assert fence.orders == 0


async def test_a_single_off_at_the_end_of_the_time_is_no_proof() -> None:
    time = Time()
    fence = ScriptedFence(time, [*[NO_ANSWER] * 9, OFF])

    with pytest.raises(FenceUnavailableError, match="was seen off 1 of 2 times in 10 s"):
        await prove(time, fence)


async def test_an_order_whose_answer_is_lost_counts_as_given() -> None:
    time = Time()
    fence = ScriptedFence(time, [ON, OFF], orders=[NO_ANSWER])

    proof = await prove(time, fence)

    assert not proof.was_off_already


@pytest.mark.parametrize("says", [[RefusedError("no such user")], [ON]], ids=["when asked", "when ordered"])
async def test_a_refusal_goes_through_at_once(says: list[Power | Exception]) -> None:
    time = Time()
    fence = ScriptedFence(time, says, orders=[RefusedError("no such user")])

    with pytest.raises(RefusedError, match="no such user"):
        await prove(time, fence)

    assert len(fence.asked_at) == 1


async def test_a_fence_that_never_returns_is_left_at_the_deadline() -> None:
    class Hanging(ScriptedFence):
        async def power(self) -> Power:
            await never.wait()
            return OFF

    never = anyio.Event()

    with pytest.raises(FenceUnavailableError, match="there was no answer in time"):
        await prove_off(Hanging(Time(), [OFF]), clock=lambda: 0, gap_seconds=0.01, timeout_seconds=0.05)
    with pytest.raises(FenceUnavailableError, match=r"there was no answer in 0\.05 s"):
        await still_off(Hanging(Time(), [OFF]), timeout_seconds=0.05)


async def test_an_operators_host_is_never_proven_off() -> None:
    one = ManualFence(host="compute-7")

    for call in (prove_off(one, clock=lambda: 0), still_off(one), one.switch_off()):
        with pytest.raises(FenceUnavailableError, match="an operator has to confirm that compute-7 is off"):
            await call
    await one.close()


async def test_a_manual_fence_that_takes_orders_is_no_proof_either() -> None:
    class Pager(ScriptedFence):
        is_manual = True

    with pytest.raises(FenceUnavailableError, match="switched off by an operator"):
        await prove_off(Pager(Time(), [OFF]), clock=lambda: 0)


@pytest.mark.parametrize(("says", "off"), [(OFF, True), (ON, False)])
async def test_one_last_look(says: Power, off: bool) -> None:
    assert await still_off(ScriptedFence(Time(), [says])) is off


async def test_a_last_look_that_cannot_be_had_is_no_yes() -> None:
    with pytest.raises(FenceUnavailableError):
        await still_off(ScriptedFence(Time(), [NO_ANSWER]))


@pytest.mark.parametrize("wrong", [{"reads": 0}, {"gap_seconds": 0.0}])
async def test_a_proof_without_readings_or_gaps_is_not_made(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="at least one reading"):
        await prove_off(ScriptedFence(Time(), [OFF]), clock=lambda: 0, **wrong)
