"""Idempotency-Key: a request that is sent again, because its answer got lost, is answered again and not done again.

It is written down that it begins before anything is done, and its answer when it is over. Killed in between, nobody
knows what came of it: the same request is then refused rather than done twice. So it is where the answer held a secret:
that is shown once, and must not lie readable in the database.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from hashlib import sha256
from typing import Protocol

import msgspec
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from nfvigil.errors import ConflictError, FieldError, RefusedError, UnavailableError
from nfvigil.model.identity import Identity

HEADER = "Idempotency-Key"
ANSWER_MAX_BYTES = 64 << 10
"""Larger answers only come of what changes nothing, and are made again."""
VOID_MAX = 10_000
NOT_BEGUN = (RefusedError, UnavailableError, RequestValidationError, HTTPException)
"""Raised where nothing was done: the last two before the operation had its turn, for a body that it cannot take."""
_KEY = re.compile(r"[\x21-\x7E]([\x20-\x7E]{0,253}[\x21-\x7E])?")
_HEADERS = ("content-type", "location", "etag", "cache-control", "vary")


class Remembered(Protocol):
    """What is known of a request that has begun before."""

    @property
    def content(self) -> str: ...
    @property
    def status(self) -> int | None: ...
    @property
    def answer(self) -> bytes: ...


class RequestStore(Protocol):
    async def begin_request(self, key: str, content: str, /) -> Remembered | None: ...
    async def end_request(self, key: str, status: int, answer: bytes, /) -> None: ...
    async def forget_request(self, key: str, /) -> None: ...


class _Answer(msgspec.Struct, frozen=True):
    headers: dict[str, str]
    body: str


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Answer).decode


class Once:
    """The requests with a key that are being answered right now."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Future[None]] = {}
        self._void: dict[str, None] = {}
        """Had no effect, and the store was away when that was to be written down."""

    async def __call__(
        self,
        store: RequestStore,
        request: Request,
        caller: Identity,
        body: bytes,
        run: Callable[[], Awaitable[Response]],
    ) -> Response:
        given = request.headers.get(HEADER.lower())
        if given is None:
            return await run()
        if not _KEY.fullmatch(given):
            raise RefusedError("the request is wrong", [FieldError(HEADER, "must have 1 to 255 visible characters")])
        content = sha256(request.url.query.encode() + b"\n" + body).hexdigest()
        key = _hash(caller.via, caller.id, caller.name, caller.scope, request.method, request.url.path, given)
        while key in self._running:
            await asyncio.shield(self._running[key])
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._running[key] = over
        try:
            if key in self._void:
                await store.forget_request(key)
                del self._void[key]
            return await self._done(store, key, content, run)
        finally:
            del self._running[key]
            over.set_result(None)

    async def _done(
        self, store: RequestStore, key: str, content: str, run: Callable[[], Awaitable[Response]]
    ) -> Response:
        before = await store.begin_request(key, content)
        if before is not None:
            return _again(before, content)
        try:
            answer = await run()
        except NOT_BEGUN:
            await self._forget(store, key)
            raise
        body = bytes(answer.body)
        if answer.status_code >= 400 or len(body) > ANSWER_MAX_BYTES:
            await self._forget(store, key)
            return answer
        headers = {name: answer.headers[name] for name in _HEADERS if name in answer.headers}
        if _is_shown_once(headers):
            body = b""
        with suppress(UnavailableError):  # It is done: whoever asks again is told that nobody knows how it ended.
            await store.end_request(key, answer.status_code, _encode(_Answer(headers, body.decode())))
        return answer

    async def _forget(self, store: RequestStore, key: str) -> None:
        try:
            await store.forget_request(key)
        except UnavailableError:
            if len(self._void) < VOID_MAX:
                self._void[key] = None


def _again(before: Remembered, content: str) -> Response:
    if before.content != content:
        raise _other()
    if before.status is None:
        reason = "was used for a request that was cut off: whether it took effect has to be looked up"
        raise ConflictError("nothing is done, as it may be done already", [FieldError(HEADER, reason)])
    kept = _decode(before.answer)
    if _is_shown_once(kept.headers):
        reason = f"was used for a request that is done: {kept.headers.get('location', 'what it made')} is there"
        raise ConflictError(
            "its answer held a secret, which is shown once: take that back, and ask with another key",
            [FieldError(HEADER, reason)],
        )
    headers: Mapping[str, str] = kept.headers | {"Idempotency-Replayed": "true"}
    return Response(kept.body or None, before.status, headers)


def _is_shown_once(headers: Mapping[str, str]) -> bool:
    return headers.get("cache-control") == "no-store"


def _other() -> ConflictError:
    return ConflictError("this key was used for another request", [FieldError(HEADER, "was used before")])


def _hash(*parts: object) -> str:
    return sha256("\x1f".join(map(str, parts)).encode()).hexdigest()
