"""Two services that are set on one database by mistake: the second is refused, on SQLite and on PostgreSQL."""

from __future__ import annotations

import pytest

from nfvigil.errors import SettingsError
from nfvigil.store import open_store

pytestmark = pytest.mark.anyio


async def test_a_second_service_on_the_same_database_is_refused_until_the_first_has_ended(url: str) -> None:
    first = await open_store(url, node="node-1", clock=lambda: 1, alone=True)

    with pytest.raises(SettingsError, match="in use by another process"):
        await open_store(url, node="node-1", clock=lambda: 1, alone=True, lock_wait_seconds=0.3)

    await first.close()
    again = await open_store(url, node="node-1", clock=lambda: 1, alone=True)
    await again.close()


async def test_a_look_beside_a_running_service_is_allowed(url: str) -> None:
    first = await open_store(url, node="node-1", clock=lambda: 1, alone=True)

    beside = await open_store(url, node="cli", clock=lambda: 1, read_only=True)

    assert await beside.tokens() == []
    await beside.close()
    await first.close()
