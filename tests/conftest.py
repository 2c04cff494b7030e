"""What all tests share."""

from __future__ import annotations

import pytest
from hypothesis import is_hypothesis_test


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("crash tests")
    group.addoption("--kills", type=int, default=18, help="how often the service is killed, over all crash tests")
    group.addoption("--kills-seed", type=int, default=None, help="repeats a crash test's choices; printed by each")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Generated input is run without measuring coverage, which makes it take three times as long: what is covered is
    to be seen in the examples.
    """
    for item in items:
        if is_hypothesis_test(getattr(item, "obj", None)):
            item.add_marker("no_cover")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
