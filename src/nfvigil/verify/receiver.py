"""Our own consumers: a small HTTP server that notes what comes to which endpoint, and when it was complete."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import Self
from urllib.parse import urlsplit

from aiohttp import web

from nfvigil.verify.told import Message

BODY_MAX_BYTES = 16 << 20
MESSAGES_MAX = 100_000


class Receiver:
    """The addresses cannot be guessed, so that nobody else is taken for NFVigil."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._secret = secrets.token_urlsafe(16)
        self._came = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._base = ""

    async def open(self, host: str) -> Self:
        app = web.Application(client_max_size=BODY_MAX_BYTES)
        app.router.add_post("/{secret}/{endpoint}", self._take)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, 0).start()
        address = self._runner.addresses[0]
        shown = f"[{address[0]}]" if ":" in address[0] else address[0]
        self._base = f"http://{shown}:{address[1]}/{self._secret}"
        return self

    def url(self, endpoint: str) -> str:
        return f"{self._base}/{endpoint}"

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def wait(self, seconds: float) -> None:
        """Until something comes, at most so long."""
        self._came.clear()
        try:
            await asyncio.wait_for(self._came.wait(), seconds)
        except TimeoutError:
            pass

    async def _take(self, request: web.Request) -> web.Response:
        if not secrets.compare_digest(request.match_info["secret"], self._secret):
            return web.Response(status=404)
        body = await request.read()
        at_ns = time.monotonic_ns()
        if len(self.messages) >= MESSAGES_MAX:
            return web.Response(status=410)
        self.messages.append(Message(to=request.match_info["endpoint"], at_ns=at_ns, body=body))
        self._came.set()
        return web.Response(status=204)


async def own_address(url: str) -> str:
    """The address of this machine that whoever listens at ``url`` can reach: the one we reach it from."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    async with asyncio.timeout(10):
        _, writer = await asyncio.open_connection(parts.hostname, port)
    try:
        return str(writer.get_extra_info("sockname")[0])
    finally:
        writer.close()
