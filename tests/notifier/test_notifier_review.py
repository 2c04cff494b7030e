"""An endpoint that fails for long gets what happened late as long as what happened early."""

from __future__ import annotations

import time

import pytest
from notifier_players import Rows, composer, dispatcher, raised, running, subscription, until

from nfvigil.notifier.memory import MemoryPoster
from nfvigil.notifier.poster import Answer
from nfvigil.notifier.retry import Retry

pytestmark = pytest.mark.anyio


def now_us() -> int:
    return time.time_ns() // 1000


async def test_a_late_message_is_not_given_up_because_the_endpoint_failed_the_earlier_ones() -> None:
    rows = Rows()
    up = False
    poster = MemoryPoster(lambda _posted: Answer(200 if up else 503))
    one = subscription()
    source = composer(one)
    retry = Retry(first_seconds=0.01, max_seconds=0.02, give_up_seconds=0.5)
    async with running(dispatcher(rows, poster=poster, retry=retry)) as sender:
        sender.put_subscription(one)
        sender.offer(rows.commit(source.compose(raised(1), 1, now_us())))
        await until(lambda: len(poster.posted) > 1)
        began = time.monotonic()
        await until(lambda: time.monotonic() - began > 0.3)
        sender.offer(rows.commit(source.compose(raised(2), 2, now_us())))
        await until(lambda: rows.states()[0] == "dead")
        assert rows.states() == ["dead", "pending"]
        up = True
        await until(lambda: rows.states() == ["dead", "delivered"])
