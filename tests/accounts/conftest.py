"""Players around the accounts: a store of a few lines, clouds, and who would watch them and act on them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from accounts_players import SECRET, Stage

from nfvigil.sealing.keys import Keys


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(path=tmp_path / "keys")


@pytest.fixture
def stage(keys: Keys) -> Iterator[Stage]:
    stage = Stage(keys=keys)
    yield stage
    assert SECRET not in repr(stage.accounts._held)
