"""A VNF manager's side, on loopback: a consumer of ETSI SOL's notifications, and a Tacker that registers and heals."""

from __future__ import annotations

import json
import threading
import time
from base64 import b64decode
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs

import jsonschema

from published_files import published

LIMIT_SECONDS = 20.0


def standards() -> Path:
    """Where the published schemas lie; without them a test is left out."""
    return published("etsi-sol003-fm").parent


def validate(value: Any, kind: str) -> None:
    """Against the schema of SOL003 3.3.1."""
    schema = json.loads((standards() / "etsi-sol003-fm" / "sol003_fm_compact.schema.json").read_text())
    checker = jsonschema.Draft7Validator.FORMAT_CHECKER
    jsonschema.Draft7Validator({**schema, "$ref": f"#/definitions/{kind}"}, format_checker=checker).validate(value)


class Told(NamedTuple):
    path: str
    headers: dict[str, str]
    json: Any


class Manager:
    """Its web server: a callback address, a token server, and Tacker's ``notify``."""

    def __init__(self) -> None:
        self.told: list[Told] = []
        self.tokens = 0
        self.answers_tests = True
        self.status = 204
        manager = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer(204 if manager.answers_tests else 404)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                if self.path == "/token":
                    self._grant(body, headers)
                    return
                manager.told.append(Told(self.path, headers, json.loads(body)))
                self._answer(manager.status)

            def _grant(self, body: bytes, headers: dict[str, str]) -> None:
                client = b64decode(headers["authorization"].removeprefix("Basic ")).decode()
                assert (client, parse_qs(body)) == ("vnfm:s%2Fecret", {b"grant_type": [b"client_credentials"]})
                manager.tokens += 1
                granted = {"access_token": f"t-{manager.tokens}", "token_type": "bearer", "expires_in": 600}
                self._answer(200, json.dumps(granted).encode())

            def _answer(self, status: int, body: bytes = b"") -> None:
                self.send_response(status)
                if status != 204:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()

    def wait_for(self, path: str, count: int = 1) -> list[Told]:
        end = time.monotonic() + LIMIT_SECONDS
        while time.monotonic() < end:
            found = [one for one in self.told if one.path == path]
            if len(found) >= count:
                return found
            time.sleep(0.01)
        raise AssertionError(f"{path} was told {[one for one in self.told if one.path == path]}, not {count} times")


class Tacker:
    """What Tacker's management driver for server notification does, call by call."""

    def __init__(self, *, manager: Manager, notifier_port: int, vnf: str, tenant: str, fault_ids: list[str]) -> None:
        self._manager = manager
        self._port = notifier_port
        self._vnf = vnf
        self._tenant = tenant
        self._fault_ids = fault_ids
        self.alarms: dict[str, str] = {}
        """Server -> the registration's id."""

    def notify_path(self, server: str) -> str:
        return f"/server_notification/vnf_instances/{self._vnf}/servers/{server}/notify"

    def register(self, server: str) -> dict[str, Any]:
        body = {"fault_action": self._manager.url + self.notify_path(server), "fault_id": self._fault_ids}
        status, answer = self._ask("POST", f"/v2/{self._tenant}/servers/{server}/alarms", body)
        assert status < 400, answer
        self.alarms[server] = answer["alarm_id"]
        return dict(answer)

    def unregister(self, server: str) -> int:
        path = f"/v2/{self._tenant}/servers/{server}/alarms/{self.alarms.pop(server)}"
        return self._ask("DELETE", path, None)[0]

    def wait_for(self, server: str, count: int = 1) -> list[dict[str, Any]]:
        """What it was told of a server, as its API takes it in."""
        found = []
        for told in self._manager.wait_for(self.notify_path(server), count):
            assert set(told.json) == {"notification"}
            notification = told.json["notification"]
            assert notification["alarm_id"] == self.alarms[server]
            assert notification["fault_type"] in ("10", "11", "20", "21")
            assert notification["fault_id"] in self._fault_ids
            assert set(notification) <= {"host_id", "alarm_id", "fault_id", "fault_type", "fault_option"}
            assert isinstance(notification.get("fault_option", {}), dict)
            found.append(notification)
        return found

    def _ask(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=LIMIT_SECONDS)
        data = None if body is None else json.dumps(body)
        headers = {"Accept": "application/json"} | ({"Content-Type": "application/json"} if data else {})
        connection.request(method, f"/server_notifier{path}", data, headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, json.loads(text) if text else None
