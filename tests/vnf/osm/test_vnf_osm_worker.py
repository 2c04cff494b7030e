"""The thread for what blocks: nobody waits for ever, and not too many wait."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from nfvigil.errors import NotFoundError, OverloadedError, UnavailableError
from nfvigil.vnf.osm.worker import Worker

pytestmark = pytest.mark.anyio
LIMIT = 10


@pytest.fixture
def held() -> Iterator[threading.Event]:
    """A call waits for it; it is set at the end, so that no thread is left."""
    event = threading.Event()
    yield event
    event.set()


async def test_what_a_call_returns_or_raises_is_handed_on_from_one_thread() -> None:
    worker = Worker(name="test")

    def fail() -> None:
        raise NotFoundError("there is none")

    assert await worker.do(divmod, 7, 2) == (3, 1)
    with pytest.raises(NotFoundError):
        await worker.do(fail)
    names = {await worker.do(lambda: threading.current_thread().name) for _ in range(3)}
    worker.close()

    assert names == {"test"}


async def test_a_call_that_takes_too_long_is_given_up_and_the_next_waits_for_its_end(held: threading.Event) -> None:
    worker = Worker(name="test", seconds=0.05)

    with pytest.raises(UnavailableError, match=r"within 0\.05 s"):
        await worker.do(held.wait)
    with pytest.raises(UnavailableError):
        await worker.do(lambda: 1)
    held.set()
    worker._seconds = LIMIT

    assert await worker.do(lambda: 2) == 2
    worker.close()


async def test_more_calls_than_may_wait_are_refused(held: threading.Event) -> None:
    worker = Worker(name="test", waiting_max=1)
    begun = threading.Event()

    def hold() -> None:
        begun.set()
        held.wait()

    first = asyncio.create_task(worker.do(hold))
    await asyncio.to_thread(begun.wait, LIMIT)
    second = asyncio.create_task(worker.do(lambda: 2))
    await asyncio.sleep(0)
    with pytest.raises(OverloadedError):
        await worker.do(lambda: 3)
    held.set()

    assert await second == 2
    await first
    worker.close()


async def test_what_nobody_waits_for_any_more_is_not_begun(held: threading.Event) -> None:
    worker = Worker(name="test")
    done: list[int] = []
    first = asyncio.create_task(worker.do(held.wait))
    second = asyncio.create_task(worker.do(done.append, 2))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    held.set()

    await first
    await worker.do(lambda: None)
    worker.close()

    assert done == []


async def test_an_answer_that_comes_after_the_question_was_given_up_is_dropped(held: threading.Event) -> None:
    worker = Worker(name="test")
    begun = threading.Event()

    def hold() -> None:
        begun.set()
        held.wait()

    first = asyncio.create_task(worker.do(hold))
    await asyncio.to_thread(begun.wait, LIMIT)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    held.set()

    assert await worker.do(lambda: 1) == 1
    worker.close()


def test_an_answer_after_the_loop_has_ended_harms_nobody() -> None:
    worker, held, begun = Worker(name="test"), threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        held.wait(LIMIT)

    async def ask() -> None:
        waiting = asyncio.create_task(worker.do(hold))
        await asyncio.to_thread(begun.wait, LIMIT)
        waiting.cancel()

    asyncio.run(ask())
    thread = worker._thread
    assert thread is not None
    worker.close()
    worker.close()
    held.set()
    thread.join(LIMIT)

    assert not thread.is_alive()


async def test_what_waits_at_the_end_is_not_begun(held: threading.Event) -> None:
    worker = Worker(name="test")
    begun, done = threading.Event(), []

    def hold() -> None:
        begun.set()
        held.wait()

    first = asyncio.create_task(worker.do(hold))
    await asyncio.to_thread(begun.wait, LIMIT)
    second = asyncio.create_task(worker.do(lambda: done.append(1)))
    await asyncio.sleep(0)
    worker.close()
    held.set()

    await first
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    assert done == []
