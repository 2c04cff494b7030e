"""Blocking calls in a thread: one at a time, each with a deadline, and nobody waits for the dead."""

from __future__ import annotations

import asyncio
import threading

import pytest

from nfvigil.controller.fencing.one_thread import OneThread
from nfvigil.errors import FenceUnavailableError, RefusedError

pytestmark = pytest.mark.anyio


def fail() -> None:
    raise RefusedError("never")


async def test_what_a_call_returns_or_raises_comes_back() -> None:
    one = OneThread(name="it")

    assert await one.run(lambda: 5, timeout_seconds=5) == 5
    with pytest.raises(RefusedError, match="never"):
        await one.run(fail, timeout_seconds=5)
    assert await one.run(lambda: None, timeout_seconds=5) is None


async def test_a_call_that_hangs_holds_up_the_next_ones_until_it_ends() -> None:
    one = OneThread(name="it")
    let_go = threading.Event()
    done: list[int] = []

    with pytest.raises(FenceUnavailableError, match=r"it did not answer in 0\.05 s"):
        await one.run(let_go.wait, timeout_seconds=0.05)
    with pytest.raises(FenceUnavailableError):
        await one.run(lambda: done.append(1), timeout_seconds=0.05)
    let_go.set()
    await one.run(lambda: done.append(2), timeout_seconds=5)

    assert done == [2]


def test_a_call_that_ends_after_the_loop_harms_nobody() -> None:
    let_go = threading.Event()
    before = set(threading.enumerate())

    async def leave() -> None:
        with pytest.raises(FenceUnavailableError):
            await OneThread(name="it").run(let_go.wait, timeout_seconds=0.05)

    asyncio.run(leave())
    left = [thread for thread in threading.enumerate() if thread not in before]
    let_go.set()
    for thread in left:
        thread.join(5)

    assert len(left) == 1
    assert left[0].daemon
    assert not left[0].is_alive()


async def test_a_machine_without_threads_left_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    one = OneThread(name="it")

    def full(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", full)
        with pytest.raises(FenceUnavailableError, match="it cannot be asked: can't start new thread"):
            await one.run(lambda: 5, timeout_seconds=5)

    assert await one.run(lambda: 5, timeout_seconds=5) == 5
