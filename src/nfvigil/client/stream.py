"""Server-sent events: an answer without an end, taken up where it broke off."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nfvigil.client.answers import read
from nfvigil.client.connection import VERSION, Connection
from nfvigil.client.problems import BadAnswerError, TooOldError, error_of
from nfvigil.client.shapes import Alarm
from nfvigil.errors import UnavailableError, UnknownCallerError

LINE_MAX_BYTES = 4 << 20
EVENT_MAX_BYTES = 16 << 20
PAUSE_SECONDS = 1.0
PAUSE_MAX_SECONDS = 30.0
IDLE_SECONDS = 90.0
"""The service says at least that it is there; who hears nothing for so long connects again."""
FAILURES_MAX = 10
RESYNC, END = "resync", "end"
"""Events of the service that are no news of an alarm: the place to go on from is lost; we may hear no more."""

_BROKEN = (OSError, http.client.HTTPException)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerEvent:
    """One event, as the wire has it; ``text`` is empty where it only says where to go on from (``id``), or when."""

    id: str
    kind: str
    text: str
    retry_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEvent:
    """News of the stream: what kind, the alarm if it has one, and all that came in ``data``."""

    id: str
    kind: str
    data: Any

    @property
    def alarm(self) -> Alarm | None:
        found = self.data.get("alarm", self.data) if isinstance(self.data, dict) else None
        return read(Alarm, found) if isinstance(found, dict) and "fault_type" in found else None


def events(lines: Iterable[bytes], last_id: str = "") -> Iterator[ServerEvent]:
    """Events from the lines of a stream, by the WHATWG's rules. An event that breaks off is none."""
    kind, size = "", 0
    data: list[str] = []
    retry: float | None = None
    for line in lines:
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        if not text:
            if size:
                yield ServerEvent(id=last_id, kind=kind or "message", text="\n".join(data), retry_seconds=retry)
            kind, data, retry, size = "", [], None, 0
            continue
        size += len(line)
        if size > EVENT_MAX_BYTES:
            raise BadAnswerError(f"an event has more than {EVENT_MAX_BYTES >> 20} MiB")
        name, _, value = text.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data.append(value)
        elif name == "event":
            kind = value
        elif name == "id" and "\0" not in value:
            last_id = value
        elif name == "retry" and value.isascii() and value.isdecimal():
            retry = int(value) / 1000


@dataclass(kw_only=True)
class Stream:
    """Follows one stream. What is heard after a break follows on what was heard before it."""

    service: Connection
    path: str
    parameters: Mapping[str, Any]
    last_id: str = ""
    idle_seconds: float = IDLE_SECONDS
    failures_max: int = FAILURES_MAX
    lost: Callable[[Exception], None] = lambda _: None

    def __post_init__(self) -> None:
        self._failures = 0
        self._pause = PAUSE_SECONDS
        self._is_renewed = False

    def __iter__(self) -> Iterator[StreamEvent]:
        """Until the service ends it for good (204), or it cannot be had ``failures_max`` times in a row."""
        while True:
            connection = self.service.connect(self.idle_seconds)
            try:
                answer = self._open(connection)
                if answer.status == 204:
                    return
                yield from self._events(answer)
                error: Exception = UnavailableError(f"{self.service.url} has ended the stream")
            except UnavailableError as away:
                error = away
            except UnknownCallerError:
                if self._is_renewed or not self.service.access.renew():
                    raise
                self._is_renewed = True
                continue
            except _BROKEN as broken:
                error = self.service.away(broken, self.idle_seconds)
            finally:
                connection.close()
            self._failures += 1
            if self._failures >= self.failures_max:
                raise error
            self.lost(error)
            self.service.sleep(self._wait(error))

    def _open(self, connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
        headers = {"Accept": "text/event-stream", **VERSION, **self.service.access.headers(b"")}
        if self.last_id:
            headers["Last-Event-ID"] = self.last_id
        connection.request("GET", self.service.target(self.path, self.parameters), headers=headers)
        answer = connection.getresponse()
        if answer.status == 204:
            return answer
        if answer.status != 200:
            after = answer.headers.get("Retry-After", "")
            raise error_of(self.service.url, answer.status, after, answer.read(LINE_MAX_BYTES))
        if answer.headers.get_content_type() != "text/event-stream":
            raise BadAnswerError(f"{self.service.url}{self.path} did not answer with a stream: is that NFVigil?")
        self._is_renewed = False
        return answer

    def _events(self, answer: http.client.HTTPResponse) -> Iterator[StreamEvent]:
        for event in events(_lines(answer), self.last_id):
            if event.retry_seconds is not None:
                self._pause = min(event.retry_seconds, PAUSE_MAX_SECONDS)
            self.last_id = event.id
            self._failures = 0
            if not event.text:
                continue
            if event.kind == RESYNC:
                raise TooOldError(_detail(event.text))
            if event.kind == END:
                return  # who comes again hears why
            yield StreamEvent(id=event.id, kind=event.kind, data=_data(event.text))

    def _wait(self, error: Exception) -> float:
        wanted = self._pause * float(2 ** min(self._failures - 1, 10))
        if isinstance(error, UnavailableError) and self._failures > 1:
            wanted = max(wanted, error.retry_after_seconds)
        return min(wanted, PAUSE_MAX_SECONDS)


def _lines(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    while line := answer.readline(LINE_MAX_BYTES + 1):
        if len(line) > LINE_MAX_BYTES:
            raise BadAnswerError(f"a line has more than {LINE_MAX_BYTES >> 20} MiB")
        yield line


def _detail(text: str) -> str:
    data = _data(text)
    return str(data.get("detail", "")) if isinstance(data, dict) else text


def _data(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
