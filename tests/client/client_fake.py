"""A service that says what a test wants, in order, and keeps what it was asked."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Says:
    """An answer. ``pieces`` are sent one by one, as a stream that then ends."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: tuple[bytes, ...] | None = None
    hangs_up: bool = False
    after: threading.Event | None = None
    """Only when this is set."""


@dataclass
class Fake:
    """Gives its answers in the order in which it was told them."""

    url: str = ""
    answers: list[Says] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    def says(self, *answers: Says) -> None:
        self.answers += answers


@contextmanager
def fake_service(tls: ssl.SSLContext | None = None) -> Iterator[Fake]:
    fake = Fake()

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            fake.asked.append(Asked(self.command, self.path, dict(self.headers), body))
            says = fake.answers.pop(0) if fake.answers else Says({"detail": "nothing more to say"}, 400)
            if says.after is not None:
                says.after.wait(10)
            if says.hangs_up:
                self.close_connection = True
                return
            self.send_response(says.status)
            if says.pieces is not None:
                self._stream(says)
                return
            data = says.body if isinstance(says.body, bytes) else json.dumps(says.body).encode()
            data = b"" if says.status in (204, 304) else data
            for name, value in {"Content-Type": "application/json", **says.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _stream(self, says: Says) -> None:
            assert says.pieces is not None
            self.send_header("Content-Type", says.headers.get("Content-Type", "text/event-stream"))
            self.send_header("Connection", "close")
            self.end_headers()
            for piece in says.pieces:
                self.wfile.write(piece)
                self.wfile.flush()
            self.close_connection = True

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    fake.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
