"""An NFVigil of our own for one cloud: a child process, a free port, a database that is thrown away."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Self

import msgspec

from nfvigil.errors import RefusedError, UnavailableError
from nfvigil.model.secret import Secret
from nfvigil.verify.child import Told
from nfvigil.verify.plan import PREFIX, Wanted
from nfvigil.verify.service import Service

STOP_SECONDS = 20.0
LISTING_SECONDS = 10.0
QUEUE_SECONDS = 60
"""After which the bus forgets our queue: the shortest that the driver allows."""
LOG_LINES = 15


class OwnService:
    def __init__(self, *, directory: Path, process: asyncio.subprocess.Process, service: Service) -> None:
        self.service = service
        self._directory = directory
        self._process = process

    @classmethod
    async def start(cls, wanted: Wanted, run: str) -> Self:
        """It is not ready yet when this returns."""
        from nfvigil.northbound.auth import create_token

        token, token_hash = create_token()
        port = _free_port()
        directory = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{run}-"))  # is 0700
        told = Told(settings=_settings(wanted, run, port, directory), token_hash=token_hash, directory=str(directory))
        # What the user has set for a service of their own is not meant for this one.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("NFVIGIL_")}
        with (directory / "service.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "nfvigil.verify.child"),
                env=environment,
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us, who end it in order
            )
        url = f"http://127.0.0.1:{port}"
        service = Service(url=url, token=Secret(token), timeout_seconds=wanted.timeout_seconds)
        assert process.stdin is not None
        process.stdin.write(msgspec.json.encode(told) + b"\n")
        return cls(directory=directory, process=process, service=service)

    async def wait_ready(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        reason = ""
        while time.monotonic() < deadline:
            if self._process.returncode is not None:
                raise RefusedError(f"the NFVigil of our own ended at its start:\n{self.said()}")
            try:
                if await self.service.is_ready():
                    return
            except UnavailableError as error:  # it is starting
                reason = str(error)
            await asyncio.sleep(0.05)
        raise UnavailableError(f"the NFVigil of our own was not ready within {seconds:g} s: {reason}\n{self.said()}")

    def said(self) -> str:
        """The end of its log."""
        try:
            text = (self._directory / "service.log").read_text(errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-LOG_LINES:])

    async def stop(self) -> None:
        await self.service.close()
        if self._process.returncode is None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            try:
                await asyncio.wait_for(self._process.wait(), STOP_SECONDS)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        shutil.rmtree(self._directory, ignore_errors=True)


def _settings(wanted: Wanted, run: str, port: int, directory: Path) -> dict[str, Any]:
    options: dict[str, Any] = {"cloud": wanted.cloud, "timeout_seconds": wanted.timeout_seconds}
    if wanted.clouds_file:
        options["clouds_file"] = wanted.clouds_file
    if wanted.region:
        options["region"] = wanted.region
    if wanted.bus:
        options["bus"] = {"urls": list(wanted.bus), "queue": PREFIX + run, "expires_seconds": QUEUE_SECONDS}
    return {
        "port": port,
        "database_url": f"sqlite:///{directory / 'nfvigil.db'}",
        "node": PREFIX + run,
        "log_level": "warning",
        "notifier": {"allow_loopback": True},
        "vims": [{"name": "cloud", "driver": "openstack", "interval_seconds": LISTING_SECONDS, "options": options}],
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
