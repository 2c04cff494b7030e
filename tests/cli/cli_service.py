"""A service that says whatever a test wants, and keeps what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from typer.testing import CliRunner, Result

from nfvigil.cli.main import app


@dataclass
class FakeService:
    """Answers each (method, path) with the next of its answers; keeps what it was asked."""

    answers: dict[tuple[str, str], list[tuple[int, dict[str, str], bytes]]] = field(default_factory=dict)
    asked: list[tuple[str, str, bytes]] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    url: str = ""

    def says(self, method: str, path: str, body: Any, status: int = 200, **headers: str) -> None:
        kind = "application/json" if status < 300 else "application/problem+json"
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        found = {"Content-Type": kind, **{name.replace("_", "-"): value for name, value in headers.items()}}
        self.answers.setdefault((method, path), []).append((status, found, data))


@contextmanager
def serving() -> Iterator[FakeService]:
    fake = FakeService()

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            fake.asked.append((self.command, self.path, body))
            fake.tokens.append(self.headers.get("X-Auth-Token"))
            waiting = fake.answers.get((self.command, self.path.partition("?")[0]), [])
            status, headers, data = waiting.pop(0) if waiting else (404, {}, b'{"detail": "there is no such thing"}')
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    server.daemon_threads = True
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield fake
    server.shutdown()
    server.server_close()
    thread.join(5)


def run(service: FakeService, *args: str, stdin: str | None = None, **environment: str) -> Result:
    return CliRunner().invoke(app, ["--url", service.url, *args], input=stdin, env=environment)
