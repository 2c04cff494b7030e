"""What all tests share."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("crash tests")
    group.addoption("--kills", type=int, default=18, help="how often the service is killed, over all crash tests")
    group.addoption("--kills-seed", type=int, default=None, help="repeats a crash test's choices; printed by each")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
