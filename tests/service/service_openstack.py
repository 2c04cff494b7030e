"""The ``openstack`` command of the real OpenStack client, and a Keystone that logs everybody in."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from inspect import getattr_static
from pathlib import Path
from typing import Any, NamedTuple

SERVICE_TYPE = "nfv-fault-management"
COMMAND = Path(sys.executable).with_name("openstack")


class Result(NamedTuple):
    code: int
    stdout: str
    stderr: str


def clean(**more: str) -> dict[str, str]:
    """The environment without what would log us in elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OS_", "NFVIGIL_"))}
    return kept | {"OS_CLIENT_CONFIG_FILE": os.devnull, "COLUMNS": "200"} | more


class Openstack:
    """Runs commands in this process, as ``openstack`` does it: a start of its own takes a second and a half."""

    def __init__(self, *words: str, **environment: str) -> None:
        self._words = words
        self._environment = clean(**environment)

    def __call__(self, *words: str, code: int = 0) -> Result:
        with warnings.catch_warnings(), _quiet(self._environment):
            warnings.simplefilter("ignore")  # the OpenStack client's own
            from openstackclient.common.clientmanager import ClientManager
            from openstackclient.shell import OpenStackShell

            getattr_static(ClientManager, "nfv")._handle = None  # a process of its own would have none yet

            with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
                try:
                    ended = OpenStackShell().run([*self._words, "nfv", *words])
                except SystemExit as end:  # wrong use, and --help
                    ended = end.code
        result = Result(int(ended or 0), out.getvalue(), err.getvalue())
        assert result.code == code, f"{words}: {result}"
        return result

    def json(self, *words: str, code: int = 0) -> Any:
        return json.loads(self(*words, "-f", "json", code=code).stdout)


def start(*words: str, **environment: str) -> Result:
    """The command itself, in a process of its own."""
    done = subprocess.run(
        [str(COMMAND), *words], env=clean(**environment), capture_output=True, text=True, timeout=60, check=False
    )
    return Result(done.returncode, done.stdout, done.stderr)


@contextmanager
def _quiet(environment: Mapping[str, str]) -> Iterator[None]:
    """With this environment, and with the logging as it was before."""
    root, before = logging.getLogger(), dict(os.environ)
    handlers, level = list(root.handlers), root.level
    os.environ.clear()
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        root.handlers[:] = handlers
        root.setLevel(level)


@contextmanager
def keystone(nfvigil: str | None, token: str, project: str) -> Iterator[str]:
    """Gives everybody ``token``, and a catalogue that has us at ``nfvigil`` (None: that does not have us)."""
    catalogue = []
    if nfvigil is not None:
        endpoint = {"interface": "public", "region": "one", "region_id": "one", "url": nfvigil, "id": "e"}
        catalogue.append({"type": SERVICE_TYPE, "name": "nfvigil", "id": "s", "endpoints": [endpoint]})
    access = {
        "token": {
            "methods": ["password"],
            "expires_at": "2099-01-01T00:00:00.000000Z",
            "issued_at": "2026-01-01T00:00:00.000000Z",
            "user": {"id": "u", "name": "ann", "domain": {"id": "default", "name": "Default"}},
            "project": {"id": project, "name": "vnf", "domain": {"id": "default", "name": "Default"}},
            "roles": [{"id": "r", "name": "member"}],
            "catalog": catalogue,
        }
    }

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            base = f"http://127.0.0.1:{self.server.server_address[1]}/v3/"
            version = {"id": "v3.14", "status": "stable", "links": [{"rel": "self", "href": base}]}
            self._say(200, {"version": version})

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if asked["auth"]["identity"]["password"]["user"]["password"] != "sesame":
                self._say(401, {"error": {"code": 401, "message": "wrong password", "title": "Unauthorized"}})
                return
            self._say(201, access, **{"X-Subject-Token": token})

        def _say(self, status: int, body: Any, **headers: str) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            headers |= {"Content-Type": "application/json", "Content-Length": str(len(data))}
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v3"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
