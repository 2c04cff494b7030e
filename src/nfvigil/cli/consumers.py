"""Consumers for the demo: real HTTP servers, one an owner, that note what reaches them and when."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Arrival:
    """One notification as it came in; ``at`` is in seconds since 1970."""

    owner: str
    at: float
    news: str
    seq: int
    body: dict[str, Any]

    @property
    def resources(self) -> list[dict[str, Any]]:
        """What it is about, in Doctor's words; a CloudEvent carries them as its data."""
        body = self.body.get("data", self.body)
        found: list[dict[str, Any]] = body.get("VirtualResourceInfo", body.get("alarms", []))
        return found


class Consumer:
    """Listens on a free loopback port while it is entered."""

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.arrivals: list[Arrival] = []
        self._more = threading.Condition()
        consumer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                at = time.time()
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(min(length, 1 << 22))
                self.send_response(204)
                self.end_headers()
                consumer._note(at, int(self.headers.get("X-NFVigil-Sequence") or 0), json.loads(body))

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing: the demo tells the story itself."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name=f"consumer {owner}", daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/failure"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait_for(self, news: str, after: int, timeout_seconds: float = 10.0) -> list[Arrival]:
        """All arrivals of that news behind the first ``after`` arrivals, once there is one; TimeoutError if none."""

        def found() -> list[Arrival]:
            return [arrival for arrival in self.arrivals[after:] if arrival.news == news]

        with self._more:
            if not self._more.wait_for(found, timeout_seconds):
                raise TimeoutError(f"{self.owner} heard nothing of {news} within {timeout_seconds:g} s")
            return found()

    def _note(self, at: float, seq: int, body: dict[str, Any]) -> None:
        news = str(body.get("News") or str(body.get("type", "")).rsplit(".", 1)[-1])
        with self._more:
            self.arrivals.append(Arrival(self.owner, at, news, seq, body))
            self._more.notify_all()
