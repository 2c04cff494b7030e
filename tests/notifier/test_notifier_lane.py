"""One endpoint's queue: what is next, and when the rows must say it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import pytest
from msgspec.structs import replace
from notifier_players import CHANNELS, NOW, Rows, composer, dispatcher, raised, running, subscription, until

from nfvigil.errors import UnavailableError
from nfvigil.model.notification import Delivery, DeliveryState, Notification
from nfvigil.notifier.dispatch import Limits
from nfvigil.notifier.lane import PART_MAX, Item, Lane
from nfvigil.notifier.memory import MemoryPoster, Posted
from nfvigil.notifier.poster import Answer, target_of
from nfvigil.notifier.retry import Retry

ONE = subscription()


def items(count: int) -> list[Item]:
    rows = Rows()
    source = composer(ONE)
    return [item for number in range(count) for item in rows.commit(source.compose(raised(number), 1, NOW))]


def lane(last_seq: int = 0, queue_max: int = 100) -> Lane:
    return Lane(
        subscription=ONE,
        endpoint=ONE.endpoints[0],
        channel=CHANNELS["doctor"],
        target=target_of(ONE.endpoints[0].url, {}),
        poster=MemoryPoster(),
        queue_max=queue_max,
        last=(last_seq, PART_MAX),
    )


@pytest.mark.parametrize(
    ("last_seq", "offered", "queued", "is_behind", "done"),
    [
        pytest.param(0, [1, 2, 3], [1, 2, 3], False, (0, PART_MAX), id="in order"),
        pytest.param(0, [1, 2, 2, 1], [1, 2], False, (0, PART_MAX), id="offered twice"),
        pytest.param(0, [2], [], True, (0, PART_MAX), id="a number is missing"),
        pytest.param(0, [1, 3, 4], [1], True, (0, PART_MAX), id="one is missing in the middle"),
        pytest.param(0, [1, 2, 3, 4, 5], [1, 2, 3, 4], True, (0, PART_MAX), id="more than it holds"),
        pytest.param(5, [6], [6], False, (5, PART_MAX), id="after a restart, new ones"),
        pytest.param(5, [3, 4, 5], [], True, (3, -1), id="after a restart, old ones"),
        pytest.param(5, [3, 2, 6], [], True, (2, -1), id="after a restart, old ones in disorder"),
    ],
)
def test_what_is_offered_is_queued_or_left_to_the_rows(
    last_seq: int, offered: list[int], queued: list[int], is_behind: bool, done: tuple[int, int]
) -> None:
    all_of_them = items(6)
    one = lane(last_seq, queue_max=4)

    for seq in offered:
        one.offer(all_of_them[seq - 1])

    assert [delivery.seq for _, delivery in one.queue] == queued
    assert one.is_behind is is_behind
    assert one.done == done


def test_a_replay_never_skips_what_is_still_to_be_read() -> None:
    one = lane(last_seq=5)
    one.offer(items(3)[2])

    one.rewind((4, PART_MAX))

    assert one.done == (3, -1)


class Racing(Rows):
    """Something new is written and offered while the rows are being read, too late to be among them."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: list[Callable[[], None]] = []

    async def pending_deliveries(
        self, endpoint_id: str, after_seq: int, after_part: int, limit: int
    ) -> list[tuple[Notification, Delivery]]:
        found = await super().pending_deliveries(endpoint_id, after_seq, after_part, limit)
        if self.meanwhile:
            self.meanwhile.pop()()
        return found


@pytest.mark.anyio
async def test_what_comes_while_the_rows_are_read_is_read_too() -> None:
    rows = Racing()
    poster = MemoryPoster()
    source = composer(ONE)
    for number in range(5):
        rows.commit(source.compose(raised(number), 1, NOW))
    async with running(dispatcher(rows, poster=poster, limits=Limits(page=100))) as sender:
        rows.meanwhile = [lambda: sender.offer(rows.commit(source.compose(raised(5), 1, NOW)))]
        sender.put_subscription(ONE, last_seq=5)
        sender.rewind("s1", 0)
        await until(lambda: set(rows.states()) == {"delivered"})
        assert rows.meanwhile == []

    assert [int(posted.headers["X-NFVigil-Sequence"]) for posted in poster.posted] == [1, 2, 3, 4, 5, 6]


@pytest.mark.anyio
async def test_a_message_that_is_replayed_gets_the_whole_patience_again() -> None:
    rows = Rows()
    script = iter([UnavailableError("away"), UnavailableError("away")])

    def consumer(posted: Posted) -> Answer:
        for failure in script:
            raise failure
        return Answer(200)

    [(_, delivery)] = rows.commit(composer(ONE).compose(raised(1), 1, NOW))
    long_ago = time.time_ns() // 1000 - 10**12
    rows.deliveries[delivery.id] = replace(delivery, first_sent_us=long_ago)
    retry = Retry(first_seconds=0.01, max_seconds=0.02)
    async with running(dispatcher(rows, poster=MemoryPoster(consumer), retry=retry)) as sender:
        sender.put_subscription(ONE, last_seq=1)
        sender.rewind("s1", 0)
        await until(lambda: rows.states() == [DeliveryState.DELIVERED])

    assert rows.deliveries[delivery.id].attempts == 3


@pytest.mark.anyio
async def test_one_that_had_failed_too_long_before_a_restart_is_given_up_after_one_more_try() -> None:
    rows = Rows()

    def consumer(posted: Posted) -> Answer:
        raise UnavailableError("away")

    [(_, delivery)] = rows.commit(composer(ONE).compose(raised(1), 1, NOW))
    long_ago = time.time_ns() // 1000 - 10**12
    rows.deliveries[delivery.id] = replace(delivery, first_sent_us=long_ago, attempts=9)
    async with running(dispatcher(rows, poster=MemoryPoster(consumer))) as sender:
        sender.put_subscription(ONE, last_seq=1)
        sender.offer(rows.pending())
        await until(lambda: rows.states() == [DeliveryState.DEAD])

    assert rows.deliveries[delivery.id].attempts == 10


@pytest.mark.anyio
async def test_a_save_that_is_refused_for_no_known_reason_stops_no_delivery() -> None:
    class Faulty(Rows):
        async def save_deliveries(self, deliveries: Sequence[Delivery]) -> None:
            if self.saves == 0:
                self.saves = 1
                raise ValueError("a fault of ours")
            await super().save_deliveries(deliveries)

    rows = Faulty()
    poster = MemoryPoster()
    source = composer(ONE)
    async with running(dispatcher(rows, poster=poster)) as sender:
        sender.put_subscription(ONE)
        sender.offer(rows.commit(source.compose(raised(1), 1, NOW)))
        await until(lambda: len(poster.posted) == 1)
        sender.offer(rows.commit(source.compose(raised(2), 1, NOW)))
        await until(lambda: rows.states() == ["delivered", "delivered"])
