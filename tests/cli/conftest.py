"""What the tests of the command line share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cli_service import FakeService, serving


@pytest.fixture
def service() -> Iterator[FakeService]:
    with serving() as fake:
        yield fake
