"""What is the same for every request before anything looks at it: the version of the API, and HEAD."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nfvigil.errors import FieldError
from nfvigil.northbound.problems import VersionError, problem_of

VERSION = "1"
VERSION_HEADER = "NFVigil-API-Version"
IS_HEAD = "nfvigil.head"
"""In a request's scope: answer as to GET, nobody reads the body."""

_NAME = VERSION_HEADER.lower().encode()
_HEADER = (VERSION_HEADER.encode(), VERSION.encode())


class Front:
    """Stands before the whole app."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        if path.startswith("/v1/") or path == "/v1":
            send = _with_version(send)
            wanted = next((value for name, value in scope["headers"] if name == _NAME), None)
            if wanted is not None and wanted.strip() != VERSION.encode():
                flaw = FieldError(VERSION_HEADER, f"must be {VERSION}, or left out")
                await problem_of(VersionError(f"there is version {VERSION} of this API", [flaw]))(scope, receive, send)
                return
        if scope["method"] == "HEAD":
            scope = {**scope, "method": "GET", IS_HEAD: True}
            send = _without_body(send)
        await self._app(scope, receive, send)


def _with_version(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), _HEADER]}
        await send(message)

    return sent


def _without_body(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return sent
