"""What the tests of the command line share."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest
import typer.testing
from cli_service import FakeService, serving
from typer.main import get_command


@pytest.fixture(scope="session", autouse=True)
def _commands_are_made_once() -> Iterator[None]:
    """They keep nothing of a call, and making all hundred of them anew takes longer than most tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.testing, "_get_command", cache(get_command))
        yield


@pytest.fixture
def service() -> Iterator[FakeService]:
    with serving() as fake:
        yield fake
