"""How much is held in memory of what nobody has vouched for yet: a signature is over a body that is read first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from nfvigil.errors import OverloadedError

TOTAL_MAX_BYTES = 128 << 20
ADDRESS_MAX_BYTES = 32 << 20
"""From one address, so that a single stranger does not take the room of all monitors."""
MESSAGE_MAX_BYTES = 1 << 20
"""What counts for a message that does not say how long it is; the doors take no longer ones."""


class Unproven:
    def __init__(self, *, total_max: int = TOTAL_MAX_BYTES, address_max: int = ADDRESS_MAX_BYTES) -> None:
        self._total_max = total_max
        self._address_max = address_max
        self._held: Counter[str] = Counter()
        self._total = 0

    @contextmanager
    def hold(self, address: str, length: str | None) -> Iterator[None]:
        """While a message is read and checked. ``length`` is what its header says. OverloadedError where there is no
        room.
        """
        told = length is not None and length.isascii() and length.isdecimal()
        size = min(int((length or "")[:20]), MESSAGE_MAX_BYTES) if told else MESSAGE_MAX_BYTES
        if self._total + size > self._total_max or self._held[address] + size > self._address_max:
            raise OverloadedError("too many signed messages are being read at once: send this one again")
        self._held[address] += size
        self._total += size
        try:
            yield
        finally:
            self._total -= size
            self._held[address] -= size
            if self._held[address] <= 0:
                del self._held[address]
