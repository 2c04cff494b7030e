"""Looks up what hints are about: gathered for a moment, a few at a time, never the same thing twice at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from nfvigil.controller.vims.openstack.hints import Hint
from nfvigil.errors import NfvigilError, NotFoundError
from nfvigil.model.resource import CloudRecord, MapChange, key_of

GATHER_SECONDS = 0.02
AT_ONCE_MAX = 16
WAITING_MAX = 10_000

_log = structlog.get_logger(__name__)


async def _alone(_record: CloudRecord) -> Sequence[CloudRecord]:
    return ()


class LookUp:
    """``publish`` is given what was found; None where a look failed, so that only a snapshot can tell. ``beside`` finds
    what may have changed together with what was read.

    A key that is hinted at while it is read is read once more afterwards: since it is never read twice at a time,
    what is published last is what was read last.
    """

    def __init__(
        self,
        *,
        vim: str,
        read: Callable[[str], Awaitable[CloudRecord]],
        publish: Callable[[MapChange | None], None],
        beside: Callable[[CloudRecord], Awaitable[Sequence[CloudRecord]]] = _alone,
    ) -> None:
        self._vim = vim
        self._read = read
        self._beside = beside
        self._publish = publish
        self._waiting: dict[str, None] = {}
        """In the order of their first hint."""
        self._reading: set[str] = set()
        self._arrived = asyncio.Event()
        self._places = asyncio.Semaphore(AT_ONCE_MAX)

    def want(self, hints: Sequence[Hint]) -> None:
        for hint in hints:
            self._waiting[key_of(hint.kind, hint.id)] = None
        if len(self._waiting) > WAITING_MAX:
            self._waiting.clear()
            self._publish(None)
        if self._waiting:
            self._arrived.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                await self._arrived.wait()
                self._arrived.clear()
                await asyncio.sleep(GATHER_SECONDS)
                for key in [key for key in self._waiting if key not in self._reading]:
                    await self._places.acquire()
                    # It may have been taken from the list while there was no place.
                    if key in self._waiting:
                        del self._waiting[key]
                        self._reading.add(key)
                        group.create_task(self._look(key))
                    else:
                        self._places.release()

    async def _look(self, key: str) -> None:
        try:
            await self._tell(key)
        finally:
            self._places.release()
            self._reading.discard(key)
            if key in self._waiting:
                self._arrived.set()

    async def _tell(self, key: str) -> None:
        try:
            record = await self._read(key)
            self._publish(MapChange(vim=self._vim, put=(record,)))
            beside = await self._beside(record)
            if beside:
                self._publish(MapChange(vim=self._vim, put=tuple(beside)))
        except NotFoundError:
            self._publish(MapChange(vim=self._vim, gone=(key,)))
        except (NfvigilError, OSError) as error:
            _log.info("a hint could not be looked up", vim=self._vim, key=key, error=str(error))
            self._publish(None)
        except Exception:
            _log.exception("looking a hint up failed", vim=self._vim, key=key)
            self._publish(None)
