"""The one-after-another way, for comparison: what an inspector did before there was NFVigil.

It is made like the sample inspector of OPNFV's Doctor. A blocking HTTP server takes the event, answers it, looks
up the servers of the host in a table made beforehand, forces the host down, and then, for one server after the
other, tells Nova to set it to error and tells its owner. Each call is one of Python's own HTTP client with a
connection of its own, as python-novaclient without a shared session and ``requests.post`` do it. In its favour:
it keeps nothing on disk, asks nobody for a token, evaluates no rules, and never looks a host's servers up late.

Run as a script it is that process: arguments are Nova's port, then the owners' ports, one a server.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import sys
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Self


def call(port: int, method: str, path: str, value: Any) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    body = json.dumps(value, separators=(",", ":")).encode()
    connection.request(method, path, body, {"Content-Type": "application/json"})
    connection.getresponse().read()
    connection.close()


class Inspector(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536  # its answer in one piece: in two, the second would wait 40 ms for the first one's receipt
    nova = 0
    owners: Sequence[int] = ()

    def do_PUT(self) -> None:
        events = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"OK")
        self.wfile.flush()
        for event in events:
            self.handle_fault(event["details"]["hostname"])

    def handle_fault(self, host: str) -> None:
        call(self.nova, "PUT", "/v2.1/os-services/force-down", {"host": host, "forced_down": True})
        for number, owner in enumerate(self.owners):
            server = f"00000000-0000-4000-8000-{number:012x}"
            call(self.nova, "POST", f"/v2.1/servers/{server}/action", {"os-resetState": {"state": "error"}})
            news = {"FaultID": server, "FaultType": "compute.host.down", "VirtualResourceID": server}
            call(owner, "POST", "/failure", {"News": "raised", "NotificationID": server, "Fault": news})

    def log_message(self, format: str, *args: Any) -> None:
        """A line an event would cost it time."""


class OldWay:
    """The same from the side of the bench."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.port = port
        self._process = process

    @classmethod
    async def start(cls, nova: int, owners: Sequence[int]) -> Self:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            __file__,
            *[str(port) for port in (nova, *owners)],
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        return cls(process, int(await process.stdout.readline()))

    async def close(self) -> None:
        self._process.terminate()
        await self._process.wait()


def main() -> None:
    Inspector.nova, *Inspector.owners = [int(argument) for argument in sys.argv[1:]]
    server = HTTPServer(("127.0.0.1", 0), Inspector)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
