"""Names for things: event ids that sort by time, and ids that follow from what they name."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

NODE_BITS = 10
ID_MAX = (1 << 63) - 1


class EventIds:
    """Event ids: microseconds since 1970, then the node's number, in 63 bits.

    They rise strictly within a process, sort by time over several, and need no database to be made.
    """

    def __init__(self, clock: Callable[[], int], node: int = 0, last: int = 0) -> None:
        self._clock = clock
        self._node = node
        self._tick = last >> NODE_BITS

    def __call__(self) -> int:
        self._tick = max(self._tick + 1, self._clock())
        return (self._tick << NODE_BITS) | self._node


def event_id_at(us: int) -> int:
    """The smallest event id that could have been given at ``us``: for asking by time."""
    return us << NODE_BITS


def stable_id(*parts: object) -> str:
    """A UUID that follows from ``parts``: the same decision made again names the same things.

    It is not guessable back to its parts, so it may also stand for something its reader may not see.
    """
    digest = blake2b("\x1f".join([str(part) for part in parts]).encode(), digest_size=16).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:]}"
