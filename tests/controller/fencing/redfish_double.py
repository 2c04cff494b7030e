"""A small Redfish service with sessions, which the emulator has not, and with faults on demand."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

SYSTEM = "/redfish/v1/Systems/1"
SESSIONS = "/redfish/v1/SessionService/Sessions"


class RedfishDouble:
    def __init__(self, *, password: str) -> None:
        self.password = password
        self.power: Any = "On"
        self.obeys = True
        self.reset_status = 204
        self.allowed = ["On", "ForceOff"]
        self.members = [SYSTEM]
        self.system_body: bytes | None = None
        self.sessions: set[str] = set()
        self.logins = 0
        self.requests = 0
        self.resets: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, method: str, path: str, headers: Any, body: Any) -> tuple[int, Any, dict[str, str]]:
        self.requests += 1
        path = path.rstrip("/")
        if path == "/redfish/v1":
            root = {"Systems": {"@odata.id": "/redfish/v1/Systems"}, "Links": {"Sessions": {"@odata.id": SESSIONS}}}
            return 200, {"Id": "Root", "Name": "Root", "RedfishVersion": "1.6.0"} | root, {}
        if method == "POST" and path == SESSIONS:
            if body != {"UserName": "fence", "Password": self.password}:
                return 401, {"error": {"message": f"not {body['Password']}"}}, {}
            self.logins += 1
            token = f"token-{self.logins}"
            self.sessions.add(token)
            return 201, {"@odata.id": f"{SESSIONS}/{token}"}, {"X-Auth-Token": token, "Location": f"{SESSIONS}/{token}"}
        if headers.get("X-Auth-Token") not in self.sessions:
            return 401, {"error": {"message": "no session"}}, {}
        if method == "DELETE":
            self.sessions.discard(path.rpartition("/")[2])
            return 204, None, {}
        if path == "/redfish/v1/Systems":
            members = [{"@odata.id": one} for one in self.members]
            return 200, {"Name": "Systems", "Members": members, "Members@odata.count": len(members)}, {}
        if method == "POST" and path == f"{SYSTEM}/Actions/ComputerSystem.Reset":
            self.resets.append(body["ResetType"])
            if self.reset_status < 300 and self.obeys:
                self.power = "Off"
            return self.reset_status, None if self.reset_status < 300 else {"error": {"message": "no"}}, {}
        if path == SYSTEM:
            return 200, self.system_body if self.system_body is not None else self._system(), {}
        return 404, {"error": {"message": "none"}}, {}

    def _system(self) -> dict[str, Any]:
        target = f"{SYSTEM}/Actions/ComputerSystem.Reset"
        action = {"target": target, "ResetType@Redfish.AllowableValues": self.allowed}
        system = {"Id": "1", "Name": "one", "PowerState": self.power, "Actions": {"#ComputerSystem.Reset": action}}
        return {name: value for name, value in system.items() if value is not None}

    def _handler(double) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                status, said, headers = double.answer(self.command, self.path, self.headers, body)
                data = said if isinstance(said, bytes) else b"" if said is None else json.dumps(said).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_DELETE = _serve

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler
