"""The wire of the isolation matrix: a consumer that keeps what it is sent, and a stream of which one reads a piece."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from northbound_fakes import Answer

STREAM_PIECES, STREAM_SECONDS = 3, 0.1


async def glance(app: Any, address: str, headers: dict[str, str]) -> Answer:
    """The beginning of what never ends: all that there is, then the line goes dead."""
    parts = urlsplit(address)
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": parts.path, "raw_path": parts.path.encode(), "query_string": parts.query.encode(), "root_path": "",
        "headers": [(k.encode(), v.encode()) for k, v in headers.items()], "server": ("localhost", 80),
        "client": ("127.0.0.1", 1),
    }  # fmt: skip
    sent: list[Any] = []
    has_all = asyncio.Event()
    is_asked = False

    async def receive() -> Any:
        nonlocal is_asked
        if is_asked:
            await has_all.wait()
            return {"type": "http.disconnect"}
        is_asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)
        if len(sent) == STREAM_PIECES:  # the head, where it begins, and the alarms
            has_all.set()

    asyncio.get_running_loop().call_later(STREAM_SECONDS, has_all.set)  # there may be none
    await app(scope, receive, send)
    names = {k.decode().lower(): v.decode() for k, v in sent[0]["headers"]}
    return Answer(sent[0]["status"], names, b"".join(one.get("body", b"") for one in sent[1:]))


@asynccontextmanager
async def webhooks() -> AsyncIterator[tuple[int, dict[str, list[bytes]]]]:
    heard: dict[str, list[bytes]] = {}

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.lower().split(b"\r\n")
                length = next((int(line[15:]) for line in lines if line[:15] == b"content-length:"), 0)
                path = head.split(b" ")[1].decode()
                heard.setdefault(path, []).append(head + await reader.readexactly(length))
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], heard
