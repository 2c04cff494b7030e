"""Takes out headers that say who somebody is: in OpenStack a middleware sets them, and callers must not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from functools import lru_cache
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

STRIPPED = (
    b"x-project",
    b"x-user",
    b"x-role",
    b"x-identity",
    b"x-service",
    b"x-domain",
    b"x-tenant",
    b"x-is-admin",
    b"x-system-scope",
    b"x-remote-user",
    b"remote-user",
    b"openstack-system-scope",
)
"""What such headers begin with, in small letters and with hyphens."""


@lru_cache(maxsize=1024)  # The same few names come with every event.
def is_of_identity(name: bytes) -> bool:
    """Servers that make variables of headers take ``X_Project_Id`` for ``X-Project-Id``; so it is one of them."""
    return name.lower().replace(b"_", b"-").startswith(STRIPPED)


class WithoutIdentityHeaders:
    """The outermost middleware: nothing behind it ever sees them."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            headers = scope["headers"]
            kept = [header for header in headers if not is_of_identity(header[0])]
            if len(kept) < len(headers):
                scope["headers"] = kept
        await self._app(scope, receive, send)
