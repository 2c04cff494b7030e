"""Small writes beside the process that serves a database: a token is made without stopping the service."""

from __future__ import annotations

from pathlib import Path

import pytest

from nfvigil.errors import SettingsError
from nfvigil.model.identity import Role
from nfvigil.store import TokenRecord, open_store

pytestmark = pytest.mark.anyio


def token(name: str) -> TokenRecord:
    return TokenRecord(id=name, hash=f"hash of {name}", name=name, project=None, role=Role.ADMIN, created_us=1)


async def test_a_token_made_beside_a_running_service_is_known_to_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    serving = await open_store(url, node="node-1", clock=lambda: 1)

    beside = await open_store(url, node="cli", clock=lambda: 1, beside=True)
    await beside.add_token(token("anna"))
    await beside.close()

    assert await serving.find_token("hash of anna") == token("anna")
    with pytest.raises(SettingsError, match="in use"):
        await open_store(url, node="other", clock=lambda: 1, lock_wait_seconds=0.05)
    await serving.close()


async def test_the_first_token_is_made_before_there_is_a_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new.db"

    first = await open_store(url, node="cli", clock=lambda: 1, beside=True)
    await first.add_token(token("anna"))
    await first.close()

    later = await open_store(url, node="node-1", clock=lambda: 1)
    assert [one.name for one in await later.tokens()] == ["anna"]
    await later.close()
