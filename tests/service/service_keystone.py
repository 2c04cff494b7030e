"""A Keystone of a few lines: it gives everybody the token that it was told, and a catalogue with one service in it."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Keystone:
    """``tokens`` leads from a user's name to what a password is given for."""

    def __init__(self, *, alarming: str, project: str) -> None:
        self.tokens: dict[str, str] = {}
        self._alarming = alarming
        self._project = project
        keystone = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(200, {"version": keystone._version()})

            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                user = asked["auth"]["identity"]["password"]["user"]["name"]
                self._answer(201, {"token": keystone._token(user)}, {"X-Subject-Token": keystone.tokens[user]})

            def _answer(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
                data = json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v3"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def _version(self) -> dict[str, Any]:
        return {"id": "v3.14", "status": "stable", "links": [{"rel": "self", "href": self.url}], "media-types": []}

    def _token(self, user: str) -> dict[str, Any]:
        domain = {"id": "default", "name": "Default"}
        endpoint = {"id": "e", "interface": "public", "region": "one", "region_id": "one", "url": self._alarming}
        return {
            "methods": ["password"],
            "user": {"id": f"id-of-{user}", "name": user, "domain": domain},
            "project": {"id": self._project, "name": "project", "domain": domain},
            "roles": [{"id": "m", "name": "member"}],
            "issued_at": "2026-01-01T00:00:00.000000Z",
            "expires_at": "2126-01-01T00:00:00.000000Z",
            "catalog": [{"id": "s", "type": "alarming", "name": "aodh", "endpoints": [endpoint]}],
        }
