"""The demo's service: the real one, as a process of its own, in a directory of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from nfvigil.client.client import Client
from nfvigil.client.retrying import NONE
from nfvigil.errors import NfvigilError, RefusedError, UnavailableError

PORT = 12345
READY_SECONDS = 30.0
STOP_SECONDS = 20.0
SETTINGS = """\
# The demo's settings. 'nfvigil serve --config' with this file takes up where the demo ended.
dev = true
port = {port}
database_url = "sqlite:///{directory}/nfvigil.db"

[[vims]]
name = "cloud"
driver = "simulated"

[vims.options]
hosts = 20
servers_per_host = 10
ports_per_server = 2
projects = 3
state_path = "{directory}/cloud.jsonl"
"""


def choose_port(wanted: int | None) -> int:
    """The wanted one, which must be free; else the usual one, or another where that is taken."""
    if wanted is not None:
        if not _is_free(wanted):
            raise RefusedError(f"the port {wanted} is taken")
        return wanted
    if _is_free(PORT):
        return PORT
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


class ChildService:
    """Started, waited for, and ended by its process id."""

    def __init__(self, *, directory: Path, port: int, is_wished: bool = False) -> None:
        self.directory = directory
        self.log = directory / "service.log"
        self.url = f"http://127.0.0.1:{port}"
        self.is_usual = port == PORT
        self.is_as_wished = is_wished or self.is_usual
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> int:
        settings = self.directory / "nfvigil.toml"
        settings.write_text(SETTINGS.format(port=self._port, directory=self.directory), encoding="utf-8")
        # What the user has set for a service of their own is not meant for this one.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("NFVIGIL_")}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command, nothing of it from outside
                [sys.executable, "-m", "nfvigil.cli.main", "serve", "--config", str(settings)],
                cwd=self.directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the demo, which ends its service in order
            )
        return self._process.pid

    def wait_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        with self.client() as client:
            while time.monotonic() < deadline:
                if not self.is_alive():
                    raise RefusedError("the service ended at its start")
                with suppress(UnavailableError):  # it is starting
                    client.get("/readyz")
                    return
                time.sleep(0.02)
        raise UnavailableError(f"the service was not ready within {READY_SECONDS:g} s")

    def client(self) -> Client:
        return Client(self.url, retries=NONE)

    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def tail(self, lines: int = 30) -> str:
        with suppress(OSError):  # it was never started
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        return "(none)"

    def stop(self) -> int:
        """End it in order; its exit code."""
        process, self._process = self._process, None
        if process is None:
            return 0
        process.terminate()
        try:
            return process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired as error:
            process.kill()
            process.wait()
            raise UnavailableError(f"the service did not end within {STOP_SECONDS:g} s") from error

    def close(self) -> None:
        with suppress(NfvigilError):  # it is ended either way
            self.stop()
