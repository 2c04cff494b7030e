"""The log of an SQLite database is worked off beside the writer, and does not grow for ever."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from nfvigil.model.event import Event
from nfvigil.store import open_store
from nfvigil.store.checkpointer import LOG_BYTES

pytestmark = pytest.mark.anyio


async def test_the_log_is_worked_off_while_the_store_is_open(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    store = await open_store(f"sqlite:///{path}", node="node-1", clock=lambda: 1)
    number = 0
    while path.with_name("a.db-wal").stat().st_size < LOG_BYTES:
        events = [
            Event(id=number + one, type="t", resource="host/h", time_us=1, received_us=1, cause="x" * 900)
            for one in range(1, 501)
        ]
        await store.add_events(events)
        number += 500
    before = path.stat().st_size

    async with asyncio.timeout(10):
        while path.stat().st_size <= before:  # noqa: ASYNC110 - another thread does it, and tells nobody
            await asyncio.sleep(0.05)

    await store.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (number,)
