"""A purge that fails is told and tried again; it does not end the service."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from nfvigil.retention import Retention
from nfvigil.settings import RetentionSettings

pytestmark = pytest.mark.anyio


async def test_a_purge_that_fails_is_tried_again() -> None:
    tries = 0
    again = asyncio.Event()

    async def memory() -> dict[str, object]:
        nonlocal tries
        tries += 1
        if tries == 2:
            again.set()
        return {"base": {"faults": "no list"}}

    async def configuration(_: str) -> None:
        return None

    store = SimpleNamespace(memory=memory, configuration=configuration)
    retention = Retention(store=store, settings=RetentionSettings(interval_seconds=0.01), clock=lambda: 1)  # type: ignore[arg-type]  # a stand-in
    running = asyncio.create_task(retention.run())
    try:
        await asyncio.wait_for(again.wait(), 5)
        assert not running.done()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
