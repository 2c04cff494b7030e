"""What came of deliveries, on its way to the store: many in one transaction, and never waited for by a sender.

While the store is away results are kept, up to a bound. One that is never saved means that its message may be
sent once more after a restart, with the same id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from nfvigil.errors import UnavailableError
from nfvigil.model.notification import Delivery

_BATCH = 2000
_log = structlog.get_logger(__name__)


class Results:
    """``save`` is the store's; ``linger_seconds`` lets the results of one moment share a transaction."""

    def __init__(
        self,
        *,
        save: Callable[[Sequence[Delivery]], Awaitable[None]],
        size_max: int = 100_000,
        linger_seconds: float = 0.01,
    ) -> None:
        self._save = save
        self._size_max = size_max
        self._linger = linger_seconds
        self._waiting: dict[str, Delivery] = {}
        self._new = asyncio.Event()
        self._saving = asyncio.Lock()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, delivery: Delivery) -> None:
        """Keep it for the next save; a later result of a delivery takes the place of an earlier one."""
        if len(self._waiting) >= self._size_max and delivery.id not in self._waiting:
            del self._waiting[next(iter(self._waiting))]
            self.dropped += 1
        self._waiting[delivery.id] = delivery
        self._new.set()

    async def flush(self) -> None:
        """Save everything that is there now. Raises UnavailableError, and keeps what could not be saved."""
        async with self._saving:
            while self._waiting:
                batch = [self._waiting.pop(key) for key in list(self._waiting)[:_BATCH]]
                try:
                    await self._save(batch)
                except BaseException:
                    # Also when cancelled: whether it was written is not known, and writing it again does no harm.
                    newer = self._waiting
                    self._waiting = {delivery.id: delivery for delivery in batch} | newer
                    raise

    async def run(self) -> None:
        """Save what comes in, until cancelled."""
        is_away = False
        while True:
            await self._new.wait()
            await asyncio.sleep(self._linger)
            self._new.clear()
            try:
                await self.flush()
            except Exception as error:
                # Whatever is wrong with the store, consumers go on being told.
                if not is_away:
                    _log.warning("delivery results wait for the store", waiting=len(self._waiting), reason=repr(error))
                is_away = True
                self._new.set()
                pause = error.retry_after_seconds if isinstance(error, UnavailableError) else 1.0
                await asyncio.sleep(min(max(pause, 0.05), 10.0))
            else:
                if is_away:
                    _log.info("delivery results are being saved again")
                is_away = False
