#!/usr/bin/env python3
"""A RabbitMQ of our own for tests: private data, private ports, nothing of the system touched.

    python tools/rabbitmq.py run -- CMD ...   run CMD with NFVIGIL_AMQP_URL set, then end the broker

It uses the RabbitMQ that is installed (Debian: ``rabbitmq-server``). The broker is two processes, Erlang's name
server and the broker itself; both are ended by their process ids.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

START_SECONDS = 60.0
STOP_SECONDS = 20.0
USER = "nfvigil"
PASSWORD = "p@ss:word/of,tests"


class RabbitmqUnavailableError(Exception):
    """There is no RabbitMQ to be had here, and why."""


def find_program() -> Path:
    # Debian's wrapper in /usr/sbin wants to become the system's user rabbitmq; the script behind it does not.
    for path in (
        Path("/usr/lib/rabbitmq/bin/rabbitmq-server"),
        *map(Path, filter(None, [shutil.which("rabbitmq-server")])),
    ):
        if os.access(path, os.X_OK) and shutil.which("epmd"):
            return path
    raise RabbitmqUnavailableError("RabbitMQ is not installed (on Debian: apt-get install rabbitmq-server)")


@dataclass(kw_only=True)
class Broker:
    """``settings`` are lines for rabbitmq.conf, beside those that make it private."""

    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    port: int = 0
    tls_port: int = 0
    _epmd_port: int = 0
    _node_port: int = 0
    _epmd: subprocess.Popen[bytes] | None = None
    _server: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"amqp://{USER}:{_quoted(PASSWORD)}@127.0.0.1:{self.port}/"

    @property
    def tls_url(self) -> str:
        return f"amqps://{USER}:{_quoted(PASSWORD)}@localhost:{self.tls_port}/"

    @property
    def pid(self) -> int | None:
        return self._server.pid if self._server is not None and self._server.poll() is None else None

    def start(self) -> None:
        """With the data that it had, if it ran before. RabbitmqUnavailableError shows its log if it does not start."""
        program = find_program()
        self.folder.mkdir(exist_ok=True)
        if not self.port:
            self.port, self.tls_port, self._epmd_port, self._node_port = _free_ports(4)
            self._configure()
        if self._epmd is None or self._epmd.poll() is not None:
            self._epmd = self._spawn(["epmd", "-address", "127.0.0.1", "-port", str(self._epmd_port)], {})
            self._wait_for(self._epmd_port, self._epmd)
        self._server = self._spawn([str(program)], self._environment())
        self._wait_for(self.port, self._server)

    def kill(self) -> None:
        """As a power failure does: at once, nothing is put in order."""
        if self._server is not None:
            self._server.kill()
            self._server.wait(STOP_SECONDS)

    def pause(self) -> None:
        """It lives on and answers nobody, until ``go_on``."""
        assert self._server is not None
        self._server.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._server is not None
        self._server.send_signal(signal.SIGCONT)

    def control(self, *arguments: str) -> None:
        """What somebody types after ``rabbitmqctl``."""
        command = [str(find_program().with_name("rabbitmqctl")), "-q", *arguments]
        subprocess.run(command, check=True, env=self._own() | self._environment(), timeout=START_SECONDS)

    def stop(self) -> None:
        self.kill()  # its data goes as well
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait(STOP_SECONDS)
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self) -> str:
        with suppress(OSError):
            return (self.folder / "output").read_text(errors="replace")[-3000:]
        return "(no log)"

    def _configure(self) -> None:
        lines = {
            "listeners.tcp.1": f"127.0.0.1:{self.port}",
            "default_user": USER,
            "default_pass": PASSWORD,
            "loopback_users": "none",
            "log.console": "true",
            "log.console.level": "warning",
            "log.file": "false",
            "disk_free_limit.absolute": "20MB",
            "vm_memory_high_watermark.absolute": "512MB",
            **self.settings,
        }
        text = "".join(f"{key} = {value}\n" for key, value in lines.items())
        (self.folder / "rabbitmq.conf").write_text(text.replace("TLS_PORT", str(self.tls_port)))
        (self.folder / "plugins").write_text("[].\n")
        cookie = self.folder / ".erlang.cookie"
        cookie.touch(mode=0o600)
        cookie.write_text("NFVIGILTESTS")
        cookie.chmod(0o400)

    def _environment(self) -> dict[str, str]:
        return {
            "RUNNING_UNDER_SYSTEMD": "yes",  # the script becomes the broker: its process id is the one we know
            "RABBITMQ_NODENAME": f"nfvigil{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(self._node_port),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none -kernel inet_dist_use_interface {127,0,0,1}",
        }

    def _own(self) -> dict[str, str]:
        return {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(self.folder),  # Erlang's cookie lies there
            "LC_ALL": "C.UTF-8",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }

    def _spawn(self, command: list[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        with (self.folder / "output").open("ab") as output:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self._own() | dict(environment),
                cwd=self.folder,
                start_new_session=True,
            )

    def _wait_for(self, port: int, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not _is_open(port):
            if process.poll() is not None or time.monotonic() > deadline:
                log = self.log()
                self.stop()
                raise RabbitmqUnavailableError(f"RabbitMQ did not start:\n{log}")
            time.sleep(0.05)


@contextmanager
def running(settings: Mapping[str, str] | None = None) -> Iterator[Broker]:
    find_program()
    folder = Path(tempfile.mkdtemp(prefix="nfvigil-rabbitmq-"))
    broker = Broker(folder=folder, settings=settings or {})
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()


def _quoted(text: str) -> str:
    return "".join(letter if letter.isalnum() else f"%{ord(letter):02X}" for letter in text)


def _free_ports(number: int) -> list[int]:
    probes = [socket.socket() for _ in range(number)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def main(arguments: list[str]) -> int:
    match arguments:
        case ["run", "--", *command] if command:
            with running() as broker:
                return subprocess.run(
                    command, check=False, env=os.environ | {"NFVIGIL_AMQP_URL": broker.url}
                ).returncode
        case _:
            print(__doc__, file=sys.stderr)
            return 2


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except RabbitmqUnavailableError as error:
        print(f"rabbitmq: {error}", file=sys.stderr)
        sys.exit(1)
