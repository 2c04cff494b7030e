"""A message with a signature over its body: what a door lends to whoever finds out who sent it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

HEADER = "webhook-signature"
"""A message that has it is signed; one that has it not is spared all this."""

LENT = "nfvigil.signed"
"""Under this name the door puts it into the request's scope."""


class SignedMessage:
    """``read`` reads the body within the door's bounds; it is asked once."""

    def __init__(self, *, read: Callable[[], Awaitable[bytes]]) -> None:
        self._read = read
        self._body: bytes | None = None
        self._settled: Callable[[bool], None] | None = None

    async def body(self) -> bytes:
        if self._body is None:
            self._body = await self._read()
        return self._body

    def when_settled(self, settled: Callable[[bool], None]) -> None:
        """``settled`` hears whether the message was taken in; if not, the same may be sent again."""
        self._settled = settled

    def settle(self, is_taken: bool) -> None:
        settled, self._settled = self._settled, None
        if settled is not None:
            settled(is_taken)
