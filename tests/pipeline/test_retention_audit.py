"""The audit log is kept for ever, unless somebody has said for how long."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from nfvigil.retention import Retention
from nfvigil.settings import RetentionSettings
from nfvigil.store import open_store

pytestmark = pytest.mark.anyio
DAY_US = 86_400_000_000


class Purges:
    """Knows that a round is over when the next one asks what time it is."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, now_us: int) -> int:
        self.asked += 1
        return now_us

    @property
    def seen(self) -> bool:
        return self.asked > 4


@pytest.mark.parametrize(
    ("audit_days", "left"),
    [(None, ["young", "old"]), (5, ["old audit records dropped", "young"]), (50, ["young", "old"])],
)
async def test_old_lines_go_only_where_that_is_wanted(
    tmp_path: Path, audit_days: float | None, left: list[str]
) -> None:
    now = [100 * DAY_US]
    store = await open_store(f"sqlite:///{tmp_path}/n.db", node="n", clock=lambda: now[0])
    await store.audit("ann", "old")
    now[0] += 10 * DAY_US
    await store.audit("ann", "young")
    settings = RetentionSettings(days=1, audit_days=audit_days, interval_seconds=0.001)
    waits = Purges()
    running = asyncio.create_task(Retention(store=store, settings=settings, clock=lambda: waits(now[0])).run())
    async with asyncio.timeout(10):
        while not waits.seen:  # noqa: ASYNC110 - what it waits for has no event
            await asyncio.sleep(0.005)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert [line.what for line in await store.audit_log()] == left
    assert (await store.check_audit()).flaws == ()
    await store.close()
