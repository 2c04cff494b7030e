"""Alarms as they change, over one connection that stays open: server-sent events, each with a place to go on from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
from fastapi import Header, Request, Response
from fastapi import Query as QueryParameters
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from nfvigil.errors import ForbiddenError, UnavailableError, UnknownCallerError
from nfvigil.model.identity import Identity
from nfvigil.model.view import alarm_view
from nfvigil.northbound.alarm_filters import AlarmFilters, Cursor
from nfvigil.northbound.etags import HEADERS
from nfvigil.northbound.feed import Reader
from nfvigil.northbound.front import IS_HEAD
from nfvigil.northbound.guarded import Caller, for_readers, problems
from nfvigil.northbound.parts import Have, Parts
from nfvigil.northbound.places import BEGINNING, Place, read, too_old, written
from nfvigil.store.alarm_query import AlarmQuery
from nfvigil.store.alarm_records import AlarmChanges

follow = for_readers("alarms")

PAGE = 100
KEEP_ALIVE_SECONDS = 15.0
LOOK_AGAIN_SECONDS = 30.0
"""How often it is asked whether the caller may still."""
SEND_SECONDS = 60.0
"""How long a reader may leave what was sent unread."""
RETRY_MS = 3000

_encode = msgspec.json.Encoder().encode


class StreamParameters(AlarmFilters):
    after: Cursor | None = None
    """Go on from this `cursor` or event id; `0`: begin with everything that there is. From now on if left out."""


_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events until either side ends it. `event` says what happened to the alarm last, `id` is the "
        "place to go on from, `data` is `{news, alarm}`.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


@follow.get(
    "/v1/alarms/stream", response_class=Response, responses=problems(410) | _STREAM, openapi_extra={"x-endless": True}
)
async def follow_alarms(
    parts: Have,
    caller: Caller,
    request: Request,
    parameters: Annotated[StreamParameters, QueryParameters()],
    last_event_id: Annotated[Cursor | None, Header(description="As `after`, and instead of it.")] = None,
) -> Response:
    """Follow alarms: what is raised, changed, confirmed, cleared, acknowledged or commented, as it happens."""
    query = parameters.query(caller.scope, PAGE)
    text = last_event_id or parameters.after
    runs = await parts.store.runs()
    now = await parts.store.last_change()
    if text is None or text == BEGINNING:
        place = Place(now if text is None else 0, now)
    else:
        place = read(text, runs, caller.scope, "after" if last_event_id is None else "Last-Event-ID")
        first = await parts.store.alarm_changes(_query(query, place))
        if first.forgotten > place.safe:
            raise too_old("after")
    reader = parts.feed.join(f"{caller.via}/{caller.id or caller.name}/{caller.scope}", caller.scope)
    return EventStream(_Follower(parts, caller, request, query, place, reader))


def _query(query: AlarmQuery, place: Place) -> AlarmQuery:
    return msgspec.structs.replace(query, since_change=place.change)


class _Follower:
    """One stream: what it has told, and whether its reader may hear more."""

    def __init__(
        self, parts: Parts, caller: Identity, request: Request, query: AlarmQuery, place: Place, reader: Reader
    ) -> None:
        self._parts = parts
        self._caller = caller
        self._request = request
        self._query = query
        self._place = place
        self.reader = reader

    async def texts(self) -> AsyncIterator[bytes]:
        """What is sent, piece by piece; it ends when the reader may hear no more."""
        loop = asyncio.get_running_loop()
        runs = await self._parts.store.runs()

        def event_id(place: Place) -> str:
            return written(place, runs, self._caller.scope)

        yield f"retry: {RETRY_MS}\nid: {event_id(self._place)}\n\n".encode()
        told = asked = loop.time()
        while not self._parts.feed.is_closed:
            changes = await self._look()
            if changes is not None and changes.forgotten > self._place.safe:
                yield _ending("resync", "alarms that changed meanwhile were purged: list them anew")
                return
            if changes is not None:
                if changes.alarms:
                    yield b"".join(self._events(changes, event_id))
                    told = loop.time()
                self._place = Place(changes.next_change, self._place.start)
            if loop.time() - told >= KEEP_ALIVE_SECONDS:
                yield f": keep-alive\nid: {event_id(self._place)}\n\n".encode()
                told = loop.time()
            if loop.time() - asked >= LOOK_AGAIN_SECONDS:
                if not await self._may():
                    yield _ending("end", "your token is not valid any more, or another one than it was")
                    return
                asked = loop.time()
            if changes is None or not changes.has_more:
                await self.reader.wait(max(0.05, told + KEEP_ALIVE_SECONDS - loop.time()))

    async def _look(self) -> AlarmChanges | None:
        """What is new; None where the store is away: the next look will tell."""
        await self._parts.feed.looking.acquire()
        # Cut off in the middle, a read costs the database's connection and lines in the log; readers go at any time.
        reading = asyncio.create_task(self._parts.store.alarm_changes(_query(self._query, self._place)))
        reading.add_done_callback(self._has_looked)
        try:
            return await asyncio.shield(reading)
        except UnavailableError:
            await asyncio.sleep(1.0)
            return None

    def _has_looked(self, reading: asyncio.Task[AlarmChanges]) -> None:
        self._parts.feed.looking.release()
        if not reading.cancelled():
            reading.exception()  # Seen by whoever waits; if nobody does, nobody needs it.

    def _events(self, changes: AlarmChanges, event_id: Any) -> list[bytes]:
        found = []
        for alarm, number, news in zip(changes.alarms, changes.numbers, changes.news, strict=True):
            data = _encode({"news": news, "alarm": alarm_view(alarm, self._caller.scope)})
            head = f"id: {event_id(Place(number, self._place.start))}\nevent: {news}\ndata: "
            found.append(head.encode() + data + b"\n\n")
        return found

    async def _may(self) -> bool:
        try:
            now = await self._parts.guard(self._request)
        except (UnknownCallerError, ForbiddenError):
            return False
        except UnavailableError:
            return True
        return now.scope == self._caller.scope and now.role is self._caller.role


def _ending(event: str, text: str) -> bytes:
    return f"event: {event}\ndata: ".encode() + _encode({"detail": text}) + b"\n\n"


class EventStream(StreamingResponse):
    """The events of one follower. A reader that takes none of them for a minute is cut off: it comes back."""

    def __init__(self, follower: _Follower) -> None:
        headers = HEADERS | {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(follower.texts(), 200, headers, media_type="text/event-stream")
        self._follower = follower

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if scope.get(IS_HEAD):
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                await send({"type": "http.response.body", "body": b""})
            else:
                await super().__call__(scope, receive, send)
        finally:
            self._follower.reader.close()

    async def stream_response(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        try:
            async for text in self.body_iterator:
                async with asyncio.timeout(SEND_SECONDS):
                    await send({"type": "http.response.body", "body": text, "more_body": True})
        except TimeoutError:
            pass  # It left what was sent unread for too long.
        await send({"type": "http.response.body", "body": b"", "more_body": False})
