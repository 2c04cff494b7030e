"""The demo's consumers: small HTTP servers, as a VNF manager would have one, that note what they hear and when."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

BODY_MAX_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class News:
    """One notification as it arrived."""

    at_us: int
    kind: str
    """raised, changed, confirmed, cleared ..."""
    alarms: tuple[tuple[str, str], ...]
    """(kind of resource, type of fault)."""

    def servers(self) -> int:
        return sum(kind == "server" for kind, _ in self.alarms)

    def summary(self) -> str:
        counts = Counter(kind for kind, _ in self.alarms)
        told = ", ".join(f"{number} {kind}{'s' if number > 1 else ''}" for kind, number in sorted(counts.items()))
        faults = ", ".join(sorted({fault for _, fault in self.alarms}))
        return f"{told}: {faults}" if self.alarms else "no alarms"


def read(body: bytes, at_us: int) -> News:
    """In whichever format: our own consumers understand two."""
    message = json.loads(body)
    if "specversion" in message:
        data = message["data"]
        alarms = [(alarm["resource"]["kind"], alarm["fault_type"]) for alarm in data["alarms"]]
        return News(at_us, data["news"], tuple(alarms))
    resources = message["VirtualResourceInfo"]
    found = [(one["VirtualResourceType"], fault["FaultType"]) for one in resources for fault in one["Faults"]]
    return News(at_us, message["News"], tuple(found))


@dataclass
class Consumer:
    """Listens on a port of its own from ``start`` to ``stop``."""

    name: str
    project: str | None
    """The simulated project's name; None for the administrator's."""
    format: str
    heard: list[News] = field(default_factory=list)
    on_news: Callable[[Consumer, News], None] | None = None
    _server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        consumer = self

        class Door(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                at_us = time.time_ns() // 1000
                body = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), BODY_MAX_BYTES))
                self.send_response(204)
                self.end_headers()
                consumer.hear(at_us, body)

            def log_message(self, format: str, *args: Any) -> None:
                """Says nothing: the demo tells what was heard."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_address[1]}/faults"

    def hear(self, at_us: int, body: bytes) -> None:
        news = read(body, at_us)
        self.heard.append(news)
        if self.on_news is not None:
            self.on_news(self, news)

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()


@contextmanager
def consumers() -> Iterator[tuple[Consumer, ...]]:
    """One for each project, and the administrator's."""
    all_of_them = (
        Consumer("project-1", "project-1", "doctor"),
        Consumer("project-2", "project-2", "doctor"),
        Consumer("project-3", "project-3", "cloudevents"),
        Consumer("administrator", None, "doctor"),
    )
    try:
        for consumer in all_of_them:
            consumer.start()
        yield all_of_them
    finally:
        for consumer in all_of_them:
            consumer.stop()
