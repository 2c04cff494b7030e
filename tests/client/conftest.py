"""What the tests of the client share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from client_fake import Fake, fake_service

from nfvigil.client import Client


@pytest.fixture
def fake() -> Iterator[Fake]:
    with fake_service() as fake:
        yield fake


@pytest.fixture
def slept(fake: Fake) -> list[float]:
    """How long the client would have waited, each time."""
    return []


@pytest.fixture
def client(fake: Fake, slept: list[float]) -> Iterator[Client]:
    with Client(fake.url, token="secret", timeout_seconds=5) as client:
        client._http.sleep = slept.append
        yield client
