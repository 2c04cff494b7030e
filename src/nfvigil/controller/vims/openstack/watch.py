"""Follows the cloud between snapshots: the compute services by polling, all else by hints."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import structlog

from nfvigil.controller.feed import Feed, Reader
from nfvigil.controller.vims.openstack.hints import Hint, Hints
from nfvigil.controller.vims.openstack.known import Known
from nfvigil.controller.vims.openstack.look_up import LookUp
from nfvigil.controller.vims.openstack.nova import ServicesSeen
from nfvigil.errors import NfvigilError
from nfvigil.model.resource import CloudRecord, Host, Kind, MapChange, split_key

LISTEN_AGAIN_SECONDS = 1.0
LISTEN_AGAIN_MAX_SECONDS = 30.0

_log = structlog.get_logger(__name__)


class Watch:
    """Begins with the first reader, ends with ``close``; all readers share it."""

    def __init__(
        self,
        *,
        vim: str,
        known: Known,
        services: Callable[[], Awaitable[ServicesSeen]],
        hosts: Callable[[ServicesSeen], tuple[Host, ...]],
        learn: Callable[[Sequence[str]], Awaitable[None]],
        read: Callable[[str], Awaitable[CloudRecord]],
        beside: Callable[[CloudRecord], Awaitable[Sequence[CloudRecord]]],
        hints: Hints,
        interval_seconds: float,
    ) -> None:
        self._vim = vim
        self._known = known
        self._services = services
        self._hosts = hosts
        self._learn = learn
        self._hints = hints
        self._interval_seconds = interval_seconds
        self._feed = Feed()
        self._look_up = LookUp(vim=vim, read=read, beside=beside, publish=self._feed.publish)
        self._task: asyncio.Task[None] | None = None
        self._error = ""

    def changes(self) -> Reader:
        reader = self._feed.read()
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run(), name=f"openstack {self._vim}")
        return reader

    def look_at(self, key: str) -> None:
        """Something is not as it was told last."""
        kind, name = split_key(key)
        self._look_up.want([Hint(kind=Kind(kind), id=name)])

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._poll())
            group.create_task(self._listen())
            group.create_task(self._look_up.run())

    async def _poll(self) -> None:
        while True:
            try:
                await self._look_at_services()
                self._error = ""
            except (NfvigilError, OSError) as error:
                self._say(str(error))
            except Exception as error:
                _log.exception("reading the compute services failed", vim=self._vim)
                self._say(repr(error))
            await asyncio.sleep(self._interval_seconds)

    async def _look_at_services(self) -> None:
        """Tell of each host that is not as it was last told of. One that is missing is left to the snapshot."""
        seen = await self._services()
        if any(service.host not in self._known.facts for service in seen.services):
            await self._learn([service.host for service in seen.services])
        changed = [host for host in self._hosts(seen) if self._known.hosts.get(host.id) != host]
        if changed:
            self._known.hosts.update({host.id: host for host in changed})
            self._feed.publish(MapChange(vim=self._vim, put=tuple(changed)))

    async def _listen(self) -> None:
        failures = 0
        while True:
            try:
                async for hints in self._hints.listen():
                    failures = 0
                    if hints is None:
                        self._feed.publish(None)
                    else:
                        self._look_up.want(hints)
            except Exception as error:  # the bus is somebody else's part: whatever it raises, polling goes on
                _log.warning("the cloud's hints broke off", vim=self._vim, error=str(error) or repr(error))
            failures += 1
            self._feed.publish(None)
            await asyncio.sleep(min(LISTEN_AGAIN_SECONDS * 2.0 ** min(failures - 1, 10), LISTEN_AGAIN_MAX_SECONDS))

    def _say(self, error: str) -> None:
        if not self._error:
            # Whether the cloud is away is told by listings, and the next one may be an hour off.
            self._feed.publish(None)
        if error != self._error:
            _log.warning("the compute services cannot be read", vim=self._vim, error=error)
        self._error = error
