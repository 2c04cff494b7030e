"""Sends what is for a ``bus://<name>`` endpoint to the publisher of that name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from nfvigil.errors import UnavailableError
from nfvigil.notifier.poster import Answer, Target

SCHEME = "bus"
_DONE = Answer(200)


def url_of(name: str) -> str:
    """The endpoint's URL: no address and no secret, as both are in the settings only."""
    return f"{SCHEME}://{name}"


class Publishing(Protocol):
    async def publish(self, body: bytes, message_id: str, timeout_seconds: float) -> None:
        """Return when it is kept there; raise UnavailableError where it is not."""

    async def close(self) -> None: ...


class BusPoster:
    """A poster for one URL scheme; each bus is waited for by its own endpoint alone."""

    def __init__(self, publishers: Mapping[str, Publishing]) -> None:
        self._publishers = publishers

    async def post(self, target: Target, headers: Mapping[str, str], body: bytes, timeout_seconds: float) -> Answer:
        publisher = self._publishers.get(target.host)
        if publisher is None:
            # A bus that was in the settings before, and may be again.
            raise UnavailableError(f"there is no bus {target.host} in the settings")
        await publisher.publish(body, headers["X-NFVigil-Delivery-Id"], timeout_seconds)
        return _DONE

    async def close(self) -> None:
        for publisher in self._publishers.values():
            await publisher.close()
